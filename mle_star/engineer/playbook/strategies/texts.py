"""Strategies for ``make_features`` on text columns."""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.features import row_wise
from mle_star.engineer.playbook.strategies.strategy import named

TEXT_COUNTS = row_wise(
    "text-counts",
    "text-counts",
    lambda brief: 0.8 if Facts(brief).text else 0.0,
    lambda brief: (
        f"Count characters, words, digits, capitals and signs of {named(Facts(brief).text)}."
    ),
    lambda _: (
        """
    for column in TEXT:
        text = X[column]
        length = text.str.len().astype(float)
        counts = {"digits": r"\\d", "capitals": r"[A-Z]", "signs": r"[^\\w\\s]", "marks": r"[!?]"}
        X[f"{column} length"] = length
        X[f"{column} words"] = text.str.split().str.len().astype(float)
        X[f"{column} mean word"] = length / (X[f"{column} words"] + 1)
        for name, pattern in counts.items():
            X[f"{column} {name}"] = text.str.count(pattern).astype(float)
            X[f"{column} share of {name}"] = X[f"{column} {name}"] / (length + 1)
    """
    ),
)

TEXT_FLAGS = row_wise(
    "text-flags",
    "text-flags",
    lambda brief: 0.5 if Facts(brief).text else 0.0,
    lambda brief: f"Flag links, addresses, money and long numbers in {named(Facts(brief).text)}.",
    lambda _: (
        """
    patterns = {
        "link": r"https?:|www\\.|\\.com|\\.co\\.",
        "address": r"\\S+@\\S+",
        "money": r"[£$€]|\\d+p\\b",
        "long number": r"\\d{5,}",
        "shouting": r"\\b[A-Z]{3,}\\b",
        "repeated mark": r"[!?.]{2,}",
    }
    for column in TEXT:
        for name, pattern in patterns.items():
            X[f"{column} has {name}"] = X[column].str.contains(pattern).astype(float)
    """
    ),
)

ALL = (TEXT_COUNTS, TEXT_FLAGS)
