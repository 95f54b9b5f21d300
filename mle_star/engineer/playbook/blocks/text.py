"""Model blocks that read raw text columns."""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.fitting import function, predicting
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.blocks.scaled import columns
from mle_star.engineer.playbook.script import MODEL

SHORT = 60.0
"""Mean number of words up to which letter sequences are counted too."""

LEAST_ROWS = 20
"""Rows of the rarest class among those, from which strengths are compared at all."""
TRIAL_ROWS = 6_000
"""Rows that strengths are compared on."""
_TFIDF = "from sklearn.feature_extraction.text import TfidfVectorizer"


def _vectors(facts: Facts, *, others: bool) -> tuple[list[str], list[str]]:
    """Lines that make ``parts`` of the text columns (and of all others), and what they import."""
    lines: list[str] = []
    imports: list[str] = ["from sklearn.compose import ColumnTransformer"]
    if others and (facts.numeric or facts.categorical or facts.datetime):
        lines, imports = columns(facts)
    else:
        lines = ["parts = []"]
    lines += [
        "for i, column in enumerate(TEXT):",
        "    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)",
        '    parts.append((f"words {i}", words, column))',
    ]
    if max(facts.column(name).words or 0.0 for name in facts.text) <= SHORT:
        lines += [
            "    letters = TfidfVectorizer(",
            '        analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True',
            "    )",
            '    parts.append((f"letters {i}", letters, column))',
        ]
    return lines, [*imports, _TFIDF]


def text_linear(facts: Facts) -> Part:
    """Ridge or logistic regression on TF-IDF weights of words and letters.

    How strongly words are to be held back differs a lot between texts, so it is chosen among three
    strengths on rows held out of the fitting rows, where every class has enough of them.
    """
    lines, imports = _vectors(facts, others=True)
    share = min(1.0, TRIAL_ROWS / max(1, facts.brief.profile.rows))
    chosen = (facts.least_class or 0) * share >= LEAST_ROWS
    if facts.learning == "regression":
        model, line = "Ridge(alpha=1.0)", "from sklearn.linear_model import Ridge"
        doc = "Ridge regression on TF-IDF weights."
    else:
        strength = "strength" if chosen else "30"
        model = f"LogisticRegression(C={strength}, max_iter=500, tol=1e-3)"
        line = "from sklearn.linear_model import LogisticRegression"
        doc = "Logistic regression on TF-IDF weights."
    if chosen:
        lines += _strengths()
        imports = [
            *imports,
            "from sklearn.metrics import log_loss",
        ]
    body = [
        *lines,
        f"model = {model}",
        "model = make_pipeline(ColumnTransformer(parts), model)",
        "model.fit(X, y)",
        *predicting(facts),
    ]
    needed = (*imports, line, "from sklearn.pipeline import make_pipeline")
    return Part(MODEL + "text_linear", function("text_linear", doc, body), needed)


def _strengths() -> list[str]:
    """Lines that make ``losses``: what each strength loses on held-out rows."""
    return [
        f"few = np.random.default_rng(seed).permutation(len(X))[:{TRIAL_ROWS:_}]",
        "known, held = few[len(few) // 4 :], few[: len(few) // 4]",
        "losses = {}",
        "enough = set(y[held]) == set(y[known])",
        "if enough:",
        "    weights = ColumnTransformer(parts).fit(X.iloc[known])",
        "    seen, asked = weights.transform(X.iloc[known]), weights.transform(X.iloc[held])",
        "for strength in (1, 6, 30) if enough else ():",
        "    model = LogisticRegression(C=strength, max_iter=500, tol=1e-3).fit(seen, y[known])",
        "    shares = model.predict_proba(asked)",
        "    losses[strength] = log_loss(y[held], shares, labels=model.classes_)",
        "strength = min(losses, key=losses.get, default=30)",
    ]


def text_naive_bayes(facts: Facts) -> Part:
    """Naive Bayes on words; with two classes its log-count ratios scale a logistic regression.

    The latter is the NB-SVM of Wang and Manning (2012) with logistic loss.
    """
    if facts.learning == "multiclass":
        body = [
            "parts = [",
            '    (f"words {i}", CountVectorizer(binary=True, min_df=2), column)',
            "    for i, column in enumerate(TEXT)",
            "]",
            "model = make_pipeline(ColumnTransformer(parts), ComplementNB(alpha=0.3))",
            "model.fit(X, y)",
            *predicting(facts),
        ]
        bayes = (
            "from sklearn.compose import ColumnTransformer",
            "from sklearn.feature_extraction.text import CountVectorizer",
            "from sklearn.naive_bayes import ComplementNB",
            "from sklearn.pipeline import make_pipeline",
        )
        doc = "Complement naive Bayes on the words that occur."
        return Part(MODEL + "text_naive_bayes", function("text_naive_bayes", doc, body), bayes)
    lines, imports = _vectors(facts, others=False)
    body = [
        *lines,
        "vectors = ColumnTransformer(parts, sparse_threshold=1.0)",
        "weights = vectors.fit_transform(X)",
        "present = [weights[y == label].sum(axis=0) + 1 for label in (0, 1)]",
        "ratio = np.log(present[1] / present[1].sum()) - np.log(present[0] / present[0].sum())",
        "ratio = np.asarray(ratio).ravel()",
        "model = LogisticRegression(C=10, max_iter=500)",
        "model.fit(weights.multiply(ratio).tocsr(), y)",
        "return lambda table: model.predict_proba(",
        "    vectors.transform(table).multiply(ratio).tocsr()",
        ")[:, 1]",
    ]
    needed = (*imports, "from sklearn.linear_model import LogisticRegression")
    doc = "Logistic regression on words weighted by their naive Bayes log ratio."
    return Part(MODEL + "text_naive_bayes", function("text_naive_bayes", doc, body), needed)
