"""The answer to an exception that came out of a dispatch."""

from __future__ import annotations

from typing import Any

from ._errors import HttpError, InvalidHeader, RequestInvalid
from ._response import Response


def answer_failure(response: Response[Any], error: Exception) -> Exception | None:
    """Answer what the exception says, else 500; return what has to be reported, ``None`` if nothing has.

    The response has not started.
    """
    response.reset()
    if isinstance(error, (HttpError, RequestInvalid)):
        try:
            response.problem(
                error.status,
                code=error.code,
                detail=error.detail,
                errors=error.errors,
                headers=error.headers,
            )
            return None
        except InvalidHeader as unusable:
            # A fault of whoever raised it; the client is answered all the same.
            error = unusable
    response.problem(500, code="internal_error", detail="The server failed to answer this request.")
    return error
