"""The deadline of a request, its cancellation, and how it ended."""

from __future__ import annotations

import math

from ._errors import IllegalPhase
from ._extras import check_thread
from ._local_state import LocalState
from ._outcome import KIND_OF_REASON, OK, CancelReason, OutcomeKind, RequestOutcome


class EndingMethods(LocalState):
    """Deadline, cancellation, outcome."""

    __slots__ = ()

    @property
    def deadline(self) -> float:
        """When the request must be done, in seconds of the trio clock; infinite if it has no limit."""
        return self._deadline

    def remaining(self) -> float:
        """Seconds until the deadline, never less than zero."""
        if self._deadline == math.inf:
            return math.inf
        return max(0.0, self._deadline - self.gctx._application.clock())

    def cancel(self, reason: CancelReason = "explicit") -> None:
        """Cancel what runs for this request; the first reason stays.

        Args:
            reason: `explicit`, `deadline`, `disconnect` or `shutdown`.

        Raises:
            ContextError: it is called in another thread than that of the event loop.
            ValueError: there is no such reason.
        """
        kind = KIND_OF_REASON.get(reason)
        if kind is None:
            raise ValueError(
                f"there is no cancel reason {reason!r}: it is one of {', '.join(KIND_OF_REASON)}"
            )
        if self.scope is not None:
            # Before anything is written down: trio would refuse it half-way.
            check_thread("cancel")
        if self.cancel_reason is None:
            self._cancel_reason = reason
            if self._cause is None:
                self._cause = kind
        self._cancel_tasks()
        if self.scope is not None:
            self.scope.cancel(reason=f"the request was cancelled ({reason})")

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the request was cancelled: `deadline`, `disconnect`, `shutdown`, `explicit`, or None."""
        # An armed deadline fires inside trio without a word to us: it shows on the scope.
        if (
            self._cancel_reason is None
            and self._watched == 2
            and self._cause is None
            and self.scope is not None
            and self.gctx._application.clock() >= self._deadline
            and self.scope.cancel_called
        ):
            self._cancel_reason = "deadline"
            self._cause = "timeout"
        return self._cancel_reason

    @property
    def deadline_passed(self) -> bool:
        """Whether the deadline of the request (no other timeout) has cancelled it."""
        return self.cancel_reason == "deadline"

    def _arm(self) -> None:
        self._watched = 2
        if self.scope is not None and self.scope.deadline > self._deadline:
            self.scope.deadline = self._deadline

    def _move_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if self._extras is not None:
            for task in self._extras.tasks:
                task.scope.deadline = deadline
        if self._watched == 2 and self.scope is not None:
            self.scope.deadline = deadline
        elif deadline != math.inf:
            self._arm()

    @property
    def outcome(self) -> RequestOutcome | None:
        """How the request ended; None while it has not."""
        return self._outcome

    def settle(self, kind: OutcomeKind, error: BaseException | None = None) -> RequestOutcome:
        """Write down how the request ended; the first cause wins, a cancellation that came before included.

        Args:
            kind: the outcome as its runner sees it.
            error: the exception that ended it.

        Returns:
            the outcome that holds.
        """
        settled = self._outcome
        if settled is None:
            if self._watched == 2 or self._cause is not None:
                self.cancel_reason  # noqa: B018 - asking brings in a deadline that fired
                kind = self._cause or kind
                if kind == "error" and error is None and self._extras is not None and self._extras.failures:
                    # Of a task that nobody awaits any more.
                    error = self._extras.failures[0]
            settled = self._outcome = OK if kind == "ok" else RequestOutcome(kind, error)
        return settled

    def truncated(self) -> None:
        """Mark the answer as cut after its first byte; for whoever runs the request."""
        settled = self._settled("truncated")
        self._outcome = RequestOutcome(settled.kind, settled.error, True, settled.recovered)

    def recovered(self) -> None:
        """Mark a failure as answered with a success; for whoever runs the request."""
        settled = self._settled("recovered")
        self._outcome = RequestOutcome(settled.kind, settled.error, settled.truncated, True)

    def _settled(self, flag: str) -> RequestOutcome:
        if self._outcome is None:
            raise IllegalPhase(f"a request without an outcome cannot be {flag}: call settle() first")
        return self._outcome

    def _disarm(self) -> None:
        if self.scope is not None and self.scope.deadline == self._deadline:
            # The scope may serve the next request of a connection.
            self.scope.deadline = math.inf
        # Asked for the last time: what happens to the scope from now on is none of this request's.
        self.cancel_reason  # noqa: B018
        self._watched = 0

    def _cancel_tasks(self) -> None:
        if self._extras is not None and self._extras.pending:
            for task in self._extras.tasks:
                task.cancel()
