"""Live handles in containers are recorded through their own calls, and are there again in a replay."""

from dataclasses import dataclass
from types import SimpleNamespace

from gnomon_snapshot import MemoryStore, Recorder, Recording, Types, replay
from gnomon_snapshot._within import class_named, is_handle, real, replaced, written
from gnomon_snapshot.testing import Application


class Transaction:
    def __init__(self, number):
        self.number = number
        self.rows = []

    async def insert(self, row):
        self.rows.append(row)
        return len(self.rows)


class Pool:
    def __init__(self):
        self.open = [Transaction(number) for number in range(3)]
        self.given_back = []

    def all(self):
        return self.open

    def cursor(self):
        return {"cursor": self.open[0], "plain": [1, (2, "x")]}

    async def rows(self):
        return (1, [{"deep": self.open[1]}])

    def first(self):
        return self.open[0]

    def numbers(self):
        yield from [1, 2]

    def streams(self):
        return [self.numbers(), 7]

    def give_back(self, some, *, more=()):
        self.given_back += [*some, *more]
        return len(self.given_back)


async def handler(req, res, lctx, gctx):
    pool = gctx.modules.pool
    several = pool.all()
    inserted = [await transaction.insert(number) for number, transaction in enumerate(several)]
    cursor = pool.cursor()
    inserted.append(await cursor["cursor"].insert("again"))
    deep = (await pool.rows())[1][0]["deep"]
    inserted.append(await deep.insert("deep"))
    first = pool.first()
    inserted.append(await first.insert("first"))
    numbers, seven = pool.streams()
    res.body = {
        "inserted": inserted,
        "plain": cursor["plain"],
        "same": [several[0] is first, cursor["cursor"] is first, isinstance(first, Transaction)],
        "numbers": [first.number, deep.number],
        "stream": [list(numbers), seven],
        "back": pool.give_back([first, deep], more=(several[2],)),
    }


def recorded():
    pool = Pool()
    app = Application(handler, modules={"pool": pool})
    return pool, Recording.from_bytes(app.record().to_bytes())


def test_handles_in_containers_are_used_through_their_own_calls():
    pool, recording = recorded()
    assert recording.snapshot.response.body == {
        "inserted": [1, 1, 1, 2, 2, 3],
        "plain": [1, (2, "x")],
        "same": [True, True, True],
        "numbers": [0, 1],
        "stream": [[1, 2], 7],
        "back": 3,
    }
    assert recording.unrecorded == ()
    shown = [str(call) for call in recording.calls]
    assert shown[:5] == [
        "pool.all()",
        "pool#1.insert(0)",
        "pool#2.insert(1)",
        "pool#3.insert(2)",
        "pool.cursor()",
    ]
    assert all(path in shown[-1] for path in ("pool#1", "pool#2", "pool#3"))
    # the module has what it had, and got the real things back
    assert all(type(each) is Transaction for each in (*pool.open, *pool.given_back))


def test_a_replay_has_them_again():
    _, recording = recorded()
    never = SimpleNamespace()
    for _ in range(2):
        report = replay(recording, Application(handler, modules={"pool": never}))
        assert report.empty, str(report)

    async def other(req, res, lctx, gctx):
        await gctx.modules.pool.cursor()["cursor"].insert("something else")

    report = replay(recording, Application(other, modules={"pool": never}))
    assert [each.actual for each in report.divergences] == ["pool#1.insert('something else')"]


def test_what_is_registered_is_data_in_a_container_too():
    async def look(req, res, lctx, gctx):
        res.body = [each.number for each in gctx.modules.pool.all()]

    app = Application(
        look, modules={"pool": Pool()}, recorder=Recorder(MemoryStore(), types=Types(Transaction))
    )
    recording = app.record()
    assert [str(call) for call in recording.calls] == ["pool.all()"]
    assert replay(recording, app).empty


@dataclass
class Page:
    number: int
    cursor: Transaction


def test_a_handle_in_an_object_is_refused_with_the_reason():
    class Pages:
        def page(self):
            return [Page(1, Transaction(1))]

        def held(self):
            return Page(1, None)

    async def turn(req, res, lctx, gctx):
        res.body = [gctx.modules.pages.held().number, gctx.modules.pages.page()[0].number]

    def app_of(*types):
        recorder = Recorder(MemoryStore(), types=Types(*types))
        return Application(turn, modules={"pages": Pages()}, recorder=recorder)

    app = app_of(Page)
    recording = app.record()
    assert recording.snapshot.response.body == [1, 1]
    (told,) = recording.unrecorded
    assert told.startswith("pages.page(): an object in its answer holds a live handle")
    assert replay(recording, app).divergences[0].actual == "pages.page()"
    app = app_of(Page, Transaction)
    assert replay(app.record(), app).empty


class Secret:
    __sensitive__ = True

    def __init__(self):
        self.text = "sesame-open"

    def reveal(self):
        return self.text


def test_a_secret_is_no_handle_wherever_it_stands():
    class Vault:
        token = Secret()

        def one(self):
            return Secret()

        async def several(self):
            return [Secret(), {"more": Secret()}]

    async def reveal(req, res, lctx, gctx):
        vault = gctx.modules.vault
        several = await vault.several()
        texts = {vault.one().reveal(), several[0].reveal(), several[1]["more"].reveal(), vault.token.reveal()}
        res.body = len(texts)

    app = Application(reveal, modules={"vault": Vault()})
    recording = app.record()
    assert b"sesame-open" not in recording.to_bytes()
    assert [str(call) for call in recording.calls] == ["vault.several()", "vault.one()", "vault.token"]
    assert replay(recording, app).empty


def test_a_class_is_found_where_it_is_loaded():
    assert class_named("gnomon_snapshot.Recording") is Recording
    assert class_named(f"{__name__}.Pool") is Pool
    assert class_named("no.such.Thing").__name__ == "Thing"
    assert class_named("gnomon_snapshot.no_such").__name__ == "no_such"
    assert class_named("").__name__ == "Handle"


def test_containers_are_looked_into_within_bounds():
    def keep(value):
        return value

    deep = inner = []
    for _ in range(40):
        inner.append([])
        inner = inner[0]
    for value in (deep, {"a": (1, [2])}, 7, {1, 2}):
        assert replaced(value, keep) is value
        assert real(value) is value
        assert written(value) is value
    circle = []
    circle.append(circle)
    assert replaced(circle, keep) is circle
    assert replaced({"a": (1, [2, "x"])}, lambda item: 0 if item == 2 else item) == {"a": (1, [0, "x"])}
    assert not is_handle({"path": "pool#1"})
