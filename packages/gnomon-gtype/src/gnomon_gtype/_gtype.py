"""`GType`: a runtime type, made once, that validates, explains, writes and describes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar
from weakref import WeakValueDictionary

from pydantic_core import PydanticSerializationError, SchemaSerializer, SchemaValidator
from pydantic_core import ValidationError as CoreValidationError

from gnomon_gtype._annotations import tree_of
from gnomon_gtype._compile import build_validator
from gnomon_gtype._errors import GTypeError, SchemaError
from gnomon_gtype._interpret import REFUSED, interpret
from gnomon_gtype._json import guard_for, parse
from gnomon_gtype._lax import build_lax_validator, problems_of
from gnomon_gtype._problems import Problem, ValidationError
from gnomon_gtype._recursion import definitions
from gnomon_gtype._redact import has_sensitive, redacted
from gnomon_gtype._schema import Schema
from gnomon_gtype._serialize import build_serializer
from gnomon_gtype._strings import read_strings

T = TypeVar("T")
Json = str | bytes | bytearray


class DumpError(GTypeError, ValueError):
    """A value cannot be written as JSON, because it is not of the type."""

    code = "dump_failed"


class _Compiled:
    """What equal layouts share: the validators and the serialiser, each made when it is first needed."""

    __slots__ = ("__weakref__", "guard", "json", "lax", "python", "schema", "serializer")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema  # kept alive: the key of the cache contains identities of what is in it
        self.python: Callable[[Any], Any] | None = None
        self.json: Callable[[Json], Any] | None = None
        self.guard: Callable[[Json, Any], bool] | None = None
        self.lax: SchemaValidator | None = None
        self.serializer: SchemaSerializer | None = None

    def build(self) -> None:
        validator = build_validator(self.schema)
        self.guard = guard_for(self.schema)
        self.json = validator.validate_json
        self.python = validator.validate_python


_SHARED: WeakValueDictionary[tuple[object, ...], _Compiled] = WeakValueDictionary()


def _shared(schema: Schema) -> _Compiled:
    key = schema.layout()
    found = _SHARED.get(key)
    if found is None:
        found = _SHARED[key] = _Compiled(schema)
    return found


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

    __slots__ = ("__weakref__", "_compiled", "_guard", "_json", "_python", "_schema", "annotation")

    def __init__(self, annotation: Any, *, namespace: Mapping[str, Any] | None = None) -> None:
        if namespace is None and not isinstance(annotation, Schema):
            frame = sys._getframe(1)
            namespace = {**frame.f_globals, **frame.f_locals}
        self._prepare(tree_of(annotation, namespace=namespace), annotation)

    def _prepare(self, schema: Schema, annotation: Any) -> None:
        self._schema = schema
        self.annotation = annotation
        self._compiled: _Compiled | None = None
        self._python: Callable[[Any], Any] = self._first_python
        self._json: Callable[[Json], Any] = self._first_json
        self._guard: Callable[[Json, Any], bool] = _never

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

    def _ready(self) -> _Compiled:
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = _shared(self._schema)
        if compiled.python is None:
            compiled.build()
        assert compiled.python is not None
        assert compiled.json is not None
        assert compiled.guard is not None
        self._python, self._json, self._guard = compiled.python, compiled.json, compiled.guard
        return compiled

    def _first_python(self, value: Any) -> Any:
        self._ready()
        return self._python(value)

    def _first_json(self, data: Json) -> Any:
        self._ready()
        return self._json(data)

    def validate(self, value: Any, mode: Literal["strict", "lax"] = "strict") -> T:
        """The value as the type has it.

        Args:
            value: a Python object.
            mode: `strict` never converts; `lax` converts as pydantic does (`"1"` to `1`).

        Raises:
            ValidationError: it is not of the type; `.problems` lists everything that is wrong.
        """
        if mode != "strict":
            return self._validate_lax(value, mode)
        try:
            return self._python(value)  # type: ignore[no-any-return]
        except (CoreValidationError, RecursionError) as error:
            raise self._explained(value, error) from None

    def validate_json(self, data: Json) -> T:
        """The value that JSON text stands for, read strictly.

        Args:
            data: the text, or its UTF-8 bytes.

        Raises:
            ValidationError: it is not JSON (RFC 8259, no key twice in an object), or not of the type.
        """
        try:
            result = self._json(data)
        except (CoreValidationError, RecursionError) as error:
            raise self._explained_json(data, error) from None
        if self._guard(data, result):
            return result  # type: ignore[no-any-return]
        problems = parse(data)[1]
        if problems:
            raise ValidationError(problems)
        return result  # type: ignore[no-any-return]

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
        try:
            if mode == "strict":
                self._python(value)
            else:
                self._validate_lax(value, mode)
        except (CoreValidationError, ValidationError, RecursionError):
            return False
        return True

    def _explained(self, value: Any, error: Exception) -> ValidationError:
        result, problems = interpret(self._schema, value)
        return ValidationError(problems if result is REFUSED else problems_of(error, self._schema))

    def _explained_json(self, data: Json, error: Exception) -> ValidationError:
        value, problems = parse(data)
        if problems:
            return ValidationError(problems)
        result, problems = interpret(self._schema, value, channel="json")
        return ValidationError(problems if result is REFUSED else problems_of(error, self._schema))

    def _validate_lax(self, value: Any, mode: str) -> T:
        if mode != "lax":
            raise ValueError(f"mode is 'strict' or 'lax', not {mode!r}")
        compiled = self._compiled or self._ready()
        if compiled.lax is None:
            compiled.lax = build_lax_validator(self._schema)
        try:
            return compiled.lax.validate_python(value)  # type: ignore[no-any-return]
        except (CoreValidationError, RecursionError) as error:
            raise ValidationError(problems_of(error, self._schema)) from None

    def dump_json(self, value: T) -> bytes:
        """A value of the type as JSON text, UTF-8.

        Unknown keys of a record that drops or forbids them are left out.

        Raises:
            DumpError: the value, or a part of it, is not of the type and cannot be written.
        """
        compiled = self._compiled or self._ready()
        serializer = compiled.serializer
        if serializer is None:
            serializer = compiled.serializer = build_serializer(self._schema)
        try:
            return serializer.to_json(value, warnings="error")
        except (PydanticSerializationError, RecursionError, UnicodeError, AttributeError) as error:
            hidden = has_sensitive(self._schema)
            reason = "it is not of the type" if hidden else str(error).strip().splitlines()[-1].strip()[:200]
            raise DumpError(f"the value cannot be written as JSON: {reason}") from None

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

    def __eq__(self, other: object) -> bool:
        return self._schema == other._schema if isinstance(other, GType) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._schema)

    def __repr__(self) -> str:
        shown = repr(self._schema) if self.annotation is None else _annotation_text(self.annotation)
        return f"GType({shown})"


def _never(_data: Json, _result: Any) -> bool:
    return False


def _annotation_text(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)
