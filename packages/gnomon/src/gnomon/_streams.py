"""What a recording keeps of a streamed answer: every item as it passes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, final

from gnomon_gtype import GType
from gnomon_ingress import Event


@final
class Tee:
    """Iterates over the items of a stream and shows each; no generator, which could hold a scope open."""

    def __init__(self, items: AsyncIterable[Any], show: Callable[[Any], object]) -> None:
        self._items = aiter(items)
        self._show = show

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        item = await anext(self._items)
        self._show(item)
        return item

    async def aclose(self) -> None:
        """Close what is iterated over, if it can be closed."""
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()


def shown_item(item: Any, kind: GType[Any] | None) -> Any:
    """An item as it is written down: an event by its fields, and what its type calls sensitive blanked."""
    if isinstance(item, Event):
        fields = {name: getattr(item, name) for name in ("event", "id", "retry")}
        named = {name: value for name, value in fields.items() if value is not None}
        return {**named, "data": shown_item(item.data, kind)}
    if kind is None:
        return bytes(item) if isinstance(item, (bytearray, memoryview)) else item
    with contextlib.suppress(Exception):  # it fails its type, which is told where it is validated
        return kind.redact(item)
    return "(hidden)"
