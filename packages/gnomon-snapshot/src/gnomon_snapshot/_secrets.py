"""Keeps secrets out of a recording, also where a handler took them out of the object that guarded them."""

from __future__ import annotations

from typing import Any, Final, final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._blank import Blanking, atom_key
from gnomon_snapshot._graph import ATOMS, Graph
from gnomon_snapshot._hidden import forms_of
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._readers import is_sensitive, reader_of
from gnomon_snapshot._records import WITHHELD, Lost
from gnomon_snapshot._types import name_of

_SHORTEST: Final = 4  # what is shorter stands in half of all texts by accident
_SHORTEST_ALONE: Final = 2  # what is a single character or digit is no secret
_DEEPEST: Final = 8
_LIMITS: Final = Limits()
# What stands for a hidden number in a replay.
NUMBERS: Final = {"builtins.int": 7_777_777, "builtins.float": 7_777_777.5}
_CREDENTIALS: Final = ("authorization", "proxy-authorization")
_COOKIES: Final = ("cookie", "set-cookie")


@final
class Secrets:
    """The secrets that one request has met, as text, so that they can be found in what is about to be written."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.whole: set[Any] = set()  # what is taken out only where it stands alone
        self._forms: set[str] = set()
        self._known = 0  # how many texts the forms are of

    def __bool__(self) -> bool:
        return bool(self.texts or self.whole)

    def hide(self, value: Any) -> None:
        """Remember a value of a place that its type calls sensitive: texts, numbers, times, and all that it holds."""
        if value is None or type(value) is bool:
            return
        if isinstance(value, str):
            self.add(str.__str__(value))
            if value == WITHHELD:  # in a replay: what is made of it is written as what was made of the secret
                self.texts.add(WITHHELD)
            if len(value) >= _SHORTEST_ALONE:
                self.whole.add(str.__str__(value))
        elif isinstance(value, (bytes, bytearray)):
            if len(value) >= _SHORTEST_ALONE:
                self.whole.add(bytes(value))
            self.add(bytes(value).decode("utf-8", "replace"))
        else:
            self._hide_other(value, 0)

    def _hide_other(self, value: Any, depth: int) -> None:
        key = atom_key(Graph(_LIMITS).copy(value))
        if key is not None:
            shown = str(value)
            if len(shown) >= _SHORTEST_ALONE:
                self.whole.add(key)
                self.add(shown)
                self.add(value.isoformat() if hasattr(value, "isoformat") else shown)
        elif depth < _DEEPEST:
            for item in _held_by(value):
                self._hide_other(item, depth + 1) if not isinstance(item, (str, bytes)) else self.hide(item)

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
        if isinstance(value, str):
            self.add(str.__str__(value))
        elif isinstance(value, (bytes, bytearray)):
            self.add(bytes(value).decode("utf-8", "replace"))
        elif depth < _DEEPEST:
            for item in _held_by(value):
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

    def _all_forms(self) -> set[str]:
        if len(self.texts) != self._known:
            self._forms = {form for text in self.texts for form in forms_of(text)}
            self._known = len(self.texts)
        return self._forms

    def found_in(self, data: bytes) -> bool:
        """Whether one of them stands in what was encoded; what has to stand alone is not looked for in bytes."""
        if self.whole:
            return True
        return any(text.encode(errors="surrogatepass") in data for text in self._all_forms())

    def blanking(self) -> Blanking:
        """What takes them out of an encoded request."""
        return Blanking(self._all_forms(), self.whole)

    def blank(self, tree: dict[str, Any]) -> dict[str, Any]:
        """An encoded request without them."""
        return self.blanking().tree(tree)


def _held_by(value: Any) -> tuple[Any, ...]:
    """What a value is made of."""
    if isinstance(value, dict):
        return tuple(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(value)
    cls = type(value)
    read = reader_of(cls)
    if read is None:
        return ()
    try:
        return tuple(read(value, cls)[3].values())
    except Exception:  # a class that does not let itself be read; its object is not written either
        return ()


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
        if value.type in NUMBERS:
            return NUMBERS[value.type]
        return Withheld(value.type)
    if cls is dict:
        for key, item in value.items():
            value[key] = stand_for_secrets(item, depth + 1)
    elif cls is list:
        value[:] = [stand_for_secrets(item, depth + 1) for item in value]
    elif cls is tuple:
        return tuple(stand_for_secrets(item, depth + 1) for item in value)
    return value
