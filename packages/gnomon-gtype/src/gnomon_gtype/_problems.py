"""Problems: what is wrong with a value, where, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from gnomon_gtype._errors import GTypeError

Code = Literal[
    "contains",
    "duplicate_item",
    "duplicate_key",
    "excluded",
    "foreign",
    "format",
    "invalid",
    "json_invalid",
    "missing",
    "never",
    "no_match",
    "not_finite",
    "not_multiple",
    "not_one_of",
    "not_unicode",
    "pattern",
    "precision",
    "refused",
    "repeated",
    "timezone",
    "too_deep",
    "too_large",
    "too_long",
    "too_many_problems",
    "too_short",
    "too_small",
    "unhashable",
    "unknown_key",
    "unknown_tag",
    "wrong_key",
    "wrong_type",
]
"""Every code a problem can have. `docs/reference/gtype.md` says what each means."""

MAX_SHOWN = 200
"""Most characters of a found value that a problem shows."""

MAX_PROBLEMS = 1_000
"""Most problems one validation lists; the last then has the code `too_many_problems`."""

HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a value.

    Args:
        path: keys and indexes from the root to the place.
        code: what kind of problem it is, from a closed list.
        message: a plain English sentence, or the custom one of the type.
        expected: what would have been accepted.
        actual: what was found, as text of at most 200 characters; `(hidden)` where the type is sensitive.
        branches: for a union, the problems of each member in turn.
        limit: the limit that was passed, the step, the length or the pattern, for those who write messages of their own.

    >>> problem = Problem(("user", "tags", 0), "wrong_type", "Expected text.", "text", "3")
    >>> problem.pointer, problem.location
    ('/user/tags/0', 'user.tags[0]')
    """

    path: tuple[str | int, ...]
    code: Code
    message: str
    expected: str
    actual: str
    branches: tuple[tuple[Problem, ...], ...] = ()
    limit: object = None

    def translated(self, catalogue: Catalogue) -> Problem:
        """The same problem in other words, its branches too.

        Args:
            catalogue: gets a problem and returns its message, or `None` to leave it as it is.

        >>> problem = Problem((), "too_small", "Expected at least 1.", "at least 1", "0", limit=1)
        >>> german = {"too_small": "Mindestens {limit}."}
        >>> print(problem.translated(lambda p: german[p.code].format(limit=p.limit)))
        Mindestens 1.
        """
        message = catalogue(self)
        branches = tuple(
            tuple(problem.translated(catalogue) for problem in branch) for branch in self.branches
        )
        return replace(self, message=self.message if message is None else message, branches=branches)

    @property
    def pointer(self) -> str:
        """The place as a JSON Pointer (RFC 6901)."""
        return pointer_of(self.path)

    @property
    def location(self) -> str:
        """The place as people write it: `user.tags[0]`; empty for the root."""
        return location_of(self.path)

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" if self.path else self.message

    def __repr__(self) -> str:
        return f"Problem({', '.join(f'{item.name}={written(getattr(self, item.name))}' for item in fields(self))})"


Catalogue = Callable[[Problem], str | None]
"""Gives the message of a problem in another language, or `None` to leave the standard one."""


def written(value: object) -> str:
    """The `repr` of a value, with integers in hexadecimal that Python refuses to write in decimal."""
    try:
        return repr(value)
    except ValueError:
        pass
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + "".join(f"{written(item)}, " for item in value).rstrip() + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return shown(value)


def pointer_of(path: Sequence[str | int]) -> str:
    """`path` as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def location_of(path: Sequence[str | int]) -> str:
    """`path` as people write it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def shown(value: object) -> str:
    """At most 200 characters of a value, whatever its own methods do."""
    try:
        return _shown(value)
    except Exception as error:  # a value may raise anything from its own repr, and a diagnostic must not
        return f"an object that cannot be shown ({type(error).__name__})"


def _shown(value: object) -> str:
    if getattr(type(value), "__sensitive__", False) is True:
        return HIDDEN
    kind = type(value)
    if kind is int:
        return (
            _cut(repr(value))
            if isinstance(value, int) and value.bit_length() < 700
            else "a very long integer"
        )
    if isinstance(value, (str, bytes)) and kind in (str, bytes):
        return _cut(repr(value[:MAX_SHOWN])) if len(value) > MAX_SHOWN else _cut(repr(value))
    if value is None or kind in (bool, float):
        return repr(value)
    if isinstance(value, (list, tuple, set, frozenset)) and kind in (list, tuple, set, frozenset):
        return f"{kind.__name__} of {len(value)} item{'' if len(value) == 1 else 's'}"
    if isinstance(value, dict) and kind is dict:
        return f"dict of {len(value)} key{'' if len(value) == 1 else 's'}"
    return (
        _cut(f"{kind.__name__} {value!r}")
        if kind.__module__ in _QUIET
        else f"{_cut(kind.__qualname__)} object"
    )


_QUIET = frozenset({"datetime", "uuid", "decimal", "ipaddress", "pathlib", "pathlib._local", "enum", "re"})


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


class ValidationError(GTypeError, ValueError):
    """A value is not of the type.

    Args:
        problems: all that is wrong with it, in the order of the value.

    >>> error = ValidationError((Problem(("age",), "missing", "The key is missing.", "an integer", "nothing"),))
    >>> print(error)
    age: The key is missing.
    """

    code = "validation_failed"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))

    def translated(self, catalogue: Catalogue) -> ValidationError:
        """The same error with every message in the words of a catalogue.

        Args:
            catalogue: gets a problem and returns its message, or `None` to leave it as it is.
        """
        return ValidationError([problem.translated(catalogue) for problem in self.problems])
