"""Items of a stream, checked one by one on their way out."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from .protocols import ItemValidator


class validated_items:  # noqa: N801 - reads as the function it stands for
    """Iterate over ``items`` and check each; not a generator, which could hold a scope across its yield."""

    def __init__(self, items: AsyncIterable[Any], validator: ItemValidator) -> None:
        self._items: AsyncIterator[Any] = items.__aiter__()
        self._validate = validator.validate_item

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        item = await self._items.__anext__()
        self._validate(item)
        return item

    async def aclose(self) -> None:
        """Close what is iterated over, if it can be closed."""
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()
