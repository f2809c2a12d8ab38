"""Rows for None, booleans, numbers and `Any`, from Python and from JSON."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Never

import pytest

from gnomon_gtype import AllowNonFinite, Digits, Gt, Lt, Max, Min, MultipleOf

no = pytest.Refused


class Number(enum.IntEnum):
    ONE = 1


class MyInt(int):
    pass


class MyFloat(float):
    pass


AnyFloat = Annotated[float, AllowNonFinite()]

TABLE = [
    (None, "python", None, None),
    (None, "python", 0, no("wrong_type")),
    (None, "json", "null", None),
    (None, "json", "0", no("wrong_type")),
    (bool, "python", True, True),
    (bool, "python", 1, no("wrong_type")),
    (bool, "python", "true", no("wrong_type")),
    (bool, "json", "false", False),
    (bool, "json", "0", no("wrong_type")),
    (int, "python", 5, 5),
    (int, "python", MyInt(5), 5),
    (int, "python", Number.ONE, 1),
    (int, "python", True, no("wrong_type")),
    (int, "python", 1.0, no("wrong_type")),
    (int, "python", "1", no("wrong_type")),
    (int, "python", Decimal(1), no("wrong_type")),
    (int, "python", 10**100, 10**100),
    (int, "json", "5", 5),
    (int, "json", "-0", 0),
    (int, "json", "1.0", no("wrong_type")),
    (int, "json", "1e2", no("wrong_type")),
    (int, "json", "true", no("wrong_type")),
    (int, "json", '"1"', no("wrong_type")),
    (int, "json", "1" * 400, int("1" * 400)),
    (float, "python", 1.5, 1.5),
    (float, "python", MyFloat(1.5), 1.5),
    (float, "python", 2, 2.0),
    (float, "python", True, no("wrong_type")),
    (float, "python", "1.5", no("wrong_type")),
    (float, "python", Decimal("1.5"), no("wrong_type")),
    (float, "python", Fraction(1, 2), no("wrong_type")),
    (float, "python", math.inf, no("not_finite")),
    (float, "python", math.nan, no("not_finite")),
    (float, "python", 10**400, no("too_large")),
    (float, "json", "1.5", 1.5),
    (float, "json", "2", 2.0),
    (float, "json", "1e400", no("not_finite")),
    (float, "json", "NaN", no("json_invalid")),
    (float, "json", "Infinity", no("json_invalid")),
    (float, "json", "1" * 400, no("too_large")),
    (AnyFloat, "python", math.inf, math.inf),
    (AnyFloat, "python", math.nan, math.nan),
    (AnyFloat, "json", "1.5", 1.5),
    (AnyFloat, "json", "NaN", no("json_invalid")),
    (Annotated[AnyFloat, Max(3)], "python", math.nan, math.nan),
    (Annotated[AnyFloat, Max(3)], "python", math.inf, no("too_large")),
    (Annotated[AnyFloat, Max(3), MultipleOf(0.5)], "python", -math.inf, -math.inf),
    (int | float, "python", 1, 1),
    (int | float, "python", 1.0, 1.0),
    (int | float, "python", 2**53 + 1, 2**53 + 1),
    (int | float, "python", "1", no("wrong_type")),
    (int | float, "python", math.nan, no("not_finite")),
    (int | float, "python", MyInt(3), 3),
    (int | float, "python", MyFloat(3), 3.0),
    (int | float, "json", "1", 1),
    (int | float, "json", "1.0", 1.0),
    (Annotated[int, Min(1), Max(3)], "python", 1, 1),
    (Annotated[int, Min(1), Max(3)], "python", 3, 3),
    (Annotated[int, Min(1), Max(3)], "python", 0, no("too_small")),
    (Annotated[int, Min(1), Max(3)], "json", "4", no("too_large")),
    (Annotated[int, Gt(1), Lt(3)], "python", 2, 2),
    (Annotated[int, Gt(1), Lt(3)], "python", 1, no("too_small")),
    (Annotated[int, Gt(1), Lt(3)], "python", 3, no("too_large")),
    (Annotated[int, Gt(0.5)], "python", 1, 1),
    (Annotated[int, Lt(0.5)], "python", 0, 0),
    (Annotated[int, Min(0.5), Max(1.5)], "python", 0, no("too_small")),
    (Annotated[int, MultipleOf(3)], "python", 9, 9),
    (Annotated[int, MultipleOf(3)], "python", 10, no("not_multiple")),
    (Annotated[int, Min(10**400)], "python", 3, no("too_small")),
    (Annotated[float, Min(0), Lt(1)], "python", 0, 0.0),
    (Annotated[float, Min(0), Lt(1)], "python", 1, no("too_large")),
    (Annotated[float, Gt(0)], "python", 0.0, no("too_small")),
    (Annotated[float, Gt(0)], "python", 5e-324, 5e-324),
    (Annotated[float, MultipleOf(0.1)], "python", 0.3, 0.3),
    (Annotated[float, MultipleOf(0.1)], "python", 0.35, no("not_multiple")),
    (Annotated[float, MultipleOf(0.01)], "json", "19.99", 19.99),
    (Annotated[float, Max(2**60)], "python", 2**60, 2.0**60),
    (Annotated[float, Max(2**60)], "python", 2.0**61, no("too_large")),
    (Annotated[int | float, Max(2**53)], "python", 2**53 + 1, no("too_large")),
    (Annotated[int | float, Max(5)], "python", 2**53 + 1, no("too_large")),
    (Annotated[int | float, Gt(0.5), Lt(1.5)], "python", 1, 1),
    (Annotated[int | float, Gt(0.5), Lt(1.5)], "python", 0.5, no("too_small")),
    (Annotated[int | float, MultipleOf(1)], "python", 1.0, 1.0),
    (Annotated[int | float, MultipleOf(1)], "json", "1.5", no("not_multiple")),
    (Annotated[int | float, MultipleOf(0.5)], "json", "3", 3),
    (Decimal, "python", Decimal("1.50"), Decimal("1.50")),
    (Decimal, "python", 1, no("wrong_type")),
    (Decimal, "python", 1.5, no("wrong_type")),
    (Decimal, "python", "1.5", no("wrong_type")),
    (Decimal, "python", Decimal("NaN"), no("not_finite")),
    (Decimal, "python", Decimal("sNaN"), no("not_finite")),
    (Decimal, "python", Decimal("Infinity"), no("not_finite")),
    (Decimal, "json", '"1.50"', Decimal("1.50")),
    (Decimal, "json", "1.5", Decimal("1.5")),
    (Decimal, "json", "12", Decimal(12)),
    (Decimal, "json", "true", no("wrong_type")),
    (Decimal, "json", '"NaN"', no("wrong_type")),
    (Decimal, "json", '" 1"', no("wrong_type")),
    (Decimal, "json", '"1_0"', no("wrong_type")),
    (Annotated[Decimal, Min(1), Lt(2)], "python", Decimal(1), Decimal(1)),
    (Annotated[Decimal, Min(1), Lt(2)], "json", '"2"', no("too_large")),
    (Annotated[Decimal, Gt(Decimal("0.1"))], "json", "0.1", no("too_small")),
    (Annotated[Decimal, MultipleOf(0.25)], "json", '"1.75"', Decimal("1.75")),
    (Annotated[Decimal, MultipleOf(0.25)], "json", '"1.80"', no("not_multiple")),
    (Annotated[Decimal, Digits(4, 2)], "json", '"12.34"', Decimal("12.34")),
    (Annotated[Decimal, Digits(4, 2)], "json", '"1.234"', no("precision")),
    (Annotated[Decimal, Digits(4)], "json", '"12345"', no("precision")),
    (Annotated[Decimal, Digits(4)], "json", '"1e3"', Decimal("1e3")),
    (Annotated[Decimal, Digits(places=1)], "json", '"0.25"', no("precision")),
    (Annotated[Decimal, Digits(1)], "python", Decimal("0e5"), Decimal("0e5")),
    (Any, "python", object, object),
    (Any, "json", '{"a": [1, null]}', {"a": [1, None]}),
    (Any, "json", "[1e400]", no("not_finite")),
    (Any, "json", "NaN", no("json_invalid")),
    (object, "python", 3, 3),
    (Never, "python", None, no("never")),
    (Never, "json", "null", no("never")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)
