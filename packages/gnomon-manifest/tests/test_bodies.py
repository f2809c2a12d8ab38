"""Bodies that are no plain JSON: streams of items, any bytes, text, forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypedDict

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gnomon_gtype import GType
from gnomon_manifest import (
    Manifest,
    ManifestRefused,
    markdown,
    openapi,
    python_client,
    typescript_client,
)
from gnomon_manifest._bodies import fits_forms, form_of, in_forms, item_text
from gnomon_manifest._model import HandlerTypes

Build = Callable[..., Manifest]
Item = TypedDict("Item", {"sku": str})
HEAD = """
from collections.abc import *
import typing
from typing import Annotated, Any, Literal, NotRequired, TypedDict
class Item(TypedDict):
    sku: str
"""
TYPED = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


def types_of(manifest_of: Build, answer: str, body: str = "...", request: str = "None") -> HandlerTypes:
    source = f"{HEAD}\n@post('/')\nasync def a(req: Request[{request}], res: Response[{answer}], lctx, gctx):\n    {body}\n"
    manifest = manifest_of(source)
    assert manifest.findings == ()
    assert Manifest.from_json(manifest.to_json()) == manifest
    return manifest.handlers[0].types


@pytest.mark.parametrize(
    "annotation",
    [
        "AsyncIterator[Item]",
        "AsyncIterable[Item]",
        "AsyncGenerator[Item, None]",
        "typing.AsyncIterator[Item]",
        "'AsyncIterator[Item]'",
    ],
)
@pytest.mark.parametrize(
    ("send", "media"),
    [
        ("res.ndjson(x)", ("application/x-ndjson",)),
        ("res.status(200).events(x, heartbeat=3)", ("text/event-stream",)),
        ("res.events(x) if y else res.ndjson(x)", ("application/x-ndjson", "text/event-stream")),
        ("...", ("application/x-ndjson", "text/event-stream")),
        ("res.json(x)", ("application/x-ndjson", "text/event-stream")),
    ],
)
def test_a_stream_of_items(manifest_of: Build, annotation: str, send: str, media: tuple[str, ...]) -> None:
    types = types_of(manifest_of, annotation, send)
    assert (types.stream, types.items) == (True, GType(Item).schema.digest)
    assert (types.responses, types.media) == ({200: None}, {200: media})


@pytest.mark.parametrize(
    ("annotation", "items", "media"),
    [
        ("AsyncIterator[bytes]", GType(bytes).schema.digest, ("application/octet-stream",)),
        ("AsyncIterator[str]", GType(str).schema.digest, ("application/x-ndjson", "text/event-stream")),
        (
            "AsyncIterator[str | bytes]",
            GType(str | bytes).schema.digest,
            ("application/octet-stream", "application/x-ndjson", "text/event-stream"),
        ),
        ("AsyncIterator", None, ("application/octet-stream", "application/x-ndjson", "text/event-stream")),
        (
            "AsyncIterator[Any]",
            None,
            ("application/octet-stream", "application/x-ndjson", "text/event-stream"),
        ),
    ],
)
def test_a_stream_that_goes_as_it_is(
    manifest_of: Build, annotation: str, items: str | None, media: tuple[str, ...]
) -> None:
    types = types_of(manifest_of, annotation)
    assert (types.stream, types.items, types.media) == (True, items, {200: media})


@pytest.mark.parametrize(
    ("annotation", "send", "media"),
    [
        ("Item", "res.text('x')", ("application/json",)),
        ("str", "res.text('x')", ("text/plain",)),
        ("str", "res.json('x')", ("application/json",)),
        ("str", "res.text(x, media_type='Text/CSV; charset=utf-8')", ("text/csv",)),
        ("str", "res.text(x, media_type=y)", ("*/*",)),
        ("str", "res.text(x, **more)", ("*/*",)),
        ("str", "res.text(x, media_type='')", ("*/*",)),
        ("str", "other.text('x'); f().text(1); f.res.text(1)", ("application/json", "text/plain")),
        ("Literal['a'] | None", "res.text('a')", ("text/plain",)),
        ("Annotated[bytes, 1]", "res.bytes(x)", ("application/octet-stream",)),
        ("bytes", "res.bytes(x, media_type='image/png')", ("image/png",)),
        ("bytes", "res.json(x)", ("application/json",)),
        ("bytes", "await res.file(x, root=y)", ("*/*",)),
        ("bytes", "res.stream(x)", ("application/octet-stream",)),
        ("bytes", "...", ("application/json", "application/octet-stream")),
        (
            "bytes",
            "send(res)\ndef send(answer: 'Response[Any]'): answer.bytes(1)\n",
            ("application/json", "application/octet-stream"),
        ),
        (
            "bytes",
            "send(res)\ndef send(answer: Response[Any]): answer.bytes(1)\n",
            ("application/octet-stream",),
        ),
    ],
)
def test_how_a_body_is_sent_follows_from_its_type_and_from_the_code(
    manifest_of: Build, annotation: str, send: str, media: tuple[str, ...]
) -> None:
    types = types_of(manifest_of, annotation, send)
    assert (types.media, types.stream, types.items) == ({200: media}, False, None)


def test_statuses_without_a_body_have_none(manifest_of: Build) -> None:
    types = types_of(manifest_of, "Item", "res.status(204); res.status(205); res.status(201).json(1)")
    digest = GType(Item).schema.digest
    assert types.responses == {201: digest, 204: None, 205: None}
    assert types.media == {201: ("application/json",)}
    assert types_of(manifest_of, "None").media == {}


@pytest.mark.parametrize(
    ("request_type", "accepts"),
    [
        ("bytes", ("*/*",)),
        ("str", TYPED),
        ("Annotated[bytes, 1]", TYPED),
        ("Item", TYPED),
        ("None", ()),
        ("Any", ()),
    ],
)
def test_what_is_taken(manifest_of: Build, request_type: str, accepts: tuple[str, ...]) -> None:
    assert types_of(manifest_of, "None", request=request_type).accepts == accepts


@pytest.mark.parametrize("annotation", ["Iterator[Item]", "Iterable[Item]", "Generator[Item, None, None]"])
def test_what_the_runtime_does_not_stream_is_a_finding(manifest_of: Build, annotation: str) -> None:
    manifest = manifest_of(f"{HEAD}\n@get('/')\ndef a(req, res: Response[{annotation}], lctx, gctx): ...")
    assert [finding.code for finding in manifest.findings] == ["unresolvable_type"]


def test_a_stream_is_no_type_of_another_place(manifest_of: Build) -> None:
    source = "@post('/', responses={409: AsyncIterator[Item]})\ndef a(req: Request[AsyncIterator[Item]], res, lctx, gctx):\n    res.status(409)"
    manifest = manifest_of(HEAD + source)
    assert [finding.code for finding in manifest.findings] == ["unresolvable_type"] * 2


CHANGES = [
    ("Item", "res.json(1)"),
    ("AsyncIterator[Item]", "res.ndjson(1)"),
    ("AsyncIterator[Item]", "res.events(1)"),
    ("AsyncIterator[bytes]", "res.stream(1)"),
    ("AsyncIterator[str]", "res.ndjson(1)"),
    ("bytes", "res.bytes(1)"),
    ("bytes", "res.bytes(1, media_type='image/png')"),
]


def test_both_digests_follow_the_way_in_which_a_body_is_sent(manifest_of: Build) -> None:
    contracts, fingerprints = set(), set()
    for annotation, send in CHANGES:
        source = f"{HEAD}\n@get('/')\ndef a(req, res: Response[{annotation}], lctx, gctx):\n    {send}"
        (handler,) = manifest_of(source).handlers
        contracts.add(handler.contract)
        fingerprints.add(handler.fingerprint)
    assert len(contracts) == len(fingerprints) == len(CHANGES)
    taken = [
        manifest_of(f"@post('/')\ndef a(req: Request[{kind}], res, lctx, gctx): ...").handlers[0].contract
        for kind in ("bytes", "str")
    ]
    assert len(set(taken)) == 2


DOCUMENT = (
    HEAD
    + """
class Deep(TypedDict):
    a: int
class Nested(TypedDict):
    inner: Deep
class Flat(TypedDict):
    a: int
    b: list[str]
    c: NotRequired[Literal["x", "y"]]
@get("/lines")
def lines(req, res: Response[AsyncIterator[Item]], lctx, gctx):
    res.ndjson(x)
@get("/events")
def events(req, res: Response[AsyncIterator[Item]], lctx, gctx):
    res.events(x)
@get("/words")
def words(req, res: Response[AsyncIterator[str]], lctx, gctx):
    res.events(x)
@get("/either")
def either(req, res: Response[AsyncIterator[str | int]], lctx, gctx):
    res.events(x)
@get("/anything")
def anything(req, res: Response[AsyncIterator], lctx, gctx): ...
@post("/raw")
def raw(req: Request[bytes], res: Response[bytes], lctx, gctx):
    res.bytes(x)
@post("/text")
def text(req: Request[str], res: Response[str], lctx, gctx):
    res.text(x)
@post("/form")
def form(req: Request[Flat], res: Response[Nested], lctx, gctx): ...
@post("/nested")
def nested(req: Request[Nested], res, lctx, gctx): ...
"""
)


def test_openapi_describes_every_way(manifest_of: Build) -> None:
    manifest = manifest_of(DOCUMENT)
    document = openapi(manifest)
    OpenAPIV31SpecValidator(document).validate()
    binary = {"type": "string", "format": "binary"}
    item = {"$ref": "#/components/schemas/Item"}

    def given(path: str) -> Any:
        (operation,) = document["paths"][path].values()
        return operation["responses"]["200"].get("content")

    def taken(path: str) -> Any:
        return document["paths"][path]["post"]["requestBody"]

    assert given("/lines")["application/x-ndjson"]["x-itemSchema"] == item
    data = given("/events")["text/event-stream"]["x-itemSchema"]["properties"]["data"]
    assert data == {"type": "string", "contentMediaType": "application/json", "contentSchema": item}
    for path, shown in (("/words", {"type": "string"}), ("/either", {"type": "string"})):
        assert given(path)["text/event-stream"]["x-itemSchema"]["properties"]["data"] == shown
    assert given("/anything")["application/octet-stream"] == {"schema": binary}
    assert given("/anything")["application/x-ndjson"]["x-itemSchema"] is True
    assert taken("/raw") == {
        "required": False,
        "content": {"application/octet-stream": {"schema": binary}, "*/*": {}},
    }
    assert given("/raw") == {"application/octet-stream": {"schema": binary}}
    assert {"400", "415"}.isdisjoint(document["paths"]["/raw"]["post"]["responses"])
    assert list(taken("/text")["content"]) == ["application/json"]
    assert given("/text") == {"text/plain": {"schema": {"type": "string"}}}
    assert tuple(taken("/form")["content"]) == TYPED
    assert list(taken("/nested")["content"]) == ["application/json"]


def test_the_reference_says_how_bodies_are_sent(manifest_of: Build) -> None:
    text = markdown(manifest_of(DOCUMENT))
    for line in (
        '| answer | 200 OK: a stream of `{ "sku": string }` as `application/x-ndjson` |',
        "| answer | 200 OK: a stream as `application/octet-stream`, `application/x-ndjson`, `text/event-stream` |",
        "| body | any bytes |",
        "| answer | 200 OK: `string` as `text/plain` |",
    ):
        assert line in text.replace("`Item`", '`{ "sku": string }`'), text


def test_clients_have_the_types_of_items_and_bodies(manifest_of: Build) -> None:
    manifest = manifest_of(DOCUMENT)
    typescript, python = typescript_client(manifest), python_client(manifest)
    for part in (
        "lines(given: { signal?: AbortSignal } = {}): AsyncGenerator<Item, void, undefined>",
        "words(given: { signal?: AbortSignal } = {}): AsyncGenerator<string, void, undefined>",
        "anything(given: { signal?: AbortSignal } = {}): AsyncGenerator<unknown, void, undefined>",
        "raw(given: { body?: RawBody; contentType?: string; signal?: AbortSignal } = {}): Promise<Blob>",
    ):
        assert part in typescript
    for part in (
        "def lines(self) -> AbstractContextManager[Iterator[Item]]:",
        "def lines(self) -> AbstractAsyncContextManager[AsyncIterator[Item]]:",
        "def anything(self) -> AbstractContextManager[Iterator[Any]]:",
        'def raw(self, body: bytes | Iterable[bytes] | None = None, *, content_type: str = "application/octet-stream") -> bytes:',
        "async def raw(self, body: bytes | AsyncIterable[bytes] | None = None",
    ):
        assert part in python


def test_another_answer_than_the_stream_is_an_error_of_the_call(manifest_of: Build) -> None:
    source = (
        HEAD
        + """
@handler("/", methods=("GET", "HEAD"), responses={202: Item})
def a(req, res: Response[AsyncIterator[Item]], lctx, gctx):
    res.status(202).json({})
    res.status(200).ndjson(x)
    res.status(204)
"""
    )
    text = typescript_client(manifest_of(source))
    assert 'application\\/problem+json", [200, 204], "json"' in text
    assert '"a_get": ProblemError<202, Item>' in text
    assert "async a_head(" in text


def test_a_manifest_of_another_format_is_refused_with_the_mend(manifest_of: Build) -> None:
    document = json.loads(manifest_of(DOCUMENT).to_json())
    for value, shown in ((2, "2"), (4, "4"), (3.0, "3.0"), (True, "True"), ([], "list"), (None, "NoneType")):
        with pytest.raises(
            ManifestRefused, match=rf"is {shown}; this version understands 3: build the manifest"
        ):
            Manifest.from_json(json.dumps({**document, "format": value}))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "uuid"}, "string"),
        ({"const": "a"}, "string"),
        ({"enum": ["a", 1]}, "any"),
        ({"enum": [1, 2]}, "json"),
        ({"type": "object"}, "json"),
        ({"type": ["string", "null"]}, "any"),
        ({"anyOf": []}, "any"),
        (True, "any"),
    ],
)
def test_how_the_text_of_an_item_is_read(schema: Any, text: str) -> None:
    assert item_text(schema) == text


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        ({"type": "integer"}, True),
        ({"const": "a"}, True),
        ({"enum": ["a", 1]}, False),
        ({"type": "array", "items": {"type": "string"}}, True),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, False),
        ({"type": "array", "prefixItems": [], "items": {"type": "string"}}, False),
        ({"type": "array"}, False),
        ({"$ref": "#/x"}, False),
        ({"anyOf": []}, False),
        (True, False),
    ],
)
def test_what_a_form_can_carry(field: Any, fits: bool) -> None:
    assert fits_forms({"type": "object", "properties": {"a": field}}) is fits
    assert not fits_forms({"type": "object"})


def test_a_form_can_not_carry_an_empty_array() -> None:
    fields = {
        "a": {"type": "array", "items": {}},
        "b": {"type": "array", "items": {}},
        "c": {"type": "integer"},
    }
    schema = {"type": "object", "properties": fields, "required": ["a", "c", 1]}
    assert in_forms({"$ref": "x"}, schema) == {
        "allOf": [{"$ref": "x"}, {"properties": {"a": {"minItems": 1}}}]
    }
    assert in_forms({"$ref": "x"}, {**schema, "required": ["c"]}) == {"$ref": "x"}


def test_media_types_decide_how_to_read() -> None:
    assert form_of("application/problem+json", binary=True, stream=False) == "json"
    assert form_of("text/csv", binary=True, stream=False) == "bytes"
    assert form_of("image/svg+xml", binary=False, stream=False) == "text"


def test_a_manifest_may_name_any_media_type(manifest_of: Build) -> None:
    """What is no media type is in no header, and what is in a document or a program is quoted there."""
    manifest = manifest_of(DOCUMENT)
    evil = "x\r\ny: z `|*/ ${a}"
    handlers = tuple(
        replace(
            handler,
            types=replace(handler.types, media={200: (evil, "text/plain")}, accepts=(evil, "*/*")),
        )
        for handler in manifest.handlers
    )
    found = replace(manifest, handlers=handlers)
    assert Manifest.from_json(found.to_json()) == found
    for text in (typescript_client(found), python_client(found)):
        assert "y: z" not in text
        assert "text/plain, application/problem+json" in text.replace("\\/", "/")
    OpenAPIV31SpecValidator(openapi(found)).validate()
    assert "`` x y: z `\\|*/ ${a} ``" in markdown(found)
