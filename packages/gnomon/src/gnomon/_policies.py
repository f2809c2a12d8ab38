"""No policy is silently open: what a route demands is enforced by something, or the application does not start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gnomon_manifest.declare import HandlerDeclaration

from ._errors import PolicyNotEnforced


def refuse_unenforced(handlers: Iterable[tuple[Callable[..., Any], HandlerDeclaration]]) -> None:
    """Refuse routes whose roles or rate limit nothing installed enforces.

    Raises:
        PolicyNotEnforced: With every such route and where it is declared.
    """
    found = [
        f"  {'/'.join(declaration.methods)} {declaration.path} demands {' and '.join(demanded)}"
        f"  ({function.__code__.co_filename}:{function.__code__.co_firstlineno})"
        for function, declaration in handlers
        if (demanded := _unenforced(declaration))
    ]
    if found:
        raise PolicyNotEnforced(
            "nothing installed enforces these policies, so the routes would be open to everybody:\n"
            + "\n".join(found)
            + "\n  take the policy off the route, or enforce it in a @before hook of your own"
        )


def _unenforced(declaration: HandlerDeclaration) -> list[str]:
    demanded = []
    if declaration.roles:
        demanded.append(f"roles={declaration.roles!r}")
    if declaration.rate_limit is not None:
        demanded.append(f"rate_limit={declaration.rate_limit.limit} in {declaration.rate_limit.window:g} s")
    return demanded
