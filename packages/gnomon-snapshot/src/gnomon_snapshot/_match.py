"""Finds the recorded call of a replayed one where something of its arguments was hidden: that matches whatever comes."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final, final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._calls import canonical
from gnomon_snapshot._records import WITHHELD
from gnomon_snapshot._secrets import NUMBERS, Secrets

_DATA: Final = WITHHELD.encode()


@final
class HiddenCalls:
    """The calls of a recording in which something is hidden.

    Args:
        nodes: All its calls.
        skip: How many of them are over.
        secrets: Told of the numbers that stand for hidden ones in answers, so that they are hidden in their turn.
    """

    def __init__(self, nodes: list[dict[str, Any]], skip: int, secrets: Secrets) -> None:
        self._nodes = nodes
        self._numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, node in enumerate(nodes):
            if number >= skip and (has_hidden(node["args"]) or has_hidden(node["kwargs"])):
                self._numbers[node["on"], node["name"]].append(number)
        if any(has_hidden(node["value"]) for node in nodes):
            for stand_in in NUMBERS.values():
                secrets.hide(stand_in)

    def find(self, entry: dict[str, Any], answered: list[bool]) -> int | None:
        """The first call with arguments that match, of the same task if there is one; `entry` takes its arguments."""
        found = [
            number
            for number in self._numbers.get((entry["on"], entry["name"]), ())
            if not answered[number]
            and matches(self._nodes[number]["args"], entry["args"])
            and matches(self._nodes[number]["kwargs"], entry["kwargs"])
        ]
        if not found:
            return None
        own = (number for number in found if self._nodes[number]["task"] == entry["task"])
        number = next(own, found[0])
        entry["args"], entry["kwargs"] = self._nodes[number]["args"], self._nodes[number]["kwargs"]
        return number


def has_hidden(node: Any) -> bool:
    """Whether something is hidden in an encoded value."""
    cls = type(node)
    if cls is str:
        return WITHHELD in node
    if cls is bytes:
        return _DATA in node
    if cls is list:
        return any(map(has_hidden, node))
    if cls is dict:
        return any(map(has_hidden, node)) or any(map(has_hidden, node.values()))
    if cls is CBORTag:
        return _is_lost(node) or has_hidden(node.value)
    return False


def _is_lost(node: Any) -> bool:
    return type(node) is CBORTag and node.tag == tag.LOST and node.value[2] == "sensitive"


def matches(recorded: Any, given: Any) -> bool:
    """Whether an encoded value is a recorded one, but for what is hidden in that.

    >>> matches("card <withheld>", "card 4111"), matches(["<withheld>", 7], ["4111", 8])
    (True, False)
    """
    if _is_lost(recorded):
        return True
    cls = type(recorded)
    if not has_hidden(recorded):
        return canonical(recorded) == canonical(given)
    if cls in (str, bytes) and type(given) is cls:
        mark: Any = WITHHELD if cls is str else _DATA
        anything: Any = ".*" if cls is str else b".*"
        pattern = anything.join(map(re.escape, recorded.split(mark)))
        return re.fullmatch(pattern, given, re.DOTALL) is not None
    if cls is list:
        return type(given) is list and len(recorded) == len(given) and all(map(matches, recorded, given))
    if cls is dict:
        return type(given) is dict and _matches_keys(recorded, given)
    if cls is CBORTag and type(given) is CBORTag and given.tag == recorded.tag:
        if recorded.tag in (tag.SET, tag.FROZENSET):  # no order by which their members could be told apart
            return len(recorded.value) == len(given.value)
        if recorded.tag == tag.SHARED:
            return matches(recorded.value[1], given.value[1])
        return matches(recorded.value, given.value)
    # text may stand for what a stand-in of another type takes the place of
    return cls is str and recorded == WITHHELD


def _matches_keys(recorded: dict[Any, Any], given: dict[Any, Any]) -> bool:
    known = {key for key in recorded if not has_hidden(key)}
    rest = [key for key in given if key not in known]
    if len(recorded) != len(given) or not known <= given.keys():
        return False
    hidden = [key for key in recorded if key not in known]
    return all(matches(recorded[key], given[key]) for key in known) and all(
        matches(recorded[key], given[other]) for key, other in zip(hidden, rest, strict=True)
    )
