"""WebSocket handlers in an application, through parser, router, plan and frames, and over a real socket."""

import json
from typing import Annotated, Any, TypedDict

import pytest
import trio
from click.testing import CliRunner
from trio.testing import trio_test
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gnomon import App, HandlerUnusable, HttpError, Request, WebSocket, after, before, catch, get, websocket
from gnomon.cli import main
from gnomon.testing import Client
from gnomon.types import Min
from gnomon_ingress import WebSocketClosed
from gnomon_ingress.testing import SocketRefused
from gnomon_manifest.declare import DeclarationError
from gnomon_orchestrator import listen
from gnomon_router import RouteConflict
from gnomon_snapshot import MemoryStore, Recorder


class Bid(TypedDict):
    amount: Annotated[int, Min(1)]


class Standing(TypedDict):
    highest: int


class Room(TypedDict):
    seat: int


@websocket("/auctions/{name}")
async def auction(req: Request[Any, Room], ws: WebSocket[Bid, Standing], lctx, gctx):
    """Answer each bid with the highest so far."""
    highest = 0
    async for bid in ws:
        if bid["amount"] == 666:
            raise LookupError(req.params["name"])
        highest = max(highest, bid["amount"])
        await ws.send({"highest": -1 if bid["amount"] == 667 else highest})


@websocket("/echo", body_limit=10)
async def echo(req, ws: WebSocket[str, str], lctx, gctx):
    async for message in ws:
        await ws.send(message)


@trio_test
async def test_messages_are_of_the_declared_types():
    async with Client(App(auction)) as client, client.websocket("/auctions/vase?seat=1") as socket:
        await socket.send({"amount": 3})
        assert await socket.receive_json() == {"highest": 3}
        await socket.send({"amount": 2, "unknown": "dropped"})
        assert await socket.receive_json() == {"highest": 3}
        await socket.send({"amount": 0})
        with pytest.raises(WebSocketClosed) as caught:
            await socket.receive()
    assert caught.value.close_code == 1007


@trio_test
async def test_a_failure_closes_with_1011_and_says_nothing():
    async with Client(App(auction)) as client, client.websocket("/auctions/vase?seat=1") as socket:
        await socket.send({"amount": 666})
        with pytest.raises(WebSocketClosed) as caught:
            await socket.receive()
    assert (caught.value.close_code, caught.value.close_reason) == (1011, "")


@trio_test
async def test_the_opening_request_is_validated():
    async with Client(App(auction)) as client:
        with pytest.raises(SocketRefused) as caught:
            async with client.websocket("/auctions/vase?seat=front"):
                pass
    assert caught.value.status == 400
    assert [error["pointer"] for error in json.loads(caught.value.body)["errors"]] == ["/seat"]


@trio_test
async def test_a_plain_request_is_told_to_upgrade():
    async with Client(App(auction)) as client:
        answer = await client.get("/auctions/vase")
        head = await client.request("HEAD", "/auctions/vase")
    assert answer.status == head.status == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["sec-websocket-version"] == "13"
    assert answer.json()["code"] == "websocket_required"


@trio_test
async def test_a_websocket_is_not_recorded_and_the_refusal_of_a_plain_request_is(autojump_clock):
    store = MemoryStore()
    async with Client(App(echo, recording=Recorder(store))) as client:
        async with client.websocket("/echo") as socket:
            await socket.send("a")
            assert await socket.receive() == "a"
        assert (await client.get("/echo")).status == 426
    assert len((await store.list()).summaries) == 1


@trio_test
async def test_no_route_and_no_websocket_there_are_ordinary_answers():
    @get("/plain")
    async def plain(req, res, lctx, gctx):
        res.text("no websocket here")

    async with Client(App(auction, plain)) as client:
        for target, status in (("/nowhere", 404), ("/plain", 200)):
            with pytest.raises(SocketRefused) as caught:
                async with client.websocket(target):
                    pass
            assert caught.value.status == status


@trio_test
async def test_the_body_limit_of_the_route_limits_its_messages():
    async with Client(App(echo)) as client, client.websocket("/echo") as socket:
        await socket.send("0123456789")
        assert await socket.receive() == "0123456789"
        await socket.send("0123456789x")
        with pytest.raises(WebSocketClosed) as caught:
            await socket.receive()
    assert caught.value.close_code == 1009


@trio_test
async def test_hooks_and_events_are_those_of_any_request(autojump_clock):
    heard = []
    ran = []

    @before
    async def check(req):
        if "token" not in req.headers:
            raise HttpError(401, "no_token")

    @after
    def stamp(res):
        ran.append("after")

    @catch
    def look_on(error):
        ran.append(type(error).__name__)

    @listen("request.finished")
    def note(event):
        heard.append((event.name, event.detail.kind))

    app = App(echo, hooks=[check, stamp, look_on], listeners=[note])
    async with Client(app) as client:
        with pytest.raises(SocketRefused) as caught:
            async with client.websocket("/echo"):
                pass
        assert caught.value.status == 401
        async with client.websocket("/echo", headers={"token": "x"}) as socket:
            await socket.send("a")
            assert await socket.receive() == "a"
    assert ran == ["HttpError", "after"]
    assert [kind for _, kind in heard] == ["error", "ok"]


@trio_test
async def test_the_timeout_ends_with_the_acceptance(autojump_clock):
    @websocket("/slow", timeout=1.0)
    async def slow(req, ws, lctx, gctx):
        if "never" in req.query_string:
            await trio.sleep(5)
        await ws.accept()
        await trio.sleep(5)
        await ws.send("still here")

    async with Client(App(slow)) as client:
        async with client.websocket("/slow") as socket:
            assert await socket.receive() == "still here"
        with pytest.raises(SocketRefused) as caught:
            async with client.websocket("/slow?never"):
                pass
    assert caught.value.status == 504


@trio_test
async def test_a_client_that_hangs_up_is_a_disconnect(autojump_clock):
    finished = []
    undone = trio.Event()

    @websocket("/wait")
    async def wait(req, ws, lctx, gctx):
        await ws.accept()
        lctx.compensate(undone.set)
        await trio.sleep_forever()

    @listen("request.finished")
    def note(event):
        finished.append(event.detail.kind)

    async with Client(App(wait, listeners=[note])) as client:
        async with client.websocket("/wait") as socket:
            await socket.stream.send_eof()
            await undone.wait()
    assert finished == ["disconnect"]


@trio_test
async def test_over_a_real_socket_with_a_real_client():
    def talk(url):
        address = url.replace("http://", "ws://")
        received = []
        with connect(f"{address}/auctions/vase?seat=1") as client:
            for amount in (1, 5, 3):
                client.send(json.dumps({"amount": amount}))
                received.append(json.loads(client.recv(timeout=10)))
            client.send(json.dumps({"amount": "all"}))
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=10)
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{address}/auctions/vase")
        return received, closed.value.rcvd.code, refused.value.response.status_code

    async with trio.open_nursery() as nursery:
        url = await nursery.start(App(auction).serve, "127.0.0.1", 0)
        received, code, status = await trio.to_thread.run_sync(talk, url)
        nursery.cancel_scope.cancel()
    assert received == [{"highest": 1}, {"highest": 5}, {"highest": 5}]
    assert (code, status) == (1007, 400)


@trio_test
async def test_a_drain_past_its_grace_closes_with_1001():
    def talk(url, ready):
        with connect(url.replace("http://", "ws://") + "/echo") as client:
            client.send("a")
            client.recv(timeout=10)
            trio.from_thread.run_sync(ready.set)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=20)
        return closed.value.rcvd.code

    codes = []
    ready = trio.Event()

    async def client(url):
        codes.append(await trio.to_thread.run_sync(talk, url, ready))

    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as nursery:
            url = await nursery.start(App(echo).serve, "127.0.0.1", 0)
            clients.start_soon(client, url)
            await ready.wait()
            nursery.cancel_scope.cancel()
    assert codes == [1001]


async def wait_for_one(ws):
    await ws.receive()


async def send_on(ws):
    while True:
        await ws.send("tick")
        await trio.sleep(0.01)


@pytest.mark.parametrize("work", [wait_for_one, send_on])
@trio_test
async def test_a_handler_that_a_drain_ends_is_shut_down(work, autojump_clock):
    outcomes = []
    working = trio.Event()

    @websocket("/work")
    async def handle(req, ws, lctx, gctx):
        await ws.accept()
        working.set()
        await work(ws)

    @listen("request.finished")
    def note(event):
        outcomes.append(event.detail.kind)

    async with Client(App(handle, listeners=[note])) as client, client.websocket("/work") as socket:
        await working.wait()
        client.server.drain()
        with pytest.raises(WebSocketClosed) as closed:
            while True:
                await socket.receive()
    assert closed.value.close_code == 1001
    assert outcomes == ["shutdown"]


def test_routes_show_it(write_package):
    write_package(
        "chatting",
        web="""
            from gnomon import get, websocket

            @websocket("/chat")
            async def chat(req, ws, lctx, gctx): ...

            @get("/")
            async def index(req, res, lctx, gctx): ...
        """,
    )
    done = CliRunner().invoke(main, ["routes", "chatting", "--hooks"])
    assert done.exit_code == 0
    assert "WS      /chat  chatting.web.chat" in done.output
    assert "out  close" in done.output
    shown = json.loads(CliRunner().invoke(main, ["routes", "chatting", "--json"]).output)
    assert shown == [
        {"method": "GET", "path": "/chat", "id": "chatting.web.chat", "websocket": True},
        {"method": "GET", "path": "/", "id": "chatting.web.index"},
    ]


def test_a_handler_of_the_wrong_shape_is_refused_where_it_is_declared():
    with pytest.raises(DeclarationError, match="ws"):

        @websocket("/wrong")
        async def wrong(req, res, lctx, gctx): ...


def test_a_path_has_one_handler():
    @get("/echo")
    async def other(req, res, lctx, gctx): ...

    with pytest.raises(RouteConflict):
        App(echo, other)


def test_an_annotation_that_checks_nothing_is_refused():
    @websocket("/wrong")
    async def wrong(req, ws: list[str], lctx, gctx): ...

    with pytest.raises(HandlerUnusable, match=r"test_websockets.py:\d+: .*wrong: ws is annotated"):
        App(wrong)


@trio_test
async def test_what_a_client_sends_does_not_fill_the_log(caplog):
    async with Client(App(auction)) as client:
        for message, code, logged in (("junk", 1007, 0), (json.dumps({"amount": 666}), 1011, 1)):
            async with client.websocket("/auctions/vase?seat=1") as socket:
                await socket.send(message)
                with pytest.raises(WebSocketClosed) as caught:
                    await socket.receive()
            assert caught.value.close_code == code
            assert len(caplog.records) == logged
