"""Coverage-guided fuzzing of a whole connection; skipped where atheris is not installed (it has wheels for few platforms)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed"),
]

HARNESS = textwrap.dedent(
    """
    import logging, sys
    import atheris

    with atheris.instrument_imports(include=["gnomon_ingress", "wsproto"]):
        import gnomon_ingress
        from gnomon_ingress import Config, Server, WebSocketClosed
        from gnomon_ingress.testing import Client

    import trio
    import trio.testing
    from ingress_support import answers

    logging.disable()
    OPENING = (
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
        b"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n"
    )

    async def dispatch(req, res):
        if req.websocket is not None:
            try:
                async for message in req.websocket:
                    await req.websocket.send(message)
            except WebSocketClosed:
                pass
            return
        res.json([req.path, req.query, len(await req.read()), dict(req.cookies)])

    async def frames(data):
        crashes = []
        config = Config(on_event=lambda event: event.kind == "crashed" and crashes.append(event))
        async with Client(dispatch, config=config) as client:
            stream = client.connect()
            await stream.send_all(OPENING + data)
            await stream.send_eof()
            while await stream.receive_some():
                pass
        assert not crashes, crashes

    def requests(data):
        crashes = []
        note = lambda event: event.kind == "crashed" and crashes.append(event)
        whole = trio.run(answers, Server(dispatch, config=Config(on_event=note)), [data])
        cut = len(data) // 2
        split = trio.run(answers, Server(dispatch, config=Config(on_event=note)), [data[:cut], data[cut:]] if cut else [data])
        interim = b"HTTP/1.1 100 Continue\\r\\n\\r\\n"
        assert whole.replace(interim, b"") == split.replace(interim, b"")
        assert not crashes, crashes

    def one(data):
        if data[:1] == b"W":
            trio.run(frames, data[1:], clock=trio.testing.MockClock(autojump_threshold=0))
        elif data:
            requests(data[1:])

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
    """
)

SEEDS = (
    b"RGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"RPOST /a%20b?c=d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
    b"W\x81\x82abcdij\x89\x80abcd\x88\x80abcd",
)


def test_fuzzing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS):
        (corpus / str(number)).write_bytes(seed)
    script = tmp_path / "fuzz.py"
    script.write_text(HARNESS)
    done = subprocess.run(
        [
            sys.executable,
            str(script),
            str(corpus),
            "-max_total_time=40",
            "-max_len=2000",
            f"-artifact_prefix={tmp_path}/",
        ],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
