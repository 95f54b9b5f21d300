"""The site is built from the pages without a warning, and asks nobody for anything."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
import typer.main

from mle_star.cli.app import app
from mle_star.context import Context
from mle_star.tasks import METRICS

mkdocs = pytest.importorskip("mkdocs.commands.build", reason="the extra 'docs' is not installed")

ROOT = Path(__file__).parents[2]
REMOTE = re.compile(
    r"<(?:script|img|iframe|source|link(?=[^>]*(?:stylesheet|icon|preload|preconnect)))\b[^>]*"
    r"(?:src|href)=[\"']?(?:https?:)?//[^>]*>"
)


def build(folder: Path, site: Path) -> list[str]:
    """Build the site of a folder that holds mkdocs.yml; returns what was warned of."""
    from mkdocs.config import load_config

    warned: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warned.append(record.getMessage())

    ear = Ear(logging.WARNING)
    logger = logging.getLogger("mkdocs")
    logger.addHandler(ear)
    try:
        configuration = load_config(str(folder / "mkdocs.yml"), site_dir=str(site), strict=False)
        mkdocs.build(configuration)
    finally:
        logger.removeHandler(ear)
    return warned


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.chdir(ROOT)  # where mkdocstrings finds the package
        folder = tmp_path_factory.mktemp("site")
        assert build(ROOT, folder) == []
    return folder


def page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def test_every_page_is_built_and_none_fetches_anything(site: Path) -> None:
    made = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    written = {
        path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")
    }
    assert made - {Path("404")} == written
    for path in site.rglob("*.html"):
        assert not REMOTE.findall(path.read_text(encoding="utf-8")), path.name


def test_what_fetches_something_would_be_seen() -> None:
    assert REMOTE.findall('<script src="https://unpkg.com/x"></script>')
    assert REMOTE.findall('<link rel="stylesheet" href="https://fonts.googleapis.com/css">')
    assert not REMOTE.findall('<a href="https://arxiv.org">') + REMOTE.findall('<img src="a.png">')


def test_the_reference_lists_every_option_setting_and_metric(site: Path) -> None:
    commands = page(site, "reference/commands.html")
    root = vars(typer.main.get_command(app))
    assert {"run", "resume", "bench"} <= set(root["commands"])
    for name, command in root["commands"].items():
        assert f"mle-star {name}" in commands
        for parameter in getattr(command, "params", []):
            options = [option for option in parameter.opts if option not in ("--help",)]
            assert all(option in commands for option in options if option.startswith("--"))
    settings = page(site, "reference/settings.html")
    assert all(f"<code>{name}</code>" in settings for name in Context.model_fields)
    assert "PydanticUndefined" not in settings
    metrics = page(site, "reference/metrics.html")
    assert all(f"<code>{name}</code>" in metrics for name in METRICS)


def test_the_reference_has_every_public_name_with_its_docstring(site: Path) -> None:
    import mle_star

    python = page(site, "reference/python.html")
    for name in mle_star.__all__:
        assert re.search(rf'id="mle_star\.[\w.]*\b{name}"', python), name
    assert "called with every event of the journal" in python
    engineer = page(site, "reference/engineer.html")
    assert "Graft the reference" in engineer
    assert "SandboxUnavailable" in page(site, "reference/errors.html")


def test_a_broken_link_and_a_missing_anchor_are_warned_of(tmp_path: Path) -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    validation = text[text.index("validation:") : text.index("nav:\n  - Start")]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A\n\n[b](b.md) [c](#nowhere)\n")
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n")
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\nnav: [index.md]\n{validation}")
    said = "\n".join(build(tmp_path, tmp_path / "site"))
    assert "b.md" in said
    assert "#nowhere" in said
    assert "lost.md" in said
