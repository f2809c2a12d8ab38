"""Findings: what can not be known from the source, told with its place and its mend."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from ._plain import one_line, shown

__all__ = ["CODES", "Code", "Finding", "Position", "render"]

Code: TypeAlias = Literal[
    "ambiguous_definition",
    "dynamic_declaration",
    "dynamic_hook",
    "dynamic_value",
    "invalid_declaration",
    "lint_body_on_get",
    "lint_duplicate_id",
    "lint_hook_runs_twice",
    "lint_response_never_sent",
    "lint_role_not_given",
    "lint_route_conflict",
    "lint_swapped_contexts",
    "lint_unreachable_hook",
    "signature",
    "syntax",
    "too_deep",
    "unreadable",
    "unresolvable_type",
]

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
CODES: Final[dict[Code, str]] = {
    "ambiguous_definition": "keep one definition of the name, or one per branch of `if TYPE_CHECKING`",
    "dynamic_declaration": "decorate a module-level function or a method directly, with the decorator or a group",
    "dynamic_hook": "name a function of the project, by itself or in a list that is a module-level constant",
    "dynamic_value": "write a literal, or a module-level constant made of literals",
    "invalid_declaration": "see the message; the application would not start with this",
    "lint_body_on_get": "take the values from the query, or declare another method",
    "lint_duplicate_id": "give one of the handlers an id of its own",
    "lint_hook_runs_twice": "declare the hook with level='route', or take it out of the route",
    "lint_response_never_sent": "send the status, or drop it from responses",
    "lint_role_not_given": "add the role to @authenticator(roles=...), or demand another",
    "lint_route_conflict": "change one of the paths or methods",
    "lint_swapped_contexts": "annotate lctx with LocalContext and gctx with GlobalContext",
    "lint_unreachable_hook": "list the hook in a route, or declare it with level='global'",
    "signature": "bind by the names req, res, lctx, gctx",
    "syntax": "mend the syntax; the other files were read",
    "too_deep": "split the expression into smaller ones",
    "unreadable": "make the file readable, in UTF-8 or with a coding line",
    "unresolvable_type": "use a type that can be read from the source of the project",
}


class Position(NamedTuple):
    """A place in the source: file relative to what was read, line from 1, column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Finding(NamedTuple):
    """Something that could not be known, or that can not be meant.

    Args:
        position: where it stands.
        code: one of the closed list in the reference; lints start with `lint_`.
        message: what is wrong, in one sentence.
        mend: what to do about it.
    """

    position: Position
    code: Code
    message: str
    mend: str

    @property
    def is_lint(self) -> bool:
        """Whether the meaning is clear and only doubtful."""
        return self.code.startswith("lint_")


def render(finding: Finding, source: str | None) -> str:
    """Show a finding as a compiler would, with the line it is about.

    Args:
        finding: what to show.
        source: text of the file, or None when it can not be shown.
    """
    kind = "warning" if finding.is_lint else "error"
    text = [f"{one_line(str(finding.position))}: {kind}[{finding.code}]: {one_line(finding.message)}"]
    # what ends a line for Python, which is less than what does for str.splitlines
    lines = _LINE_END.split(source) if source is not None else []
    if 0 < finding.position.line <= len(lines):
        number = str(finding.position.line)
        line = lines[finding.position.line - 1]
        lead = "".join(
            "\t" if character == "\t" else " " for character in line[: finding.position.column - 1]
        )
        text += [f"  {number} | {line}", f"  {' ' * len(number)} | {lead}^"]
    text.append(f"  = mend: {one_line(finding.mend)}")
    # the source and the messages may hold what acts on a terminal
    return "\n".join(map(shown, text))
