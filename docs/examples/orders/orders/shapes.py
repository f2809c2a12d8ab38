"""What travels over the wire."""

from typing import Annotated, TypedDict

from gnomon.types import Email, Max, Min, MinLength


class NewOrder(TypedDict):
    """What a buyer sends."""

    email: Email
    sku: Annotated[str, MinLength(3)]
    quantity: Annotated[int, Min(1), Max(1000)]


class Order(NewOrder):
    """What the service keeps and answers."""

    id: str


class Page(TypedDict):
    """The query of a listing."""

    limit: Annotated[int, Min(1), Max(100)]


class Orders(TypedDict):
    """A listing."""

    orders: list[Order]


class Average(TypedDict):
    """A figure over the newest orders."""

    quantity: float


class Refusal(TypedDict):
    """The body of a 409: why the order can not be taken."""

    reason: str
    sku: str


class Failure(TypedDict):
    """What a snapshot tells of a request that failed."""

    request_id: str
    phase: str
    path: str
