"""Requests and responses as objects: what they refuse, and what validators make of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

import gnomon_ingress
from gnomon_ingress import (
    Config,
    FieldProblem,
    Headers,
    HttpError,
    InvalidHeader,
    Limits,
    MutableHeaders,
    Request,
    RequestInvalid,
    RequestState,
    RequestValidator,
    Response,
    ResponseInvalid,
    ResponseState,
    ResponseValidator,
    make_request,
    problem_document,
)
from gnomon_ingress._cookies import format_cookie, parse_cookies
from gnomon_ingress._json import dump_json
from gnomon_ingress._problem import reason
from gnomon_ingress._target import decode_path, decode_segment, split_target
from gnomon_ingress.testing import Client


def test_errors_know_their_codes() -> None:
    for name in gnomon_ingress.__all__:
        thing = getattr(gnomon_ingress, name)
        if isinstance(thing, type) and issubclass(thing, BaseException):
            assert isinstance(thing.code, str)
            assert issubclass(thing, gnomon_ingress.IngressError)
    assert str(HttpError(404, "x")) == "404 x"
    assert str(HttpError(404, "x", "Y.")) == "404 x: Y."
    for status in (200, 399, 600):
        with pytest.raises(ValueError, match="400 to 599"):
            HttpError(status, "x")
    assert RequestInvalid([1]).errors == (1,)


def test_requests_can_be_subscribed() -> None:
    alias = Request[int, str]
    assert (get_origin(alias), get_args(alias)) == (Request, (int, str))
    assert get_args(Response[int]) == (int,)


@trio_test
async def test_a_request_made_by_hand() -> None:
    request = make_request(
        "POST",
        "/a?b=1&b=2",
        headers={"Cookie": 'a=1; b="2"; bad; =x; a=3', "Content-Type": "text/x; y"},
        body=b"{}",
    )
    assert request.query == {"b": ["1", "2"]}
    assert request.cookies == {"a": "1", "b": "2"}
    assert request.cookies is request.cookies
    assert request.media_type == "text/x"
    assert (request.client, request.scheme, request.scope) == (None, "http", None)
    assert make_request().scheme == "http"
    assert request.body == await request.read() == b"{}"
    request.body = {"typed": True}
    assert request.body == {"typed": True}
    with pytest.raises(RequestState):
        _ = request.headers_typed
    assert repr(request) == "<Request POST /a>"
    assert b"".join([piece async for piece in request.stream()]) == b"{}"
    with pytest.raises(HttpError, match="query"):
        _ = make_request(target="/?" + "a&" * 2000).query


@trio_test
async def test_a_body_is_taken_once(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        with pytest.raises(RequestState):
            _ = req.body
        with pytest.raises(RequestState):
            RequestValidator(body=Typed()).validate(req)
        req.stream()
        for again in (req.stream, req.read):
            with pytest.raises(RequestState):
                result = again()
                if again == req.read:
                    await result  # type: ignore[misc]
        res.text("ok")

    async with Client(dispatch) as client:
        stream = client.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        assert b"200 OK" in await stream.receive_some()


@trio_test
async def test_json_bodies() -> None:
    async def parse(body: bytes, kind: str = "application/json") -> Any:
        return await make_request("POST", headers={"content-type": kind}, body=body).json()

    assert await parse(b'{"a":[1.5,null,"\xc3\xa9"]}') == {"a": [1.5, None, "é"]}
    assert await parse(b"1", "application/problem+json") == 1
    assert await make_request(body=b"1").json() == 1
    for body, words in [
        (b"", "line 1"),
        (b"{", "line 1"),
        (b'{"a":1,"a":2}', "twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"\xff", "UTF-8 at byte 0"),
        (b"[" * 200_000, "nested"),
        (b"1" * 5000, "integer"),
    ]:
        with pytest.raises(HttpError, match=words) as caught:
            await parse(body)
        assert caught.value.status == 400
    with pytest.raises(HttpError, match="415"):
        await parse(b"1", "text/plain")


def test_json_that_cannot_be_sent() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value, error in [
        (object(), TypeError),
        (float("nan"), ValueError),
        ("\ud800", ValueError),
        (loop, ValueError),
    ]:
        with pytest.raises(error):
            dump_json(value)

    class Secret:
        __sensitive__ = True

        def __repr__(self) -> str:
            raise AssertionError("never shown")

    with pytest.raises(TypeError, match="a Secret has no JSON form"):
        dump_json({"a": Secret()})


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8")),
        lambda v: (
            st.lists(v, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), v, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_json_comes_back(value: Any) -> None:
    assert json.loads(dump_json(value)) == value


def test_request_headers() -> None:
    headers = Headers([(b"A", b"1"), (b"a", b"2"), (b"Cookie", b"x=1"), (b"cookie", b"y=2")])
    assert (headers["A"], headers["cookie"]) == ("1, 2", "x=1; y=2")
    assert headers.raw[0] == (b"A", b"1")
    assert list(headers) == ["a", "cookie"]
    assert len(headers) == 2
    assert "A" in headers
    assert 1 not in headers
    assert "x=1" not in repr(headers)
    with pytest.raises(KeyError):
        _ = headers["b"]


def test_response_headers() -> None:
    headers = MutableHeaders({"A": "1"})
    headers.add("a", "2")
    assert headers["a"] == "1, 2"
    assert "a" in headers
    assert 1 not in headers
    del headers["A"]
    assert len(headers) == 0
    assert headers.getall("a") == ()
    assert repr(MutableHeaders({"a": "s"})) == "<MutableHeaders a>"
    for name in ("", "a b", "a:", "a\n", "é", "Content-Length", "transfer-encoding", "Connection"):
        with pytest.raises(InvalidHeader):
            headers[name] = "x"
    for value in ("a\nb", "a\r", "\0", " a", "a ", "a\x7f", "€"):
        with pytest.raises(InvalidHeader):
            headers["a"] = value
        with pytest.raises(InvalidHeader):
            headers.add("a", value)


@given(st.text(max_size=30), st.text(max_size=30))
def test_nothing_breaks_out_of_a_head(name: str, value: str) -> None:
    res: Response[Any] = Response()
    writers = [
        lambda: res.header(name, value),
        lambda: res.header("x", value),
        lambda: res.headers.add(name, value),
        lambda: res.cookie(name, value),
        lambda: res.cookie("a", "b", path=value, domain=name),
        lambda: res.redirect(value),
        lambda: res.text("x", media_type=value),
        lambda: res.etag(value),
        lambda: res.problem(400, code="x", headers={name: value}),
    ]
    for write in writers:
        try:
            write()
        except InvalidHeader:
            pass
    for line in res.headers.lines():
        written = f"{line[0]}: {line[1]}".encode("latin-1")
        assert b"\r" not in written
        assert b"\n" not in written
        assert b"\0" not in written


@trio_test
async def test_a_media_type_cannot_break_out_either(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.text("x", media_type="text/plain\r\nx-evil: 1")

    async with Client(dispatch) as client:
        assert (await client.get("/")).status == 500


def test_cookies() -> None:
    moment = datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    line = format_cookie(
        "a", "b", expires=moment, domain="example", path=None, secure=False, http_only=False, same_site=None
    )
    assert line == "a=b; Expires=Mon, 31 Dec 2029 23:00:00 GMT; Domain=example"
    assert format_cookie("__Host-a", "b").startswith("__Host-a=b; Path=/; Secure")
    for options in [
        {"name": "a b"}, {"name": ""}, {"value": "a;b"}, {"value": 'a"b'}, {"value": "a b"}, {"value": "é"}, {"path": "/;x"},
        {"domain": "a\r\nb"}, {"same_site": "none", "secure": False}, {"name": "__Secure-a", "secure": False},
        {"name": "__Host-a", "path": "/x"}, {"name": "__Host-a", "domain": "a"}, {"expires": datetime(2030, 1, 1)},
    ]:  # fmt: skip
        with pytest.raises(InvalidHeader):
            format_cookie(**({"name": "a", "value": "b"} | options))


@given(st.text())
def test_any_cookie_header_can_be_read(text: str) -> None:
    parse_cookies(text)


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])).map(
        lambda text: "/" + text
    )
)
def test_a_path_is_decoded_once(path: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in path.encode())
    assert decode_path("/" + quoted.removeprefix("%2F")) == "/" + path[1:].replace("%", "%25").replace(
        "/", "%2F"
    )
    assert decode_segment(decode_path("/" + quoted.removeprefix("%2F"))[1:]) == path[1:]


@given(st.binary(max_size=40))
def test_any_target_is_split_or_refused(raw: bytes) -> None:
    raw = b"/" + bytes(byte for byte in raw if 33 <= byte < 127)
    try:
        target = split_target(raw)
    except ValueError:
        return
    assert target.authority is None
    assert "\0" not in target.path


def test_problem_documents() -> None:
    @dataclass
    class Problem:
        pointer: str = "/a"
        code: str = "c"
        message: str = "m"
        expected: object = 3
        actual: object = "the secret"

    document = problem_document(599, code="x", errors=[Problem(), {"own": 1}])
    assert document["title"] == "Error"
    assert document["errors"] == [{"pointer": "/a", "code": "c", "message": "m", "expected": "3"}, {"own": 1}]
    assert reason(413) == "Content Too Large"
    assert reason(422) == "Unprocessable Content"
    assert reason(299) == ""


def test_responses() -> None:
    res: Response[Any] = Response()
    assert repr(res) == "<Response 200 open>"
    assert (res.body, res.finished, res.started, res.sent, res.streaming) == (
        None,
        False,
        False,
        False,
        False,
    )
    for status in (100, 199, 600):
        with pytest.raises(ValueError, match="final status"):
            res.status(status)
    with pytest.raises(ResponseState, match="finish"):
        res.encoded()
    res.body = {"a": 1}
    assert res.encoded() == res.encoded() == b'{"a":1}'
    assert res.headers["content-type"] == "application/json"
    res.body = [1]
    assert res.encoded() == b"[1]"
    res.text("x")
    assert res.headers["content-type"] == "text/plain; charset=utf-8"
    res.body = "y"
    assert res.encoded() == b"y"
    res.set_encoded(b"z")
    assert res.encoded() == b"z"
    res.json({"again": 1})
    assert res.encoded() == b'{"again":1}'
    res.bytes(memoryview(b"m"))
    assert res.encoded() == b"m"
    res.header("x-kept", "1").status(201).reset()
    assert (res.status_code, res.finished, res.headers["x-kept"]) == (200, False, "1")
    res.empty()
    assert res.status_code == 204
    assert "content-type" not in res.headers
    res.status(202).empty()
    assert res.status_code == 202
    with pytest.raises(ValueError, match="redirection"):
        res.redirect("/", status=200)
    assert repr(res) == "<Response 202 finished>"


@trio_test
async def test_a_response_that_was_sent(autojump_clock: MockClock) -> None:
    order: list[str] = []

    async def dispatch(req: Request, res: Response) -> None:
        with pytest.raises(ResponseState, match="finish"):
            await res.send()
        res.json(1)
        await res.send(lambda: order.append("commit" if not res.started else "late"))
        assert repr(res) == "<Response 200 started>"
        for change in (
            lambda: res.status(201), lambda: res.header("a", "b"), lambda: res.json(2), lambda: res.text("x"), lambda: res.cookie("a", "b"),
            lambda: res.reset(), lambda: res.set_encoded(b""), lambda: setattr(res, "body", 1),
        ):  # fmt: skip
            with pytest.raises(ResponseState, match="first byte"):
                change()

    async with Client(dispatch) as client:
        assert (await client.get("/")).json() == 1
    assert order == ["commit"]
    with pytest.raises(ResponseState, match="no connection"):
        res: Response = Response()
        res.text("x")
        await res.send()


def test_limits_and_config() -> None:
    with pytest.raises(ValueError, match="head_size"):
        Limits(head_size=0)
    with pytest.raises(ValueError, match="drain_grace"):
        Config(drain_grace=-1)
    with pytest.raises(ValueError, match="network"):
        Config(trusted_proxies=("nonsense/99",))


class Problem:
    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        self.code = "wrong"
        self.message = "it is wrong"
        self.expected = "something else"


class TypedInvalid(ValueError):
    def __init__(self, *pointers: str) -> None:
        self.problems: Sequence[Problem] = [Problem(pointer) for pointer in pointers]


class Typed:
    """A type of records with one integer ``n``, the way a real one behaves."""

    def validate_json(self, data: bytes, /) -> Any:
        try:
            return self.validate(json.loads(data))
        except json.JSONDecodeError:
            raise TypedInvalid("") from None

    def validate_strings(self, values: Mapping[str, Any], /) -> Any:
        try:
            return {"n": int(values["n"])}
        except (KeyError, ValueError, TypeError):
            raise TypedInvalid("/n") from None

    def validate(self, value: Any, /) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("n"), int):
            raise TypedInvalid("/n")
        return {"n": value["n"], **({"in": [{"k": 1}]} if "in" in value else {})}

    def dump_json(self, value: Any, /) -> bytes:
        return json.dumps(value).encode()


def test_request_validation() -> None:
    validator = RequestValidator(body=Typed(), query=Typed(), headers=Typed(), params=Typed())
    assert validator.reads_body
    json_type = {"content-type": "application/json"}
    request = make_request("POST", "/?n=2", headers={"N": "3", **json_type}, body=b'{"n":1}', params={"n": 4})
    validator.validate(request)
    assert [request.body, request.query, request.headers_typed, request.params] == [
        {"n": 1},
        {"n": 2},
        {"n": 3},
        {"n": 4},
    ]

    with pytest.raises(RequestInvalid) as caught:
        validator.validate(
            make_request("POST", "/?n=x", headers={"n": "y", **json_type}, body=b"{", params={})
        )
    assert [(p.source, p.pointer) for p in caught.value.problems] == [
        ("params", "/n"), ("query", "/n"), ("headers", "/n"), ("body", ""),
    ]  # fmt: skip
    assert not RequestValidator().reads_body
    RequestValidator().validate(make_request())


@pytest.mark.parametrize(
    ("kind", "body", "outcome"),
    [
        ("application/json", b'{"n":1}', 1),
        ("application/json; charset=UTF-8", b'{"n":1}', 1),
        ("application/vnd.api+json", b'{"n":1}', 1),
        ("application/x-www-form-urlencoded", b"n=1", 1),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n--x--\r\n',
            1,
        ),
        ("application/json; charset=latin-1", b'{"n":1}', 415),
        ("text/plain", b'{"n":1}', 415),
        ("", b'{"n":1}', 415),
        (None, b'{"n":1}', 415),
        (None, b"", 400),
        ("application/json", b"", 400),
        ("application/x-www-form-urlencoded", b"m=1", 400),
    ],
)
def test_bodies_by_content_type(kind: str | None, body: bytes, outcome: int) -> None:
    request = make_request("POST", headers={} if kind is None else {"content-type": kind}, body=body)
    validator = RequestValidator(body=Typed())
    if outcome == 1:
        validator.validate(request)
        assert request.body == {"n": 1}
    else:
        with pytest.raises((HttpError, RequestInvalid)) as caught:
            validator.validate(request)
        assert caught.value.status == outcome


def test_repeated_headers_are_lists() -> None:
    seen: list[Mapping[str, Any]] = []

    class Spy(Typed):
        def validate_strings(self, values: Mapping[str, Any], /) -> Any:
            seen.append(values)
            return values

    request = make_request()
    request.headers = Headers([(b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"3")])
    RequestValidator(headers=Spy()).validate(request)
    assert seen == [{"x-a": ["1", "2"], "x_a": ["1", "2"], "b": "3"}]


def test_response_validation() -> None:
    def answer(value: Any, status: int = 200) -> Response[Any]:
        res: Response[Any] = Response()
        res.status(status).json(value)
        return res

    validator = ResponseValidator({200: Typed()})
    assert not validator.reads_body
    res = answer({"n": 1})
    validator.validate(res)
    assert res.encoded() == b'{"n": 1}'
    with pytest.raises(ResponseInvalid) as caught:
        validator.validate(answer({"n": "x"}))
    assert [(p.source, p.pointer) for p in caught.value.problems] == [("response", "/n")]
    validator.validate(answer("anything", 404))
    with pytest.raises(ResponseInvalid):
        ResponseValidator({}, default=Typed()).validate(answer("anything", 404))

    extra = {"n": 1, "a/b~": 2, "in": [{"k": 1, "l": 2}]}
    with pytest.raises(ResponseInvalid) as caught:
        validator.validate(answer(extra))
    assert [p.pointer for p in caught.value.problems] == ["/a~1b~0", "/in/0/l"]
    reports: list[Sequence[FieldProblem]] = []
    lenient = ResponseValidator({200: Typed()}, development=False, report=reports.append)
    res = answer(extra)
    lenient.validate(res)
    lenient.validate(answer({"n": 1}))
    assert json.loads(res.encoded()) == {"n": 1, "in": [{"k": 1}]}
    assert [p.code for p in reports[0]] == ["unknown_key", "unknown_key"]
    assert len(reports) == 1
    res = answer(extra)
    ResponseValidator({200: Typed()}, development=False).validate(res)
    assert "a/b~" not in json.loads(res.encoded())


def test_other_bodies_keep_their_encoding() -> None:
    class Any_(Typed):
        def validate(self, value: Any, /) -> Any:
            return value

    res: Response[Any] = Response()
    res.text("plain")
    ResponseValidator({200: Any_()}).validate(res)
    assert res.encoded() == b"plain"

    async def nothing() -> Any:
        yield b""

    res.stream(nothing())
    ResponseValidator({200: Typed()}).validate(res)


def test_a_broken_type_is_not_hidden() -> None:
    class Broken(Typed):
        def validate(self, value: Any, /) -> Any:
            raise ZeroDivisionError

    res: Response[Any] = Response()
    res.json(1)
    with pytest.raises(ZeroDivisionError):
        ResponseValidator({200: Broken()}).validate(res)


def test_time_zone_names_are_not_needed() -> None:
    assert format_cookie("a", "b", expires=datetime(2030, 1, 1, tzinfo=UTC)).count("GMT") == 1
