"""A secret is searched for in every byte that is written anywhere, and in everything that is shown."""

import functools
import logging

import pytest
import trio
from click.testing import CliRunner
from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import (
    BackgroundWriter,
    Breakpoint,
    Condition,
    Debugger,
    SqliteStore,
    TimeTravel,
    capture,
    export_snapshots,
)
from gnomon_snapshot.cli import snapshot as command

CANARY = "canary-4111-1111"


class Secret:
    __sensitive__ = True

    def __init__(self, value=CANARY):
        self.value = value

    def __repr__(self):
        return self.value

    def __eq__(self, other):
        return self.value == getattr(other, "value", other)

    def __hash__(self):
        return hash(self.value)


class Card:
    def redact(self, value):
        return {name: "***" if name == "card" else item for name, item in value.items()}


class Refusing:
    def redact(self, value):
        raise ValueError(f"cannot blank {value}")


class Question:
    method = "POST"
    target = "/pay"
    headers = {"Authorization": f"Bearer {CANARY}", "Cookie": CANARY}
    body = {"card": CANARY, "amount": 7}
    raw_body = CANARY.encode()


class Answer:
    status_code = 200
    headers = {"Set-Cookie": CANARY}
    body = {"token": CANARY}
    finished = True


TAKE = functools.partial(
    capture, redactors={"request.body": Card(), "response.body": Refusing(), "state.form": Card()}
)


def filled():
    lctx = LocalContext(GlobalContext(), method="POST", path="/pay", route="/pay")
    secret = Secret()
    error = ValueError("refused", secret)
    error.key = secret
    error.add_note("no")
    lctx.set("secret", secret)
    lctx.set("deep", [{"a": (secret, {1: secret})}, functools.partial(print, secret), {secret}])
    lctx.set("form", {"card": CANARY})
    lctx.compensate(print, secret)
    lctx.settle("error", ExceptionGroup("both", [error, KeyError(secret)]))
    return lctx


@trio_test
async def test_it_is_in_no_byte_that_is_written(tmp_path):
    lctx = filled()
    timelines = {}
    travel = TimeTravel(take=TAKE, finished=timelines.__setitem__)
    travel.keep(lctx, "one")
    lctx.set("again", Secret())
    travel.keep(lctx, "two")
    async with SqliteStore(tmp_path / "s.sqlite3") as store:
        writer = BackgroundWriter(store)
        async with trio.open_nursery() as nursery:
            await nursery.start(writer.run)
            writer.offer(
                TAKE(lctx, request=Question(), response=Answer(), events=[Secret(), {"s": Secret()}])
            )
            await writer.aclose()
        assert writer.statistics().written == 1
        await export_snapshots(store, tmp_path / "export")
        # the write-ahead log is there still
        written = [file.read_bytes() for file in tmp_path.iterdir()]
        found = await store.get(lctx.request_id)
    written.append(travel.timeline(lctx.request_id).to_bytes())
    written.append(repr(vars(travel)).encode())
    shown = f"{found.state} {found.error!r} {found.losses} {found.request} {found.response} {found.events}"
    assert len(written) >= 4
    for data in (*written, shown.encode()):
        assert CANARY.encode() not in data
        assert CANARY.encode("utf-16-le") not in data


def test_it_is_in_nothing_that_is_shown(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "s.sqlite3"
    one, two = filled(), filled()
    two.set("more", [Secret()])

    async def main():
        async with SqliteStore(path) as store:
            await store.put(*(TAKE(lctx, request=Question(), response=Answer()) for lctx in (one, two)))

    trio.run(main)
    for arguments in (
        ["list"],
        ["list", "--json"],
        ["list", "--text", CANARY],
        ["show", one.request_id],
        ["show", one.request_id, "--json"],
        ["diff", one.request_id, two.request_id],
        ["diff", one.request_id, two.request_id, "--exact", "--json"],
    ):
        done = CliRunner().invoke(command, ["--store", str(path), *arguments])
        assert done.exit_code in (0, 1)
        assert CANARY not in done.output
    assert CANARY not in caplog.text


@pytest.mark.parametrize("field", ["/state/secret", "/request/headers/authorization", "/state/deep/0/a/0"])
@pytest.mark.parametrize("operator", ["==", "!=", "starts with", "contains", "in", "<", ">="])
def test_a_condition_cannot_ask_for_it(field, operator):
    """Nobody finds it out letter by letter."""
    snapshot = TAKE(filled(), request=Question())
    for guess in (CANARY, f"Bearer {CANARY}", "c", "B", ""):
        assert not Condition(field, operator, guess).holds(snapshot)


@trio_test
async def test_a_held_request_shows_it_to_nobody(autojump_clock):
    debugger = Debugger(take=TAKE)
    lctx = filled()

    class Step:
        kind, name, id, req, res = "handler", "pay", "handler", Question(), Answer()

    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="pay")) as session:
            nursery.start_soon(debugger.before_step, Step(), lctx)
            paused = await session.next()
            assert CANARY not in f"{paused!r} {paused.snapshot.state} {paused.snapshot.request}"
            assert CANARY.encode() not in paused.look().to_bytes()
