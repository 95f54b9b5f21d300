"""A disk that takes no more writes from the n-th on, as far as this process writes to it.

Counts what can fail: opening a file for writing, every flush to disk, making a folder, a link or a
new name, and every statement that changes a SQLite database.
"""

from __future__ import annotations

import errno
import io
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_CHANGES = ("INSERT", "UPDATE", "CREATE", "ALTER", "DELETE", "REPLACE")


class FailingDisk:
    """Writes below ``folder`` fail from the n-th on; ``n`` 0 only counts."""

    def __init__(self, folder: Path, number: int, code: int = errno.ENOSPC) -> None:
        self.folder = folder
        self.number = number
        self.code = code
        self.writes = 0
        self.failed: list[str] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between Python and the disk."""
        opening = io.open

        def open_file(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if set(mode) & set("wax+"):
                self.write(file)
            return opening(file, mode, *args, **kwargs)

        for module in ("io", "builtins"):
            patch.setattr(f"{module}.open", open_file)
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(os, "fsync", self._always(os.fsync))
        for name in ("mkdir", "rename", "replace", "link", "symlink"):
            patch.setattr(os, name, self._naming(getattr(os, name)))
        disk = self

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = None) -> Any:
                return super().cursor(Cursor)

            def execute(self, sql: str, *args: Any) -> Any:
                disk.statement(sql)
                return super().execute(sql, *args)

        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, *args: Any) -> Any:
                disk.statement(sql)
                return super().execute(sql, *args)

            def executemany(self, sql: str, *args: Any) -> Any:
                disk.statement(sql)
                return super().executemany(sql, *args)

        connecting = sqlite3.connect

        def connect(path: Any, *args: Any, **kwargs: Any) -> Any:
            ours = disk.ours(path)
            return connecting(
                path, *args, **({**kwargs, "factory": Connection} if ours else kwargs)
            )

        patch.setattr(sqlite3, "connect", connect)

    def ours(self, path: Any) -> bool:
        """Whether a path lies below the folder."""
        return isinstance(path, str | os.PathLike) and Path(path).is_relative_to(self.folder)

    def write(self, path: Any) -> None:
        """Count a write, and fail it."""
        if self.ours(path) and self._counted(str(path)):
            raise OSError(self.code, os.strerror(self.code), str(path))

    def statement(self, sql: str) -> None:
        """Count a statement that changes something, and fail it."""
        if sql.lstrip().upper().startswith(_CHANGES) and self._counted("sqlite"):
            full = self.code == errno.ENOSPC
            said = "database or disk is full" if full else "attempt to write a readonly database"
            error = sqlite3.OperationalError(said)
            error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_READONLY
            raise error

    def _counted(self, what: str) -> bool:
        self.writes += 1
        if not self.number or self.writes < self.number:
            return False
        self.failed.append(what)
        return True

    def _always(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: int) -> Any:
            self.write(Path(f"/proc/self/fd/{descriptor}").readlink())
            return real(descriptor)

        return call

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, flags: int, *args: Any, **kwargs: Any) -> Any:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.write(path)
            return real(path, flags, *args, **kwargs)

        return call

    def _naming(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.write(args[-1] if len(args) > 1 and self.ours(args[-1]) else args[0])
            return real(*args, **kwargs)

        return call
