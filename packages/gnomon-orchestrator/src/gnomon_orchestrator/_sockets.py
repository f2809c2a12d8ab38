"""The way out of a WebSocket: like that of a request until it is accepted, and shorter from then on."""

from __future__ import annotations

import trio

from gnomon_context import RequestPhase
from gnomon_context.runtime import commit, join_tasks

from ._cause import Gone, without_cancelled
from ._ending import Ending

# RFC 6455, section 7.4.1.
NORMAL, GOING_AWAY, INTERNAL_ERROR = 1000, 1001, 1011
# The codes that may be sent; 1004 to 1006 and 1015 only say what happened to somebody (section 7.4).
_SENDABLE = frozenset([*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)])
# What the client sent cannot be taken: its kind, its content, what it asks for, its size.
_CLIENTS_FAULT = frozenset([1003, 1007, 1008, 1009])


class SocketEnding(Ending):
    """The ending of a request that opens a WebSocket."""

    __slots__ = ()

    CUT_OFF = "%s failed after it had accepted a WebSocket"

    # A WebSocket that has not failed.

    async def _join_well(self) -> None:
        lctx = self.run.lctx
        if self.run.ws.accepted:
            # There is no deadline any more, and nobody to talk to: tasks have the time of an exit, and no more.
            with trio.move_on_after(self.plan.exit_timeout):
                await join_tasks(lctx)
        await join_tasks(lctx)

    async def _answer_well(self) -> None:
        run = self.run
        if not run.ws.accepted:
            await super()._answer_well()
            return
        self._check_leaks()
        await self._leave_well()
        commit(run.lctx)
        # A cancellation that came while this was left is the first cause, but changes nothing any more.
        kind = run.lctx.settle("ok").kind
        run.advance(RequestPhase.RESPONDING)
        if kind == "disconnect":
            run.lctx.truncated()
        else:
            await self._close(GOING_AWAY if kind == "shutdown" else NORMAL)

    def _no_answer(self) -> str:
        return (
            f"{self.plan.name} returned without accepting the WebSocket or finishing ws.answer: "
            "call await ws.accept()"
        )

    # One that has.

    def _is_cut(self) -> bool:
        # What is sent instead of the acceptance can be cut, too.
        return bool(self.run.ws.accepted) or super()._is_cut()

    def _mark_cut(self) -> None:
        # Its close says how it ended, if it can be sent.
        if not self.run.ws.accepted:
            super()._mark_cut()

    def _blames_the_client(self, error: BaseException | None) -> bool:
        return bool(self.run.ws.accepted) and getattr(error, "close_code", None) in _CLIENTS_FAULT

    async def _end_cut(self, kind: str) -> None:
        if not self.run.ws.accepted:
            return
        gone = kind == "disconnect"
        if gone or not await self._close(self._code(kind)):
            self.run.lctx.truncated()

    def _code(self, kind: str) -> int:
        """The code of a failure: that of the error, if it states one (a message of another type is 1007)."""
        outcome = self.run.lctx.outcome
        stated = getattr(outcome and outcome.error, "close_code", None)
        if kind == "error" and isinstance(stated, int) and stated in _SENDABLE:
            return stated
        return GOING_AWAY if kind == "shutdown" else INTERNAL_ERROR

    def _said_of_the_connection(self, failure: BaseException) -> Gone | None:
        ws = self.run.ws
        if not ws.accepted:
            return super()._said_of_the_connection(failure)
        # What else breaks in a handler is a connection of its own.
        own = without_cancelled(failure)
        if not ws.closed or not isinstance(own, (trio.BrokenResourceError, trio.EndOfChannel)):
            return None
        leaving = ws.draining and getattr(own, "close_code", None) == GOING_AWAY
        return "shutdown" if leaving else "disconnect"

    async def _close(self, code: int) -> bool:
        """Close, cancelled or not; returns whether the client has been told."""
        ws = self.run.ws
        if ws.closed:
            return True
        try:
            with trio.move_on_after(self.plan.exit_timeout, shield=True) as scope:
                await ws.close(code)
        except trio.BrokenResourceError:
            return False
        except BaseException as raised:
            self._keep(raised, "close")
            return False
        return not scope.cancelled_caught
