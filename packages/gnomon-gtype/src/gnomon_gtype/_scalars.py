"""Schema nodes without children: the values that are not made of other values. Semantics are stated in `gnomon_gtype.schema`."""

from __future__ import annotations

import datetime
import decimal
import enum
from dataclasses import dataclass
from typing import Any, ClassVar
from typing import Literal as OneOf

from gnomon_gtype._errors import SchemaError
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._patterns import check_pattern
from gnomon_gtype._problems import shown
from gnomon_gtype._schema import Form, Schema, canonical, qualified_name

LONGEST = 2**62
"""The largest length: nothing is that long, and the engine counts in 64 bits."""


def check_length(
    minimum: int, maximum: int | None, *, names: tuple[str, str] = ("min_length", "max_length")
) -> None:
    """Refuse, when a type is made, lengths that the engine would refuse at its first use."""
    for name, value, also in ((names[0], minimum, ""), (names[1], maximum, ", or None")):
        if (value is not None or not also) and (type(value) is not int or not 0 <= value <= LONGEST):
            reason = f"{name} is a number of items, 0 or more and at most 2**62{also}, not {shown(value)}"
            raise SchemaError(reason)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Anything(Schema):
    """Every value."""

    tag: ClassVar[str] = "anything"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Nothing(Schema):
    """No value at all."""

    tag: ClassVar[str] = "nothing"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Null(Schema):
    """`None` alone."""

    tag: ClassVar[str] = "null"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Boolean(Schema):
    """`True` and `False`."""

    tag: ClassVar[str] = "boolean"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Integer(Schema):
    """Whole numbers. Both limits are inclusive; an exclusive one is written one further in."""

    tag: ClassVar[str] = "integer"
    minimum: int | None = None
    maximum: int | None = None
    multiple_of: int | None = None

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum", "multiple_of"):
            value = getattr(self, name)
            if value is not None and type(value) is not int:
                raise SchemaError(f"{name} of an integer is an int, not {shown(value)}")
        if self.multiple_of is not None and self.multiple_of <= 0:
            raise SchemaError(f"multiple_of is above 0, not {shown(self.multiple_of)}")
        if self.multiple_of == 1:
            object.__setattr__(self, "multiple_of", None)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bounded(Schema):
    """What the ordered scalars share: two limits, each inclusive unless marked exclusive."""

    tag: ClassVar[str] = "bounded"
    limits: ClassVar[tuple[type, ...]] = ()
    minimum: Any = None
    maximum: Any = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum"):
            value = getattr(self, name)
            if value is not None and type(value) not in self.limits:
                names = " or ".join(kind.__name__ for kind in self.limits)
                raise SchemaError(f"{name} of {self.tag} is {names}, not {shown(value)}")
            if value is None and getattr(self, f"exclusive_{name}"):
                raise SchemaError(f"exclusive_{name} needs a {name}")
        _check_finite(self.minimum)
        _check_finite(self.maximum)


def _check_finite(value: object) -> None:
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        raise SchemaError(f"a limit is a finite number, not {shown(value)}")
    if isinstance(value, decimal.Decimal) and not value.is_finite():
        raise SchemaError(f"a limit is a finite number, not {shown(value)}")


def _exact(value: int | float | None) -> int | float | None:
    """Whole floats become ints, so that `1` and `1.0` as a limit are one meaning."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Numeric(Bounded):
    limits: ClassVar[tuple[type, ...]] = (int, float)
    multiple_of: int | float | None = None

    def __post_init__(self) -> None:
        Bounded.__post_init__(self)
        step = self.multiple_of
        if step is not None and (type(step) not in (int, float) or not 0 < step < float("inf")):
            raise SchemaError(f"multiple_of is a finite number above 0, not {shown(step)}")
        for name in ("minimum", "maximum", "multiple_of"):
            object.__setattr__(self, name, _exact(getattr(self, name)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Float(_Numeric):
    """Finite floating-point numbers; whole numbers are converted. `finite=False` lets infinities and NaN in, from Python only."""

    tag: ClassVar[str] = "float"
    finite: bool = True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(_Numeric):
    """Any finite JSON number, kept as the `int` or `float` it is. `multiple_of=1` are the integers of JSON Schema, 1.0 among them."""

    tag: ClassVar[str] = "number"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DecimalNumber(Bounded):
    """Finite `decimal.Decimal` numbers."""

    tag: ClassVar[str] = "decimal"
    limits: ClassVar[tuple[type, ...]] = (decimal.Decimal,)
    multiple_of: decimal.Decimal | None = None
    max_digits: int | None = None
    decimal_places: int | None = None

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum", "multiple_of"):
            value = getattr(self, name)
            if type(value) is int:
                object.__setattr__(self, name, decimal.Decimal(value))
        Bounded.__post_init__(self)
        step = self.multiple_of
        if step is not None and not (isinstance(step, decimal.Decimal) and step.is_finite() and step > 0):
            raise SchemaError(f"multiple_of of decimal is a Decimal above 0, not {shown(step)}")
        for name in ("max_digits", "decimal_places"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 0):
                raise SchemaError(f"{name} is 0 or more, not {shown(value)}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class String(Schema):
    """Unicode text. Lengths count code points; every pattern must be found somewhere in it; a format is one of `FORMATS`."""

    tag: ClassVar[str] = "string"
    min_length: int = 0
    max_length: int | None = None
    patterns: tuple[str, ...] = ()
    format: str | None = None

    def __post_init__(self) -> None:
        check_length(self.min_length, self.max_length)
        if isinstance(self.patterns, str):
            raise SchemaError(f"patterns is a tuple of regular expressions, not the string {self.patterns!r}")
        for pattern in self.patterns:
            check_pattern(pattern)
        object.__setattr__(self, "patterns", tuple(sorted(set(self.patterns))))
        if self.format is not None and self.format not in FORMATS:
            raise SchemaError(f"format {self.format!r} is none of {', '.join(sorted(FORMATS))}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bytes(Schema):
    """Bytes; in JSON, base64 text. Lengths count bytes."""

    tag: ClassVar[str] = "bytes"
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self) -> None:
        check_length(self.min_length, self.max_length)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Literal(Schema):
    """Exactly these values, told apart by type as well: `1`, `1.0` and `True` are three. Build it with `literal(...)`."""

    tag: ClassVar[str] = "literal"
    values: tuple[str | int | float | bytes | bool | enum.Enum, ...] = ()

    def __post_init__(self) -> None:
        kept: dict[str, Any] = {}
        for value in self.values:
            if not isinstance(value, enum.Enum) and type(value) not in (str, int, float, bytes, bool):
                raise SchemaError(
                    f"a literal is a str, int, float, bool, bytes or enum member, not {shown(value)}"
                )
            if isinstance(value, float):
                _check_finite(value)
            kept.setdefault(repr(_literal_form(value)), value)
        if not kept:
            raise SchemaError("a literal has at least one value; no value at all is Nothing()")
        object.__setattr__(self, "values", tuple(kept.values()))

    def _form(self) -> Form:
        return sorted((_literal_form(value) for value in self.values), key=repr)

    def _references(self) -> tuple[object, ...]:
        return tuple({type(value) for value in self.values if isinstance(value, enum.Enum)})

    def layout(self) -> tuple[object, ...]:
        return (
            Literal,
            *((type(value), value if type(value) is not float else value.hex()) for value in self.values),
        )


def _literal_form(value: object) -> Form:
    if isinstance(value, enum.Enum):
        return ["enum", qualified_name(type(value)), value.name, canonical(value.value)]
    return [type(value).__name__, canonical(value)]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EnumMember(Schema):
    """The members of an `enum.Enum` class; in JSON, their values."""

    tag: ClassVar[str] = "enum"
    cls: type[enum.Enum]

    def __post_init__(self) -> None:
        if not (isinstance(self.cls, type) and issubclass(self.cls, enum.Enum)):
            raise SchemaError(f"cls is a subclass of enum.Enum, not {self.cls!r}")

    @property
    def members(self) -> tuple[enum.Enum, ...]:
        """The members in the order written, aliases left out."""
        return tuple(self.cls)

    def _form(self) -> Form:
        return [
            qualified_name(self.cls),
            sorted((_literal_form(member) for member in self.members), key=repr),
        ]

    def _references(self) -> tuple[object, ...]:
        return (self.cls,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Date(Bounded):
    """Calendar dates (`datetime.date`, never a `datetime`)."""

    tag: ClassVar[str] = "date"
    limits: ClassVar[tuple[type, ...]] = (datetime.date,)


Zone = OneOf["aware", "naive", "any"]


def _check_zone(zone: Zone, *limits: Any) -> None:
    if zone not in ("aware", "naive", "any"):
        raise SchemaError(f"zone is 'aware', 'naive' or 'any', not {zone!r}")
    for limit in limits:
        if limit is not None and (zone == "any" or (limit.utcoffset() is None) != (zone == "naive")):
            raise SchemaError(
                f"the limit {shown(limit)} cannot be compared with times whose zone is {zone!r}"
            )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Time(Bounded):
    """Times of day."""

    tag: ClassVar[str] = "time"
    limits: ClassVar[tuple[type, ...]] = (datetime.time,)
    zone: Zone = "any"

    def __post_init__(self) -> None:
        Bounded.__post_init__(self)
        _check_zone(self.zone, self.minimum, self.maximum)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DateTime(Bounded):
    """Moments: aware by default, because a naive one says nothing about when."""

    tag: ClassVar[str] = "datetime"
    limits: ClassVar[tuple[type, ...]] = (datetime.datetime,)
    zone: Zone = "aware"

    def __post_init__(self) -> None:
        Bounded.__post_init__(self)
        _check_zone(self.zone, self.minimum, self.maximum)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Duration(Bounded):
    """Lengths of time (`datetime.timedelta`)."""

    tag: ClassVar[str] = "duration"
    limits: ClassVar[tuple[type, ...]] = (datetime.timedelta,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Uuid(Schema):
    """UUIDs, in JSON with their hyphens."""

    tag: ClassVar[str] = "uuid"
    version: int | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.version not in range(1, 9):
            raise SchemaError(f"version of a UUID is 1 to 8 or None, not {shown(self.version)}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FilePath(Schema):
    """File system paths of `pathlib`; in JSON, any text without a NUL."""

    tag: ClassVar[str] = "path"
    kind: OneOf["Path", "PurePath", "PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath"] = "Path"

    def __post_init__(self) -> None:
        if self.kind not in (
            "Path",
            "PurePath",
            "PurePosixPath",
            "PureWindowsPath",
            "PosixPath",
            "WindowsPath",
        ):
            raise SchemaError(f"kind is the name of a class of pathlib, not {self.kind!r}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IpAddress(Schema):
    """Addresses, networks and interfaces of `ipaddress`."""

    tag: ClassVar[str] = "ip"
    kind: OneOf["address", "network", "interface"] = "address"
    version: OneOf[4, 6] = 4

    def __post_init__(self) -> None:
        if self.kind not in ("address", "network", "interface") or self.version not in (4, 6):
            raise SchemaError(
                f"an IP type is address, network or interface of version 4 or 6, not {self.kind!r} {shown(self.version)}"
            )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Regex(Schema):
    """Compiled regular expressions (`re.Pattern` of `str`); in JSON, their text."""

    tag: ClassVar[str] = "regex"


def literal(*values: Any) -> Schema:
    """The type of exactly these values, in its shortest form: `None` becomes `Null`, both booleans become `Boolean`."""
    from gnomon_gtype._composites import union  # the two modules are one idea cut in two for length

    rest = [value for value in values if value is not None and type(value) is not bool]
    parts: list[Schema] = [Literal(tuple(rest))] if rest else []
    truths = {value for value in values if type(value) is bool}
    if truths:
        parts.append(Boolean() if len(truths) == 2 else Literal(tuple(truths)))
    if None in values and any(value is None for value in values):
        parts.append(Null())
    return union(*parts)
