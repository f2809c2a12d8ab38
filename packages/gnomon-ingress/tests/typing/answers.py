"""What type checkers hold the answers of a handler to: the marked lines are wrong, and no other."""

from typing import TypedDict

from gnomon_ingress import Request, Response


class Order(TypedDict):
    id: str


class Refusal(TypedDict):
    reason: str


async def create(req: Request[Order], res: Response[Order]) -> None:
    order: Order = {"id": "a1"}
    refusal: Refusal = {"reason": "duplicate"}
    res.json(order)
    res.status(201).json(order)
    res.status(202).header("X-Queue", "7").json(order)
    # What is declared for another status with responses={409: Refusal}.
    res.status(409).json(refusal)
    res.status(410).json(None)
    res.status(len(order)).json(refusal)
    res.json(refusal)  # error
    res.status(200).json(refusal)  # error
    res.status(201).header("X-Queue", "7").json(refusal)  # error
    res.status("201")  # error
