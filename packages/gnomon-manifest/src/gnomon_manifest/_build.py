"""From a source tree to its manifest, once or again after every edit."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path

from ._cache import Cache, Cached
from ._errors import ManifestError
from ._findings import Finding
from ._lints import lint
from ._manifest import Manifest
from ._model import OpenEdge, TypeEntry
from ._names import Module, Names, index, packages_of
from ._source import SourceFile, Stamp, content, find_files, parse, stamps
from ._units import Analysis, Everywhere, Unit

__all__ = ["SourceTree", "build", "watch"]

Progress = Callable[[int, int], None]


def build(
    path: str | Path,
    *,
    undecorated: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Read a source tree and say what it exposes, without importing any of it.

    Args:
        path: a package, a folder of modules, or one file.
        undecorated: whether a module-level function that takes exactly `req, res, lctx, gctx` counts as a handler
            without a declaration.
        cache: a file that keeps what was read, so that the next program analyses only what an edit can reach; see
            `SourceTree`.
        progress: is called with the number of files read and the number of all files.

    Returns:
        The manifest. What could not be known is in its `findings`.

    Raises:
        ManifestError: when there is nothing at the path.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from gnomon_manifest import build
    >>> source = '''
    ... from gnomon import get
    ...
    ... @get("/health")
    ... async def health(req, res, lctx, gctx):
    ...     res.json({"ok": True})
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "service.py").write_text(source)
    ...     manifest = build(folder)
    >>> [(handler.id, handler.methods, handler.path) for handler in manifest.handlers]
    [('service.health', ('GET',), '/health')]
    """
    with _collecting_later():
        tree = SourceTree(path, undecorated=undecorated, cache=cache)
        manifest = tree.read(progress=progress)
        tree.forget()
        return manifest


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Syntax trees are millions of objects that stay; looking for garbage among them costs more than all else."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class SourceTree:
    r"""A source tree that is read again and again; after an edit only what the edit can reach is analysed anew.

    What is kept is known by the content of the files, never by their times, and each `read` gives the same manifest
    as `build` would.

    Args:
        path: a package, a folder of modules, or one file.
        undecorated: as for `build`.
        cache: a file that keeps what was read for the next program. One that is damaged, foreign, or of other versions
            is passed over and replaced. It is trusted as the source is: keep it where only you can write.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from gnomon_manifest import SourceTree, build
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "service.py")
    ...     _ = file.write_text("from gnomon import get")
    ...     tree = SourceTree(folder)
    ...     assert tree.read().handlers == ()
    ...     _ = file.write_text("from gnomon import get\n@get('/a')\ndef a(req, res, lctx, gctx): ...")
    ...     [handler.path for handler in tree.read().handlers]
    ['/a']
    """

    def __init__(
        self, path: str | Path, *, undecorated: bool = False, cache: str | Path | None = None
    ) -> None:
        self.path: Path = Path(path)
        self._cache = Cache(cache, undecorated=undecorated) if cache is not None else None
        self._names = Names(())
        self._analysis = Analysis(self._names, undecorated=undecorated)
        self._sources: dict[str, SourceFile] = {}
        self._units: dict[str, Unit] = {}
        self._givers: list[str] = []
        self._everywhere: Everywhere | None = None
        self._entries: dict[str, tuple[str, TypeEntry]] = {}
        self._looked: tuple[Stamp, ...] = ()

    def read(self, *, progress: Progress | None = None) -> Manifest:
        """Read what changed, and give the manifest.

        Args:
            progress: is called with the number of files read and the number of all files.

        Raises:
            ManifestError: when there is nothing at the path.
        """
        with _collecting_later():
            if self._cache is not None and not self._sources:
                self._take(self._cache.load())
            files = list(find_files(self.path))
            self._looked = stamps(files)
            sources = self._read_files(files, progress)
            modules = {source.module: source for source in sources.values()}
            dirty = self._dirty(modules)
            self._sources = sources
            self._replace(modules, dirty)
            self._analyse(dirty)
            manifest = self._assemble()
            if self._cache is not None:
                self._cache.store(self._sources.values(), self._units.values(), self._entries)
            return manifest

    def changed(self) -> bool:
        """Whether a file is another than it was at the last `read`; looks at times and sizes first, so it is cheap.

        A path at which there is nothing for the moment has not changed.
        """
        try:
            if stamps(find_files(self.path)) != self._looked:
                return True
            # a file can be written twice within what its time can tell apart
            young = [stamp for stamp in self._looked if stamp.young]
            return any(
                not self._sources[stamp.shown].matches(content(stamp.path, stamp.shown), stamp.module)
                for stamp in young
            )
        except ManifestError:
            return False

    def forget(self) -> None:
        """Let go of everything that was read; the next `read` begins anew."""
        for module in self._names.modules.values():
            # definitions, modules and what was made of them refer to each other: undone, all of it goes at once,
            # and no collector has to walk through the syntax trees
            for definition in module.definitions.values():
                definition.facts = None
            module.definitions.clear()
            module.resolved.clear()
            module.memory.clear()
        self._names.modules.clear()  # whoever else holds them, too
        self._names = Names(())
        self._analysis = Analysis(self._names, undecorated=self._analysis.undecorated)
        self._sources, self._units, self._entries = {}, {}, {}
        self._givers, self._everywhere, self._looked = [], None, ()

    def _take(self, cached: Cached | None) -> None:
        """Begin with what a cache has, as if it had been read here."""
        if cached is None:
            return
        self._sources = {source.file: source for source in cached.sources}
        modules: dict[str, Module] = {}
        for source in cached.sources:
            modules[source.module] = Module(source.module, source)
        for unit in cached.units:
            modules[unit.name].looked_into = unit.looked_into
            self._units[unit.name] = unit
        self._names.replace({name: modules[name] for name in sorted(modules)})
        self._givers = [name for name in self._names.modules if self._units[name].gives]
        self._entries = cached.entries

    def _read_files(
        self, files: Sequence[tuple[Path, str, str]], progress: Progress | None
    ) -> dict[str, SourceFile]:
        found: dict[str, SourceFile] = {}
        for number, (file, shown, module) in enumerate(files, 1):
            data = content(file, shown)
            known = self._sources.get(shown)
            if known is None or not known.matches(data, module):
                known = parse(data, file=shown, module=module, is_package=file.name == "__init__.py")
            elif known.cached:
                known = self._put_off(known, data)
            found[shown] = known
            if progress is not None:
                progress(number, len(files))
        return found

    def _put_off(self, source: SourceFile, data: bytes | Finding) -> SourceFile:
        """A file that is in the cache is parsed only if somebody looks into it."""

        def late() -> SourceFile:
            return parse(data, file=source.file, module=source.module, is_package=source.is_package)

        module = self._names.modules[source.module]
        if not module.source.same(source):  # two files have one name, and this is not the one that counts
            return late()
        if module.source.cached:
            module.later = late
        return module.source

    def _dirty(self, modules: Mapping[str, SourceFile]) -> set[str]:
        """The modules that an edit can reach: those that changed, and those that looked into one, in turn."""
        before = self._names.modules
        changed = before.keys() ^ modules.keys()
        if changed:
            packages = {package for name in modules for package in packages_of(name)}
            changed |= packages ^ self._names.packages
        changed |= {
            name
            for name, module in before.items()
            if name in modules and not module.source.same(modules[name])
        }
        if not changed:
            return changed
        users: dict[str, list[str]] = {}
        for name, module in before.items():
            for other in module.looked_into:
                users.setdefault(other, []).append(name)
        waiting = list(changed)
        while waiting:
            for user in users.get(waiting.pop(), ()):
                if user not in changed:
                    changed.add(user)
                    waiting.append(user)
        return changed

    def _replace(self, modules: Mapping[str, SourceFile], dirty: set[str]) -> None:
        known = self._names.modules
        fresh: dict[str, Module] = {}
        for name in sorted(modules):
            if name not in dirty:
                fresh[name] = known[name]
                continue
            source = modules[name]
            old = known.get(name)
            if old is not None and old.source.same(source):
                old.load()
                source = old.source
            fresh[name] = index(source)
        self._names.replace(fresh)
        for name in dirty:
            self._units.pop(name, None)

    def _analyse(self, dirty: set[str]) -> None:
        names = self._names.modules
        new = [name for name in names if name in dirty]
        for name in new:
            self._units[name] = self._analysis.scan(names[name])
        givers = [name for name in names if self._units[name].gives]
        if givers != self._givers or not dirty.isdisjoint(givers):
            # the hooks of every handler may be others now
            self._givers, self._everywhere, new = givers, None, list(names)
        # the same work for all of them, then the next: that is faster by a tenth than one handler after the other
        for name in new:
            self._analysis.look(self._live(name))
        for name in new:
            self._complete(name)

    def _complete(self, name: str) -> None:
        """Say what the handlers of a module are, from its source."""
        if self._everywhere is None:
            givers = [self._live(name) for name in self._givers]
            # what is given to an application runs outside of what the sources declare
            hooks = [hook for unit in givers for hook in unit.always]
            hooks += [hook for unit in givers for hook in unit.everywhere]
            self._everywhere = self._analysis.everywhere(hooks)
            for unit in givers:
                self._analysis.complete(unit, self._everywhere)
        self._analysis.complete(self._live(name), self._everywhere)

    def _live(self, name: str) -> Unit:
        if not self._units[name].live:
            self._units[name] = self._analysis.scan(self._names.modules[name])
        return self._units[name]

    def _assemble(self) -> Manifest:
        units = [self._units[name] for name in self._names.modules]
        handlers = [handler for unit in units for handler in unit.handlers]
        handlers.sort(key=attrgetter("id", "source"))
        edges: dict[tuple[str, str], OpenEdge] = {}
        used: set[str] = set()
        # handlers of one module share what is equal, so that few of either are left
        for found in {id(handler.types): handler.types for handler in handlers}.values():
            used.update(found.digests())
        for reached in {id(handler.open_edges): handler.open_edges for handler in handlers}.values():
            for edge in reached:
                edges[edge.kind, edge.name] = edge
        types = self._types(units, sorted(used))
        findings = {finding for source in self._sources.values() for finding in source.findings}
        for name in self._names.modules:
            findings.update(self._units[name].findings)
        given = [unit.roles for unit in units if unit.roles is not None]
        roles = tuple(sorted({role for some in given for role in some})) if given else None
        known = None if any(unit.roles_open for unit in units) else roles
        findings.update(lint(handlers, (shown for unit in units for shown in unit.shown), known))
        modules = [entry for unit in units for entry in unit.modules]
        return Manifest(
            handlers=tuple(handlers),
            modules=tuple(sorted(modules, key=attrgetter("name", "source"))),
            roles=roles,
            types=types,
            findings=tuple(sorted(findings)),
            open_edges=tuple(edges[key] for key in sorted(edges)),
        )

    def _types(self, units: Iterable[Unit], used: list[str]) -> dict[str, TypeEntry]:
        """Types that are equal have one entry, with the name of the one that comes first."""
        first: dict[str, str] = {}
        for unit in units:
            for digest in unit.types:
                first.setdefault(digest, unit.name)
        entries: dict[str, tuple[str, TypeEntry]] = {}
        for digest in used:
            name = first[digest]
            known = self._entries.get(digest)
            if self._units[name].types[digest] is None and (known is None or known[0] != name):
                self._complete(name)
            gtype = self._units[name].types[digest]
            entry = known[1] if gtype is None and known else self._analysis.types.entry(digest, gtype)
            entries[digest] = (name, entry)
        self._entries = entries
        return {digest: entry for digest, (_, entry) in entries.items()}


def watch(
    path: str | Path,
    *,
    undecorated: bool = False,
    cache: str | Path | None = None,
    wait: Callable[[], object] = lambda: time.sleep(0.3),
) -> Iterator[Manifest]:
    r"""Give the manifest of a source tree, and again whenever one of its files has changed; needs no daemon.

    Args:
        path: a package, a folder of modules, or one file.
        undecorated: as for `build`.
        cache: as for `build`.
        wait: is called between two looks; the watch ends when it gives False. It may block, and nothing else does
            for long, so an asynchronous program has a loop of its own around `SourceTree.changed` and `read`.

    Raises:
        ManifestError: when there is nothing at the path at first.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from gnomon_manifest import watch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     edits = iter(["from gnomon import get\n@get('/a')\ndef a(req, res, lctx, gctx): ..."])
    ...     def edit() -> bool:
    ...         text = next(edits, None)
    ...         return text is not None and bool(Path(folder, "service.py").write_text(text))
    ...     [len(manifest.handlers) for manifest in watch(folder, wait=edit)]
    [0, 1]
    """
    tree = SourceTree(path, undecorated=undecorated, cache=cache)
    yield tree.read()
    while wait() is not False:
        if not tree.changed():
            continue
        try:
            manifest = tree.read()
        except ManifestError:
            # it went away after the look: an editor or a checkout is about to put it back
            continue
        yield manifest
