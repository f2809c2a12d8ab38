"""Orders, stock and credit in one SQLite file, used from threads so that the loop never waits for a disk."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from .shapes import NewOrder, Order

T = TypeVar("T")

SCHEMA = """
create table if not exists orders (id text primary key, email text not null, sku text not null, quantity integer not null);
create table if not exists stock (sku text primary key, quantity integer not null check (quantity >= 0));
create table if not exists spent (email text primary key, quantity integer not null);
"""
STOCK = {"gnomon-brass": 500, "gnomon-slate": 20}
CREDIT = 300


class OutOfStock(Exception):
    """There is less of an article than was ordered."""

    def __init__(self, sku: str, left: int) -> None:
        super().__init__(f"{left} of {sku} left")
        self.sku = sku


class CreditExceeded(Exception):
    """A buyer has ordered more than the house gives credit for."""


class OrderStore:
    """The service's only way to the database: one connection, one statement at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = trio.Lock()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def in_transaction() -> T:
            with self._connection:
                return work(self._connection)

        async with self._turn:
            return await trio.to_thread.run_sync(in_transaction)

    async def left(self, sku: str) -> int:
        """How many of an article can still be ordered."""
        rows = await self._run(
            lambda db: db.execute("select quantity from stock where sku = ?", (sku,)).fetchall()
        )
        return int(rows[0][0]) if rows else 0

    async def create(self, order_id: str, new: NewOrder) -> Order:
        """Take an order and its goods off the shelf.

        Raises:
            OutOfStock: Somebody was faster.
        """
        order: Order = {"id": order_id, "email": new["email"], "sku": new["sku"], "quantity": new["quantity"]}

        def work(db: sqlite3.Connection) -> None:
            taken = db.execute(
                "update stock set quantity = quantity - ? where sku = ? and quantity >= ?",
                (order["quantity"], order["sku"], order["quantity"]),
            )
            if not taken.rowcount:
                raise OutOfStock(order["sku"], 0)
            db.execute("insert into orders values (:id, :email, :sku, :quantity)", order)

        await self._run(work)
        return order

    async def cancel(self, order_id: str) -> bool:
        """Undo an order and put its goods back; ``False`` if there is none of that id."""

        def work(db: sqlite3.Connection) -> bool:
            row = db.execute(
                "delete from orders where id = ? returning sku, quantity", (order_id,)
            ).fetchone()
            if row is None:
                return False
            db.execute("update stock set quantity = quantity + ? where sku = ?", (row[1], row[0]))
            return True

        return await self._run(work)

    async def charge(self, email: str, quantity: int) -> None:
        """Put an order on a buyer's account.

        Raises:
            CreditExceeded: The account would go over the house limit.
        """

        def work(db: sqlite3.Connection) -> None:
            row = db.execute("select quantity from spent where email = ?", (email,)).fetchone()
            spent = quantity + (row[0] if row else 0)
            if spent > CREDIT:
                raise CreditExceeded(email)
            db.execute("insert or replace into spent values (?, ?)", (email, spent))

        await self._run(work)

    async def get(self, order_id: str) -> Order | None:
        """One order, if there is one of that id."""
        found = await self._orders("where id = ?", order_id)
        return found[0] if found else None

    async def newest(self, limit: int) -> list[Order]:
        """The last orders taken, newest first."""
        return await self._orders("order by rowid desc limit ?", limit)

    async def _orders(self, rest: str, *values: object) -> list[Order]:
        statement = f"select id, email, sku, quantity from orders {rest}"
        rows = await self._run(lambda db: db.execute(statement, values).fetchall())
        return [{"id": row[0], "email": row[1], "sku": row[2], "quantity": row[3]} for row in rows]


@asynccontextmanager
async def open_store(path: str) -> AsyncIterator[OrderStore]:
    """Open the database for as long as the application lives.

    Args:
        path: The SQLite file; it is made, and its shelves filled, if it is new.
    """
    connection = await trio.to_thread.run_sync(lambda: sqlite3.connect(path, check_same_thread=False))
    try:
        await trio.to_thread.run_sync(_prepare, connection)
        yield OrderStore(connection)
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    connection.executescript(SCHEMA)
    with connection:
        connection.executemany("insert or ignore into stock values (?, ?)", STOCK.items())
