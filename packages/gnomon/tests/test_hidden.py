"""What a type calls sensitive is in no byte of a recording, wherever the handler put it; and its replay is the same."""

import dataclasses
import datetime
from typing import Annotated, TypedDict

import pytest
import trio
from canaries import PLACES, SECRETS, WAYS, Bank, Line, forms_of, recorded, ways_of
from hypothesis import given
from hypothesis import strategies as st

from gnomon import App, Request, post
from gnomon._standins import Blanked, Lenient, encoded, sent_headers, value_at, with_value
from gnomon.testing import Client
from gnomon.types import Email, MaxLength, MinLength, Pattern, Sensitive
from gnomon_gtype import GType
from gnomon_ingress import RequestInvalid, RequestValidator, make_request
from gnomon_snapshot import MemoryStore, Recorder, Recording, Sampling, replay


@given(st.sampled_from(PLACES), SECRETS, st.lists(st.integers(0, len(WAYS) - 1), max_size=3), st.booleans())
def test_a_hidden_value_is_in_no_byte_that_is_written(place, secret, ways, steps):
    if place == "header":
        secret = secret.encode("ascii", "ignore").decode()
    ways = ways_of(place, ways)
    recording, summary, _ = recorded(place, secret, ways, steps=steps)
    data = recording.to_bytes() + str(summary).encode()
    timeline = recording.timeline
    if timeline is not None:
        data += b"".join(timeline.at(step).to_bytes() for step in range(len(timeline)))
    assert not [form for form in forms_of(secret) if form in data]
    assert (
        "canary-" not in f"{recording.calls} {recording.request} {recording.trace} {recording.snapshot.state}"
    )


@given(st.sampled_from(PLACES), st.lists(st.integers(0, len(WAYS) - 1), max_size=3))
def test_the_replay_of_unchanged_code_is_the_same(place, ways):
    secret = "canary-77-sesame"
    recording, _, app = recorded(place, secret, ways)
    report = replay(recording, app)
    assert report.empty, str(report)


class Account(TypedDict):
    pin: Sensitive[int]
    mail: Sensitive[Email]
    code: Sensitive[Annotated[str, MinLength(7), MaxLength(9)]]
    day: Sensitive[datetime.date]
    share: Sensitive[float]


@post("/account")
async def account(req: Request[Account], res, lctx, gctx):
    body = req.body
    lctx.set("kept", [body["pin"], body["day"], f"pin {body['pin']}", body["share"]])
    found = await gctx.modules.bank.echo([body["pin"], body["mail"]])
    await gctx.modules.bank.pay(found[0], code=body["code"], day=body["day"])
    res.json({"known": True})


def test_what_is_no_text_is_hidden_too_and_has_something_else_in_its_place_that_passes():
    store = MemoryStore()
    recorder = Recorder(store, sampling=Sampling(rate=1.0, failures=False))
    app = App(account, modules={"bank": Bank()}, recording=recorder)
    body = {
        "pin": 48151,
        "mail": "ada@lovelace.example",
        "code": "sesame-7",
        "day": "1815-12-10",
        "share": 623.42,
    }

    async def main():
        async with Client(app) as client:
            answer = await client.post("/account", json=body)
            assert answer.status == 200, answer.body
        return Recording.of(await store.get((await store.list()).summaries[0].request_id))

    recording = trio.run(main)
    data = recording.to_bytes()
    for secret in ("48151", "lovelace", "sesame", "1815-12-10", "623.42"):
        assert secret.encode() not in data
    assert "48151" not in str([call.args for call in recording.calls]) + str(recording.snapshot.state)
    assert {loss.reason for loss in recording.losses} == {"sensitive"}
    report = replay(recording, app)
    assert report.empty, str(report)


class Picky(TypedDict):
    code: Sensitive[Annotated[str, Pattern(r"^q{3}-[0-9]{4}$")]]


@dataclasses.dataclass
class PickyObject:
    code: Sensitive[Annotated[str, Pattern(r"^q{3}-[0-9]{4}$")]]


@pytest.mark.parametrize(("kind", "plain"), [(Picky, True), (PickyObject, False)])
def test_where_nothing_passes_data_stays_as_it_is_and_an_object_is_refused_with_the_reason(kind, plain):
    req = make_request(
        "POST", "/", headers={"content-type": "application/json"}, body=b'{"code": "<withheld>"}'
    )
    checked = Lenient(RequestValidator(GType(kind)), {req: Blanked({"code": "<withheld>"}, plain)})
    if plain:
        checked.validate(req)
        assert req.body == {"code": "<withheld>"}
        return
    with pytest.raises(RequestInvalid) as caught:
        checked.validate(req)
    assert "was hidden when it was recorded" in caught.value.problems[0].message


def test_the_form_of_a_body_is_kept():
    assert encoded({"a": ["1", "2"]}, "application/x-www-form-urlencoded") == b"a=1&a=2"
    assert encoded([Line("a"), trio.Path], "application/json").startswith(b'[{"sku": "a"}, "<class')
    headers = [("Content-Type", "multipart/form-data; boundary=x"), ("a", "b")]
    assert sent_headers(headers, "multipart/form-data") == [("Content-Type", "application/json"), ("a", "b")]
    assert sent_headers(headers, "") == headers
    assert with_value({"a": [1]}, "/a/0", 2) == {"a": [2]}
    assert with_value({"a": [1]}, "", 2) == 2
    assert value_at({"a~/b": 1}, "/a~0~1b") == 1


class Pinned(TypedDict):
    pin: Sensitive[int]
    page: int


Mailed = TypedDict("Mailed", {"x-mail": Sensitive[Email]}, total=False)


def test_queries_and_header_fields_get_something_else_too():
    req = make_request("GET", "/?pin=%3Cwithheld%3E&page=7", headers={"x-mail": "<withheld>"})
    checked = Lenient(RequestValidator(None, GType(Pinned), GType(Mailed)), {req: Blanked(None, True)})
    checked.validate(req)
    assert req.query["page"] == 7 and type(req.query["pin"]) is int
    assert req.headers_typed == {"x-mail": "hidden@example.com"}
    wrong = make_request("GET", "/?pin=%3Cwithheld%3E&page=x")
    with pytest.raises(RequestInvalid):
        Lenient(RequestValidator(None, GType(Pinned)), {wrong: Blanked(None, True)}).validate(wrong)
