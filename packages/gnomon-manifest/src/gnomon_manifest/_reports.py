"""Manifests and findings for people and for other tools: text, Markdown, Mermaid, SARIF."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

from ._bodies import is_raw
from ._components import Components
from ._findings import CODES, Finding
from ._manifest import Manifest
from ._model import Handler, HandlerTypes
from ._openapi import phrase
from ._operations import errors_of
from ._plain import one_line
from ._typescript import expression

__all__ = ["markdown", "mermaid", "sarif", "table"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def table(manifest: Manifest) -> str:
    """The routes of a manifest as aligned text, one line for each handler."""
    rows = [
        (
            ",".join(handler.methods) or "-",
            handler.path or "-",
            handler.id,
            handler.contract[:8],
            handler.fingerprint[:8],
        )
        for handler in sorted(
            manifest.handlers, key=lambda handler: (handler.path or "", handler.methods, handler.id)
        )
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return "\n".join(
        "  ".join(one_line(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", one_line(text))


def _code(text: str) -> str:
    """A code span that no text can close (CommonMark, section 6.1)."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    flat = one_line(text)
    return f"{fence} {flat} {fence}" if longest else f"`{flat}`"


def markdown(manifest: Manifest, *, title: str = "API") -> str:
    """A reference of all handlers in Markdown.

    Args:
        manifest: what to describe.
        title: heading of the page.

    >>> from gnomon_manifest import Manifest, markdown
    >>> print(markdown(Manifest()))
    # API
    <BLANKLINE>
    """
    lines = [f"# {_escaped(title)}", ""]
    for handler in sorted(
        manifest.handlers, key=lambda handler: (handler.path or "", handler.methods, handler.id)
    ):
        lines += _section(handler, manifest)
    return "\n".join(lines)


def _section(handler: Handler, manifest: Manifest) -> list[str]:
    heading = f"{', '.join(handler.methods)} {handler.path}" if handler.path is not None else handler.id
    lines = [f"## {_code(heading)}", ""]
    lines += (
        [
            f"**Deprecated.** {_escaped(handler.deprecated if isinstance(handler.deprecated, str) else '')}".strip(),
            "",
        ]
        if handler.deprecated
        else []
    )
    lines += [_escaped(text) + "\n" for text in (handler.summary, handler.description) if text]
    lines += [
        "| part | value |",
        "| --- | --- |",
        f"| handler | {_cell(handler.id)} at {_cell(str(handler.source))} |",
    ]
    policies = handler.policies
    if policies.roles:
        lines.append(f"| roles | {', '.join(map(_cell, policies.roles))} |")
    if policies.rate_limit:
        rate = policies.rate_limit
        lines.append(f"| rate limit | {rate.limit} in {rate.window:g} s, {rate.burst} at once |")
    if policies.body_limit is not None:
        lines.append(f"| body limit | {policies.body_limit} bytes |")
    if policies.timeout is not None:
        shown = f"{policies.timeout:g} s" if policies.timeout < math.inf else "none"
        lines.append(f"| timeout | {shown} |")
    for part in ("query", "headers", "body", "receives", "sends"):
        digest = getattr(handler.types, part)
        if digest is not None:
            raw = part == "body" and is_raw(handler.types)
            lines.append(f"| {part} | {'any bytes' if raw else _named(digest, manifest)} |")
    for status, digest in handler.types.responses.items():
        shown = _body(handler.types, status, digest, manifest)
        lines.append(f"| answer | {status} {phrase(status)}{shown} |")
    for status, codes in errors_of(handler).items():
        shown = f": {', '.join(map(_cell, codes))}" if codes else ""
        lines.append(f"| error | {status} {phrase(status)}{shown} |")
    for hook in handler.hooks:
        lines.append(f"| {hook.point} | {_cell(hook.name)} ({hook.level}) |")
    lines += [f"| module | {_cell(module.name)} |" for module in handler.modules]
    return [*lines, ""]


def _body(types: HandlerTypes, status: int, digest: str | None, manifest: Manifest) -> str:
    """The body of an answer: its type, and how it is sent where that is not JSON alone."""
    media = types.media.get(status, ())
    ways = f" as {', '.join(map(_cell, media))}" if media and media != ("application/json",) else ""
    if digest is not None:
        return f": {_named(digest, manifest)}{ways}"
    if not (types.stream and media):
        return ""
    items = f" of {_named(types.items, manifest)}" if types.items is not None else ""
    return f": a stream{items}{ways}"


def _cell(text: str) -> str:
    """A code span in a table, where a bar would end the cell."""
    return _code(text).replace("|", "\\|")


def _named(digest: str, manifest: Manifest) -> str:
    components = Components(manifest, prefix="#/")
    return _cell(expression(components.schema(digest, "validation"), components.prefix))


def mermaid(manifest: Manifest) -> str:
    """A flow chart of hooks, handlers and modules in Mermaid.

    >>> from gnomon_manifest import Manifest, mermaid
    >>> print(mermaid(Manifest()))
    flowchart LR
    """
    lines = ["flowchart LR"]
    names: dict[tuple[str, str], str] = {}

    def node(kind: str, name: str, left: str, right: str) -> str:
        key = (kind, name)
        if key not in names:
            names[key] = f"{kind}{len(names)}"
            # entities are how Mermaid quotes text: nothing in a name can end the label
            text = "".join(c if c.isalnum() or c in " ./-_:,@" else f"#{ord(c)};" for c in name) or " "
            lines.append(f'    {names[key]}{left}"{text}"{right}')
        return names[key]

    for handler in manifest.handlers:
        label = f"{','.join(handler.methods)} {handler.path}" if handler.path is not None else handler.id
        this = node("handler", f"{label} {handler.id}", "[", "]")
        for hook in handler.hooks:
            other = node("hook", f"{hook.point} {hook.name}", "(", ")")
            lines.append(f"    {other} --> {this}" if hook.point == "before" else f"    {this} --> {other}")
        modules = [node("module", module.name, "[(", ")]") for module in handler.modules]
        lines.extend(f"    {this} -.-> {module}" for module in modules)
    return "\n".join(lines)


def sarif(findings: Iterable[Finding]) -> dict[str, Any]:
    """Findings as SARIF 2.1.0, which code hosts and editors show.

    Args:
        findings: of a manifest.

    >>> from gnomon_manifest import sarif
    >>> sarif([])["version"]
    '2.1.0'
    """
    found = list(findings)
    helps: dict[str, str] = {finding.code: CODES[finding.code] for finding in found}
    used = sorted(helps)
    rules = [{"id": code, "help": {"text": helps[code]}} for code in used]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "gnomon-manifest", "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, used.index(finding.code)) for finding in found],
            }
        ],
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    place = finding.position
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": "warning" if finding.is_lint else "error",
        "message": {"text": f"{finding.message}; mend: {finding.mend}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": place.file},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
    }
