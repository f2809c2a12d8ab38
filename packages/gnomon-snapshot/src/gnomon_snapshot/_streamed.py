"""What passed through the streams of a request while it was recorded, item by item, within the bounds of a snapshot."""

from __future__ import annotations

from typing import Any, final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._hidden import hidden_in
from gnomon_snapshot._session import Session


@final
class Streamed:
    """The items of a streamed answer as they passed: each as it was at that moment.

    What is beyond the bounds is lost with its reason: an item that does not fit, in its place; at the end, how many
    there was no room for at all.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._nodes: list[Any] = []
        self._size = session.limits.size
        self._count = session.limits.count
        self._beyond = 0

    def add(self, item: Any, *, of: Any = None) -> None:
        """Keep one item.

        Args:
            item: What is written down.
            of: What it was made of, where something sensitive was taken out.
        """
        if of is not None and of is not item:
            for hidden in hidden_in(of, item):
                self._session.secrets.hide(hidden)
        if self._count < 1:
            self._beyond += 1
            return
        session = self._session
        session.secrets.learn(item)
        graph = session.graph()
        graph.size, graph.count = self._size, self._count
        root = {"item": graph.copy(item)}
        session.finish(graph, root)
        self._size, self._count = graph.size, graph.count - 1
        self._nodes.append(root["item"])

    def node(self) -> list[Any]:
        """The encoded form of all of them, in order."""
        if not self._beyond:
            return self._nodes
        return [*self._nodes, CBORTag(tag.LOST, ["stream", f"{self._beyond} more items", "count"])]


@final
class Taken:
    """The pieces of a request's body that a handler took as a stream, and when."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._left = session.limits.size
        self._whole = True
        self._ended = False
        self._size = 0
        self.pieces: list[list[Any]] = []

    def add(self, piece: bytes) -> None:
        """Keep one piece; an empty one is the end of the body."""
        if not piece:
            self._ended = True
            return
        self._size += len(piece)
        self._left -= len(piece)
        if self._left < 0:
            self._whole = False
        else:
            self.pieces.append([self._session.at(), bytes(piece)])

    @property
    def missing(self) -> str:
        """Why the body is not in the recording, or not all of it; empty if it is."""
        if not self._whole:
            return f"it was streamed, and its {self._size} bytes are more than the limit"
        if not self._ended:
            if self._size:
                return f"the handler took {self._size} bytes of it as a stream, and not the rest"
            return "nobody read it"
        return ""
