"""Strategies for model blocks that read raw text."""

from __future__ import annotations

import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    callee,
    checked,
    fit_function,
    insert_before,
)
from mle_star.engineer.playbook.strategies.learners import swap
from mle_star.engineer.playbook.strategies.strategy import Strategy
from mle_star.errors import NoAnswer

_TEXT = ("TfidfVectorizer", "CountVectorizer")

LONGER_LETTERS = swap(
    "longer-letters",
    "letters",
    r'analyzer="char_wb", ngram_range=\(2, 4\), min_df=3',
    r'analyzer="char_wb", ngram_range=(2, 6), min_df=2',
    lambda _: 0.45,
    "Count letter sequences of up to six letters.",
)
ACROSS_WORDS = swap(
    "letters-across-words",
    "letters",
    r'analyzer="char_wb", ngram_range=\(2, 4\)',
    r'analyzer="char", ngram_range=(2, 5)',
    lambda _: 0.5,
    "Count letter sequences across the borders of words.",
)
KEEP_CASE = swap(
    "keep-case",
    "case",
    r'analyzer="char',
    r'lowercase=False, analyzer="char',
    lambda _: 0.4,
    "Tell capitals from small letters in the letter sequences.",
)
SINGLE_WORDS = swap(
    "rare-words",
    "words",
    r"TfidfVectorizer\(ngram_range=\(1, 2\), min_df=2, sublinear_tf=True\)",
    'TfidfVectorizer(ngram_range=(1, 2), min_df=1, sublinear_tf=True, token_pattern=r"\\\\S+")',
    lambda _: 0.35,
    "Count words as they stand between blanks, signs and rare ones included.",
)
_COUNTS = '''
def text_counts(texts: pd.Series) -> np.ndarray:
    """Length, words, digits, capitals and signs of each text, on a logarithmic scale."""
    text = pd.Series(texts).astype(str).reset_index(drop=True)
    patterns = [r"\\d", r"[A-Z]", r"[!?]", r"[^\\w\\s]", r"[£$€]", r"https?:|www\\.", r"\\d{5,}"]
    columns = [text.str.len(), text.str.split().str.len()]
    columns += [text.str.count(pattern) for pattern in patterns]
    return np.log1p(np.column_stack(columns).astype(float))
'''


def _add_counts(block: str, _: Brief) -> str:
    line = re.search(
        r'^( +)parts\.append\(\(f"words \{i\}", words, column\)\)\n', block, re.MULTILINE
    )
    if line is None:
        raise NoAnswer("The block does not collect vectors of text columns in `parts`.")
    indent = line.group(1)
    added = (
        f"{indent}counts = make_pipeline(FunctionTransformer(text_counts), StandardScaler())\n"
        f'{indent}parts.append((f"counts {{i}}", counts, column))\n'
    )
    text = block[: line.end()] + added + block[line.end() :]
    imports = (
        "from sklearn.pipeline import make_pipeline",
        "from sklearn.preprocessing import FunctionTransformer, StandardScaler",
    )
    return checked(add_imports(insert_before(text, fit_function(text), _COUNTS), imports))


TEXT_COUNTS = Strategy(
    "counts-beside-words",
    "model",
    "text-numbers",
    lambda brief, block: (
        0.6
        if Facts(brief).text and callee(block, _TEXT) and "multiply(ratio)" not in block
        else 0.0
    ),
    lambda _: "Add length, digits, capitals and signs of the text beside its words.",
    _add_counts,
)

ALL = (LONGER_LETTERS, ACROSS_WORDS, KEEP_CASE, SINGLE_WORDS, TEXT_COUNTS)
