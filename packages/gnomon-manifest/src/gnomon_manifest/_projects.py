"""How `testing.projects` writes source: every construct comes with what a manifest must say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

from .testing import ExpectedHandler, ExpectedHook, Project

__all__ = ["Writer"]

T = TypeVar("T")
_HEADS = {
    "star": ("from gnomon_manifest.declare import *", ""),
    "names": (
        "from gnomon_manifest.declare import get, post, put, delete, handler, group, before, after, catch",
        "",
    ),
    "module": ("from gnomon_manifest import declare", "declare."),
    "alias": ("import gnomon_manifest.declare as d", "d."),
    "re-export": ("from app._names import *", ""),
}
_SCALARS = (
    "int",
    "str",
    "bool",
    "float",
    "None",
    "bytes",
    "dt.datetime",
    "UUID",
    "Decimal",
    'Literal["a", 1]',
    "Annotated[str, MinLen(2)]",
    "Annotated[int, Ge(1), Le(9)]",
    "Shade",
)


@dataclass
class _Module:
    name: str
    file: str
    prefix: str
    lines: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> int:
        """Append lines and give the number of the first."""
        self.lines.extend(("", ""))
        self.lines.extend(lines)
        return len(self.lines) - len(lines) + 1


class Writer:
    """Draws one project."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.number = 0
        self.handlers: list[dict[str, Any]] = []
        self.hooks: list[ExpectedHook] = []
        self.types: list[tuple[_Module, str]] = []

    def choose(self, *choices: T) -> T:
        return self.draw(st.sampled_from(choices))  # type: ignore[no-any-return]

    def fresh(self, stem: str) -> str:
        self.number += 1
        return f"{stem}{self.number}"

    def project(self) -> Project:
        files = {"_names.py": "from gnomon_manifest.declare import *\n"}
        names = [
            "main",
            *self.draw(st.lists(st.sampled_from(["sub/__init__", "sub/deep", "other"]), unique=True)),
        ]
        if "sub/deep" in names and "sub/__init__" not in names:
            files["sub/__init__.py"] = ""
        for name in names:
            module = self.module(name)
            files[module.file] = "\n".join(module.lines) + "\n"
        always = sorted(
            (hook for hook in self.hooks if hook.level == "global"), key=lambda h: (_name(h.file), h.line)
        )
        handlers = [
            ExpectedHandler(hooks=_order(always, known.pop("own")), **known)
            for known in map(dict, self.handlers)
        ]
        return Project(files=files, handlers=tuple(sorted(handlers, key=lambda handler: handler.id)))

    def module(self, name: str) -> _Module:
        style = self.choose(*_HEADS)
        head, prefix = _HEADS[style]
        module = _Module("app." + name.replace("/", ".").removesuffix(".__init__"), name + ".py", prefix)
        future = self.draw(st.booleans())
        module.lines += ["from __future__ import annotations"] if future else []
        module.lines += [
            head,
            "import datetime as dt",
            "import enum",
            "from dataclasses import dataclass",
            "from decimal import Decimal",
            "from typing import *",
            "from uuid import UUID",
            "from annotated_types import Ge, Le, MinLen",
            "from gnomon_ingress import Request, Response",
        ]
        module.add("class Shade(enum.Enum):", '    RED = "red"', "    BLUE = 3")
        for _ in range(self.draw(st.integers(0, 3))):
            self.define_type(module)
        hooks = [self.define_hook(module) for _ in range(self.draw(st.integers(0, 3)))]
        for _ in range(self.draw(st.integers(1, 2))):
            self.define_handler(module, [hook for hook in hooks if hook[1].level == "route"])
        return module

    def annotation(self, module: _Module, depth: int = 2) -> str:
        if depth == 0:
            return self.choose(*_SCALARS, *module.types)
        inner = [self.annotation(module, depth - 1) for _ in range(2)]
        return self.choose(
            inner[0],
            f"list[{inner[0]}]",
            f"dict[str, {inner[0]}]",
            f"tuple[{inner[0]}, {inner[1]}]",
            f"Optional[{inner[0]}]",
            f"Union[{inner[0]}, {inner[1]}]",
            f"Annotated[{inner[0]}, 'a note']",
        )

    def define_type(self, module: _Module) -> None:
        name = self.fresh("Type")
        fields = [
            f"    f{number}: {self.annotation(module, 1)}" for number in range(self.draw(st.integers(1, 3)))
        ]
        form = self.choose("typed-dict", "partial", "dataclass", "tuple", "alias", "recursive")
        if form == "alias":
            module.add(f"{name} = {self.annotation(module, 1)}")
        elif form == "recursive":
            module.add(f"class {name}(TypedDict):", f'    inner: "list[{name}]"', *fields)
        elif form == "dataclass":
            module.add("@dataclass", f"class {name}:", *fields)
        else:
            base = {"typed-dict": "TypedDict", "partial": "TypedDict, total=False", "tuple": "NamedTuple"}[
                form
            ]
            module.add(f"class {name}({base}):", *fields)
        module.types.append(name)

    def define_hook(self, module: _Module) -> tuple[str, ExpectedHook]:
        point, level = self.choose("before", "after", "catch"), self.choose("global", "route")
        timeout = self.choose(None, 0.5, 2.0)
        retries = self.choose(0, 2)
        name = self.fresh("hook")
        options = [f'level="{level}"'] if level == "route" else []
        options += [f"timeout={timeout}"] if timeout else []
        options += [f"retries={retries}"] if retries else []
        decorator = f"@{module.prefix}{point}" + (
            f"({', '.join(options)})" if options else self.choose("", "()")
        )
        arguments = self.draw(st.permutations(["req", "res", "lctx", "gctx"]))[: self.draw(st.integers(0, 4))]
        line = (
            module.add(decorator, f"{self.choose('', 'async ')}def {name}({', '.join(arguments)}): ...") + 1
        )
        expected = ExpectedHook(
            name=f"{module.name}.{name}",
            point=point,
            level=level,
            timeout=timeout,
            retries=retries,
            file=module.file,
            line=line,
        )
        self.hooks.append(expected)
        return name, expected

    def define_handler(self, module: _Module, hooks: list[tuple[str, ExpectedHook]]) -> None:
        name, annotation = self.fresh("serve"), self.annotation(module)
        chosen = self.draw(st.lists(st.sampled_from(hooks), unique=True)) if hooks else []
        roles = self.choose((), ("buyer",), ("admin", "buyer"))
        rate, timeout = self.choose(None, "5/minute"), self.choose(None, 1.5)
        path, prefix = f"/{name}/{{id:int}}", ""
        options = [f"roles={roles!r}"] if roles else []
        options += [f"rate_limit={rate!r}"] if rate else []
        options += [f"timeout={timeout}"] if timeout else []
        for point in ("before", "after", "catch"):
            listed = [hook for hook, expected in chosen if expected.point == point]
            options += [f"{point}=[{', '.join(listed)}]"] if listed else []
        if self.draw(st.booleans()):
            prefix = "/v1"
            module.add(f"{name}_group = {module.prefix}group({prefix!r})")
        verb = self.choose("get", "post", "put", "delete", "handler")
        methods = ("GET", "POST") if verb == "handler" else (verb.upper(),)
        options += ['methods=("GET", "POST")'] if verb == "handler" else []
        owner = f"{name}_group." if prefix else module.prefix
        call = f"@{owner}{verb}({', '.join([repr(path), *options])})"
        modules = self.draw(st.lists(st.sampled_from(["store", "mail"]), unique=True))
        arguments = {"req": f"req: Request[{annotation}]", "res": "res", "lctx": "lctx", "gctx": "gctx"}
        order = ", ".join(arguments[key] for key in self.draw(st.permutations(sorted(arguments))))
        body = [f"    gctx.modules.{item}.use()" for item in modules] or ["    ..."]
        start = module.add(call, f"{self.choose('', 'async ')}def {name}({order}) -> None:", *body)
        self.handlers.append(
            {
                "id": f"{module.name}.{name}",
                "path": prefix + path,
                "methods": methods,
                "roles": roles,
                "rate_limit": rate,
                "timeout": timeout,
                "modules": tuple(sorted(modules)),
                "file": module.file,
                "line": start + 1,
                "module": module.name,
                "annotation": annotation,
                "own": tuple(
                    expected
                    for point in ("before", "after", "catch")
                    for _, expected in chosen
                    if expected.point == point
                ),
            }
        )


def _name(file: str) -> str:
    return "app." + file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _order(always: list[ExpectedHook], own: tuple[ExpectedHook, ...]) -> tuple[ExpectedHook, ...]:
    found: list[ExpectedHook] = []
    for point in ("before", "after", "catch"):
        hooks = [hook for hook in (*always, *own) if hook.point == point]
        found += hooks if point == "before" else reversed(hooks)
    return tuple(found)
