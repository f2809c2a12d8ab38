"""Time, randomness, ids and configuration of a replayed request, from its recording."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, final
from uuid import UUID

from gnomon_context import Config
from gnomon_context.runtime import read_through
from gnomon_snapshot._answers import Answers, Divergence
from gnomon_snapshot._graph import Graph
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._outside import Drawn
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._secrets import stand_for_secrets

_PLAIN: Final = Limits()


@final
class AnsweredSources:
    """Time, randomness and ids from a recording.

    Where more is asked for than was recorded, time stands still, and random numbers and ids are made of the request
    id, the same on every run.
    """

    def __init__(self, answers: Answers, recording: Recording) -> None:
        self._answers = answers
        self._session = answers.session
        self._meta = recording.snapshot.meta
        self._more = random.Random(recording.request_id)  # noqa: S311 - repeatable on purpose
        self.random = Drawn(self._number, self._bits)

    def _number(self) -> float:
        value = self._answers.next_draw("random")
        made: float = value if type(value) is float else self._more.random()
        self._session.draw("random", made)
        return made

    def _bits(self, bits: int) -> int:
        value = self._answers.next_draw("random")
        fits = type(value) is int and value.bit_length() <= bits
        made: int = value if fits else self._more.getrandbits(bits)
        self._session.draw("random", made)
        return made

    def now(self) -> datetime:
        """The wall clock as it stood."""
        value = self._answers.draw("now")
        moment: datetime = value if isinstance(value, datetime) else self._meta.received_at
        self._session.draw("now", Graph(_PLAIN).copy(moment))
        return moment

    def monotonic(self) -> float:
        """The monotonic clock as it stood."""
        value = self._answers.draw("monotonic")
        moment: float = value if isinstance(value, float) else self._meta.received_ns / 1e9
        self._session.draw("monotonic", moment)
        return moment

    def uuid(self) -> UUID:
        """The id that was handed out."""
        value = self._answers.next_draw("uuid")
        made = value if isinstance(value, UUID) else UUID(int=self._more.getrandbits(128), version=4)
        self._session.draw("uuid", Graph(_PLAIN).copy(made))
        return made


def answered_config(answers: Answers, own: Config) -> Config:
    """A configuration that answers what was read, and for the rest asks the application's own."""
    tree: dict[str, Any] = {}
    for path, value in answers._values["config"]:
        section = tree
        for key in path[:-1]:
            section = section.setdefault(key, {})
        section[path[-1]] = _Leaf(stand_for_secrets(value))
    return read_through(_AnsweredConfig(answers, tree, own, ()))


class _Leaf(NamedTuple):
    value: Any


@final
class _AnsweredConfig(Mapping[str, Any]):
    def __init__(
        self, answers: Answers, tree: dict[str, Any], own: Mapping[str, Any], path: tuple[str, ...]
    ) -> None:
        self._answers = answers
        self._tree = tree
        self._own = own
        self._path = path
        self._sections: dict[str, Config] = {}

    def __getitem__(self, key: str) -> Any:
        path = (*self._path, key)
        found = self._tree.get(key)
        if isinstance(found, _Leaf):
            self._answers.session.read(path, found.value)
            return found.value
        own = self._own.get(key)
        if found is not None or isinstance(own, Config):
            if key not in self._sections:
                below = own if isinstance(own, Mapping) else {}
                self._sections[key] = read_through(_AnsweredConfig(self._answers, found or {}, below, path))
            return self._sections[key]
        value = self._own[key]
        self._answers.divergences.append(
            Divergence(
                len(self._answers.session.config),
                self._answers.session.label(),
                "",
                f"config.{'.'.join(path)}",
                "was not read when it was recorded: the value of this application was given",
            )
        )
        self._answers.session.read(path, value)
        return value

    def __iter__(self) -> Iterator[str]:
        # what was iterated over was read whole, and what was not is the application's own
        return iter(self._tree or self._own)

    def __len__(self) -> int:
        return len(self._tree or self._own)
