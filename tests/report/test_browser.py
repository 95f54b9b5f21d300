"""The pages in a real browser: nothing leaves them, everybody can use them.

Needs Chromium (``make browser``) and the packages of the extra ``dev``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mle_star.report.writing import write_comparison, write_report
from tests.report.pages import rich_run
from tests.report.test_hostile import TAGS, hostile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
SCHEMES = ("light", "dark")
PHONE = {"width": 360, "height": 740}

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no Chromium here: 'make browser' installs it (as root)"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'mle-star[dev]'"
    )
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A usual page, a hostile one and a comparison."""
    runs = tmp_path_factory.mktemp("runs")
    usual, odd = rich_run(runs / "houses"), hostile(runs / "odd", TAGS)
    return {
        "usual": write_report(usual),
        "hostile": write_report(odd),
        "comparison": write_comparison([usual, odd], runs / "comparison.html"),
    }


class Visit:
    """A page in the browser, with all it says and asks for."""

    def __init__(self, browser: Browser, path: Path, **settings: Any) -> None:
        self.page: Page = browser.new_page(**settings)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def unfold(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


@pytest.mark.parametrize("name", ["usual", "hostile", "comparison"])
def test_the_console_is_silent_and_nothing_is_asked_for(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    visit = Visit(browser, pages[name])
    visit.unfold()
    for link in visit.page.locator(".plot .broad a").all()[:3]:
        link.hover()
    visit.page.wait_for_timeout(100)
    assert visit.said == []
    assert visit.asked == [pages[name].as_uri()]
    visit.page.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["usual", "comparison"])
def test_axe_finds_no_serious_fault(
    browser: Browser, pages: dict[str, Path], name: str, scheme: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visit = Visit(browser, pages[name], color_scheme=scheme)
    visit.unfold()
    found = axe.run(visit.page).response
    assert len(found["passes"]) > 20
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []
    visit.page.close()


def test_light_and_dark_are_different_and_plots_follow(
    browser: Browser, pages: dict[str, Path]
) -> None:
    colours = []
    for scheme in SCHEMES:
        visit = Visit(browser, pages["usual"], color_scheme=scheme)
        script = "s => getComputedStyle(document.querySelector(s)).{}"
        point = ".plot .broad a path"
        colours.append(
            [
                visit.page.evaluate(script.format("backgroundColor"), "body"),
                visit.page.evaluate(script.format("fill"), point),
            ]
        )
        visit.page.close()
    assert colours[0][0] == "rgb(255, 255, 255)"
    assert colours[0][1] == "rgb(0, 114, 178)"
    assert colours[1][0] != colours[0][0]
    assert colours[1][1] != colours[0][1]


def test_the_keyboard_opens_an_attempt(browser: Browser, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["usual"])
    attempt = visit.page.locator("details.try").first
    assert attempt.get_attribute("open") is None
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        focused = "document.activeElement.closest('details.try')?.id"
        if visit.page.evaluate(focused) == "try-1":
            break
    else:
        pytest.fail("Tab never came to the first attempt")
    visit.page.keyboard.press("Enter")
    assert attempt.get_attribute("open") is not None
    assert attempt.locator("dl").is_visible()
    visit.page.close()


def test_a_point_of_the_plot_tells_what_it_is_and_opens_it(
    browser: Browser, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["usual"])
    point = visit.page.locator('#time .broad a[href="#try-3"]')
    point.hover()
    tip = visit.page.locator("#tip")
    assert "accepted 95.000 ± 2.000" in tip.inner_text()
    assert tip.is_visible()
    point.click()
    visit.page.wait_for_selector("#try-3[open]")
    visit.page.get_by_role("button", name="Fold all", exact=True).click()
    assert visit.page.locator("#try-3").get_attribute("open") is None
    visit.page.get_by_role("button", name="Unfold all").click()
    assert visit.page.locator("#try-3").get_attribute("open") is not None
    visit.page.close()


@pytest.mark.parametrize("name", ["usual", "hostile", "comparison"])
def test_a_phone_never_scrolls_sideways(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    visit = Visit(browser, pages[name], viewport=PHONE)
    visit.unfold()
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    plot = visit.page.locator(".plot .narrow svg").first
    if name != "hostile":
        assert plot.is_visible()
        box = plot.bounding_box()
        assert box is not None
        assert box["width"] <= PHONE["width"]
    visit.page.close()
