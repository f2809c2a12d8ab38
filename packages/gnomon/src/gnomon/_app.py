"""The composition root: constructor calls that make one runtime of the packages."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import trio

from gnomon_context import GlobalContext, LocalContext, open_global_context
from gnomon_context.runtime import check_modules
from gnomon_ingress import Config as ServerConfig
from gnomon_ingress import HttpError, Request, Response, Server, decode_segment
from gnomon_manifest.declare import HandlerDeclaration
from gnomon_orchestrator import Hook, Listener, Orchestrator
from gnomon_orchestrator.protocols import Boundary, Guard
from gnomon_router import MethodNotAllowed, RouteNotFound, Router
from gnomon_snapshot import Recorder, Redactor, protect

from ._arguments import check_callable, check_kind
from ._binding import request_validator, response_validator
from ._config import Config
from ._errors import AppAlreadyOpen, AppNotRunning, HandlerUnusable
from ._hooks import global_hooks, route_hooks
from ._lanes import Lane, Spec
from ._places import blaming, place_of
from ._policies import Guards, PolicyEnforcer
from ._recording import Recordings, Redactors
from ._replay import Replays, ReplayStage
from ._routes import Endpoint, Route
from ._services import services
from ._serving import Address, answered, serve, serve_until_signalled, serve_with_workers
from ._sources import Source, collect
from ._storing import storing
from ._websockets import socket_route, upgrade_required

# Seconds for which a step may hold the event loop before development says so.
_BLOCKING: Final = 0.1


class App:
    """An application: handlers and hooks, assembled once into plans, ready to be served.

    Args:
        sources: Handlers, hooks, modules, or names of modules; a package stands for everything in it.
        modules: Services that requests share, by name: a value, a `Module` with a factory, or what `@module` decorates.
            One that is given here takes the place of one of the same name that a source declares.
        hooks: Global hooks that run outside of those the sources declare.
        listeners: Receive lifecycle events.
        guards: Stand before validation and hooks of every route: authentication, limits. One that is a `PolicyEnforcer` makes
            a guard for each route whose roles or rate limit it enforces.
        config: How the application behaves.
        secrets: Gives a secret by name to modules that are allowed it: `os.environ.get`, or an async function.
        setup: Called with the global context whenever the application is opened, before modules start: the place for
            `gctx.on_startup`, `on_pre_shutdown`, `on_shutdown`, `on_health_check` and `on_alert`.
        recording: Which requests are recorded, so that they can be replayed, and where recordings are kept.
        boundaries: Stand between the steps of every request: a `gnomon_snapshot.Debugger`, or `TimeTravel`. What the types
            of a handler call sensitive is in no snapshot of its requests, whoever takes it.

    Raises:
        SourceUnusable: A source that cannot be imported or declares nothing.
        RouteConflict: Two handlers for one method and path.
        PolicyNotEnforced: A route demands what nothing enforces.
        HandlerUnusable: A path that cannot be read, or a type that no validator can be made of.
        TypeError: An argument is of the wrong kind.

    >>> from gnomon import App, get
    >>> @get("/hello/{name}")
    ... async def hello(req, res, lctx, gctx):
    ...     res.text(f"hello {req.params['name']}")
    >>> app = App(hello)
    >>> [(route.method, route.path) for route in app.routes]
    [('GET', '/hello/{name}')]
    """

    def __init__(
        self,
        *sources: Source,
        modules: Mapping[str, Any] | None = None,
        hooks: Iterable[Hook | Callable[..., Any]] = (),
        listeners: Iterable[Listener] = (),
        guards: Iterable[Guard | PolicyEnforcer] = (),
        config: Config | None = None,
        secrets: Callable[[str], Any] | None = None,
        setup: Callable[[GlobalContext[Any]], object] | None = None,
        recording: Recorder | None = None,
        boundaries: Iterable[Boundary] = (),
    ) -> None:
        check_kind(
            "modules", modules, Mapping, "maps names to services, as in modules={'orders': OrderStore()}"
        )
        check_kind("config", config, Config, "is a gnomon.Config")
        check_kind("recording", recording, Recorder, "is a gnomon_snapshot.Recorder")
        check_callable("setup", setup, "is a function of the global context, and not async")
        check_callable("secrets", secrets, "is a function of a name; for a mapping give its .get")
        self.config: Final = config or Config()
        self._secrets, self._setup = secrets, setup
        self._guards: Final = Guards(guards)
        declared = collect(sources)
        self._guards.refuse_unenforced(declared.handlers)
        self._modules = services(declared.modules, modules or {})
        self._gctx: GlobalContext[Any] | None = None
        self._hooks = global_hooks(hooks, [function for function, _ in declared.hooks])
        self._listeners = tuple(listeners)
        between = tuple(boundaries)
        self._orchestrator = Orchestrator(
            hooks=self._hooks,
            listeners=self._listeners,
            guards=self._guards.everywhere,
            boundaries=between,
            blocking=_BLOCKING if self.config.development else None,
        )
        self.recorder: Final = recording
        self._recordings = (
            None if recording is None else Recordings(recording, self._make_lane, self._listeners, between)
        )
        self._redactors: Final = Redactors()
        self._replays: Replays | None = None
        self._router: Router[Endpoint] = Router()
        self._refusals: dict[tuple[str, ...], Endpoint] = {}
        self._not_found = self._refusal(
            lambda: HttpError(404, "route_not_found", "There is nothing at this path.")
        )
        self.routes: Final = tuple(
            route for handler, declaration in declared.handlers for route in self._add(handler, declaration)
        )

    def _add(self, handler: Callable[..., Any], declaration: HandlerDeclaration) -> list[Route]:
        with blaming(handler, declaration.id):
            if declaration.path in (self.config.server.live_path, self.config.server.ready_path):
                raise HandlerUnusable(
                    f"the server answers {declaration.path} itself, so the handler would never be reached: give it "
                    "another path, or Config(server=...) other paths for the probes"
                )
            return (
                self._add_socket(handler, declaration)
                if declaration.websocket
                else self._add_plan(handler, declaration)
            )

    def _add_plan(self, handler: Callable[..., Any], declaration: HandlerDeclaration) -> list[Route]:
        timeout = self.config.timeout if declaration.timeout is None else declaration.timeout
        plan = self._orchestrator.plan(
            handler,
            hooks=route_hooks(declaration, self._hooks),
            guards=self._guards.of(declaration),
            request=request_validator(handler),
            response=response_validator(handler, declaration, development=self.config.development),
            name=declaration.id,
            version=declaration.version or "",
        )
        where = f"{declaration.id} ({place_of(handler)})"
        spec = Spec(handler, declaration)
        endpoint = Endpoint(plan, timeout, declaration.body_limit, declaration.version or "", where, spec)
        routes = []
        for method in declaration.methods:
            self._router.add(method, declaration.path, endpoint)
            routes.append(Route(method, declaration.path, declaration.id, plan))
        return routes

    def _add_socket(self, handler: Callable[..., Any], declaration: HandlerDeclaration) -> list[Route]:
        timeout = self.config.timeout if declaration.timeout is None else declaration.timeout
        guards = self._guards.of(declaration)
        socket = socket_route(self._orchestrator, handler, declaration, self._hooks, guards)
        plan = self._orchestrator.refusal(upgrade_required, name=declaration.id)
        where = f"{declaration.id} ({place_of(handler)})"
        version = declaration.version or ""
        endpoint = Endpoint(plan, timeout, None, version, where, Spec(make_error=upgrade_required), socket)
        self._router.add("GET", declaration.path, endpoint)
        return [Route("GET", declaration.path, declaration.id, socket.plan)]

    def _refusal(self, make_error: Callable[[], Exception]) -> Endpoint:
        plan = self._orchestrator.refusal(make_error, name="refusal")
        return Endpoint(plan, self.config.timeout, None, "", "refusal", Spec(make_error=make_error))

    def _not_allowed(self, allowed: tuple[str, ...]) -> Endpoint:
        """One plan for each set of methods: there are as many as there are shapes of path."""
        endpoint = self._refusals.get(allowed)
        if endpoint is None:
            headers = {"Allow": ", ".join(allowed)}
            detail = "This path does not answer the method of the request."
            endpoint = self._refusals[allowed] = self._refusal(
                lambda: HttpError(405, "method_not_allowed", detail, headers=headers)
            )
        return endpoint

    def _find(self, req: Request[Any, Any, Any]) -> tuple[Endpoint, str]:
        """What answers a request, and the pattern that matched; its path parameters are on it."""
        pattern = ""
        try:
            endpoint, req.params, pattern = self._router.match(req.method, req.path)
        except RouteNotFound:
            endpoint = self._not_found
        except MethodNotAllowed as refused:
            endpoint = self._not_allowed(tuple(refused.allowed))
        if "%" in req.path:
            req.params = {
                name: decode_segment(value) if isinstance(value, str) else value
                for name, value in req.params.items()
            }
        return endpoint, pattern

    def _hidden(self, lctx: LocalContext, res: Response[Any] | None) -> Mapping[str, Redactor]:
        """What blanks the sensitive places of a request, wherever a snapshot of it is taken."""
        try:
            endpoint = self._router.match(lctx.meta.method, lctx.meta.path).endpoint
        except (RouteNotFound, MethodNotAllowed):
            return {}
        return self._redactors.of(endpoint.typed, 0 if res is None else res.status_code)

    async def dispatch(self, req: Request[Any, Any, Any], res: Response[Any]) -> None:
        """Run one request through the whole lifecycle, up to its last byte and cleanup.

        Raises:
            AppNotRunning: The application was not opened.
        """
        gctx = self._gctx
        if gctx is None:
            raise AppNotRunning("open the application first: async with app.open(), app.serve() or app.run()")
        endpoint, pattern = self._find(req)
        if endpoint.body_limit is not None:
            req.body_limit = endpoint.body_limit
        lctx = LocalContext(
            gctx,
            method=req.method,
            path=req.path,
            route=pattern,
            version=endpoint.version,
            traceparent=req.headers.get("traceparent"),
            scope=req.scope,
            timeout=endpoint.timeout,
        )
        if endpoint.socket is not None and req.websocket is not None:
            req.bind_abort(lctx.cancel)
            await endpoint.socket.run(req.websocket, req, lctx, gctx)
            return
        recordings = self._recordings
        if recordings is not None and recordings.recorder.wants(lctx, req):  # noqa: SIM102 - two questions
            if await recordings.run(endpoint.spec, req, res, lctx, endpoint.timeout):
                return
        req.bind_abort(lctx.cancel)
        await endpoint.plan.run(req, res, lctx, gctx)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[GlobalContext[Any]]:
        """Start the application without serving it: modules up, `dispatch` usable, everything down at the end.

        Raises:
            AppAlreadyOpen: It is open already.
        """
        if self._gctx is not None:
            raise AppAlreadyOpen(
                "the application is open already: make another App for a second run beside it"
            )
        shared = self._make_global()
        protect(shared, self._hidden)
        if self._setup is not None:
            self._setup(shared)
        if self.recorder is not None:
            self.recorder.report_to(shared)
        async with storing(self.recorder), open_global_context(shared) as gctx:
            self._gctx = gctx
            try:
                yield gctx
            finally:
                self._gctx = None

    def _make_global(self) -> GlobalContext[Any]:
        """What requests are to share, its configuration read and no module started."""
        return GlobalContext(
            modules=self._modules,
            config=self.config.settings,
            secrets=self._secrets,
            max_detached=self.config.max_detached,
        )

    def check(self) -> None:
        """Check what is read only when the application is opened: its configuration, and what its modules need.

        No module is started.

        Raises:
            ConfigError: The configuration cannot be read, or is not valid.
            ModuleNotFound: A module depends on one that is not there.
            ModuleCycle: Modules depend on each other.
        """
        check_modules(self._make_global())

    def open_replay(self, *, live: frozenset[str] = frozenset()) -> AbstractAsyncContextManager[ReplayStage]:
        """Open the application for replays; `gnomon_snapshot.replay` does it.

        Args:
            live: The names of the modules that are started; the others are neither started nor touched.
        """
        if self._replays is None:
            self._replays = Replays(
                self._found,
                self._make_lane,
                self._modules,
                self.config.settings,
                self.recorder,
                self._secrets,
            )
        return self._replays.open(live)

    def _found(self, req: Request[Any, Any, Any]) -> tuple[Spec, str, str, float, int | None]:
        endpoint, pattern = self._find(req)
        return endpoint.spec, pattern, endpoint.version, endpoint.timeout, endpoint.body_limit

    def _make_lane(self, *, listeners: Iterable[Listener], **options: Any) -> Lane:
        """Other plans for the same routes; a replay tells nobody but itself."""
        return Lane(
            self._hooks, self._guards, listeners=listeners, development=self.config.development, **options
        )

    @property
    def server_config(self) -> ServerConfig:
        """How the server is told to behave: as configured, and not ready while `gctx.health()` is unhealthy."""
        return replace(self.config.server, is_ready=self._is_ready)

    async def _is_ready(self) -> bool:
        configured, gctx = self.config.server.is_ready, self._gctx
        if gctx is None or not (configured is None or await answered(configured)):
            return False
        return (await gctx.health()).status != "unhealthy"

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        uds: str | os.PathLike[str] | None = None,
        uds_mode: int = 0o600,
        tls: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve HTTP until cancelled; a cancellation drains: what runs may finish within the server's grace.

        Args:
            host: A name or an address.
            port: 0 takes a free one.
            uds: The path of a Unix socket, in place of host and port.
            uds_mode: Its permissions.
            tls: Speaks HTTPS if given.
            task_status: Started with the URL once requests are answered.

        Raises:
            OSError: The address is in use or not ours.
        """
        address = Address(host=host, port=port, uds=uds, uds_mode=uds_mode, tls=tls)
        await serve(self, self._server(), address, task_status=task_status)

    def run(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        uds: str | os.PathLike[str] | None = None,
        uds_mode: int = 0o600,
        tls: ssl.SSLContext | None = None,
        workers: int = 1,
        ready: Callable[[str], object] | None = None,
    ) -> None:
        """Serve HTTP in a trio loop of its own until SIGINT or SIGTERM.

        The first signal announces the shutdown (`on_pre_shutdown` runs, while requests are still served), then drains
        and shuts down; a second one ends the grace of the drain.

        Args:
            host: A name or an address.
            port: 0 takes a free one.
            uds: The path of a Unix socket, in place of host and port; it is removed at the end.
            uds_mode: Its permissions.
            tls: Speaks HTTPS if given.
            workers: How many processes; each opens the application for itself, and one that dies is replaced.
            ready: Called with the URL once requests are answered, in each process.

        Raises:
            OSError: The address is in use or not ours.
            ValueError: Several workers and port 0, or a Unix socket.
            RuntimeError: Not in the main thread, the one that gets signals: use `serve` there.
        """
        address = Address(host=host, port=port, uds=uds, uds_mode=uds_mode, tls=tls)
        if workers == 1:
            trio.run(serve_until_signalled, self, self._server(), address, ready)
        else:
            serve_with_workers(self, self._server, address, workers, ready)

    def _server(self) -> Server:
        return Server(self.dispatch, config=self.server_config)
