"""An application from its start-up to its shutdown: callbacks, health, memory, alerts, sources."""

from __future__ import annotations

import logging
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    ContextClosed,
    GlobalContext,
    HealthReport,
    LocalContext,
    MemoryFigures,
    Module,
    ModuleStartFailed,
    SharedState,
    StartupFailed,
    SystemSources,
    open_global_context,
    open_local_context,
)
from gnomon_context._pressure import read_memory
from gnomon_context.runtime import rebase
from gnomon_context.testing import (
    FakeMemory,
    Trial,
    VirtualSources,
    cancel_at_every_checkpoint,
    virtual_clock,
)

POINTS = ["on_startup", "on_pre_shutdown", "on_shutdown"]


@given(
    callbacks=st.lists(
        st.tuples(
            st.sampled_from(POINTS),
            st.integers(-1, 1),
            st.sampled_from(["sync", "async", "with context", "raises", "hangs"]),
        ),
        max_size=8,
    )
)
def test_callbacks_run_by_priority_and_all_of_them(callbacks: list[tuple[str, int, str]]) -> None:
    ran: list[int] = []
    alerts: list[Alert] = []

    def make(number: int, kind: str) -> Any:
        def sync() -> None:
            ran.append(number)
            if kind == "raises":
                raise OSError

        async def asynchronous() -> None:
            ran.append(number)
            await (trio.sleep_forever() if kind == "hangs" else trio.sleep(0.1))

        async def with_context(gctx: GlobalContext[Any]) -> None:
            assert isinstance(gctx, GlobalContext)
            ran.append(number)

        return {"async": asynchronous, "hangs": asynchronous, "with context": with_context}.get(kind, sync)

    gctx: GlobalContext[Any] = GlobalContext()
    gctx.on_alert(alerts.append)
    usable = []
    for number, (point, priority, kind) in enumerate(callbacks):
        if point == "on_startup" and kind in ("raises", "hangs"):
            continue
        usable.append((number, point, priority, kind))
        getattr(gctx, point)(make(number, kind), priority=priority, timeout=1.0, name=str(number))

    async def main() -> None:
        async with open_global_context(gctx):
            pass

    trio.run(main, clock=virtual_clock())
    expected = [
        number
        for point in POINTS
        for number, where, _, _ in sorted(usable, key=lambda each: -each[2])
        if where == point
    ]
    assert ran == expected
    failed = [str(number) for number, _, _, kind in usable if kind in ("raises", "hangs")]
    assert sorted(alert.detail["name"] for alert in alerts) == sorted(failed)
    assert all(alert.kind == "shutdown_callback_failed" for alert in alerts)


@pytest.mark.parametrize("kind", ["raises", "hangs"])
def test_a_failing_start_up_stops_what_had_started(kind: str) -> None:
    log: list[str] = []

    async def bad() -> None:
        if kind == "raises":
            raise OSError("no disk")
        await trio.sleep_forever()

    async def main() -> None:
        gctx: GlobalContext[Any] = GlobalContext(modules={"a": 1})
        gctx.on_startup(lambda: log.append("first"))
        gctx.on_startup(bad, timeout=2)
        gctx.on_startup(lambda: log.append("never"))
        gctx.on_shutdown(lambda: log.append("shutdown"))
        async with open_global_context(gctx):
            pytest.fail("it started")  # pragma: no cover

    message = "failed: OSError: no disk" if kind == "raises" else "took longer than 2 s"
    with pytest.raises(StartupFailed, match=message):
        trio.run(main, clock=virtual_clock())
    assert log == ["first", "shutdown"]


def test_an_interrupt_in_a_shutdown_callback_is_raised_when_all_have_run() -> None:
    log: list[str] = []

    def interrupt(number: int) -> Any:
        def fn() -> None:
            log.append(f"interrupt {number}")
            raise SystemExit(number)

        return fn

    async def main() -> None:
        gctx: GlobalContext[Any] = GlobalContext(modules={"a": Module(factory=dict)})
        gctx.on_alert(lambda alert: None)
        gctx.on_pre_shutdown(interrupt(1))
        gctx.on_shutdown(interrupt(2))
        gctx.on_shutdown(interrupt(3))
        gctx.on_shutdown(lambda: log.append("last"))
        async with open_global_context(gctx):
            pass
        pytest.fail("the interrupt was lost")  # pragma: no cover

    with pytest.raises(SystemExit):
        trio.run(main)
    assert log == ["interrupt 1", "interrupt 2", "interrupt 3", "last"]


@trio_test
async def test_what_the_block_raises_comes_out_as_it_is(autojump_clock: MockClock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_global_context():
            raise ZeroDivisionError
    with trio.move_on_after(1) as scope:
        async with open_global_context() as gctx:
            gctx.on_shutdown(log_slowly := (lambda: trio.sleep(1)))
            await trio.sleep_forever()
    assert scope.cancelled_caught and trio.current_time() == 2 and log_slowly


@trio_test
async def test_the_shutdown_is_announced_first(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        heard: list[str] = []
        gctx.on_pre_shutdown(lambda: heard.append("announced"))
        assert (await gctx.health()) == HealthReport("healthy", ())
        await gctx.begin_shutdown()
        await gctx.begin_shutdown()
        assert heard == ["announced"]
        report = await gctx.health()
        assert report.status == "unhealthy" and report.checks[0].name == "shutting down"
        with pytest.raises(ContextClosed, match="pre_shutdown comes too late"):
            gctx.on_pre_shutdown(print)
        # Requests are still served.
        async with open_local_context(gctx) as lctx:
            lctx.set("a", 1)
        with pytest.raises(ContextClosed, match="startup comes too late"):
            gctx.on_startup(print)
    assert heard == ["announced"]
    with pytest.raises(ContextClosed, match="shutdown comes too late"):
        gctx.on_shutdown(print)


@trio_test
async def test_requests_that_do_not_end_are_cancelled_then_reported(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    outcomes: list[str] = []

    async def request(gctx: GlobalContext[Any], stubborn: bool) -> None:
        async with open_local_context(gctx) as lctx:
            with trio.CancelScope(shield=stubborn):
                await trio.sleep(100)
        assert lctx.outcome is not None
        outcomes.append(lctx.outcome.kind)

    async with trio.open_nursery() as nursery:
        async with open_global_context(shutdown_timeout=20) as gctx:
            gctx.on_alert(alerts.append)
            nursery.start_soon(request, gctx, False)
            nursery.start_soon(request, gctx, True)
            await trio.testing.wait_all_tasks_blocked()
        assert outcomes == ["shutdown"] and trio.current_time() == 10
        assert [alert.kind for alert in alerts] == ["requests_outlived"] and len(
            alerts[0].detail["requests"]
        ) == 1
    assert outcomes == ["shutdown", "shutdown"]


def test_bad_registrations_are_refused() -> None:
    gctx: GlobalContext[Any] = GlobalContext()
    not_a_function: Any = 3
    with pytest.raises(TypeError, match="is a function"):
        gctx.on_startup(not_a_function)
    with pytest.raises(TypeError, match="one argument or none"):
        gctx.on_startup(lambda a, b: None)
    with pytest.raises(ValueError, match="positive number of seconds"):
        gctx.on_shutdown(print, timeout=0)
    with pytest.raises(ValueError, match="share from 0 to 1"):
        gctx.on_memory_pressure(print, threshold=1.5)
    with pytest.raises(ValueError, match="belong to the GlobalContext"):
        open_global_context(gctx, modules={})
    with pytest.raises(ValueError, match="shutdown_timeout"):
        open_global_context(gctx, shutdown_timeout=0)
    # A builtin that tells nothing of itself is called with nothing.
    gctx.on_startup(dict)


@given(
    answers=st.lists(
        st.tuples(
            st.sampled_from(
                [None, True, False, "healthy", "degraded", "unhealthy", "raises", "hangs", "odd", []]
            ),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_health_is_that_of_the_worst_check(answers: list[tuple[Any, bool]]) -> None:
    def expected(answer: Any, critical: bool) -> str:
        if answer in (None, True, "healthy"):
            return "healthy"
        if answer in ("degraded", "unhealthy"):
            return str(answer)
        return "unhealthy" if critical else "degraded"

    def make(answer: Any) -> Any:
        async def check() -> Any:
            if answer == "raises":
                raise OSError("secret address")
            await trio.sleep(100 if answer == "hangs" else 0.5)
            return answer

        return check if answer is not True else (lambda: True)

    async def main() -> HealthReport:
        async with open_global_context() as gctx:
            for answer, critical in answers:
                gctx.on_health_check(make(answer), name="same name", timeout=2, critical=critical)
            report = await gctx.health()
            # All at once.
            assert trio.current_time() <= 2
            return report

    report = trio.run(main, clock=virtual_clock())
    statuses = [expected(*each) for each in answers]
    assert [check.status for check in report.checks] == statuses
    order = ["healthy", "degraded", "unhealthy"]
    assert report.status == max(statuses, key=order.index, default="healthy")
    assert all(check.duration >= 0 and "secret" not in check.detail for check in report.checks)


@trio_test
async def test_checks_of_modules_and_their_order(autojump_clock: MockClock) -> None:
    async def ask(value: int) -> str:
        return "degraded" if value == 1 else "healthy"

    modules = {
        "one": Module(value=1, health=ask),
        "two": Module(value=2, health=lambda value: value == 2),
        "lazy": Module(factory=dict, lazy=True, health=ask),
    }
    async with open_global_context(modules=modules) as gctx:
        gctx.on_health_check(lambda: None, name="low", priority=-1)
        gctx.on_health_check(lambda gctx: "healthy", name="high", priority=1)
        report = await gctx.health()
    assert report.status == "degraded"
    assert [(check.name, check.status) for check in report.checks] == [
        ("high", "healthy"),
        ("low", "healthy"),
        ("module one", "degraded"),
        ("module two", "healthy"),
        ("module lazy", "healthy"),
    ]


@trio_test
async def test_memory_pressure_is_told_once_each_time_it_rises(autojump_clock: MockClock) -> None:
    memory = FakeMemory(used=50, limit=100)
    told: list[int] = []
    alerts: list[Alert] = []

    sync: list[MemoryFigures] = []

    async def tell(figures: MemoryFigures) -> None:
        await trio.sleep(0)
        told.append(figures.used)

    def fail(figures: MemoryFigures) -> None:
        raise OSError

    gctx: GlobalContext[Any] = GlobalContext()
    memory.install(gctx)
    gctx.on_alert(alerts.append)
    gctx.on_memory_pressure(tell, threshold=0.8, interval=1)
    async with open_global_context(gctx):
        gctx.on_memory_pressure(fail, threshold=0.8, interval=1)
        gctx.on_memory_pressure(sync.append, threshold=0.8, interval=1)
        await trio.sleep(0.5)  # between two readings
        for used in (50, 79, 80, 95, 79, 90, 75, 81):
            memory.used = used
            await trio.sleep(1.0)
    assert told == [80, 81] == [figures.used for figures in sync]
    assert [alert.kind for alert in alerts] == ["memory_callback_failed"] * 2


@trio_test
async def test_a_memory_callback_that_hangs_is_cut_off(autojump_clock: MockClock) -> None:
    memory = FakeMemory(used=95, limit=100)
    called: list[float] = []
    alerts: list[Alert] = []
    gctx: GlobalContext[Any] = GlobalContext()
    memory.install(gctx)
    gctx.on_alert(alerts.append)

    async def hang(figures: MemoryFigures) -> None:
        called.append(trio.current_time())
        await trio.sleep_forever()

    assert gctx.on_memory_pressure(hang, name="shed load", interval=1, timeout=3) is hang
    async with open_global_context(gctx):
        await trio.sleep(3.5)
        memory.used = 10
        await trio.sleep(1)
        memory.used = 95
        await trio.sleep(5)
    assert called == [0, 5]
    assert [(alert.kind, alert.detail) for alert in alerts] == [
        ("memory_callback_failed", {"name": "shed load", "timed_out": True})
    ] * 2
    with pytest.raises(TypeError, match="a callback is a function"):
        gctx.on_memory_pressure(3)  # type: ignore[type-var]


@trio_test
async def test_memory_that_cannot_be_read_is_an_alert(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    gctx: GlobalContext[Any] = GlobalContext()
    gctx._application.read_memory = lambda: None
    gctx.on_alert(alerts.append)
    gctx.on_memory_pressure(print)
    async with open_global_context(gctx):
        await trio.sleep(1)
    assert [alert.kind for alert in alerts] == ["memory_unknown"]


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


PROCESS = {"proc/self/statm": "1000 10 5 1 0 1 0", "proc/meminfo": "MemFree: 1 kB\nMemTotal:  1000 kB\n"}


@pytest.mark.parametrize(
    ("files", "figures"),
    [
        (
            {
                "proc/self/cgroup": "0::/app\n",
                "sys/fs/cgroup/app/memory.current": "900\n",
                "sys/fs/cgroup/app/memory.max": "1000\n",
                "sys/fs/cgroup/app/memory.stat": "anon 1\ninactive_file 300\n",
            },
            (600, 1000, "cgroup"),
        ),
        (
            {
                "proc/self/cgroup": "0::/not/mounted\n",
                "sys/fs/cgroup/memory.current": "5",
                "sys/fs/cgroup/memory.max": "10",
                "sys/fs/cgroup/memory.stat": "inactive_file none\n",
            },
            (5, 10, "cgroup"),
        ),
        (
            # The own group has no limit, the one above has: it is the one that binds.
            {
                "proc/self/cgroup": "0::/slice/app\n",
                "sys/fs/cgroup/slice/app/memory.current": "700",
                "sys/fs/cgroup/slice/app/memory.max": "max",
                "sys/fs/cgroup/slice/memory.current": "800",
                "sys/fs/cgroup/slice/memory.max": "1000",
            },
            (800, 1000, "cgroup"),
        ),
        ({"sys/fs/cgroup/memory.current": "5", "sys/fs/cgroup/memory.max": "max\n", **PROCESS}, None),
        (
            {
                "proc/self/cgroup": "4:cpu,memory:/app\n3:pids:/other\n",
                "sys/fs/cgroup/memory/app/memory.usage_in_bytes": "800",
                "sys/fs/cgroup/memory/app/memory.limit_in_bytes": "1000",
                "sys/fs/cgroup/memory/app/memory.stat": "total_inactive_file 900\n",
            },
            (0, 1000, "cgroup"),
        ),
        (
            {
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "800",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096),
                **PROCESS,
            },
            None,
        ),
    ],
)
def test_memory_figures(tmp_path: Path, files: dict[str, str], figures: tuple[int, int, str] | None) -> None:
    import os

    process = (10 * os.sysconf("SC_PAGE_SIZE"), 1_024_000, "process")
    assert read_memory(write(tmp_path, files)) == MemoryFigures(*(figures or process))


def test_memory_of_this_process_and_of_none(tmp_path: Path) -> None:
    figures = read_memory()
    assert figures is not None and 0 < figures.pressure < 1 and figures.used > 1_000_000
    assert read_memory(tmp_path) is None
    assert read_memory(write(tmp_path, {"proc/meminfo": "MemTotal: 5 kB\n"})) is None
    assert MemoryFigures(1, 0, "").pressure == 0


def test_alerts_nobody_listens_to_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    gctx: GlobalContext[Any] = GlobalContext()
    with caplog.at_level(logging.ERROR, "gnomon_context"):
        gctx.alert("kind", ValueError("why"), name="x")
        gctx.alert("other", None)
        assert "kind: ValueError {'name': 'x'}" in caplog.text and "ValueError: why" in caplog.text
        heard: list[Alert] = []

        @gctx.on_alert
        def fail(alert: Alert) -> None:
            raise OSError

        gctx.on_alert(heard.append)
        caplog.clear()
        gctx.alert("kind", None, name="y")
        assert heard == [Alert("kind", None, {"name": "y"})]
        assert "alert listener" in caplog.text


@trio_test
async def test_sources_can_be_replaced_for_one_request(autojump_clock: MockClock) -> None:
    start = datetime(2031, 5, 1, tzinfo=UTC)
    async with open_global_context() as gctx:
        seen = []
        for _ in range(2):
            sources = VirtualSources(seed=7, start=start)
            async with open_local_context(gctx, sources=sources) as lctx:
                seen.append((lctx.random.random(), lctx.uuid(), lctx.random.getrandbits(8)))
                await trio.sleep(2)
                assert lctx.now() == start + timedelta(seconds=trio.current_time())
                assert lctx.monotonic() == trio.current_time()
        assert seen[0] == seen[1]
        async with open_local_context(gctx) as lctx:
            assert lctx.now().tzinfo is not None and lctx.monotonic() > 0
            assert isinstance(lctx.random, random.SystemRandom)
            assert lctx.uuid() != lctx.uuid() and isinstance(lctx.uuid(), uuid.UUID)
        other = gctx.view(sources=VirtualSources(seed=1))
        async with open_local_context(other) as lctx:
            assert lctx.uuid() == VirtualSources(seed=1).uuid()
    assert VirtualSources().monotonic() == trio.current_time()
    with pytest.raises(ValueError, match="timezone-aware"):
        VirtualSources(start=datetime(2030, 1, 1))
    assert SystemSources().uuid().version == 4


def test_virtual_sources_outside_of_a_run() -> None:
    assert VirtualSources().monotonic() == 0


def test_a_shutdown_cancelled_at_every_checkpoint() -> None:
    async def scenario(trial: Trial) -> None:
        log: list[str] = []

        async def slow(name: str) -> None:
            await trio.sleep(0.1)
            log.append(name)

        gctx: GlobalContext[Any] = GlobalContext(modules={"a": Module(factory=dict)})
        gctx.on_pre_shutdown(lambda: slow("pre"))
        gctx.on_shutdown(lambda: slow("shutdown"))
        with trial:
            async with open_global_context(gctx), open_local_context(gctx) as lctx:
                lctx.detach(slow, "detached")
        # Whatever happened, the shutdown ran whole.
        assert log.count("pre") == log.count("shutdown") == 1 and log[-1] == "shutdown"
        assert gctx._registry.order == [] and gctx._application.nursery is None
        if not trial.cancelled:
            assert sorted(log) == ["detached", "pre", "shutdown"]

    assert cancel_at_every_checkpoint(scenario).checkpoints > 5


async def fails_when_cancelled() -> None:
    """Hangs; its cancellation comes out in a group, beside the failure that it causes."""

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("in the way out")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep_forever()


@trio_test
async def test_an_overrun_that_fails_too_stays_what_it_is(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    gctx: GlobalContext[Any] = GlobalContext()
    gctx.on_alert(alerts.append)
    gctx.on_health_check(fails_when_cancelled)
    gctx.on_shutdown(fails_when_cancelled)
    async with open_global_context(gctx):
        assert (await gctx.health()).status == "unhealthy"
    assert [(alert.kind, alert.detail["timed_out"]) for alert in alerts] == [
        ("shutdown_callback_failed", True)
    ]
    gctx = GlobalContext()
    gctx.on_startup(fails_when_cancelled)
    with pytest.raises(StartupFailed, match="fails_when_cancelled"):
        async with open_global_context(gctx):
            pass
    with pytest.raises(ModuleStartFailed, match="'a' failed to start"):
        async with open_global_context(modules={"a": Module(factory=fails_when_cancelled)}):
            pass


@trio_test
async def test_a_view_with_other_state_that_tells_of_topics() -> None:
    told: list[tuple[str, str, str]] = []
    async with open_global_context() as gctx:
        other = SharedState()
        view = gctx.view(state=other, on_topic=lambda use, topic: told.append(("view", use, topic)))
        view.state.set("a", 1)
        assert "a" not in gctx.state and view.view().state is other
        assert gctx.view().state is gctx.state
        below = view.view(on_topic=lambda use, topic: told.append(("below", use, topic)))
        with gctx.subscribe("news") as messages, below.subscribe("news"):
            view.publish_nowait("news", 1)
            await below.view().publish("news", 2)
            gctx.publish_nowait("news", 3)
            assert [messages.receive_nowait() for _ in range(3)] == [1, 2, 3]
        assert told == [
            ("below", "subscribe", "news"),
            ("view", "subscribe", "news"),
            ("view", "publish", "news"),
            ("below", "publish", "news"),
            ("view", "publish", "news"),
        ]

        def refuse(use: str, topic: str) -> None:
            raise PermissionError(f"{use} {topic}")

        with pytest.raises(PermissionError, match="publish news"):
            await gctx.view(on_topic=refuse).publish("news", 4)


@trio_test
async def test_a_view_says_whether_work_is_detached(autojump_clock: MockClock) -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    async with open_global_context() as gctx:
        asked: list[str] = []
        willing = gctx.view(on_detach=lambda name: not asked.append(name))  # type: ignore[func-returns-value]
        refusing = willing.view(on_detach=lambda name: name == "mail")
        for view in (willing.view(), refusing):
            async with open_local_context(view) as lctx:
                lctx.detach(work, "mail", name="mail")
                lctx.detach(work, "other")
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(done) == ["mail", "mail", "other"]
    assert [name.rpartition(".")[2] for name in asked] == ["mail", "work", "mail"]


def test_a_request_that_did_not_begin_goes_over_to_a_view() -> None:
    gctx = GlobalContext(modules={"a": 1})
    lctx = LocalContext(gctx, path="/x", timeout=5.0)
    before = lctx.meta
    view = gctx.view(sources=VirtualSources(seed=3))
    rebase(lctx, view)
    assert lctx.gctx is view and lctx.now() == VirtualSources(seed=3).now()
    assert (lctx.meta.request_id, lctx.meta.received_ns) == (before.request_id, before.received_ns)
    with pytest.raises(ValueError, match="stays in its application"):
        rebase(lctx, GlobalContext())
