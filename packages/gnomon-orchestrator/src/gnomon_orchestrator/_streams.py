"""What stands around the items of a stream on their way out."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

from .protocols import ItemValidator


class _Around(AsyncIterator[Any]):
    """Iterate over ``items``; not a generator, which could hold a scope across its yield."""

    def __init__(self, items: AsyncIterable[Any]) -> None:
        self._items: AsyncIterator[Any] = items.__aiter__()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def aclose(self) -> None:
        """Close what is iterated over, if it can be closed."""
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()


class validated_items(_Around):  # noqa: N801 - reads as the function it stands for
    """Check each item."""

    def __init__(self, items: AsyncIterable[Any], validator: ItemValidator) -> None:
        super().__init__(items)
        self._validate = validator.validate_item

    async def __anext__(self) -> Any:
        item = await self._items.__anext__()
        self._validate(item)
        return item


class ending_with(_Around):  # noqa: N801 - reads as the function it stands for
    """Await ``last()`` after the last item, before the stream ends; ``failure`` is what cut it from this side."""

    def __init__(self, items: AsyncIterable[Any], last: Callable[[], Awaitable[None]]) -> None:
        super().__init__(items)
        self._last = last
        self.failure: BaseException | None = None

    async def __anext__(self) -> Any:
        try:
            try:
                return await self._items.__anext__()
            except StopAsyncIteration:
                await self._last()
                raise
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise
