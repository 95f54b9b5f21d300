from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.context import DEFAULT_MODEL
from mle_star.errors import SettingsError
from mle_star.models.base import Usage
from mle_star.models.prices import Prices, load_prices

BUILT_IN = load_prices()
MILLION = 1_000_000


def own(tmp_path: Path, text: str) -> Prices:
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return load_prices(str(path))


def test_every_figure_has_a_date_and_a_source() -> None:
    providers = {model.partition(":")[0] for model in BUILT_IN.models}
    assert providers == {"google_genai", "openai", "anthropic"}
    assert all(BUILT_IN.sources[provider].startswith("https://") for provider in providers)
    assert date(2026, 1, 1) < date.fromisoformat(BUILT_IN.date)
    assert BUILT_IN.source == "built-in table"


def test_the_table_makes_sense() -> None:
    for model, price in BUILT_IN.models.items():
        rates = [price.rate, *([price.long] if price.long else [])]
        for rate in rates:
            assert 0 < rate.cached <= rate.input < rate.output, model
        if price.long:
            assert price.long.input > price.rate.input, model


def test_the_models_of_the_paper_and_the_default_are_known() -> None:
    assert BUILT_IN.known(DEFAULT_MODEL)
    assert BUILT_IN.known("google_genai:gemini-2.0-flash")


def test_a_call_is_billed_by_kind_of_token() -> None:
    usage = Usage(input=100_000, cached=40_000, output=10_000, thinking=9_000)
    expected = (60_000 * 1.25 + 40_000 * 0.125 + 10_000 * 10.0) / MILLION
    assert BUILT_IN.usd("google_genai:gemini-2.5-pro", usage) == pytest.approx(expected)


def test_thinking_is_part_of_the_output() -> None:
    without, with_it = Usage(100, output=50), Usage(100, output=50, thinking=40)
    model = "google_genai:gemini-2.5-pro"
    assert BUILT_IN.usd(model, without) == BUILT_IN.usd(model, with_it)


def test_a_long_prompt_makes_the_whole_request_dearer() -> None:
    model = "google_genai:gemini-2.5-pro"
    assert BUILT_IN.usd(model, Usage(200_000, output=1_000)) == pytest.approx(0.25 + 0.01)
    assert BUILT_IN.usd(model, Usage(200_001, output=1_000)) == pytest.approx(0.5000025 + 0.015)


@pytest.mark.parametrize(
    ("snapshot", "name"),
    [
        ("openai:gpt-4.1-2025-04-14", "openai:gpt-4.1"),
        ("openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4.1-mini"),
        ("anthropic:claude-sonnet-4-5-20250929", "anthropic:claude-sonnet-4-5"),
        ("anthropic:claude-3-5-haiku-latest", "anthropic:claude-3-5-haiku"),
        ("google_genai:gemini-2.0-flash-001", "google_genai:gemini-2.0-flash"),
        ("google_genai:models/gemini-2.5-pro", "google_genai:gemini-2.5-pro"),
    ],
)
def test_a_snapshot_costs_what_its_model_costs(snapshot: str, name: str) -> None:
    assert BUILT_IN.price(name) is not None
    assert BUILT_IN.price(snapshot) == BUILT_IN.price(name)


def test_a_snapshot_with_a_price_of_its_own_keeps_it() -> None:
    first = BUILT_IN.usd("openai:gpt-4o-2024-05-13", Usage(MILLION))
    assert first == pytest.approx(5.0)
    assert BUILT_IN.usd("openai:gpt-4o-2024-08-06", Usage(MILLION)) == pytest.approx(2.5)


@pytest.mark.parametrize(
    "model",
    [
        "openai:gpt-4.1-huge",
        "openai:gpt-4.1-405",
        "openai:gpt-",
        "google_genai:gemini-2.5-pro-preview-tts",
        "groq:gpt-4.1",
        "gpt-4.1",
        "",
    ],
)
def test_an_unknown_price_is_none_and_not_zero(model: str) -> None:
    assert not BUILT_IN.known(model)
    assert BUILT_IN.usd(model, Usage()) is None


def test_models_on_this_machine_cost_nothing() -> None:
    assert BUILT_IN.usd("ollama:qwen3:8b", Usage(MILLION, output=MILLION)) == 0.0
    assert BUILT_IN.usd("ollama:gpt-oss:120b-cloud", Usage(MILLION)) is None


def test_a_table_of_ones_own_replaces_ours(tmp_path: Path) -> None:
    prices = own(
        tmp_path,
        '[openai]\ndate = 2026-11-02\n[openai.models]\n"local-one" = { input = 1, output = 2.5 }\n',
    )
    assert prices.date == "2026-11-02"
    assert prices.source == str(tmp_path / "prices.toml")
    # Cached input costs as much as any other where nothing else is said.
    assert prices.usd("openai:local-one", Usage(MILLION, MILLION, MILLION)) == pytest.approx(3.5)
    assert not prices.known(DEFAULT_MODEL)
    assert prices.known("ollama:qwen3")


def test_the_oldest_date_counts(tmp_path: Path) -> None:
    section = '[{0}]\ndate = "{1}"\n[{0}.models]\nx = {{ input = 1, output = 1 }}\n'
    text = section.format("openai", "2026-03-01") + section.format("groq", "2025-12-31")
    assert own(tmp_path, text).date == "2025-12-31"


ENTRY = "[openai.models]\nx = "


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "names no model"),
        ("models = 3", "needs a table"),
        ("[openai]\ninput = 3", "needs a table"),
        ("[openai]\nurl = ''\n[openai.models]", "unknown entry 'url'"),
        ("[openai]\ndate = 'June'\n[openai.models]", "YYYY-MM-DD"),
        ("not toml", "is not TOML"),
        (ENTRY + "3", "must be a table"),
        (ENTRY + "{ input = 1 }", "'output' of openai:x"),
        (ENTRY + "{ input = -1, output = 1 }", "'input' of openai:x"),
        (ENTRY + "{ input = nan, output = 1 }", "'input' of openai:x"),
        (ENTRY + "{ input = true, output = 1 }", "'input' of openai:x"),
        (ENTRY + "{ input = '1', output = 1 }", "'input' of openai:x"),
        (ENTRY + "{ input = 1, output = 1, cache = 1 }", "unknown entry 'cache'"),
        (ENTRY + "{ input = 1, output = 1, over = 5 }", "needs both"),
        (ENTRY + "{ input = 1, output = 1, over = 0.5, long = {} }", "number of tokens"),
        (ENTRY + "{ input = 1, output = 1, over = 5, long = 3 }", "'long' of"),
        (ENTRY + "{ input = 1, output = 1, over = 5, long = { input = 1 } }", "'output' of"),
    ],
)
def test_a_malformed_table_is_one_sentence(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=r"price table .*prices\.toml") as caught:
        own(tmp_path, text)
    assert hint in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_prices(str(tmp_path / "nowhere.toml"))
    with pytest.raises(SettingsError, match="can't be read"):
        load_prices(str(tmp_path))


tokens = st.integers(0, 2_000_000)


@given(
    model=st.sampled_from(sorted(BUILT_IN.models)),
    fresh=tokens,
    cached=tokens,
    output=tokens,
    more=st.integers(1, 1_000),
)
def test_more_tokens_never_cost_less(
    model: str, fresh: int, cached: int, output: int, more: int
) -> None:
    base = BUILT_IN.usd(model, Usage(fresh + cached, cached, output))
    longer = BUILT_IN.usd(model, Usage(fresh + cached + more, cached, output))
    wordier = BUILT_IN.usd(model, Usage(fresh + cached, cached, output + more))
    uncached = BUILT_IN.usd(model, Usage(fresh + cached, 0, output))
    assert base is not None
    assert longer is not None
    assert wordier is not None
    assert uncached is not None
    assert 0 <= base < longer
    assert base < wordier
    assert base <= uncached + 1e-12
