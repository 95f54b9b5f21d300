"""Another process of the same user: it stands for the harness and for the user's programs."""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """
import ctypes, sys
kept = open(sys.argv[1])
value = ctypes.create_string_buffer(sys.stdin.readline().strip().encode())
print(ctypes.addressof(value), len(value.raw), kept.fileno(), flush=True)
for line in sys.stdin:
    print(value.value.decode(), flush=True)
"""


@dataclass
class Bystander:
    """A process to hurt, and whether it was hurt."""

    process: subprocess.Popen[str]
    address: int
    """Where it keeps its secret in memory."""
    length: int
    descriptor: int
    """Its open file of the user's home."""

    def answer(self) -> str:
        """What its secret is now; empty when it is dead or stopped for more than two seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write("?\n")
            self.process.stdin.flush()
            if select.select([self.process.stdout], [], [], 2.0)[0]:
                return self.process.stdout.readline().strip()
        return ""

    def end(self) -> None:
        """Kill it, even if it was stopped."""
        process = self.process
        with contextlib.suppress(OSError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def start(secret: str, kept: Path) -> Bystander:
    """Start one; its environment and memory hold the secret, and it holds a file open."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROGRAM, str(kept)],
        env={"CANARY": secret},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(secret + "\n")
    process.stdin.flush()
    return Bystander(process, *map(int, process.stdout.readline().split()))
