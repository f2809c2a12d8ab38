"""A built front end, served from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._connection import Dispatch
from ._errors import HttpError
from ._request import Request
from ._response import Response


def static(
    root: str | Path, *, prefix: str = "/", index: str = "index.html", fallback: str | None = None
) -> Dispatch:
    """Return a dispatch that serves the files of a folder.

    Args:
        root: The folder that nothing leaves.
        prefix: The path it is served under; a request elsewhere is 404.
        index: What a path that ends in ``/`` stands for.
        fallback: Served for paths that name no file, for a front end that routes by itself.

    Raises:
        NotADirectoryError: The root is no folder.
    """
    base = Path(root)
    if not base.is_dir():
        raise NotADirectoryError(f"{base} is no folder, so it cannot be served")
    start = prefix.rstrip("/") + "/"

    async def serve_file(req: Request[Any, Any, Any], res: Response[Any]) -> None:
        if req.method not in ("GET", "HEAD"):
            raise HttpError(
                405, "method_not_allowed", "Files can be read only.", headers={"allow": "GET, HEAD"}
            )
        if not req.path.startswith(start):
            raise HttpError(404, "no_such_file", "There is no such file.")
        path = req.path[len(start) :].replace("%25", "%")
        try:
            await res.file(path + index if not path or path.endswith("/") else path, root=base)
        except HttpError as error:
            if error.status != 404 or fallback is None:
                raise
            await res.file(fallback, root=base)

    return serve_file
