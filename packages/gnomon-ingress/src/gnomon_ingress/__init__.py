"""HTTP/1.1 on trio, fast and strict: everything between a socket and ``Dispatch``."""

from __future__ import annotations

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
from ._problem import problem_document
from ._request import Client, Request
from ._response import Response, Sink

__all__ = [
    "Client",
    "ClientGone",
    "Headers",
    "HttpError",
    "IngressError",
    "InvalidHeader",
    "MutableHeaders",
    "Request",
    "RequestInvalid",
    "RequestState",
    "Response",
    "ResponseInvalid",
    "ResponseState",
    "Sink",
    "problem_document",
]

for _name in __all__:
    if hasattr(globals()[_name], "__module__"):
        globals()[_name].__module__ = __name__
del _name
