"""The same dispatch over HTTP/2: a real server that speaks it, and a real client."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import hypercorn.config
import hypercorn.trio
import trio
import trustme
from trio.testing import trio_test

from gnomon_ingress import Cors, Event, HttpError, Limits, Request, Response, asgi


async def dispatch(req: Request, res: Response) -> None:
    async def numbers() -> AsyncIterator[Event]:
        for number in range(3):
            yield Event(data=number, id=str(number))
            await trio.sleep(0.01)

    if req.path == "/upload":
        res.json([[part.name, len(await part.read(limit=2**20))] async for part in req.parts()])
    elif req.path == "/events":
        res.events(numbers())
    elif req.path == "/große":
        assert req.client is not None
        res.cookie("a", "b").cookie("c", "d").json([req.method, req.scheme, req.headers["host"], req.query])
    elif req.path == "/none":
        res.empty()
    else:
        raise HttpError(404, "nothing_here", headers={"x-why": "because"})


@trio_test
async def test_http2(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:0"]
    config.certfile, config.keyfile = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    config.accesslog = config.errorlog = None
    application = asgi(Cors(["https://app.example"]).wrap(dispatch), limits=Limits(body_size=200_000))
    async with trio.open_nursery() as nursery:
        [base] = await nursery.start(
            lambda task_status: hypercorn.trio.serve(application, config, task_status=task_status)  # type: ignore[arg-type]
        )
        async with httpx.AsyncClient(
            base_url=base.replace("http:", "https:"), verify=trusting, http2=True
        ) as client:
            answer = await client.get("/gro%C3%9Fe?a=1", headers={"origin": "https://app.example"})
            assert answer.http_version == "HTTP/2"
            assert answer.json() == ["GET", "https", base.partition("//")[2], {"a": "1"}]
            assert answer.headers["access-control-allow-origin"] == "https://app.example"
            assert dict(answer.cookies) == {"a": "b", "c": "d"}
            files = {"one": b"x" * 100_000, "two": b""}
            assert (await client.post("/upload", files=files)).json() == [["one", 100_000], ["two", 0]]
            assert (await client.get("/events")).text == "".join(f"id: {n}\ndata: {n}\n\n" for n in range(3))
            assert ((await client.head("/none")).status_code, (await client.get("/none")).content) == (
                204,
                b"",
            )
            answer = await client.get("/nothing")
            assert (answer.status_code, answer.headers["x-why"]) == (404, "because")
            answers: list[httpx.Response] = []

            async def ask() -> None:
                answers.append(await client.get("/events"))

            async with trio.open_nursery() as many:
                for _ in range(30):
                    many.start_soon(ask)
            assert {answer.status_code for answer in answers} == {200}
        nursery.cancel_scope.cancel()
