"""A file as the answer to a request: what the client has already, what part of it is wanted."""

from __future__ import annotations

from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from ._errors import HttpError
from ._files import SMALL, FileBody, FileChunks, disposition, find_inside
from ._preconditions import byte_range, precondition

if TYPE_CHECKING:
    from ._response import Response


async def answer_with_file(
    res: Response[Any], path: str, *, root: str | Path, media_type: str | None, download_name: str | None
) -> None:
    """Finish a response with a file, as ``Response.file`` says.

    Args:
        res: The response.
        path: Relative to the root, as it comes from a client.
        root: The folder that nothing leaves.
        media_type: The content type, by the name of the file if not given.
        download_name: Offers a download under this name.
    """
    body = await trio.to_thread.run_sync(find_inside, root, path)
    res.headers["etag"] = body.etag
    res.headers["last-modified"] = format_datetime(body.modified, usegmt=True)
    res.headers["accept-ranges"] = "bytes"
    if download_name is not None:
        res.headers["content-disposition"] = disposition(download_name)
    start, end = _choose_range(res, body)
    if res.status_code == 304:
        res.empty()
        return
    if end - start <= SMALL:
        data = await trio.to_thread.run_sync(body.read, start, end)
        res.bytes(data, media_type=media_type or body.media_type)
    else:
        chunks = FileChunks(body.path, start, end)
        res.stream(chunks, media_type=media_type or body.media_type, length=end - start)


def _choose_range(res: Response[Any], body: FileBody) -> tuple[int, int]:
    request = None if res._sink is None else res._sink.request
    if request is None or request.method not in ("GET", "HEAD"):
        return 0, body.size
    verdict = precondition(request.method, request.headers, etag=body.etag, modified=body.modified)
    if verdict == 412:
        raise HttpError(412, "precondition_failed", "The file is not the one the request is about.")
    if verdict == 304:
        res.status(304)
        return 0, 0
    try:
        chosen = byte_range(request.headers, body.size, etag=body.etag, modified=body.modified)
    except ValueError:
        unsatisfied = {"content-range": f"bytes */{body.size}"}
        raise HttpError(
            416, "range_not_satisfiable", "The range lies outside the file.", headers=unsatisfied
        ) from None
    if chosen is None:
        return 0, body.size
    res.status(206)
    res.headers["content-range"] = f"bytes {chosen[0]}-{chosen[1] - 1}/{body.size}"
    return chosen
