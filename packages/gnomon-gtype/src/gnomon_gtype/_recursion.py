"""Recursive trees: lifting definitions to the root, and a canonical form in which their names carry no meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gnomon_gtype._composites import Definitions, Ref
from gnomon_gtype._errors import SchemaError
from gnomon_gtype._schema import Form, Schema


def definitions(root: Schema, known: Mapping[str, Schema]) -> Schema:
    """`root` with the definitions it needs; definitions that are not recursive are put in place of their references.

    Args:
        root: a node that may contain `Ref` and `Definitions`.
        known: the node of every name, which may contain both too.

    Raises:
        SchemaError: a reference to nothing, or a definition that is only a reference to itself.
    """
    lifted: dict[str, Schema] = {}
    pool: dict[str, Schema] = {}
    for name, node in known.items():
        pool[name] = lift(node, lifted, reserved=set(known))
    top = lift(root, lifted, reserved=set(known))
    pool.update(lifted)
    needed = _reachable(top, pool)
    looping = {name for name in needed if name in _reachable(pool[name], pool)}
    _check_progress(looping, pool)
    inlined: dict[str, Schema] = {}

    def inline(node: Schema) -> Schema:
        if isinstance(node, Ref):
            if node.name in looping:
                return node
            if node.name not in inlined:
                inlined[node.name] = inline(pool[node.name])
            found = inlined[node.name]
            return found if node.meta is None else found.with_meta(node.meta)
        return node.map_children(inline)

    top = inline(top)
    kept = tuple((name, inline(pool[name])) for name in pool if name in looping and name in needed)
    return Definitions(top, kept) if kept else top


def lift(node: Schema, into: dict[str, Schema], *, reserved: set[str]) -> Schema:
    """`node` without inner `Definitions`; those go `into` the mapping, under new names where a name is taken."""
    if isinstance(node, Definitions):
        taken = {name: into[name] for name, body in node.definitions if name in into}
        own = dict(node.definitions)
        if any(name in reserved or taken.get(name, body) is not body for name, body in own.items()):
            renamed = {name: _free_name(name, into, reserved) for name in own}
            own = {renamed[name]: _rename(body, renamed) for name, body in own.items()}
            node = Definitions(_rename(node.root, renamed), tuple(own.items()))
        into.update(own)
        return node.root
    return node.map_children(lambda child: lift(child, into, reserved=reserved))


def _free_name(name: str, into: Mapping[str, Schema], reserved: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in into or f"{name}_{number}" in reserved:
        number += 1
    return f"{name}_{number}"


def _rename(node: Schema, names: Mapping[str, str]) -> Schema:
    if isinstance(node, Ref):
        return replace(node, name=names.get(node.name, node.name))
    return node.map_children(lambda child: _rename(child, names))


def _refs(node: Schema) -> Iterator[str]:
    return (part.name for _, part in node.walk() if isinstance(part, Ref))


def _reachable(node: Schema, pool: Mapping[str, Schema]) -> set[str]:
    seen: set[str] = set()
    waiting = list(_refs(node))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        if name not in pool:
            raise SchemaError(f"{name!r} is referred to and not defined")
        seen.add(name)
        waiting.extend(_refs(pool[name]))
    return seen


def _check_progress(looping: set[str], pool: Mapping[str, Schema]) -> None:
    """A loop of bare references, through unions and wrappers alone, would define nothing."""
    from gnomon_gtype._composites import Intersection, Not, Refined, Sensitive, Union

    def bare(node: Schema) -> Iterator[str]:
        if isinstance(node, Ref):
            yield node.name
        elif isinstance(node, Union | Intersection | Not | Refined | Sensitive):
            for _, child in node.children():
                yield from bare(child)

    for start in looping:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for name in bare(pool[waiting.pop()]):
                if name == start:
                    raise SchemaError(
                        f"{start!r} is defined as itself, with nothing around it that would end the recursion"
                    )
                if name not in seen and name in looping:
                    seen.add(name)
                    waiting.append(name)


def form_of_definitions(tree: Definitions) -> Form:
    """A canonical form that renaming and reordering definitions does not change.

    Definitions are told apart by refinement: all start equal, and two stay equal while their bodies are, with every reference
    read as the class of its target. As many rounds as there are classes settle it, and only the classes enter the form.
    """
    pool = dict(tree.definitions)
    colours = dict.fromkeys(pool, "start")
    classes = 1
    while True:
        refined = {name: _coloured(body, colours) for name, body in pool.items()}
        if len(set(refined.values())) == classes:
            break
        classes, colours = len(set(refined.values())), refined
    colours = dict.fromkeys(pool, "start")
    for _ in range(classes + 1):
        colours = {name: _coloured(body, colours) for name, body in pool.items()}
    return [_coloured(tree.root, colours), sorted(set(colours.values()))]


def _coloured(node: Schema, colours: Mapping[str, str]) -> str:
    def paint(part: Schema) -> Schema:
        if isinstance(part, Ref):
            return Ref(colours[part.name])
        return part.map_children(paint)

    return paint(node).digest
