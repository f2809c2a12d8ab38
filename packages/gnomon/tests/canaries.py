"""Handlers with a place for a secret each, the ways in which one goes astray, and requests that carry one."""

import dataclasses
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any, TypedDict

import trio
from hypothesis import strategies as st

from gnomon import App, HttpError, Request, Response, post
from gnomon.testing import Client
from gnomon.types import Sensitive
from gnomon_snapshot import MemoryStore, Recorder, Recording, Sampling, Types

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


async def announced(secret, lctx, bank):
    lctx.gctx.alert("card", ValueError(secret), card=secret)
    lctx.gctx.publish_nowait(f"card {secret}", {"card": secret})


WAYS = (announced, argument, nested, key, text, data, failing, declined, echoed, task, published, undone)


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


def app_of(recorder, bank, **options):
    alerts = []
    return App(
        *(as_json, as_object, as_form, in_query, in_header, in_answer, in_stream, in_items),
        modules={"bank": bank},
        recording=recorder,
        setup=lambda gctx: gctx.on_alert(alerts.append),
        **options,
    )


async def ask(client, place, secret, ways):
    """The request that has the secret in this place, and lets it go astray in these ways."""
    given = asked(place, secret)
    headers = {"x-ways": json.dumps(ways), **given.pop("headers", {})}
    await client.post(f"/{place}", headers=headers, **given)


def forms_of(secret):
    """The bytes in which it might stand somewhere."""
    urls = urllib.parse.quote(secret), urllib.parse.quote_plus(secret)
    return [form.encode() for form in (secret, json.dumps(secret)[1:-1], *urls, "canary-")]


def ways_of(place, ways):
    """Those of the ways in which it is hidden: an answer that was never made has no place for anything sensitive."""
    if place in ("answer", "items"):
        return [number for number in ways if WAYS[number] not in (failing, declined, undone)]
    return ways


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

    async def main():
        async with Client(app) as client:
            await ask(client, place, secret, ways)
        (summary,) = (await store.list()).summaries
        return Recording.of(await store.get(summary.request_id)), summary

    return *trio.run(main), app


PLACES = ("json", "object", "form", "query", "header", "answer", "stream", "items")
SECRETS = st.from_regex(r"[A-Za-z0-9%&+/=]{2}canary-[A-Za-z0-9 '\"<é]{4,12}[A-Z]", fullmatch=True)
