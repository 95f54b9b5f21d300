"""Whatever scripts, models, the web and the data say, the page stays a page of ours."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mle_star.report.comparing import render_comparison
from mle_star.report.page import render
from tests.report.pages import rich_run

TAGS = "</script></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>"
BREAKS = '" onmouseover="alert(1)" \' autofocus onfocus=\'alert(1)'
TEMPLATE = "{{ 7 * 7 }}{% raw %} ${7*7} datum.score"
LINKS = "javascript:alert(1) https://evil.example/x?y url(https://evil.example) @import"
HIDDEN = "\u202egnp.exe\u2066 \x1b[31m\x07 \ud800 \u0000 &#x3c;script&#x3e;"
PLACES = (
    "label", "plan", "problem", "reason", "alarm", "summary", "note", "column", "example", "class",
    "setting", "hint",
)  # fmt: skip


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def hostile(folder: Path, text: str) -> Path:
    file = text.encode("utf-8", "replace").decode()
    texts = {place: text for place in PLACES} | {"output": STUDY + file, "script": file}
    return rich_run(folder, **texts)


STUDY = 'Baseline: 100.0\nAblation <b>" onclick="x: 110.0\n'


@pytest.mark.parametrize("text", [TAGS, BREAKS, TEMPLATE, LINKS, HIDDEN, TAGS * 40])
@pytest.mark.parametrize("several", [False, True])
def test_nothing_hostile_becomes_markup(tmp_path: Path, text: str, several: bool) -> None:
    run = hostile(tmp_path / f"a {text[:10].replace('/', '')!r}"[:40], text)
    other = rich_run(tmp_path / "other")
    page = render_comparison([run, other]) if several else render(run)
    found = Elements(page)
    assert found.tags.count("script") == 1
    assert found.tags.count("style") == 1
    assert not {"img", "iframe", "object", "embed", "link", "form", "base"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not [name for name, _ in found.attributes if name in ("style", "src", "autofocus")]
    links = [value for name, value in found.attributes if name.endswith("href")]
    assert all(re.fullmatch(r"#[a-z0-9-]+", link) for link in links)
    assert "49" not in "".join(re.findall(r"\S*7 \* 7\S*", page))
    assert not set(page) & set("\u202e\u2066\x1b\x07\x00")
    page.encode()


def test_the_text_is_still_to_be_read(tmp_path: Path) -> None:
    page = render(hostile(tmp_path / "run", TAGS))
    assert html.escape(TAGS, quote=False) in page


def test_the_policy_allows_the_page_itself_and_nothing_else(tmp_path: Path) -> None:
    page = render(rich_run(tmp_path / "run"))
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    digests = {}
    for tag in ("style", "script"):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digests[tag] = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; "
        f"script-src 'sha256-{digests['script']}'; base-uri 'none'; form-action 'none'"
    )
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= namespaces
