"""Every public error has a code of the house style, and the reference lists it."""

import re

import errors
import graph
import pytest

PACKAGES = graph.packages()


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_error_has_a_code_and_a_sentence(name):
    for error in errors.public_errors(PACKAGES[name]):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code), error
        assert "code" in vars(error), f"{error.__name__} inherits its code: give it one of its own"
        assert error.__doc__


@pytest.mark.parametrize("name", PACKAGES)
def test_codes_are_unique_within_a_package(name):
    codes = [error.code for error in errors.public_errors(PACKAGES[name])]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_one_root_exception(name):
    found = list(errors.public_errors(PACKAGES[name]))
    roots = [
        error
        for error in found
        if not any(error is not other and issubclass(error, other) for other in found)
    ]
    assert len(roots) <= 1, roots


def test_the_reference_lists_them():
    assert errors.PAGE.read_text() == errors.render(), "run python tools/errors.py --write"
