"""What a handler gets in the place of a module, or of a live handle that a module returned.

A stand-in has the special methods of what it stands for, says that it is of that class, and hands every use on: to a
recorder, which asks the real thing, or to a recording, which answers in its place.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

# What a handler can do with a module without naming a method. Iterators and context managers are among them.
SPECIAL: Final = (
    "__call__",
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__contains__",
    "__len__",
    "__bool__",
    "__iter__",
    "__next__",
    "__aiter__",
    "__anext__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
    "__await__",
)


class Owner:
    """What a stand-in stands for: its path (`orders`, or `orders#1` for its first live handle) and class."""

    __slots__ = ("cls", "path", "target")

    def __init__(self, path: str, cls: type, target: Any = None) -> None:
        self.path: str = path
        self.cls: type = cls
        self.target: Any = target

    @property
    def module(self) -> str:
        """The module at the root of it."""
        return self.path.partition("#")[0]


class Backend(Protocol):
    """What answers for a stand-in."""

    def attribute(self, owner: Owner, name: str) -> Any:
        """The value of an attribute, or what is called for it."""
        ...

    def invoke(self, owner: Owner, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a method; special ones and the setting of attributes come by their special names."""
        ...


class StandIn:
    """Base of all stand-ins; its slots cannot collide with what a module has."""

    __slots__ = ("__gnomon_backend__", "__gnomon_owner__", "__weakref__")
    __gnomon_backend__: Backend
    __gnomon_owner__: Owner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self.__gnomon_backend__.attribute(self.__gnomon_owner__, name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__gnomon_backend__.invoke(self.__gnomon_owner__, "__setattr__", (name, value), {})

    def __delattr__(self, name: str) -> None:
        self.__gnomon_backend__.invoke(self.__gnomon_owner__, "__delattr__", (name,), {})

    @property  # so that isinstance() sees what the handler expects
    def __class__(self) -> type:
        return self.__gnomon_owner__.cls

    @__class__.setter
    def __class__(
        self, value: type
    ) -> None:  # pragma: no cover - a property that overrides one needs a setter
        raise AttributeError("the class of a stand-in is not changed")

    def __repr__(self) -> str:
        return f"<{self.__gnomon_owner__.cls.__qualname__} {self.__gnomon_owner__.path}, recorded>"


def make_standin(backend: Backend, owner: Owner, protocols: frozenset[str]) -> Any:
    """A stand-in that has the special methods of `protocols` and no others."""
    return _made(_class_with(protocols), backend, owner)


def standin_for(backend: Backend, path: str, value: Any) -> Any:
    """A stand-in for a value, with the special methods that its class has."""
    cls: type = type(value)
    return _made(_class_for(cls), backend, Owner(path, cls, value))


def _made(cls: type[StandIn], backend: Backend, owner: Owner) -> Any:
    made = object.__new__(cls)
    _set_backend(made, backend)
    _set_owner(made, owner)
    return made


# What the slots have, past the class, which hands every setting of an attribute on.
_set_backend: Final = StandIn.__dict__["__gnomon_backend__"].__set__
_set_owner: Final = StandIn.__dict__["__gnomon_owner__"].__set__


def owner_of(value: object) -> Owner | None:
    """What a stand-in stands for, `None` for any other object."""
    return value.__gnomon_owner__ if issubclass(type(value), StandIn) else None  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=1024)
def protocols_of(cls: type) -> frozenset[str]:
    """The special methods that the instances of a class have."""
    return frozenset(name for name in SPECIAL if getattr(cls, name, None) is not None)


@functools.lru_cache(maxsize=1024)
def _class_for(cls: type) -> type[StandIn]:
    return _class_with(protocols_of(cls))


@functools.lru_cache(maxsize=1024)
def _class_with(protocols: frozenset[str]) -> type[StandIn]:
    body: dict[str, Any] = {"__slots__": ()}
    body.update({name: _special(name) for name in SPECIAL if name in protocols})
    made = type("StandIn", (StandIn,), body)
    made.__module__ = __name__
    return made


def _special(name: str) -> Callable[..., Any]:
    def method(self: StandIn, *args: Any, **kwargs: Any) -> Any:
        return self.__gnomon_backend__.invoke(self.__gnomon_owner__, name, args, kwargs)

    def wait(self: StandIn) -> Any:
        awaitable: Awaitable[Any] = self.__gnomon_backend__.invoke(self.__gnomon_owner__, name, (), {})
        return awaitable.__await__()

    chosen = wait if name == "__await__" else method
    chosen.__name__ = name
    return chosen


async def _waiting(target: Any) -> Any:
    return await target


def real_method(target: Any, name: str) -> Callable[..., Any]:
    """What a special name means for the real thing."""
    if name == "__await__":
        return functools.partial(_waiting, target)
    if name in ("__setattr__", "__delattr__"):
        return functools.partial(setattr if name == "__setattr__" else delattr, target)
    method: Callable[..., Any] = getattr(type(target), name).__get__(target)
    return method


def named(function: Callable[..., Any], name: str, qualified: str) -> Callable[..., Any]:
    """The function under the name of what it stands for, as events and traces show it."""
    function.__name__, function.__qualname__ = name, qualified
    return function
