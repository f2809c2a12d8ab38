"""Serve the order service over real HTTP: `python demo.py [--port N] [--check]`.

With --check the service runs in a process of its own, is driven by httpx, and every answer is compared.
"""

import argparse
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from gnomon import EventKind, LifecycleEvent

HERE = Path(__file__).parent
CURL = """\
curl -i {url}/orders -H 'content-type: application/json' \\
     -d '{{"email": "ada@example.org", "sku": "gnomon-brass", "quantity": 2}}'
curl -i '{url}/orders?limit=10'
curl -i {url}/orders/average
curl -i {url}/orders -H 'content-type: application/json' -d '{{"email": "ada", "sku": 7}}'
curl -i {url}/nowhere
"""
SHOWN = frozenset(
    {"hook.end", "hook.error", "handler.end", "handler.error", "compensation.end", "request.finished"}
)


class PrintEvents:
    """A listener that shows what happened in a request, a line a step."""

    kinds: Collection[EventKind] = (
        "hook.end",
        "hook.error",
        "handler.end",
        "handler.error",
        "compensation.end",
        "request.finished",
    )

    def __call__(self, event: LifecycleEvent) -> None:
        took = "" if event.duration is None else f"{event.duration * 1000:.2f} ms"
        note = event.detail if event.kind == "request.finished" else event.error or ""
        print(
            f"  {event.request_id[-8:]}  {took:>10}  {event.kind:<17} {event.name} {note!s:.80}", flush=True
        )


def serve(folder: Path, host: str, port: int) -> None:
    """Serve until Ctrl-C, with two SQLite files in a folder."""
    from orders.app import build

    def ready(url: str) -> None:
        print(
            f"serving on {url}\n\n{CURL.format(url=url)}\nCtrl-C stops it; the events of each request follow.",
            flush=True,
        )

    build(folder, listeners=[PrintEvents()]).run(host=host, port=port, ready=ready)
    print("stopped", flush=True)


def main() -> int:
    """The command line of this script."""
    parser = argparse.ArgumentParser(description="The order service.")
    parser.add_argument("--check", action="store_true", help="drive the service and compare every answer")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument(
        "--folder", type=Path, help="where the SQLite files are kept (default: a temporary folder)"
    )
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if options.check:
            from check import check

            return check(folder)
        serve(folder, options.host, options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
