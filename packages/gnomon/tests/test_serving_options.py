"""Unix sockets, TLS and workers: from code, and from the command line."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request

import pytest
import trio
import trustme
from click.testing import CliRunner
from trio.testing import trio_test

from gnomon import App, _serving, get
from gnomon.cli import main
from gnomon_ingress import open_tcp_listeners

HANDLERS = """
import os
from gnomon import get

@get("/")
def hello(req, res, lctx, gctx):
    res.text(f"{req.scheme} {os.getpid()}")
"""


@get("/")
def hello(req, res, lctx, gctx):
    res.text(req.scheme)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "greeting.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("greeting", None)


@pytest.fixture
def certificate(tmp_path):
    """The files of a certificate and its key, and what trusts them."""
    authority = trustme.CA()
    made = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    made.private_key_pem.write_to_path(key)
    for blob in made.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return chain, key, trusting


def over_unix(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(65536), b""))


def at_once(ask) -> tuple[list[str], list[object], object]:
    """What `ready` is told, what the question is answered, and a `ready` that asks in a thread and then ends the server."""
    urls, answers = [], []

    def work(url: str) -> None:
        try:
            answers.append(ask(url))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def ready(url: str) -> None:
        urls.append(url)
        threading.Thread(target=work, args=[url]).start()

    return urls, answers, ready


def test_a_unix_socket_is_removed_at_the_end(tmp_path):
    path = tmp_path / "shop.sock"
    modes = []

    def ask(url: str) -> bytes:
        modes.append(path.stat().st_mode & 0o777)
        return over_unix(url.removeprefix("unix:"))

    urls, answers, ready = at_once(ask)
    App(hello).run(uds=path, uds_mode=0o660, ready=ready)
    assert modes == [0o660]
    assert urls == [f"unix:{path}"]
    assert answers[0].endswith(b"http")
    assert not path.exists()


@trio_test
async def test_serve_takes_a_unix_socket_too(tmp_path):
    async with trio.open_nursery() as nursery:
        url = await nursery.start(
            lambda task_status: App(hello).serve(uds=tmp_path / "s", task_status=task_status)
        )
        assert (await trio.to_thread.run_sync(over_unix, url.removeprefix("unix:"))).endswith(b"http")
        nursery.cancel_scope.cancel()


def test_tls_speaks_https(certificate):
    chain, key, trusting = certificate
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain, key)

    def ask(url: str) -> bytes:
        with urllib.request.urlopen(url, context=trusting, timeout=60) as answer:
            return answer.read()

    urls, answers, ready = at_once(ask)
    App(hello).run(port=0, tls=tls, ready=ready)
    assert urls[0].startswith("https://127.0.0.1:")
    assert answers == [b"https"]


def test_workers_get_their_sockets_from_their_supervisor(monkeypatch):
    asked = []

    def run_workers(work, host, port, *, workers):
        asked.append((host, port, workers))
        work(open_tcp_listeners(host, 0))

    monkeypatch.setattr(_serving, "run_workers", run_workers)
    urls, _, ready = at_once(lambda url: None)
    App(hello).run(host="127.0.0.1", port=8123, workers=3, ready=ready)
    assert asked == [("127.0.0.1", 8123, 3)]
    assert len(urls) == 1


def test_workers_do_not_share_a_unix_socket(tmp_path):
    with pytest.raises(ValueError, match="not a Unix socket"):
        App(hello).run(uds=tmp_path / "s", workers=2)
    with pytest.raises(ValueError, match="at least one worker"):
        App(hello).run(port=8123, workers=0)


def test_the_command_serves_with_workers_until_it_is_interrupted(folder):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gnomon", "serve", "greeting", "--port", str(port), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = {process.stdout.readline() for _ in range(2)}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            scheme, pid = answer.read().split()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert said == {f"serving greeting on http://127.0.0.1:{port} (Ctrl-C stops)\n"}
    assert (scheme, process.returncode, errors) == (b"http", 0, "")
    assert int(pid) != process.pid


def test_the_command_takes_a_certificate_and_a_unix_socket(folder, certificate, monkeypatch):
    chain, key, _ = certificate
    run = []
    monkeypatch.setattr(App, "run", lambda self, **options: run.append(options))
    invoke = CliRunner().invoke
    done = invoke(main, ["serve", "greeting", "--tls-cert", str(chain), "--tls-key", str(key)])
    assert done.exit_code == 0
    assert isinstance(run[0]["tls"], ssl.SSLContext)
    assert invoke(main, ["serve", "greeting", "--uds", "s.sock", "--uds-mode", "660"]).exit_code == 0
    assert (str(run[1]["uds"]), run[1]["uds_mode"], run[1]["tls"]) == ("s.sock", 0o660, None)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--tls-key", "greeting.py"], 2, "--tls-key needs --tls-cert"),
        (["--tls-cert", "nothing.pem"], 2, "'nothing.pem' does not exist"),
        (["--tls-cert", "greeting.py"], 1, "Error: greeting.py cannot be used: "),
        (
            ["--tls-cert", "greeting.py", "--tls-key", "greeting.py"],
            1,
            "with the key greeting.py cannot be used",
        ),
        (["--uds", "s", "--port", "80"], 2, "--uds s is in place of --port 80: leave one of them out"),
        (["--uds", "s", "--host", "::"], 2, "--uds s is in place of --host ::"),
        (["--uds", "s", "--workers", "2"], 2, "--workers share a port, not a Unix socket"),
        (["--workers", "2", "--port", "0"], 2, "--workers need one port for all"),
        (["--uds-mode", "rw"], 2, "'rw' is not octal, as 660 is"),
        (["--workers", "0"], 2, "0 is not in the range"),
        (["--prot", "80"], 2, "'--prot'"),
        (["--reload"], 2, "another command: gnomon dev greeting"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder, options, status, message):
    done = CliRunner().invoke(main, ["serve", "greeting", *options])
    assert done.exit_code == status
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_host_that_nobody_knows_is_told_in_a_line(folder, monkeypatch):
    def run(self, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(App, "run", run)
    done = CliRunner().invoke(main, ["serve", "greeting", "--host", "nowhere.invalid"])
    assert done.exit_code == 1
    assert done.output == "Error: cannot listen on nowhere.invalid:8000: Name or service not known\n"
