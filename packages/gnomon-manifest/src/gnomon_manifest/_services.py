"""The decorators `module` and `authenticator`: what services of an application declare about themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ._declarations import check_words
from ._docstring import parse_docstring
from ._errors import DeclarationError
from ._policy import parse_roles

__all__ = [
    "RESOURCES",
    "AuthenticatorDeclaration",
    "ModuleDeclaration",
    "authenticator",
    "authenticator_of",
    "check_module",
    "module",
    "module_of",
]

T = TypeVar("T", bound=Callable[..., Any])
RESOURCES: Final = ("hosts", "files", "writable", "secrets", "modules")
_MODULE: Final = "__gnomon_module__"
_AUTHENTICATOR: Final = "__gnomon_authenticator__"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleDeclaration:
    """What a module of the global context is, and what it may use.

    Args:
        name: name in `gctx.modules`.
        hosts: patterns of network hosts that it connects to: `example.com`, `*.example.com`, `**.example.com`, `**`.
        files: files and folders that it reads.
        writable: files and folders that it reads and writes.
        secrets: names of secrets.
        modules: names of other modules.
        summary: first line of the docstring.
    """

    name: str
    hosts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class AuthenticatorDeclaration:
    """The roles, sorted, that an authenticator may give to those it knows."""

    roles: tuple[str, ...]


def check_module(name: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Judge the name and the capabilities of a module.

    Raises:
        DeclarationError: when the name can not be one, or a capability is no sequence of strings.
    """
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        raise DeclarationError(
            f"{name!r} can not name a module: a name is an identifier without an underscore in front, as in "
            "gctx.modules.orders"
        )
    return {"name": name, **{kind: check_words(given.get(kind, ()), kind) for kind in RESOURCES}}


def module(
    name: str,
    *,
    hosts: Iterable[str] = (),
    files: Iterable[str] = (),
    writable: Iterable[str] = (),
    secrets: Iterable[str] = (),
    modules: Iterable[str] = (),
) -> Callable[[T], T]:
    """Declare what makes a module of the global context, and every resource that it uses; it stays what it is.

    Args:
        name: name in `gctx.modules`.
        hosts: patterns of the network hosts that it connects to; see `ModuleDeclaration`.
        files: files and folders that it reads.
        writable: files and folders that it reads and writes.
        secrets: names of the secrets that it asks for.
        modules: names of the other modules that it uses.

    Raises:
        DeclarationError: when the name can not be one, or a capability is no sequence of strings.

    >>> from gnomon_manifest.declare import module, module_of
    >>> @module("rates", hosts=["api.example.com"], secrets=["rates-key"])
    ... async def open_rates(resources):
    ...     '''Exchange rates.'''
    >>> module_of(open_rates).hosts
    ('api.example.com',)
    """
    given = {"hosts": hosts, "files": files, "writable": writable, "secrets": secrets, "modules": modules}
    values = check_module(name, given)

    def declare(made: T) -> T:
        summary = parse_docstring(made.__doc__).summary
        return _attach(made, _MODULE, ModuleDeclaration(**values, summary=summary))

    return declare


def authenticator(*, roles: Iterable[str]) -> Callable[[T], T]:
    """Declare the roles that an authenticator may give, so that a route that demands another is found.

    Args:
        roles: every role that it may give; none is `()`.

    Raises:
        DeclarationError: when the roles are no sequence of names.

    >>> from gnomon_manifest.declare import authenticator, authenticator_of
    >>> @authenticator(roles=["seller", "buyer"])
    ... class Tokens: ...
    >>> authenticator_of(Tokens).roles
    ('buyer', 'seller')
    """
    declaration = AuthenticatorDeclaration(parse_roles(roles))
    return lambda made: _attach(made, _AUTHENTICATOR, declaration)


def _attach(made: T, name: str, declaration: Any) -> T:
    if name in vars(made):
        raise DeclarationError(f"{getattr(made, '__qualname__', made)} is declared already")
    setattr(made, name, declaration)
    return made


def module_of(made: object) -> ModuleDeclaration | None:
    """Give what `module` left on a function or class, or None; a class that inherits from one declares nothing."""
    found = getattr(made, "__dict__", {}).get(_MODULE)
    return found if isinstance(found, ModuleDeclaration) else None


def authenticator_of(made: object) -> AuthenticatorDeclaration | None:
    """Give what `authenticator` left on a function or class, or None; a class that inherits from one has its roles."""
    found = getattr(made, _AUTHENTICATOR, None)
    return found if isinstance(found, AuthenticatorDeclaration) else None
