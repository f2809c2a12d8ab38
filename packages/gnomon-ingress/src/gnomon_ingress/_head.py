"""From the bytes of a request head to its parts: llhttp finds the fields, our policy decides what may pass.

The policy is stricter than llhttp where two parsers could disagree about one message (RFC 9112, sections 3, 5, 6 and
11.2). The verdict depends on the bytes alone, never on how they were split on their way.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from types import SimpleNamespace
from typing import Final, NoReturn

import httptools

from ._form import LONGEST, Form
from ._headers import Headers, join_fields
from ._limits import Limits
from ._target import BROKEN_ESCAPE, BadTarget, PlainLine, decode_path, split_target

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/1\.([01])\r\n")
# One of HTTP/1.1 with a path; every other form of a target is checked against the fields.
_PLAIN_LINE = re.compile(r"""([A-Z]+) ((/[!"$->@-~]*)(?:[?]([!"$-~]*))?) HTTP/1[.]1\r\n""")
# What a request line can consist of; a byte beyond it decides at once.
_LINE_BYTES = re.compile(rb"[!-~ ]*\r?")
_VERSION = re.compile(rb"[A-Z-]+ [!-~]+ HTTP/[0-9]\.[0-9]\r\n")
_HOST = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::([0-9]{1,5}))?"
)
_WEBSOCKET = re.compile(rb"(?:^|,)[ \t]*websocket[ \t]*(?:,|$)", re.IGNORECASE)

#: What an origin server can be asked to do. CONNECT makes a proxy of it and TRACE reflects credentials; the rest of
#: what llhttp knows belongs to other protocols.
_ANSWERED = (
    "GET HEAD POST PUT PATCH DELETE OPTIONS QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT "
    "MKCALENDAR MKACTIVITY CHECKOUT MERGE ACL BIND REBIND UNBIND LINK UNLINK PURGE SUBSCRIBE UNSUBSCRIBE NOTIFY"
)
METHODS: Final = {name.encode(): name for name in _ANSWERED.split()}
# HEAD is answered with more care than the others.
_PLAIN_METHODS = frozenset(METHODS.values()) - {"HEAD"}

#: Fields whose second occurrence is an attack or a mistake, never information.
_SINGLE = frozenset({"host", "content-length", "transfer-encoding", "content-type", "expect", "upgrade"})

#: What most clients send, so that it needs no look.
_KEEP_ALIVE = frozenset({b"keep-alive", b"Keep-Alive"})

_REMEMBERED = 2048


class Refusal(Exception):
    """The bytes are no request we answer: status and code of the answer, after which the connection closes."""

    def __init__(self, status: int, code: str, detail: str, *, extra: bytes = b"") -> None:
        super().__init__(status, code, detail)
        self.status: int = status
        self.code: str = code
        self.detail: str = detail
        #: Further fields, as they go on the wire.
        self.extra: bytes = extra


class _Names(dict[bytes, str]):
    """Lower-case names by name as sent; bounded, because clients choose the keys."""

    def __missing__(self, raw: bytes) -> str:
        name = raw.lower().decode("ascii")
        if len(self) < _REMEMBERED:
            self[raw] = name
        return name


_names = _Names()
_good_hosts: set[bytes] = set()


class HeadParser:
    """Parses the heads of one connection, one after the other.

    ``feed`` takes the bytes of an unfinished head as they come, so that garbage is refused at once; ``complete`` takes
    the whole head. The results are attributes, valid until the next head.

    Clients repeat themselves: a head of the form of the last one on this connection has passed the policy already, and
    is only searched for what changed.

    Args:
        limits: What a head may be.
    """

    __slots__ = (
        "_fed", "_form", "_limits", "_longest", "_parser", "_raw", "_recorder", "_strange", "_upgraded",
        "content_length", "expects", "headers", "keep_alive", "line", "minor", "opens_socket", "plain",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._longest = min(limits.head_size, LONGEST)
        # The first field of each name; that there were more shows in the number of lines.
        self._raw: dict[bytes, bytes] = {}
        # A method of the dictionary, because llhttp calls it with each field.
        self._recorder = SimpleNamespace(on_header=self._raw.setdefault)
        self._parser: httptools.HttpRequestParser | None = None
        self._fed = 0
        self._upgraded = False
        #: Whether llhttp gave up on the method.
        self._strange = False
        self._form: Form | None = None
        #: A ``Line``; naming its parts would cost as much as finding them.
        self.line: PlainLine = ("", "", "", "", 1)
        #: Of the version: HTTP/1.1 or 1.0.
        self.minor = 1
        self.headers = Headers()
        self.keep_alive = True
        #: Whether the request has no body and the connection goes on after it.
        self.plain = False
        #: Whether the client waits for ``100 Continue``.
        self.expects = False
        #: Bytes of the body; -1 if it is chunked.
        self.content_length = 0
        #: Whether the request asks for a WebSocket.
        self.opens_socket = False

    def feed(self, data: bytes) -> None:
        """Look at the bytes of an unfinished head.

        Raises:
            Refusal: They cannot become a request any more, or there are too many of them.
        """
        limit = self._limits.head_size
        if not self._strange:
            self._give(data[self._fed : limit])
            self._fed = min(len(data), limit)
        if self._strange:
            _judge_method(data[:limit])
        if len(data) >= limit:
            self._too_long(data)

    def recognise(self, data: bytes) -> int:
        """Take the head that the bytes begin with if it has the form of the last one; return its length, else 0."""
        form = self._form
        if form is None or self._fed:
            return 0
        cut = data.find(b"\n") + 1
        length = form.find_end(data, cut)
        if not length or length > self._longest:
            return 0
        line = self._read_line(data[:cut])
        if line is None:
            return 0
        self.line = line
        self.headers = form.headers
        self.content_length = form.length
        return length

    def _read_line(self, start: bytes) -> PlainLine | None:
        """Return what a request line says; ``None`` for one that needs a closer look."""
        match = _PLAIN_LINE.fullmatch(start.decode("latin-1"))
        if match is None:
            return None
        method, target, path, query_string = match.groups("")
        if method not in _PLAIN_METHODS or len(target) > self._limits.target_length:
            return None
        if "%" in target:
            if BROKEN_ESCAPE.search(target):
                return None
            try:
                path = decode_path(path)
            except BadTarget:
                return None
        return method, target, path, query_string, 1

    def complete(self, head: bytes) -> None:
        """Parse a head that ends in an empty line, and apply the policy.

        Raises:
            Refusal: It is not a request we answer.
        """
        if not self.recognise(head):
            self.parse(head)

    def parse(self, head: bytes) -> None:
        """Do so whatever the last head was.

        Raises:
            Refusal: It is not a request we answer.
        """
        self._check_syntax(head)
        cut = head.find(b"\n") + 1
        line = self._read_line(head[:cut])
        if line is None and _REQUEST_LINE.match(head) is None:
            _bad_line(head)
        fields = self._take_fields(head, cut)
        authority = None
        if line is None:
            line, authority = self._take_line(head)
        self.line = line
        self.minor = minor = line[4]
        host = fields.get("host")
        if host is None:
            if minor:
                raise Refusal(400, "missing_host", "An HTTP/1.1 request needs a Host field.")
        elif host not in _good_hosts:
            _check_host(host.strip(b" \t"))
        if authority is not None:
            _check_agreement(authority, host)
        connection = fields.get("connection")
        self.keep_alive = minor == 1 if connection is None else self._persists(connection)
        if "content-length" in fields or "transfer-encoding" in fields:
            self._frame(fields)
        else:
            self.content_length = 0
        self.expects = "expect" in fields and self._expects(fields["expect"])
        # HTTP/1.0 knows no upgrade (RFC 9110, section 7.8), and other protocols than this one are not for us.
        self.opens_socket = (
            "upgrade" in fields and minor == 1 and _WEBSOCKET.search(fields["upgrade"]) is not None
        )
        self.plain = minor == 1 and self.keep_alive and self.content_length == 0 and not self.opens_socket
        if not minor or authority is not None or len(head) > LONGEST:
            # With an authority, line and fields are not independent.
            self._form = None
        elif self._form is None:
            self._form = Form(head[cut:], self.headers, self.content_length)
        else:
            self._form = self._form.following(head[cut:], self.headers, self.content_length)

    def _check_syntax(self, head: bytes) -> None:
        fed = self._fed
        if len(head) > self._limits.head_size:
            self.feed(head)
        self._fed = 0
        if not self._strange:
            self._give(head[fed:])
        if self._strange:
            _judge_method(head)
        if self._upgraded:
            self._upgraded = False
            self._parser = None

    def _take_fields(self, head: bytes, cut: int) -> dict[str, bytes]:
        """Keep the fields that llhttp found, and return their values by name."""
        raw = self._raw
        names = tuple(raw)
        lowered = _names
        fields = {lowered[name]: value for name, value in raw.items()}
        raw.clear()
        # llhttp lets no line break pass that does not end a line, and no line in between that is no field.
        count = head.count(b"\n") - 2
        if len(fields) == count:
            self.headers = Headers.of_single(names, fields)
        else:
            pairs = _read_pairs(head[cut:])
            fields = _join_repeated(pairs)
            self.headers = Headers(pairs)
        if count > self._limits.header_count:
            raise Refusal(431, "too_many_headers", f"More than {self._limits.header_count} header fields.")
        return fields

    def _take_line(self, head: bytes) -> tuple[PlainLine, bytes | None]:
        match = _REQUEST_LINE.match(head)
        assert match is not None
        method, target, minor = match.groups()
        limit = self._limits.target_length
        if len(target) > limit:
            raise Refusal(414, "target_too_long", f"The target is longer than {limit} bytes.")
        known = METHODS.get(method)
        if known is None:
            raise Refusal(501, "method_not_implemented", "This method is not for an origin server.")
        try:
            path, query_string, authority = split_target(target, asterisk=known == "OPTIONS")
        except BadTarget as error:
            raise Refusal(400, "invalid_target", f"In the request line, {error}.") from None
        return (known, target.decode("ascii"), path, query_string, 1 if minor == b"1" else 0), authority

    def _persists(self, connection: bytes) -> bool:
        if connection in _KEEP_ALIVE:
            return True
        tokens = [token.strip(b" \t").lower() for token in connection.split(b",")]
        if b"close" in tokens:
            return False
        return self.minor == 1 or b"keep-alive" in tokens

    def _frame(self, fields: dict[str, bytes]) -> None:
        # llhttp is left in the middle of this message: the body never goes through it.
        self._parser = None
        coding = fields.get("transfer-encoding")
        length = fields.get("content-length")
        if coding is None:
            # llhttp has refused everything but digits below 2**64 by now.
            self.content_length = int(length or b"")
            return
        if (
            length is not None
        ):  # pragma: no cover — llhttp refuses it first; framing does not hang on one parser alone
            raise Refusal(400, "ambiguous_length", "Content-Length and Transfer-Encoding in one message.")
        if not self.minor:
            raise Refusal(400, "invalid_transfer_encoding", "HTTP/1.0 knows no Transfer-Encoding.")
        lowered = coding.strip(b" \t").lower()
        if lowered != b"chunked":
            if lowered.rpartition(b",")[2].strip(b" \t") == b"chunked":
                raise Refusal(
                    501, "unknown_transfer_coding", "The only transfer coding known here is chunked."
                )
            raise Refusal(400, "invalid_transfer_encoding", "A transfer coding must end in chunked, once.")
        self.content_length = -1

    def _expects(self, value: bytes) -> bool:
        if value.strip(b" \t").lower() != b"100-continue":
            raise Refusal(417, "unknown_expectation", "The only expectation known here is 100-continue.")
        # An HTTP/1.0 client would take the interim response for the final one (RFC 9110, section 10.1.1).
        return self.minor == 1 and self.content_length != 0

    def _give(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(self._recorder)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgraded = True
        except httptools.HttpParserInvalidMethodError:
            # What kind of nonsense it is shows at the end of the line.
            self._strange = True
        except httptools.HttpParserError as error:
            _refuse(error)

    def _too_long(self, data: bytes) -> NoReturn:
        if b"\r\n" not in data[: self._limits.head_size]:
            raise Refusal(
                414, "target_too_long", f"The target is longer than {self._limits.target_length} bytes."
            )
        raise Refusal(431, "head_too_large", f"The head is longer than {self._limits.head_size} bytes.")


def _refuse(error: httptools.HttpParserError) -> NoReturn:
    message = str(error)
    if message == "Invalid HTTP version" or "PRI" in message:
        raise Refusal(505, "unknown_version", "This server speaks HTTP/1.1 and HTTP/1.0.") from None
    # llhttp's own words never quote the request, so they may be shown.
    raise Refusal(400, "malformed_request", f"{message}.") from None


def _judge_method(data: bytes) -> None:
    """Refuse a method that llhttp does not know, as soon as the bytes tell how (RFC 9110, section 15.6.2).

    Raises:
        Refusal: 501 for a request line with a method of its own, 400 for what is none; nothing while it may become either.
    """
    line, ended, _ = data.partition(b"\n")
    if ended and _REQUEST_LINE.fullmatch(line + ended) is not None:
        raise Refusal(501, "method_not_implemented", "This method is not for an origin server.")
    if ended or _LINE_BYTES.fullmatch(line) is None:
        raise Refusal(400, "unknown_method", "The message does not begin with a known method.")


def _bad_line(head: bytes) -> NoReturn:
    if _VERSION.match(head) is not None:
        raise Refusal(505, "unknown_version", "This server speaks HTTP/1.1 and HTTP/1.0.")
    raise Refusal(400, "malformed_request_line", "The request line is not METHOD SP target SP HTTP/1.1.")


def _read_pairs(block: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields of a block that llhttp let pass."""
    pairs = []
    for line in block[:-4].split(b"\r\n"):
        name, _, value = line.partition(b":")
        pairs.append((name, value.strip(b" \t")))
    return pairs


def _join_repeated(pairs: list[tuple[bytes, bytes]]) -> dict[str, bytes]:
    seen: set[str] = set()
    for raw, _ in pairs:
        name = _names[raw]
        if name in seen and name in _SINGLE:
            raise Refusal(400, "repeated_header", f"The field {name} occurs twice.")
        seen.add(name)
    return join_fields(pairs)


def _check_host(host: bytes) -> None:
    match = _HOST.fullmatch(host)
    if match is None or (match[2] is not None and int(match[2]) > 65535):
        raise Refusal(400, "invalid_host", "The Host field is not a host and an optional port.")
    if match[1] is not None:
        try:
            IPv6Address(match[1].decode("ascii"))
        except ValueError:
            raise Refusal(400, "invalid_host", "The Host field has a broken IPv6 address.") from None
    if len(_good_hosts) < _REMEMBERED:
        _good_hosts.add(host)


def _check_agreement(authority: bytes, host: bytes | None) -> None:
    if _HOST.fullmatch(authority) is None:
        raise Refusal(
            400, "invalid_target", "In the request line, the authority is not a host and an optional port."
        )
    if host is not None and authority.lower() != host.lower():
        raise Refusal(400, "host_mismatch", "The target and the Host field name different hosts.")
