"""What a recorder leaves out: secrets, wherever they are, and what redactors blank."""

import threading
from types import SimpleNamespace

import pytest
from recordings import CANARY, Store, record
from replays import Secret

from gnomon_snapshot import (
    Limits,
    Lost,
    MemoryStore,
    Recorder,
    Withheld,
)
from gnomon_snapshot.testing import Application, Asked


def leaky(req, res, lctx, gctx):
    """Carries a secret to every place that it can think of."""
    secret = gctx.modules.vault.get("database")
    text = secret.reveal()
    gctx.modules.store.take(secret, text, f"password={text}", text.encode(), [secret, {"deep": text}])
    gctx.modules.store.give({"token": text, text: 1})
    lctx.set("held", secret)
    lctx.set("leaked", text)
    lctx.set("nested", [{"a": (text, bytearray(text.encode()))}])
    lctx.set("header", req.headers["authorization"].partition(" ")[2])
    lctx.set("key", gctx.modules.keys.of("signing"))
    gctx.config.password  # noqa: B018
    res.headers["x-leak"] = text
    res.body = {"error": f"cannot connect with {text}"}
    raise RuntimeError(text)


class Vault:
    def get(self, name):
        return Secret(CANARY)


class Keys:
    """Gives text, so that only the recorder can be told."""

    def of(self, name):
        return f"key-{CANARY}"

    def raw(self, name):
        return {"bytes": f"key-{CANARY}".encode(), "list": [1, f"key-{CANARY}"], "n": 3}

    def none(self):
        return None


@pytest.mark.parametrize("steps", [False, True])
def test_a_secret_is_in_no_byte_that_is_written(steps):
    recorder = Recorder(MemoryStore(), secrets=["keys"], steps=steps)
    app = Application(
        leaky,
        hooks=[lambda req, res, lctx, gctx: lctx.set("early", gctx.modules.vault.get("x").reveal())],
        modules={"vault": Vault(), "store": Store(), "keys": Keys()},
        config={"password": Secret(CANARY + "-config")},
        recorder=recorder,
    )
    headers = {
        "authorization": f"Bearer {CANARY}-token",
        "cookie": f"session={CANARY}-cookie; flag",
        "x-api-key": CANARY,
    }
    recording = app.record(Asked("POST", "/", headers, b"{}"))
    data = recording.to_bytes()
    assert CANARY.encode() not in data
    assert CANARY.encode() not in recording.initial.to_bytes()
    assert dict(recording.request.headers) == {
        "authorization": "Bearer <withheld>",
        "cookie": "session=<withheld>;<withheld>",
        "x-api-key": "<withheld>",
    }
    by_name = {call.name: call for call in recording.calls}
    assert (by_name["get"].args, by_name["of"].args) == (
        ("database",) if not steps else by_name["get"].args,
        ("signing",),
    )
    assert by_name["of"].value == Lost("builtins.str", "", "sensitive")
    assert recording.snapshot.state["leaked"] == "<withheld>"


def test_short_texts_are_no_secrets_that_are_searched_for():
    def handler(req, res, lctx, gctx):
        gctx.modules.keys.none()
        gctx.modules.keys.raw("a")
        gctx.modules.pins.of()
        lctx.set("text", "abc")
        lctx.set("found", f"a key-{CANARY} b")

    class Pins:
        def of(self):
            return Secret("abc")

    recording = record(handler, recorder=Recorder(MemoryStore(), secrets=["keys"]), keys=Keys(), pins=Pins())
    assert recording.snapshot.state == {"text": "abc", "found": "a <withheld> b"}
    assert recording.calls[0].value is None


def test_a_sensitive_object_that_cannot_be_read_is_not_written_either():
    class Odd:
        __sensitive__ = True
        __slots__ = ("held",)

        @property
        def __dict__(self):
            raise RuntimeError

    class Container:
        __sensitive__ = True

        def __init__(self):
            self.held = {"a": [f"{CANARY}-1", (b"no utf-8 \xff", {f"{CANARY}-2"})], "lock": threading.Lock()}

    class Sources:
        def of(self, what):
            return what

    container = Container()

    def handler(req, res, lctx, gctx):
        gctx.modules.odd.of(Odd())
        gctx.modules.odd.of([container])
        lctx.set("leaked", container.held["a"][0])
        lctx.set("again", container.held["a"][1][1])

    data = record(handler, odd=Sources()).to_bytes()
    assert CANARY.encode() not in data


def test_classes_that_raise_where_they_are_looked_at_do_no_harm():
    class Meta(type):
        def __getattr__(cls, name):
            raise RuntimeError(name)

    class Odd(metaclass=Meta):
        pass

    class Choosy(type):
        def __getattr__(cls, name):
            if name in ("__aenter__", "__await__"):
                raise RuntimeError(name)
            raise AttributeError(name)

    class Asked(metaclass=Choosy):
        pass

    class Hostile(dict):
        __sensitive__ = True

        def values(self):
            raise RuntimeError

    things = [Odd(), Asked(), Hostile(a=1)]

    def handler(req, res, lctx, gctx):
        for thing in things:
            assert gctx.modules.store.give(thing) is thing
            gctx.modules.store.take(thing)

    assert record(handler).snapshot.outcome == "ok"


def test_withheld_shows_nothing():
    secret = Withheld("shop.Secret")
    assert (secret.reveal(), secret.anything("x")) == ("<withheld>", "<withheld>")
    assert repr(secret) == "<shop.Secret, withheld>"
    assert not hasattr(secret, "__len__")


class Blank:
    """A redactor."""

    def redact(self, value):
        return {**value, "password": "(hidden)"} if isinstance(value, dict) else value


class Failing:
    def redact(self, value):
        raise RuntimeError


def test_redactors_blank_what_they_know():
    redactors = {
        "request.body": Blank(),
        "modules.store.give.result": Blank(),
        "modules.store.price.arguments": Failing(),
        "modules.store.take.arguments": SimpleNamespace(redact=lambda value: [[], {}]),
        "request.target": SimpleNamespace(redact=lambda value: "/redacted"),
    }

    def handler(req, res, lctx, gctx):
        gctx.modules.store.give({"password": CANARY})
        gctx.modules.store.price(CANARY)
        gctx.modules.store.take(CANARY)

    request = Asked("POST", f"/?q={CANARY}", {}, CANARY.encode(), body={"password": CANARY, "user": "ada"})
    recording = record(handler, recorder=Recorder(MemoryStore(), redactors=redactors), request=request)
    assert recording.request.value == {"password": "(hidden)", "user": "ada"}
    assert (recording.request.body, recording.request.target) == (None, "/redacted")
    assert recording.initial.request.body == {"password": "(hidden)", "user": "ada"}
    assert recording.calls[0].value == {"password": "(hidden)"}
    assert recording.calls[1].args == (Lost("RuntimeError", "", "failed"),)
    assert recording.calls[2].args == ([], {})


def test_a_body_that_cannot_be_blanked_is_not_written():
    def body(redactor, raw=b"{}"):
        recorder = Recorder(MemoryStore(), redactors={"request.body": redactor} if redactor else {})
        return record(
            lambda req, res, lctx, gctx: None, recorder=recorder, request=Asked(raw_body=raw, body={})
        ).request

    assert "RuntimeError" in body(Failing()).missing
    assert body(Failing(), b"").missing == ""
    assert body(SimpleNamespace(redact=lambda value: value)).body == b"{}"
    assert "as a stream" in body(None, None).missing
    recording = record(lambda req, res, lctx, gctx: None, request=Asked(raw_body=None))
    assert recording.unrecorded == (
        "the body of the request: the handler took it as a stream, or never read it",
    )
    large = Recorder(MemoryStore(), limits=Limits(text=10))
    recording = record(lambda req, res, lctx, gctx: None, recorder=large, request=Asked(raw_body=b"x" * 11))
    assert "11 bytes" in recording.request.missing


# What a recorder chooses.
