"""The plain reading of a schema tree: decides one value as the table in `gnomon_gtype.schema` says, and lists every problem.

Compiled validators decide; this explains. It is the reference that they are tested against, and what says which problems a
refused value has. Written for clearness: no caching, no shortcuts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from typing import Literal as OneOf

from gnomon_gtype import _composites as c
from gnomon_gtype._describe import describe
from gnomon_gtype._problems import HIDDEN, MAX_PROBLEMS, Code, Problem, shown
from gnomon_gtype._schema import Schema
from gnomon_gtype._sensitive import holds_sensitive

Channel = OneOf["python", "json"]
Path = tuple[str | int, ...]

MAX_DEPTH = 250
"""Deepest nesting that is read; what lies deeper has the problem `too_deep`."""


class _Refused:
    def __repr__(self) -> str:
        return "REFUSED"


REFUSED: Final[Any] = _Refused()


class TooManyProblems(Exception):
    """Ends a reading once its list of problems is full."""


class Reading:
    """One pass of one value through one tree.

    Args:
        channel: whether the value is a Python object, or JSON that has been parsed.
        definitions: the nodes that references name.
        limit: how many problems to list at most.
    """

    def __init__(
        self, channel: Channel, definitions: Mapping[str, Schema], *, limit: int = MAX_PROBLEMS
    ) -> None:
        self.channel = channel
        self.definitions = definitions
        self.problems: list[Problem] = []
        self.hidden_from: int | None = (
            None  # how much of a path leads to the sensitive place that is being read
        )
        self.limit = limit
        self.passing: Exception | None = None
        self.depth = 0
        self.open: set[tuple[int, int]] = set()

    @property
    def json(self) -> bool:
        return self.channel == "json"

    def read(self, node: Schema, value: Any, path: Path) -> Any:
        """The validated value, or `REFUSED` after at least one more problem."""
        try:
            return READERS[type(node)](self, node, value, path)
        except (TooManyProblems, RecursionError):
            raise
        except Exception as error:
            if self.json or error is self.passing:
                raise
            said = f"{self.kind(value)} that raises {type(error).__name__} when it is read"
            wanted = describe(node, channel=self.channel)
            return self.refuse(node, path, "wrong_type", f"Expected {wanted}, found {said}.", value)

    @contextmanager
    def application(self) -> Iterator[None]:
        """Around code of the application: its errors are passed on, and not taken for those of the value's own methods."""
        try:
            yield
        except Exception as error:
            self.passing = error
            raise

    def refuse(
        self,
        node: Schema,
        path: Path,
        code: Code,
        message: str,
        value: Any,
        *,
        expected: str | None = None,
        branches: tuple[tuple[Problem, ...], ...] = (),
        limit: object = None,
    ) -> Any:
        """List a problem and return `REFUSED`."""
        self._make_room()
        if node.meta is not None:
            message = node.meta.messages.get(code) or node.meta.messages.get("*") or message
        wanted = describe(node, channel=self.channel) if expected is None else expected
        if self.hidden_from is not None:
            path, actual = path[: self.hidden_from], HIDDEN
        else:
            actual = HIDDEN if holds_sensitive(node, self.definitions) else shown(value)
        self.problems.append(Problem(path, code, message, wanted, actual, branches, limit))
        return REFUSED

    def relist(self, problems: Iterable[Problem]) -> Any:
        """List problems that an attempt has found, and return `REFUSED`."""
        for problem in problems:
            self._make_room()
            self.problems.append(problem)
        return REFUSED

    def _make_room(self) -> None:
        if len(self.problems) >= self.limit:
            last = Problem(
                (), "too_many_problems", f"There are more than {self.limit} problems.", "fewer problems", ""
            )
            self.problems.append(last)
            raise TooManyProblems

    def wrong_type(self, node: Schema, value: Any, path: Path) -> Any:
        """The commonest problem: a value of another kind."""
        expected = describe(node, channel=self.channel)
        return self.refuse(node, path, "wrong_type", f"Expected {expected}, found {self.kind(value)}.", value)

    def kind(self, value: Any) -> str:
        """The kind of a value in words, which gives nothing of it away."""
        if self.json:
            return JSON_KINDS.get(type(value), type(value).__name__)
        return "None" if value is None else f"{_article(type(value).__name__)}"

    def found(self, number: int) -> str:
        """How many there were, unless that is nobody's business."""
        return f", found {number}" if self.hidden_from is None else ""

    def attempt(self, node: Schema, value: Any, path: Path) -> tuple[Any, tuple[Problem, ...]]:
        """Read without listing: the result, and the problems it would have listed."""
        kept, self.problems = self.problems, []
        try:
            result = self.read(node, value, path)
        except TooManyProblems:
            result = REFUSED
        finally:
            found, self.problems = self.problems, kept
        return result, tuple(found)

    @contextmanager
    def inside(self, node: Schema, value: Any, path: Path) -> Iterator[bool]:
        """Guards one step down: false, with a problem listed, when it is too deep or goes in a circle."""
        mark = (id(node), id(value))
        self.depth += 1
        circle = mark in self.open
        if circle or self.depth > MAX_DEPTH:
            why = "contains itself" if circle else f"is nested deeper than {MAX_DEPTH} levels"
            self.refuse(node, path, "too_deep", f"The value {why}.", value)
            self.depth -= 1
            yield False
            return
        self.open.add(mark)
        try:
            yield True
        finally:
            self.open.discard(mark)
            self.depth -= 1


JSON_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "text",
    list: "an array",
    dict: "an object",
}


def _article(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


Reader = Callable[[Reading, Any, Any, Path], Any]
READERS: dict[type[Schema], Reader] = {}
"""How each class of node is read; filled by `_read_scalars`, `_read_composites` and `_read_unions`."""


def reader(*kinds: type[Schema]) -> Callable[[Reader], Reader]:
    """Register the reader of some classes of nodes."""

    def register(function: Reader) -> Reader:
        for kind in kinds:
            READERS[kind] = function
        return function

    return register


def interpret(schema: Schema, value: Any, *, channel: Channel = "python") -> tuple[Any, tuple[Problem, ...]]:
    """Read `value` as `schema`, in strict mode.

    Args:
        schema: the tree.
        value: a Python object, or parsed JSON.
        channel: which of the two it is.

    Returns:
        The validated value and no problems, or `REFUSED` and all problems.

    >>> from gnomon_gtype.schema import Integer
    >>> interpret(Integer(minimum=1), 5)
    (5, ())
    """
    known = schema.by_name if isinstance(schema, c.Definitions) else {}
    reading = Reading(channel, known)
    try:
        result = reading.read(schema, value, ())
    except TooManyProblems:
        result = REFUSED
    except RecursionError:
        result = reading.refuse(schema, (), "too_deep", "The value is nested too deeply.", value)
    return (result, ()) if result is not REFUSED else (REFUSED, tuple(reading.problems))


from gnomon_gtype import (  # noqa: E402  (they fill READERS)
    _read_composites,  # noqa: F401
    _read_scalars,  # noqa: F401
    _read_unions,  # noqa: F401
)
