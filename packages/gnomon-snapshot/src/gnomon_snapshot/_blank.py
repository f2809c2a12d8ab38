"""Takes hidden values out of an encoded request: out of whatever its users put there, and out of nothing else.

What a recording says of itself (the names of its parts, of modules and of steps, its times) stays as it is, whatever a
client has sent: a secret that happens to be the word `returned` must not make the recording unreadable.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._calls import HANDLE
from gnomon_snapshot._records import WITHHELD

_NAMED: Final = frozenset({tag.OBJECT, tag.NAMEDTUPLE})  # [type, fields]
# Leaves whose content is no text of a user's.
_ATOMS: Final = {
    tag.DATETIME: "datetime.datetime",
    tag.DATE: "datetime.date",
    tag.TIME: "datetime.time",
    tag.DURATION: "datetime.timedelta",
    tag.DECIMAL: "decimal.Decimal",
    tag.UUID: "uuid.UUID",
    tag.COMPLEX: "builtins.complex",
}
# Events that tell of the runtime alone.
_OWN: Final = ("phase", "request.finished")


def atom_key(node: Any) -> Any:
    """What is equal for the nodes of equal values that are no text, `None` for all other nodes."""
    cls = type(node)
    if cls is int or cls is float:
        return ("number", node)
    if cls is CBORTag and node.tag in _ATOMS:
        content = node.value
        return (node.tag, repr(content) if type(content) is list else content)
    return None


class Blanking:
    """One set of hidden values.

    Args:
        parts: Texts that are taken out wherever they stand, also within other text.
        whole: Short texts, and the keys (see `atom_key`) of what is no text, which are taken out where they stand alone.
    """

    def __init__(self, parts: set[str], whole: set[Any]) -> None:
        ordered = sorted(parts, key=len, reverse=True)  # one that holds another is taken out whole
        self._text = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        encoded = [re.escape(text.encode(errors="surrogatepass")) for text in ordered]
        self._data = re.compile(b"|".join(encoded)) if encoded else None
        self._whole = whole

    def text(self, value: Any) -> Any:
        """Text without them; anything else as it is."""
        if type(value) is not str:
            return value
        if value in self._whole:
            return WITHHELD
        return value if self._text is None else self._text.sub(WITHHELD, value)

    def data(self, value: bytes) -> bytes:
        """Bytes without them."""
        if value in self._whole:
            return WITHHELD.encode()
        return value if self._data is None else self._data.sub(WITHHELD.encode(), value)

    def value(self, node: Any) -> Any:
        """The node of a user's value without them."""
        cls = type(node)
        if cls is str:
            return self.text(node)
        if cls is bytes:
            return self.data(node)
        if cls is list:
            return [self.value(item) for item in node]
        if cls is dict:
            return self._mapping(node)
        if cls is int or cls is float:
            hidden = self._whole and ("number", node) in self._whole
            return CBORTag(tag.LOST, [f"builtins.{cls.__name__}", "", "sensitive"]) if hidden else node
        return self._tag(node.tag, node.value, node) if cls is CBORTag else node

    def _mapping(self, node: dict[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, item in node.items():
            blanked = self._key(key)
            number = 1
            while blanked != key and blanked in made:  # two hidden keys are two keys
                number += 1
                blanked = f"{self._key(key)} {number}"
            made[blanked] = self.value(item)
        return made

    def _key(self, key: Any) -> Any:
        blanked = self.value(key)
        return WITHHELD if type(blanked) is CBORTag and type(key) is not CBORTag else blanked

    def _tag(self, number: int, content: Any, node: CBORTag) -> CBORTag:
        if number in _ATOMS:
            key = atom_key(node) if self._whole else None
            if key is not None and key in self._whole:
                return CBORTag(tag.LOST, [_ATOMS[number], "", "sensitive"])
            return node
        if number == tag.REF or (number == tag.OBJECT and content[0] == HANDLE):
            return node
        if number == tag.SHARED:
            return CBORTag(number, [content[0], self.value(content[1])])
        if number == tag.LOST:
            return CBORTag(number, [content[0], self.text(content[1]), content[2]])
        if number in _NAMED:
            return CBORTag(number, [content[0], self._mapping(content[1])])
        if number == tag.ENUM:
            return CBORTag(number, [*content[:2], self.value(content[2])])
        if number in (tag.SUBCLASS, tag.EXCEPTION):
            return CBORTag(number, [content[0], *map(self.value, content[1:])])
        return CBORTag(number, self.value(content))

    # The parts of a snapshot, and of a recording.

    def tree(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A snapshot or a recording without them; the timeline of a recording has to be blanked step by step."""
        made = {**tree, "meta": self._meta(tree["meta"])}
        for part in ("state", "events"):
            made[part] = self.value(tree[part])
        if tree["outcome"] is not None:
            made["outcome"] = {**tree["outcome"], "error": self.value(tree["outcome"]["error"])}
        made["tasks"] = [self._named(task, "result", "error") for task in tree["tasks"]]
        made["compensations"] = [self._named(step, "args") for step in tree["compensations"]]
        for part in ("request", "response"):
            if tree[part] is not None:
                made[part] = self._message(tree[part])
        if "recording" in tree:
            made["recording"] = self._recording(tree["recording"])
        return made

    def _meta(self, meta: dict[str, Any]) -> dict[str, Any]:
        return {**meta, **{name: self.text(meta[name]) for name in ("path", "client_id")}}

    def _named(self, fields: dict[str, Any], *parts: str) -> dict[str, Any]:
        values = {name: self.value(fields[name]) for name in parts}
        return {**fields, "name": self.text(fields["name"]), **values}

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        """A request or a response; the body of one whose sensitive places are blanked already has no harm of it."""
        fields = ("target", "headers", "body", "value")
        made = {**message, **{name: self.value(message[name]) for name in fields if name in message}}
        if message.get("pieces"):
            made["pieces"] = [[at, self.data(piece)] for at, piece in message["pieces"]]
        return made

    def _recording(self, part: dict[str, Any]) -> dict[str, Any]:
        return {
            **part,
            "request": None if part["request"] is None else self._message(part["request"]),
            "calls": list(map(self.call, part["calls"])),
            # what a method is called stays; why something went unseen may name what a user named
            "names": {
                name: self.text(told) if name[-1:] == "!" else told for name, told in part["names"].items()
            },
            "config": [[path, self.value(value)] for path, value in part["config"]],
            "trace": list(map(self._event, part["trace"])),
            "places": [[name, calls, self._registered(held)] for name, calls, held in part["places"]],
        }

    def call(self, entry: dict[str, Any]) -> dict[str, Any]:
        """One call of a module."""
        made = {
            **entry,
            "task": self.text(entry["task"]),
            "args": [self.value(value) for value in entry["args"]],
            "kwargs": self._mapping(entry["kwargs"]),
        }
        if entry["how"] not in ("handle", "class"):
            made["value"] = self.value(entry["value"])
        return made

    def _event(self, row: list[Any]) -> list[Any]:
        kind, name, step, attempt, error, detail, problems = row
        if kind not in _OWN:
            detail = self.text(detail)
        if kind.startswith("task."):
            name, step = self.text(name), self.text(step)
        told = [[pointer, code, self.text(message), source] for pointer, code, message, source in problems]
        return [kind, name, step, attempt, self.text(error), detail, told]

    def _registered(self, held: dict[str, Any]) -> dict[str, Any]:
        entries = [
            [kind, self.text(name), module, function, [self.value(value) for value in args], *rest]
            for kind, name, module, function, args, *rest in held["entries"]
        ]
        return {**held, "entries": entries}
