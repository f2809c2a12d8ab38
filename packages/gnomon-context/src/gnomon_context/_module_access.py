"""How handlers reach modules: running ones as attributes, and by name, type or key as items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, final, overload

from ._errors import CapabilityDenied, ModuleNotFound, ModuleStartFailed
from ._keys import ModuleKey

if TYPE_CHECKING:
    from ._modules import Entry, ModuleRegistry

T = TypeVar("T")


class ModuleLookup(Protocol):
    """Base for a protocol of modules that also allows `gctx.modules[Type]` and `gctx.modules[KEY]`.

    >>> from typing import Protocol
    >>> class Modules(ModuleLookup, Protocol):
    ...     answer: int
    """

    @overload
    def __getitem__(self, key: type[T]) -> T: ...
    @overload
    def __getitem__(self, key: ModuleKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        """The running module under `key`."""
        ...

    def __contains__(self, key: object) -> bool:
        """Whether a module is registered under `key`."""
        ...

    def __iter__(self) -> Iterator[str]:
        """The names of all registered modules."""
        ...


@final
class ModuleAccess:
    """The running modules; see `ModuleLookup` for its types.

    A view replaces some of them, and may grant only some of the rest.
    """

    # A running module is an entry of the instance's own `__dict__`, as fast as Python has it. The names that
    # this class needs itself cannot collide with one: no module's name starts with an underscore.
    _granted: frozenset[str] | None
    _registry: ModuleRegistry
    _replaced: Mapping[str, Any]
    _running: dict[Any, Any]

    def __init__(
        self,
        registry: ModuleRegistry,
        replaced: Mapping[str, Any] = MappingProxyType({}),
        granted: frozenset[str] | None = None,
    ) -> None:
        # What stands in for a module stays: a view of nothing else costs no more than its making.
        self.__dict__.update(replaced, _registry=registry, _replaced=replaced, _granted=granted, _running={})

    def _derive(self, replaced: dict[str, Any], only: Iterable[str] | None) -> ModuleAccess:
        granted = self._granted
        if only is not None:
            granted = frozenset(only) if granted is None else granted & frozenset(only)
        kept = {
            name: value for name, value in self._replaced.items() if only is None or name in (granted or ())
        }
        return self._registry.view({**kept, **replaced}, granted)

    def _show(self, key: object, value: Any) -> None:
        self._running[key] = value
        if isinstance(key, str):
            self.__dict__[key] = value

    def _forget(self) -> None:
        for key in self._running:
            self.__dict__.pop(key, None)
        self._running.clear()

    def _hide(self, entry: Entry) -> None:
        for key in [key for key in self._running if self._registry.find(key) is entry]:
            if self._name_of(key) not in self._replaced:
                del self._running[key]
                self.__dict__.pop(key, None)

    def _name_of(self, key: object) -> str:
        if isinstance(key, str):
            return key
        return key.name if isinstance(key, ModuleKey) else self._registry.require(key).name

    def _entry(self, key: object) -> Entry | None:
        """The registered module under `key`, if it is granted here; None if another value stands in for it."""
        name = self._name_of(key)
        if name in self._replaced:
            return None
        entry = self._registry.require(key)
        if self._granted is not None and name not in self._granted:
            raise CapabilityDenied(
                f"the module {name!r} is not granted here; granted are: {', '.join(sorted(self._granted)) or 'none'}"
            )
        return entry

    def _look_up(self, key: object) -> Any:
        name, entry = self._name_of(key), self._entry(key)
        value = self._replaced[name] if entry is None else self._registry.value_of(entry)
        if isinstance(key, ModuleKey):
            check_promise(name, value, key.promises)
        if entry is not None or not isinstance(key, str):
            self._registry.note(self)
        self._show(key, value)
        return value

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._running[key]
        except (KeyError, TypeError):
            return self._look_up(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._look_up(name)
        except ModuleNotFound as error:
            # Absent, as far as hasattr() and getattr() with a default are concerned.
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"modules are registered before the start, not assigned: {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"modules are stopped by their application, not deleted: {name!r}")

    def _names(self) -> list[str]:
        if self._granted is None and not self._replaced:
            return [*self._registry.entries]
        names = dict.fromkeys((*self._registry.entries, *self._replaced))
        return [
            name for name in names if self._granted is None or name in self._granted or name in self._replaced
        ]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str) and key in self._replaced:
            return True
        entry = self._registry.find(key)
        return entry is not None and entry.name in self._names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __dir__(self) -> list[str]:
        return sorted(self._names())

    def __repr__(self) -> str:
        return f"<modules: {', '.join(self._names()) or 'none'}>"


def check_promise(name: str, value: Any, promised: type[Any] | None) -> None:
    """Refuse a value that is not what its key promises.

    Raises:
        ModuleStartFailed: with both types.
    """
    if promised is not None and not isinstance(value, promised):
        raise ModuleStartFailed(
            f"the module {name!r} is a {type(value).__qualname__}, and its key promises {promised.__qualname__}"
        )
