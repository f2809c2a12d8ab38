"""Properties of the product that this package proves for generated source."""

from __future__ import annotations

import importlib
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_gtype import GType
from gnomon_manifest import Manifest, build
from gnomon_manifest.declare import SignatureError, declaration_of, get, parse_rate_limit
from gnomon_manifest.testing import Project, projects, write_package

NAMES = ("req", "res", "lctx", "gctx")
KINDS = ("", "/", "*", "=None")


@st.composite
def parameter_lists(draw: Any) -> tuple[str, bool]:
    """The text between the parentheses, and whether it binds exactly the four names."""
    names = list(draw(st.permutations(NAMES)))
    for _ in range(draw(st.integers(0, 2))):
        change = draw(st.sampled_from(["drop", "rename", "add"]))
        if change == "drop" and names:
            names.pop(draw(st.integers(0, len(names) - 1)))
        elif change == "rename" and names:
            names[draw(st.integers(0, len(names) - 1))] = draw(
                st.sampled_from(["request", "ctx", "error", "self"])
            )
        else:
            names.insert(draw(st.integers(0, len(names))), draw(st.sampled_from(["more", "ws"])))
    names = list(dict.fromkeys(names))
    slash = draw(st.none() | st.integers(1, len(names))) if names else None
    star = draw(st.none() | st.integers(slash or 0, len(names) - 1)) if len(names) > (slash or 0) else None
    defaults = draw(st.integers(0, len(names)))
    variadic = draw(st.sampled_from(["", "*args", "**rest"]))
    parts: list[str] = []
    for index, name in enumerate(names):
        if star == index and variadic != "*args":
            parts.append("*")
        parts.append(name + ("=None" if index >= len(names) - defaults else ""))
        if slash == index + 1:
            parts.append("/")
    parts += [variadic] if variadic else []
    return ", ".join(parts), sorted(names) == sorted(NAMES) and slash is None and not variadic


@pytest.mark.property(1)
@given(parameter_lists(), st.booleans())
def test_a_function_is_a_handler_if_and_only_if_it_takes_exactly_the_four_names(
    case: tuple[str, bool], asynchronous: bool
) -> None:
    parameters, fits = case
    text = f"{'async ' if asynchronous else ''}def answer({parameters}): ..."
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    try:
        get("/a")(namespace["answer"])
    except SignatureError:
        assert not fits
    else:
        assert fits
        assert declaration_of(namespace["answer"]) is not None
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(f"from gnomon import get\n\n@get('/a')\n{text}\n")
        manifest = build(folder)
    assert len(manifest.handlers) == fits
    assert [finding.code for finding in manifest.findings] == ([] if fits else ["signature"])


def built(project: Project, folder: str) -> Manifest:
    manifest = build(write_package(Path(folder), project.files))
    assert [finding for finding in manifest.findings if not finding.is_lint] == []
    return manifest


@pytest.mark.property(2)
@given(projects())
def test_every_handler_of_a_source_tree_appears_complete(project: Project) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manifest = built(project, folder)
        sys.path.insert(0, folder)
        try:
            assert [handler.id for handler in manifest.handlers] == [
                handler.id for handler in project.handlers
            ]
            for found, expected in zip(manifest.handlers, project.handlers, strict=True):
                assert (found.path, found.methods) == (expected.path, expected.methods)
                assert (found.source.file, found.source.line) == (expected.file, expected.line)
                assert found.policies.roles == expected.roles
                assert found.policies.timeout == expected.timeout
                assert found.policies.rate_limit == (
                    parse_rate_limit(expected.rate_limit) if expected.rate_limit else None
                )
                assert tuple(module.name for module in found.modules) == expected.modules
                assert {hook.name for hook in found.hooks} == {hook.name for hook in expected.hooks}
                assert len(found.fingerprint) == len(found.contract) == 64
                assert found.types.params == {"id": GType(int).schema.digest}
                space = vars(importlib.import_module(expected.module))
                annotation = eval(expected.annotation, space)
                if annotation in (None, type(None)):  # no body
                    assert found.types.body is None
                    continue
                body = GType(annotation, namespace=space).schema.digest
                assert found.types.body == body
                assert body in manifest.types
        finally:
            sys.path.remove(folder)
            for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
                del sys.modules[name]
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.property(37)
@given(projects())
def test_every_hook_that_can_run_is_in_the_manifest(project: Project) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manifest = built(project, folder)
    for found, expected in zip(manifest.handlers, project.handlers, strict=True):
        assert [
            (
                hook.name,
                hook.point,
                hook.level,
                hook.timeout,
                hook.retries,
                hook.source.file,
                hook.source.line,
            )
            for hook in found.hooks
        ] == [
            (hook.name, hook.point, hook.level, hook.timeout, hook.retries, hook.file, hook.line)
            for hook in expected.hooks
        ]
        for one, two in pairwise(found.hooks):
            assert two.order == (one.order + 1 if one.point == two.point else 0)
