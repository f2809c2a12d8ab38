"""Read by mypy and pyright, never run: each line marked `error` must be refused, every other accepted."""

from __future__ import annotations

from typing import Generic, TypeVar, assert_type

from gnomon_manifest.declare import after, before, catch, get, group, handler, post, websocket

T = TypeVar("T")


class Request(Generic[T]):
    body: T


class Response(Generic[T]):
    def json(self, value: T) -> None: ...


class LocalContext: ...


class GlobalContext: ...


class Socket: ...


@post("/orders", roles=("buyer",), rate_limit="100/minute", timeout=2.0, responses={409: str})
async def create(req: Request[int], res: Response[str], lctx: LocalContext, gctx: GlobalContext) -> None:
    res.json(str(req.body + 1))


async def keeps_its_signature() -> None:
    assert_type(await create(Request[int](), Response[str](), LocalContext(), GlobalContext()), None)
    await create("1", Response[str](), LocalContext(), GlobalContext())  # error


@get("/a")
def any_order(gctx: GlobalContext, lctx: LocalContext, res: Response[str], req: Request[int]) -> int:
    return 1


assert_type(any_order(GlobalContext(), LocalContext(), Response[str](), Request[int]()), int)


@get("/a")  # error
def wrong_name(
    request: Request[int], res: Response[str], lctx: LocalContext, gctx: GlobalContext
) -> None: ...


@get("/a")  # error
def missing_name(req: Request[int], res: Response[str], lctx: LocalContext) -> None: ...


@get("/a")  # error
def positional(req: Request[int], res: Response[str], lctx: LocalContext, gctx: GlobalContext, /) -> None: ...


@handler("/a", methods=("GET",))  # error
async def one_too_many(
    req: object, res: object, lctx: object, gctx: object, more: int, most: int
) -> None: ...


class Orders:
    @get("/orders")
    def read(
        self, req: Request[int], res: Response[str], lctx: LocalContext, gctx: GlobalContext
    ) -> None: ...


@websocket("/live")
async def live(req: Request[int], ws: Socket, lctx: LocalContext, gctx: GlobalContext) -> None: ...


@websocket("/live")  # error
async def no_socket(req: Request[int], res: Socket, lctx: LocalContext, gctx: GlobalContext) -> None: ...


@before
def bare(req: Request[int]) -> int:
    return 1


assert_type(bare(Request[int]()), int)


@before(timeout=1.0, at="received")
async def two(gctx: GlobalContext, lctx: LocalContext) -> None: ...


@before
def nothing() -> None: ...


@after(requires=bare)
def late(res: Response[str]) -> None: ...


@catch
def caught(error: Exception, res: Response[str]) -> None: ...


@before  # error
def wants_the_error(error: Exception) -> None: ...


@before(timeout=1.0)  # error
def wants_a_context(context: LocalContext) -> None: ...


@catch  # error
def abbreviates(err: Exception) -> None: ...


def plain(req: Request[int]) -> None: ...


def not_a_hook(context: LocalContext) -> None: ...


orders = group("/orders", before=[plain])


@orders.get("/{id}", before=[plain, bare])
def grouped(req: Request[int], res: Response[str], lctx: LocalContext, gctx: GlobalContext) -> None: ...


post("/a", before=[not_a_hook])  # error
post("/a", timeot=1)  # error
post("/a", timeout="1")  # error
