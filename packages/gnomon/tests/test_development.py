"""`gnomon dev`: the whole of it in processes of its own, and its parts in this one."""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from gnomon import Config, _config, _development
from gnomon.cli import main as command

BROKEN = "def (\n"
WORKING = """
import os
from gnomon import App, get

@get("/")
def answer(req, res, lctx, gctx):
    res.json(["{word}", os.getpid(), app.config.development])

app = App(answer)
"""


def fetch(url: str) -> list:
    import json

    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.loads(answer.read())


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_serves_again_after_every_change_on_the_same_port(tmp_path):
    module = tmp_path / "hello.py"
    module.write_text(BROKEN)
    started = [sys.executable, "-m", "gnomon", "dev", "hello", "--port", "0"]
    with subprocess.Popen(
        started, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        failed = [process.stderr.readline()]
        while "waiting for a change" not in failed[-1]:
            failed.append(process.stderr.readline())
            assert failed[-1], failed
        module.write_text(WORKING.format(word="one"))
        said = process.stdout.readline()
        url = said.split()[3]
        word, first, development = fetch(url)
        module.write_text(WORKING.format(word="two"))
        assert process.stdout.readline() == said
        again, second, _ = fetch(url)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "SyntaxError: invalid syntax\n" in failed
    assert "Error: hello cannot be imported\n" in failed
    assert 'hello.py", line 1' in failed[0], "the traceback begins with the user's code"
    assert (word, development, again) == ("one", True, "two")
    assert first != second
    assert errors.splitlines() == ["gnomon dev: changed: hello.py; starting again"] * 2
    assert process.returncode == 0
    assert not runs(first)
    assert not runs(second)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(_config, "development_by_default", False)
    before = signal.getsignal(signal.SIGINT)
    yield tmp_path
    signal.signal(signal.SIGINT, before)
    for name in ("served", "unserved", "unread"):
        sys.modules.pop(name, None)


def arguments(listener: socket.socket, alive: int) -> list[str]:
    return [str(alive), str(listener.detach())]


def test_the_process_that_serves_ends_with_its_parent(folder, monkeypatch):
    (folder / "served.py").write_text(WORKING.format(word="here"))
    alive, lifeline = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    echoed = []

    def echo(text: str) -> None:
        echoed.append(text)
        os.close(lifeline)  # as when the parent is gone

    monkeypatch.setattr(_development.click, "echo", echo)
    _development.main(["served", *arguments(listener, alive)])
    os.close(alive)
    assert echoed == [f"serving served on http://127.0.0.1:{port} (Ctrl-C stops)"]
    assert Config().development


def fails(folder: Path, name: str, source: str, capsys) -> str:
    (folder / f"{name}.py").write_text(source)
    alive, lifeline = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(SystemExit) as ended:
        _development.main([name, str(alive), str(os.dup(listener.fileno()))])
    threads = [each for each in threading.enumerate() if each.name.startswith("gnomon dev")]
    assert threads
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr(_development.os, "kill", lambda *_: None)
        os.close(lifeline)
        for thread in threads:
            thread.join()
    os.close(alive)
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_what_cannot_be_imported_is_shown_where_it_fails(folder, capsys):
    shown = fails(folder, "unread", "import nothing_of_this_name\n", capsys)
    assert shown.startswith(f'Traceback (most recent call last):\n  File "{folder / "unread.py"}", line 1')
    assert shown.endswith("Error: unread cannot be imported\n")


def test_what_does_not_start_is_shown_where_it_fails(folder, capsys):
    source = """
from gnomon import App, Module, get

def connect():
    raise OSError("no database")

@get("/")
def hello(req, res, lctx, gctx): ...

app = App(hello, modules={"db": Module(factory=connect)})
"""
    shown = fails(folder, "unserved", source, capsys)
    assert shown.startswith(f'Traceback (most recent call last):\n  File "{folder / "unserved.py"}", line 5')
    assert "Error: unserved did not start: the module 'db' failed to start: OSError: no database" in shown


def test_the_parent_hands_its_sockets_on_and_never_imports_the_target(folder, monkeypatch):
    made = {}

    class Fake:
        def __init__(self, start, look, *, tell):
            made.update(start=start, look=look, tell=tell)

        def run(self):
            made["command"] = made["start"]()
            made["seen"] = made["look"]()

    (folder / "page.html").touch()
    monkeypatch.setattr(_development, "Supervisor", Fake)
    monkeypatch.setattr(_development.subprocess, "Popen", lambda command, **options: (command, options))
    done = CliRunner().invoke(
        command, ["dev", "served", "--port", "0", "--watch", "page.html"], catch_exceptions=False
    )
    assert done.exit_code == 0
    started, options = made["command"]
    assert started[1:5] == ["-B", "-m", "gnomon._development", "served"]
    assert tuple(map(int, started[5:])) == options["pass_fds"]
    assert list(made["seen"]) == ["page.html"]
    assert "served" not in sys.modules


def test_a_port_in_use_and_a_target_that_is_none_are_told_in_a_line(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(command, ["dev", "served", "--port", str(port)])
    assert (done.exit_code, done.output) == (
        1,
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n",
    )
    done = CliRunner().invoke(command, ["dev", "served.py"])
    assert done.exit_code == 1
    assert "write served\n" in done.output
    assert isinstance(done.exception, SystemExit)


def test_development_can_still_be_said_to_be_off(monkeypatch):
    monkeypatch.setattr(_config, "development_by_default", True)
    assert Config().development
    assert not Config(development=False).development
