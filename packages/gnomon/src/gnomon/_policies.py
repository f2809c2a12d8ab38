"""No policy is silently open: what a route demands is enforced by something, or the application does not start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from gnomon_manifest.declare import HandlerDeclaration
from gnomon_orchestrator.protocols import Guard

from ._errors import PolicyNotEnforced

Policy: TypeAlias = Literal["roles", "rate_limit"]


@runtime_checkable
class PolicyEnforcer(Protocol):
    """Makes guards for the routes that declare what it enforces.

    >>> from gnomon import App, HttpError, get
    >>> class Roles:
    ...     enforces = ("roles",)
    ...     def guard_for(self, declaration):
    ...         return HasRole(declaration.roles) if declaration.roles else None
    >>> class HasRole:
    ...     name = "has_role"
    ...     def __init__(self, roles):
    ...         self.roles = roles
    ...     def check(self, req, res, lctx, gctx):
    ...         if req.headers.get("role") not in self.roles:
    ...             raise HttpError(403, "forbidden")
    >>> @get("/ledger", roles=("auditor",))
    ... def ledger(req, res, lctx, gctx): res.text("42")
    >>> [route.path for route in App(ledger, guards=[Roles()]).routes]
    ['/ledger']
    """

    @property
    def enforces(self) -> Collection[Policy]:
        """The policies of a declaration that it takes care of."""

    def guard_for(self, declaration: HandlerDeclaration, /) -> Guard | None:
        """The guard of one route, asked once; None if it demands nothing of the kind."""


class Guards:
    """What stands before validation and hooks, for every route and for single ones.

    Args:
        given: Guards, and what makes them.

    Raises:
        TypeError: One that is neither.
    """

    def __init__(self, given: Iterable[Guard | PolicyEnforcer]) -> None:
        everywhere: list[Guard] = []
        self._enforcers: list[PolicyEnforcer] = []
        for each in given:
            if isinstance(each, PolicyEnforcer):
                self._enforcers.append(each)
            elif callable(getattr(each, "check", None)):
                everywhere.append(each)
            else:
                raise TypeError(
                    f"{each!r} is no guard: a guard has a name and check(req, res, lctx, gctx), "
                    "and what makes guards has enforces and guard_for(declaration)"
                )
        self.everywhere = tuple(everywhere)

    def of(self, declaration: HandlerDeclaration) -> list[Guard]:
        """The guards of one route alone."""
        made = (enforcer.guard_for(declaration) for enforcer in self._enforcers)
        return [guard for guard in made if guard is not None]

    def refuse_unenforced(self, handlers: Iterable[tuple[Callable[..., Any], HandlerDeclaration]]) -> None:
        """Refuse routes whose roles or rate limit nothing installed enforces.

        Raises:
            PolicyNotEnforced: With every such route and where it is declared.
        """
        found = [
            f"  {'/'.join(declaration.methods)} {declaration.path} demands {' and '.join(demanded)}"
            f"  ({function.__code__.co_filename}:{function.__code__.co_firstlineno})"
            for function, declaration in handlers
            if (demanded := self._unenforced(declaration))
        ]
        if found:
            raise PolicyNotEnforced(
                "nothing installed enforces these policies, so the routes would be open to everybody:\n"
                + "\n".join(found)
                + "\n  give App(guards=[...]) a PolicyEnforcer for them, or take the policy off the route"
            )

    def _unenforced(self, declaration: HandlerDeclaration) -> list[str]:
        enforced = {policy for enforcer in self._enforcers for policy in enforcer.enforces}
        demanded = []
        if declaration.roles and "roles" not in enforced:
            demanded.append(f"roles={declaration.roles!r}")
        if declaration.rate_limit is not None and "rate_limit" not in enforced:
            limit, window = declaration.rate_limit.limit, declaration.rate_limit.window
            demanded.append(f"rate_limit={limit} in {window:g} s")
        return demanded
