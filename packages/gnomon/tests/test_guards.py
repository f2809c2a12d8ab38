"""Guards stand before the body is read; policies that one enforces are allowed."""

from typing import TypedDict

import pytest
from trio.testing import trio_test

from gnomon import App, HttpError, PolicyNotEnforced, Request, get, post, websocket
from gnomon.testing import Client


class Order(TypedDict):
    sku: str


@post("/orders", roles=("buyer",))
async def order(req: Request[Order], res, lctx, gctx):
    res.json(req.body)


@get("/open")
async def everybody(req, res, lctx, gctx):
    res.text("come in")


class HasRole:
    name = "has_role"

    def __init__(self, roles):
        self.roles = roles

    async def check(self, req, res, lctx, gctx):
        if req.headers.get("role") not in self.roles:
            raise HttpError(403, "forbidden")


class Roles:
    enforces = frozenset({"roles"})

    def guard_for(self, declaration):
        return HasRole(declaration.roles) if declaration.roles else None


class Authenticated:
    name = "authenticated"

    def check(self, req, res, lctx, gctx):
        if "authorization" not in req.headers:
            raise HttpError(401, "unauthenticated")


@trio_test
async def test_a_policy_is_enforced_before_the_body_is_looked_at(autojump_clock):
    async with Client(App(order, everybody, guards=[Roles()])) as client:
        assert (await client.post("/orders", json={"no": "order"})).status == 403
        assert (await client.post("/orders", json={"no": "order"}, headers={"role": "buyer"})).status == 400
        assert (await client.post("/orders", json={"sku": "a"}, headers={"role": "buyer"})).status == 200
        assert (await client.get("/open")).status == 200


@trio_test
async def test_a_guard_stands_before_every_route(autojump_clock):
    async with Client(App(order, everybody, guards=[Authenticated(), Roles()])) as client:
        assert (await client.post("/orders", json={})).status == 401
        assert (await client.get("/open")).status == 401
        assert (await client.get("/open", headers={"authorization": "x"})).status == 200


@trio_test
async def test_a_websocket_has_guards_too(autojump_clock):
    @websocket("/chat", roles=("member",))
    async def chat(req, ws, lctx, gctx):
        await ws.send("hello")

    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    async with Client(App(chat, guards=[Roles()])) as client:
        assert (await client.get("/chat", headers=upgrade)).status == 403


@post("/slow", rate_limit="5/minute", roles=("buyer",))
def limited(req, res, lctx, gctx):
    res.text("ok")


def test_what_nothing_enforces_is_refused_still():
    with pytest.raises(PolicyNotEnforced, match=r"demands rate_limit=5 in 60 s  .*\n.*PolicyEnforcer"):
        App(limited, guards=[Roles()])


def test_what_is_no_guard_is_refused():
    with pytest.raises(TypeError, match="is no guard: a guard has a name"):
        App(everybody, guards=[object()])
