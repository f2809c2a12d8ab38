"""Drive the order service with a real client, in a process of its own, and compare every answer."""

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from orders.app import build
from orders.store import STOCK

from gnomon_manifest import build as build_manifest

HERE = Path(__file__).parent
ORDER = {"email": "ada@example.org", "sku": "gnomon-brass", "quantity": 2}


class Checks:
    """Counts what was compared and says what differs."""

    def __init__(self) -> None:
        self.failed = 0
        self.passed = 0

    def same(self, what: str, found: object, wanted: object) -> None:
        """Compare two values."""
        if found == wanted:
            self.passed += 1
            print(f"ok   {what}")
        else:
            self.failed += 1
            print(f"FAIL {what}\n     found  {found!r}\n     wanted {wanted!r}")

    def problem(self, what: str, answer: httpx.Response, status: int, *pointers: str) -> None:
        """Compare an answer with problem details, and look for anything internal in it."""
        self.same(f"{what}: status", answer.status_code, status)
        self.same(f"{what}: media type", answer.headers["content-type"], "application/problem+json")
        document: dict[str, Any] = answer.json()
        self.same(f"{what}: status in the document", document["status"], status)
        self.same(
            f"{what}: places", sorted(e["pointer"] for e in document.get("errors", [])), sorted(pointers)
        )
        for error in document.get("errors", []):
            self.same(
                f"{what}: parts of {error['pointer']}",
                {"pointer", "code", "message", "expected"} <= set(error),
                True,
            )
        inside = [word for word in ("Traceback", "site-packages", ".py", "Error:") if word in answer.text]
        self.same(f"{what}: nothing internal", inside, [])


@contextmanager
def served(folder: Path, checks: Checks) -> Iterator[str]:
    """The service in a process of its own; on the way out it is interrupted and must stop cleanly."""
    command = [sys.executable, str(HERE / "demo.py"), "--port", "0", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            match = re.match(r"serving on (http://\S+)", process.stdout.readline())
            if match is None:
                raise SystemExit("the service did not start")
            yield match[1]
        finally:
            process.send_signal(signal.SIGINT)
            rest = _rest_of(process)
            checks.same(
                "Ctrl-C stops it cleanly", (process.returncode, rest.splitlines()[-1]), (0, "stopped")
            )
            print(f"\nThe events it printed, the last of {len(rest.splitlines())} lines:")
            print("\n".join(rest.splitlines()[-6:]))


def _rest_of(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=20)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0] + "it did not stop and was killed\n"


def check(folder: Path) -> int:
    """Run all checks; returns 0 if every answer was as it should be."""
    checks = Checks()
    with served(folder, checks) as url, httpx.Client(base_url=url, timeout=10) as client:
        failures(checks, client)
        orders(checks, client)
        refusals(checks, client)
        undone(checks, client)
    consistent(checks, folder)
    manifest(checks)
    print(f"\n{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


def failures(checks: Checks, client: httpx.Client) -> None:
    """A handler that raises: 500, a snapshot that can be read back, and the server goes on."""
    answer = client.get("/orders/average")
    checks.problem("a handler that raises", answer, 500)
    request_id = answer.headers["request-id"]
    told = client.get(f"/failures/{request_id}")
    checks.same(
        "its snapshot is read back", (told.status_code, told.json()["path"]), (200, "/orders/average")
    )
    checks.problem("a failure nobody had", client.get("/failures/unheard-of"), 404)


def orders(checks: Checks, client: httpx.Client) -> None:
    """The ordinary course of things."""
    created = client.post("/orders", json={**ORDER, "note": "an unknown key is dropped"})
    checks.same("an order is taken", created.status_code, 201)
    order = created.json()
    checks.same("it is what was ordered", {**order, "id": None}, {**ORDER, "id": None})
    checks.same("it says where it is", created.headers["location"], f"/orders/{order['id']}")
    checks.same("it is timed", created.headers["server-timing"].startswith("total;dur="), True)
    checks.same("it can be read", client.get(created.headers["location"]).json(), order)
    checks.same("it is listed", client.get("/orders", params={"limit": 10}).json(), {"orders": [order]})
    checks.same("an average", client.get("/orders/average").json(), {"quantity": 2.0})
    checks.same("HEAD has no body", client.head(created.headers["location"]).content, b"")
    gone = client.delete(created.headers["location"])
    checks.same("it can be cancelled", (gone.status_code, gone.content), (204, b""))
    checks.problem("a cancelled order", client.get(created.headers["location"]), 404)
    checks.problem("cancelled twice", client.delete(created.headers["location"]), 404)


def refusals(checks: Checks, client: httpx.Client) -> None:
    """Bad input gets its status and says where it is wrong."""
    json = {"content-type": "application/json"}
    checks.problem("invalid JSON", client.post("/orders", content=b'{"email": ', headers=json), 400, "")
    wrong = {"email": "ada", "sku": 7, "quantity": 0}
    checks.problem("wrong types", client.post("/orders", json=wrong), 400, "/email", "/sku", "/quantity")
    checks.problem("missing keys", client.post("/orders", json={}), 400, "/email", "/sku", "/quantity")
    checks.problem(
        "no JSON at all", client.post("/orders", content=b"x", headers={"content-type": "text/plain"}), 415
    )
    checks.problem("a listing without a limit", client.get("/orders"), 400, "/limit")
    checks.problem("a limit of nothing", client.get("/orders?limit=0"), 400, "/limit")
    checks.problem(
        "a body over the limit", client.post("/orders", content=b" " * 3_000_000, headers=json), 413
    )
    nowhere = client.get("/nowhere")
    checks.problem("an unknown route", nowhere, 404)
    checks.same("after hooks run on a 404 too", "server-timing" in nowhere.headers, True)
    other = client.put("/orders", json={})
    checks.problem("a wrong method", other, 405)
    checks.same("it says which are right", other.headers["allow"], "GET, HEAD, POST")
    empty = client.post("/orders", json={**ORDER, "sku": "gnomon-slate", "quantity": 21})
    checks.same(
        "out of stock",
        (empty.status_code, empty.json()),
        (409, {"reason": "out_of_stock", "sku": "gnomon-slate"}),
    )


def undone(checks: Checks, client: httpx.Client) -> None:
    """A request that fails half-way leaves nothing behind."""
    big = {**ORDER, "email": "grace@example.org", "quantity": 200}
    checks.same("within credit", client.post("/orders", json=big).status_code, 201)
    checks.problem("beyond credit", client.post("/orders", json=big), 402)
    listed = client.get("/orders", params={"limit": 100}).json()["orders"]
    checks.same("the refused order was undone", [order["quantity"] for order in listed], [200])


def consistent(checks: Checks, folder: Path) -> None:
    """What left the shelves is what was ordered."""
    with sqlite3.connect(folder / "orders.sqlite3") as database:
        left = dict(database.execute("select sku, quantity from stock"))
        ordered = dict(database.execute("select sku, sum(quantity) from orders group by sku"))
    database.close()
    checks.same("the store is consistent", {sku: left[sku] + ordered.get(sku, 0) for sku in STOCK}, STOCK)


def manifest(checks: Checks) -> None:
    """Reading the source finds the routes that the running application has."""
    read = {
        (method, handler.path)
        for handler in build_manifest(HERE / "orders").handlers
        for method in handler.methods
    }
    checks.same(
        "the manifest has every route", read, {(route.method, route.path) for route in build().routes}
    )
