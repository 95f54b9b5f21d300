"""A Tavily server on this machine: ``POST /search`` and ``/extract`` with answers and faults.

Address the product to it with the setting ``search_url`` (or MLE_STAR_SEARCH_URL) and any
TAVILY_API_KEY::

    with TavilyServer([result("LightGBM", "https://docs.example.org/lgbm", "Trees.")]) as server:
        server.next(status(429), SLOW)      # the next two requests fail, later ones are answered
        ...
        assert server.queries == [...]
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Result = dict[str, Any]
Answer = Callable[[dict[str, Any]], Any]
"""From the body of a request to the JSON of the reply."""


def result(title: str, url: str, text: str, raw: str | None = None, score: float = 0.9) -> Result:
    """One search result; ``raw`` is the page's whole text, ``text`` the excerpt."""
    return {"title": title, "url": url, "content": text, "raw_content": raw, "score": score}


@dataclass(frozen=True)
class Fault:
    """What a request gets in place of an answer."""

    kind: str = "status"
    """``status``, ``slow`` (no answer until the server closes), ``dripping`` (a byte now and then
    until it closes), ``dropped`` (the connection ends), ``cut`` (it ends within the answer),
    ``garbage`` (200, but no JSON) or ``odd`` (200, JSON of another form)."""
    code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    detail: str = "refused by the test"
    body: Any = None


SLOW = Fault("slow")
DRIPPING = Fault("dripping")
DROPPED = Fault("dropped")
CUT = Fault("cut")
GARBAGE = Fault("garbage")


def status(code: int, detail: str = "refused by the test", **headers: str) -> Fault:
    """An HTTP error in Tavily's form; ``retry_after="3"`` becomes the header Retry-After."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Fault("status", code, named, detail)


def odd(body: Any) -> Fault:
    """A JSON answer that is not what the API promises."""
    return Fault("odd", body=body)


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def key(self) -> str:
        """The API key; empty where none was sent."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class TavilyServer:
    """Answers on 127.0.0.1 while it is entered; it ends by itself afterwards.

    Like the service it refuses requests without a key (``key=None``: any key will do) and gives at
    most ``max_results`` results. Unlike the service it ignores ``exclude_domains``.
    """

    def __init__(
        self,
        results: Sequence[Result] | Answer = (),
        *,
        key: str | None = None,
        fault: Fault | None = None,
    ) -> None:
        """Answer with these results, or with what a function makes of the request's body.

        ``fault`` is what every request gets once those of :meth:`next` are used up.
        """
        self.results = results
        self.key = key
        self.fault = fault
        self.requests: list[Asked] = []
        self.arrived = threading.Event()
        """Set once a request has come in; clear it to wait for another."""
        self.closing = threading.Event()
        self._faults: deque[Fault | None] = deque()
        self._lock = threading.Lock()
        self._http: _Http | None = None

    @property
    def url(self) -> str:
        """Address to give to the setting ``search_url``."""
        assert self._http is not None, "the server is not running"
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def queries(self) -> list[str]:
        """What was searched for, in order."""
        return [asked.body.get("query", "") for asked in self.requests if asked.path == "/search"]

    def next(self, *faults: Fault | None) -> None:
        """Queue what the next requests get; None is an ordinary answer."""
        with self._lock:
            self._faults.extend(faults)

    def take(self, asked: Asked) -> Fault | None:
        """Note a request down and say what happens to it."""
        with self._lock:
            self.requests.append(asked)
            fault = self._faults.popleft() if self._faults else self.fault
        self.arrived.set()
        if fault is None and (not asked.key or (self.key is not None and asked.key != self.key)):
            return status(401, "Unauthorized: missing or invalid API key.")
        return fault

    def answer(self, asked: Asked) -> Any:
        """The JSON of an ordinary answer."""
        if asked.path == "/extract":
            return {"results": [], "failed_results": [], "response_time": 0.01}
        if callable(self.results):
            return self.results(asked.body)
        most = asked.body.get("max_results", 5)
        found: Result = {"query": asked.body.get("query"), "images": [], "answer": None}
        return {**found, "results": list(self.results)[:most], "response_time": 0.01}

    def __enter__(self) -> TavilyServer:
        self.closing.clear()
        self._http = _Http(self)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._http is not None
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the handlers, so that no socket is left open

    def __init__(self, owner: TavilyServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    timeout = 10

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, json.loads(raw or b"{}"), headers)
        owner = self.server.owner
        fault = owner.take(asked)
        if self.path not in ("/search", "/extract"):
            fault = status(404, "Not Found")
        if fault is None:
            self.reply(200, json.dumps(owner.answer(asked)).encode())
        else:
            self.fail(fault)

    def fail(self, fault: Fault) -> None:
        """Do what the fault says."""
        if fault.kind == "status":
            body = json.dumps({"detail": {"error": fault.detail}}).encode()
            self.reply(fault.code, body, fault.headers)
        elif fault.kind == "slow":
            self.server.owner.closing.wait(60)
        elif fault.kind == "dripping":
            self.reply(200, b"", {"Content-Length": "1000"})
            while not self.server.owner.closing.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
        elif fault.kind == "cut":
            self.reply(200, b'{"results": [', {"Content-Length": "1000"})
        elif fault.kind == "garbage":
            self.reply(200, b"<html>Bad gateway</html>")
        elif fault.kind == "odd":
            self.reply(200, json.dumps(fault.body).encode())

    def reply(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a JSON answer."""
        self.send_response(code)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**sent, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests stay quiet."""
