"""Doubts: each with a case that it finds and one that it leaves alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gnomon_manifest import Manifest

Build = Callable[..., Manifest]
SIGNATURE = "(req, res, lctx, gctx): ..."
CASES = {
    "lint_duplicate_id": (
        f"@get('/a', id='x')\ndef a{SIGNATURE}\n@get('/b', id='x')\ndef b{SIGNATURE}",
        f"@get('/a', id='x')\ndef a{SIGNATURE}\n@get('/b', id='y')\ndef b{SIGNATURE}",
    ),
    "lint_route_conflict": (
        f"@get('/a/{{x}}')\ndef a{SIGNATURE}\n@get('/a/{{y:str}}')\ndef b{SIGNATURE}",
        f"@get('/a/{{x}}')\ndef a{SIGNATURE}\n@get('/a/{{y:int}}')\ndef b{SIGNATURE}\n@put('/a/{{x}}')\ndef c{SIGNATURE}",
    ),
    "lint_swapped_contexts": (
        "@get('/a')\ndef a(req, res, lctx: GlobalContext, gctx: LocalContext): ...",
        "@get('/a')\ndef a(req, res, lctx: LocalContext, gctx: 'GlobalContext[int]'): ...",
    ),
    "lint_unreachable_hook": (
        f"@before(level='route')\ndef hook(req): ...\n@get('/a')\ndef a{SIGNATURE}",
        f"@before(level='route')\ndef hook(req): ...\n@get('/a', before=[hook])\ndef a{SIGNATURE}",
    ),
    "lint_hook_runs_twice": (
        f"@before\ndef hook(req): ...\n@get('/a', before=[hook])\ndef a{SIGNATURE}",
        f"@before(level='route')\ndef hook(req): ...\n@get('/a', before=[hook])\ndef a{SIGNATURE}",
    ),
    "lint_body_on_get": (
        "@get('/a')\ndef a(req: Request[int], res, lctx, gctx): ...",
        "@post('/a')\ndef a(req: Request[int], res, lctx, gctx): ...",
    ),
    "lint_role_not_given": (
        f"@authenticator(roles=['seller'])\nclass Tokens: ...\n@get('/a', roles=['buyer', 'seller'])\ndef a{SIGNATURE}",
        f"@authenticator(roles=('buyer',))\ndef tokens(): ...\n@get('/a', roles=['buyer'])\ndef a{SIGNATURE}",
    ),
    "lint_response_never_sent": (
        f"@get('/a', responses={{404: int}})\ndef a{SIGNATURE}",
        """
        def helper(res): res.status(404).json(1)
        @get('/a', responses={404: int})
        def a(req, res, lctx, gctx): helper(res)
        """,
    ),
}


@pytest.mark.parametrize("code", CASES)
def test_a_lint_finds_and_leaves_alone(manifest_of: Build, code: str) -> None:
    doubtful, clear = CASES[code]
    found = manifest_of(doubtful).findings
    assert {finding.code for finding in found} == {code}
    assert all(finding.is_lint for finding in found)
    assert manifest_of(clear).findings == ()


def test_what_a_string_annotation_swaps_is_found_too(manifest_of: Build) -> None:
    source = "@get('/a')\ndef a(req, res, lctx: 'gnomon.GlobalContext[int]', gctx: 1): ..."
    assert [finding.code for finding in manifest_of(source).findings] == ["lint_swapped_contexts"]


@pytest.mark.parametrize(
    "body", ["res.status(code)", "gctx.modules.store.run()", "import httpx; httpx.get(1)", "eval('1')"]
)
def test_a_status_may_come_from_where_nothing_is_known(manifest_of: Build, body: str) -> None:
    manifest = manifest_of(f"@get('/a', responses={{404: int}})\ndef a(req, res, lctx, gctx): {body}")
    assert manifest.findings == ()


def test_a_handler_without_a_path_conflicts_with_nothing(manifest_of: Build) -> None:
    source = f"def a{SIGNATURE}\ndef b{SIGNATURE}"
    assert manifest_of(a=source, undecorated=True).findings == ()


def test_without_a_declared_authenticator_nothing_is_known_about_roles(manifest_of: Build) -> None:
    route = f"@get('/a', roles=['buyer'])\ndef a{SIGNATURE}"
    assert manifest_of(route).findings == ()
    assert manifest_of(route).roles is None
    found = manifest_of(f"@authenticator(roles=computed())\ndef tokens(): ...\n{route}")
    assert [finding.code for finding in found.findings] == ["dynamic_value"]
