"""What runs around the handlers."""

from typing import TYPE_CHECKING, Any

from gnomon import ContextKey, GlobalContext, HttpError, LocalContext, Request, Response, after, before, catch

from .shapes import NewOrder
from .store import OutOfStock

if TYPE_CHECKING:
    from .handlers import Modules

STARTED = ContextKey[float]("orders.started")


@before(at="received")
def start_timer(lctx: LocalContext) -> None:
    """Every request is timed, those that find no route too."""
    lctx.set(STARTED, lctx.monotonic())


@after
def describe_request(res: Response[Any], lctx: LocalContext) -> None:
    """Tell the client which request this was and what it took, on every answer."""
    took = lctx.monotonic() - lctx.get(STARTED, lctx.monotonic())
    res.header("Request-Id", lctx.meta.request_id).header("Server-Timing", f"total;dur={took * 1000:.1f}")


@before(level="route", timeout=1.0)
async def check_stock(req: Request[NewOrder], gctx: "GlobalContext[Modules]") -> None:
    """Refuse early what the shelf does not hold."""
    left = await gctx.modules.orders.left(req.body["sku"])
    if left < req.body["quantity"]:
        raise OutOfStock(req.body["sku"], left)


@catch(level="route")
def explain_out_of_stock(res: Response[Any], error: BaseException) -> None:
    """An empty shelf is an answer, not an error of ours."""
    if isinstance(error, OutOfStock):
        res.status(409).json({"reason": "out_of_stock", "sku": error.sku})


@catch
async def keep_failures(
    req: Request[Any],
    res: Response[Any],
    lctx: LocalContext,
    gctx: "GlobalContext[Modules]",
    error: BaseException,
) -> None:
    """Keep a snapshot of every request that failed for a reason nobody foresaw."""
    if not isinstance(error, HttpError | OutOfStock):
        await gctx.modules.failures.write(req, res, lctx)
