"""Runtime types from plain annotations, compiled to pydantic-core, with structured diagnostics.

`GType(annotation)` is a type at run time: it validates Python objects, JSON text and strings, says everything that is wrong
with a value and where, writes JSON, blanks what is sensitive, and has a fingerprint of what it means.
"""

from gnomon_gtype import g
from gnomon_gtype._containment._decide import Containment, contains
from gnomon_gtype._errors import GTypeError, SchemaError, UnsupportedAnnotation, UnsupportedSchema
from gnomon_gtype._gtype import DumpError, GType
from gnomon_gtype._markers import (
    AllowNonFinite,
    Closed,
    Describe,
    Digits,
    Discriminator,
    Gt,
    Hidden,
    Length,
    Lt,
    Marker,
    Max,
    MaxLength,
    Message,
    Min,
    MinLength,
    MultipleOf,
    Open,
    Pattern,
    Predicate,
    Sensitive,
    TextFormat,
    UniqueItems,
    UnknownKeys,
    UuidVersion,
    Zone,
)
from gnomon_gtype._named import (
    Base64,
    Email,
    Hostname,
    JsonString,
    NaiveDatetime,
    NonEmpty,
    NonNegative,
    Percentage,
    Port,
    Positive,
    PositiveFloat,
    Slug,
    Timestamp,
    Url,
    UrlWith,
    Uuid,
)
from gnomon_gtype._problems import Code, Problem, ValidationError

__all__ = [
    "AllowNonFinite",
    "Base64",
    "Closed",
    "Code",
    "Containment",
    "Describe",
    "Digits",
    "Discriminator",
    "DumpError",
    "Email",
    "GType",
    "GTypeError",
    "Gt",
    "Hidden",
    "Hostname",
    "JsonString",
    "Length",
    "Lt",
    "Marker",
    "Max",
    "MaxLength",
    "Message",
    "Min",
    "MinLength",
    "MultipleOf",
    "NaiveDatetime",
    "NonEmpty",
    "NonNegative",
    "Open",
    "Pattern",
    "Percentage",
    "Port",
    "Positive",
    "PositiveFloat",
    "Predicate",
    "Problem",
    "SchemaError",
    "Sensitive",
    "Slug",
    "TextFormat",
    "Timestamp",
    "UniqueItems",
    "UnknownKeys",
    "UnsupportedAnnotation",
    "UnsupportedSchema",
    "Url",
    "UrlWith",
    "Uuid",
    "UuidVersion",
    "ValidationError",
    "Zone",
    "contains",
    "g",
]

for _name in __all__:
    _item = globals()[_name]
    if isinstance(_item, type) or _item is contains:
        _item.__module__ = __name__
