"""The statuses that a handler answers with, on every way through it."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent, indent

import pytest

from gnomon_manifest import Manifest

Build = Callable[..., Manifest]


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ("res.status(201).json({})", [201]),
        ("res.status(201)\nres.json({})", [201]),
        ("if req.query:\n    res.status(201)\nres.json({})", [200, 201]),
        ("if req.query:\n    res.status(201)\nelse:\n    res.status(202)\nres.json({})", [201, 202]),
        ("if req.query:\n    res.status(201).json({})\n    return\nres.json({})", [200, 201]),
        ("if req.query:\n    raise ValueError\nres.status(201).json({})", [201]),
        ("if 1:\n    res.status(201)\nelif 2:\n    return\nelif 3:\n    pass\nres.json({})", [200, 201]),
        ("res.status(201 if req.query else 202).json({})", [201, 202]),
        ("res.status(201).json({}) if req.query else res.json({})", [200, 201]),
        ("(res.status(201) if req.query else res.status(202)).json({})", [201, 202]),
        ("if req.query and res.status(201): pass\nres.json({})", [200, 201]),
        ("if res.status(201) and req.query: pass\nres.json({})", [201]),
        ("for one in req.query:\n    res.status(201)\nres.json({})", [200, 201]),
        ("for one in req.query: pass\nelse:\n    res.status(201)\nres.json({})", [201]),
        ("for one in req.query:\n    break\nelse:\n    res.status(201)\nres.json({})", [200, 201]),
        ("while True:\n    if req.query:\n        res.status(201)\n        break\nres.json({})", [201]),
        (
            "while True:\n    if req.query: continue\n    if req: break\n    res.status(201)\nres.json({})",
            [200, 201],
        ),
        ("while req.query:\n    res.status(201)\nres.json({})", [200, 201]),
        ("try:\n    res.status(201)\nexcept ValueError: pass\nres.json({})", [200, 201]),
        ("try:\n    res.status(201)\nexcept ValueError:\n    raise\nres.json({})", [201]),
        ("try:\n    pass\nexcept ValueError:\n    return\nelse:\n    res.status(201)\nres.json({})", [201]),
        ("try:\n    pass\nfinally:\n    res.status(201)\nres.json({})", [201]),
        ("try:\n    res.status(201)\nexcept* ValueError: pass\nres.json({})", [200, 201]),
        ("match req:\n    case 1:\n        res.status(201)\nres.json({})", [200, 201]),
        (
            "match req:\n    case 1:\n        res.status(201)\n    case _:\n        res.status(202)\nres.json({})",
            [201, 202],
        ),
        ("match req:\n    case _ if req.query:\n        res.status(201)\nres.json({})", [200, 201]),
        ("with res.status(201) as some:\n    res.json({})", [201]),
        ("async with some():\n    res.json({})\nres.status(201)", [200, 201]),
        ("async def later():\n    res.json({})\nres.status(201)\nawait later()", [200, 201]),
        ("res.status(201)\nasync def later():\n    res.json({})\nawait later()", [201]),
        ("later = lambda: res.status(201)\nres.json({})", [200, 201]),
        ("[res.status(201) for one in req.query]\nres.json({})", [200, 201]),
        ("class Inner:\n    def late(self, res): res.json({})\nres.status(201)", [200, 201]),
        ("plain(res) if req.query else res.status(201).json({})", [200, 201]),
        ("res.text('a') if req.query else res.status(404).json({})", [200]),
        ("res.status(CREATED).json({})", [201]),
        ("res.status(HTTPStatus.CREATED).json({})", [201]),
        ("res.status(http.HTTPStatus.ACCEPTED.value).json({})", [200]),
        ("res.status(HTTPStatus.NOTHING).json({})", [200]),
        ("res.status(UNKNOWN).json({})", [200]),
        ("res.status(WORD).json({})", [200]),
        ("status = 202\nres.status(status).json({})", [200]),
        ("+".join("1" * 1500) + "\nres.status(201).json({})", [201]),
        ("if req.query: res.json({})\nelse: res.status(" + "-" * 90 + "201).json({})", [200]),
    ],
)
def test_an_answer_without_a_status_is_seen_beside_others(
    manifest_of: Build, body: str, statuses: list[int]
) -> None:
    source = """
        import http
        from http import HTTPStatus
        CREATED = 201
        status = 299
        WORD = "a"
        def plain(res): res.json({})
        @get("/")
        async def read(req, res, lctx, gctx):
        """
    manifest = manifest_of(dedent(source) + indent(body, "    "))
    (handler,) = manifest.handlers
    assert [status for status in handler.types.responses if status < 400] == statuses


def test_a_chain_of_many_branches_is_followed(manifest_of: Build) -> None:
    branches = "".join(f"    elif req.query == {number}: res.status(201)\n" for number in range(900))
    head = '@get("/")\ndef read(req, res, lctx, gctx):\n    if req.body: res.status(202)\n'
    (handler,) = manifest_of(f"{head}{branches}    else: res.status(203)\n    res.json([])").handlers
    assert list(handler.types.responses) == [201, 202, 203]


def test_what_is_too_deep_to_be_followed_may_answer_plainly(manifest_of: Build) -> None:
    deep = " + ".join(["req.query"] * 1500)
    head = '@get("/")\ndef read(req, res, lctx, gctx):\n'
    manifest = manifest_of(f"{head}    res.status(201)\n    res.json({deep})")
    assert manifest.findings == ()
    assert list(manifest.handlers[0].types.responses) == [200, 201]


def test_errors_are_named_by_constants_too(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        from http import HTTPStatus
        GONE = 410
        @get("/")
        def read(req, res, lctx, gctx):
            if req.query: raise HttpError(HTTPStatus.CONFLICT, "taken")
            if req.body: raise HttpError(status=GONE, code="gone")
            if req.headers: raise HttpError(code="lost")
            res.problem(404 if req.path else HTTPStatus.FORBIDDEN, code="hidden")
        """
    )
    (handler,) = manifest.handlers
    assert [(problem.status, problem.code) for problem in handler.problems] == [
        (403, "hidden"), (404, "hidden"), (409, "taken"), (410, "gone"),
    ]  # fmt: skip


def test_an_answer_by_another_name_is_followed(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        def send(rows: list[int], answer: Response[list[int]]):
            rows.append(1)
            if len(rows) > 3: answer.status(201)
            answer.json(rows)
        @get("/")
        def read(req, res: Response[list[int]], lctx, gctx):
            send([], res)
        """
    )
    assert list(manifest.handlers[0].types.responses) == [200, 201]
