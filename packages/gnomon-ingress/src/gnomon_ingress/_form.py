"""What the heads of one client have in common, so that of the next one only what changes is read.

A form is made of a head that has passed the policy: of the bytes behind its request line that later heads repeat, and of
the fields in between whose values change. These decide nothing about the message or the connection, and what stands
there holds no line break; so a head of this form has passed the policy as well.
"""

from __future__ import annotations

from ._headers import Headers

#: Fields whose change is a matter of policy.
_WITH_CARE = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"})

# Where more changes there is no form.
_MOST_CHANGING = 8


class Form:
    """The fields of one head, and where the next ones differ.

    Args:
        block: The bytes behind the request line.
        headers: What they say.
        changing: The fields whose values change.
    """

    __slots__ = ("_changing", "_end", "_parts", "headers")

    def __init__(self, block: bytes, headers: Headers, *, changing: frozenset[str] = frozenset()) -> None:
        #: Those of the last head of this form.
        self.headers = headers
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

    def following(self, block: bytes, headers: Headers) -> Form:
        """Return the form that this head and the next one have in common."""
        changed = headers.changed_since(self.headers)
        if changed is None:
            return Form(block, headers)
        changing = self._changing.union(changed)
        if len(changing) > _MOST_CHANGING or not _WITH_CARE.isdisjoint(changing):
            return Form(block, headers)
        return Form(block, headers, changing=changing)

    def find_end(self, data: bytes, position: int) -> int:
        """Read the fields that begin at a position; return where they end, 0 if they have another form."""
        if self._parts:
            fields = self.headers.copy_fields()
            for name, part in self._parts:
                if not data.startswith(part, position):
                    return 0
                position += len(part)
                end = data.find(b"\r", position)
                fields[name] = value = data[position:end]
                # Some values may have more in them than this, and such a head is read as a whole.
                if not value.decode("latin-1").isprintable():
                    return 0
                position = end
            if not data.startswith(self._end, position):
                return 0
            self.headers = Headers.of_single(self.headers.names, fields)
        elif not data.startswith(self._end, position):
            return 0
        return position + len(self._end)
