r"""The schema tree: what a type means, as immutable data.

A tree is made of the nodes below and no others. Nodes are frozen, hashable and comparable by meaning; `repr` is the
constructor call; `walk()` visits every node with its path; `map_children(change)` rebuilds. `digest` is a SHA-256 over a
canonical form and is the fingerprint of the type.

**What a node accepts** is stated here exactly, in strict mode, twice: for Python objects, and for JSON text. The compiled
validator (`_compile`) and the plain interpreter (`_interpret`) implement the same sentences.

Rules for all nodes. *Exact classes*: a value of a subclass of `str`, `int`, `float`, `bytes`, `list`, `tuple`, `dict`, `set`
or `frozenset` is accepted where the class is (and comes back as the plain class), except that a `bool` is never an `int`
and never a `float`, and an `enum` member is accepted as its mixed-in `str` or `int`. *JSON text* is RFC 8259: no `NaN`, no
`Infinity`, no number that overflows a float (`1e400`), no lone surrogates, no duplicate keys in one object, at most about 200
levels and integers of at most 4,300 digits. A JSON number without `.`, `e` and `E` is an integer; every other is a float.

| node | Python | JSON |
|---|---|---|
| `Anything()` | every object | every JSON text |
| `Nothing()` | nothing | nothing |
| `Null()` | `None` | `null` |
| `Boolean()` | `bool` | `true`, `false` |
| `Integer(minimum, maximum, multiple_of)` | `int` | integers: `1`, not `1.0` |
| `Float(...)` | finite `float`, or an `int` that fits (becomes `float`); with `finite=False` also NaN and infinities | numbers |
| `Number(...)` | `int` or finite `float`, kept as it is | numbers; `multiple_of=1` also lets `1.0` in |
| `DecimalNumber(...)` | finite `Decimal` | numbers, and text of the form `-?digits[.digits][e±digits]` |
| `String(...)` | `str` that is valid Unicode (no lone surrogate) | strings |
| `Bytes(...)` | `bytes` | strings of padded standard base64 |
| `Literal(values)` | an object of the same type and value (text that hashes and compares as such); enum members by identity | the same type and value; enum members by value; bytes as base64 |
| `EnumMember(cls)` | members of `cls` | the value of a member (same JSON type; `true` is not `1`, `1.0` is not `1`) |
| `Date(...)` | `date` that is no `datetime` | `YYYY-MM-DD` |
| `Time(zone)` | `time` | RFC 3339 `hh:mm[:ss[.f{1,6}]][Z\|±hh:mm]` |
| `DateTime(zone)` | `datetime`, aware unless `zone` says other | RFC 3339 `YYYY-MM-DDThh:mm:ss[.f{1,6}][Z\|±hh:mm]` |
| `Duration(...)` | `timedelta` | ISO 8601 `[-+]PnDTnHnMnS` or `PnW` (no years or months) |
| `Uuid(version)` | `UUID` | 8-4-4-4-12 hexadecimal digits, hyphens required |
| `FilePath(kind)` | an instance of that `pathlib` class | strings without NUL |
| `IpAddress(kind, version)` | an instance of that `ipaddress` class | text that the class parses |
| `Regex()` | `re.Pattern` of `str` | text that `re` compiles |
| `Array(...)` | `list`, `tuple`, either, or instances of `cls`, see `container` | arrays |
| `Record(...)` | `dict`; with `cls`, an instance of it (subclasses too), whose fields are checked again | objects |
| `Map(keys, values)` | `dict` | objects; keys are strings that stand for the key: see below |
| `Set(items, frozen)` | `set` (or `frozenset`) | arrays in which no two items become equal |
| `Union(members)` | what any member accepts | the same |
| `Intersection(members)` | what every member accepts | the same |
| `Not(base)` | what `base` refuses | the same |
| `Sensitive(base)` | what `base` accepts | the same |
| `Refined(base, id, check)` | what `base` accepts and `check(validated)` does not refuse | the same |
| `Opaque(id, core_schema)` | what the engine says | the same |
| `Ref(name)` | what the definition accepts | the same |
| `Definitions(root, definitions)` | what the root accepts; only ever the root of a tree | the same |

**Limits.** `minimum` and `maximum` are inclusive; `exclusive_minimum=True` takes the limit itself out (`Integer` has inclusive
limits only: write one further in). Numbers compare exactly, an `int` with a `float` too. `multiple_of` of `Float` and `Number`
is decided by the shortest decimal form of both (`0.3` is a multiple of `0.1`), 0 is a multiple of everything. `max_digits` and
`decimal_places` of `DecimalNumber` count as `annotated`: all significant digits, and those right of the point.

**Text.** `min_length` and `max_length` count code points. Every one of `patterns` must be *found* in the text (unanchored); the
dialect is that of the Rust `regex` crate: Unicode-aware, linear time, no look-around or back-references; `$` is the end of the
text and never before a final line break. `format` is a name in `FORMATS`, which gives the exact set as `pattern`, lengths and,
for `json` alone, a check.

**Arrays.** Item *i* is checked by `prefix[i]`, or `rest`, or `suffix` counted from the end; items of the prefix from `required`
on may be missing. `list[int]` is `Array(rest=Integer())`; `tuple[int, ...]` the same with `container="tuple"`; `tuple[int, str]` is
`Array(prefix=(Integer(), String()), container="tuple")`.

**Records.** Required fields are there; every field that is there matches its node. Unknown keys: `drop` leaves them out of the
result, `forbid` refuses, `keep` keeps; `rest` checks the values of unknown keys, `patterns` those whose name it is found in, `keys`
every name. In Python a key that is no valid string (an `int`, a lone surrogate) is an unknown key: dropped by a record that
drops and checks nothing about keys, refused by every other. `min_length` and `max_length` count the keys of the input.

**Maps.** A JSON object key is a string; it is read by the key node as JSON text of the matching kind would be: `Integer`
reads `-?(0|[1-9][0-9]*)`, `Float`, `Number` and `DecimalNumber` a JSON number, `Boolean` `true` or `false`, `Null` `null`, and
everything else reads the string itself. Two keys that become equal are refused.

**Unions** accept what a member accepts. The result is that of the member that accepts the value best: see `_compile`.
`Union.discriminator` is computed: the key of string literals that tells all member records apart. Members that are records keep
their own handling of unknown keys. **Intersections** check each member against the same input.

**Meaning and shape.** Use `union(...)`, `intersection(...)`, `literal(...)` and `definitions(...)` rather than the classes: they
give the shortest form (flat, without duplicates, `int | float` as `Number`, `Literal[True, False]` as `Boolean`, definitions that are not recursive put in
place). Order of fields and members, definition names and `meta` (titles, descriptions, examples, messages) do not count
for `==`, `hash` and `digest`. Classes, functions and opaque parts enter the digest by declared id or by `module:qualname`, and
`==` by identity as well.
"""

from gnomon_gtype._composites import (
    Array,
    Definitions,
    Field,
    Intersection,
    Map,
    Not,
    Opaque,
    Record,
    Ref,
    Refined,
    Sensitive,
    Set,
    Union,
    discriminator_of,
    intersection,
    union,
    unwrapped,
)
from gnomon_gtype._formats import FORMATS, Format
from gnomon_gtype._patterns import check_pattern, found_in
from gnomon_gtype._recursion import definitions
from gnomon_gtype._scalars import (
    Anything,
    Boolean,
    Bytes,
    Date,
    DateTime,
    DecimalNumber,
    Duration,
    EnumMember,
    FilePath,
    Float,
    Integer,
    IpAddress,
    Literal,
    Nothing,
    Null,
    Number,
    Regex,
    String,
    Time,
    Uuid,
    literal,
)
from gnomon_gtype._schema import UNSET, Meta, Schema

__all__ = [
    "FORMATS",
    "UNSET",
    "Anything",
    "Array",
    "Boolean",
    "Bytes",
    "Date",
    "DateTime",
    "DecimalNumber",
    "Definitions",
    "Duration",
    "EnumMember",
    "Field",
    "FilePath",
    "Float",
    "Format",
    "Integer",
    "Intersection",
    "IpAddress",
    "Literal",
    "Map",
    "Meta",
    "Not",
    "Nothing",
    "Null",
    "Number",
    "Opaque",
    "Record",
    "Ref",
    "Refined",
    "Regex",
    "Schema",
    "Sensitive",
    "Set",
    "String",
    "Time",
    "Union",
    "Uuid",
    "check_pattern",
    "definitions",
    "discriminator_of",
    "found_in",
    "intersection",
    "literal",
    "union",
    "unwrapped",
]

for _name in __all__:
    _item = globals()[_name]
    if getattr(_item, "__module__", "").startswith("gnomon_gtype._"):
        _item.__module__ = __name__
