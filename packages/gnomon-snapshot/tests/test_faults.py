"""Disks that are full or broken, and processes that die, at every single change of a file."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from gnomon_snapshot import MemoryStore, SqliteStore, import_snapshots

FAULTS = Path(__file__).parent / "faults"
COMPILER = shutil.which("cc")
# Each step takes a process of its own: by default every ninth change, in the slow profile every one.
EVERY = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
STRIDE = 1 if EVERY else 9

pytestmark = pytest.mark.skipif(
    COMPILER is None or sys.platform != "linux",
    reason="the faults are made by a library that a C compiler makes",
)


def load_process():
    spec = importlib.util.spec_from_file_location("gnomon_snapshot_faults", FAULTS / "process.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    library = tmp_path_factory.mktemp("faults") / "writes.so"
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-o", str(library), str(FAULTS / "writes.c"), "-ldl"], check=True
    )
    return library


def run(preload, *arguments):
    done = subprocess.run(
        [sys.executable, str(FAULTS / "process.py"), *map(str, arguments)],
        env={**os.environ, "LD_PRELOAD": str(preload)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("mode", [1, 2], ids=["before the change", "in the middle of it"])
def test_killed_at_every_change(preload, tmp_path, mode):
    """The store opens, and holds what was acknowledged, and of the rest all or nothing."""
    process = load_process()
    states = [set(), *(after for _, after in process.WORK)]
    ends = run(preload, "killed", mode, tmp_path, mode, STRIDE)
    assert len(ends) > 100 / STRIDE
    assert ends[-1][1:] == [len(process.WORK), 0]
    exports = 0

    async def look(path, done):
        nonlocal exports
        async with SqliteStore(path) as store:
            assert await process.numbers_in(store) in states[done : done + 2]
            await store.put(process.make_snapshot(77))
            assert 77 in await process.numbers_in(store)
        exported = Path(f"{path}.{process.EXPORT}")
        if exported.exists():  # then it is whole
            exports += 1
            assert await import_snapshots(MemoryStore(), exported) == 2

    for path, done, _ in ends:
        trio.run(look, path, done)
    assert exports


@pytest.mark.parametrize("mode", [3, 4, 5], ids=["full once", "full", "broken once"])
def test_failing_at_every_change(preload, tmp_path, mode):
    """The store says so, holds all or nothing of what was under way, and works when the disk does."""
    ends = run(preload, "failing", mode, tmp_path, mode, STRIDE)
    assert len(ends) > 100 / STRIDE
    # what fails while SQLite tidies up is made good later, and is no failure of anybody
    assert sum(failures > 0 for _, failures in ends) > len(ends) / 2
