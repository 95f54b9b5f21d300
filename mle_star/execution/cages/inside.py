"""The last step before a script, inside its cage: ``python -I -S inside.py DESCRIPTOR``.

The descriptor holds the text of :func:`mle_star.execution.cages.base.inside_text`: a limit on
processes, access by Landlock, what the system call filter needs, and the script's command. It
closes every door it finds open, reports ``{"began": true}`` and becomes the script; or it reports
``{"failed": text}``.

Only the standard library, and nothing newer than Python 3.8: it runs under the interpreter of the
scripts.
"""

from __future__ import annotations

import os
import resource
import sys

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522


def main() -> None:
    """Take away every right that a script does not need, and become the script."""
    source = int(sys.argv[1])
    config = _read(os.pread(source, os.fstat(source).st_size, 0))
    status = int(config["status"][0])
    try:
        _close_all(status)
        _shut_in(config)
        os.set_inheritable(status, False)
        os.write(status, b'{"began": true}\n')
        os.execv(config["command"][0], config["command"])
    except BaseException as error:  # noqa: BLE001 - whatever it is, the harness must hear of it
        _report(status, f"{type(error).__name__}: {error}")
    os._exit(127)


def _read(data: bytes) -> dict[str, list[str]]:
    """Fields, each of which may come several times. JSON would cost ten milliseconds a script."""
    fields: dict[str, list[str]] = {}
    for field in os.fsdecode(data).split("\0"):
        name, _, value = field.partition("=")
        fields.setdefault(name, []).append(value)
    return fields


def _close_all(status: int) -> None:
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2 and int(name) != status:
            try:  # noqa: SIM105 - contextlib costs a millisecond
                os.close(int(name))
            except OSError:
                pass  # that of the listing itself


def _shut_in(config: dict[str, list[str]]) -> None:
    # Beside this file; the folder of a script is not on the path of an isolated interpreter.
    # Imported before the walls are up, as this folder may lie outside them.
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    ruleset, sieve = __import__("ruleset"), __import__("sieve")
    abi, shared = int(config["abi"][0]), config["shared"] == ["yes"]
    code = sieve.program(
        [int(n) for n in config.get("family", [])],
        shared=shared,
        abi=abi,
        # And the supervisor, which is known only here.
        spare=[int(n) for n in config.get("spare", [])] + ([os.getppid()] if shared else []),
    )
    for most in config.get("processes", []):
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        value = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(resource.RLIMIT_NPROC, (value, value))
    _drop_privileges()
    if abi:
        access = {kind: config.get(kind, []) for kind in ruleset.RIGHTS}
        ruleset.restrict(access, abi, network=shared)
    sieve.load(code)


def _drop_privileges() -> None:
    """No capability, not even for root, and no way to get one back."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs can't be set")
    for number in range(64):
        library.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    library.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if library.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capabilities can't be dropped")


def _report(status: int, text: str) -> None:
    import json

    os.write(status, json.dumps({"failed": text}).encode() + b"\n")


if __name__ == "__main__":
    main()
