"""Ways out: sockets of every kind, on this machine only, as a test must not call outside."""

from __future__ import annotations

import contextlib
import errno
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mle_star.execution.attacks.bench import PATIENCE, Bench, Family, NotRun, expect, tried
from mle_star.execution.base import Executor

network = Family("network")

CONNECT = """
import socket
def call(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as way:
        way.settimeout(3)
        way.connect(address)
        way.sendall(b"loot")
attempt(lambda: call({family}, {address}))
"""

SEND = """
import socket
def send():
    with socket.socket({family}, socket.SOCK_DGRAM) as way:
        way.sendto({data}, {address})
attempt(send)
"""

QUERY = (
    "bytes.fromhex('123401000001000000000000') + b'\\x04loot\\x07example\\x00' "
    "+ bytes.fromhex('00010001')"
)
"""A question to a name server: the question itself carries the loot out."""

LISTEN = """
import socket, time
def listen():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as way:
        way.bind(("127.0.0.1", P["port"]))
        way.listen()
        way.settimeout(2)
        way.accept()[0].sendall(b"loot")
attempt(listen)
"""


def _heard(ear: socket.socket, kind: socket.SocketKind) -> bool:
    """Whether anything came; the kernel keeps connections and datagrams until asked."""
    ear.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        if kind == socket.SOCK_STREAM:
            ear.accept()[0].close()
        else:
            ear.recv(512)
        return True
    return False


def _ear(family: int, kind: socket.SocketKind, address: object) -> socket.socket:
    ear = socket.socket(family, kind)
    try:
        ear.bind(address)  # type: ignore[arg-type]
        if kind == socket.SOCK_STREAM:
            ear.listen()
    except OSError as error:
        ear.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise NotRun(f"this host has no such address ({error.strerror})") from None
        raise
    return ear


def _internet(
    body: str, host: str, kind: socket.SocketKind, data: str = "b'loot'"
) -> Callable[[Executor, Bench], None]:
    family = "socket.AF_INET6" if ":" in host else "socket.AF_INET"

    def run(executor: Executor, bench: Bench) -> None:
        number = socket.AF_INET6 if ":" in host else socket.AF_INET
        with _ear(number, kind, (host, 0)) as ear:
            address = repr((host, ear.getsockname()[1]))
            bench.attack(executor, body.format(family=family, address=address, data=data))
            expect(not _heard(ear, kind), f"something came to {host}")

    return run


_TCP, _UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
network("tcp", "connect by TCP")(_internet(CONNECT, "127.0.0.1", _TCP))
network("tcp6", "connect by TCP over IPv6")(_internet(CONNECT, "::1", _TCP))
network("udp", "send by UDP")(_internet(SEND, "127.0.0.1", _UDP))
network("dns", "ask a name server")(_internet(SEND, "127.0.0.1", _UDP, QUERY))


@network("unix-socket", "connect to a unix socket (docker, ssh-agent, database)")
def unix_socket(executor: Executor, bench: Bench) -> None:
    """As a program of the user has it open; its path must be short."""
    with tempfile.TemporaryDirectory(prefix="ms") as folder:
        path = str(Path(folder) / "s")
        with _ear(socket.AF_UNIX, _TCP, path) as ear:
            bench.attack(executor, CONNECT.format(family="socket.AF_UNIX", address=repr(path)))
            expect(not _heard(ear, _TCP), "the unix socket was reached")


@network("abstract-socket", "connect to an abstract unix socket (D-Bus, X11)", linux=True)
def abstract_socket(executor: Executor, bench: Bench) -> None:
    """It has a name and no file, so no rule on files holds it."""
    name = "\0" + bench.token
    with _ear(socket.AF_UNIX, _TCP, name) as ear:
        bench.attack(executor, CONNECT.format(family="socket.AF_UNIX", address=repr(name)))
        expect(not _heard(ear, _TCP), "the abstract socket was reached")


@network("listen", "open a port for others to call in")
def listen(executor: Executor, bench: Bench) -> None:
    """The harness plays the one who calls."""
    with _ear(socket.AF_INET, _TCP, ("127.0.0.1", 0)) as ear:
        port = bench.places["port"] = ear.getsockname()[1]
    future = executor.submit(bench.make(bench.script(LISTEN)))
    reached = False
    deadline = time.monotonic() + PATIENCE
    while not (reached or future.done()) and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as way:
            reached = way.recv(9) == b"loot"
        time.sleep(0.02)
    tried(future.result(PATIENCE))
    expect(not reached, "the script could be called from outside")
