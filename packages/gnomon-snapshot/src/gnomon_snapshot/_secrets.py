"""Keeps secrets out of a recording, also where a handler took them out of the object that guarded them."""

from __future__ import annotations

from typing import Any, Final, final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._graph import ATOMS
from gnomon_snapshot._readers import is_sensitive, reader_of
from gnomon_snapshot._records import Lost
from gnomon_snapshot._types import name_of

WITHHELD: Final = "<withheld>"
_SHORTEST: Final = 4  # what is shorter stands in half of all texts by accident
_DEEPEST: Final = 8
_CREDENTIALS: Final = ("authorization", "proxy-authorization")
_COOKIES: Final = ("cookie", "set-cookie")


@final
class Secrets:
    """The secrets that one request has met, as text, so that they can be found in what is about to be written."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def learn(self, value: Any, *, everything: bool = False, depth: int = 0) -> None:
        """Remember what is secret in a value: all that hangs on a sensitive object, or everything."""
        cls = type(value)
        if cls in ATOMS or (cls is str and not everything):
            return
        if everything or is_sensitive(cls):
            try:
                self._learn_all(value, 0)
            except (
                Exception
            ):  # code of a class that was asked for what it holds; the object itself is not written
                return
        elif depth < _DEEPEST and cls in (list, tuple, dict):
            for item in tuple(value.values() if cls is dict else value):
                self.learn(item, depth=depth + 1)

    def _learn_all(self, value: Any, depth: int) -> None:
        cls = type(value)
        if isinstance(value, str):
            self.add(str.__str__(value))
        elif isinstance(value, (bytes, bytearray)):
            self.add(bytes(value).decode("utf-8", "replace"))
        elif depth < _DEEPEST:
            held: Any = ()
            if isinstance(value, dict):
                held = tuple(value.values())
            elif isinstance(value, (list, tuple, set, frozenset)):
                held = tuple(value)
            elif (read := reader_of(cls)) is not None:
                try:
                    held = tuple(read(value, cls)[3].values())
                except (
                    Exception
                ):  # a class that does not let itself be read; its object is not written either
                    held = ()
            for item in held:
                self._learn_all(item, depth + 1)

    def add(self, text: str) -> None:
        """Remember one text, if it is long enough to be told from any other."""
        if len(text) >= _SHORTEST and text != WITHHELD:
            self.texts.add(text)

    def header(self, name: str, value: str) -> str:
        """Remember the secret of a header field and return the value with the secret taken out."""
        if name in _COOKIES:
            pairs = [pair.partition("=") for pair in value.split(";")]
            for _, _, content in pairs:
                self.add(content.strip())
            return ";".join(f"{key}={WITHHELD}" if equals else WITHHELD for key, equals, _ in pairs)
        scheme, space, credentials = value.partition(" ")
        if name in _CREDENTIALS and space:
            self.add(credentials.strip())
            return f"{scheme} {WITHHELD}"
        self.add(value)
        return WITHHELD

    def found_in(self, data: bytes) -> bool:
        """Whether one of them stands in what was encoded."""
        return any(text.encode(errors="surrogatepass") in data for text in self.texts)

    def blank(self, node: Any) -> Any:
        """A tree without them."""
        # the longest first, so that one which holds another is blanked whole
        return _blanked(node, sorted(self.texts, key=len, reverse=True))


def _blanked(node: Any, texts: list[str]) -> Any:
    cls = type(node)
    if cls is str:
        for text in texts:
            if text in node:
                node = node.replace(text, WITHHELD)
        return node
    if cls is bytes:
        for text in texts:
            encoded = text.encode(errors="surrogatepass")
            if encoded in node:
                node = node.replace(encoded, WITHHELD.encode())
        return node
    if cls is list:
        return [_blanked(item, texts) for item in node]
    if cls is dict:
        return {_blanked(key, texts): _blanked(item, texts) for key, item in node.items()}
    if cls is CBORTag and node.tag != tag.UUID:
        return CBORTag(node.tag, _blanked(node.value, texts))
    return node


def withheld_node(value: Any) -> CBORTag:
    """What is written of a secret: its class."""
    return CBORTag(tag.LOST, [name_of(type(value)), "", "sensitive"])


@final
class Withheld:
    """Stands for a secret in a replay: every attribute of it is a function that returns the text `<withheld>`.

    >>> secret = Withheld("gnomon_secrets.Secret")
    >>> secret.reveal()
    '<withheld>'
    """

    __sensitive__ = True
    __slots__ = ("_type",)

    def __init__(self, type: str) -> None:  # noqa: A002 - as the attribute of `Lost`
        self._type = type

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_args, **_kwargs: WITHHELD

    def __repr__(self) -> str:
        return f"<{self._type}, withheld>"


def stand_for_secrets(value: Any, depth: int = 0) -> Any:
    """What a handler gets in a replay: secrets that were not written become stand-ins, also in containers."""
    cls = type(value)
    if depth > _DEEPEST:
        return value
    if cls is Lost and value.reason == "sensitive":
        if value.type in ("builtins.str", "builtins.bytes"):
            return WITHHELD if value.type == "builtins.str" else WITHHELD.encode()
        return Withheld(value.type)
    if cls is dict:
        for key, item in value.items():
            value[key] = stand_for_secrets(item, depth + 1)
    elif cls is list:
        value[:] = [stand_for_secrets(item, depth + 1) for item in value]
    elif cls is tuple:
        return tuple(stand_for_secrets(item, depth + 1) for item in value)
    return value
