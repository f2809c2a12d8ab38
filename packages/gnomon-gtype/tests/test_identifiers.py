"""Rows for UUIDs, paths, IP addresses and compiled patterns, from Python and from JSON."""

from __future__ import annotations

import ipaddress as ip
import re
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Annotated
from uuid import UUID

import pytest

from gnomon_gtype import GType, UnsupportedAnnotation, UuidVersion

no = pytest.Refused
ID = UUID("12345678-1234-4678-9234-567812345678")

TABLE = [
    (UUID, "python", ID, ID),
    (UUID, "python", str(ID), no("wrong_type")),
    (UUID, "json", f'"{ID}"', ID),
    (UUID, "json", f'"{str(ID).upper()}"', ID),
    (UUID, "json", f'"{ID.hex}"', no("format")),
    (UUID, "json", f'"{{{ID}}}"', no("format")),
    (UUID, "json", f'"urn:uuid:{ID}"', no("format")),
    (UUID, "json", "1", no("wrong_type")),
    (Annotated[UUID, UuidVersion(4)], "json", f'"{ID}"', ID),
    (Annotated[UUID, UuidVersion(7)], "python", ID, no("format")),
    (Path, "python", Path("a"), Path("a")),
    (Path, "python", "a", no("wrong_type")),
    (Path, "json", '"a/b"', Path("a/b")),
    (Path, "json", '"a\\u0000b"', no("format")),
    (Path, "json", "1", no("wrong_type")),
    (PurePath, "json", '"a"', PurePath("a")),
    (PurePosixPath, "json", '"a"', PurePosixPath("a")),
    (PurePosixPath, "python", PureWindowsPath("a"), no("wrong_type")),
    (PureWindowsPath, "json", '"C:\\\\a"', PureWindowsPath("C:\\a")),
    (ip.IPv4Address, "python", ip.IPv4Address("127.0.0.1"), ip.IPv4Address("127.0.0.1")),
    (ip.IPv4Address, "python", ip.IPv4Interface("127.0.0.1"), no("wrong_type")),
    (ip.IPv4Address, "json", '"127.0.0.1"', ip.IPv4Address("127.0.0.1")),
    (ip.IPv4Address, "json", '"127.1"', no("format")),
    (ip.IPv4Address, "json", "2130706433", no("wrong_type")),
    (ip.IPv6Address, "json", '"::1"', ip.IPv6Address("::1")),
    (ip.IPv6Address, "python", ip.IPv4Address("127.0.0.1"), no("wrong_type")),
    (ip.IPv4Network, "json", '"10.0.0.0/8"', ip.IPv4Network("10.0.0.0/8")),
    (ip.IPv4Network, "json", '"10.0.0.1/8"', no("format")),
    (ip.IPv6Network, "json", '"fe80::/10"', ip.IPv6Network("fe80::/10")),
    (ip.IPv4Interface, "json", '"10.0.0.1/8"', ip.IPv4Interface("10.0.0.1/8")),
    (ip.IPv6Interface, "json", '"::1/64"', ip.IPv6Interface("::1/64")),
    (re.Pattern, "python", re.compile("a"), re.compile("a")),
    (re.Pattern, "python", re.compile(b"a"), no("wrong_type")),
    (re.Pattern[str], "json", '"a+"', re.compile("a+")),
    (re.Pattern, "json", '"("', no("format")),
    (re.Pattern, "json", "1", no("wrong_type")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)


@pytest.mark.parametrize(
    "annotation", [Annotated[UUID, UuidVersion(9)], Annotated[str, UuidVersion(4)], re.Pattern[bytes]]
)
def test_what_has_no_meaning_is_refused(annotation):
    with pytest.raises(UnsupportedAnnotation):
        GType(annotation)
