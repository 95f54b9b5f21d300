"""HTTP servers on the loopback interface whose answers a test decides; see ``gemini.py``."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Protocol, Self, TypeVar

KEY = "test-key-3f9a71c2"
"""The key the servers hand to the client libraries; no message of ours may hold it."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong in place of an answer; the functions below make the usual ones."""

    status: int = 500
    reason: str = "INTERNAL"
    message: str = "An internal error has occurred."
    details: tuple[Mapping[str, Any], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    """How long the server thinks first."""
    drop: str = ""
    """``before``: the connection ends without a byte; ``midway``: in the middle of the body."""
    body: bytes = b""
    """Sent as it is, with ``status``, in place of an error object."""


def server_error() -> Fault:
    """500."""
    return Fault()


def overloaded() -> Fault:
    """503."""
    return Fault(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")


def dropped(midway: bool = True) -> Fault:
    """The connection ends in the middle of the answer, or before it began."""
    return Fault(200, drop="midway" if midway else "before")


def garbage() -> Fault:
    """Status 200 with what is no JSON, as a captive portal sends it."""
    return Fault(200, body=b"<html><body>Please log in.</body></html>")


@dataclass(frozen=True)
class Turn:
    """One turn of the conversation; the role is ``user`` or ``model``."""

    role: str
    text: str


class Timed(Protocol):
    """What every answer and fault has."""

    @property
    def seconds(self) -> float: ...


R = TypeVar("R")
A = TypeVar("A", bound=Timed)


def in_turn(*answers: A) -> Callable[[Any], A]:
    """A brain that gives these answers one after the other, the last one for ever."""
    left = list(answers)
    lock = threading.Lock()

    def brain(_: Any) -> A:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return brain


class LoopbackServer(Generic[R, A]):
    """HTTP/1.1 on 127.0.0.1; a subclass reads requests and writes answers of one provider."""

    def __init__(self, brain: Callable[[R], A | Fault], key: str = "") -> None:
        """``key``: the only one that is let in; '' lets every key in."""
        self.brain = brain
        self.key = key
        self.requests: list[R] = []
        self.most_at_once = 0
        self.closing = threading.Event()
        self._at_once = 0
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None and self._errors:
            raise self._errors[0]

    def close(self) -> None:
        """Stop answering and end every connection, also one whose answer is still awaited."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    # What a provider decides.

    def read(self, number: int, path: str, headers: Mapping[str, str], body: Any) -> R | Fault:
        raise NotImplementedError

    def think(self, request: R) -> A | Fault:
        return self.brain(request)

    def write(self, request: R, answer: A) -> dict[str, Any]:
        raise NotImplementedError

    def fault_body(self, fault: Fault) -> dict[str, Any]:
        raise NotImplementedError

    # What is the same for all.

    def _answer(self, path: str, headers: Mapping[str, str], raw: bytes) -> tuple[Fault, bytes]:
        """Status, headers and drop as a fault (status 200 where all is well), and the body."""
        with self._lock:
            request = self.read(len(self.requests), path, headers, json.loads(raw))
            if not isinstance(request, Fault):
                self.requests.append(request)
        outcome: A | Fault
        if isinstance(request, Fault):
            outcome = request
        else:
            try:
                outcome = self.think(request)
            except Exception as error:  # noqa: BLE001 - whatever the test's code raises
                self._errors.append(error)
                outcome = Fault(message=f"the test's brain failed: {error!r}")
        self.closing.wait(outcome.seconds)
        if isinstance(outcome, Fault):
            return outcome, outcome.body or json.dumps(self.fault_body(outcome)).encode()
        assert not isinstance(request, Fault)
        return Fault(200), json.dumps(self.write(request, outcome)).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet per answer; without both, delayed acknowledgements cost 40 ms a request.
            wbufsize = -1
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with server._lock:
                    server._connections.add(self.connection)

            def finish(self) -> None:
                with server._lock:
                    server._connections.discard(self.connection)
                with suppress(OSError):
                    super().finish()

            def handle(self) -> None:
                with suppress(OSError):  # the client went away
                    super().handle()

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                with server._counted():
                    fault, body = server._answer(
                        self.path, {k.lower(): v for k, v in self.headers.items()}, raw
                    )
                if server.closing.is_set() or fault.drop == "before":
                    self.close_connection = True
                    return
                self.send_response(fault.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                for name, value in fault.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if fault.drop:
                    body, self.close_connection = body[: len(body) // 2], True
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1
