"""LangSmith: traces go to a server on this machine where its variables are set, and only there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mle_star.observe import langsmith

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-hunter2-hunter2"
CODE = """
import sys, threading
from mle_star import solve
done = solve(
    sys.argv[1], run="traced", report=False, num_candidates=1, num_solutions=1, outer_steps=0,
    ensemble_rounds=0, folds=2, engineer="tests.support.engineers:plain",
)
assert done.submission is not None
print([thread.name for thread in threading.enumerate()])
"""


class Ingest:
    """Takes in what LangSmith's client sends; a body may be packed, and in parts."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.keys: set[str | None] = set()
        self.bodies = b""

    @property
    def text(self) -> str:
        return self.bodies.decode("utf-8", "replace")

    def handler(self) -> type[BaseHTTPRequestHandler]:
        ingest = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ingest.paths.append(self.path)
                self._say(200, {"version": "0.10.0"})

            def do_POST(self) -> None:
                if self.headers.get("Transfer-Encoding", "") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                encoding = self.headers.get("Content-Encoding", "")
                if encoding == "gzip":
                    body = zlib.decompress(body, 31)
                elif encoding == "zstd":
                    import zstandard

                    body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
                ingest.paths.append(self.path)
                ingest.keys.add(self.headers.get("x-api-key"))
                ingest.bodies += body
                self._say(202, {})

            do_PATCH = do_POST

            def _say(self, status: int, value: object) -> None:
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def serving(ingest: Ingest) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ingest.handler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def solved(task: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A small run in a process of its own, as LangSmith reads its variables once."""
    return subprocess.run(
        [sys.executable, "-c", CODE, str(task)],
        cwd=ROOT,
        env={**os.environ, "TAVILY_API_KEY": SECRET, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_traces_arrive_named_and_without_secrets(task: Path) -> None:
    ingest = Ingest()
    with serving(ingest) as url:
        done = solved(
            task, LANGSMITH_TRACING="true", LANGSMITH_API_KEY="lsv2_test", LANGSMITH_ENDPOINT=url
        )
    assert done.returncode == 0, done.stderr
    assert ingest.keys == {"lsv2_test"}
    assert any(path.startswith("/runs") for path in ingest.paths)
    for wanted in ("mle-star slope", '"mle-star"', '"preset"', "/traced", "submit", "prepare"):
        assert wanted in ingest.text, wanted
    assert SECRET not in ingest.text
    rows = (task / "train.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert not any(row in ingest.text for row in rows), "no row of the tables is sent"


def test_a_server_that_fails_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Dead:
        def flush(self, timeout: float) -> None:
            raise OSError(f"no answer within {timeout:g} s")

    monkeypatch.setattr(langsmith, "_is_on", lambda: True)
    monkeypatch.setattr("langchain_core.tracers.langchain.get_client", Dead)
    langsmith.send()
    assert "not all sent to LangSmith: no answer within 5 s" in caplog.text


def test_nothing_is_sent_and_no_thread_is_started_without_the_variable(task: Path) -> None:
    ingest = Ingest()
    with serving(ingest) as url:
        done = solved(
            task, LANGSMITH_TRACING="", LANGSMITH_API_KEY="lsv2_test", LANGSMITH_ENDPOINT=url
        )
    assert done.returncode == 0, done.stderr
    assert ingest.paths == []
    assert done.stdout.strip() == "['MainThread']"
