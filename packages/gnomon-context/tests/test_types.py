"""What a type checker knows of values, modules and tasks."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

PROGRAM = """
    from typing import Any, Protocol, assert_type

    from gnomon_context import (
        ContextKey,
        GlobalContext,
        LocalContext,
        ModuleKey,
        ModuleLookup,
        TrackedTask,
        open_global_context,
    )


    class Orders: ...


    class Modules(ModuleLookup, Protocol):
        @property
        def orders(self) -> Orders: ...


    USER: ContextKey[int] = ContextKey("user")
    ORDERS = ModuleKey("orders", Orders)


    async def work(number: int) -> str:
        return str(number)


    async def use(gctx: GlobalContext[Modules], lctx: LocalContext) -> None:
        assert_type(lctx.get(USER), int | None)
        assert_type(lctx.get(USER, 3), int)
        assert_type(lctx.get("user"), Any)
        assert_type(USER == "user", bool)
        lctx.set(USER, 3)
        lctx.set("user", "three")
        lctx.delete(USER)
        assert_type(gctx.modules.orders, Orders)
        assert_type(gctx.modules[Orders], Orders)
        assert_type(gctx.modules[ORDERS], Orders)
        assert_type(await gctx.start_module(ORDERS), Orders)
        assert_type(gctx.view(), GlobalContext[Modules])
        assert_type(lctx.start_soon(work, 1), TrackedTask)
        lctx.set(USER, "three")  # error: misc
        gctx.modules.order  # error: attr-defined
        lctx.before(3)  # error: type-var
        lctx.on_cleanup(print, retries=3)  # error: call-arg


    async def untyped(gctx: GlobalContext) -> None:
        assert_type(gctx.modules, Any)
        async with open_global_context(gctx) as same:
            assert_type(same, GlobalContext[Any])
"""


def test_what_a_checker_knows(tmp_path: Path) -> None:
    program = textwrap.dedent(PROGRAM)
    (tmp_path / "program.py").write_text(program)
    expected = {
        (number, line.partition("# error: ")[2])
        for number, line in enumerate(program.splitlines(), 1)
        if "# error: " in line
    }
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"]
    command += ["--cache-dir", str(tmp_path / "cache"), "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = {
        (int(line.split(":")[1]), line.rpartition("[")[2].rstrip("]"))
        for line in done.stdout.splitlines()
        if ": error: " in line
    }
    assert found == expected, done.stdout + done.stderr
