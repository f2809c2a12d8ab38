"""The command line: what it prints, what it refuses, and the exit status that CI goes by."""

import functools
import json
import re
import sqlite3
from datetime import datetime
from importlib.metadata import entry_points
from typing import get_args

import pytest
import trio
from click.testing import CliRunner
from recordings import Store
from replays import OrderNotFound

import gnomon_snapshot.cli as cli
from gnomon_context import Execution, GlobalContext, LocalContext
from gnomon_context._outcome import OutcomeKind
from gnomon_snapshot import Limits, Query, Snapshot, SqliteStore, capture
from gnomon_snapshot._format import pack
from gnomon_snapshot.testing import Application, make_snapshot


def run(*arguments, code=0, env=None):
    done = CliRunner().invoke(cli.snapshot, [str(argument) for argument in arguments], env=env)
    assert done.exit_code == code, done.output
    assert not isinstance(done.exception, (AssertionError, TypeError)), done.exception
    return done


def filled(path, *snapshots):
    async def main():
        async with SqliteStore(path) as store:
            await store.put(*snapshots)

    trio.run(main)
    return path


def kept(path):
    async def main():
        async with SqliteStore(path) as store:
            return [summary.request_id for summary in (await store.list(Query(), limit=1000)).summaries]

    return trio.run(main)


@pytest.fixture
def store(tmp_path):
    return filled(
        tmp_path / "s.sqlite3",
        *(make_snapshot(number, state={"n": number}) for number in range(5)),
    )


def test_it_is_a_command_of_the_runtime():
    (entry,) = entry_points(group="gnomon.commands", name="snapshot")
    assert entry.load() is cli.snapshot
    assert "list, show" in run("--help").output.lower()
    assert "version" in run("--version").output


def test_list(store):
    lines = run("--store", store, "list").stdout.splitlines()
    assert lines[0].split() == [
        "TAKEN",
        "(UTC)",
        "REQUEST",
        "ID",
        "METHOD",
        "PATH",
        "VERSION",
        "OUTCOME",
        "SIZE",
        "ERROR",
    ]
    assert len(lines) == 6
    assert "/orders/4" in lines[1]
    rows = [json.loads(line) for line in run("--store", store, "list", "--json").stdout.splitlines()]
    assert [row["path"] for row in rows] == [f"/orders/{number}" for number in (4, 3, 2, 1, 0)]
    assert datetime.fromisoformat(rows[0]["captured_at"]).tzinfo is not None
    assert run("list", "--json", env={"GNOMON_SNAPSHOTS": str(store)}).stdout.count("\n") == 5


def test_list_a_part(store):
    done = run("--store", store, "list", "--limit", 2)
    assert len(done.stdout.splitlines()) == 3
    assert "there are more than 2" in done.stderr
    assert run("--store", store, "list", "--limit", 5).stderr == ""
    assert run("--store", store, "list", "--text", "orders 3", "--json").stdout.count("\n") == 1
    assert run("--store", store, "list", "--outcome", "error").stdout == ""
    assert run("--store", store, "list", "--route", "/nothing").stdout == ""
    assert run("--store", store, "list", "--version", "nothing").stdout == ""


def test_list_in_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "MAX_PAGE", 2)
    store = filled(tmp_path / "s", *(make_snapshot(number) for number in range(5)))
    done = run("--store", store, "list")
    assert done.stdout.count("TAKEN") == 1
    assert len(done.stdout.splitlines()) == 6
    assert run("--store", store, "list", "--limit", 3, "--json").stdout.count("\n") == 3


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [
        ("2000-01-01", "2100-01-01", 5),
        ("2100-01-01T00:00+02:00", None, 0),
        (None, "2000-01-01", 0),
        ("1m", "0s", 0),
    ],
)
def test_list_by_times(store, since, until, count):
    options = [
        one for name, value in (("--since", since), ("--until", until)) if value for one in (name, value)
    ]
    assert run("--store", store, "list", "--json", *options).stdout.count("\n") == count


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["list", "--since", "soon"], "is no time"),
        (["list", "--since", "xh"], "is no time"),
        (["list", "--since", "tomorow"], "is no time"),
        (["list", "--since", "1xh"], "is no length"),
        (["list", "--outcome", "eror"], "is not one of"),
        (["diff", "a", "b", "--only", "/stat"], "is no place"),
        (["diff", "a", "b", "--ignore", "state"], "is no place"),
        (["list", "--until", ""], "is no time"),
        (["list", "--limit", "0"], "0 is not in the range"),
        (["prune"], "say what to keep"),
        (["prune", "--age", "7"], "is no length of time"),
        (["prune", "--bytes", "7 parsecs"], "is no size"),
        (["import", "nowhere"], "does not exist"),
        (["nothing"], "No such command"),
    ],
)
def test_commands_that_are_wrong(store, arguments, problem):
    import re

    assert re.search(problem, run("--store", store, *arguments, code=2).stderr)


def test_a_store_that_is_not_there(tmp_path):
    done = run("--store", tmp_path / "none", "list", code=2)
    assert "there is no store at" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_store_that_is_none(tmp_path):
    (tmp_path / "text").write_text("hello " * 1000)
    assert "the file is no database" in run("--store", tmp_path / "text", "list", code=3).stderr
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.close()
    assert "something else" in run("--store", tmp_path / "other", "list", code=3).stderr


def full_snapshot():
    class Question:
        method, target, headers, body = "POST", "/orders?x=1", {"accept": "a/b", "cookie": "secret"}, {"a": 1}

    class Answer:
        status_code, headers, body = 201, {"etag": "1"}, "long " * 60

    lctx = LocalContext(
        GlobalContext(),
        method="POST",
        path="/orders",
        route="/orders",
        version="2",
        flags=("beta",),
        client_id="c",
        timeout=5.0,
    )
    lctx.execution = Execution("create_order", "2", 3, "hook", "route", 2)
    lctx.set("cart", ["apple"])
    lctx.set("open", open)
    lctx.settle("error", ValueError("no"))
    return capture(lctx, request=Question(), response=Answer(), events=["one"], manifest="m")


def test_show(tmp_path):
    found = full_snapshot()
    store = filled(tmp_path / "s", found)
    shown = run("--store", store, "show", found.request_id).stdout
    for part in (
        "POST /orders\n",
        found.request_id,
        "version    2",
        "flags      beta",
        "outcome    error",
        "remaining",
        found.digest,
        "handler_id  'create_order'",
        "ValueError('no')",
        "  cart  ['apple']",
        "header accept  'a/b'",
        "header cookie  <lost: str, sensitive>",
        "status_code  201",
        "0  'one'",
        "path='/state/open'",
    ):
        assert part in shown, part
    assert "secret" not in shown
    written = json.loads(run("--store", store, "show", found.request_id, "--json").stdout)
    assert written["state"]["cart"] == ["apple"]
    assert written["digest"] == found.digest
    assert {loss["path"] for loss in written["losses"]} == {loss.path for loss in found.losses}
    done = run("--store", store, "show", "nothing", code=1)
    assert "there is no snapshot of the request 'nothing'" in done.stderr


def test_show_a_recording(tmp_path):
    started = trio.Event()

    async def handler(req, res, lctx, gctx):
        store = gctx.modules.store
        store.price("a\x1b", currency="EUR")
        async with store.begin() as transaction:
            await transaction.insert({"x": 1})
        store.mixed()
        store.Missing
        with pytest.raises(OrderNotFound):
            await store.load(-1)

        async def wait():
            started.set()
            await store.wait()

        lctx.start_soon(wait, name="waiting")
        await started.wait()
        await trio.testing.wait_all_tasks_blocked()
        lctx.cancel()

    class Slow(Store):
        async def wait(self):
            await trio.sleep_forever()

    recording = Application(handler, modules={"store": Slow()}).record()
    store = filled(tmp_path / "s", recording.snapshot)
    lines = run("--store", store, "show", recording.request_id).stdout.splitlines()
    told = [re.sub(r"\(\d+\.\d ms\)", "(ms)", line) for line in lines]
    begin = told.index("lifecycle")
    assert told[begin : told.index("request")] == [
        "lifecycle",
        "  handler.start handler",
        "  handler.end handler",
        "  request.finished handler [cancelled]",
        "",
        "module calls",
        r"  store.price('a\x1b', currency='EUR') -> {'sku': 'a\x1b', 'currency': 'EUR'}  (ms)",
        "  store.begin() -> store#1  (ms)",
        "  store#1.__aenter__() -> store#1  (ms)",
        "  store#1.insert({'x': 1}) -> 2  (ms)",
        "  store#1.__aexit__(None) -> None  (ms)",
        "  store.mixed() -> [1, <lost: builtins.builtin_function_or_method, unencodable>]  (ms)",
        "  store.Missing -> replays.OrderNotFound  (ms)",
        "  store.load(-1) raised replays.OrderNotFound: -1  (ms)",
        "  waiting#1: store.wait() cancelled  (ms)",
        "",
        "unrecorded",
        "  store.mixed(): its answer holds a builtins.builtin_function_or_method at /1, which cannot be written (unencodable)",
        "",
    ]


def test_show_little(tmp_path):
    lctx = LocalContext(GlobalContext())
    store = filled(tmp_path / "s", capture(lctx))
    shown = run("--store", store, "show", lctx.request_id).stdout
    assert "no deadline" in shown
    assert "none yet" in shown
    assert "execution" not in shown


def test_what_a_client_sent_does_not_reach_the_terminal(tmp_path):
    nasty = "\x1b[2J\r\nok"
    lctx = LocalContext(GlobalContext(), method="GET", path=f"/{nasty}")
    lctx.set(f"k{nasty}", {nasty: nasty})
    lctx.execution = Execution(nasty)
    lctx.settle("error", ValueError(nasty))
    other = LocalContext(GlobalContext(), path="/")
    store = filled(tmp_path / "s", capture(lctx), capture(other))
    for arguments in (["list"], ["show", lctx.request_id]):
        shown = run("--store", store, *arguments).stdout
        assert "\x1b" not in shown
        assert "\r" not in shown
    for pair in ((lctx, other), (other, lctx)):
        shown = run("--store", store, "diff", *(one.request_id for one in pair), code=1).stdout
        assert "\x1b" not in shown
        assert "\r" not in shown


def pair(path, before, after):
    filled(path, make_snapshot(1, state=before), make_snapshot(2, state=after))
    one, two = sorted(kept(path))
    return functools.partial(run, "--store", path, "diff", one, two)


def test_diff(tmp_path):
    compare = pair(
        tmp_path / "s",
        {"a": 1, "cart": ["apple", "pear"], "gone": None, "x/y": {"p": 1, "q": 2}},
        {"a": 2, "cart": ["apple"], "new": "x" * 1000, "x/y": {"q": 2, "p": 1}},
    )
    lines = compare("--only", "/state", code=1).stdout.splitlines()
    assert lines == [
        "- /state/gone: null",
        "~ /state/a: 1 -> 2",
        '- /state/cart/1: "pear"',
        '+ /state/new: "' + "x" * 298 + "…",
        "~ /state/x~1y: the keys are in another order",
    ] or lines[:3] == ["- /state/gone: null", "~ /state/a: 1 -> 2", '- /state/cart/1: "pear"']
    assert "~ /state/x~1y: the keys are in another order" in lines
    patch = json.loads(compare("--only", "/state/a", "--json", code=1).stdout)
    assert patch == [{"op": "replace", "path": "/state/a", "value": 2}]
    assert compare("--only", "/phase").stdout == ""
    assert "/state/a" not in compare("--ignore", "/state/a", code=1).stdout
    assert compare("--ignore", "/state", "--ignore", "/meta/path").stdout == ""
    assert "/meta/request_id" in compare("--exact", code=1).stdout
    assert "/meta/request_id" not in compare(code=1).stdout
    run("--store", tmp_path / "s", "diff", "nothing", "nothing", code=1)


def test_no_difference(tmp_path):
    compare = pair(tmp_path / "s", {"a": 1}, {"a": 1})
    assert compare("--ignore", "/meta/path").stdout == ""
    assert json.loads(compare("--ignore", "/meta/path", "--json").stdout) == []


def test_export_and_import(store, tmp_path):
    file, other = tmp_path / "e", tmp_path / "other.sqlite3"
    assert run("--store", store, "export", file).stdout == "exported 5 snapshots\n"
    assert json.loads(run("--store", store, "export", file, "--json").stdout) == {"exported": 5}
    done = run("--store", other, "import", file, "--progress")
    assert done.stdout == "imported 5 snapshots\n"
    assert kept(other) == kept(store)
    assert json.loads(run("--store", other, "import", file, "--json").stdout) == {"imported": 5}
    part = run("--store", store, "export", file, "--text", "3", "--progress")
    assert part.stdout == "exported 1 snapshots\n"
    assert part.stderr == "\rexported 1\n"
    assert kept(other) == kept(store)


def test_a_file_that_is_damaged(store, tmp_path):
    file = tmp_path / "e"
    run("--store", store, "export", file)
    file.write_bytes(file.read_bytes()[:-1])
    assert "damaged or cut" in run("--store", tmp_path / "other", "import", file, code=3).stderr
    assert "No such file" in run("--store", store, "export", tmp_path / "no" / "e", code=3).stderr


def test_prune(store):
    assert run("--store", store, "prune", "--age", "9999w", "--count", 100, "--bytes", "1GiB").stdout == (
        "forgot 0 snapshots\n"
    )
    done = run("--store", store, "prune", "--count", 3, "--progress")
    assert done.stdout == "forgot 2 snapshots\n"
    assert done.stderr.startswith("\rforgot 2")
    assert len(kept(store)) == 3
    assert json.loads(run("--store", store, "prune", "--bytes", "0B", "--json").stdout) == {"forgotten": 3}
    assert kept(store) == []


def test_progress_on_a_terminal(store, monkeypatch):
    class Terminal:
        def __init__(self, stream):
            self.stream = stream

        def __getattr__(self, name):
            return getattr(self.stream, name)

        def isatty(self):
            return True

    told = cli._teller("exported", True)
    assert told is not None
    assert cli._teller("exported", False) is None
    import io

    monkeypatch.setattr(cli.sys, "stderr", Terminal(io.StringIO()))
    assert cli._teller("exported", None) is not None
    monkeypatch.setattr(cli.sys, "stderr", io.StringIO())
    assert cli._teller("exported", None) is None


def test_bounds_of_what_is_shown(tmp_path):
    lctx = LocalContext(GlobalContext(), path="/" + "x" * 200)
    lctx.set("big", "y" * 2_000_000)
    store = filled(
        tmp_path / "s", capture(lctx), capture(LocalContext(GlobalContext()), limits=Limits(size=1))
    )
    listed = run("--store", store, "list").stdout
    assert "…" in listed
    assert "2.0 MB" in listed
    assert max(map(len, listed.splitlines())) < 250


def test_a_recording(tmp_path):
    async def handler(req, res, lctx, gctx):
        pass

    part = Application(handler).record().snapshot.tree["recording"]

    def recorded(number, calls):
        tree = {**make_snapshot(number).tree, "recording": {**part, "calls": calls}}
        return Snapshot.from_bytes(pack(tree))

    one, two = recorded(1, []), recorded(2, [7])
    store = filled(tmp_path / "s", one, two)
    assert "it can be replayed" in run("--store", store, "show", one.request_id).stdout
    assert "another shape" in run("--store", store, "show", two.request_id, code=3).stderr
    compare = functools.partial(run, "--store", store, "diff", one.request_id, two.request_id)
    assert compare("--ignore", "/meta/path").stdout == ""
    assert "+ /recording/calls/0: 7\n" in compare("--exact", "--only", "/recording", code=1).stdout


def test_every_outcome_can_be_asked_for():
    assert get_args(OutcomeKind) == cli._OUTCOMES


def test_an_export_for_which_there_is_no_room_names_its_file(store, tmp_path, monkeypatch):
    async def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    assert "nowhere" in run("--store", store, "export", tmp_path / "nowhere" / "file", code=3).output
    monkeypatch.setattr(cli, "export_snapshots", full)
    output = run("--store", store, "export", tmp_path / "copy", code=3).output
    assert f"No space left on device: '{tmp_path / 'copy'}'" in output
