"""The files around the package: they must agree with each other and with the code."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mle_star

ROOT = Path(__file__).parents[1]
HEAVY = {"pandas", "numpy", "sklearn", "langgraph", "langchain", "langchain_core", "lightgbm"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, object]:
    values = tomllib.loads(read("pyproject.toml"))["project"]
    assert isinstance(values, dict)
    return values


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), flags=re.MULTILINE))


def test_the_installed_version_is_that_of_the_project() -> None:
    assert importlib.metadata.version("mle-star") == project()["version"]
    assert mle_star.__version__ == project()["version"]


def test_the_package_is_typed() -> None:
    assert (ROOT / "mle_star" / "py.typed").is_file()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_every_make_command_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"^(?:\s*|.*`)make ([a-z]+)", read(name), flags=re.MULTILINE))
    assert named
    assert named <= make_targets()


def test_help_is_the_default_and_lists_every_target() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in make_targets():
        assert f"make {target} " in listed


def test_continuous_integration_runs_the_readme_command() -> None:
    assert "make test" in read("README.md")
    script = read(".ci/run")
    assert "set -euo pipefail" in script
    assert script.rstrip().endswith("make check\nmake test")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_the_studio_configuration_names_a_graph_that_exists() -> None:
    configuration = json.loads(read("langgraph.json"))
    assert configuration["env"] == ".env"
    module, _, name = configuration["graphs"]["mle-star"].partition(":")
    graph = getattr(importlib.import_module(module), name)
    assert graph.checkpointer is None  # the server brings its own


def test_example_settings_are_settings() -> None:
    from mle_star.context import Context

    named = set(re.findall(r"MLE_STAR_([A-Z_]+)=", read(".env.example")))
    assert named
    assert {name.lower() for name in named} <= set(Context.model_fields)


def test_every_command_is_in_the_readme() -> None:
    from mle_star.cli.app import app

    named = set(re.findall(r"\| `mle-star ([a-z]+)", read("README.md")))
    ours = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    assert named == ours | {group.name for group in app.registered_groups}


def test_every_setting_that_a_page_names_is_one() -> None:
    from mle_star.context import Context

    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"MLE_STAR_([A-Z_]+)", text))
    assert {"MODEL", "MODELS", "MAX_COST", "SEARCH_EXCLUDE", "PRESET"} <= named
    assert {name.lower() for name in named} <= set(Context.model_fields)


def test_every_variable_that_contributors_are_told_is_read_by_a_test() -> None:
    named = set(re.findall(r"\b([A-Z]+(?:_[A-Z]+)+)=", read("CONTRIBUTING.md")))
    assert named == {"MLE_STAR_HOSTILE_SEEDS", "CONTAINER_TEST_IMAGE"}
    assert "MLE_STAR_HOSTILE_SEEDS" in read("tests/wire/test_trouble.py")
    assert "CONTAINER_TEST_IMAGE" in read("tests/execution/test_contract.py")
    assert "UPDATE_GOLDEN=1" in read("docs/architecture.md")
    assert "UPDATE_GOLDEN" in read("tests/engineer/llm/test_prompts.py")


def test_the_faked_wire_that_contributors_are_told_of_is_there() -> None:
    table = read("CONTRIBUTING.md").partition("| in `tests/support/` |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+\.py)`", table)
    assert {"gemini.py", "openai_server.py", "tavily.py", "brain.py", "hostile.py"} <= set(named)
    for name in named:
        assert (ROOT / "tests" / "support" / name).is_file(), name


def test_runs_and_secrets_are_ignored_but_not_the_package_of_that_name() -> None:
    ignored = read(".gitignore").splitlines()
    assert {"/runs/", ".env", ".venv", ".langgraph_api/"} <= set(ignored)
    assert "runs/" not in ignored


def test_the_licence_is_apache() -> None:
    assert project()["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in read("LICENSE")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["runs"], ["--version"]])
def test_the_command_line_starts_without_heavy_libraries(arguments: list[str]) -> None:
    code = (
        "import sys, mle_star.cli\n"
        f"code = mle_star.cli.call({arguments!r})\n"
        f"heavy = {HEAVY!r} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_python_dash_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mle_star", "--version"], capture_output=True, text=True
    )
    assert done.stdout.startswith("mle-star ")
