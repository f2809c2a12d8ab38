"""The example service, as `nox -s demo` runs it."""

import re
import shutil
import signal
import subprocess
import sys

import graph
import pytest

DEMO = graph.ROOT / "docs/examples/orders/demo.py"


def test_the_check_of_the_example_passes():
    done = subprocess.run(
        [sys.executable, str(DEMO), "--check"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_lines_work_as_printed(tmp_path):
    command = [sys.executable, str(DEMO), "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        lines = ""
        while "Ctrl-C" not in (line := process.stdout.readline()):
            lines += line
        answers = [
            subprocess.run(["sh", "-c", command + " -s"], capture_output=True, text=True, check=True).stdout
            for command in re.split(r"\n(?=curl)", lines.strip())
        ]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert url.startswith("http://127.0.0.1:")
    assert [answer.split()[1] for answer in answers] == ["201", "200", "200", "400", "404"]
    assert process.returncode == 0
