"""What people get wrong at first: every message says what it is, and how to mend it."""

from __future__ import annotations

import functools
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    ContextError,
    GlobalContext,
    LocalContext,
    RequestPhase,
    open_global_context,
    open_local_context,
)
from gnomon_context.testing import local_context


def not_async() -> int:
    return 3


async def nothing(*args: object) -> None: ...


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda lctx: lctx.start_soon(3), "start_soon takes an async function and its arguments, not 3"),
        (lambda lctx: lctx.start_soon(nothing(1)), r"write start_soon\(fn, argument\), not start_soon\(fn\("),
        (lambda lctx: lctx.detach(nothing(1)), r"write detach\(fn, argument\), not detach\(fn\("),
        (lambda lctx: lctx.on_cleanup(3), "not 3: give the function itself, and its arguments after it"),
    ],
)
@trio_test
async def test_what_is_started_is_an_async_function(
    mistake: Callable[[Any], object], message: str, autojump_clock: MockClock
) -> None:
    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        with pytest.raises(TypeError, match=message):
            mistake(lctx)


@trio_test
async def test_a_function_that_turns_out_not_to_be_async_is_named(autojump_clock: MockClock) -> None:
    message = "not_async is to be an async function, and returned an object of type int"
    alerts: list[Alert] = []
    function: Any = not_async
    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        with pytest.raises(TypeError, match=message):
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(function)
        async with open_local_context(gctx) as lctx:
            lctx.detach(function)
    assert [(alert.kind, str(alert.error)) for alert in alerts] == [("detached_failed", message)]


@trio_test
async def test_a_sync_context_manager_is_not_entered(autojump_clock: MockClock) -> None:
    manager: Any = memoryview(b"")
    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        with pytest.raises(
            TypeError, match="enter takes an async context manager, not <memory.*`with` block"
        ):
            await lctx.enter(manager)


def test_arguments_of_the_wrong_kind() -> None:
    wrong: Any = {"a": 1}
    with pytest.raises(
        TypeError, match="open_local_context takes a GlobalContext, not {'a': 1}: get one with"
    ):
        open_local_context(wrong)
    with pytest.raises(TypeError, match="open_global_context takes a GlobalContext, not {'a': 1}"):
        open_global_context(wrong)
    with pytest.raises(
        TypeError, match="secrets is a function of a name, not a dict: for a mapping give its .get"
    ):
        GlobalContext(secrets=wrong)
    with pytest.raises(TypeError, match="a number of seconds, not {'a': 1}"):
        local_context(timeout=wrong)
    with pytest.raises(ValueError, match="no overflow policy 'wait' within a request"):
        local_context().subscribe("topic", overflow="wait")  # type: ignore[arg-type]


def test_the_name_of_a_phase_is_as_good_as_the_phase() -> None:
    lctx = local_context()
    name: Any = "routed"
    lctx.advance(name)
    assert lctx.phase is RequestPhase.ROUTED
    with pytest.raises(ValueError, match="cannot go from routed to nowhere"):
        lctx.advance("nowhere")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("point", "when"),
    [
        ("on_startup", "the application is opened"),
        ("on_pre_shutdown", "the shutdown is announced"),
        ("on_shutdown", "the shutdown has begun"),
    ],
)
def test_a_callback_that_comes_too_late_says_when_it_belongs(point: str, when: str) -> None:
    messages: list[str] = []

    async def main() -> None:
        gctx: GlobalContext[Any] = GlobalContext()

        def late() -> None:
            with pytest.raises(RuntimeError, match="comes too late") as caught:
                getattr(gctx, point)(print)
            messages.append(str(caught.value))

        gctx.on_shutdown(late)
        async with open_global_context(gctx):
            pass

    trio.run(main)
    assert len(messages) == 1 and messages[0].endswith(f"register it before {when}")


def test_errors_name_the_class_that_users_know() -> None:
    with pytest.raises(
        TypeError, match=r"^LocalContext\.before\(\) got an unexpected keyword argument 'retry'"
    ):
        local_context().before(not_async, retry=3)  # type: ignore[call-arg]
    assert LocalContext.start_soon.__qualname__ == "LocalContext.start_soon"
    assert LocalContext.meta.fget.__qualname__ == "LocalContext.meta"  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [nothing, 3])
def test_what_is_called_in_the_middle_of_a_step_is_sync(wrong: Any) -> None:
    with pytest.raises(TypeError, match="on_phase_change takes a sync function"):
        local_context().on_phase_change(wrong)
    with pytest.raises(TypeError, match="on_alert takes a sync function"):
        GlobalContext().on_alert(wrong)


def yields() -> Iterator[None]:
    yield


async def yields_late() -> AsyncIterator[None]:
    yield


@types.coroutine
def awaited() -> Iterator[Any]:
    yield from trio.sleep(0).__await__()


REGISTRATIONS: list[tuple[str, Callable[..., object]]] = [
    *[(name, getattr(LocalContext, name)) for name in ("before", "after", "catch")],
    *[(name, getattr(LocalContext, name)) for name in ("on_cleanup", "on_error", "on_timeout", "compensate")],
]


@pytest.mark.parametrize("register", [fn for _, fn in REGISTRATIONS], ids=[name for name, _ in REGISTRATIONS])
@pytest.mark.parametrize("wrong", [yields, yields_late, functools.partial(yields)])
def test_what_yields_is_not_called(register: Callable[..., object], wrong: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="yields.* contains a yield, so that nothing of it would run"):
        register(local_context(), wrong)
    register(local_context(), awaited)


@pytest.mark.parametrize(
    "point",
    ["on_startup", "on_pre_shutdown", "on_shutdown"]
    + ["on_health_check", "on_memory_pressure", "on_config_reload"],
)
def test_what_yields_is_no_callback_of_the_application(point: str) -> None:
    with pytest.raises(TypeError, match="a callback is called, and yields_late contains a yield"):
        getattr(GlobalContext(), point)(yields_late)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries and backoff are numbers from 0 on: got -1 and 0.0"),
        ({"backoff": float("nan")}, "got 0 and nan"),
        ({"backoff": float("inf")}, "got 0 and inf"),
        ({"retry_on": "OSError"}, "retry_on names classes of exceptions, not 'OSError'"),
        ({"retry_on": (OSError, 3)}, "retry_on names classes of exceptions"),
    ],
)
def test_retries_that_could_not_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        local_context().before(not_async, **options)


@pytest.mark.parametrize("method", ["start_soon", "detach", "cancel"])
@trio_test
async def test_what_belongs_to_the_loop_is_refused_in_a_thread_and_changes_nothing(method: str) -> None:
    refused: list[str] = []

    def work(lctx: LocalContext) -> None:
        try:
            getattr(lctx, method)(*([] if method == "cancel" else [nothing]))
        except ContextError as error:
            refused.append(str(error))

    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        await trio.to_thread.run_sync(work, lctx)
        assert (lctx.cancel_reason, lctx.tasks) == (None, ())
        # As the message says.
        await trio.to_thread.run_sync(trio.from_thread.run_sync, lctx.cancel)
    assert lctx.outcome is not None and lctx.outcome.kind == "cancelled"
    assert len(refused) == 1 and refused[0].endswith(f"write trio.from_thread.run_sync(lctx.{method}, ...)")


def test_with_is_not_async_with() -> None:
    for manager in (open_global_context(), open_local_context(GlobalContext())):
        name = type(manager).__name__
        with pytest.raises(TypeError, match=rf"use `async with {name}\(\.\.\.\)`, not `with"):
            with manager:  # type: ignore[attr-defined]
                raise AssertionError
