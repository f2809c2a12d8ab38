"""Topics within a request."""

from __future__ import annotations

import math
from typing import Any, Literal

from ._local_meta import MetaMethods
from ._topics import Delivery, Subscription, Topics, wait_for


class TopicMethods(MetaMethods):
    """Publishing and subscribing, heard by this request alone."""

    __slots__ = ()

    def _topics(self) -> Topics:
        extras = self._more()
        if extras.topics is None:
            extras.topics = Topics(f"the request {self.request_id}")
        return extras.topics

    def publish(self, topic: str, payload: Any) -> Delivery:
        """Hand `payload` to every subscriber of `topic` in this request, to all of them or to none.

        Raises:
            TopicFull: the buffer of a subscriber with the policy `refuse` is full; nobody got it.
        """
        topics = self._topics()
        delivery = topics.publish_nowait(topic, payload)
        topics.last[topic] = payload
        return delivery

    def subscribe(
        self, topic: str, *, max_buffer: int = 1000, overflow: Literal["refuse", "drop_oldest"] = "refuse"
    ) -> Subscription:
        """Subscribe to `topic` within this request: `with lctx.subscribe("x") as messages:`.

        Args:
            topic: the name.
            max_buffer: how many messages wait to be read.
            overflow: what happens when they are that many: the publisher is refused (`refuse`), or the
                oldest is lost and counted (`drop_oldest`).

        Raises:
            ValueError: there is no such policy, or `max_buffer` is less than 1.
        """
        if overflow not in ("refuse", "drop_oldest"):
            raise ValueError(
                f"there is no overflow policy {overflow!r} within a request, whose publishers do not wait: "
                "it is refuse or drop_oldest"
            )
        return self._topics().subscribe(topic, max_buffer, overflow)

    async def wait_for(self, topic: str, timeout: float = math.inf) -> Any:
        """The last message of `topic` in this request; waits for the first if none has come yet.

        Args:
            topic: the name.
            timeout: seconds.

        Raises:
            trio.TooSlowError: none came in time.
        """
        return await wait_for(self._topics(), topic, timeout)
