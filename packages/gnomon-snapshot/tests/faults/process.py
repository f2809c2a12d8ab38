"""Runs with `writes.c` preloaded: does the same work again and again, each time with a fault one change later."""

import ctypes
import itertools
import json
import os
import sys
from pathlib import Path

import trio

from gnomon_snapshot import Retention, SqliteStore, StoreError, export_snapshots
from gnomon_snapshot.testing import make_snapshot

BIG = {"x": "x" * 9000}
EXPORT = "export"


def put(*numbers, state=None):
    return lambda store: store.put(*(make_snapshot(number, state=state) for number in numbers))


# What is done, and which snapshots there are afterwards.
WORK = (
    (put(1), {1}),
    (put(2, 3, state=BIG), {1, 2, 3}),
    (put(1, state=BIG), {1, 2, 3}),
    (lambda store: store.delete(make_snapshot(2).request_id), {1, 3}),
    (put(4, 5), {1, 3, 4, 5}),
    (lambda store: store.prune(Retention(count=2)), {4, 5}),
)


async def numbers_in(store):
    summaries = (await store.list(limit=1000)).summaries
    for summary in summaries:
        assert (await store.get(summary.request_id)).digest == summary.digest
    return {int(summary.request_id, 16) for summary in summaries}


def killed(shim, mode, folder, first, stride):
    """A process that dies at the nth change, for each n; says how much of the work it knew to be done."""
    for number in itertools.count(first, stride):
        path = f"{folder}/{number}.sqlite3"
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)

            async def work(path=path, theirs=theirs):
                async with SqliteStore(path) as store:
                    for act, _ in WORK:
                        await act(store)
                        os.write(theirs, b".")
                    await export_snapshots(store, f"{path}.{EXPORT}")

            shim.faults_arm(mode, number)
            trio.run(work)
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            done = len(pipe.read())
        _, status = os.waitpid(child, 0)
        print(json.dumps([path, done, status]), flush=True)
        if status == 0:
            return


def failing(shim, mode, folder, first, stride):
    """Changes that fail: the store says so, keeps all or nothing of each, and goes on when the disk does."""
    for number in itertools.count(first, stride):
        path = f"{folder}/{number}.sqlite3"

        async def work(path=path, number=number):
            failures = 0
            store = SqliteStore(path)
            shim.faults_arm(mode, number)
            before = set()
            for act, after in WORK:
                try:
                    await act(store)
                except StoreError as error:
                    failures += 1
                    assert "full" in str(error) or "disk I/O" in str(error) or "extend" in str(error), error
                    shim.faults_arm(0, 0)
                    found = await numbers_in(store)
                    assert found in (before, after), (number, before, found, after)
                    await act(store)
                before = await numbers_in(store)
                assert before == after, (number, before, after)
            try:
                await export_snapshots(store, f"{path}.{EXPORT}")
            except OSError:
                failures += 1
                assert not Path(f"{path}.{EXPORT}").exists()
            struck = shim.faults_count() >= number
            shim.faults_arm(0, 0)
            await store.aclose()
            return failures, struck

        failures, struck = trio.run(work)
        print(json.dumps([number, failures]), flush=True)
        if not struck and not failures:
            return


if __name__ == "__main__":
    kind, mode, folder, first, stride = sys.argv[1:]
    {"killed": killed, "failing": failing}[kind](
        ctypes.CDLL(None), int(mode), folder, int(first), int(stride)
    )
