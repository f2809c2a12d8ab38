"""Named formats of text: each an exact set of strings, given by a pattern, a longest length and, where needed, a check."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A named set of strings.

    Args:
        name: what `String.format` says, and what JSON Schema's `format` says where the standard has a word for it.
        expected: how a message names it, such as `an e-mail address`.
        pattern: matched by every member; together with the lengths it is the whole definition unless `check` is given.
        min_length: shortest length in code points.
        max_length: longest length in code points.
        check: a function that is true for members only, where the set is not regular.
        standard: the JSON Schema word for it, if there is one.
    """

    name: str
    expected: str
    pattern: str
    min_length: int = 0
    max_length: int | None = None
    check: Callable[[str], bool] | None = None
    standard: str | None = None


def _is_json(text: str) -> bool:
    def refuse(token: str) -> object:
        raise ValueError(token)

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_AUTHORITY = rf"(?:{_HOST}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?"
_URL_TAIL = r"(?:[/?#][!-~]*)?"

FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        # the definition that browsers use for <input type=email> (WHATWG HTML), with the length limit of RFC 5321
        Format(
            name="email",
            expected="an e-mail address",
            pattern=rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_HOST}$",
            max_length=254,
            standard="email",
        ),
        Format(
            name="hostname", expected="a host name", pattern=f"^{_HOST}$", max_length=253, standard="hostname"
        ),
        Format(
            name="http-url",
            expected="an http or https URL",
            pattern=f"^[Hh][Tt][Tt][Pp][Ss]?://{_AUTHORITY}{_URL_TAIL}$",
            max_length=2083,
            standard="uri",
        ),
        Format(
            name="url",
            expected="an absolute URL",
            pattern=f"^[A-Za-z][A-Za-z0-9+.-]*://(?:[!-.0->@-~]*@)?(?:{_AUTHORITY})?{_URL_TAIL}$",
            max_length=2083,
            standard="uri",
        ),
        Format(
            name="uuid",
            expected="a UUID with hyphens",
            pattern="^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
            standard="uuid",
        ),
        Format(
            name="slug",
            expected="lower-case words joined by single hyphens",
            pattern="^[a-z0-9]+(?:-[a-z0-9]+)*$",
        ),
        # RFC 4648 section 4: the standard alphabet, padded
        Format(
            name="base64",
            expected="base64 text",
            pattern="^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        ),
        Format(name="json", expected="JSON text", pattern="", check=_is_json),
    )
}
