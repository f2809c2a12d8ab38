"""How every benchmark here measures: rounds interleaved, medians, a ratio against a peer of the same run.

A module of benchmarks offers ``REQUIRES`` (what its peers need from the index) and ``cases()``. A case
names two samplers; a sampler is called once a round and returns one figure (seconds per call, requests
per second, bytes). Only the ratio of the medians is judged: the machines that run this are noisy.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Sampler = Callable[[], float]
SAMPLE_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: ``ours`` against ``peer``, or against the unit where no peer is given.

    Args:
        name: What is measured, in a few words.
        ours: Returns one figure for our side.
        peer: The same for the peer; the calibration loop (one unit) if absent.
        peer_name: What the peer is.
        at_most: The goal, where less is better: the ratio ours/peer must not exceed it.
        at_least: The goal, where more is better.
        minus: Subtracted from ``ours`` before the ratio, for "over calling the handler".
        rounds: How many interleaved rounds; the median counts.
    """

    name: str
    ours: Sampler
    peer: Sampler | None = None
    peer_name: str = "unit"
    at_most: float | None = None
    at_least: float | None = None
    minus: Sampler | None = None
    rounds: int = 9


@dataclass(frozen=True, slots=True)
class Outcome:
    """The medians of one case and whether its goal was met (``None``: reported only)."""

    name: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    spread: float
    goal: str
    met: bool | None = field(default=None)


class _Counter:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def step(self, amount: int) -> int:
        self.value = self.value + amount & 0xFFFF
        return self.value


def unit_loop(count: int) -> None:
    """Run ``count`` units: plain interpreter work, method calls, attribute and dict stores.

    Its length is chosen so that one unit takes 1 µs on a core on which ``trio.lowlevel.checkpoint()``
    takes 2.8 µs with CPython 3.13; goals given in units mean this loop.
    """
    table: dict[int, int] = {}
    step = _Counter().step
    for _ in range(count):
        for key in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11):
            table[key] = step(key)
        table.get(0)
        table.get(1)


def _loops_for(timer: Callable[[int], float]) -> int:
    loops = 1
    while (spent := timer(loops)) < SAMPLE_SECONDS / 4:
        loops *= 4 if spent < SAMPLE_SECONDS / 32 else 2
    return max(1, int(loops * SAMPLE_SECONDS / spent))


def _sampler(timer: Callable[[int], float]) -> Sampler:
    loops: int | None = None

    def sample() -> float:
        nonlocal loops
        if loops is None:
            loops = _loops_for(timer)
        return timer(loops) / loops

    return sample


def per_loop(run: Callable[[int], object]) -> Sampler:
    """Seconds per iteration of ``run(n)``, which itself loops ``n`` times."""

    def timer(loops: int) -> float:
        started = time.perf_counter()
        run(loops)
        return time.perf_counter() - started

    return _sampler(timer)


def per_call(function: Callable[[], object]) -> Sampler:
    """Seconds per call of ``function``."""

    def run(loops: int) -> None:
        for _ in range(loops):
            function()

    return per_loop(run)


def per_await(function: Callable[[], Awaitable[object]]) -> Sampler:
    """Seconds per ``await function()`` inside one ``trio.run``."""

    async def run(loops: int) -> None:
        for _ in range(loops):
            await function()

    return in_trio(run)


def in_trio(run: Callable[[int], Awaitable[object]]) -> Sampler:
    """Seconds per iteration of ``await run(n)``, which itself loops ``n`` times; start-up of trio aside."""
    import trio

    async def timed(loops: int) -> float:
        started = time.perf_counter()
        await run(loops)
        return time.perf_counter() - started

    return _sampler(lambda loops: trio.run(timed, loops))


unit: Sampler = per_loop(unit_loop)


def measure(case: Case) -> Outcome:
    """Run the rounds of one case, the samplers of a round one after the other."""
    samplers = [case.ours, case.peer or unit, *([case.minus] if case.minus else [])]
    for sampler in samplers:
        sampler()
    rounds = [[sampler() for sampler in samplers] for _ in range(case.rounds)]
    ours = statistics.median(row[0] - (row[2] if case.minus else 0.0) for row in rounds)
    peer = statistics.median(row[1] for row in rounds)
    ratios = sorted((row[0] - (row[2] if case.minus else 0.0)) / row[1] for row in rounds)
    ratio = ours / peer
    goal, met = "", None
    if case.at_most is not None:
        goal, met = f"≤ {case.at_most:g}", ratio <= case.at_most
    elif case.at_least is not None:
        goal, met = f"≥ {case.at_least:g}", ratio >= case.at_least
    spread = (ratios[-1 - len(ratios) // 4] - ratios[len(ratios) // 4]) / 2
    return Outcome(case.name, ours, peer, case.peer_name, ratio, spread, goal, met)


def figure(value: float) -> str:
    """A figure for people: seconds below one second get a unit, larger ones their separators."""
    if abs(value) >= 1:
        return f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    for scale, suffix in ((1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if abs(value) >= scale:
            return f"{value / scale:.2f} {suffix}"
    return f"{value:.3g}"


def report(outcomes: Sequence[Outcome]) -> str:
    """The table that a benchmark prints."""
    head = ("case", "ours", "peer", "against", "ratio", "±", "goal", "")
    rows = [
        (
            o.name,
            figure(o.ours),
            figure(o.peer),
            o.peer_name,
            f"{o.ratio:.2f}",
            f"{o.spread:.2f}",
            o.goal,
            "" if o.met is None else "met" if o.met else "MISSED",
        )
        for o in outcomes
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmark modules: ``python harness.py gtype --only compile --json out.json``."""
    parser = argparse.ArgumentParser(description="Run benchmarks and print ratios against their peers.")
    parser.add_argument("names", nargs="+", help="modules beside this one, such as gtype")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(Path(__file__).parent.parent))
    missed = False
    written = []
    for name in options.names:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n# {name} · {platform.python_implementation()} {platform.python_version()}", flush=True)
        outcomes = [measure(case) for case in module.cases() if options.only in case.name]
        print(report(outcomes), flush=True)
        missed |= any(outcome.met is False for outcome in outcomes)
        written += [{"module": name, **{f: getattr(o, f) for f in Outcome.__slots__}} for o in outcomes]
    if options.json:
        options.json.write_text(json.dumps(written, indent=2) + "\n")
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.modules["bench.harness"] = sys.modules["__main__"]
    raise SystemExit(main())
