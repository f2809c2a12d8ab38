"""Rows for text, bytes, patterns, formats and named types, from Python and from JSON."""

from __future__ import annotations

import enum
import re
from typing import Annotated

import annotated_types as at
import pytest

from gnomon_gtype import (
    Base64,
    Email,
    GType,
    Hostname,
    JsonString,
    Length,
    MaxLength,
    MinLength,
    NonEmpty,
    NonNegative,
    Pattern,
    Percentage,
    Port,
    Positive,
    PositiveFloat,
    SchemaError,
    Slug,
    TextFormat,
    UnsupportedAnnotation,
    Url,
    UrlWith,
    Uuid,
)
from gnomon_gtype import schema as n

no = pytest.Refused


class Word(enum.StrEnum):
    A = "a"


class MyStr(str):
    pass


Ftp = Annotated[str, UrlWith("ftp", "sftp")]

TABLE = [
    (str, "python", "", ""),
    (str, "python", "é😀", "é😀"),
    (str, "python", MyStr("x"), "x"),
    (str, "python", Word.A, "a"),
    (str, "python", b"x", no("wrong_type")),
    (str, "python", 1, no("wrong_type")),
    (str, "python", "\ud800", no("not_unicode")),
    (str, "json", '"\\u00e9"', "é"),
    (str, "json", '"\\ud800"', no("json_invalid")),
    (str, "json", "1", no("wrong_type")),
    (Annotated[str, MinLength(2)], "python", "ab", "ab"),
    (Annotated[str, MinLength(2)], "json", '"a"', no("too_short")),
    (Annotated[str, MaxLength(2)], "python", "😀😀", "😀😀"),
    (Annotated[str, MaxLength(2)], "python", "abc", no("too_long")),
    (Annotated[str, Length(2)], "python", "abc", no("too_long")),
    (Annotated[str, Length(1, 2)], "python", "", no("too_short")),
    (Annotated[str, at.Len(1, 2)], "python", "abc", no("too_long")),
    (Annotated[str, Pattern("b")], "python", "abc", "abc"),
    (Annotated[str, Pattern("^b")], "python", "abc", no("pattern")),
    (Annotated[str, Pattern("^a"), Pattern("c$")], "json", '"abc"', "abc"),
    (Annotated[str, Pattern("^a"), Pattern("c$")], "json", '"abd"', no("pattern")),
    (Annotated[str, re.compile("^a$")], "python", "a", "a"),
    (Annotated[str, Pattern("^a$")], "python", "a\n", no("pattern")),
    (bytes, "python", b"ab", b"ab"),
    (bytes, "python", "ab", no("wrong_type")),
    (bytes, "python", bytearray(b"ab"), no("wrong_type")),
    (bytes, "json", '"YWI="', b"ab"),
    (bytes, "json", '"YWI"', no("format")),
    (bytes, "json", '"YWJj="', no("format")),
    (bytes, "json", '"YWJj=="', no("format")),
    (bytes, "json", '"_-8="', no("format")),
    (bytes, "json", '"YW\\n=="', no("format")),
    (bytes, "json", '"é"', no("format")),
    (bytes, "json", "1", no("wrong_type")),
    (Annotated[bytes, MinLength(3)], "json", '"YWI="', no("too_short")),
    (Annotated[bytes, MaxLength(1)], "python", b"ab", no("too_long")),
    (Email, "python", "ada@example.org", "ada@example.org"),
    (Email, "python", "a.b+c@x", "a.b+c@x"),
    (Email, "python", "ada", no("format")),
    (Email, "python", "a@b@c", no("format")),
    (Email, "python", "a@-b.de", no("format")),
    (Email, "python", "a@b.de\n", no("format")),
    (Email, "python", "a" * 65 + "@b.de", no("format")),
    (Email, "python", "a@" + "b." * 126 + "de", no("format")),
    (Url, "python", "https://example.org/a?b#c", "https://example.org/a?b#c"),
    (Url, "python", "HTTP://[::1]:80", "HTTP://[::1]:80"),
    (Url, "python", "ftp://example.org", no("format")),
    (Url, "python", "javascript:alert(1)", no("format")),
    (Url, "python", "https://a b", no("format")),
    (Url, "python", "https://user@example.org", no("format")),
    (Url, "python", "/relative", no("format")),
    (Ftp, "python", "sftp://user:word@host/x", "sftp://user:word@host/x"),
    (Ftp, "python", "https://host", no("pattern")),
    (Uuid, "python", "12345678-1234-5678-1234-567812345678", "12345678-1234-5678-1234-567812345678"),
    (Uuid, "python", "12345678123456781234567812345678", no("format")),
    (Slug, "python", "a-b-1", "a-b-1"),
    (Slug, "python", "a--b", no("format")),
    (Slug, "python", "A", no("format")),
    (Hostname, "python", "a.example.org", "a.example.org"),
    (Hostname, "python", "a..b", no("format")),
    (Hostname, "python", "a" * 64, no("format")),
    (Base64, "python", "YWI=", "YWI="),
    (Base64, "python", "YWI", no("format")),
    (JsonString, "python", '{"a": 1}', '{"a": 1}'),
    (JsonString, "python", "{", no("format")),
    (JsonString, "python", "NaN", no("format")),
    (JsonString, "python", "[" * 100_000, no("format")),
    (NonEmpty, "python", "", no("too_short")),
    (Port, "python", 65535, 65535),
    (Port, "python", 0, no("too_small")),
    (Port, "python", 65536, no("too_large")),
    (Positive, "python", 0, no("too_small")),
    (NonNegative, "python", 0, 0),
    (PositiveFloat, "python", 0.0, no("too_small")),
    (Percentage, "python", 100, 100.0),
    (Percentage, "python", 100.1, no("too_large")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(", "[z-a]", "(a{1000}){1000}", "\ud800", 3])
def test_a_pattern_that_the_engine_cannot_compile_is_refused_when_the_type_is_made(pattern):
    with pytest.raises(UnsupportedAnnotation, match="pattern"):
        GType(Annotated[str, Pattern(pattern)])


def test_why_a_pattern_does_not_compile_is_said_in_the_words_of_the_engine():
    with pytest.raises(SchemaError, match="does not compile: Compiled regex exceeds size limit"):
        n.String(patterns=("(a{1000}){1000}",))
    with pytest.raises(SchemaError, match="does not compile: unclosed group"):
        n.String(patterns=("(",))


def test_a_pattern_that_explodes_elsewhere_takes_linear_time():
    gtype = GType(Annotated[str, Pattern("^(a+)+$")])
    assert not gtype.is_valid("a" * 50_000 + "!")


def test_an_unknown_format_is_refused():
    with pytest.raises(UnsupportedAnnotation, match="none of"):
        GType(Annotated[str, TextFormat("colour")])


def test_two_formats_do_not_go_together():
    with pytest.raises(UnsupportedAnnotation, match="another format"):
        GType(Annotated[Email, TextFormat("slug")])


def test_patterns_are_text():
    from gnomon_gtype.schema import String

    with pytest.raises(SchemaError, match="tuple of regular expressions"):
        String(patterns="abc")  # type: ignore[arg-type]
