"""What a type calls sensitive is in no byte of a recording, wherever the handler put it; and its replay is the same."""

import dataclasses
import datetime
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gnomon import App, HttpError, Request, Response, post
from gnomon._standins import Blanked, Lenient, encoded, sent_headers, value_at, with_value
from gnomon.testing import Client
from gnomon.types import Email, MaxLength, MinLength, Pattern, Sensitive
from gnomon_gtype import GType
from gnomon_ingress import RequestInvalid, RequestValidator, make_request
from gnomon_snapshot import MemoryStore, Recorder, Recording, Sampling, Types, replay

Queried = TypedDict("Queried", {"token": Sensitive[str], "page": str}, total=False)
Headed = TypedDict("Headed", {"x-secret": Sensitive[str]}, total=False)


@dataclasses.dataclass
class Line:
    sku: str


@dataclasses.dataclass
class Paid:
    card: Sensitive[str]
    lines: list[Line]


class Form(TypedDict):
    card: Sensitive[str]
    lines: list[str]


class Given(TypedDict):
    card: Sensitive[str]


class Declined(Exception):
    pass


class Bank:
    """A module that may know the secret itself."""

    def __init__(self) -> None:
        self.secret = ""

    async def pay(self, *args: Any, **kwargs: Any) -> Any:
        return {"paid": True}

    async def echo(self, value: Any) -> Any:
        return [value, {"again": value}]

    async def token(self) -> str:
        return self.secret

    async def decline(self, value: str) -> None:
        raise Declined(f"no money on {value}")


async def nothing(*args: Any) -> None:
    """What undoes nothing."""


async def argument(secret, lctx, bank):
    await bank.pay(secret)


async def nested(secret, lctx, bank):
    await bank.pay([{"deep": (secret, {secret})}], by=secret)


async def key(secret, lctx, bank):
    await bank.pay({secret: 1, "x": {f"card {secret}": 2}})
    lctx.set(f"card-{secret}", True)


async def text(secret, lctx, bank):
    await bank.pay(f"the card is {secret}, and {secret!r}", json.dumps({"card": secret}))
    lctx.set(
        "url", f"https://bank.example/?card={urllib.parse.quote(secret)}&x={urllib.parse.quote_plus(secret)}"
    )


async def data(secret, lctx, bank):
    lctx.set("data", {"raw": secret.encode(), "more": b"-" + secret.encode() + b"-"})
    await bank.pay(secret.encode())


async def failing(secret, lctx, bank):
    raise ValueError(f"cannot pay with {secret}", {"card": secret})


async def declined(secret, lctx, bank):
    try:
        await bank.decline(secret)
    except Declined as error:
        lctx.set("error", error)
        raise HttpError(402, "declined", str(error)) from error


async def echoed(secret, lctx, bank):
    lctx.set("echo", await bank.echo(secret))


async def task(secret, lctx, bank):
    async def child():
        await bank.pay(secret)
        return {"result": secret}

    lctx.start_soon(child, name=f"pay {secret}")


async def published(secret, lctx, bank):
    with lctx.subscribe("cards") as messages:
        lctx.publish("cards", {"card": secret})
        lctx.set("heard", await anext(aiter(messages)))


async def undone(secret, lctx, bank):
    lctx.compensate(nothing, secret, {"card": secret})
    lctx.on_cleanup(nothing, secret)
    raise HttpError(409, "no", f"card {secret}")


WAYS = (argument, nested, key, text, data, failing, declined, echoed, task, published, undone)


async def put(secret, req, lctx, gctx):
    for number in json.loads(req.headers["x-ways"]):
        await WAYS[number](secret, lctx, gctx.modules.bank)


@post("/json")
async def as_json(req: Request[Given], res, lctx, gctx):
    await put(req.body["card"], req, lctx, gctx)
    res.json({"lines": 1})


@post("/object")
async def as_object(req: Request[Paid], res, lctx, gctx):
    lctx.set("body", req.body)
    await put(req.body.card, req, lctx, gctx)
    res.json([line.sku for line in req.body.lines])


@post("/form")
async def as_form(req: Request[Form], res, lctx, gctx):
    lctx.set("raw", req.raw_body)
    await put(req.body["card"], req, lctx, gctx)
    res.json(req.body["lines"])


@post("/query")
async def in_query(req: Request[None, Queried], res, lctx, gctx):
    lctx.set("target", req.target)
    await put(req.query["token"], req, lctx, gctx)
    res.json(req.query["page"])


@post("/header")
async def in_header(req: Request[None, Any, Headed], res, lctx, gctx):
    await put(req.headers["x-secret"], req, lctx, gctx)
    res.json(len(req.headers_typed))


@post("/answer")
async def in_answer(req, res: Response[Given], lctx, gctx):
    secret = await gctx.modules.bank.token()
    await put(secret, req, lctx, gctx)
    res.json({"card": secret})


@post("/stream")
async def in_stream(req: Request[Given], res, lctx, gctx):
    secret = req.body["card"]
    await put(secret, req, lctx, gctx)

    async def pieces():
        yield f"<p>{secret}</p>".encode()
        yield b"done"

    res.stream(pieces(), media_type="text/plain")


@post("/items")
async def in_items(req, res: Response[AsyncIterator[Given]], lctx, gctx):
    secret = await gctx.modules.bank.token()
    await put(secret, req, lctx, gctx)

    async def items():
        yield {"card": secret}

    res.ndjson(items())


def app_of(recorder, bank):
    return App(
        *(as_json, as_object, as_form, in_query, in_header, in_answer, in_stream, in_items),
        modules={"bank": bank},
        recording=recorder,
    )


def asked(place, secret):
    """The arguments of the request that has the secret in this place."""
    return {
        "json": {"json": {"card": secret}},
        "object": {"json": {"card": secret, "lines": [{"sku": "a"}]}},
        "form": {"form": {"card": secret, "lines": ["a", "b"]}},
        "query": {"params": {"token": secret, "page": "7"}},
        "header": {"headers": {"x-secret": secret}},
        "answer": {},
        "stream": {"json": {"card": secret}},
        "items": {},
    }[place]


def recorded(place, secret, ways, *, steps=False):
    """The recording of one request, and the application that made it."""
    store, bank = MemoryStore(), Bank()
    bank.secret = secret
    sampling = Sampling(rate=1.0, failures=False)
    types = Types(Declined, Line, Paid)
    app = app_of(Recorder(store, sampling=sampling, types=types, steps=steps), bank)
    given = asked(place, secret)
    headers = {"x-ways": json.dumps(ways), **given.pop("headers", {})}

    async def main():
        async with Client(app) as client:
            await client.post(f"/{place}", headers=headers, **given)
        (summary,) = (await store.list()).summaries
        return Recording.of(await store.get(summary.request_id)), summary

    return *trio.run(main), app


PLACES = ("json", "object", "form", "query", "header", "answer", "stream", "items")
SECRETS = st.from_regex(r"[A-Za-z0-9%&+/=]{2}canary-[A-Za-z0-9 '\"<é]{4,12}[A-Z]", fullmatch=True)


@given(st.sampled_from(PLACES), SECRETS, st.lists(st.integers(0, len(WAYS) - 1), max_size=3), st.booleans())
def test_a_hidden_value_is_in_no_byte_that_is_written(place, secret, ways, steps):
    if place == "header":
        secret = secret.encode("ascii", "ignore").decode()
    if place in (
        "answer",
        "items",
    ):  # an answer that was never made has no place in which something is sensitive
        ways = [number for number in ways if WAYS[number] not in (failing, declined, undone)]
    recording, summary, _ = recorded(place, secret, ways, steps=steps)
    data = recording.to_bytes() + str(summary).encode()
    timeline = recording.timeline
    if timeline is not None:
        data += b"".join(timeline.at(step).to_bytes() for step in range(len(timeline)))
    for form in (
        secret,
        json.dumps(secret)[1:-1],
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
    ):
        assert form.encode() not in data
    assert b"canary-" not in data
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
