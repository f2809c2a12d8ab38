"""Types that describe themselves to the engine: pydantic models, and whatever has `__get_pydantic_core_schema__`."""

from __future__ import annotations

from typing import Any

from gnomon_gtype._composites import Opaque
from gnomon_gtype._errors import UnsupportedAnnotation
from gnomon_gtype._schema import Schema, qualified_name


class _Handler:
    """What `__get_pydantic_core_schema__` is given: makes core schemas of other annotations."""

    field_name: str | None = None

    def __init__(self, path: str, inner: Schema | None) -> None:
        self._path = path
        self._inner = inner

    def __call__(self, source: Any, /) -> Any:
        from gnomon_gtype._annotations import tree_of
        from gnomon_gtype._compile import core_schema_of

        tree = self._inner if self._inner is not None else tree_of(source, name=self._path)
        return core_schema_of(tree)

    def generate_schema(self, source: Any, /) -> Any:
        """The core schema of another annotation."""
        self._inner = None
        return self(source)

    def resolve_ref_schema(self, schema: Any, /) -> Any:
        """The schema behind a reference: ours are always in place."""
        return schema


def foreign_node(source: Any, path: str, *, inner: Schema | None = None) -> Opaque:
    """The opaque node of a class, or of a marker around `inner`, that has `__get_pydantic_core_schema__`."""
    cls = source if isinstance(source, type) else type(source)
    ready = vars(source).get("__pydantic_core_schema__") if isinstance(source, type) else None
    if isinstance(source, type) and hasattr(source, "model_rebuild"):
        source.model_rebuild()
        ready = getattr(source, "__pydantic_core_schema__", None)
    if not isinstance(ready, dict):
        try:
            ready = source.__get_pydantic_core_schema__(
                source if inner is None else Any, _Handler(path, inner)
            )
        except UnsupportedAnnotation:
            raise
        except Exception as error:  # foreign code; whatever it raises, the annotation cannot be served
            reason = f"{cls.__name__}.__get_pydantic_core_schema__ raised {type(error).__name__}: {error}"
            raise UnsupportedAnnotation(path, reason) from error
    declared = getattr(source, "__gtype_id__", None)
    return Opaque(
        id=declared or qualified_name(cls), core_schema=ready, cls=cls if isinstance(source, type) else None
    )
