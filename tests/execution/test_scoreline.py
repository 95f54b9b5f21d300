from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.execution import parse_score_line
from mle_star.execution.scoreline import is_score_line

LABEL = "Final Validation Performance"
finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    "claim",
    [
        "0.91",
        "0.91.",
        "+.91",
        "9.1e-1",
        "np.float64(0.91)",
        "numpy.float32(0.91)",
        "tensor(0.91, device='cuda:0')",
        "array(0.91, dtype=float32)",
        "[0.91]",
        "'0.91'",
        "**0.91**",
        "`0.91`",
        "\x1b[1;32m0.91\x1b[0m",
        "0.91 (+/- 0.02)",
        "0.91 ± 0.02",
        "0.91 +/- 2e-2",
        "0.91 (std: 0.02)",
        "0.91 RMSE",
        "0.91 (5-fold accuracy)",
        "AUC = 0.91",
    ],
)
def test_dresses_that_models_put_a_number_in(claim: str) -> None:
    assert parse_score_line(f"{LABEL}: {claim}").value == 0.91


@pytest.mark.parametrize(
    "line",
    [
        f"{LABEL} = 0.5",
        f"{LABEL} is 0.5",
        f"**{LABEL}:** 0.5",
        f"**{LABEL}**: 0.5",
        f"{LABEL} (RMSE): 0.5",
        f"  - {LABEL.lower()}: 0.5  ",
        f"2024-01-01 10:00:00,123 - INFO - {LABEL}: 0.5",
        f"[main] {LABEL}: 0.5",
        f" 10%|##     |\r100%|#######|\r{LABEL}: 0.5\r",
        f"{LABEL}: 0.5\r\n",
    ],
)
def test_lines_that_carry_a_score(line: str) -> None:
    assert parse_score_line(line).value == 0.5


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("nan", "finite"),
        ("-inf", "finite"),
        ("None", "finite"),
        ("1e309", "too large"),
        ("0x1p3", "hexadecimal"),
        ("1,234.5", "comma"),
        ("0,91", "comma"),
        ("91%", "percentage"),
        ("0.91 at 12:30", "at 12:30"),
        ("0.91 or 0.92", "or 0.92"),
        ("[0.91, 0.92]", "0.92"),
        ("0.91 0.92", "0.92"),
        ("1_000", "plain number"),
        ("0.9.1", "plain number"),
        ("{'rmse': 1}", "plain number"),
        ("", "no number"),
    ],
)
def test_a_doubtful_number_is_refused_with_the_reason(claim: str, reason: str) -> None:
    found = parse_score_line(f"{LABEL}: {claim}")
    assert found.value is None
    assert reason in found.reason


def test_the_last_line_counts_even_if_it_is_refused() -> None:
    assert parse_score_line(f"{LABEL}: 1\n{LABEL}: 2\nbye").value == 2
    assert parse_score_line(f"{LABEL}: 1\n{LABEL}: nan").value is None


@pytest.mark.parametrize(
    "line",
    ["", "score: 0.5", f"Best {LABEL}: 0.5", f"print('{LABEL}: 0.5')", f"{LABEL}s: 0.5"],
)
def test_other_lines_are_no_score_lines(line: str) -> None:
    assert not is_score_line(line)
    assert parse_score_line(line).reason == ""


@given(finite, st.sampled_from(["{}", "**{}**", "np.float64({})", "{} (+/- 0.1)", "[{}]", "{}."]))
def test_every_finite_number_comes_back_exactly(value: float, dress: str) -> None:
    found = parse_score_line(f"noise\n{LABEL}: {dress.format(value)}\nmore noise")
    assert found.value == value


@given(finite)
def test_fixed_point_digits_come_back(value: float) -> None:
    text = f"{value:.6f}"
    assert parse_score_line(f"{LABEL}: {text}").value == float(text)


@given(st.text(max_size=200))
def test_whatever_follows_the_result_is_finite_or_has_a_reason(rest: str) -> None:
    found = parse_score_line(f"{LABEL}:{rest}")
    if found.value is None:
        assert found.reason
    else:
        assert math.isfinite(found.value)
