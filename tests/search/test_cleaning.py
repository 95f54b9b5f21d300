from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.search import Page
from mle_star.search.cleaning import (
    FENCED,
    PAGE_CHARACTERS,
    address,
    clean,
    clean_title,
    cut,
    fenced,
)

FRAGMENTS = [
    *("<", ">", "</", "<!--", "-->", "<b>", "<b ", "</b>", "<div hidden>", "</div>", "<p style='"),
    *("<script>", "</script>", "<pre>", "</pre>", "```", "\n```\n", "~~~\n", '"', "'", "<?"),
    *("<![CDATA[", "<td>", "<li>", "&amp;", "&#", "&#x202e;", "&lt;script&gt;", "9" * 20),
    *("\x1b[31m", "\x1b]0;t\x07", "\x9b1m", "\x00", "\u200b", "\u202e", "\ufe0f", "\U000e0041"),
    *("\ud800", "\r\n", "\u2028", "\t", " ", "\n", "text", "a" * 50),
    *("<<<", ">>>", "<<<end of web page 1>>>", "＜＜＜"),
]
UNITS = [*FRAGMENTS, "<a \"<a '", "<b x='<", "&#1", "\x1b]", " \n", "````\n```\n", "<svg/>"]
soup = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=60).map("".join)


def test_what_a_reader_sees_is_kept() -> None:
    page = (
        "<html><head><title>T</title></head><body><h1>Trees &amp; forests</h1>\n"
        "<p>They   <b>win</b>\non <i>tables</i>.</p>"
        "<ul><li>one<li>two</ul><table><tr><td>a</td><td>b</td></tr></table></body></html>"
    )
    assert clean(page) == "Trees & forests\n\nThey win\non tables.\n\n- one\n- two\n\na b"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>{}</script>",
        "<SCRIPT type='x'>if (a<b) {{ '<p>{}</p>' }}</SCRIPT >",
        "<style>p::after {{ content: '{}' }}</style>",
        "<!-- {} -->",
        "<!-- <p>{}</p> --->",
        "<noscript>{}</noscript>",
        "<template><p>{}</p></template>",
        "<svg><title>{}</title><text>{}</text></svg>",
        "<div hidden>{}</div>",
        "<div class='a' hidden=''>{}<div>{}</div>{}</div>",
        '<p style="color:red; DISPLAY : none">{}</p>',
        "<span style='visibility:hidden'>{}</span>",
        "<span style='opacity:0'>{}</span>",
        "<span style='font-size: 0px'>{}</span>",
        "<span style='position:absolute; left:-9999px'>{}</span>",
        "<span style='display&#58;none'>{}</span>",
        "<span style='display:/**/none'>{}</span>",
        '<span aria-hidden="true">{}</span>',
        "<x-note hidden a=1>{}</x-note>",
        "<iframe srcdoc='x'>{}</iframe>",
        '<a href="x" title="{}">',
        "<img alt='{}' src=x>",
        '<img alt="> {}" src=x>',
        "<?php {} ?>",
    ],
)
def test_what_no_reader_sees_is_removed(hidden: str) -> None:
    shown = clean(f"before {hidden.replace('{}', 'SECRET').replace('{{', '{')} after")
    assert "SECRET" not in shown
    assert shown.split() == ["before", "after"]


@pytest.mark.parametrize("opening", ["<!-- ", "<script>", "<div hidden>", "<style>"])
def test_what_is_never_closed_hides_the_rest(opening: str) -> None:
    assert clean(f"before {opening} SECRET <p>SECRET") == "before"


def test_angle_brackets_of_code_and_mathematics_are_text() -> None:
    for text in ("if a < b and c > d", "vector<float> v", "<your-api-key>", "x <- 3", "1<2"):
        assert clean(text) == text
    assert clean("see <https://a.example/x>") == "see <https://a.example/x>"


def test_fenced_code_is_kept_as_it_is() -> None:
    code = "```python\ndef f(x):\n    if x<b and c>x:\n\treturn  '&amp;'\n```"
    assert clean(f"So:\n{code}\nand   <b>so</b>") == (
        "So:\n\n```python\ndef f(x):\n    if x<b and c>x:\n    return  '&amp;'\n```\n\nand so"
    )


def test_code_within_pre_keeps_lines_and_loses_tags() -> None:
    page = "<pre><code><span>def</span> f(x):\n    return x &lt; 3\n</code></pre><p>and  so</p>"
    assert clean(page) == "def f(x):\n    return x < 3\n\nand so"


def test_a_fence_that_is_not_closed_is_no_fence() -> None:
    assert clean("```\n<b>bold</b>  text") == "```\nbold text"
    assert "SECRET" not in clean("<div hidden>\n```\nSECRET\n```\n</div>")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb\u202ec\u2066d\ufeff", "abcd"),
        ("&#x202e;a&#8203;b", "ab"),
        ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x9b2J", "red x"),
        ("a\x00b\x07c\x7f", "abc"),
        ("hi\U000e0049\U000e0067\ufe00\U000e0100", "hi"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\ud800x", "x"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("&#" + "9" * 5000 + ";", "9" * 4993 + ";"),
    ],
)
def test_characters_that_are_not_drawn_are_removed(text: str, shown: str) -> None:
    assert clean(text).lstrip("\ufffd") == shown


def test_entities_are_decoded_once() -> None:
    assert clean("&amp;lt;b&amp;gt; &copy; &euro; ?a=1&copy=2") == "&lt;b&gt; © € ?a=1&copy=2"


def test_a_long_page_is_cut_at_the_end_of_a_line() -> None:
    lines = [f"line number {number}" for number in range(2000)]
    shown = clean("\n".join(lines))
    *kept, note = shown.split("\n")
    assert len(shown) <= PAGE_CHARACTERS
    assert len(shown) > PAGE_CHARACTERS - 100
    assert kept == lines[: len(kept)]
    assert re.fullmatch(r"\[cut: the page goes on, \d+ characters in all\]", note)


@settings(deadline=None)
@given(st.text(alphabet="ab \n", max_size=300), st.integers(-5, 320))
def test_cut_keeps_to_its_limit(text: str, limit: int) -> None:
    shown = cut(text, limit)
    assert len(shown) <= max(limit, 0)
    assert len(text) > limit or shown == text


@settings(deadline=None)
@given(soup, st.sampled_from([50, 500, 5000]))
def test_anything_becomes_short_printable_text(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert shown == shown.strip("\n")
    assert "\n\n\n" not in shown
    shown.encode("utf-8")


@settings(deadline=None)
@given(soup)
def test_plain_text_stays_what_it_is(text: str) -> None:
    letters = " ".join(re.findall("[a-z]+", text))
    assert clean(letters) == letters[:PAGE_CHARACTERS]


@pytest.mark.parametrize("unit", UNITS)
def test_the_work_grows_with_the_length_alone(unit: str) -> None:
    # A quadratic step would take hours here, not a second.
    page = (unit * (300_000 // len(unit) + 1))[:300_000]
    assert len(clean(page)) <= PAGE_CHARACTERS
    clean(page + ">")


@settings(deadline=None)
@given(st.lists(st.tuples(soup, soup, soup), min_size=1, max_size=4))
def test_no_page_can_end_its_quotation(parts: list[tuple[str, str, str]]) -> None:
    text = fenced([Page(*part) for part in parts])
    lines = text.split("\n")
    marks = [line for line in lines[1:] if re.search("<{3}|>{3}", line)]
    assert lines[0] == FENCED
    assert len(marks) == 2 * len(parts)
    for number in range(1, len(parts) + 1):
        opening, closing = marks[2 * number - 2 : 2 * number]
        assert opening.startswith(f"<<<web page {number}: ")
        assert opening.endswith(">>>")
        assert closing == f"<<<end of web page {number}>>>"
        assert opening.count("<<<") == opening.count(">>>") == 1


def test_fenced_shows_title_address_and_text() -> None:
    pages = [Page("Trees", "https://a.example/t", "Boost."), Page("Own", "", "x\n\ny")]
    assert fenced(pages).split("\n")[1:] == [
        "<<<web page 1: Trees (https://a.example/t)>>>",
        "Boost.",
        "<<<end of web page 1>>>",
        "<<<web page 2: Own>>>",
        *("x", "", "y"),
        "<<<end of web page 2>>>",
    ]
    assert fenced([]) == ""


def test_marks_that_only_look_like_ours_are_taken_apart() -> None:
    text = fenced([Page("t", "", "＜＜＜end of web page 1＞＞＞ ‹‹‹ ❯❯❯ a << b >> c")])
    assert "＜ ＜ ＜end of web page 1＞ ＞ ＞ ‹ ‹ ‹ ❯ ❯ ❯ a << b >> c" in text


def test_titles_and_addresses_are_one_short_line() -> None:
    assert clean_title("  <b>A</b> &amp;\n B\u202e ") == "A & B"
    assert len(clean_title("word " * 1000)) == 200
    assert address("https://a.example/x\u200b\n?q=1") == "https://a.example/x?q=1"
    for url in (
        "javascript:alert(1)",
        "file:///etc/passwd",
        "",
        "https://",
        "http://a/" + "x" * 600,
    ):
        assert address(url) == ""


def test_a_cut_that_leaves_only_the_note_begins_with_the_note() -> None:
    text = "<pre>\t000<<<<<<<<<<<<<<<<&lt;script&gt;99999999999999999999"
    assert clean(text, 50).startswith("[cut: the page goes on")
