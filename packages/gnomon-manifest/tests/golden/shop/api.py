"""What the golden files are made of; it is read and never imported."""

from collections.abc import AsyncIterator
from typing import TypedDict

from gnomon import HttpError, Request, Response
from gnomon_manifest.declare import authenticator, before, delete, get, handler, module, post, put


class Line(TypedDict):
    """One line."""

    sku: str
    inner: "list[Line]"


class Order(TypedDict):
    id: str
    lines: list[Line]


class Query(TypedDict, total=False):
    limit: int


class Headers(TypedDict):
    x_trace: str


class Problem(TypedDict):
    mine: bool


@before
def note(lctx): ...


@post(
    "/orders/{id:int}",
    roles=("buyer",),
    rate_limit="1/minute burst 1",
    body_limit=9,
    timeout=1.5,
    tags=("orders",),
    deprecated="use v2",
    responses={409: Problem},
)
async def create(req: Request[Order, Query, Headers], res: Response[Order], lctx, gctx):
    """Create | an <order>.

    At *length*.

    Args:
        id: of the order.
        limit: how many.
    """
    if await gctx.modules.orders.full():
        raise HttpError(402, "pay-first")
    if req.query:
        raise HttpError(409)
    res.status(201).json({})


@handler("/orders/{id:int}", methods=("GET", "HEAD"))
def read(req, res: Response[list[Line]], lctx, gctx): ...


@delete("/nothing", deprecated=True)
def nothing(req: Request[None], res: "Response[None]", lctx, gctx):
    res.status(299).json(None)


@get("/orders/changes")
def changes(req, res: Response[AsyncIterator[Order]], lctx, gctx):
    """What is ordered, as it is ordered."""
    res.events(gctx.modules.orders.changes())


@put("/orders/{id:int}/picture")
def keep_picture(req: Request[bytes], res: Response[bytes], lctx, gctx):
    res.bytes(req.body, media_type="image/png")


@module("orders", hosts=["db.example.org"], secrets=("db",))
def open_orders(resources):
    """Orders that were placed."""


@authenticator(roles=["seller"])
class Tokens: ...
