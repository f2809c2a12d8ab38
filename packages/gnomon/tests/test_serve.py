"""Serving over real sockets: the URL, the end, and what is in the way."""

import os
import signal
import socket
import threading
import time
import urllib.request

import pytest
import trio
from click.testing import CliRunner
from trio.testing import trio_test

from gnomon import App, Config, get
from gnomon._serving import Address, serve_until_signalled
from gnomon.cli import main
from gnomon_ingress import Config as ServerConfig


@get("/hello")
async def hello(req, res, lctx, gctx):
    res.text("hello")


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
@trio_test
async def test_serve_tells_its_url(host, shown):
    async with trio.open_nursery() as nursery:
        try:
            url = await nursery.start(App(hello).serve, host, 0)
        except* OSError:
            pytest.skip(f"there is no {host} here")
        assert url.startswith(shown)
        assert await trio.to_thread.run_sync(fetch, f"{url}/hello") == b"hello"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_returns_when_it_is_signalled(number):
    urls = []

    def ready(url: str) -> None:
        urls.append(url)
        os.kill(os.getpid(), number)

    App(hello).run(port=0, ready=ready)
    assert len(urls) == 1


def test_a_second_signal_ends_the_grace():
    entered = threading.Event()
    reasons = []

    @get("/slow")
    async def slow(req, res, lctx, gctx):
        lctx.on_cleanup(lambda: reasons.append(lctx.cancel_reason))
        entered.set()
        await trio.sleep_forever()

    def interrupt(url: str) -> None:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            entered.wait()
            os.kill(os.getpid(), signal.SIGINT)
            while accepts(address):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            assert client.recv(100).startswith(b"HTTP/1.1 503 ")

    config = Config(server=ServerConfig(drain_grace=3600.0))
    threads = []

    def ready(url: str) -> None:
        threads.append(threading.Thread(target=interrupt, args=[url]))
        threads[0].start()

    App(slow, config=config).run(port=0, ready=ready)
    threads[0].join()
    assert reasons == ["shutdown"]


def accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True


def test_an_address_in_use_is_an_os_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            App(hello).run(port=port)


def test_what_ready_raises_comes_out_as_it_is():
    def ready(url: str) -> None:
        raise LookupError(url)

    with pytest.raises(LookupError, match="http://"):
        App(hello).run(port=0, ready=ready)


def test_the_command_says_which_address_is_in_use(tmp_path, monkeypatch, write_package):
    write_package("greeting", web="from gnomon import get\n@get('/')\ndef hello(req, res, lctx, gctx): ...\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["serve", "greeting", "--port", str(port)])
    assert done.exit_code == 1
    assert f"Error: cannot listen on 127.0.0.1:{port}: Address already in use" in done.output
    assert "Traceback" not in done.output


def test_the_command_serves_until_it_is_signalled(write_package, monkeypatch):
    write_package("greeting", web="from gnomon import get\n@get('/')\ndef hello(req, res, lctx, gctx): ...\n")
    echoed = []

    def echo(text: str) -> None:
        echoed.append(text)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("gnomon.cli.click.echo", echo)
    done = CliRunner().invoke(main, ["serve", "greeting", "--port", "0"])
    assert done.exit_code == 0
    assert echoed[0].startswith("serving greeting on http://127.0.0.1:")


def test_nobody_has_to_be_told_that_it_serves():
    class Server:
        """One that is told to end as soon as it serves."""

        config = ServerConfig()

        def __init__(self) -> None:
            self.drain_begun = trio.Event()

        async def serve(self, listeners, *, tls) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.sleep_forever()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        trio.run(serve_until_signalled, App(hello), Server(), Address(listeners=[listener]), None)
