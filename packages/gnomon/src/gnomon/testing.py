"""A client for tests: the whole path of a request, bytes included, without a socket."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from gnomon_ingress.testing import Answer
from gnomon_ingress.testing import Client as DispatchClient

from ._app import App

__all__ = ["Answer", "Client"]


class Client(DispatchClient):
    """Opens an application and talks to it through parser, limits, router and plans; no socket, no thread.

    Args:
        app: The application; it is started with the block and stopped at its end.
        base_headers: Sent with every request, unless the request has its own.

    >>> import trio
    >>> from gnomon import App, get
    >>> @get("/hello/{name}")
    ... async def hello(req, res, lctx, gctx):
    ...     res.json({"hello": req.params["name"]})
    >>> async def try_it():
    ...     async with Client(App(hello)) as client:
    ...         answer = await client.get("/hello/world")
    ...         print(answer.status, answer.json())
    >>> trio.run(try_it)
    200 {'hello': 'world'}
    """

    def __init__(self, app: App, *, base_headers: Mapping[str, str] | None = None) -> None:
        super().__init__(app.dispatch, config=app.server_config, base_headers=base_headers)
        self._opening = app.open()

    async def __aenter__(self) -> Client:
        await self._opening.__aenter__()
        await super().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            # The application ends last, and even if what the block raised is a cancellation.
            await self._opening.__aexit__(kind, error, trace)
        return None
