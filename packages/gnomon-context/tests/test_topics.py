"""Topics, of the application and of one request."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from trio.testing import MockClock, trio_test

from gnomon_context import (
    ContextClosed,
    Delivery,
    GlobalContext,
    LocalContext,
    Subscription,
    TopicFull,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import begin, end, run_cleanups
from gnomon_context.testing import (
    Trial,
    cancel_at_every_checkpoint,
    global_context,
    local_context,
    virtual_clock,
)

OVERFLOWS = ["wait", "drop_oldest", "refuse"]


@pytest.mark.property(31)
@given(
    subscribers=st.lists(
        st.tuples(st.sampled_from(OVERFLOWS), st.integers(1, 4), st.floats(0, 0.3)), min_size=0, max_size=4
    ),
    publishers=st.lists(st.lists(st.floats(0, 0.3), max_size=6), max_size=3),
)
def test_every_subscriber_gets_every_message_once_and_in_order_or_the_publisher_is_told(
    subscribers: list[tuple[Any, int, float]], publishers: list[list[float]]
) -> None:
    accepted: list[tuple[int, int]] = []
    told_dropped = 0
    received: list[list[tuple[int, int]]] = [[] for _ in subscribers]
    subscriptions: list[Subscription] = []

    async def publish(gctx: GlobalContext[Any], number: int, pauses: list[float]) -> None:
        nonlocal told_dropped
        for index, pause in enumerate(pauses):
            await trio.sleep(pause)
            try:
                delivery = await gctx.publish("topic", (number, index))
            except TopicFull:
                continue  # told
            assert delivery.subscribers == len(subscribers)
            accepted.append((number, index))
            told_dropped += delivery.dropped

    async def subscribe(
        gctx: GlobalContext[Any], number: int, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        overflow, max_buffer, pause = subscribers[number]
        with gctx.subscribe("topic", max_buffer=max_buffer, overflow=overflow) as messages:
            subscriptions.append(messages)
            task_status.started()
            async for message in messages:
                received[number].append(message)
                await trio.sleep(pause)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            async with open_global_context() as gctx:
                for number in range(len(subscribers)):
                    await nursery.start(subscribe, gctx, number)
                async with trio.open_nursery() as publishing:
                    for number, pauses in enumerate(publishers):
                        publishing.start_soon(publish, gctx, number, pauses)

    trio.run(main, clock=virtual_clock())
    dropped = 0
    for number, (overflow, _, _) in enumerate(subscribers):
        assert subscriptions[number].dropped == len(accepted) - len(received[number])
        dropped += subscriptions[number].dropped
        if overflow == "drop_oldest":
            # In order and at most once: what is there is a subsequence, and its publisher was told of the rest.
            left = deque(accepted)
            for message in received[number]:
                while left.popleft() != message:
                    pass
        else:
            assert received[number] == accepted
    assert dropped == told_dropped
    for number in range(len(publishers)):
        own = [index for publisher, index in accepted if publisher == number]
        assert own == sorted(own)


class Topics(RuleBasedStateMachine):
    """Subscriptions beside queues: what each holds, and what the publisher is told."""

    subscriptions = Bundle("subscriptions")

    def __init__(self) -> None:
        super().__init__()
        self.gctx = global_context()
        self.models: dict[Subscription, tuple[str, deque[int]]] = {}
        self.number = 0

    @rule(
        target=subscriptions,
        topic=st.sampled_from("ab"),
        size=st.integers(1, 3),
        overflow=st.sampled_from(OVERFLOWS),
    )
    def subscribe(self, topic: str, size: int, overflow: Any) -> Subscription:
        subscription = self.gctx.subscribe(topic, max_buffer=size, overflow=overflow)
        self.models[subscription] = (topic, deque())
        return subscription

    @rule(topic=st.sampled_from("ab"))
    def publish(self, topic: str) -> None:
        self.number += 1
        mine = [(s, queue) for s, (name, queue) in self.models.items() if name == topic]
        full = [s for s, queue in mine if len(queue) == s.max_buffer]
        if any(s.overflow != "drop_oldest" for s in full):
            with pytest.raises(TopicFull, match="nobody got the message"):
                self.gctx.publish_nowait(topic, self.number)
            return
        assert self.gctx.publish_nowait(topic, self.number) == Delivery(len(mine), len(full))
        for subscription, queue in mine:
            if subscription in full:
                queue.popleft()
            queue.append(self.number)

    @rule(subscription=subscriptions)
    def receive(self, subscription: Subscription) -> None:
        queue = self.models[subscription][1]
        if queue:
            assert subscription.receive_nowait() == queue.popleft()
        else:
            with pytest.raises(trio.WouldBlock):
                subscription.receive_nowait()

    @rule(subscription=consumes(subscriptions))
    def unsubscribe(self, subscription: Subscription) -> None:
        subscription.close()
        subscription.close()
        del self.models[subscription]

    @invariant()
    def every_subscription_holds_what_it_has_still_to_read(self) -> None:
        for subscription, (_, queue) in self.models.items():
            assert len(subscription) == len(queue) and subscription
        assert len(self.gctx._application.topics) == len({name for name, _ in self.models.values()})


TestTopics = Topics.TestCase


@trio_test
async def test_a_full_buffer_makes_the_publisher_wait(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        with gctx.subscribe("topic", max_buffer=1) as messages:
            assert await gctx.publish("topic", 1) == (1, 0)
            with trio.move_on_after(1) as patience:
                await gctx.publish("topic", 2)
            assert patience.cancelled_caught
            with pytest.raises(TopicFull):
                gctx.publish_nowait("topic", 2)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gctx.publish, "topic", 3)
                nursery.start_soon(gctx.publish, "topic", 4)
                assert [await messages.receive() for _ in range(3)] in ([1, 3, 4], [1, 4, 3])
        assert await gctx.publish("topic", 5) == (0, 0)


@trio_test
async def test_a_subscriber_that_leaves_lets_the_publisher_go_on(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        slow = gctx.subscribe("topic", max_buffer=1)
        await gctx.publish("topic", 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gctx.publish, "topic", 2)
            await trio.testing.wait_all_tasks_blocked()
            slow.close()
        assert len(gctx._application.topics) == 0
        with pytest.raises(ContextClosed, match="subscription to 'topic' is closed"):
            await slow.receive()


@trio_test
async def test_a_refusing_subscriber_refuses_also_one_who_waits(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        with gctx.subscribe("topic", max_buffer=1), gctx.subscribe("topic", max_buffer=1, overflow="refuse"):
            await gctx.publish("topic", 1)
            with pytest.raises(TopicFull):
                await gctx.publish("topic", 2)


@trio_test
async def test_at_the_end_subscribers_read_what_they_have(autojump_clock: MockClock) -> None:
    read: list[int] = []

    async def subscriber(gctx: GlobalContext[Any]) -> None:
        with gctx.subscribe("topic") as messages:
            async for message in messages:
                read.append(message)
                await trio.sleep(1)

    async def blocked(gctx: GlobalContext[Any]) -> None:
        with pytest.raises(ContextClosed):
            await gctx.publish("full", 2)

    async with trio.open_nursery() as nursery:
        async with open_global_context() as gctx:
            nursery.start_soon(subscriber, gctx)
            full = gctx.subscribe("full", max_buffer=1)
            gctx.publish_nowait("full", 1)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(blocked, gctx)
            for number in range(3):
                await gctx.publish("topic", number)
        full.close()
        with pytest.raises(ContextClosed, match="the application is over"):
            await gctx.publish("topic", 4)
        with pytest.raises(ContextClosed):
            gctx.publish_nowait("topic", 4)
        with pytest.raises(ContextClosed):
            gctx.subscribe("topic")
    assert read == [0, 1, 2]


def test_bad_subscriptions_are_refused() -> None:
    gctx = global_context()
    with pytest.raises(ValueError, match="at least 1"):
        gctx.subscribe("topic", max_buffer=0)
    with pytest.raises(ValueError, match="no overflow policy 'explode'"):
        gctx.subscribe("topic", overflow="explode")  # type: ignore[arg-type]


def test_no_message_is_lost_or_doubled_at_any_checkpoint() -> None:
    async def publisher(gctx: GlobalContext[Any], name: str, sent: list[str]) -> None:
        for number in range(3):
            sent.append(f"{name}{number}?")
            await gctx.publish("topic", f"{name}{number}")
            sent[-1] = f"{name}{number}"

    async def reader(messages: Subscription, got: list[str], count: int) -> None:
        while len(got) < count:
            message = await messages.receive()
            got.append(message)

    async def publishing(trial: Trial) -> None:
        sent: list[str] = []
        one: list[str] = []
        two: list[str] = []
        async with open_global_context() as gctx:
            with (
                gctx.subscribe("topic", max_buffer=1) as first,
                gctx.subscribe("topic", max_buffer=2) as second,
            ):
                async with trio.open_nursery() as nursery:
                    with trial:
                        async with trio.open_nursery() as inner:
                            inner.start_soon(publisher, gctx, "a", sent)
                            inner.start_soon(publisher, gctx, "b", sent)
                            nursery.start_soon(reader, first, one, 99)
                            nursery.start_soon(reader, second, two, 99)
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.cancel_scope.cancel()
                # All or none: both have the same, and everything whose publishing went through.
                assert one == two and len(set(one)) == len(one)
                assert {message for message in sent if not message.endswith("?")} <= set(one)
                assert not trial.cancelled or len(one) <= 6
                if not trial.cancelled:
                    assert sorted(one) == ["a0", "a1", "a2", "b0", "b1", "b2"]
            assert len(gctx._application.topics) == 0

    async def receiving(trial: Trial) -> None:
        got: list[str] = []
        async with open_global_context() as gctx:
            with gctx.subscribe("topic", max_buffer=9) as messages:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(publisher, gctx, "a", [])
                    with trial:
                        await reader(messages, got, 3)
                # What the cancelled reader did not get is still there, once.
                await reader(messages, got, 3)
        assert got == ["a0", "a1", "a2"]

    assert cancel_at_every_checkpoint(publishing).checkpoints > 5
    assert cancel_at_every_checkpoint(receiving).checkpoints >= 3


Plan = list[tuple[int, str, int]]


@pytest.mark.property(26)
@given(
    publications=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 99)), max_size=12
    ),
    listeners=st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab")), max_size=5),
)
def test_a_message_reaches_the_listeners_of_its_request_and_no_others(
    publications: Plan, listeners: list[tuple[int, str]]
) -> None:
    heard: list[list[int]] = [[] for _ in listeners]
    globally: list[Any] = []

    async def listen(lctx: LocalContext, topic: str, into: list[int], *, task_status: Any) -> None:
        with lctx.subscribe(topic) as messages:
            task_status.started()
            async for message in messages:
                into.append(message)

    async def main() -> None:
        async with open_global_context() as gctx:
            contexts = [LocalContext(gctx) for _ in range(3)]
            async with trio.open_nursery() as nursery:
                for into, (number, topic) in zip(heard, listeners, strict=True):
                    await nursery.start(listen, contexts[number], topic, into)
                for topic in "ab":
                    globally.append(gctx.subscribe(topic))
                for number, topic, payload in publications:
                    contexts[number].publish(topic, payload)
                    await trio.testing.wait_all_tasks_blocked()
                for lctx in contexts:
                    end(lctx)

    trio.run(main)
    for into, (number, topic) in zip(heard, listeners, strict=True):
        assert into == [payload for n, t, payload in publications if (n, t) == (number, topic)]
    assert all(len(subscription) == 0 for subscription in globally)


@trio_test
async def test_waiting_does_not_miss_what_came_first(autojump_clock: MockClock) -> None:
    async def announce(lctx: LocalContext, delay: float) -> None:
        await trio.sleep(delay)
        lctx.publish("ready", delay)

    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        lctx.publish("before", 0)
        assert await lctx.wait_for("before") == 0
        lctx.start_soon(announce, lctx, 1)
        lctx.start_soon(announce, lctx, 2)
        assert await lctx.wait_for("ready", timeout=5) == 1
        await trio.sleep(3)
        assert await lctx.wait_for("ready") == 2
        with pytest.raises(trio.TooSlowError):
            await lctx.wait_for("never", timeout=1)
        assert lctx._topics()._topics == {}


@trio_test
async def test_a_full_listener_refuses_or_drops(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        with (
            lctx.subscribe("topic", max_buffer=1),
            lctx.subscribe("topic", max_buffer=1, overflow="drop_oldest"),
        ):
            assert lctx.publish("topic", 1) == Delivery(2, 0)
            with pytest.raises(TopicFull):
                lctx.publish("topic", 2)
        with lctx.subscribe("topic", max_buffer=1, overflow="drop_oldest") as messages:
            lctx.publish("topic", 3)
            assert lctx.publish("topic", 4) == Delivery(1, 1)
            assert await messages.receive() == 4 and messages.dropped == 1


@trio_test
async def test_publishing_from_a_cleanup(autojump_clock: MockClock) -> None:
    heard: list[Any] = []
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        begin(lctx)
        messages = lctx.subscribe("topic")
        lctx.on_cleanup(lctx.publish, "topic", "from a cleanup")
        await run_cleanups(lctx)
        end(lctx)
        heard = [message async for message in messages]
    assert heard == ["from a cleanup"]


def test_no_topics_no_cost() -> None:
    lctx = local_context(timeout=math.inf)
    lctx.on_cleanup(print)
    assert lctx._extras is not None and lctx._extras.topics is None


@trio_test
async def test_reading_a_closed_subscription_says_that_it_is_closed() -> None:
    async with open_global_context() as gctx:
        with gctx.subscribe("topic") as messages:
            with pytest.raises(trio.WouldBlock):
                messages.receive_nowait()
        with pytest.raises(ContextClosed):
            messages.receive_nowait()


@trio_test
async def test_nobody_overtakes_a_publisher_that_waits_for_room(autojump_clock: MockClock) -> None:
    received: list[int] = []
    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        with gctx.subscribe("topic", max_buffer=1) as messages:
            gctx.publish_nowait("topic", 1)
            nursery.start_soon(gctx.publish, "topic", 2)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(gctx.publish, "topic", 3)
            await trio.testing.wait_all_tasks_blocked()
            received.append(messages.receive_nowait())
            # There is room now, and the next in turn has not come to use it.
            with pytest.raises(TopicFull, match=r"earlier messages for 'topic' wait to be delivered \(2\)"):
                gctx.publish_nowait("topic", 4)
            await trio.testing.wait_all_tasks_blocked()
            received.append(messages.receive_nowait())
            with pytest.raises(TopicFull, match=r"delivered \(1\)"):
                gctx.publish_nowait("topic", 4)
            await trio.testing.wait_all_tasks_blocked()
            received.append(messages.receive_nowait())
            gctx.publish_nowait("topic", 4)
            received.append(messages.receive_nowait())
            # One that gave up waiting is in nobody's way.
            gctx.publish_nowait("topic", 5)
            with trio.move_on_after(1):
                await gctx.publish("topic", 6)
            received.append(messages.receive_nowait())
            gctx.publish_nowait("topic", 7)
            received.append(messages.receive_nowait())
    assert received == [1, 2, 3, 4, 5, 7]


@trio_test
async def test_room_that_is_gone_again_at_ones_turn_is_waited_for(autojump_clock: MockClock) -> None:
    received: list[int] = []

    async def read(messages: Subscription) -> None:
        async for message in messages:
            received.append(message)
            await trio.sleep(1)

    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        with gctx.subscribe("topic", max_buffer=1) as messages:
            # All find room as they come, and only the first as its turn comes.
            for number in range(3):
                nursery.start_soon(gctx.publish, "topic", number)
            nursery.start_soon(read, messages)
            await trio.sleep(10)
            nursery.cancel_scope.cancel()
    assert sorted(received) == [0, 1, 2]
