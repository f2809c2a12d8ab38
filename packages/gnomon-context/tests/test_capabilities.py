"""What a module may use, and what it is refused."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import trio_test

from gnomon_context import (
    Capabilities,
    CapabilityDenied,
    CapabilityMissing,
    GlobalContext,
    Module,
    ModuleStartFailed,
    Resources,
    _resources,
    host_matches,
    needs,
    open_global_context,
)
from gnomon_context.testing import audit_modules
from gnomon_context.testing.strategies import host_patterns, hosts


def admits(pattern: str, host: str) -> bool:
    """The meaning of a pattern, as a regular expression over whole labels."""
    if pattern == "**":
        return True
    label = "[^.]+"
    if pattern.startswith("**."):
        return re.fullmatch(rf"({label}\.)+{re.escape(pattern[3:])}", host) is not None
    if pattern.startswith("*."):
        return re.fullmatch(rf"{label}\.{re.escape(pattern[2:])}", host) is not None
    return pattern == host


@given(pattern=host_patterns(), host=hosts())
def test_patterns_match_whole_labels(pattern: str, host: str) -> None:
    assert host_matches(pattern, host) == admits(pattern, host)


@pytest.mark.parametrize(
    ("pattern", "host", "admitted"),
    [
        ("*.example.com", "evilexample.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("**.example.com", "a.b.example.com", True),
        ("**.example.com", "example.com", False),
        ("example.com", "EXAMPLE.com.", True),
        ("Example.COM.", "example.com", True),
        ("example.com", "example.com.evil.org", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("*.0.0.1", "127.0.0.1", False),
        ("**", "127.0.0.1", True),
        ("*.1", "127.0.0.1", False),
        ("::1", "[0:0:0:0:0:0:0:1]", True),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("example.com", "é" * 80 + ".example.com", False),
        ("*", "localhost", None),
        ("a.*.com", "a.b.com", None),
        ("", "a", None),
        ("example.com:80", "example.com", None),
        ("*.*.example.com", "a", None),
    ],
)
def test_hosts(pattern: str, host: str, admitted: bool | None) -> None:
    if admitted is None:
        with pytest.raises(ValueError, match="is no host pattern"):
            host_matches(pattern, host)
    else:
        assert host_matches(pattern, host) is admitted


def test_patterns_that_cover_others() -> None:
    wide = Capabilities(hosts=("**.example.com", "*.test.org"))
    covered = ("*.example.com", "**.a.example.com", "*.a.example.com", "x.y.example.com", "*.test.org")
    assert wide.covers(Capabilities(hosts=covered))
    for pattern in ("**.test.org", "example.com", "*.badexample.com", "**.com", "*.a.test.org", "**"):
        assert wide.missing(Capabilities(hosts=(pattern,))) == [f"hosts: {pattern}"]


def test_capabilities_are_sequences() -> None:
    with pytest.raises(TypeError, match=r"write \('example.com',\)"):
        Capabilities(hosts="example.com")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no host pattern"):
        Capabilities(hosts=["*"])  # type: ignore[arg-type]
    assert not Capabilities().allows_host("localhost")


NAMES = ["one", "two", "three"]


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """`in` and `out` with a file each, and a link from `in` to the file outside."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name in ("in", "out", "inner"):
            (root / name).mkdir()
            (root / name / "file").write_text(name)
        (root / "in" / "link").symlink_to(root / "out" / "file")
        yield root


FILES = ["in/file", "in/../out/file", "in/link", "out/file", "inner/file", "in"]
REAL = {
    "in/file": "in/file",
    "in/../out/file": "out/file",
    "in/link": "out/file",
    "out/file": "out/file",
    "inner/file": "inner/file",
    "in": "in",
}


def within(folders: tuple[str, ...], path: str) -> bool:
    return any(REAL[path] == folder or REAL[path].startswith(f"{folder}/") for folder in folders)


class FakeStream(trio.abc.Stream):
    """A connection to nowhere."""

    async def send_all(self, data: Any) -> None: ...
    async def wait_send_all_might_not_block(self) -> None: ...
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return b""

    async def aclose(self) -> None: ...


@pytest.mark.property(19)
@given(
    patterns=st.lists(host_patterns(), max_size=2),
    host=hosts(),
    secrets=st.sets(st.sampled_from(NAMES)),
    secret=st.sampled_from(NAMES),
    others=st.sets(st.sampled_from(NAMES)),
    dependencies=st.sets(st.sampled_from(NAMES)),
    other=st.sampled_from(NAMES),
    readable=st.sets(st.sampled_from(["in", "out", "inner/file"])),
    writable=st.sets(st.sampled_from(["in", "out"])),
    file=st.sampled_from(FILES),
    mode=st.sampled_from(["r", "rb", "a", "r+"]),
)
def test_a_module_uses_a_resource_if_and_only_if_it_declares_it(
    tree: Path,
    patterns: list[str],
    host: str,
    secrets: set[str],
    secret: str,
    others: set[str],
    dependencies: set[str],
    other: str,
    readable: set[str],
    writable: set[str],
    file: str,
    mode: str,
) -> None:
    connected: list[str] = []

    async def connect(host: str, port: int, *args: Any) -> trio.abc.Stream:
        connected.append(host)
        return FakeStream()

    async def use(resources: Resources) -> dict[str, bool]:
        used = {}
        for kind, attempt in {
            "host": lambda: resources.connect(host, 80),
            "secret": lambda: resources.secret(secret),
            "file": lambda: resources.open(tree / file, mode),
        }.items():
            try:
                result = await attempt()
                used[kind] = True
                if kind == "file":
                    await result.aclose()
            except CapabilityDenied as error:
                assert "'user' may not" in str(error)
                used[kind] = False
            except IsADirectoryError:
                used[kind] = True
        try:
            assert resources.module(other) == other
            used["module"] = True
        except CapabilityDenied:
            used["module"] = False
        return used

    async def main() -> dict[str, bool]:
        capabilities = Capabilities(
            hosts=tuple(patterns),
            secrets=tuple(secrets),
            modules=tuple(others),
            files=tuple(str(tree / path) for path in readable),
            writable=tuple(str(tree / path) for path in writable),
        )
        user = Module(factory=use, capabilities=capabilities, depends_on=(*dependencies, "last"))
        modules: dict[str, Any] = {
            **{name: name for name in NAMES},
            "last": Module(value=0, depends_on=tuple(NAMES)),
        }
        async with open_global_context(modules={**modules, "user": user}, secrets=str.upper) as gctx:
            return dict(gctx.modules.user)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_resources, "_connect", connect)
        used = trio.run(main)
    declared_host = any(admits(pattern, host) for pattern in patterns)
    may_write = within(tuple(writable), file)
    assert used == {
        "host": declared_host,
        "secret": secret in secrets,
        "module": other in others | dependencies,
        "file": may_write or (mode in ("r", "rb") and within(tuple(readable), file)),
    }
    assert bool(connected) == declared_host


CAPABILITIES = st.builds(
    Capabilities,
    hosts=st.lists(host_patterns(), max_size=2).map(tuple),
    secrets=st.sets(st.sampled_from(NAMES)).map(tuple),
    modules=st.sets(st.sampled_from(NAMES)).map(tuple),
    files=st.sets(st.sampled_from(["/data", "/data/a", "/database"])).map(tuple),
    writable=st.sets(st.sampled_from(["/data", "/tmp"])).map(tuple),
)


@pytest.mark.property(40)
@given(needed=CAPABILITIES, declared=st.none() | CAPABILITIES, same=st.booleans(), how=st.sampled_from("ri"))
def test_a_module_that_does_not_declare_what_it_needs_is_refused(
    needed: Capabilities, declared: Capabilities | None, same: bool, how: str
) -> None:
    if same:
        declared = needed

    @needs(
        hosts=needed.hosts,
        files=needed.files,
        writable=needed.writable,
        secrets=needed.secrets,
        modules=needed.modules,
    )
    def factory(resources: Resources) -> Resources:
        return resources

    given_ = declared or Capabilities()
    covered = (
        set(needed.secrets) <= set(given_.secrets)
        and set(needed.modules) <= set(given_.modules)
        and set(needed.writable) <= set(given_.writable)
        and all(
            any(path == folder or path.startswith(f"{folder}/") for folder in given_.files + given_.writable)
            for path in needed.files
        )
        and all(any(wider(have, want) for have in given_.hosts) for want in needed.hosts)
    )
    module = Module(factory=factory, capabilities=declared)
    gctx: GlobalContext[Any] = GlobalContext()
    if declared is not None and covered:
        if how == "r":
            gctx.register("module", module)
        else:
            gctx = GlobalContext(modules={"module": module})
        assert "module" in gctx.modules
    else:
        with pytest.raises(CapabilityMissing, match="capabilities=Capabilities"):
            if how == "r":
                gctx.register("module", module)
            else:
                GlobalContext(modules={"module": module})
        assert "module" not in gctx.modules


def wider(have: str, want: str) -> bool:
    """Whether every host that `want` admits is admitted by `have`, for the patterns there are."""
    if have in (want, "**"):
        return True
    if want == "**":
        return False
    if not want.startswith("*"):
        return admits(have, want)
    want_more, want_rest = want.split(".", 1)
    if not have.startswith("*"):
        return False
    have_more, have_rest = have.split(".", 1)
    if have_rest == want_rest:
        return have_more == "**" or want_more == "*"
    # Deeper: every subdomain of a subdomain is a subdomain.
    return have_more == "**" and want_rest.endswith(f".{have_rest}")


def test_a_factory_without_needs_needs_no_declaration() -> None:
    gctx = GlobalContext[Any](modules={"a": Module(factory=dict), "b": Module(factory=lambda: 1)})
    assert list(gctx.modules) == ["a", "b"]

    @needs(secrets=["password"])
    def factory() -> int:
        return 1

    with pytest.raises(CapabilityMissing, match="secrets: password"):
        gctx.register("c", Module(factory=factory))


def test_what_a_class_takes_is_its_own() -> None:
    class WithOptions:
        def __init__(self, size: int = 3) -> None: ...

    class WithResources:
        def __init__(self, resources: Resources) -> None: ...

    gctx = GlobalContext[Any](modules={"a": Module(factory=WithOptions)})
    with pytest.raises(CapabilityMissing):
        gctx.register("b", Module(factory=WithResources))
    with pytest.raises(CapabilityMissing):
        gctx.register("b", Module(factory=lambda resources=None: resources))
    gctx.register("b", Module(factory=WithResources, capabilities=Capabilities()))
    # A builtin that tells nothing of itself is called with nothing.
    gctx.register("builtin", Module(factory=type))
    with pytest.raises(TypeError, match="one argument or none"):
        gctx.register("c", Module(factory=lambda a, b: None))


@trio_test
async def test_secrets_need_a_provider() -> None:
    async def factory(resources: Resources) -> Any:
        assert repr(resources) == "<resources of module 'a'>"
        return await resources.secret("one")

    async def provider(name: str) -> str:
        return name.upper()

    module = Module(factory=factory, capabilities=Capabilities(secrets=("one",)))
    with pytest.raises(ModuleStartFailed, match="no provider of secrets"):
        async with open_global_context(modules={"a": module}):
            pass  # pragma: no cover
    async with open_global_context(modules={"a": module}, secrets=provider) as gctx:
        assert gctx.modules.a == "ONE"


@trio_test
async def test_the_brokers_reach_the_network() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]

    async def factory(resources: Resources) -> bytes:
        stream = await resources.connect("127.0.0.1", port)
        async with stream:
            data = await stream.receive_some()
        tls = await resources.connect("127.0.0.1", port, tls=True)
        assert isinstance(tls, trio.SSLStream)
        await trio.aclose_forcefully(tls)
        return data

    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(b"hello")

    module = Module(factory=factory, capabilities=Capabilities(hosts=("127.0.0.1",)))
    with audit_modules() as report:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            async with open_global_context(modules={"a": module}) as gctx:
                assert gctx.modules.a == b"hello"
            nursery.cancel_scope.cancel()
    assert report.bypasses == []


@trio_test
async def test_the_audit_reports_what_goes_around_a_broker(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")

    async def factory(resources: Resources) -> None:
        async with await resources.open(path) as file:
            assert await file.read() == "text"
        path.read_text()
        await trio.to_thread.run_sync(path.read_bytes)
        with socket.socket() as sock, pytest.raises(OSError):
            sock.connect(("127.0.0.1", 1))
        subprocess.run([sys.executable, "-c", ""], check=True)

    module = Module(factory=factory, capabilities=Capabilities(files=(str(tmp_path),)))
    with audit_modules() as report:
        path.read_text()
        async with open_global_context(modules={"a": module}):
            path.read_text()
    kinds = [(bypass.module, bypass.kind, bypass.event) for bypass in report.bypasses]
    assert kinds[:3] == [("a", "file", "open"), ("a", "file", "open"), ("a", "network", "socket.connect")]
    assert ("a", "process", "subprocess.Popen") in kinds
    assert report.bypasses[0].detail == str(path) and "127.0.0.1" in report.bypasses[2].detail
    assert report.of("a") == report.bypasses and report.of("b") == []
    seen = len(report.bypasses)
    async with open_global_context(modules={"a": module}):
        pass
    assert len(report.bypasses) == seen


@trio_test
async def test_the_host_that_was_checked_is_the_host_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two versions of IDNA read this name as two hosts; the system must not be asked for the other one.
    reached: list[str] = []

    async def connect(host: str, port: int, *args: Any) -> trio.abc.Stream:
        reached.append(host)
        return FakeStream()

    async def factory(resources: Resources) -> None:
        for host in ("fa\u00df.example", "FASS.example.", "[::0:1]"):
            await resources.connect(host, 80)

    monkeypatch.setattr(_resources, "_connect", connect)
    module = Module(factory=factory, capabilities=Capabilities(hosts=("fass.example", "::1")))
    async with open_global_context(modules={"a": module}):
        pass
    assert reached == ["fass.example", "fass.example", "::1"]


@pytest.mark.parametrize("kind", ["files", "writable", "secrets", "modules"])
def test_an_empty_entry_declares_nothing_and_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"entry of {kind} is empty"):
        Capabilities(**{kind: ("",)})


def test_needs_hold_through_partial_and_beside_each_other() -> None:
    @needs(secrets=["password"])
    @needs(hosts=["example.com"])
    def factory(resources: Resources, size: int) -> None: ...

    gctx: GlobalContext[Any] = GlobalContext()
    with pytest.raises(CapabilityMissing, match="secrets: password; hosts: example.com"):
        gctx.register("a", Module(factory=partial(factory, size=1), capabilities=Capabilities()))
