"""Where a request is, and which moves the lifecycle has."""

from __future__ import annotations

from enum import StrEnum
from typing import final


@final
class RequestPhase(StrEnum):
    """The closed list of phases.

    `received → routed → authorized → validated → processing → responding → completed`, or from any
    of them `failed`. An answer made early (a hook finished the response) goes straight to `responding`.

    >>> [phase.value for phase in RequestPhase.PROCESSING.following]
    ['responding', 'failed']
    """

    # The moves stand on the members: a lookup by member would hash through Python code on every step
    # of every request.
    following: tuple[RequestPhase, ...]
    # The phases of an answered request that come later.
    ahead: tuple[RequestPhase, ...]

    RECEIVED = "received"
    ROUTED = "routed"
    AUTHORIZED = "authorized"
    VALIDATED = "validated"
    PROCESSING = "processing"
    RESPONDING = "responding"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether no further phase follows."""
        return not self.following


def _write_moves() -> None:
    chain: list[RequestPhase] = [phase for phase in RequestPhase if phase is not RequestPhase.FAILED]
    responding = chain.index(RequestPhase.RESPONDING)
    for index, phase in enumerate(chain):
        moves: list[RequestPhase] = chain[index + 1 : index + 2]
        if index + 1 < responding:
            moves.append(RequestPhase.RESPONDING)
        # A completed request has been answered: nothing can make it fail any more.
        if phase is not RequestPhase.COMPLETED:
            moves.append(RequestPhase.FAILED)
        phase.following = tuple(moves)
        phase.ahead = tuple(chain[index + 1 :])
    RequestPhase.FAILED.following = RequestPhase.FAILED.ahead = ()


_write_moves()
