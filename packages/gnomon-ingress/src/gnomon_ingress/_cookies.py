"""Cookies in both directions (RFC 6265, with SameSite)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

from ._errors import InvalidHeader

SameSite = Literal["strict", "lax", "none"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")


def parse_cookies(header: str) -> dict[str, str]:
    """Read a Cookie header; pieces that are not ``name=value`` are skipped, the first of equal names wins.

    >>> parse_cookies('session=abc; theme="dark"; nonsense')
    {'session': 'abc', 'theme': 'dark'}
    """
    cookies: dict[str, str] = {}
    for piece in header.split(";"):
        name, equals, value = piece.strip(" \t").partition("=")
        if not equals or not name:
            continue
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        cookies.setdefault(name, value)
    return cookies


def format_cookie(
    name: str,
    value: str,
    *,
    max_age: float | None = None,
    expires: datetime | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = True,
    http_only: bool = True,
    same_site: SameSite | None = "lax",
) -> str:
    """Write one Set-Cookie value.

    Args:
        name: Its name, a token.
        value: Its value, printable ASCII without blanks, commas, semicolons, quotes and backslashes.
        path: The paths it is sent to.
        domain: The hosts it is sent to; ``None`` means this host alone.
        secure: Whether it travels over HTTPS only.
        http_only: Whether scripts of the page are kept from it.
        same_site: Whether requests from other sites carry it.
        max_age: Seconds to keep it; 0 deletes it, ``None`` ends it with the browser's session.
        expires: The same as a point in time, timezone-aware.

    Raises:
        InvalidHeader: A name, value or attribute has a character that a cookie cannot carry, or the attributes
            contradict each other (``SameSite=None`` and the ``__Secure-`` and ``__Host-`` prefixes need ``secure``).

    >>> format_cookie("session", "abc", max_age=60)
    'session=abc; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax'
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidHeader(f"{name!r} is not a cookie name: only letters, digits and !#$%&'*+-.^_`|~ are")
    if _VALUE.fullmatch(value) is None:
        raise InvalidHeader(
            f"the value of cookie {name!r} has a character a cookie cannot carry: encode it (base64url)"
        )
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age)}")
    if expires is not None:
        parts.append(f"Expires={_http_date(expires)}")
    for key, attribute in (("Domain", domain), ("Path", path)):
        if attribute is not None:
            if _ATTRIBUTE.fullmatch(attribute) is None:
                raise InvalidHeader(
                    f"{key} of cookie {name!r} has a character a cookie attribute cannot carry"
                )
            parts.append(f"{key}={attribute}")
    _check_prefixes(name, secure=secure, path=path, domain=domain, same_site=same_site)
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    if same_site is not None:
        if same_site not in ("strict", "lax", "none"):
            raise InvalidHeader(f"SameSite of cookie {name!r} is strict, lax or none, not {same_site!r}")
        parts.append(f"SameSite={same_site.capitalize()}")
    return "; ".join(parts)


def _check_prefixes(
    name: str, *, secure: bool, path: str | None, domain: str | None, same_site: SameSite | None
) -> None:
    # Browsers drop such cookies silently, so the mistake is reported where it is made. They do not look at the case.
    lowered = name.lower()
    if not secure and (same_site == "none" or lowered.startswith(("__secure-", "__host-"))):
        raise InvalidHeader(f"cookie {name!r} must be secure: SameSite=None and the __ prefixes demand it")
    if lowered.startswith("__host-") and (path != "/" or domain is not None):
        raise InvalidHeader(
            f"cookie {name!r} must have path='/' and no domain: the __Host- prefix demands it"
        )


def _http_date(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise InvalidHeader("expires must be a timezone-aware datetime")
    return format_datetime(moment.astimezone(UTC), usegmt=True)
