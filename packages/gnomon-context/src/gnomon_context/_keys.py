"""Names that carry the type of what is stored under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

T = TypeVar("T")

if TYPE_CHECKING:
    # To a type checker a key is no string: else `lctx.set(key, value)` would take a value of any type.
    _Name = object
else:
    _Name = str


@final
class ContextKey(_Name, Generic[T]):
    """A name in a local context whose value type a checker knows.

    A key *is* its name: `ContextKey("user")` and `"user"` reach the same entry, so that a stored
    context can be restored without the key objects. Give keys of a library a dotted name.

    >>> USER: ContextKey[int] = ContextKey("shop.user")
    >>> USER == "shop.user"
    True
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self, name: str, /) -> None: ...
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """The name as a plain string."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"ContextKey({self.name!r})"


@final
class ModuleKey(Generic[T]):
    """A name in the module registry, with the type that the module promises.

    Args:
        name: the name the module is registered under.
        promises: if given, the started module must be an instance of it.

    Two keys are equal when name and type are.

    >>> ModuleKey("clock", float)
    ModuleKey('clock', float)
    """

    __slots__ = ("name", "promises")
    name: str
    promises: type[T] | None

    def __init__(self, name: str, promises: type[T] | None = None) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "promises", promises)

    def __setattr__(self, attribute: str, value: object) -> None:
        raise AttributeError(f"a ModuleKey is immutable: make a new one instead of setting {attribute!r}")

    def __delattr__(self, attribute: str) -> None:
        raise AttributeError(f"a ModuleKey is immutable: {attribute!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModuleKey):
            return NotImplemented
        return self.name == other.name and self.promises is other.promises

    def __hash__(self) -> int:
        return hash((self.name, self.promises))

    def __repr__(self) -> str:
        promised = "" if self.promises is None else f", {self.promises.__qualname__}"
        return f"ModuleKey({self.name!r}{promised})"
