"""The call shapes that a handler or hook may have, as keyword-only protocols for type checkers.

Binding is by name, so each protocol asks for names and for nothing else: the order of parameters and their
types stay the user's own. A hook takes any subset of the names; there is no way to say "a subset" in the type
system, so each subset is a protocol of its own and a hook is the union of them.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

__all__ = ["AnyHandler", "AnyHook", "AnyWebSocketHandler", "CatchHook", "HandlerFunction", "HandlerMethod"]


class HandlerFunction(Protocol):
    """A function that takes exactly `req, res, lctx, gctx`, by name."""

    def __call__(self, *, req: Any, res: Any, lctx: Any, gctx: Any) -> object: ...


class HandlerMethod(Protocol):
    """A method that takes exactly `req, res, lctx, gctx` beside its instance."""

    def __call__(self, instance: Any, /, *, req: Any, res: Any, lctx: Any, gctx: Any) -> object: ...


class WebSocketFunction(Protocol):
    """A function that takes exactly `req, ws, lctx, gctx`, by name."""

    def __call__(self, *, req: Any, ws: Any, lctx: Any, gctx: Any) -> object: ...


class WebSocketMethod(Protocol):
    """A method that takes exactly `req, ws, lctx, gctx` beside its instance."""

    def __call__(self, instance: Any, /, *, req: Any, ws: Any, lctx: Any, gctx: Any) -> object: ...


AnyHandler: TypeAlias = HandlerFunction | HandlerMethod
AnyWebSocketHandler: TypeAlias = WebSocketFunction | WebSocketMethod


class _Nothing(Protocol):
    def __call__(self) -> object: ...


class _Req(Protocol):
    def __call__(self, *, req: Any) -> object: ...


class _Res(Protocol):
    def __call__(self, *, res: Any) -> object: ...


class _Lctx(Protocol):
    def __call__(self, *, lctx: Any) -> object: ...


class _Gctx(Protocol):
    def __call__(self, *, gctx: Any) -> object: ...


class _ReqRes(Protocol):
    def __call__(self, *, req: Any, res: Any) -> object: ...


class _ReqLctx(Protocol):
    def __call__(self, *, req: Any, lctx: Any) -> object: ...


class _ReqGctx(Protocol):
    def __call__(self, *, req: Any, gctx: Any) -> object: ...


class _ResLctx(Protocol):
    def __call__(self, *, res: Any, lctx: Any) -> object: ...


class _ResGctx(Protocol):
    def __call__(self, *, res: Any, gctx: Any) -> object: ...


class _LctxGctx(Protocol):
    def __call__(self, *, lctx: Any, gctx: Any) -> object: ...


class _ReqResLctx(Protocol):
    def __call__(self, *, req: Any, res: Any, lctx: Any) -> object: ...


class _ReqResGctx(Protocol):
    def __call__(self, *, req: Any, res: Any, gctx: Any) -> object: ...


class _ReqLctxGctx(Protocol):
    def __call__(self, *, req: Any, lctx: Any, gctx: Any) -> object: ...


class _ResLctxGctx(Protocol):
    def __call__(self, *, res: Any, lctx: Any, gctx: Any) -> object: ...


class _ReqResLctxGctx(Protocol):
    def __call__(self, *, req: Any, res: Any, lctx: Any, gctx: Any) -> object: ...


class _Error(Protocol):
    def __call__(self, *, error: Any) -> object: ...


class _ReqError(Protocol):
    def __call__(self, *, req: Any, error: Any) -> object: ...


class _ResError(Protocol):
    def __call__(self, *, res: Any, error: Any) -> object: ...


class _LctxError(Protocol):
    def __call__(self, *, lctx: Any, error: Any) -> object: ...


class _GctxError(Protocol):
    def __call__(self, *, gctx: Any, error: Any) -> object: ...


class _ReqResError(Protocol):
    def __call__(self, *, req: Any, res: Any, error: Any) -> object: ...


class _ReqLctxError(Protocol):
    def __call__(self, *, req: Any, lctx: Any, error: Any) -> object: ...


class _ReqGctxError(Protocol):
    def __call__(self, *, req: Any, gctx: Any, error: Any) -> object: ...


class _ResLctxError(Protocol):
    def __call__(self, *, res: Any, lctx: Any, error: Any) -> object: ...


class _ResGctxError(Protocol):
    def __call__(self, *, res: Any, gctx: Any, error: Any) -> object: ...


class _LctxGctxError(Protocol):
    def __call__(self, *, lctx: Any, gctx: Any, error: Any) -> object: ...


class _ReqResLctxError(Protocol):
    def __call__(self, *, req: Any, res: Any, lctx: Any, error: Any) -> object: ...


class _ReqResGctxError(Protocol):
    def __call__(self, *, req: Any, res: Any, gctx: Any, error: Any) -> object: ...


class _ReqLctxGctxError(Protocol):
    def __call__(self, *, req: Any, lctx: Any, gctx: Any, error: Any) -> object: ...


class _ResLctxGctxError(Protocol):
    def __call__(self, *, res: Any, lctx: Any, gctx: Any, error: Any) -> object: ...


class _ReqResLctxGctxError(Protocol):
    def __call__(self, *, req: Any, res: Any, lctx: Any, gctx: Any, error: Any) -> object: ...


AnyHook: TypeAlias = (
    _Nothing
    | _Req
    | _Res
    | _Lctx
    | _Gctx
    | _ReqRes
    | _ReqLctx
    | _ReqGctx
    | _ResLctx
    | _ResGctx
    | _LctxGctx
    | _ReqResLctx
    | _ReqResGctx
    | _ReqLctxGctx
    | _ResLctxGctx
    | _ReqResLctxGctx
)

CatchHook: TypeAlias = (
    AnyHook
    | _Error
    | _ReqError
    | _ResError
    | _LctxError
    | _GctxError
    | _ReqResError
    | _ReqLctxError
    | _ReqGctxError
    | _ResLctxError
    | _ResGctxError
    | _LctxGctxError
    | _ReqResLctxError
    | _ReqResGctxError
    | _ReqLctxGctxError
    | _ResLctxGctxError
    | _ReqResLctxGctxError
)
