"""`GType`: a runtime type, made once, that validates, explains, writes and describes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from pydantic_core import PydanticSerializationError
from pydantic_core import ValidationError as CoreValidationError

from gnomon_gtype._annotations import tree_of
from gnomon_gtype._entry import Handle, Json, json_entry, python_entry
from gnomon_gtype._errors import GTypeError, SchemaError
from gnomon_gtype._interpret import REFUSED
from gnomon_gtype._problems import Problem, ValidationError
from gnomon_gtype._recursion import definitions
from gnomon_gtype._redact import redacted
from gnomon_gtype._schema import Schema
from gnomon_gtype._sensitive import holds_sensitive
from gnomon_gtype._strings import read_strings

T = TypeVar("T")


class DumpError(GTypeError, ValueError):
    """A value cannot be written as JSON, because it is not of the type."""

    code = "dump_failed"


class GType(Generic[T]):
    """A runtime type.

    Args:
        annotation: any annotation of the table in the documentation, or the text of one.
        namespace: where names in text are looked up first; names of the calling function are found without it.

    Raises:
        UnsupportedAnnotation: the annotation cannot be served.

    >>> pairs = GType(list[tuple[str, int]])
    >>> pairs.validate([("a", 1)])
    [('a', 1)]
    >>> print(*pairs.problems([("a", "1")]))
    [0][1]: Expected an integer, found a str.
    """

    def __init__(self, annotation: Any, *, namespace: Mapping[str, Any] | None = None) -> None:
        frame = sys._getframe(1)
        nearby = {**frame.f_globals, **frame.f_locals}
        self._prepare(tree_of(annotation, namespace=namespace, nearby=nearby), annotation)

    def _prepare(self, schema: Schema, annotation: Any) -> None:
        self._schema = schema
        self.annotation = annotation
        self._handle = handle = Handle(schema)
        # functions in place of the two methods below, which are there to be read: a call costs one frame less
        self.__dict__["validate"] = python_entry(handle)
        self.__dict__["validate_json"] = json_entry(handle)

    @classmethod
    def from_schema(cls, schema: Schema) -> GType[Any]:
        """The type that a schema tree describes.

        >>> from gnomon_gtype.schema import Integer
        >>> GType.from_schema(Integer(minimum=1)).is_valid(0)
        False
        """
        if not isinstance(schema, Schema):
            raise SchemaError(f"a schema tree is made of the nodes of gnomon_gtype.schema, not {schema!r}")
        made = cls.__new__(cls)
        made._prepare(definitions(schema, {}), None)
        return made

    @classmethod
    def from_json_schema(cls, document: Mapping[str, Any] | bool) -> GType[Any]:
        """The type that a JSON Schema 2020-12 document describes, exactly as the standard says.

        Args:
            document: the parsed document. References stay inside of it: nothing is ever fetched.

        Raises:
            UnsupportedSchema: a keyword cannot be honoured exactly, or is malformed.

        >>> positive = GType.from_json_schema({"type": "integer", "exclusiveMinimum": 0})
        >>> positive.validate_json("1.0"), positive.is_valid(0)
        (1.0, False)
        """
        from gnomon_gtype._json_schema_import import read  # most programs import no JSON Schema

        made = cls.__new__(cls)
        made._prepare(read(document), None)
        return made

    def json_schema(self, *, mode: Literal["validation", "serialization"] = "validation") -> dict[str, Any]:
        """The type as a JSON Schema 2020-12 document.

        Args:
            mode: `validation` describes what `validate_json` accepts, `serialization` what `dump_json` writes.

        The document accepts every value that the type accepts; where JSON Schema has no words for more, it is wider.

        >>> GType(list[int]).json_schema()["items"]
        {'type': 'integer'}
        """
        from gnomon_gtype._json_schema_emit import emit

        return emit(self._schema, mode)

    @property
    def schema(self) -> Schema:
        """The schema tree: what the type means."""
        return self._schema

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the canonical form of the tree, as 64 hexadecimal digits.

        Equal for reordered keys, union members and docstrings; different for every change of meaning.
        """
        return self._schema.digest

    def validate(self, value: Any, mode: Literal["strict", "lax"] = "strict") -> T:
        """The value as the type has it.

        Args:
            value: a Python object.
            mode: `strict` never converts; `lax` converts as pydantic does (`"1"` to `1`).

        Raises:
            ValidationError: it is not of the type; `.problems` lists everything that is wrong.
        """
        entry: Callable[..., T] = self.__dict__["validate"]
        return entry(value, mode)

    def validate_json(self, data: Json) -> T:
        """The value that JSON text stands for, read strictly.

        Args:
            data: the text, or its UTF-8 bytes.

        Raises:
            ValidationError: it is not JSON (RFC 8259, no key twice in an object), or not of the type.
        """
        entry: Callable[[Json], T] = self.__dict__["validate_json"]
        return entry(data)

    def validate_strings(self, values: Mapping[str, Any] | str | list[str]) -> T:
        """The value that strings stand for, as in a query, a path or headers.

        Args:
            values: strings by key, a list of strings where a key is repeated; or one string for a type that is no record.

        Raises:
            ValidationError: the strings do not stand for a value of the type.
        """
        result, problems = read_strings(self._schema, values)
        if result is REFUSED:
            raise ValidationError(problems)
        return result  # type: ignore[no-any-return]

    def problems(self, value: Any, mode: Literal["strict", "lax"] = "strict") -> tuple[Problem, ...]:
        """All that is wrong with a Python object; empty when it is of the type."""
        try:
            self.validate(value, mode)
        except ValidationError as error:
            return error.problems
        return ()

    def is_valid(self, value: Any, mode: Literal["strict", "lax"] = "strict") -> bool:
        """Whether a Python object is of the type."""
        if mode != "strict":
            return not self.problems(value, mode)
        try:
            self._handle.compiled().python().validate_python(value)
        except CoreValidationError:
            return False
        except GTypeError:
            raise
        except (
            Exception
        ):  # of the value's own methods, or of a check of the user's; `problems` tells them apart
            return not self.problems(value)
        return True

    def dump_json(self, value: T) -> bytes:
        """A value of the type as JSON text, UTF-8.

        Unknown keys of a record that drops or forbids them are left out.

        Raises:
            DumpError: the value, or a part of it, is not of the type and cannot be written.
        """
        try:
            return self._handle.compiled().serializer().to_json(value, warnings="error")
        except (PydanticSerializationError, RecursionError, UnicodeError, AttributeError) as error:
            raise DumpError(f"the value cannot be written as JSON: {self._unwritten(value, error)}") from None

    def _unwritten(self, value: Any, error: Exception) -> str:
        """Why a value was not written: what is wrong with it, or else what the writer says."""
        try:
            problems = self.problems(value)
        except Exception:  # of a check of the application, which has no say here
            problems = ()
        if problems:
            more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
            return f"{problems[0]}{more}"
        if holds_sensitive(self._schema, {}):
            return "it is not of the type"
        return str(error).strip().splitlines()[-1].strip()[:200]

    def redact(self, value: Any) -> Any:
        """A copy of `value` with every sensitive place blanked, for logs, snapshots and diagnostics.

        >>> from typing import TypedDict
        >>> from gnomon_gtype import Sensitive
        >>> class Login(TypedDict):
        ...     user: str
        ...     password: Sensitive[str]
        >>> GType(Login).redact({"user": "ada", "password": "secret"})
        {'user': 'ada', 'password': '(hidden)'}
        """
        return redacted(self._schema, value)

    def __reduce__(self) -> tuple[Callable[[Schema], GType[Any]], tuple[Schema]]:
        return (GType.from_schema, (self._schema,))

    def __eq__(self, other: object) -> bool:
        return self._schema == other._schema if isinstance(other, GType) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._schema)

    def __repr__(self) -> str:
        try:
            shown = repr(self._schema) if self.annotation is None else _annotation_text(self.annotation)
        except (
            ValueError
        ):  # of a limit that is too long to be written in decimal, which the tree writes otherwise
            shown = repr(self._schema)
        return f"GType({shown})"


def _annotation_text(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)
