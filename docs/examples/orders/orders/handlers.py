"""The routes of the service."""

from typing import Protocol

from gnomon import GlobalContext, HttpError, LocalContext, Request, Response, delete, get, post

from .failures import FailureLog
from .hooks import check_stock, explain_out_of_stock
from .shapes import Average, Failure, NewOrder, Order, Orders, Page, Refusal
from .store import CreditExceeded, OrderStore


class Modules(Protocol):
    """What the handlers need of the application."""

    orders: OrderStore
    failures: FailureLog


@post("/orders", before=[check_stock], catch=[explain_out_of_stock], timeout=2.0, responses={409: Refusal})
async def create_order(
    req: Request[NewOrder], res: Response[Order], lctx: LocalContext, gctx: GlobalContext[Modules]
) -> None:
    """Place an order."""
    store = gctx.modules.orders
    order = await store.create(str(lctx.uuid()), req.body)
    lctx.compensate(store.cancel, order["id"])  # undone if this request fails before it is answered
    try:
        await store.charge(order["email"], order["quantity"])
    except CreditExceeded as error:
        raise HttpError(402, "credit_exceeded", "Your account does not cover this order.") from error
    res.status(201).header("Location", f"/orders/{order['id']}").json(order)


@get("/orders/{id}")
async def read_order(
    req: Request[None], res: Response[Order], lctx: LocalContext, gctx: GlobalContext[Modules]
) -> None:
    """One order."""
    order = await gctx.modules.orders.get(req.params["id"])
    if order is None:
        raise HttpError(404, "no_such_order", "There is no order with this id.")
    res.json(order)


@get("/orders")
async def list_orders(
    req: Request[None, Page], res: Response[Orders], lctx: LocalContext, gctx: GlobalContext[Modules]
) -> None:
    """The newest orders."""
    res.json({"orders": await gctx.modules.orders.newest(req.query["limit"])})


@delete("/orders/{id}")
async def cancel_order(
    req: Request[None], res: Response[None], lctx: LocalContext, gctx: GlobalContext[Modules]
) -> None:
    """Cancel an order and put its goods back."""
    if not await gctx.modules.orders.cancel(req.params["id"]):
        raise HttpError(404, "no_such_order", "There is no order with this id.")
    res.empty()


@get("/orders/average")
async def average_quantity(
    req: Request[None], res: Response[Average], lctx: LocalContext, gctx: GlobalContext[Modules]
) -> None:
    """How much an order asks for on average. Nobody thought of the day with no orders."""
    orders = await gctx.modules.orders.newest(100)
    res.json({"quantity": sum(order["quantity"] for order in orders) / len(orders)})


@get("/failures/{request_id}")
async def read_failure(
    req: Request[None], res: Response[Failure], lctx: LocalContext, gctx: GlobalContext[Modules]
) -> None:
    """What the snapshot of a failed request says."""
    failure = await gctx.modules.failures.read(req.params["request_id"])
    if failure is None:
        raise HttpError(404, "no_such_failure", "No failed request has this id.")
    res.json(failure)
