"""What every test gets: no network, no key, no settings from outside, runs in a temp folder."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_SECRET = re.compile(r"API_?KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_VENDOR = ("MLE_STAR_", "LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_", "GOOGLE_", "OPENAI_", "AWS_")

# A shell that starts the tests in the background has these ignored, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class OutsideCall(RuntimeError):
    """A test reached for the network."""


def is_local(host: object) -> bool:
    """Whether a host name or address is this machine; nothing is looked up."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", "localhost.localdomain", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_address(host: object) -> bool:
    """Whether a host is a numeric address, for which no name server is asked."""
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse outside connections and name look-ups; fail the test also where that was swallowed."""
    attempts: list[str] = []

    def refuse(what: str) -> None:
        attempts.append(what)
        raise OutsideCall(f"the test tried to {what}; fake it")

    def guard_connect(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
                refuse(f"connect to {address[0]}")
            return real(self, address)

        return connect

    def guard_lookup(real: Callable[..., Any]) -> Callable[..., Any]:
        def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
            if not (is_local(host) or is_address(host)):
                refuse(f"look up {host}")
            return real(host, *args, **kwargs)

        return lookup

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guard_connect(getattr(socket.socket, name)))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        monkeypatch.setattr(socket, name, guard_lookup(getattr(socket, name)))
    yield attempts
    if attempts:
        pytest.fail("outside calls: " + "; ".join(attempts))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Drop keys and settings that the caller's shell may hold; send runs to a temporary folder."""
    for name in list(os.environ):
        if name.startswith(_VENDOR) or _SECRET.search(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLE_STAR_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("LANGGRAPH_CLI_NO_ANALYTICS", "1")
    monkeypatch.setenv("LANGGRAPH_NO_VERSION_CHECK", "true")


@pytest.fixture(autouse=True)
def plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots out of the pages that runs leave: each takes a process and most of a second.

    ``tests/report`` has a fixture of this name that lets them be drawn.
    """
    monkeypatch.setattr("mle_star.report.drawing.svgs", lambda specs: [])
