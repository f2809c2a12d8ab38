"""The entries of a type: functions made once per type, as short as they can be, because every request passes through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal
from weakref import WeakValueDictionary

from pydantic_core import SchemaSerializer, SchemaValidator
from pydantic_core import ValidationError as CoreValidationError

from gnomon_gtype._compile import LAX, build_validator
from gnomon_gtype._errors import GTypeError
from gnomon_gtype._interpret import REFUSED, Channel, interpret
from gnomon_gtype._json import Count, colons, parse
from gnomon_gtype._lax import problems_of, runs_code, unreadable
from gnomon_gtype._problems import ValidationError
from gnomon_gtype._schema import Schema
from gnomon_gtype._serialize import build_serializer

Json = str | bytes | bytearray
Mode = Literal["strict", "lax"]


class Compiled:
    """What equal layouts share: validators and serialiser, each made when it is first needed."""

    __slots__ = ("__weakref__", "_json", "_lax", "_python", "_serializer", "schema")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema  # kept alive: the key of the cache contains identities of what is in it
        self._python: SchemaValidator | None = None
        self._json: SchemaValidator | None = None
        self._lax: SchemaValidator | None = None
        self._serializer: SchemaSerializer | None = None

    def python(self) -> SchemaValidator:
        """The strict validator of Python objects."""
        if self._python is None:
            self._python = build_validator(self.schema)
        return self._python

    def json(self) -> SchemaValidator:
        """The strict validator of JSON text."""
        if self._json is None:
            self._json = build_validator(self.schema, channel="json")
        return self._json

    def lax(self) -> SchemaValidator:
        """The converting validator of Python objects."""
        if self._lax is None:
            self._lax = build_validator(self.schema, config=LAX)
        return self._lax

    def serializer(self) -> SchemaSerializer:
        """What writes JSON."""
        if self._serializer is None:
            self._serializer = build_serializer(self.schema)
        return self._serializer


_SHARED: WeakValueDictionary[tuple[object, ...], Compiled] = WeakValueDictionary()


def shared(schema: Schema) -> Compiled:
    """The compiled parts of a tree: the same for every tree of equal layout."""
    key = schema.layout()
    found = _SHARED.get(key)
    if found is None:
        found = _SHARED[key] = Compiled(schema)
    return found


def settled(schema: Schema, value: Any, error: Exception, channel: Channel = "python") -> Any:
    """What comes of a value that the engine did not accept.

    The problems are in the words of the interpreter; in those of the engine should the two ever differ. An error that is not
    the engine's comes from a method of the value, and then the reading of the interpreter counts, which takes it for a problem;
    or from a check of the user's, and then the interpreter meets it again and it is passed on.

    Raises:
        ValidationError: almost always.
    """
    if isinstance(error, GTypeError):
        raise error
    result, problems = interpret(schema, value, channel=channel)
    if result is REFUSED:
        raise ValidationError(problems) from None
    if isinstance(error, (CoreValidationError, RecursionError)):
        raise ValidationError(problems_of(error, schema)) from None
    return result


class Handle:
    """One type's hold on the compiled parts, taken when they are first needed."""

    __slots__ = ("_compiled", "schema")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._compiled: Compiled | None = None

    def compiled(self) -> Compiled:
        """The parts that all types of this layout share."""
        if self._compiled is None:
            self._compiled = shared(self.schema)
        return self._compiled


def _unmade(_data: Any) -> Any:
    raise AssertionError(
        "replaced before the first call"
    )  # pragma: no cover (gives the closures a name to rebind)


def python_entry(handle: Handle) -> Callable[..., Any]:
    """`validate` of a type. It compiles at its first call and is the same function afterwards, wherever it was kept."""
    schema = handle.schema

    strict: Callable[[Any], Any] = _unmade

    def first(value: Any) -> Any:
        nonlocal strict
        strict = handle.compiled().python().validate_python
        return strict(value)

    strict = first

    # `None` for strict: it is what a call without a mode has, and a text would have to be compared each time
    def validate(value: Any, mode: Mode | None = None) -> Any:
        if mode is None:
            try:
                return strict(value)
            except Exception as error:
                return settled(schema, value, error)
        if mode == "strict":
            return validate(value)
        return validate_lax(handle, value, mode)

    return validate


def validate_lax(handle: Handle, value: Any, mode: Mode) -> Any:
    """`validate` in lax mode."""
    if mode != "lax":
        raise ValueError(f"mode is 'strict' or 'lax', not {mode!r}")
    try:
        return handle.compiled().lax().validate_python(value)
    except (CoreValidationError, RecursionError) as error:
        raise ValidationError(problems_of(error, handle.schema)) from None
    except Exception as error:
        if isinstance(error, GTypeError) or runs_code(handle.schema):
            raise  # of a check of the application, as likely as of a method of the value
        raise ValidationError((unreadable(handle.schema, value, error),)) from None


def json_entry(handle: Handle) -> Callable[[Json], Any]:
    """`validate_json` of a type, which compiles at its first call.

    Its three forms differ in how they make sure that no key stands twice (see `colons`). Bytes take the short way; text
    raises the `TypeError` of `count(58)` and takes the long one.
    """
    count = colons(handle.schema)
    if count is None:
        return _plain_entry(handle)
    return _flat_entry(handle, count) if count.flat else _nested_entry(handle, count)


def _plain_entry(handle: Handle) -> Callable[[Json], Any]:
    schema = handle.schema

    strict: Callable[[Json], Any] = _unmade

    def first(data: Json) -> Any:
        nonlocal strict
        strict = handle.compiled().json().validate_json
        return strict(data)

    strict = first

    def validate_json(data: Json) -> Any:
        try:
            return strict(data)
        except Exception as error:
            return settled_json(schema, data, error)

    return validate_json


def _flat_entry(handle: Handle, count: Count) -> Callable[[Json], Any]:
    schema, of, timed, fixed, fewest = handle.schema, count.of, count.timed, count.fixed, count.fewest

    strict: Callable[[Json], Any] = _unmade

    def first(data: Json) -> Any:
        nonlocal strict
        strict = handle.compiled().json().validate_json
        return strict(data)

    strict = first

    def validate_json(data: Any) -> Any:
        try:
            result = strict(data)
            colons = data.count(58)
            if (colons == fewest or colons == len(result) + fixed) and (not timed or 92 not in data):
                return result
        except TypeError:
            result = strict(data)
        except Exception as error:
            return settled_json(schema, data, error)
        return _checked(data, result, of)

    return validate_json


def _nested_entry(handle: Handle, count: Count) -> Callable[[Json], Any]:
    schema, of, timed = handle.schema, count.of, count.timed
    least = count.least or of

    strict: Callable[[Json], Any] = _unmade

    def first(data: Json) -> Any:
        nonlocal strict
        strict = handle.compiled().json().validate_json
        return strict(data)

    strict = first

    def validate_json(data: Any) -> Any:
        try:
            result = strict(data)
            colons = data.count(58)
            if (colons == least(result) or colons == of(result)) and (not timed or 92 not in data):
                return result
        except TypeError:
            result = strict(data)
        except Exception as error:
            return settled_json(schema, data, error)
        return _checked(data, result, of)

    return validate_json


def _checked(data: Json, result: Any, of: Callable[[Any], int]) -> Any:
    if isinstance(data, str) and data.count(":") == of(result) and "\\" not in data:
        return result
    problems = parse(data)[1]
    if problems:
        raise ValidationError(problems)
    return result


def settled_json(schema: Schema, data: Json, error: Exception) -> Any:
    """What comes of JSON text that the engine did not accept."""
    value, problems = parse(data)
    if problems:
        raise ValidationError(problems) from None
    return settled(schema, value, error, "json")
