"""A drain that somebody is too impatient for."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_ingress import Config, Request, Response, Server
from gnomon_ingress._transport import StreamTransport
from gnomon_ingress.testing import Client, MemoryStream, memory_pair

PATIENT = Config(drain_grace=1000, exit_timeout=5)
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def sleep(_req: Request, _res: Response) -> None:
    await trio.sleep_forever()


@trio_test
async def test_hasten(autojump_clock: MockClock) -> None:
    async with Client(sleep, config=PATIENT) as client:
        client.server.hasten()
        assert not client.server.draining
        stream = client.connect()
        await stream.send_all(REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        client.server.drain()
        await trio.sleep(50)
        assert client.server.statistics().running == 1
        before = trio.current_time()
        client.server.hasten()
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 503")
        assert trio.current_time() - before <= 0.1


@pytest.fixture
def interrupts() -> Iterator[None]:
    """SIGINT raises, as at a terminal; it is ignored where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("drained", [False, True])
def test_a_second_interrupt_ends_the_grace(drained: bool) -> None:
    """The second after a first one, or after a drain that was asked for."""
    times: list[float] = []
    server = Server(sleep, config=PATIENT)

    async def interrupt(near: MemoryStream) -> None:
        await near.send_all(REQUEST)
        await trio.sleep(1)
        if drained:
            server.drain()
        else:
            signal.raise_signal(signal.SIGINT)
        await trio.sleep(60)
        assert server.draining
        assert server.statistics().running == 1
        times.append(trio.current_time())
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        near, far = memory_pair()

        async def begin() -> None:
            await trio.testing.wait_all_tasks_blocked()
            server.start_connection(StreamTransport(far), client=None)
            await interrupt(near)

        trio.lowlevel.spawn_system_task(begin)
        try:
            await server.serve(())
        finally:
            times.append(trio.current_time())

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    second, end = times
    # A client that does not close its end is waited for a second.
    assert end - second < 1.2


@trio_test
async def test_the_asterisk_is_the_server_itself(autojump_clock: MockClock) -> None:
    async with Client(sleep, config=Config(live_path=None, ready_path=None)) as client:
        answer = await client.options("*")
        assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("count", [1, 2])
@trio_test
async def test_only_a_lone_failure_comes_out_of_its_group(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    async def fail(self: Server, _tls: object) -> None:
        self._accepting.set()
        self._ended.set()
        raise ExceptionGroup("inside", [ZeroDivisionError(), ValueError()][:count])

    monkeypatch.setattr(Server, "_run_shielded", fail)
    with pytest.raises(ZeroDivisionError if count == 1 else ExceptionGroup):
        await Server(sleep).serve(())
