"""What a redactor takes out of its place is taken out wherever else it stands, and matched in a replay."""

import dataclasses
import datetime
import json
from collections import namedtuple
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
import trio
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import Lost, MemoryStore, Recorder, capture, replay
from gnomon_snapshot import _tags as tag
from gnomon_snapshot._blank import Blanking
from gnomon_snapshot._calls import HANDLE
from gnomon_snapshot._capture import learn_body
from gnomon_snapshot._detached import DETACHED, detached_unseen, is_detached
from gnomon_snapshot._hidden import (
    hidden_fields,
    hidden_in,
    parsed_body,
    redacted,
    withheld_copy,
    without_hidden_query,
)
from gnomon_snapshot._match import HiddenCalls, has_hidden, matches
from gnomon_snapshot._secrets import Secrets, stand_for_secrets
from gnomon_snapshot.testing import Application, Asked

CANARY = "canary-4111-1111"
LOST = CBORTag(tag.LOST, ["builtins.int", "", "sensitive"])


class Redacting:
    """Blanks the values of these keys."""

    def __init__(self, *names):
        self.names = names

    def redact(self, value):
        return {key: "(hidden)" if key in self.names else item for key, item in value.items()}


class Failing:
    def redact(self, value):
        raise ValueError


@dataclasses.dataclass
class Paid:
    card: str
    lines: list


Pair = namedtuple("Pair", "card sku")


class Odd:
    def __ne__(self, other):
        raise ValueError


def test_what_differs_from_the_redacted_copy_is_hidden():
    shown = {"card": "(hidden)", "lines": ["a"]}
    assert list(hidden_in({"card": 1, "lines": ["a"]}, shown)) == [1]
    assert list(hidden_in(Paid("x", ["a"]), shown)) == ["x"]
    assert list(hidden_in(Pair("x", "a"), {"card": "(hidden)", "sku": "a"})) == ["x"]
    assert list(hidden_in(SimpleNamespace(card="x", lines=["a", "b"]), shown)) == ["x", ["a", "b"]]
    assert list(hidden_in(7, shown)) == [7]
    assert list(hidden_in({"k": "v"}, {"(hidden) 0": "v"})) == ["k", "v"]
    assert list(hidden_in([1, [2]], [1, ["(hidden)"]])) == [2]
    odd = Odd()
    assert list(hidden_in([odd], ["(hidden)"])) == [odd]
    deep, other = {}, {}
    for _ in range(300):
        deep, other = {"a": deep}, {"a": other}
    assert list(hidden_in({"d": deep}, {"d": other}))
    assert withheld_copy({"d": deep}, {"d": other})
    assert withheld_copy({"a": [1, 2], "b": 3}, {"a": [1, "(hidden)"], "b": 3}) == {
        "a": [1, "<withheld>"],
        "b": 3,
    }
    assert withheld_copy({"secret": 1}, {"(hidden) 0": 1}) == {"(hidden) 0": "<withheld>"}


def test_a_redactor_that_fails_hides_everything():
    secrets = Secrets()
    with pytest.raises(ValueError):
        redacted(Failing(), {"card": CANARY}, secrets)
    assert CANARY in secrets.texts


def test_bodies_are_read_before_their_types_are():
    assert parsed_body(b"a=1&a=2&a=3&b=", "application/x-www-form-urlencoded; x=y") == {
        "a": ["1", "2", "3"],
        "b": "",
    }
    assert parsed_body(b'{"a": 1}', "application/json") == {"a": 1}
    assert parsed_body(b'{"a"', "") is None
    secrets, request = Secrets(), SimpleNamespace(headers={})
    assert learn_body(request, b"{canary", Redacting(), secrets) == (False, None)
    assert secrets.texts == {"{canary"}
    assert learn_body(request, b'{"a": 1}', Failing(), secrets) == (False, None)
    assert learn_body(request, b'{"a": 1}', Redacting(), secrets) == (True, None)
    assert learn_body(SimpleNamespace(headers=[]), b'{"a": 1}', Redacting("a"), secrets) == (
        True,
        {"a": "<withheld>"},
    )


def test_a_query_keeps_what_is_not_hidden():
    secrets = Secrets()
    blank = Redacting("token")
    assert without_hidden_query("/a", blank, secrets) == "/a"
    assert without_hidden_query("/a?x=%41&token=s%20ecret&flag&x=2", blank, secrets) == (
        "/a?x=%41&token=%3Cwithheld%3E&flag&x=2"
    )
    assert "s ecret" in secrets.texts
    whole = SimpleNamespace(redact=lambda value: "(hidden)")
    assert without_hidden_query("/?a=1&b", whole, secrets) == "/?a=%3Cwithheld%3E&b"


def test_header_fields_are_hidden_by_either_name():
    secrets = Secrets()
    headers = {"X-Key": CANARY, "Accept": "json"}
    assert hidden_fields(headers, Redacting("x_key"), secrets) == {"x-key"}
    assert hidden_fields(headers, Redacting("x-key"), secrets) == {"x-key"}
    assert hidden_fields(headers, SimpleNamespace(redact=lambda value: 1), secrets) == {"x-key", "accept"}
    assert hidden_fields(headers, Failing(), secrets) == {"x-key", "accept"}
    assert CANARY in secrets.texts

    class Several(dict):
        def getall(self, name):
            return [self[name], "more"]

    assert hidden_fields(Several({"a": "1"}), Redacting("a"), secrets) == {"a"}


def learned(*values):
    secrets = Secrets()
    for value in values:
        secrets.hide(value)
    return secrets


def test_hidden_values_of_every_kind():
    day = datetime.date(1815, 12, 10)
    values = [CANARY, "ab", b"\xff\x00bytes", 48151, 623.42, Decimal("12.75"), day, UUID(int=7), 3 + 4j]
    blanking = learned(
        *values, None, True, 7, "x", "", [16, {"deep": "nested-secret"}], Paid("card-in-object", [])
    ).blanking()
    encoded = [
        *(
            CANARY,
            "ab",
            b"\xff\x00bytes",
            48151,
            623.42,
            CBORTag(tag.DECIMAL, "12.75"),
            CBORTag(tag.DATE, [1815, 12, 10]),
        ),
        *(
            CBORTag(tag.UUID, UUID(int=7).bytes),
            CBORTag(tag.COMPLEX, [3.0, 4.0]),
            16,
            "nested-secret",
            "card-in-object",
        ),
    ]
    for node in encoded:
        blanked = blanking.value([node])[0]
        assert blanked in ("<withheld>", b"<withheld>") or (blanked.tag, blanked.value[2]) == (
            tag.LOST,
            "sensitive",
        )
    kept = [7, "x", "abc", True, None, 48152, CBORTag(tag.DATE, [1815, 12, 11]), CBORTag(tag.REF, 16), 1.5]
    assert blanking.value(kept) == kept
    assert blanking.value("1815-12-10T00:00 and 48151") == "<withheld>T00:00 and <withheld>"
    for form in (json.dumps('a"b\u00e9cd'), repr('a"b\u00e9cd'), "a%22b%C3%A9cd", "a&quot;b\u00e9cd"):
        assert "cd" not in learned('a"b\u00e9cd').blanking().text(f"x {form}")


def test_what_a_recording_says_of_itself_is_left_alone():
    blanking = Blanking({"returned", "shop.Order", "orders"}, set())
    handle = CBORTag(tag.OBJECT, [HANDLE, {"path": "orders#1"}])
    assert blanking.value(handle) == handle
    assert blanking.value(CBORTag(tag.OBJECT, ["shop.Order", {"orders": "returned"}])) == CBORTag(
        tag.OBJECT, ["shop.Order", {"<withheld>": "<withheld>"}]
    )
    assert blanking.value(CBORTag(tag.ENUM, ["shop.Order", "orders", "returned"])).value == [
        *("shop.Order", "orders", "<withheld>")
    ]
    assert blanking.value(CBORTag(tag.LOST, ["shop.Order", "orders", "unencodable"])).value[1] == "<withheld>"
    assert blanking.value(CBORTag(tag.SHARED, [3, "returned"])).value == [3, "<withheld>"]
    assert blanking.value({"orders": 1, "returned": 2}) == {"<withheld>": 1, "<withheld> 2": 2}
    assert blanking.text(None) is None
    assert Blanking(set(), {("number", 16)}).value(CBORTag(tag.PAIRS, [[16, 1]])).value[0][0].tag == tag.LOST
    assert Blanking(set(), set()).value(["a", b"b", CBORTag(tag.DATE, [1, 2, 3])])[:2] == ["a", b"b"]


@given(
    st.recursive(
        st.text() | st.integers() | st.binary() | st.just(CANARY),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just(f"k{CANARY}"), inner),
    )
)
def test_a_canary_is_nowhere_in_a_snapshot(value):
    class Question:
        method, target, headers = (
            "POST",
            f"/pay?t={CANARY}",
            {"Content-Type": "application/json", "X-Key": "k"},
        )
        body = {"card": CANARY}
        raw_body = json.dumps(body).encode()

    lctx = LocalContext(GlobalContext(), path=f"/pay/{CANARY}")
    lctx.set("value", value)
    lctx.set(f"at {CANARY}", [f"the {CANARY}", {CANARY: 1}])
    lctx.compensate(print, value, CANARY, name=f"undo {CANARY}")
    lctx.settle("error", ValueError(f"no {CANARY}", value))
    redactors = {
        "request.body": Redacting("card"),
        "request.query": Redacting("t"),
        "request.headers": Redacting("x-key"),
    }
    snapshot = capture(lctx, request=Question(), events=[{"told": value}, CANARY], redactors=redactors)
    assert CANARY.encode() not in snapshot.to_bytes()
    assert any(loss.reason == "sensitive" for loss in snapshot.losses)


def test_hidden_matches_anything_and_the_rest_itself():
    assert matches([LOST, 1], ["whatever", 1])
    assert not matches([LOST, 1], ["whatever", 2])
    assert matches("<withheld>", 7) and matches("a <withheld> b", "a x\ny b")
    assert not matches("a <withheld> b", "a x c") and not matches("a <withheld>", 7)
    assert matches(b"<withheld>-1", b"x-1") and not matches(b"<withheld>", "x")
    assert matches({"a": LOST, "<withheld>": 1}, {"a": 2, "key": 1})
    assert not matches({"a": LOST}, {"b": 2}) and not matches({"a": LOST}, [2])
    assert not matches({"a": LOST, "<withheld>": 1}, {"a": 2, "key": 3})
    assert not matches([LOST], [1, 2]) and not matches([LOST], "x")
    shared = CBORTag(tag.SHARED, [1, ["<withheld>"]])
    assert matches(shared, CBORTag(tag.SHARED, [9, ["x"]]))
    assert matches(CBORTag(tag.SET, ["<withheld>", 1]), CBORTag(tag.SET, [1, "x"]))
    assert matches(CBORTag(tag.TUPLE, ["<withheld>", 1]), CBORTag(tag.TUPLE, ["x", 1]))
    assert not matches(CBORTag(tag.TUPLE, ["<withheld>"]), ["x"])
    assert not has_hidden([1, {"a": CBORTag(tag.DATE, [1, 2, 3])}])


def test_the_call_of_the_same_task_comes_first():
    def node(task, argument, value=None):
        return {"task": task, "on": "bank", "name": "pay", "args": [argument], "kwargs": {}, "value": value}

    secrets = Secrets()
    calls = HiddenCalls([node("", LOST), node("b", LOST, LOST), node("", 1)], 0, secrets)
    entry = node("b", 4111)
    assert calls.find(entry, [False] * 3) == 1
    assert entry["args"] == [LOST]
    assert calls.find(node("c", 1), [False] * 3) == 0
    assert calls.find(node("c", 1), [True] * 3) is None
    assert secrets.whole and stand_for_secrets(Lost("builtins.int", "", "sensitive")) == 7_777_777


def test_work_without_a_context_is_of_no_request():
    assert is_detached(None) is None
    session = SimpleNamespace(names={}, detaches=False)
    assert detached_unseen(session, run=False)("mail") is False
    assert session.detaches and "lctx.detach(mail)!" in session.names
    assert DETACHED


def test_what_is_deep_or_the_same_is_left():
    assert list(hidden_in("same text"[:4], "same")) == []
    assert list(hidden_in(SimpleNamespace(card=1, more=2), {"card": 1})) == []
    deep = 48151
    for _ in range(20):
        deep = [deep]
    assert not learned(deep)
    stand_in = learned("<withheld>").blanking()
    assert stand_in.text("x=%3Cwithheld%3E") == "x=<withheld>"
    part = {
        "target": "/",
        "headers": [],
        "body": None,
        "value": None,
        "pieces": [[0, b"-" + CANARY.encode()]],
    }
    assert learned(CANARY).blanking()._message(part)["pieces"] == [[0, b"-<withheld>"]]
    row = ["task.error", f"pay {CANARY}", f"pay {CANARY}", 1, CANARY, CANARY, [["/", "c", CANARY, "body"]]]
    assert CANARY not in str(learned(CANARY).blanking()._event(row))


class Bank:
    async def pay(self, card):
        return {"card": card}


@pytest.mark.parametrize("redactor", [Redacting("t", "x-key", "card"), Failing()])
@pytest.mark.parametrize("raw", [b'{"card": "canary-4111-1111"}', None])
def test_a_canary_of_each_place_is_nowhere_in_a_recording(redactor, raw):
    async def handler(req, res, lctx, gctx):
        lctx.set("found", await gctx.modules.bank.pay(f"{CANARY}-1"))
        lctx.set("again", await gctx.modules.bank.pay(CANARY))

    places = ("request.body", "request.query", "request.headers")
    recorder = Recorder(MemoryStore(), redactors=dict.fromkeys(places, redactor), steps=True)
    app = Application(handler, modules={"bank": Bank()}, recorder=recorder)
    asked = Asked("POST", f"/?t={CANARY}", {"x-key": CANARY}, raw, body={"card": CANARY})
    recording = app.record(asked)
    assert CANARY.encode() not in recording.to_bytes()
    assert recording.timeline is not None
    assert all(
        CANARY.encode() not in recording.timeline.at(n).to_bytes() for n in range(len(recording.timeline))
    )
    assert [str(call) for call in recording.calls] == ["bank.pay('<withheld>-1')", "bank.pay('<withheld>')"]


def test_detached_work_is_in_no_recording():
    class Mail:
        async def send(self, to):
            await trio.sleep(0.01)

    async def handler(req, res, lctx, gctx):
        async def later():
            lctx_free = gctx.config.get("to")
            await gctx.modules.mail.send(lctx_free)

        async def child():
            await gctx.modules.mail.send("child")

        lctx.detach(later)
        lctx.start_soon(child, name="child")
        await trio.sleep(0.5)
        lctx.set("at", lctx.now())

    app = Application(handler, modules={"mail": Mail()}, config={"to": "bob"})
    recording = app.record()
    assert [str(call) for call in recording.calls] == ["mail.send('child')"]
    assert recording.node["config"] == []
    assert "it was detached" in recording.unrecorded[0]
    assert replay(recording, app).empty


def test_the_description_of_a_handle_is_left_alone():
    value = {"path": f"bank#{CANARY}", "type": "x", "protocols": []}
    entry = {"task": "", "args": [CANARY], "kwargs": {}, "how": "handle", "value": value}
    assert learned(CANARY).blanking().call(entry) == {**entry, "args": ["<withheld>"]}
