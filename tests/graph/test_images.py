"""Runs whose scripts live in an image: on resume, and in settings that don't fit together."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_star.context import Context, resolve
from mle_star.errors import SettingsError
from mle_star.execution.cages import engine
from mle_star.execution.packages import interpreter_versions
from mle_star.graph.solving import changed
from mle_star.nodes.workbench import sandbox
from mle_star.runs import RunFolder
from mle_star.runs.moving import find_python
from tests.support.docker import FakeEngine

INSIDE = Context(sandbox="container", container_image="lab:1")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    fake = FakeEngine(tmp_path / "engine")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}/usr/bin")
    forget()
    yield fake
    forget()


def forget() -> None:
    for function in (engine.engine, engine.image_digest, interpreter_versions):
        function.cache_clear()


def test_the_interpreter_is_the_images_own_unless_named() -> None:
    settings = resolve(INSIDE, environ={})
    assert (settings.python, settings.image, settings.python_is_there) == ("python3", "lab:1", True)
    named = resolve(INSIDE.model_copy(update={"python": "/opt/python"}), environ={})
    assert named.python == "/opt/python"
    outside = resolve(Context(), environ={})
    assert (outside.python, outside.image) == (sys.executable, "")


def test_a_run_that_moves_into_an_image_or_out_of_it_takes_the_interpreter_there() -> None:
    inside = resolve(INSIDE, environ={})
    assert changed(inside, {"sandbox": "process"}).python == sys.executable
    outside = resolve(Context(), environ={})
    moved = changed(outside, {"sandbox": "container", "container_image": "lab:1"})
    assert (moved.python, moved.image) == ("python3", "lab:1")
    assert changed(inside, {"container_image": "lab:2"}).python == "python3"


def test_an_image_without_its_sandbox_is_an_error() -> None:
    settings = resolve(Context(container_image="lab:1"), environ={})
    with pytest.raises(SettingsError, match="container_image is set, but sandbox is 'auto'"):
        sandbox(settings)


def test_an_image_with_other_content_is_told_on_resume(docker: FakeEngine, tmp_path: Path) -> None:
    settings = resolve(INSIDE, environ={})
    folder = RunFolder.create(make(tmp_path / "run"))
    folder.update(interpreter=dict(interpreter_versions("python3", "lab:1")))
    assert find_python(folder, settings, None) == (settings, "")
    docker.say(images={"lab:1": "sha256:" + "b" * 64})
    forget()
    same, told = find_python(folder, settings, None)
    assert same == settings
    assert "lab:1 has other content than before" in told
    docker.say(images={})
    forget()
    with pytest.raises(SettingsError, match="no image 'lab:1'"):
        find_python(folder, settings, None)


def make(path: Path) -> Path:
    path.mkdir()
    return path
