"""The decoders under a fuzzer that sees which code its inputs reach."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "faults" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed: it has no wheel here"
)
def test_whatever_the_bytes_they_are_read_or_refused(tmp_path):
    """No other exception, no input that takes ten seconds, and never more than a gigabyte."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    runs = int(os.environ.get("FUZZ_RUNS", "200000"))
    limits = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-seed=1"]
    done = subprocess.run(
        [sys.executable, str(FUZZ), str(corpus), f"-runs={runs}", *limits],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list(corpus.iterdir())) > 30
