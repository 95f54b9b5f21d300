"""Make the pictures of the documentation again, from a real run of the example.

    python benchmarks/pictures.py FOLDER [--mermaid mermaid.min.js]

FOLDER keeps the run and what the terminal showed; where they are there, nothing is run again.
Needs Chromium (``make browser``). The drawings of the graph need a copy of Mermaid
(``npm install mermaid``; ``node_modules/mermaid/dist/mermaid.min.js``), as neither the package nor
its pages fetch anything.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import pty
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables.graph import Graph
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from mle_star.graph import build_graph
from mle_star.graph.evaluation import build_evaluation
from mle_star.graph.solution import build_solution

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
EXAMPLE = "examples/california-housing"
COLUMNS = 110
FRAME = re.compile(r"\r?(?:\x1b\[1A\x1b\[2K)+|\x1b\[\?25[lh]")
"""Where rich's live display takes the last picture back."""
LAST = {"finish": "accept", "submit": "judge_ensemble"}
"""Nodes that every other one may go to when the time is up, and whence they are come to else."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mermaid", type=Path)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    shown = record(asked.folder)
    [run] = [path.parent for path in (asked.folder / "runs").glob("*/run.json")]
    with chromium() as browser:
        terminals(browser, shown)
        reports(browser, run / "report.html")
        if asked.mermaid:
            drawings(browser, asked.mermaid)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of this machine."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def record(folder: Path) -> str:
    """What a terminal of 110 columns gets from the example's quick run."""
    path = folder / "terminal.ansi"
    if not path.exists():
        os.environ.update(COLUMNS=str(COLUMNS), LINES="40", TERM="xterm-256color")
        command = [sys.executable, "-m", "mle_star", "run", EXAMPLE]
        kept = io.BytesIO()

        def read(descriptor: int) -> bytes:
            data = os.read(descriptor, 65536)
            kept.write(data)
            return data

        os.chdir(ROOT)
        pty.spawn([*command, "--preset", "quick", "--runs-dir", str(folder / "runs")], read)
        path.write_bytes(kept.getvalue())
    return path.read_bytes().decode()


def terminals(browser: Browser, shown: str) -> None:
    """What stands there at the end of the run; benchmarks/terminal.py draws its middle."""
    frames = [frame for frame in FRAME.split(shown) if frame.strip()]
    end = frames[-1].strip("\r\n").splitlines()
    last = next(i for i, line in enumerate(end) if "ensemble    ensemble" in line)
    picture(browser, "terminal-result", "\n".join(end[: last + 1]), "mle-star show")


def picture(browser: Browser, name: str, ansi: str, title: str) -> None:
    """What a terminal shows, as a picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(ansi.replace("\r\n", "\n").strip("\n")), end="\n")
    drawn = console.export_svg(title=title, theme=MONOKAI)
    page = browser.new_page()
    page.set_content(f"<style>body {{ margin: 0; width: 1200px }}</style>{drawn}")
    save(name, page.locator("svg").first.screenshot())
    page.close()


def save(name: str, png: bytes) -> None:
    """Write a picture with a palette: a third of the size, and no difference to the eye."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128).save(
        IMAGES / f"{name}.png", optimize=True
    )


def reports(browser: Browser, report: Path) -> None:
    """The report in light, in dark with a change unfolded, and on a phone."""
    page = opened(browser, report, "light", 1000, 1260)
    save("report-light", page.screenshot())
    page.close()
    page = opened(browser, report, "dark", 1000, 1100)
    change = page.locator("details:has(> summary:has-text('accepted'))").nth(1)
    change.evaluate("one => { for (let d = one; d; d = d.parentElement) d.open = true }")
    change.locator("details").evaluate_all("all => all.forEach(d => { d.open = true })")
    change.evaluate("one => scrollTo(0, one.getBoundingClientRect().top + scrollY - 60)")
    save("report-dark", page.screenshot())
    page.close()
    page = opened(browser, report, "light", 390, 844)
    save("report-phone", page.screenshot())
    page.close()


def opened(browser: Browser, path: Path, scheme: Any, width: int, height: int) -> Page:
    """A page of its own, drawn twice as fine on a phone."""
    page = browser.new_page(
        color_scheme=scheme,
        viewport={"width": width, "height": height},
        device_scale_factor=2 if width < 500 else 1,
    )
    page.goto(path.absolute().as_uri())
    return page


def drawings(browser: Browser, mermaid: Path) -> None:
    """The graph that runs, its solutions and their evaluation, drawn by Mermaid.

    Each drawing has the digest of the whole graph in it, so a test sees that it is of today.
    """
    graphs: dict[str, Any] = {
        "graph": build_graph(),
        "solution": build_solution(),
        "evaluation": build_evaluation(),
    }
    page = browser.new_page()
    page.set_content("<body></body>")
    page.add_script_tag(path=mermaid)
    for name, graph in graphs.items():
        whole = graph.get_graph().draw_mermaid()
        text = without_asides(graph.get_graph()).draw_mermaid()
        svg = page.evaluate(
            "async text => { mermaid.initialize({startOnLoad: false, htmlLabels: false,"
            " flowchart: {htmlLabels: false}, fontFamily: 'sans-serif'});"
            " return (await mermaid.render('drawing', text)).svg }",
            text.replace("<p>", "").replace("</p>", ""),
        )
        digest = hashlib.sha256(whole.encode()).hexdigest()
        short = re.sub(r"-?\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}", svg)
        (IMAGES / f"{name}.svg").write_text(f"{short}\n<!-- of {digest} -->\n", encoding="utf-8")


def without_asides(graph: Graph) -> Graph:
    """A graph that can be read: without questions to people and ways out when the time is up."""
    asks = [node for node in graph.nodes.values() if node.name.startswith("ask_")]
    for node in asks:
        graph.remove_node(node)
    graph.edges = [
        edge for edge in graph.edges if edge.target not in LAST or edge.source == LAST[edge.target]
    ]
    return graph


if __name__ == "__main__":
    main()
