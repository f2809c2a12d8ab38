"""What a manifest holds: immutable data, without a time, a path of a machine, or an object of the code it describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from ._findings import Position
from ._policy import UNBOUNDED, RateLimit

__all__ = [
    "Handler",
    "HandlerTypes",
    "Hook",
    "HookLevel",
    "ModuleDependency",
    "ModuleEntry",
    "OpenEdge",
    "Policies",
    "Problem",
    "TypeEntry",
]

HookLevel: TypeAlias = Literal["global", "route", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook that can run for a handler.

    Args:
        name: the name it was declared with, or `module.qualified_name`.
        point: before the handler, after it, or in catch of a failure.
        level: `global`, `route`, or `local` when code registers it while a request runs.
        order: position among the hooks of its point, in the order in which they run, from 0.
        timeout: seconds that one attempt may take, or None.
        retries: further attempts after a failure.
        backoff: seconds before the first retry.
        retry_on: qualified names of the exceptions that are worth a further attempt.
        isolated, in_thread, at, requires: as declared.
        asynchronous: whether the hook is an `async def`.
        source: where it stands.
    """

    name: str
    point: Literal["before", "after", "catch"]
    level: HookLevel
    order: int
    timeout: float | None
    retries: int
    backoff: float
    retry_on: tuple[str, ...]
    isolated: bool
    in_thread: bool
    at: Literal["received"] | None
    requires: str | None
    asynchronous: bool
    source: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What a route demands before its handler runs; see `HandlerDeclaration`.

    A `timeout` of infinity is a route without a deadline, and None one that declares nothing.
    """

    roles: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    body_limit: int | None = None
    timeout: Annotated[float, UNBOUNDED] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerTypes:
    """The types of a handler, each as the digest under which `Manifest.types` has its schema.

    Args:
        params: type of each path parameter.
        query, headers, body: types of the request; None where the source declares none.
        accepts: media types in which the body is taken; `*/*` for any body as it is, empty without a declared body.
        responses: type of the body for each status; None for a status without a declared body.
        media: media types in which the declared body, or the stream, of a status is sent; `*/*` for one that is computed.
        stream: whether the answer is declared to be a stream.
        items: type of the items of the stream; None where the source declares none.
        receives, sends: types of the messages of a WebSocket, as the handler receives and sends them; None where the
            source declares none.
    """

    params: Mapping[str, str]
    query: str | None
    headers: str | None
    body: str | None
    accepts: tuple[str, ...]
    responses: Mapping[int, str | None]
    media: Mapping[int, tuple[str, ...]]
    stream: bool
    items: str | None
    receives: str | None
    sends: str | None

    def digests(self) -> Iterator[str]:
        """Every type that is referred to."""
        whole = (self.query, self.headers, self.body, self.items, self.receives, self.sends)
        for digest in (*self.params.values(), *whole, *self.responses.values()):
            if digest is not None:
                yield digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleDependency:
    """A module of the global context that a handler or its hooks ask for.

    Args:
        name: attribute, or the source text of the key.
        how: `attribute`, `item` (a type or module key) or `key` (a literal).
        source: where it is first asked for.
    """

    name: str
    how: str
    source: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleEntry:
    """A module of the global context that the source declares, with what it may use; see `ModuleDeclaration`.

    Args:
        source: what makes it.
    """

    name: str
    hosts: tuple[str, ...]
    files: tuple[str, ...]
    writable: tuple[str, ...]
    secrets: tuple[str, ...]
    modules: tuple[str, ...]
    summary: str
    source: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEdge:
    """A place where the reach of static analysis ends.

    Args:
        kind: `module`, `distribution` or `dynamic`.
        name: the module, the distribution, or the construct.
        version: the installed version of a distribution, where it is installed.
    """

    kind: Literal["distribution", "dynamic", "module"]
    name: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error answer that the reachable code names: a status, and its problem code where that is a literal."""

    status: int
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One handler, as the source declares it.

    Args:
        id: unique name.
        module: dotted name of the module it is defined in.
        name: qualified name in that module.
        path: path pattern with the prefixes of its groups; None for a handler without a declaration.
        methods: HTTP methods; empty for a handler without a declaration.
        websocket: whether it speaks WebSocket.
        asynchronous: whether it is an `async def`.
        source: where it stands.
        summary, description, tags, version, deprecated, parameters: documentation, as declared or from the docstring.
        types: the types of request and responses.
        problems: error answers that the reachable code names, by status and code.
        policies: what the route demands.
        hooks: every hook that can run for it, by point and then in the order in which they run.
        modules: modules of the global context that it and its hooks ask for.
        open_edges: where the reach of its fingerprint ends.
        contract: SHA-256 over path, methods, types, statuses and policies.
        fingerprint: SHA-256 over the contract and everything that the handler and its hooks reach in the project.
    """

    id: str
    module: str
    name: str
    path: str | None
    methods: tuple[str, ...]
    websocket: bool
    asynchronous: bool
    source: Position
    summary: str
    description: str
    tags: tuple[str, ...]
    version: str | None
    deprecated: bool | str
    parameters: Mapping[str, str]
    types: HandlerTypes
    problems: tuple[Problem, ...]
    policies: Policies
    hooks: tuple[Hook, ...]
    modules: tuple[ModuleDependency, ...]
    open_edges: tuple[OpenEdge, ...]
    contract: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeEntry:
    """A type that handlers refer to.

    Args:
        name: a name for people and for generated code, where the type has one.
        validation: JSON Schema 2020-12 of what is accepted.
        serialization: JSON Schema 2020-12 of what is sent.
    """

    name: str | None
    validation: Any
    serialization: Any
