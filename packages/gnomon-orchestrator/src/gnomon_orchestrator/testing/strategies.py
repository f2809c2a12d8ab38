"""Hypothesis strategies: whole requests, and their parts; needs the extra ``testing``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

from hypothesis import strategies as st

from ._scenario import Act, Callback, CallbackKind, Child, Interruption, Part, Scenario

# What sleeps and what times out do so at different remainders of ten milliseconds: nothing happens at once,
# so that there is one right order.
_DELAYS = st.sampled_from([0.0, 0.0, 0.1, 0.2, 0.5, 3.0])
_TIMEOUTS = st.one_of(st.none(), st.sampled_from([0.05, 0.15, 1.05]))
_BACKOFFS = st.sampled_from([0.0, 0.07, 0.35])
_STATUSES = st.sampled_from([200, 201, 302, 404, 500])


@st.composite
def acts(draw: st.DrawFn, *, sync: bool = False, calm: bool = False) -> Act:
    """What one call does; ``calm`` ones neither answer nor fail."""
    delay = 0.0 if sync else draw(_DELAYS)
    then = "return" if calm else draw(st.sampled_from(["return", "return", "answer", "raise", "refuse"]))
    cancels = draw(st.integers(0, 30)) == 30
    return Act(delay, then, draw(_STATUSES) if then == "answer" else 418, cancels)  # type: ignore[arg-type]


@st.composite
def _callbacks(draw: st.DrawFn, numbers: Iterator[int], *, sync: bool) -> tuple[Callback, ...]:
    made = []
    kinds = [kind for kind in get_args(CallbackKind) if not (sync and kind == "entered")]
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        kind: CallbackKind = draw(st.sampled_from(kinds))
        act = Act(draw(_DELAYS), draw(st.sampled_from(["return", "return", "raise"])))
        made.append(Callback(kind, f"{kind}{next(numbers)}", act))
    return tuple(made)


@st.composite
def _part(draw: st.DrawFn, point: Any, level: Any, numbers: Iterator[int], *, depth: int = 0) -> Part:
    sync = draw(st.booleans())
    calm = point in ("before", "after") and draw(st.integers(0, 2)) > 0
    retries = 0 if point in ("guard", "handler") else draw(st.sampled_from([0, 0, 0, 1, 2]))
    is_hook = point not in ("guard", "handler")
    hooks: tuple[Part, ...] = ()
    if depth == 0 and draw(st.integers(0, 3)) == 0 and point != "guard":
        allowed = ["after", "catch"] if point != "before" else ["before", "after", "catch"]
        hooks = tuple(
            draw(_part(draw(st.sampled_from(allowed)), "local", numbers, depth=1))
            for _ in range(draw(st.integers(1, 2)))
        )
    return Part(
        f"{point}{next(numbers)}",
        point,
        level,
        acts=tuple(draw(acts(sync=sync, calm=calm)) for _ in range(1 + min(retries, 1))),
        sync=sync,
        registers=draw(_callbacks(numbers, sync=sync)) if point != "guard" else (),
        hooks=hooks,
        timeout=draw(_TIMEOUTS) if is_hook and not sync else None,
        retries=retries,
        backoff=draw(_BACKOFFS) if retries else 0.0,
        isolated=is_hook and draw(st.integers(0, 4)) == 0,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Whole requests: hooks of all points and levels, failures, delays, tasks and cancellations."""
    numbers = itertools.count(1)
    parts: list[Part] = []
    for _ in range(draw(st.integers(0, 6))):
        point = draw(st.sampled_from(["before", "before", "after", "after", "catch", "catch", "guard"]))
        level = "global" if point == "guard" else draw(st.sampled_from(["global", "route"]))
        parts.append(draw(_part(point, level, numbers)))
    parts = [_placed(draw, part, parts) for part in parts]
    handler = draw(_part("handler", "route", numbers))
    if draw(st.booleans()):
        handler = replace(
            handler, acts=(Act(draw(_DELAYS) if not handler.sync else 0.0, "answer", draw(_STATUSES)),)
        )
    if draw(st.integers(0, 3)) == 0:
        children = tuple(
            Child(
                f"child{next(numbers)}",
                draw(st.sampled_from([0.101, 0.251, 1.501])),
                draw(st.booleans()),
                draw(st.booleans()),
            )
            for _ in range(draw(st.integers(1, 2)))
        )
        handler = replace(handler, children=children)
    if draw(st.integers(0, 9)) == 9:
        known = tuple(part for part in parts if part.level == "global" and part.point != "guard")
        interruption = draw(st.one_of(st.none(), _interruptions()))
        return Scenario(parts=(*known, handler), interruption=interruption, refusal=True)
    websocket = draw(st.integers(0, 3)) == 3
    if websocket:
        acts = tuple(replace(act, accepts=draw(st.booleans())) for act in handler.acts)
        handler = replace(handler, sync=False, acts=acts)
    return Scenario(
        parts=(*parts, handler),
        websocket=websocket,
        request=draw(st.sampled_from([None, None, "accept", "refuse"])),
        response=None
        if websocket
        else draw(
            st.sampled_from([None, None, frozenset[int](), frozenset({200}), frozenset({200, 418, 500})])
        ),
        deadline=draw(st.sampled_from([math.inf, math.inf, math.inf, 0.057, 0.257, 0.657, 3.557])),
        interruption=draw(st.one_of(st.none(), st.none(), _interruptions())),
        send_delay=draw(st.sampled_from([0.0, 0.0, 0.2])),
    )


def _interruptions() -> st.SearchStrategy[Interruption]:
    return st.builds(
        Interruption,
        st.sampled_from([0.013, 0.113, 0.313, 0.613, 3.113]),
        st.sampled_from(["disconnect", "shutdown", "explicit", "outside"]),
    )


def _placed(draw: st.DrawFn, part: Part, parts: list[Part]) -> Part:
    """Some global before hooks run at ``received``, some after hooks require a before hook."""
    if part.point == "before" and part.level == "global" and draw(st.integers(0, 3)) == 0:
        return replace(part, received=True)
    required = [
        other.name for other in parts if other.point == "before" and part.level in (other.level, "route")
    ]
    if part.point in ("after", "catch") and required and draw(st.integers(0, 3)) == 0:
        return replace(part, requires=draw(st.sampled_from(required)))
    return part
