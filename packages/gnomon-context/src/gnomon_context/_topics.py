"""Topics: every message reaches every subscriber once and in order, or the publisher is told otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, NamedTuple, TypeAlias, final

import trio

from ._errors import ContextClosed, TopicFull

Overflow: TypeAlias = Literal["wait", "drop_oldest", "refuse"]
# What a view tells of topics: the use, and the topic.
OnTopic: TypeAlias = Callable[[Literal["publish", "subscribe"], str], object]


class Delivery(NamedTuple):
    """What became of one message: how many subscribers have it, and how many older ones it pushed out.

    >>> from gnomon_context import GlobalContext
    >>> gctx = GlobalContext()
    >>> with gctx.subscribe("news"):
    ...     gctx.publish_nowait("news", "hello")
    Delivery(subscribers=1, dropped=0)
    """

    subscribers: int
    dropped: int


@final
class Subscription:
    """What one subscriber has still to read; `with` ends it, `async for` reads it.

    A message that was taken in is read exactly once, also when a reader is cancelled. `dropped` counts
    what a full buffer lost under the policy `drop_oldest`.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> with lctx.subscribe("news", max_buffer=1, overflow="drop_oldest") as messages:
    ...     _ = lctx.publish("news", "old"), lctx.publish("news", "new")
    ...     messages.receive_nowait(), messages.dropped
    ('new', 1)
    """

    __slots__ = ("_arrived", "_buffer", "_closed", "_topic", "dropped", "max_buffer", "overflow")

    def __init__(self, topic: Topic, max_buffer: int, overflow: Overflow) -> None:
        if max_buffer < 1:
            raise ValueError(f"max_buffer is a number of messages and at least 1, not {max_buffer!r}")
        if overflow not in ("wait", "drop_oldest", "refuse"):
            raise ValueError(f"there is no overflow policy {overflow!r}: it is wait, drop_oldest or refuse")
        self.max_buffer: int = max_buffer
        self.overflow: Overflow = overflow
        self.dropped: int = 0
        self._topic = topic
        self._buffer: deque[Any] = deque()
        self._arrived = trio.Event()
        self._closed = False

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unsubscribe; what was not read is dropped."""
        self._buffer.clear()
        self._finish()
        self._topic.remove(self)

    def _finish(self) -> None:
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except ContextClosed:
            raise StopAsyncIteration from None

    async def receive(self) -> Any:
        """The next message.

        Raises:
            ContextClosed: the subscription was closed, or what it belongs to has ended, and all is read.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._buffer:
            if self._closed:
                raise ContextClosed(f"the subscription to {self._topic.name!r} is closed")
            if self._arrived.is_set():
                self._arrived = trio.Event()
            await self._arrived.wait()
        # No checkpoint that can be cancelled between taking the message and handing it over.
        message = self.receive_nowait()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return message

    def receive_nowait(self) -> Any:
        """The next message, if there is one.

        Raises:
            trio.WouldBlock: there is none yet.
            ContextClosed: there will be none, see `receive`.
        """
        if not self._buffer:
            if self._closed:
                raise ContextClosed(f"the subscription to {self._topic.name!r} is closed")
            raise trio.WouldBlock
        message = self._buffer.popleft()
        self._topic.wake()
        return message

    def __len__(self) -> int:
        return len(self._buffer)

    def __bool__(self) -> bool:
        return True

    def _is_full(self) -> bool:
        return len(self._buffer) >= self.max_buffer

    def _put(self, message: Any) -> int:
        dropped = 0
        if self._is_full():
            self._buffer.popleft()
            self.dropped += 1
            dropped = 1
        self._buffer.append(message)
        self._arrived.set()
        return dropped


@final
class Topic:
    """The subscribers under one name."""

    __slots__ = ("_freed", "_owner", "_turn", "_waiting", "name", "subscriptions")

    def __init__(self, name: str, owner: Topics) -> None:
        self.name: str = name
        self.subscriptions: list[Subscription] = []
        self._owner = owner
        # Whose message is next: publishers wait in the order in which they came.
        self._turn = trio.Lock()
        # How many of them wait for room, or behind one that does; nobody overtakes those.
        self._waiting = 0
        self._freed = trio.Event()

    def add(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)

    def remove(self, subscription: Subscription) -> None:
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            self.wake()
            self._owner.forget(self)

    def wake(self) -> None:
        """Room was made, or a subscriber left."""
        self._freed.set()

    def busy(self) -> bool:
        return bool(self.subscriptions) or self._turn.locked()

    def finish(self) -> None:
        for subscription in self.subscriptions:
            subscription._finish()
        self.wake()

    def _full(self, overflow: Overflow) -> bool:
        return any(each.overflow == overflow and each._is_full() for each in self.subscriptions)

    def _has_no_room(self) -> bool:
        return self._full("wait") and not self._full("refuse") and not self._owner.closed

    async def publish(self, message: Any) -> Delivery:
        waits = self._waiting > 0 or self._has_no_room()
        self._waiting += waits
        try:
            async with self._turn:
                while self._has_no_room():
                    self._waiting += not waits
                    waits = True
                    self._freed = trio.Event()
                    await self._freed.wait()
                return self._deliver(message)
        finally:
            self._waiting -= waits

    def publish_nowait(self, message: Any) -> Delivery:
        self._owner.check_open()
        if self._waiting:
            raise TopicFull(
                f"earlier messages for {self.name!r} wait to be delivered ({self._waiting}), nobody got this one: "
                "await publish(), or subscribe with a larger max_buffer or overflow='drop_oldest'"
            )
        return self._deliver(message)

    def _deliver(self, message: Any) -> Delivery:
        """To all or to none: whoever is cancelled or refused has delivered to nobody."""
        self._owner.check_open()
        if self._full("refuse") or self._full("wait"):
            raise TopicFull(
                f"a subscriber of {self.name!r} has a full buffer, nobody got the message: publish again "
                "later, or subscribe with a larger max_buffer or overflow='drop_oldest'"
            )
        dropped = sum([subscription._put(message) for subscription in self.subscriptions])
        return Delivery(len(self.subscriptions), dropped)


@final
class Topics:
    """All topics of one owner: the application, or one request."""

    __slots__ = ("_topics", "closed", "last", "what")

    def __init__(self, what: str) -> None:
        self.what: str = what
        self.closed: bool = False
        # The last message of each topic, where the owner keeps it; see `wait_for`.
        self.last: dict[str, Any] = {}
        self._topics: dict[str, Topic] = {}

    def __len__(self) -> int:
        return len(self._topics)

    def check_open(self) -> None:
        if self.closed:
            raise ContextClosed(f"{self.what} is over, its topics take no more messages and subscribers")

    def forget(self, topic: Topic) -> None:
        # A publisher that was cancelled late may come with one that has a successor by now.
        if not topic.busy() and self._topics.get(topic.name) is topic:
            del self._topics[topic.name]

    def subscribe(self, name: str, max_buffer: int, overflow: Overflow) -> Subscription:
        self.check_open()
        topic = self._topics.get(name) or Topic(name, self)
        subscription = Subscription(topic, max_buffer, overflow)
        self._topics[name] = topic
        topic.add(subscription)
        return subscription

    async def publish(self, name: str, message: Any) -> Delivery:
        await trio.lowlevel.checkpoint_if_cancelled()
        self.check_open()
        topic = self._topics.get(name)
        if topic is None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return Delivery(0, 0)
        try:
            return await topic.publish(message)
        finally:
            self.forget(topic)

    def publish_nowait(self, name: str, message: Any) -> Delivery:
        self.check_open()
        topic = self._topics.get(name)
        return Delivery(0, 0) if topic is None else topic.publish_nowait(message)

    def close(self) -> None:
        """Take nothing more in; subscribers read what they have and end."""
        self.closed = True
        for topic in tuple(self._topics.values()):
            topic.finish()


async def wait_for(topics: Topics, name: str, timeout: float) -> Any:
    """The last message of a topic; waits for the first if none has come.

    Raises:
        trio.TooSlowError: none came in time.
    """
    if name in topics.last:
        await trio.lowlevel.checkpoint()
        return topics.last[name]
    with topics.subscribe(name, 1, "drop_oldest") as subscription, trio.fail_after(timeout):
        return await subscription.receive()


def both(first: OnTopic | None, second: OnTopic | None) -> OnTopic | None:
    """What tells two that want to know, the second one first: a view tells before what it is a view of."""
    if first is None or second is None:
        return first or second

    def tell(use: Literal["publish", "subscribe"], topic: str) -> None:
        second(use, topic)
        first(use, topic)

    return tell
