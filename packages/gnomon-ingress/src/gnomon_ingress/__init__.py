"""HTTP/1.1 on trio, fast and strict: everything between a socket and ``Dispatch``."""

from __future__ import annotations

from ._connection import Dispatch
from ._errors import (
    ClientGone,
    HttpError,
    IngressError,
    InvalidHeader,
    RequestInvalid,
    RequestState,
    ResponseInvalid,
    ResponseState,
)
from ._headers import Headers, MutableHeaders
from ._limits import Config, ConnectionEvent, Limits
from ._problem import problem_document
from ._request import Client, Request
from ._response import Response, Sink
from ._server import Server, ServerStatistics, open_tcp_listeners, open_unix_listener, serve
from ._validators import FieldProblem, RequestType, RequestValidator, ResponseType, ResponseValidator

__all__ = [
    "Client",
    "ClientGone",
    "Config",
    "ConnectionEvent",
    "Dispatch",
    "FieldProblem",
    "Headers",
    "HttpError",
    "IngressError",
    "InvalidHeader",
    "Limits",
    "MutableHeaders",
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
    "open_tcp_listeners",
    "open_unix_listener",
    "problem_document",
    "serve",
]

for _name in __all__:
    if isinstance(globals()[_name], type) or hasattr(globals()[_name], "__code__"):
        globals()[_name].__module__ = __name__
del _name
