"""Kaggle on this machine: the three calls that a submission takes, and the upload.

The official client is pointed to it by :func:`use`.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import pytest

_SERVICE = "/v1/competitions.CompetitionApiService/"


class KaggleServer:
    """Takes submissions; ``refuse`` maps a call's name to a status and a message."""

    def __init__(self) -> None:
        self.refuse: dict[str, tuple[int, str]] = {}
        self.grades: list[dict[str, Any]] = [{"status": "COMPLETE", "publicScore": "0.123"}]
        """What GetSubmission answers, in turn; the last one for ever."""
        self.calls: list[tuple[str, Any]] = []
        """Name and body of each request."""
        self.keys: set[str] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.keys.add(self.headers["Authorization"])
                name = self.path.removeprefix(_SERVICE)
                self._answer(*server.answer(name, json.loads(self._body())))

            def do_PUT(self) -> None:
                self._answer(*server.answer("upload", self._body().decode()))

            def log_message(self, *_: object) -> None:
                pass

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers["Content-Length"]))

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def answer(self, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and content of an answer."""
        self.calls.append((name, body))
        if name in self.refuse:
            status, message = self.refuse[name]
            return status, {"code": status, "message": message}
        if name == "StartSubmissionUpload":
            return 200, {"token": "the-token", "createUrl": f"{self.url}/upload"}
        if name == "CreateSubmission":
            return 200, {"message": "Successfully submitted", "ref": 77}
        if name == "GetSubmission":
            grade = self.grades.pop(0) if len(self.grades) > 1 else self.grades[0]
            return 200, {"ref": 77, **grade}
        return 200, {}

    def of(self, name: str) -> list[Any]:
        """Bodies of the requests of one kind."""
        return [body for called, body in self.calls if called == name]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Be gone; a second call changes nothing."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()


def use(server: KaggleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the official client to the server, with a key in the environment."""
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", "test-key-3f9a71c2")
