"""The manifest as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ._findings import Finding
from ._model import Handler, ModuleEntry, OpenEdge, TypeEntry
from ._wire import ManifestRefused, decode, encode, loads, schema_of

__all__ = ["FORMAT", "Manifest"]

FORMAT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a source tree exposes.

    Args:
        handlers: every handler, sorted by id.
        modules: every module of the global context that is declared, sorted by name and place.
        roles: the roles that the declared authenticators may give, sorted; None when none is declared.
        types: every type that a handler refers to, by the digest of its schema.
        findings: what could not be known, and what can not be meant, sorted by place.
        open_edges: where the reach of the fingerprints ends, over all handlers.

    >>> from gnomon_manifest import Manifest
    >>> Manifest().to_json()
    '{"findings":[],"format":3,"handlers":[],"modules":[],"open_edges":[],"roles":null,"types":{}}'
    >>> Manifest.from_json(Manifest().to_json()) == Manifest()
    True
    """

    handlers: tuple[Handler, ...] = ()
    modules: tuple[ModuleEntry, ...] = ()
    roles: tuple[str, ...] | None = None
    types: Mapping[str, TypeEntry] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    open_edges: tuple[OpenEdge, ...] = ()

    def to_json(self) -> str:
        """The manifest as canonical JSON: sorted keys, no white space, ASCII; one manifest has one text."""
        return json.dumps(
            {"format": FORMAT, **encode(self)}, sort_keys=True, separators=(",", ":"), allow_nan=False
        )

    @staticmethod
    def from_json(text: str | bytes) -> Manifest:
        """Read a manifest back.

        Args:
            text: what `to_json` gave, in any formatting.

        Raises:
            ManifestRefused: when the text is no manifest, or of another format; says where and why.
        """
        value = loads(text)
        if not isinstance(value, dict):
            raise ManifestRefused("a manifest is a JSON object")
        found = value.pop("format", None)
        if type(found) is not int or found != FORMAT:
            shown = repr(found) if isinstance(found, (int, float, str)) else type(found).__name__
            mend = "build the manifest again from its source, or read it with the version that wrote it"
            raise ManifestRefused(
                f"the format of the manifest is {shown[:80]}; this version understands {FORMAT}: {mend}"
            )
        made: Manifest = decode(Manifest, value)
        for place, handler in enumerate(made.handlers):
            for digest in handler.types.digests():
                if digest not in made.types:
                    raise ManifestRefused(
                        f"at /handlers/{place}/types: the type {digest[:80]!r} is not among /types"
                    )
        return made

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema (2020-12) of `to_json`.

        >>> from gnomon_manifest import Manifest
        >>> Manifest.json_schema()["properties"]["format"]
        {'const': 3}
        """
        definitions: dict[str, Any] = {}
        schema_of(Manifest, definitions)
        whole = definitions.pop("Manifest")
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Gnomon manifest",
            **whole,
            "properties": {"format": {"const": FORMAT}, **whole["properties"]},
            "required": ["format", *whole["required"]],
            "$defs": definitions,
        }
