"""GType against a hand-written core schema, pydantic and other validators: the nine-field user and the order of 100 lines.

What the user costs beyond the schema that somebody would write by hand, found by taking out one part after the other (CPython
3.13, in hundredths of the peer). From Python: the refusal of what is no float 2, of lone surrogates 3, the function that turns the
engine's error into a ``ValidationError`` 3, and that it has an optional ``mode`` 1. From JSON, where the schemas cost the same: that
function 2 to 3, and counting the colons of the text 8, which is how a key that stands twice is found.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from harness import Case, Sampler, per_call

from gnomon_gtype import GType, Max, MaxLength, Min, MinLength

REQUIRES: tuple[str, ...] = ("pydantic>=2.10", "msgspec>=0.19", "jsonschema>=4.23", "jsonschema-rs>=0.29")


class User(TypedDict):
    id: Annotated[int, Min(1)]
    name: Annotated[str, MinLength(1), MaxLength(100)]
    email: Annotated[str, MaxLength(254)]
    age: Annotated[int, Min(0), Max(150)]
    active: bool
    score: float
    role: Literal["admin", "editor", "reader"]
    tags: list[str]
    note: str | None


class Line(TypedDict):
    sku: Annotated[str, MinLength(3), MaxLength(20)]
    quantity: Annotated[int, Min(1)]
    price: float
    gift: bool
    note: NotRequired[str]


class Order(TypedDict):
    id: str
    customer: str
    placed: datetime.datetime
    paid: bool
    lines: list[Line]


USER: dict[str, Any] = {
    "id": 42,
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "age": 36,
    "active": True,
    "score": 9.75,
    "role": "editor",
    "tags": ["mathematics", "engines", "poetry"],
    "note": None,
}
ORDER: dict[str, Any] = {
    "id": "o-1842",
    "customer": "ada@example.org",
    "placed": datetime.datetime(2026, 3, 4, 12, 30, tzinfo=datetime.UTC),
    "paid": True,
    "lines": [
        {"sku": f"part-{n:04}", "quantity": n + 1, "price": n * 1.5, "gift": n % 7 == 0} for n in range(100)
    ],
}


def text_of(value: object) -> bytes:
    """JSON without blanks, as most clients send it."""
    return json.dumps(value, default=_moment, separators=(",", ":")).encode()


def _moment(value: datetime.datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def hand_written(*, as_strict: bool = False) -> tuple[Any, Any]:
    """The validators that somebody would write by hand for the same two types.

    Args:
        as_strict: refuse what a `GType` refuses and the engine alone lets through from Python: lone surrogates, and objects
            that are no floats but can be converted to one, such as a `Decimal`.
    """
    from pydantic_core import CoreConfig, SchemaValidator
    from pydantic_core import core_schema as core

    config = CoreConfig(strict=True, allow_inf_nan=False)

    def record(**fields: Any) -> Any:
        typed = {
            name: core.typed_dict_field(schema, required=not name.endswith("_"))
            for name, schema in fields.items()
        }
        return core.typed_dict_schema({name.rstrip("_"): item for name, item in typed.items()}, config=config)

    least = {"min_length": 0} if as_strict else {}
    number = core.float_schema()
    if as_strict:
        number = core.chain_schema([core.is_instance_schema((float, int)), number])

    user = record(
        id=core.int_schema(ge=1),
        name=core.str_schema(min_length=1, max_length=100),
        email=core.str_schema(max_length=254),
        age=core.int_schema(ge=0, le=150),
        active=core.bool_schema(),
        score=number,
        role=core.literal_schema(["admin", "editor", "reader"]),
        tags=core.list_schema(core.str_schema(**least)),
        note=core.nullable_schema(core.str_schema(**least)),
    )
    line = record(
        sku=core.str_schema(min_length=3, max_length=20),
        quantity=core.int_schema(ge=1),
        price=number,
        gift=core.bool_schema(),
        note_=core.str_schema(**least),
    )
    order = record(
        id=core.str_schema(**least),
        customer=core.str_schema(**least),
        placed=core.datetime_schema(tz_constraint="aware"),
        paid=core.bool_schema(),
        lines=core.list_schema(line),
    )
    return SchemaValidator(user, config), SchemaValidator(order, config)


def models() -> tuple[Any, Any]:
    """The same two types as pydantic models."""
    from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

    strict = ConfigDict(strict=True)
    user = create_model(
        "User",
        __config__=strict,
        id=(Annotated[int, Field(ge=1)], ...),
        name=(Annotated[str, Field(min_length=1, max_length=100)], ...),
        email=(Annotated[str, Field(max_length=254)], ...),
        age=(Annotated[int, Field(ge=0, le=150)], ...),
        active=(bool, ...),
        score=(float, ...),
        role=(Literal["admin", "editor", "reader"], ...),
        tags=(list[str], ...),
        note=(str | None, ...),
    )
    line = create_model(
        "Line",
        __config__=strict,
        sku=(Annotated[str, Field(min_length=3, max_length=20)], ...),
        quantity=(Annotated[int, Field(ge=1)], ...),
        price=(float, ...),
        gift=(bool, ...),
        note=(str | None, None),
    )
    order: type[BaseModel] = create_model(
        "Order",
        __config__=strict,
        id=(str, ...),
        customer=(str, ...),
        placed=(AwareDatetime, ...),
        paid=(bool, ...),
        lines=(list[line], ...),  # type: ignore[valid-type]
    )
    return user, order


def on(function: Callable[[Any], object], argument: object) -> Sampler:
    """Seconds per call of `function(argument)`."""
    return per_call(lambda: function(argument))


def compile_thousand() -> float:
    """Seconds to make and first use 1,000 types that all differ in ten fields."""
    kinds: list[Any] = [
        int,
        str,
        float,
        bool,
        list[str],
        str | None,
        Literal["a", "b"],
        dict[str, int],
        bytes,
        int | str,
    ]
    types = [
        TypedDict(f"T{n}", {f"field_{n}_{i}": kind for i, kind in enumerate(kinds)})  # type: ignore[operator]
        for n in range(1000)
    ]
    started = time.perf_counter()
    for each in types:
        GType(each).is_valid(None)
    return time.perf_counter() - started


def peers() -> dict[str, tuple[Callable[[Any], object], Any]]:
    """What others take for the user, from JSON."""
    import jsonschema
    import jsonschema_rs
    import msgspec
    from pydantic import ConfigDict, TypeAdapter, with_config

    schema = {
        "type": "object",
        "required": list(USER),
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "email": {"type": "string", "maxLength": 254},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "active": {"type": "boolean"},
            "score": {"type": "number"},
            "role": {"enum": ["admin", "editor", "reader"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "note": {"type": ["string", "null"]},
        },
    }
    text = text_of(USER)
    slow = jsonschema.Draft202012Validator(schema)
    fast = jsonschema_rs.Draft202012Validator(schema)
    plain = TypedDict("plain", dict(_plain_hints()))  # type: ignore[misc]
    adapter = TypeAdapter(with_config(ConfigDict(strict=True))(plain))
    return {
        "msgspec TypedDict": (msgspec.json.Decoder(plain).decode, text),
        "pydantic TypeAdapter": (adapter.validate_json, text),
        "jsonschema-rs, parsed": (fast.is_valid, USER),
        "jsonschema, parsed": (slow.is_valid, USER),
    }


def _plain_hints() -> dict[str, Any]:
    return {
        "id": int,
        "name": str,
        "email": str,
        "age": int,
        "active": bool,
        "score": float,
        "role": Literal["admin", "editor", "reader"],
        "tags": list[str],
        "note": str | None,
    }


def cases() -> list[Case]:
    """What is compared."""
    users, orders = hand_written()
    strict_users, strict_orders = hand_written(as_strict=True)
    user_model, order_model = models()
    user: GType[User] = GType(User)
    order: GType[Order] = GType(Order)
    user_text, order_text = text_of(USER), text_of(ORDER)
    rows: list[tuple[str, Callable[[Any], object], Any, Callable[[Any], object], Callable[[Any], object]]] = [
        ("user, from Python", user.validate, USER, users.validate_python, user_model.model_validate),
        (
            "user, from JSON",
            user.validate_json,
            user_text,
            users.validate_json,
            user_model.model_validate_json,
        ),
        ("order, from Python", order.validate, ORDER, orders.validate_python, order_model.model_validate),
        (
            "order, from JSON",
            order.validate_json,
            order_text,
            orders.validate_json,
            order_model.model_validate_json,
        ),
    ]
    found = []
    for name, ours, value, core, model in rows:
        found.append(
            Case(name, on(ours, value), on(core, value), "hand-written core schema", at_most=1.10, rounds=15)
        )
        found.append(
            Case(name, on(ours, value), on(model, value), "pydantic BaseModel", at_most=0.75, rounds=9)
        )
    for name, ours, value, core in [
        ("user, from Python", user.validate, USER, strict_users.validate_python),
        ("order, from Python", order.validate, ORDER, strict_orders.validate_python),
    ]:
        found.append(Case(name, on(ours, value), on(core, value), "the same, as strict as we are", rounds=15))
    found.append(
        Case(
            "compile 1,000 types of ten fields",
            compile_thousand,
            lambda: 1.0,
            "one second",
            at_most=1.0,
            rounds=3,
        )
    )
    found.extend(
        Case("user, from JSON", on(user.validate_json, user_text), on(function, value), name, rounds=5)
        for name, (function, value) in peers().items()
    )
    return found
