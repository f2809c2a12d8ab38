"""What a docstring says about a handler: summary, description, deprecation, parameters (Google style).

The form is that of the Google Python Style Guide, section 3.8.3:
https://google.github.io/styleguide/pyguide.html#383-functions-and-methods
"""

from __future__ import annotations

import inspect
import re
from typing import Final, NamedTuple

__all__ = ["Documentation", "parse_docstring"]

_SECTION: Final = re.compile(
    r"(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?|Attributes|See Also|Deprecated):\s*(.*)"
)
_PARAMETER: Final = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)")


class Documentation(NamedTuple):
    """The parts of a docstring that a reader of the API sees."""

    summary: str = ""
    description: str = ""
    deprecated: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()


def _join(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())


def _parameters(lines: list[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, list[str]]] = []
    indent = next((len(line) - len(line.lstrip()) for line in lines if line.strip()), 0)
    for line in lines:
        match = _PARAMETER.match(line.strip())
        if match and len(line) - len(line.lstrip()) == indent:
            found.append((match[1], [match[2]]))
        elif found:
            found[-1][1].append(line)
    return tuple((name, _join(words)) for name, words in found)


def parse_docstring(text: str | None) -> Documentation:
    """Take a docstring apart.

    Args:
        text: the docstring as it stands in the source, or None.

    >>> parse_docstring('''Place an order.
    ...
    ...     Deprecated: use the basket.
    ... ''')
    Documentation(summary='Place an order.', description='', deprecated='use the basket.', parameters=())
    """
    if not text or not text.strip():
        return Documentation()
    if "\n" not in text and not _SECTION.fullmatch(text.strip()):
        return Documentation(summary=text.strip())
    sections: dict[str, list[str]] = {"": []}
    current = sections[""]
    for line in inspect.cleandoc(text).splitlines():
        match = _SECTION.fullmatch(line.strip()) if line and not line[0].isspace() else None
        if match:
            current = sections.setdefault(match[1], [])
            if match[2]:
                current.append(match[2])
        elif current is not sections[""] and line and not line[0].isspace():
            current = sections[""]
            current.append(line)
        else:
            current.append(line)
    prose = "\n".join(sections[""]).strip().split("\n\n", 1)
    arguments = sections.get("Args") or sections.get("Arguments") or sections.get("Parameters") or []
    deprecated = _join(sections["Deprecated"]) if "Deprecated" in sections else None
    return Documentation(
        summary=_join(prose[0].splitlines()),
        description=re.sub(r"\n{3,}", "\n\n", prose[1].strip()) if len(prose) > 1 else "",
        deprecated=deprecated,
        parameters=_parameters(arguments),
    )
