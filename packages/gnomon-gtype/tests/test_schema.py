"""The schema tree: equality, printing, walking, canonical form, recursion."""

from __future__ import annotations

from typing import Annotated

import pytest

from gnomon_gtype import GType, Min, contains
from gnomon_gtype import schema as n
from gnomon_gtype.schema import (
    Array,
    Definitions,
    Field,
    Float,
    Integer,
    Map,
    Meta,
    Nothing,
    Null,
    Number,
    Record,
    Ref,
    Schema,
    String,
    Union,
    definitions,
    literal,
    union,
)


def record(**fields: Schema) -> Record:
    return Record(tuple(Field(name=name, schema=node) for name, node in fields.items()))


def test_order_of_fields_is_layout_and_not_meaning():
    one = record(a=Integer(), b=String())
    other = record(b=String(), a=Integer())
    assert one == other
    assert hash(one) == hash(other)
    assert one.digest == other.digest
    assert one.layout() != other.layout()


def test_meta_is_no_meaning():
    assert String(meta=Meta(title="T")) == String()
    assert String(meta=Meta(title="T")).layout() == String().layout()


def test_changes_of_meaning_change_the_digest():
    trees = [
        String(),
        String(min_length=1),
        Integer(),
        Number(),
        Float(),
        literal(1),
        literal(True),
        literal(1.0),
        Null(),
        record(a=Integer()),
        Record((Field(name="a", schema=Integer(), required=False),)),
        Record((Field(name="a", schema=Integer()),), extra="forbid"),
        Array(rest=Integer()),
        Map(String(), Integer()),
    ]
    assert len({tree.digest for tree in trees}) == len(trees)


def test_repr_is_the_constructor():
    tree = Array(rest=record(a=Integer(minimum=1)), min_length=2)
    assert eval(repr(tree)) == tree
    assert repr(String()) == "String()"


def test_union_is_shortest():
    assert union(Integer(), Float()) == Number()
    assert union(Integer(), Nothing()) == Integer()
    assert union() == Nothing()
    assert union(String(), union(String(), Null())) == Union((Null(), String()))
    assert literal("a", None) == union(Null(), literal("a"))


def linked(name: str) -> Schema:
    return definitions(Ref(name), {name: record(next=union(Ref(name), Null()))})


def test_names_of_definitions_are_no_meaning():
    assert linked("A") == linked("B")
    assert linked("A") != definitions(Ref("A"), {"A": record(next=union(Ref("A"), String()))})


def test_definitions_that_do_not_recur_are_put_in_place():
    assert definitions(Array(rest=Ref("Id")), {"Id": Integer()}) == Array(rest=Integer())


def test_inner_definitions_are_lifted():
    tree = definitions(Array(prefix=(linked("A"), linked("A"), Ref("A"))), {"A": String()})
    assert isinstance(tree, Definitions)
    assert tree.root.prefix[2] == String()
    assert len(tree.definitions) == 2


def test_a_definition_that_is_only_itself_is_refused():
    with pytest.raises(ValueError, match="nothing around it"):
        definitions(Ref("A"), {"A": union(Ref("A"), String())})


def test_walk_gives_paths():
    tree = record(a=Array(rest=Integer()))
    assert [path for path, _ in tree.walk()] == ["", ".a", ".a[]"]


def test_numbers_too_long_for_decimal_text_are_shown_in_hexadecimal():
    huge = 10**5000
    tree = GType(Annotated[int, Min(huge)])
    assert repr(tree) == f"GType(Integer(minimum={huge:#x}))"
    assert eval(repr(tree.schema), {"Integer": n.Integer}) == tree.schema  # noqa: S307 (a text that was just made)
    assert repr(n.literal(huge, -huge)) == f"Literal(values=({huge:#x}, {-huge:#x},))"
    field = n.Field(name="a", schema=n.Integer(), default=[huge, {"b": huge, "c": frozenset({huge})}])
    assert repr(field) == (
        f"Field(name='a', schema=Integer(), required=False, default=[{huge:#x}, {{'b': {huge:#x}, 'c': frozenset of 1 item}}])"
    )
    assert f"limit={huge:#x}" in repr(tree.problems(1)[0])
    assert repr(contains(GType(str), tree)) == f"Containment(answer='no', witness={huge:#x}, reason='')"
