"""What is not as declared is told in words."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from gnomon_ingress import (
    RequestInvalid,
    RequestValidator,
    Response,
    ResponseInvalid,
    ResponseValidator,
    make_request,
)


class Problem(NamedTuple):
    pointer: str
    code: str
    message: str
    expected: str = ""


class Invalid(ValueError):
    problems = (
        Problem("/email", "missing", "The key is missing."),
        Problem("", "wrong_type", "Expected a record."),
    )


class Order:
    """A type that nothing is of."""

    def refuse(self, value: Any, **_: Any) -> Any:
        raise Invalid

    validate = validate_json = validate_strings = dump_json = refuse


def refused(content_type: str, body: bytes) -> RequestInvalid:
    request = make_request("POST", "/", headers={"content-type": content_type}, body=body)
    with pytest.raises(RequestInvalid) as caught:
        RequestValidator(Order()).validate(request)
    return caught.value


@pytest.mark.parametrize("body", [b'{"email": "a@b.example"}', b' [{"email": 1}]'])
def test_json_that_is_called_a_form_is_told_to_be_so(body: bytes) -> None:
    error = refused("application/x-www-form-urlencoded", body)
    assert error.detail.endswith("looks like JSON: send application/json.")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/x-www-form-urlencoded", b"email=a%40b.example"), ("application/json", b"{}")],
)
def test_what_is_called_what_it_is_has_the_usual_detail(content_type: str, body: bytes) -> None:
    assert refused(content_type, body).detail == RequestInvalid.detail


def test_queries_that_are_wrong_have_the_usual_detail() -> None:
    with pytest.raises(RequestInvalid) as caught:
        RequestValidator(query=Order()).validate(make_request("GET", "/"))
    assert caught.value.detail == RequestInvalid.detail


def test_an_answer_that_is_wrong_says_where_and_how() -> None:
    response: Response[Any] = Response()
    response.json({})
    with pytest.raises(ResponseInvalid) as caught:
        ResponseValidator({200: Order()}).validate(response)
    assert str(caught.value) == (
        "the body for status 200 is not as declared: /email: The key is missing.; the whole: Expected a record."
    )
