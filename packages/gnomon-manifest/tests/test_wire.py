"""The JSON form: canonical, read back, and refused where it is not understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from gnomon_manifest import FORMAT, Manifest, ManifestRefused

Build = Callable[..., Manifest]
SOURCE = """
from typing import TypedDict
class Order(TypedDict):
    id: str
@before
def hook(req): ...
@post("/a", roles=("x",), rate_limit="1/minute", timeout=1, responses={404: Order}, deprecated="no")
def a(req: Request[Order], res: Response[list[Order]], lctx, gctx):
    gctx.modules.store.get(HttpError(409, "taken"))
@get(path())
def b(req, res, lctx, gctx): ...
"""


@pytest.fixture
def manifest(manifest_of: Build) -> Manifest:
    return manifest_of(SOURCE)


def test_a_manifest_comes_back_and_has_one_text(manifest: Manifest) -> None:
    text = manifest.to_json()
    assert Manifest.from_json(text) == manifest
    assert Manifest.from_json(json.dumps(json.loads(text), indent=3).encode()).to_json() == text
    assert text.isascii()


def test_the_published_schema_holds(manifest: Manifest) -> None:
    schema = Manifest.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    value = json.loads(manifest.to_json())
    jsonschema.Draft202012Validator(schema).validate(value)
    value["handlers"][0]["more"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(value)


def changed(manifest: Manifest, pointer: str, value: Any) -> str:
    document = json.loads(manifest.to_json())
    *path, last = pointer.split("/")
    node = document
    for step in path:
        node = node[int(step) if isinstance(node, list) else step]
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("pointer", "value", "words"),
    [
        ("format", FORMAT + 1, f"the format of the manifest is {FORMAT + 1}"),
        ("format", True, "the format of the manifest is True"),
        ("format", ..., "the format of the manifest is None"),
        ("more", 1, "at the root: the key 'more' is not known"),
        ("handlers", ..., "at the root: the key 'handlers' is missing"),
        ("handlers", {}, "at /handlers: expected an array"),
        ("handlers/0", 1, "at /handlers/0: expected an object, found 1"),
        ("handlers/0/id", 1, "at /handlers/0/id: expected a string, found 1"),
        ("handlers/0/websocket", 1, "expected true or false"),
        ("handlers/0/source/line", 1.5, "at /handlers/0/source/line: expected an integer"),
        ("handlers/0/source/line", True, "expected an integer, found true"),
        ("handlers/0/methods", "GET", "expected an array"),
        ("handlers/0/parameters", [], "expected an object"),
        ("handlers/0/types/responses", {"20": None}, "expected an HTTP status as key"),
        ("handlers/0/types/responses", {"abc": None}, "expected an HTTP status as key"),
        ("handlers/0/policies/timeout", "1", "expected a number"),
        ("handlers/0/policies/timeout", 10**400, "expected a number"),
        ("handlers/0/policies/rate_limit/limit", 0, "at least 1 call"),
        ("handlers/0/hooks/0/point", "during", "expected one of before, after, catch"),
        ("handlers/0/hooks/0/point", [], "expected one of before, after, catch, found list"),
        ("handlers/0/deprecated", 1, "expected a string"),
        ("findings/0/code", "nothing", "expected one of"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_place(
    manifest: Manifest, pointer: str, value: Any, words: str
) -> None:
    with pytest.raises(ManifestRefused) as caught:
        Manifest.from_json(changed(manifest, pointer, value))
    assert words in str(caught.value)
    assert caught.value.code == "manifest_refused"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        (b"\xff", "is not JSON"),
        ("[1]", "is a JSON object"),
        ("[" * 200_000, "is nested too deeply"),
        ('{"format": 1, "format": 1}', "two equal keys"),
        ('{"format": NaN}', "holds NaN"),
        ('{"format": ' + "9" * 10_000 + "}", "is not JSON"),
        ('{"format": 1e999}', "the format of the manifest is inf"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str | bytes, words: str) -> None:
    with pytest.raises(ManifestRefused) as caught:
        Manifest.from_json(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300, "1e999"])
def test_a_schema_of_a_manifest_is_bounded(manifest: Manifest, text: str) -> None:
    digest = next(iter(manifest.types))
    whole = changed(manifest, f"types/{digest}/validation", "?").replace('"?"', text, 1)
    with pytest.raises(ManifestRefused):
        Manifest.from_json(whole)


def test_numbers_keep_their_sort(manifest: Manifest) -> None:
    text = changed(manifest, "handlers/0/policies/timeout", 1)
    assert Manifest.from_json(text).handlers[0].policies.timeout == 1.0
