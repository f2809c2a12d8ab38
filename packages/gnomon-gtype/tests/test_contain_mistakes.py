"""Small mistakes in the search that no other test noticed when they were put into it: one test for each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from containments import asked, record, row

from gnomon_gtype import schema as n

LEAST = 2.0**52
ONE = n.Array((n.Literal((1,)),))
ONE_OR_TWO = n.Array((n.Literal((1, 2)),), container="tuple")


def test_values_that_are_one_item_are_asked_for_again_though_others_are_not():
    assert asked(n.Nothing(), row(n.union(ONE, ONE_OR_TWO), ONE, unique=True)).answer == "no"


@pytest.mark.parametrize("limits", [{"maximum": Decimal(5)}, {"minimum": Decimal(5)}])
def test_multiples_of_decimals_up_to_an_end_that_is_not_there(limits):
    narrower = n.DecimalNumber(multiple_of=Decimal(2), **limits)
    assert asked(n.DecimalNumber(multiple_of=Decimal(3)), narrower).answer == "no"


def test_whole_numbers_that_floats_do_not_hold_are_equal_to_no_float():
    odd = 2**53 + 1
    two = row(n.Literal((odd, 2.0**53)), n.Literal((odd,)), unique=True)
    assert asked(n.Nothing(), two).witness == (2.0**53, odd)


def test_digits_before_the_point_leave_fewer_behind_it():
    narrower = n.DecimalNumber(max_digits=3, minimum=Decimal(10))
    assert asked(n.DecimalNumber(decimal_places=1), narrower).answer == "yes"


def test_the_decimal_nought_has_no_sign():
    assert str(asked(n.Nothing(), n.DecimalNumber()).witness) == "0"


def test_floats_up_to_nought():
    assert asked(n.Float(multiple_of=0.5), n.Float(maximum=0)).answer == "no"


def test_floats_are_all_only_when_the_last_was_tried():
    halves = n.Float(minimum=-(LEAST + 62), maximum=-(LEAST - 2))
    wider = n.union(n.Float(multiple_of=1), n.Literal((-(LEAST - 0.5),)))
    assert asked(wider, halves).witness == -(LEAST - 1.5)


def test_json_text_is_tried_though_the_other_side_is_of_another_format():
    narrower = n.String(format="json", min_length=5)
    assert asked(n.String(patterns=(r"^[^\[{]",)), narrower).witness == "[0,0]"


def small(number: int, salt: int, **more: Any) -> n.Record:
    fields = {f"a{number}": n.Literal((number + salt,)), f"b{number}": n.Literal((number,))}
    return n.Record(
        tuple(n.Field(name=name, schema=node, required=False) for name, node in fields.items()), **more
    )


@pytest.mark.parametrize("salt", range(4))
@pytest.mark.parametrize(
    ("excluded", "narrower"),
    [
        ({"min_length": 5}, n.Record(max_length=4)),
        ({"max_length": 3}, n.Record(min_length=4)),
        ({"extra": "forbid"}, record("keep", q=n.Integer())),
    ],
)
def test_a_record_that_is_out_of_the_question_costs_nothing(excluded, narrower, salt):
    one = n.Literal((1 + salt,))
    cover = (n.Record((n.Field(name="z", schema=node, required=False),)) for node in (one, n.Not(one)))
    wider = n.union(*(small(number, salt, **excluded) for number in range(6)), *cover)
    assert asked(wider, narrower, budget=100).answer == "yes"


def test_one_way_to_come_to_a_number_of_items_is_as_good_as_any():
    fewest, most = n.Integer(minimum=5), n.Integer(maximum=9)
    narrower = n.Array(rest=n.Integer(), max_length=20, contains=((fewest, 4, None), (most, 0, 4)))
    wider = n.Array(rest=n.Integer(), contains=((n.Integer(minimum=3), 4, None), (most, 0, 4)))
    assert asked(wider, narrower, budget=20_000).answer == "yes"


def test_records_of_a_kind_cost_what_their_number_costs():
    def kinds(**more: Any) -> n.Schema:
        made = (record("forbid", kind=n.Literal((f"k{each}",)), v=n.Integer(**more)) for each in range(30))
        return n.union(*made)

    assert asked(kinds(), kinds(minimum=1), budget=8_000).answer == "yes"


def test_what_requires_a_key_that_is_missing_is_refused():
    wider = n.union(record(a=n.Integer()), record(a=n.String()))
    assert asked(wider, record(a_=n.Integer())).witness == {}


def test_one_and_true_are_one_key():
    found = asked(n.Map(n.Boolean(), n.Null()), n.Map(n.Literal((1, True, "a")), n.Null(), min_length=2))
    assert found.witness == {1: None, "a": None}


def test_text_that_is_no_json_and_none_of_the_samples():
    assert asked(n.String(format="json"), n.String(patterns=("^[a-z]{3}$",))).witness == "aaa"
