"""How a model block fits an estimator and predicts with it."""

from __future__ import annotations

from collections.abc import Mapping

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.script import MODEL

MANY_MORE = 1.5
"""Times as many labelled rows as the search sees from which on settings are chosen on a sample."""
SMALL = 20_000
"""Rows up to which trees do not grow: on fewer, larger ones learnt the noise (docs/measured.md)."""


def call(name: str, settings: Mapping[str, object]) -> list[str]:
    """``name(key=value, ...)`` over as few lines as 96 characters allow."""
    pairs = [f"{key}={value}" for key, value in settings.items()]
    line = f"{name}({', '.join(pairs)})"
    if len(line) <= 80:
        return [line]
    return [f"{name}(", *(f"    {pair}," for pair in pairs), ")"]


def function(family: str, doc: str, body: list[str]) -> str:
    """Source of ``fit_<family>``."""
    lines = [
        f"def fit_{family}(X: pd.DataFrame, y: np.ndarray, seed: int):",
        f'    """{doc}"""',
        *(f"    {line}" if line else "" for line in body),
    ]
    return "\n".join(lines)


def predicting(facts: Facts, prepare: str = "{}", classes: str = "model.classes_") -> list[str]:
    """Lines that end a fit function: return what predicts from a table.

    ``prepare`` is code that makes the model's input of a table, with ``{}`` for the table;
    ``classes`` is code for the class codes that the columns of ``predict_proba`` stand for.
    """
    table = prepare.format("table")
    if facts.learning == "regression":
        if prepare == "{}":
            return ["return model.predict"]
        return [f"return lambda table: model.predict({table})"]
    if facts.learning == "binary":
        return [f"return lambda table: model.predict_proba({table})[:, 1]"]
    return [
        "",
        "def predict(table: pd.DataFrame) -> np.ndarray:",
        "    # A class without a fitting row keeps the probability zero.",
        "    probabilities = np.zeros((len(table), len(CLASSES)))",
        f"    known = model.predict_proba({table})",
        f"    probabilities[:, {classes}] = known",
        "    return probabilities",
        "",
        "return predict",
    ]


def prepared(facts: Facts) -> str:
    """Code that makes numbers of a table, without raw text and without names libraries refuse."""
    code = "{}.drop(columns=TEXT)" if facts.drop_text else "{}"
    return code + ".to_numpy(dtype=float)" if facts.odd_names else code


def growing(facts: Facts, grown: Mapping[str, str]) -> list[str]:
    """Lines that change settings of the model where it learns from more rows than in the search.

    None where the search sees (almost) all of them.
    """
    if not grown or facts.brief.profile.rows < MANY_MORE * facts.rows:
        return []
    return [
        "# Chosen on a sample: more rows bear larger trees.",
        f"more = max(1.0, len(X) / {max(facts.fit_rows, SMALL):_})",
        *call("model.set_params", grown),
    ]


def estimator(
    facts: Facts,
    family: str,
    title: str,
    imports: str | tuple[str, ...],
    name: str,
    settings: Mapping[str, object],
    grown: Mapping[str, str] | None = None,
) -> Part:
    """A block that fits one estimator with fixed settings on the encoded table.

    ``grown`` has settings that change where there are many more rows than they were chosen on, and
    what they are then, as code on ``more`` times the rows.
    """
    prepare = prepared(facts)
    built = call(name, settings)
    body = [
        f"model = {built[0]}",
        *built[1:],
        *growing(facts, grown or {}),
        f"model.fit({prepare.format('X')}, y)",
        *predicting(facts, prepare),
    ]
    doc = f"{title} on the given rows; returns what predicts from a table."
    lines = imports if isinstance(imports, tuple) else (imports,)
    return Part(MODEL + family, function(family, doc, body), lines)
