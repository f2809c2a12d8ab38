"""Declarations that are computed: what may be one of our decorators, and can not be known from the source.

To declare something, code has to name one of the decorators, or be handed one. So every place that names one, and is
not itself a declaration that was read, is told; and so is every decorator that leads to such a place.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from ._constants import binding_value
from ._declared import DECLARATIONS, HOMES, Reader
from ._names import (
    Definition,
    FunctionNode,
    Inside,
    Module,
    Names,
    Outside,
    WholeModule,
    dotted,
    imported_names,
)
from ._outside import exported_names
from ._reach import Reach

__all__ = ["Mentions", "Verdict"]

# declares: it is or leads to one of ours; computed: it may be anything; foreign: it comes from elsewhere
Verdict: TypeAlias = Literal["declares", "computed", "foreign"]
_OURS: Final = frozenset({f"{home}.{name}" for home in HOMES for name in DECLARATIONS} | {*HOMES})
_COMPUTES: Final = frozenset(
    {
        "builtins.eval",
        "builtins.globals",
        "builtins.locals",
        "builtins.vars",
        "builtins.__import__",
        "importlib.import_module",
    }
)
# what the name of every package of ours has in it
_PACKAGE: Final = "gnomon"
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_MANY: Final = 100
_WORD: Final = re.compile(r"\w+")
# patterns begin with what is rare in a text, because they are looked for in all of it
_INDENTED_IMPORT: Final = re.compile(r"\n[ \t]+(?:from|import)[ \t]")
# in a sentence the word is followed by another one, in an expression by few words only
_AS_VALUE: Final = r"\b(?![ \t]+(?!(?:if|else|for|async|and|or|in|is|not)\b)[A-Za-z])"


def _paths(node: ast.AST) -> Iterator[ast.expr]:
    """The dotted names in an expression, each as long as it is."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, (ast.Name, ast.Attribute)) and dotted(inner) is not None:
            yield inner
        else:
            waiting.extend(ast.iter_child_nodes(inner))


def _first(node: ast.expr) -> str:
    """The name that a dotted name starts with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _bound(function: FunctionNode | ast.Lambda) -> frozenset[str]:
    """The names that are local to a function."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    found = {argument.arg for argument in arguments if argument is not None}
    elsewhere: set[str] = set()
    waiting: list[ast.AST] = list(function.body) if isinstance(function, _FUNCTIONS) else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
            continue
        elif isinstance(node, ast.Global):
            elsewhere.update(node.names)
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found - elsewhere)


def _bound_inside(node: ast.expr) -> frozenset[str]:
    """The names that an expression binds: parameters of lambdas, targets of comprehensions."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Lambda):
            found |= _bound(inner)
        elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            found.add(inner.id)
    return frozenset(found)


class Mentions:
    """Finds declarations that can not be read."""

    def __init__(self, names: Names, reader: Reader, reach: Reach) -> None:
        self.names = names
        self.reader = reader
        self.reach = reach
        self._asked: tuple[dict[str, Module], bool] | None = None

    def concerns(self) -> bool:
        """Whether any module of the project can have one of ours: most of the work is spared where none does."""
        modules = self.names.modules
        if self._asked is None or self._asked[0] is not modules:
            # the text of a module that comes from a cache is not there
            found = any(module.source.cached or _PACKAGE in module.source.text for module in modules.values())
            self._asked = (modules, found)
        return self._asked[1]

    def decorator(self, node: ast.expr, module: Module, owner: str | None = None) -> Verdict | None:
        """What a decorator that is none of ours may be; None when it can not declare anything.

        Args:
            node: the decorator.
            module: where it stands.
            owner: the class at the top level in which it stands, whose names it sees as well.
        """
        own = _bound_inside(node)
        verdicts = {self.verdict(path, module, owner) for path in _paths(node) if _first(path) not in own}
        return next((verdict for verdict in ("declares", "computed", "foreign") if verdict in verdicts), None)

    def verdict(self, node: ast.expr, module: Module, owner: str | None) -> Verdict | None:
        path = dotted(node) or ()
        if self.reader.verb(node, module) is not None:
            return "declares"
        found = self.names.resolve(module, path)
        if isinstance(found, Outside):
            return self.outside(found.name)
        if isinstance(found, Inside):
            return self.inside(found.definition)
        if isinstance(found, WholeModule):
            return "declares" if self.offers(found.module) else None
        # nothing binds it that can be seen, but a class around it may
        return "foreign" if owner is None else self.inside(module.definitions[owner])

    def outside(self, name: str) -> Verdict | None:
        if name in HOMES:
            return "declares"
        if name in _COMPUTES:
            return "computed"
        package, _, rest = name.partition(".")
        if package in HOMES and "." not in rest and rest not in (exported_names(package) or ()):
            return "foreign"  # `gnomon.psot`: a slip, or what a later version has
        known = package in sys.stdlib_module_names or package.startswith("gnomon")
        return None if known else "foreign"

    def inside(self, definition: Definition) -> Verdict | None:
        """A function, class or value of the project: whether it leads to one of ours, or is made by somebody else."""
        if self.concerns() and any(
            not _OURS.isdisjoint(inner.facts.outside) for inner in self.reach.closure(definition)
        ):
            return "declares"
        value = binding_value(definition)
        path = dotted(value.func) if isinstance(value, ast.Call) else None
        maker = self.names.resolve(definition.module, path) if path else None
        return self.outside(maker.name) if isinstance(maker, Outside) else None

    def offers(self, module: Module) -> bool:
        """Whether a module of the project has one of ours under some name."""
        module.load()
        return self.reader.remembered(
            module,
            "offers",
            lambda: any(self.ours((name,), module) for name in (*module.imports, *module.definitions)),
            False,
        )

    def ours(self, path: tuple[str, ...], module: Module) -> bool:
        """Whether a name is one of ours, a group, or a module that has them."""
        found = self.names.resolve(module, path)
        if isinstance(found, Outside):
            return found.name in _OURS
        if isinstance(found, WholeModule):
            return found.module is not module and self.offers(found.module)
        if not isinstance(found, Inside) or found.rest:
            return False
        value = binding_value(found.definition)
        if isinstance(value, ast.Call):
            return self.reader.group_of(found.definition, value) is not None
        inner = dotted(value) if value is not None else None
        return inner is not None and inner != path and self.ours(inner, found.definition.module)

    # the names of ours in expressions

    def strays(self, module: Module) -> Iterator[ast.AST]:
        """Every place of a module that names one of ours, and is no decorator, alias or group that was read."""
        tree = module.source.tree
        if tree is None or not self.concerns() or not self.suspects(module):
            return
        # what follows, with the names that are local there, and whether it stands at the top level
        waiting: list[tuple[ast.AST, frozenset[str], bool]] = [
            (node, frozenset(), True) for node in tree.body
        ]
        while waiting:
            node, local, top = waiting.pop()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if not top and self.brings(node, module):
                    yield node
            elif isinstance(node, (ast.Name, ast.Attribute)) and (path := dotted(node)) is not None:
                loaded = isinstance(node.ctx, ast.Load) or len(path) > 1
                if loaded and _first(node) not in local and self.names_ours(node, path, module):
                    yield node
            elif isinstance(node, (*_FUNCTIONS, ast.Lambda)):
                inner = local | _bound(node)
                parts = [*node.args.defaults, *(item for item in node.args.kw_defaults if item is not None)]
                waiting.extend((part, local, False) for part in parts)
                body: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
                waiting.extend((part, inner, False) for part in body)
            elif isinstance(node, ast.ClassDef):
                waiting.extend((part, local, False) for part in (*node.bases, *node.keywords, *node.body))
            else:
                waiting.extend(self.parts(node, local, top=top, module=module))

    def parts(
        self, node: ast.AST, local: frozenset[str], *, top: bool, module: Module
    ) -> Iterator[tuple[ast.AST, frozenset[str], bool]]:
        """What to look through below a node; what was read as an alias or a group is known."""
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            targets = [path for generator in node.generators for path in _paths(generator.target)]
            local |= {path.id for path in targets if isinstance(path, ast.Name)}
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and top:
            value = node.value
            if value is not None and dotted(value) is not None:
                return
            if isinstance(value, ast.Call) and self.reader.group(value, module) is not None:
                yield from ((part, local, False) for part in (*value.args, *value.keywords))
                return
        statement = isinstance(node, (ast.If, ast.Try, ast.TryStar, ast.With))
        for part in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.AnnAssign) and part is node.annotation):
                yield part, local, top and (statement or isinstance(node, ast.ExceptHandler))

    def names_ours(self, node: ast.expr, path: tuple[str, ...], module: Module) -> bool:
        return self.reader.verb(node, module) is not None or self.ours(path, module)

    def brings(self, node: ast.Import | ast.ImportFrom, module: Module) -> bool:
        """Whether an import inside of a function or class brings one of ours."""
        for name, target in imported_names(node, module.package):
            if name == "*":
                continue
            found = self.names.imported(module, target, ())
            if isinstance(found, Outside) and found.name in _OURS:
                return True
            if isinstance(found, Inside) and self.ours((found.definition.name,), found.definition.module):
                return True
        return False

    def suspects(self, module: Module) -> bool:
        """Whether the text of a module can hold such a place: looking at all of its tree takes as long as parsing it."""
        text = module.source.text
        if _INDENTED_IMPORT.search(text):
            return True
        bound = (*module.imports, *module.definitions)
        # a search for each name takes too long where there are thousands
        times = text.count if len(bound) < _MANY else Counter(_WORD.findall(text)).__getitem__
        names: Collection[str] = [name for name in bound if times(name) > 1 and self.ours((name,), module)]
        if any(star in HOMES or star in self.names.modules for star, _ in module.stars):
            names = [*names, *(name for name in DECLARATIONS if self.ours((name,), module))]
        if not names:
            return False
        known = sum(name in module.imports or name in module.definitions for name in {*names})
        # the assignment of a group names what makes it as well
        for name in {*names} & module.definitions.keys():
            value = binding_value(module.definitions[name])
            known += value is not None and len(list(_paths(value))) > 0
        words = "|".join(rf"{name}(?<![\w.@]{name})" for name in {*names})
        return sum(1 for _ in re.finditer(f"(?:{words}){_AS_VALUE}", text)) > known
