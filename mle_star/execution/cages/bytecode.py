"""Compiling an environment's packages once, where nobody has.

In a cage the environment is read-only, so a script can't keep what it compiles: without compiled
packages the usual imports take 2.6 s instead of 1.0 s, and that in every script. Some installers
(uv) leave compiling to the first import.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess

_PATIENCE = 180.0
"""Seconds after which compiling is given up; what is done by then is of use."""
_PROGRAM = """
import compileall, importlib.util, os, sys, sysconfig
folders = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
names = ("site-packages", "dist-packages")
folders |= {path for path in sys.path if os.path.basename(path) in names}
def packages(folder):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "__init__.py")
        if os.path.isfile(path):
            yield path
for folder in folders:
    if not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        continue
    found = list(packages(folder))
    missing = [p for p in found if not os.path.exists(importlib.util.cache_from_source(p))]
    if 5 * len(missing) > len(found):
        compileall.compile_dir(folder, quiet=2, workers=0)
"""


@functools.cache
def compile_packages(python: str) -> None:
    """Compile what an interpreter has installed, if much of it is not. Once per process."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            [python, "-I", "-c", _PROGRAM],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
