"""A Jupyter kernel of the running interpreter that needs no installing and stays on loopback."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

GUARD = '''\
"""Run by the kernel before the first cell: note and refuse every connection beyond loopback.

And as for all tests, pages are left without their plots (``tests/conftest.py``).
"""

import socket
from pathlib import Path

from mle_star.report import drawing
from tests.conftest import is_local

drawing.svgs = lambda specs: []


def guarded(real):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            with Path({attempts!r}).open("a") as stream:
                print(address, file=stream)
            raise ConnectionRefusedError(f"the notebook tried to connect to {{address}}")
        return real(self, address)

    return connect


socket.socket.connect = guarded(socket.socket.connect)
socket.socket.connect_ex = guarded(socket.socket.connect_ex)
'''


def kernel_manager(folder: Path) -> Any:
    """A manager whose kernel ``python3`` is this interpreter, with all its files in ``folder``.

    What the kernel tried to connect to beyond loopback is listed in ``folder/attempts``.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    guard = folder / "guard.py"
    guard.write_text(GUARD.format(attempts=str(folder / "attempts")))
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    argv.append(f"--IPKernelApp.exec_files=['{guard}']")
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
    )
    specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False)
    return AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=specs,
        connection_file=str(folder / "connection.json"),
    )
