"""What the heads of one client have in common, so that of the next one only what changes is read.

A form is made of a head that has passed the policy: of the bytes behind its request line that later heads repeat, and of
the fields in between whose values change. These decide nothing about the message or the connection, but for the length
of its body, which has a look of its own; and what stands there holds no line break. So a head of this form has passed the
policy as well.
"""

from __future__ import annotations

import re

from ._headers import Headers

#: Fields whose change is a matter of policy.
_WITH_CARE = frozenset({"host", "connection", "transfer-encoding", "expect", "upgrade"})

_LENGTH = "content-length"
# Of a body that is there: with none, other things change too.
_BODY_LENGTH = re.compile(r" *([1-9][0-9]{0,15}) *")

# Where more changes there is no form.
_MOST_CHANGING = 8

#: The longest head that is remembered, because every idle connection would keep it.
LONGEST = 4096


class Form:
    """The fields of one head, and where the next ones differ.

    Args:
        block: The bytes behind the request line.
        headers: What they say.
        length: The length of the body, as the policy has it.
        changing: The fields whose values change.
    """

    __slots__ = ("_changing", "_end", "_parts", "headers", "length")

    def __init__(
        self, block: bytes, headers: Headers, length: int, *, changing: frozenset[str] = frozenset()
    ) -> None:
        #: Those of the last head of this form, and the length of its body.
        self.headers = headers
        self.length = length
        self._changing = changing
        # Fields that change, and the bytes from the last one of them to the value.
        self._parts: list[tuple[str, bytes]] = []
        start = line = 0
        if changing:
            for raw, name in zip(headers.names, headers, strict=True):
                end = block.find(b"\r", line)
                if name in changing:
                    self._parts.append((name, block[start : line + len(raw) + 1]))
                    start = end
                line = end + 2
        self._end = block[start:]

    def following(self, block: bytes, headers: Headers, length: int) -> Form:
        """Return the form that this head and the next one have in common."""
        changed = headers.changed_since(self.headers)
        if changed is None:
            return Form(block, headers, length)
        changing = self._changing.union(changed)
        if (
            len(changing) > _MOST_CHANGING
            or not _WITH_CARE.isdisjoint(changing)
            or (_LENGTH in changing and not (self.length > 0 < length))
        ):
            return Form(block, headers, length)
        return Form(block, headers, length, changing=changing)

    def find_end(self, data: bytes, position: int) -> int:
        """Read the fields that begin at a position; return where they end, 0 if they have another form."""
        if self._parts:
            length = self.length
            fields = self.headers.copy_fields()
            for name, part in self._parts:
                if not data.startswith(part, position):
                    return 0
                position += len(part)
                end = data.find(b"\r", position)
                fields[name] = value = data[position:end]
                text = value.decode("latin-1")
                # Some values may have more in them than this, and such a head is read as a whole.
                if not text.isprintable():
                    return 0
                if name == _LENGTH:
                    match = _BODY_LENGTH.fullmatch(text)
                    if match is None:
                        return 0
                    length = int(match[1])
                position = end
            if not data.startswith(self._end, position):
                return 0
            self.length = length
            self.headers = Headers.of_single(self.headers.names, fields)
        elif not data.startswith(self._end, position):
            return 0
        return position + len(self._end)
