"""Types that bring a core schema of their own, pydantic models among them, and predicates."""

from __future__ import annotations

import sys
from typing import Annotated, Any, TypedDict

import pytest
from pydantic_core import core_schema

from gnomon_gtype import (
    GType,
    Message,
    Predicate,
    SchemaError,
    Sensitive,
    UnsupportedAnnotation,
    ValidationError,
    g,
)
from gnomon_gtype import schema as n

pydantic = pytest.importorskip("pydantic")


class Model(pydantic.BaseModel):
    a: int
    b: list[str] = []


class Tree(pydantic.BaseModel):
    next: Tree | None = None


class Even:
    """A class that describes itself."""

    def __init__(self, value: int) -> None:
        self.value = value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        def make(value: int) -> Even:
            if value % 2:
                raise ValueError("odd")
            return cls(value)

        writing = core_schema.plain_serializer_function_ser_schema(lambda even: even.value)
        return core_schema.no_info_after_validator_function(make, handler(int), serialization=writing)


class Upper:
    """A marker that describes itself."""

    __gtype_id__ = "example.upper.1"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        inner = handler.resolve_ref_schema(handler(source))
        return core_schema.no_info_after_validator_function(str.upper, inner)


class Other:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        assert handler.field_name is None
        return handler.generate_schema(list[int])


class Failing:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        raise RuntimeError("not today")


class Unserved:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(complex)


class Holder(TypedDict):
    model: Model
    tree: Tree


def test_pydantic_models_work():
    gtype = GType(Holder)
    value = gtype.validate_json('{"model":{"a":1},"tree":{"next":{}}}')
    assert value == {"model": Model(a=1), "tree": Tree(next=Tree())}
    assert gtype.validate(value) == value
    assert gtype.dump_json(value) == b'{"model":{"a":1,"b":[]},"tree":{"next":{"next":null}}}'


def test_problems_of_a_foreign_part_have_their_place():
    with pytest.raises(ValidationError) as caught:
        GType(Holder).validate_json('{"model":{"b":[1]},"tree":{}}')
    assert [(p.location, p.code) for p in caught.value.problems] == [
        ("model.a", "foreign"),
        ("model.b[0]", "foreign"),
    ]
    assert GType(Holder).problems({"model": 3, "tree": Tree()})[0].location == "model"


def test_keys_that_stand_twice_are_refused_in_foreign_parts_too():
    with pytest.raises(ValidationError) as caught:
        GType(Holder).validate_json('{"model":{"a":1,"a":1},"tree":{}}')
    assert caught.value.problems[0].location == "model.a"


def test_classes_and_markers_that_describe_themselves():
    assert GType(Even).validate(4).value == 4
    assert GType(Even).dump_json(Even(4)) == b"4"
    assert not GType(Even).is_valid(3)
    assert GType(Annotated[str, Upper()]).validate("a") == "A"
    assert GType(Annotated[str, Upper()]).validate_json('"a"') == "A"
    assert GType(Other).validate([1]) == [1]


def test_fingerprints_know_the_declared_id_alone():
    assert GType(Annotated[str, Upper()]).schema.id == "example.upper.1"
    assert GType(Even).schema.id.endswith(":Even")
    assert GType(Annotated[str, Upper()]).fingerprint == n.Opaque(id="example.upper.1").digest
    assert GType(Even).fingerprint != GType(Model).fingerprint


def test_a_description_that_fails_is_named():
    with pytest.raises(UnsupportedAnnotation, match="RuntimeError: not today"):
        GType(Failing)
    with pytest.raises(UnsupportedAnnotation, match="two floats"):
        GType(Unserved)


def is_even(value: int) -> bool:
    return value % 2 == 0


def complain(value: int) -> None:
    if value % 2:
        raise ValueError("the number is odd")


def test_predicates():
    gtype = GType(Annotated[int, Predicate(is_even, "Expected an even number.")])
    assert gtype.validate(2) == 2
    assert gtype.problems(3)[0].message == "Expected an even number."
    assert gtype.problems("a")[0].code == "wrong_type"
    assert GType(Annotated[int, Predicate(is_even)]).problems(3)[0].message == "The value is refused."
    assert GType(Annotated[int, Predicate(complain)]).problems(3)[0].message == "the number is odd"
    assert GType(Annotated[int, Predicate(complain)]).is_valid(2)
    assert [p.code for p in GType(list[Annotated[int, Predicate(is_even)]]).problems([1, 2, 3])] == [
        "refused"
    ] * 2


def test_what_a_predicate_says_about_a_sensitive_value_is_not_shown():
    gtype = GType(Sensitive[Annotated[int, Predicate(complain)]])
    assert gtype.problems(3)[0].message == "The value is refused."


def test_other_errors_of_a_predicate_are_passed_on():
    def broken(value: int) -> bool:
        raise KeyError(value)

    with pytest.raises(KeyError):
        GType(Annotated[int, Predicate(broken)]).validate(1)

    def lost(value: int) -> bool:
        raise AttributeError("lost")

    with pytest.raises(AttributeError):
        GType(Annotated[int, Predicate(lost)]).validate(1)


def test_a_predicate_has_an_identity():
    named = GType(Annotated[int, Predicate(is_even)])
    assert named.fingerprint == GType(Annotated[int, Predicate(is_even, "words")]).fingerprint
    assert named.fingerprint != GType(Annotated[int, Predicate(is_even, id="even.2")]).fingerprint
    assert named.fingerprint != GType(int).fingerprint
    assert GType(Annotated[int, Predicate(lambda value: True, id="all")]).is_valid(1)
    with pytest.raises(UnsupportedAnnotation, match="needs an id="):
        GType(Annotated[int, Predicate(lambda value: True)])


def test_predicates_of_one_name_are_told_apart():
    def make(limit: int) -> Any:
        def check(value: int) -> bool:
            return value < limit

        return GType(Annotated[int, Predicate(check)])

    assert make(1).fingerprint == make(5).fingerprint
    assert make(1) != make(5)
    assert (make(1).is_valid(3), make(5).is_valid(3)) == (False, True)


def test_custom_messages():
    gtype = GType(Annotated[int, Message("A number, please."), Message("Too much.", "too_large")])
    assert gtype.problems("a")[0].message == "A number, please."
    both = g.predicate(int, is_even, "Even, please.", id="x")
    assert GType(both).problems(1)[0].message == "Even, please."


def test_pydantic_is_not_needed():
    import subprocess

    code = "import sys, gnomon_gtype; sys.exit('pydantic' in sys.modules or 'jsonschema' in sys.modules or 'hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_core_schema_that_does_not_build_is_named():
    with pytest.raises(SchemaError, match="cannot compile"):
        GType.from_schema(n.Opaque(id="x", core_schema={"type": "nothing"})).validate(1)
