from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from mle_star.errors import SettingsError
from mle_star.execution import installed_packages
from mle_star.execution.packages import interpreter_versions


def test_own_packages_are_those_that_can_be_imported() -> None:
    found = installed_packages(sys.executable)
    assert {"numpy", "pandas", "sklearn", "lightgbm"} <= found
    assert all(importlib.util.find_spec(name) for name in found)
    assert "" not in found


def test_another_interpreter_is_asked(tmp_path: Path) -> None:
    # The same interpreter by another name: everything must come out the same.
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    assert interpreter_versions(str(other)) == interpreter_versions(sys.executable)


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/true"])
def test_what_is_no_python_is_said(python: str) -> None:
    with pytest.raises(SettingsError, match=python):
        installed_packages(python)
