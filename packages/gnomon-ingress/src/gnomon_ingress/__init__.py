"""HTTP/1.1 on trio, fast and strict: everything between a socket and ``Dispatch``."""

from __future__ import annotations

from ._asgi import AsgiApp, asgi
from ._codecs import BytesCodec, Codec, Codecs, FormCodec, JsonCodec, MultipartCodec, TextCodec
from ._connection import Dispatch
from ._cors import Cors
from ._errors import (
    ClientGone,
    HttpError,
    IngressError,
    InvalidHeader,
    MessageInvalid,
    RequestInvalid,
    RequestState,
    ResponseInvalid,
    ResponseState,
    WebSocketClosed,
)
from ._events import Event
from ._forms import Form, Upload
from ._headers import Headers, MutableHeaders
from ._limits import Config, ConnectionEvent, Deflate, Limits
from ._listeners import Listener, open_tcp_listeners, open_unix_listener
from ._made import make_request
from ._mount import mount
from ._parts import Part
from ._problem import problem_document
from ._ready import worker_ready
from ._request import Client, Request
from ._response import Response
from ._server import Server, ServerStatistics, serve
from ._sink import Sink
from ._static import static
from ._target import decode_segment
from ._validators import FieldProblem, RequestType, RequestValidator, ResponseType, ResponseValidator
from ._websocket import Link, MessageType, OutgoingType, WebSocket
from ._workers import run_workers

__all__ = [
    "AsgiApp",
    "BytesCodec",
    "Client",
    "ClientGone",
    "Codec",
    "Codecs",
    "Config",
    "ConnectionEvent",
    "Cors",
    "Deflate",
    "Dispatch",
    "Event",
    "FieldProblem",
    "Form",
    "FormCodec",
    "Headers",
    "HttpError",
    "IngressError",
    "InvalidHeader",
    "JsonCodec",
    "Limits",
    "Link",
    "Listener",
    "MessageInvalid",
    "MessageType",
    "MultipartCodec",
    "MutableHeaders",
    "OutgoingType",
    "Part",
    "Request",
    "RequestInvalid",
    "RequestState",
    "RequestType",
    "RequestValidator",
    "Response",
    "ResponseInvalid",
    "ResponseState",
    "ResponseType",
    "ResponseValidator",
    "Server",
    "ServerStatistics",
    "Sink",
    "TextCodec",
    "Upload",
    "WebSocket",
    "WebSocketClosed",
    "asgi",
    "decode_segment",
    "make_request",
    "mount",
    "open_tcp_listeners",
    "open_unix_listener",
    "problem_document",
    "run_workers",
    "serve",
    "static",
    "worker_ready",
]

for _name in __all__:
    if isinstance(globals()[_name], type) or hasattr(globals()[_name], "__code__"):
        globals()[_name].__module__ = __name__
