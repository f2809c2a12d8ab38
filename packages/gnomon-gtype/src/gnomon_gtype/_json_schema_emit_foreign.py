"""JSON Schema of opaque parts that can describe themselves, such as pydantic models, and the names that documents refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon_gtype._composites import Opaque

Doc = dict[str, Any]


def own_document(node: Opaque, *, output: bool) -> Doc:
    """What `model_json_schema` of the class says, as pydantic defines it; empty when there is none or it fails."""
    describe = getattr(node.cls, "model_json_schema", None)
    if describe is None:
        return {}
    try:
        return dict(
            describe(ref_template="#/$defs/{model}", mode="serialization" if output else "validation")
        )
    except Exception:  # foreign code; a type it cannot describe may be anything to us
        return {}


def renamed(part: Any, names: Mapping[str, str]) -> Any:
    """The same document with other names for its definitions."""
    if isinstance(part, dict):
        found = {key: renamed(value, names) for key, value in part.items()}
        if isinstance(found.get("$ref"), str):
            name = found["$ref"].removeprefix("#/$defs/")
            found["$ref"] = f"#/$defs/{names.get(name, name)}"
        return found
    return [renamed(item, names) for item in part] if isinstance(part, list) else part


def used_names(top: Doc, defs: Mapping[str, Doc]) -> set[str]:
    """The names that are referred to: what stood under a `not` that was left out is not."""
    used: set[str] = set()
    waiting: list[Any] = [top]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            name = str(part.get("$ref")).removeprefix("#/$defs/")
            if name in defs and name not in used:
                used.add(name)
                waiting.append(defs[name])
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return used
