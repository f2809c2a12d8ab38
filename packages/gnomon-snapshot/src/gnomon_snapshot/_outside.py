"""Configuration, shared state, time, randomness and ids, while they are recorded."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, final
from uuid import UUID

from cbor2 import CBORTag

from gnomon_context import Config
from gnomon_context.runtime import read_through
from gnomon_snapshot import _tags as tag
from gnomon_snapshot._graph import Graph
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._session import Session

_PLAIN: Final = Limits()
#: What the shared state is called among the modules of a recording.
STATE: Final = "gctx.state"


@final
class RecordedSources:
    """Hands out what the real sources say, and writes it down."""

    __slots__ = ("_random", "_real", "_session")

    def __init__(self, session: Session, real: Any) -> None:
        self._session = session
        self._real = real
        self._random: Drawn | None = None

    @property
    def random(self) -> random.Random:
        """The generator of random values."""
        made = self._random
        if made is None:
            real = self._real.random
            made = self._random = Drawn(
                lambda: self._drawn(real.random()), lambda bits: self._drawn(real.getrandbits(bits))
            )
        return made

    def _drawn(self, value: Any) -> Any:
        self._session.draw("random", value)
        return value

    def now(self) -> datetime:
        """The wall clock."""
        moment: datetime = self._real.now()
        if not self._session.paused:
            self._session.draw("now", Graph(_PLAIN).copy(moment))
        return moment

    def monotonic(self) -> float:
        """The monotonic clock in seconds."""
        moment: float = self._real.monotonic()
        self._session.draw("monotonic", moment)
        return moment

    def uuid(self) -> UUID:
        """A unique id."""
        made: UUID = self._real.uuid()
        self._session.draw("uuid", CBORTag(tag.UUID, made.bytes))
        return made


@final
class Drawn(random.Random):
    """A generator over two functions, from which every other method of `random.Random` follows."""

    def __new__(cls, *_functions: object) -> Drawn:
        return super().__new__(cls, 0)  # type: ignore[call-arg]  # a seed, or the state that is never used would be made at random

    def __init__(self, draw: Callable[[], float], draw_bits: Callable[[int], int]) -> None:
        self._draw = draw
        self._draw_bits = draw_bits
        self.gauss_next = None

    def random(self) -> float:
        """A number from 0 up to 1."""
        return self._draw()

    def getrandbits(self, k: int, /) -> int:
        """A number of that many bits."""
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        return self._draw_bits(k)

    def randbytes(self, n: int) -> bytes:
        """So many random bytes."""
        return self.getrandbits(n * 8).to_bytes(n, "little")

    def seed(self, *_arguments: Any, **_options: Any) -> None:
        """Do nothing, as the generator of the system does."""

    def getstate(self) -> Any:
        """Raise: there is no state."""
        raise NotImplementedError("this generator has no state")

    def setstate(self, state: Any) -> None:
        """Raise: there is no state."""
        raise NotImplementedError("this generator has no state")


@final
class RecordedConfig(Mapping[str, Any]):
    """A section of a configuration that writes down what is read of it."""

    __slots__ = ("_path", "_real", "_sections", "_session")

    def __init__(self, session: Session, real: Config, path: tuple[str, ...] = ()) -> None:
        self._session = session
        self._real = real
        self._path = path
        self._sections: dict[str, Config] = {}

    def __getitem__(self, key: str) -> Any:
        value = self._real[key]
        if isinstance(value, Config):
            if key not in self._sections:
                self._sections[key] = read_through(RecordedConfig(self._session, value, (*self._path, key)))
            return self._sections[key]
        self._session.read((*self._path, key), value)
        return value

    def __iter__(self) -> Iterator[str]:
        for key in self._real:
            self[key]  # one that is iterated over has to be whole in a replay
            yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)


def topics_unseen(names: dict[str, str]) -> Callable[[str, str], None]:
    """What tells, among the names of a session, that messages of topics are not recorded."""
    return functools.partial(_tell_topic, names)


def _tell_topic(names: dict[str, str], use: str, topic: str) -> None:
    what = "of" if use == "subscribe" else "for"
    names[f"gctx.{use}!"] = f"the messages {what} a topic are not recorded (here {topic!r})"
