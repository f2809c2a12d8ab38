"""The corpus, whole, split at every byte boundary, and byte by byte: always the same answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import trio
from ingress_corpus import CASES, Case
from ingress_support import answers, echo, without_interim

from gnomon_ingress import Server

_EVERY_BYTE = 700


def statuses(written: bytes) -> tuple[int, ...]:
    found = [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3})", written)]
    return tuple(status for status in found if status != 100)


def run(test: Callable[[Server], Any]) -> None:
    async def main() -> None:
        await test(Server(echo))

    trio.run(main)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 300
    assert len({case.data for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    async def test(server: Server) -> None:
        whole = await answers(server, [case.data])
        assert statuses(whole) == case.statuses
        again = await answers(server, [case.data])
        assert again == whole, "remembered request lines change nothing"
        whole = without_interim(whole)
        length = len(case.data)
        cuts = range(1, length) if length <= _EVERY_BYTE else range(1, length, length // 97)
        for cut in cuts:
            pieces = [case.data[:cut], case.data[cut:]]
            assert without_interim(await answers(server, pieces)) == whole, f"split at {cut}"
        if length <= _EVERY_BYTE:
            pieces = [case.data[n : n + 1] for n in range(length)]
            assert without_interim(await answers(server, pieces)) == whole, "byte by byte"

    run(test)
