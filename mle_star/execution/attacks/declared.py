"""What a level does not stop, and why: the one table that tests, command and docs share."""

from __future__ import annotations

_FILES = "a script has all the user's rights on files"
_PROCESSES = "a script is the user, who may signal, trace and look into his own processes"
_NETWORK = "a script has the user's network"
_LARGE = (
    "a file over 64 MiB is a link to its source: the change is seen and the result refused, but "
    "the source is changed"
)
_SLIPS = "a process that outlives its keeper and hides its origin can be lost sight of"
_STATUS = (
    "bwrap reports signal n as exit code 128 + n, so such an exit code is taken for the signal"
)
_SIZES = "Landlock guards what is in files and folders, not size and times of a file of known path"
_COMMANDS = "/proc is the machine's: command lines show; environments, memory and files do not"
_SHARED = "/dev/shm is the machine's, as worker pools need it"
_SLOWER = "libraries set priority and cores of their threads by the same system calls"
_OLD_KERNEL = (
    "before Linux 6.12 Landlock guards no signals; the harness itself is spared all the same"
)

_TABLE: tuple[tuple[str, str, str], ...] = (
    ("bubblewrap", _STATUS, "exit-137"),
    ("landlock", _SIZES, "file-size"),
    ("landlock", _COMMANDS, "command-lines"),
    ("landlock", _SHARED, "shared-memory leave-shared-memory"),
    ("landlock", _SLOWER, "slow-others"),
    ("landlock", _OLD_KERNEL, "kill-others stop-others"),
    ("landlock", _SLIPS, "outlive-keeper"),
    (
        "process",
        _FILES,
        "home-file ssh-key cloud-credentials task-folder audit-labels other-trial read-links "
        "file-names file-handle proc-links file-size shared-memory write-absolute write-dotdot "
        "write-symlink write-hard-link write-modes write-run write-other-trial input-folder "
        "libraries leave-temporary leave-shared-memory disk-outside",
    ),
    ("process", _LARGE, "input-large"),
    (
        "process",
        _PROCESSES,
        "environments command-lines keyring memory poke-others trace-others kill-others "
        "stop-others slow-others",
    ),
    ("process", _NETWORK, "tcp tcp6 udp dns unix-socket abstract-socket listen"),
    ("process", _SLIPS, "outlive-keeper"),
)

DECLARED: dict[tuple[str, str], str] = {
    (level, name): reason for level, reason, names in _TABLE for name in names.split()
}
"""(level, check) -> why the level can't pass it."""

DEPENDS: dict[tuple[str, str], str] = {
    ("landlock", "slow-others"): "stopped where the harness runs as root",
    ("landlock", "kill-others"): "stopped from Linux 6.12 on",
    ("landlock", "stop-others"): "stopped from Linux 6.12 on",
    ("landlock", "outlive-keeper"): "stopped from Linux 6.12 on",
    ("process", "file-handle"): "stopped where the user is not root",
    ("process", "libraries"): "stopped where the user can't write there",
    ("process", "keyring"): "stopped where the kernel gives each session a keyring of its own",
    ("process", "memory"): "stopped where the kernel limits tracing (Yama)",
    ("process", "poke-others"): "stopped where the kernel limits tracing (Yama)",
    ("process", "trace-others"): "stopped where the kernel limits tracing (Yama)",
    ("process", "proc-links"): "stopped where the kernel limits tracing (Yama)",
    ("process", "outlive-keeper"): "stopped when the process was seen in time",
}
"""Declared ones that hold on some hosts all the same: there both results are right."""
