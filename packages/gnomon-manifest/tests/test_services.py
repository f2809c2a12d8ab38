"""Modules and authenticators that declare themselves: at run time, and as the source is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gnomon_manifest import Manifest, ModuleEntry
from gnomon_manifest.declare import (
    DeclarationError,
    ModuleDeclaration,
    authenticator,
    authenticator_of,
    module,
    module_of,
)

Build = Callable[..., Manifest]


def test_what_is_declared_stays_what_it_is() -> None:
    def open_rates(resources: Any) -> str:
        """Exchange rates.

        From far away.
        """
        return "rates"

    class Tokens:
        pass

    assert module("rates", hosts=["**.example.com"], secrets=("key",))(open_rates) is open_rates
    assert module("tokens")(authenticator(roles=["b", "a", "b"])(Tokens)) is Tokens
    assert open_rates(None) == "rates"
    assert module_of(open_rates) == ModuleDeclaration(
        name="rates", hosts=("**.example.com",), secrets=("key",), summary="Exchange rates."
    )
    declared = authenticator_of(Tokens)
    assert declared is not None
    assert declared.roles == ("a", "b")

    class Inherits(Tokens):
        pass

    assert module_of(Inherits) is None
    assert authenticator_of(Inherits) is declared
    assert module_of(3) is authenticator_of(3) is authenticator_of(open_rates) is None


@pytest.mark.parametrize(
    ("declare", "reason"),
    [
        (lambda: module("_hidden"), "can not name a module"),
        (lambda: module(print), "can not name a module"),  # type: ignore[arg-type]
        (lambda: module("a", hosts="example.com"), r"write hosts=\('example.com',\)"),
        (lambda: module("a", files=[""]), "each of files is a non-empty string"),
        (lambda: authenticator(roles="buyer"), r"write roles=\('buyer',\)"),
        (lambda: module("a")(module("b")(lambda: None)), "is declared already"),
    ],
)
def test_what_can_not_be_meant_is_refused(declare: Callable[[], object], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        declare()


def test_modules_and_roles_are_in_the_manifest(manifest_of: Build) -> None:
    found = manifest_of(
        """
        from gnomon_manifest.declare import authenticator as who, module
        HOSTS = ["api.example.com"]
        @module("rates", hosts=HOSTS, secrets=("key",))
        async def open_rates(resources):
            '''Exchange rates.'''
        class Outer:
            @module(name="files", files=["/srv"], writable=["/tmp"], modules=["rates"])
            class Files: ...
        @who(roles={"seller", "buyer"})
        class Tokens: ...
        @who(roles=())
        def nobody(): ...
        @get("/a", roles=["buyer"])
        def a(req, res, lctx, gctx):
            gctx.modules.rates.get()
        """
    )
    assert found.findings == ()
    assert found.roles == ("buyer", "seller")
    files, rates = found.modules
    nothing: Any = {"hosts": (), "files": (), "writable": (), "secrets": (), "modules": ()}
    assert rates == ModuleEntry(
        **nothing | {"hosts": ("api.example.com",), "secrets": ("key",)},
        name="rates",
        summary="Exchange rates.",
        source=rates.source,
    )
    assert (files.name, files.files, files.writable, files.modules) == (
        "files",
        ("/srv",),
        ("/tmp",),
        ("rates",),
    )
    assert str(rates.source) == "main.py:6:1"
    assert Manifest.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("source", "code", "reason"),
    [
        ("@module\ndef a(): ...", "invalid_declaration", "write @module(...)"),
        ("@module('a', hots=[])\ndef a(): ...", "invalid_declaration", "did you mean 'hosts'"),
        ("@module()\ndef a(): ...", "invalid_declaration", "the name is missing"),
        ("@module('a b')\ndef a(): ...", "invalid_declaration", "can not name a module"),
        ("@module('a', hosts=read())\ndef a(): ...", "dynamic_value", "computed when the program runs"),
        ("@authenticator()\nclass A: ...", "invalid_declaration", "write roles=(...)"),
        ("@authenticator(rolls=[])\nclass A: ...", "invalid_declaration", "did you mean 'roles'"),
        ("@before\nclass A: ...", "invalid_declaration", "it declares functions"),
    ],
)
def test_what_the_decorators_would_refuse_is_a_finding(
    manifest_of: Build, source: str, code: str, reason: str
) -> None:
    (finding,) = manifest_of(source).findings
    assert (finding.code, reason in finding.message) == (code, True)
