"""Codecs: how bodies of a media type become values, and values bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ._compression import parse_weights
from ._errors import HttpError
from ._forms import FORM_TYPE, MULTIPART_TYPE, Form, parameters_of, parse_form, parse_multipart
from ._headers import add_vary
from ._json import dump_json, is_json, parse_json
from ._request import Request, unsupported_media
from ._response import Response


class Codec(Protocol):
    """Reads and writes bodies of some media types."""

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types without parameters; ``*/*`` stands for any."""
        ...

    def decode(self, data: bytes, parameters: Mapping[str, str], /) -> Any:
        """Turn a body into a value; raises ``HttpError`` 400 for a broken one."""
        ...

    def encode(self, value: Any, /) -> bytes:
        """Turn a value into a body; raises ``TypeError`` for a value it has no form for."""
        ...


class JsonCodec:
    """JSON, and every ``+json``."""

    media_types: tuple[str, ...] = ("application/json",)

    def decode(self, data: bytes, parameters: Mapping[str, str], /) -> Any:
        """Parse strict JSON."""
        if parameters.get("charset", "utf-8").lower() != "utf-8":
            raise unsupported_media(self.media_types)
        return parse_json(data)

    def encode(self, value: Any, /) -> bytes:
        """Encode strict JSON."""
        return dump_json(value)


class FormCodec:
    """Urlencoded forms; they are read only."""

    media_types: tuple[str, ...] = (FORM_TYPE,)

    def decode(self, data: bytes, parameters: Mapping[str, str], /) -> Form:  # noqa: ARG002 — the protocol has it
        """Read the fields."""
        return Form(parse_form(data))

    def encode(self, value: Any, /) -> bytes:
        """Refuse: nothing answers with a form."""
        raise TypeError(f"a {type(value).__name__} cannot be sent as a form")


class MultipartCodec:
    """Multipart forms; they are read only."""

    media_types: tuple[str, ...] = (MULTIPART_TYPE,)

    def decode(self, data: bytes, parameters: Mapping[str, str], /) -> Form:
        """Read fields and files."""
        return parse_multipart(data, parameters.get("boundary", ""))

    def encode(self, value: Any, /) -> bytes:
        """Refuse: nothing answers with a form."""
        raise TypeError(f"a {type(value).__name__} cannot be sent as a form")


class TextCodec:
    """Text, in UTF-8 unless the client says otherwise."""

    media_types: tuple[str, ...] = ("text/plain",)

    def decode(self, data: bytes, parameters: Mapping[str, str], /) -> str:
        """Decode the text in its charset."""
        charset = parameters.get("charset", "utf-8")
        try:
            return data.decode(charset)
        except LookupError:
            raise HttpError(
                415, "unsupported_charset", "The charset of the body is not known here."
            ) from None
        except UnicodeDecodeError:
            raise HttpError(400, "invalid_text", "The body is not text in its charset.") from None

    def encode(self, value: Any, /) -> bytes:
        """Encode a str."""
        if not isinstance(value, str):
            raise TypeError(f"a {type(value).__name__} is not text")
        return value.encode()


class BytesCodec:
    """Bytes as they are."""

    media_types: tuple[str, ...] = ("application/octet-stream",)

    def decode(self, data: bytes, parameters: Mapping[str, str], /) -> bytes:  # noqa: ARG002 — the protocol has it
        """Return them."""
        return data

    def encode(self, value: Any, /) -> bytes:
        """Return them."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"a {type(value).__name__} is not bytes")
        return bytes(value)


class Codecs:
    """Chooses a codec for each body: by Content-Type on the way in, by Accept on the way out.

    Args:
        codecs: What is offered, the preferred one first.

    >>> Codecs().media_types
    ('application/json', 'application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain', ...)
    """

    def __init__(
        self,
        codecs: Sequence[Codec] = (JsonCodec(), FormCodec(), MultipartCodec(), TextCodec(), BytesCodec()),
    ) -> None:
        self._codecs = {media: codec for codec in codecs for media in codec.media_types}

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types on offer, the preferred one first."""
        return tuple(self._codecs)

    async def decode(self, req: Request[Any, Any, Any]) -> Any:
        """Read the body of a request as what its Content-Type says.

        Raises:
            HttpError: 415 if no codec reads it, 400 if it is broken, and as ``req.read`` does.
        """
        media = req.media_type
        codec = self._codecs.get(media)
        if codec is None and is_json(media):
            codec = self._codecs.get("application/json")
        if codec is None:
            raise unsupported_media(self.media_types)
        return codec.decode(await req.read(), parameters_of(req.headers.get("content-type", "")))

    def encode(self, value: Any, req: Request[Any, Any, Any], res: Response[Any]) -> None:
        """Finish a response with a value, in the form the client prefers among those the value has.

        Raises:
            HttpError: 406 if the client accepts none of them (RFC 9110, section 12.5.1).
        """
        add_vary(res.headers, "Accept")
        for media in self._by_preference(req.headers.get("accept", "*/*")):
            try:
                payload = self._codecs[media].encode(value)
            except TypeError:
                continue
            res.bytes(payload, media_type="text/plain; charset=utf-8" if media == "text/plain" else media)
            return
        raise HttpError(406, "not_acceptable", f"There are: {', '.join(self.media_types)}.")

    def _by_preference(self, accept: str) -> list[str]:
        weights = parse_weights(accept)

        def weight(media: str) -> float:
            kind = media.partition("/")[0]
            return weights.get(media, weights.get(f"{kind}/*", weights.get("*/*", 0.0)))

        return sorted((media for media in self._codecs if weight(media) > 0), key=weight, reverse=True)
