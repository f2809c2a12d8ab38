"""Hooks as their author declares them, checked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from ._binding import ARGUMENTS, CATCH_ARGUMENTS, bind, is_async, name_of
from ._errors import DuplicateHook, InvalidHook
from ._options import is_count, is_seconds
from ._steps import Level

HookPoint: TypeAlias = Literal["before", "after", "catch"]
Moment: TypeAlias = Literal["received", "first_byte", "last_byte"]

_MOMENT_OF: dict[str, HookPoint] = {"received": "before", "first_byte": "after", "last_byte": "after"}


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """A function that runs before, after or in catch of a handler.

    Args:
        fn: Takes those of ``req``, ``res``, ``lctx``, ``gctx`` (a catch hook also ``error``) that it needs,
            by name; sync or async.
        point: ``before``, ``after`` or ``catch``.
        level: ``global``, ``route`` or ``local``; ``None`` means the level at which it is registered.
        name: How people know it; the name of the function if not given. A name given twice at one point
            of one plan is refused.
        timeout: Seconds for one attempt; ``None`` leaves the deadline of the request alone to bound it.
        retries: How many further attempts a failure gets.
        backoff: Seconds before the first retry, doubled for each further one, each shortened by up to a
            half at random.
        retry_on: Which exceptions are worth another attempt.
        isolated: A failure is recorded and goes no further.
        in_thread: Run a sync function in a thread; at its deadline it is abandoned and cut off.
        at: ``received`` runs a global ``before`` hook before the guards; ``first_byte`` and ``last_byte``
            run an ``after`` hook just before the first byte is sent and after the last one (their failure
            is recorded and goes no further, for the answer is decided).
        requires: Run this ``after`` or ``catch`` hook only if that ``before`` hook (the ``Hook`` or its
            function) has run and returned.
        id: What identifies it across requests; made of point and name if not given.

    Raises:
        InvalidHook: The options contradict each other or are out of range.
        BindingError: The function takes other names.

    >>> hook = Hook(lambda res: res.header("x-served-by", "gnomon"), "after", name="stamp", timeout=0.5)
    >>> hook.point, hook.name, hook.timeout
    ('after', 'stamp', 0.5)
    """

    fn: Callable[..., object]
    point: HookPoint = "before"
    level: Level | None = None
    name: str | None = None
    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.0
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception
    isolated: bool = False
    in_thread: bool = False
    at: Moment | None = None
    requires: Hook | Callable[..., object] | None = None
    id: str | None = None

    def __post_init__(self) -> None:
        problem = next(self._problems(), None)
        if problem is not None:
            raise InvalidHook(f"hook {self.name or name_of(self.fn)!r}: {problem}")
        names = CATCH_ARGUMENTS if self.point == "catch" else ARGUMENTS
        bind(self.fn, allowed=names, exactly=False, role=f"{self.point} hook")

    def _problems(self) -> Any:
        if self.point not in get_args(HookPoint):
            yield f"point is before, after or catch, not {self.point!r}"
        if self.level is not None and self.level not in get_args(Level):
            yield f"level is global, route or local, not {self.level!r}"
        if self.timeout is not None and not (is_seconds(self.timeout) and self.timeout > 0):
            yield f"timeout is a number of seconds above 0, not {self.timeout!r}"
        if not is_count(self.retries):
            yield f"retries is a whole number, 0 or more, not {self.retries!r}"
        if not is_seconds(self.backoff):
            yield f"backoff is a number of seconds, 0 or more, not {self.backoff!r}"
        kinds = self.retry_on if isinstance(self.retry_on, tuple) else (self.retry_on,)
        if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
            yield f"retry_on names subclasses of Exception (a cancellation is never retried), not {self.retry_on!r}"
        if self.at is not None and _MOMENT_OF.get(self.at) != self.point:
            yield f"at={self.at!r} does not go with point={self.point!r}: " + ", ".join(
                f"at={moment!r} is for {point} hooks" for moment, point in _MOMENT_OF.items()
            )
        if self.at == "received" and self.level in ("route", "local"):
            yield "at='received' is for global hooks: no route is known yet"
        if self.in_thread and is_async(self.fn):
            yield "in_thread=True is for sync functions; an async one runs on the loop"
        if self.requires is not None and self.point == "before":
            yield "requires= is for after and catch hooks"

    @property
    def plain(self) -> bool:
        """Whether a bare call is all that running it takes."""
        return not (self.timeout is not None or self.retries or self.isolated or self.in_thread)

    @property
    def options(self) -> dict[str, object]:
        """The options that differ from their defaults, as ``describe()`` shows them."""
        shown: dict[str, object] = {}
        for name, default in (("timeout", None), ("retries", 0), ("backoff", 0.0)):
            if (value := getattr(self, name)) != default:
                shown[name] = value
        if self.retry_on is not Exception and self.retry_on != (Exception,):
            kinds = self.retry_on if isinstance(self.retry_on, tuple) else (self.retry_on,)
            shown["retry_on"] = tuple(kind.__name__ for kind in kinds)
        if self.isolated:
            shown["isolated"] = True
        if self.in_thread:
            shown["in_thread"] = True
        if self.requires is not None:
            shown["requires"] = (
                self.requires.name if isinstance(self.requires, Hook) else name_of(self.requires)
            )
        return shown


def resolve(hooks: Sequence[Hook], *, level: Level, taken: Sequence[Hook] = ()) -> tuple[Hook, ...]:
    """Fill in level, name and id of each hook, so that every id is unique among ``taken`` and ``hooks``.

    Raises:
        DuplicateHook: A name (or id) that was given explicitly exists already at that point.
        InvalidHook: Something is no hook.
    """
    ids = {hook.id for hook in taken}
    resolved = []
    for hook in hooks:
        if not isinstance(hook, Hook):
            raise InvalidHook(f"hooks= takes Hook objects, not {hook!r}: write Hook(function, 'before')")
        if hook.at == "received" and level != "global" and hook.level != "global":
            raise InvalidHook(f"hook {hook.name or name_of(hook.fn)!r}: at='received' is for global hooks")
        name = hook.name or name_of(hook.fn)
        unique = identity = hook.id or f"{hook.point}:{name}"
        if unique in ids and (hook.name is not None or hook.id is not None):
            raise DuplicateHook(
                f"a {hook.point} hook {identity!r} is registered already: give this one another name"
            )
        count = 1
        while unique in ids:
            count += 1
            unique = f"{identity}#{count}"
        ids.add(unique)
        resolved.append(replace(hook, level=hook.level or level, name=name, id=unique))
    return tuple(resolved)
