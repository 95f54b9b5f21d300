"""The blocks that read the tables and turn them into what models fit on."""

from __future__ import annotations

import re

from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.blocks.part import Part, import_lines
from mle_star.engineer.playbook.blocks.pictures import IMPORTS, reading
from mle_star.engineer.playbook.script import ENCODE, FEATURES, LOAD, TARGET

PANDAS = ("import numpy as np", "import pandas as pd")


def header(facts: Facts, title: str, parts: list[Part]) -> str:
    """Docstring, imports and constants for a script of these blocks."""
    imports = {line for part in parts for line in part.imports}
    threads = any("THREADS" in part.code for part in parts)
    task = facts.brief.task
    targets = ", ".join(f"`{_plain(name)}`" for name in facts.targets[:3])
    more = f" and {len(facts.targets) - 3} more" if len(facts.targets) > 3 else ""
    way = "higher" if task.maximize else "lower"
    lines = [
        f'"""Predict {targets}{more} with {title} ({_plain(task.metric)}, {way} is better)."""',
        "",
        import_lines(imports | {"import os"} if threads else imports),
        "",
        f"SEED = {facts.brief.seed}",
    ]
    if threads:
        lines.append('THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))')
    return "\n".join(lines) + "\n\n"


def _plain(name: str) -> str:
    """A name that can stand in a docstring."""
    return re.sub(r"[^\w .,:;()/%+\-]", "?", name)


def load(facts: Facts) -> Part:
    """Columns by role, tables, folds, and the target as numbers."""
    options = ""
    if facts.numeral:
        options += ", dtype=dict.fromkeys(AS_TEXT, str)"
    elif facts.brief.task.id:
        options += ", dtype={ID: str}"
    if facts.markers:
        options += ", na_values=MISSING"
    lines = [
        *_names(facts),
        "",
        f'train = pd.read_csv("input/train.csv"{options})',
        f'test = pd.read_csv("input/test.csv"{options})',
        'folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()',
        *_coercion(facts),
        *reading(facts),
        *_target(facts),
    ]
    imports = PANDAS if facts.pictures is None else (*PANDAS, *IMPORTS)
    return Part(LOAD, "\n".join(lines), imports)


def _names(facts: Facts) -> list[str]:
    task = facts.brief.task
    lines = [f"ID = {literal(task.id)}"] if task.id else []
    if facts.several:
        lines.append(assignment("TARGETS", facts.targets))
    else:
        lines.append(f"TARGET = {literal(facts.targets[0])}")
    if task.prediction_columns != task.target:
        lines.append(assignment("PREDICTED", task.prediction_columns))
    if needs_classes(facts):
        lines.append(assignment("CLASSES", facts.classes))
    lines += [assignment("NUMERIC", facts.numeric), assignment("CATEGORICAL", facts.categorical)]
    if facts.text:
        lines.append(assignment("TEXT", facts.text))
    if facts.datetime:
        lines.append(assignment("DATETIME", facts.datetime))
    if facts.numeral:
        # A category such as 7 must not be read as a number in one table and as text in the other.
        lines.append("AS_TEXT = [ID, *CATEGORICAL]" if task.id else "AS_TEXT = CATEGORICAL")
    if facts.markers:
        lines.append(assignment("MISSING", facts.markers))
    return lines


def needs_classes(facts: Facts) -> bool:
    """Whether the script has a list of the labels."""
    if facts.learning == "regression":
        return facts.ordinal and not facts.grades
    return facts.learning == "multiclass" or not zero_one(facts)


def zero_one(facts: Facts) -> bool:
    """Whether the labels are the whole numbers 0 and 1."""
    return facts.classes == [0, 1] and all(type(label) is int for label in facts.classes)


def _coercion(facts: Facts) -> list[str]:
    """Columns that pandas does not read as what they are."""
    lines, steps = [], []
    if facts.dirty:
        lines.append(assignment("DIRTY", facts.dirty))
        steps += [
            "    for column in DIRTY:",
            '        table[column] = pd.to_numeric(table[column], errors="coerce")',
        ]
    if facts.infinite:
        lines.append(assignment("INFINITE", facts.infinite))
        steps.append("    table[INFINITE] = table[INFINITE].where(table[INFINITE].abs() < 3e38)")
    if facts.boolean:
        lines.append(assignment("BOOLEAN", facts.boolean))
        steps.append("    table[BOOLEAN] = table[BOOLEAN].astype(float)")
    return [*lines, "for table in (train, test):", *steps] if steps else []


def _target(facts: Facts) -> list[str]:
    columns = "TARGETS" if facts.several else "TARGET"
    if facts.learning == "regression" and not (facts.ordinal and not facts.grades):
        return [f"y = train[{columns}].to_numpy(dtype=float)"]
    if facts.learning == "binary":
        if zero_one(facts):
            return [f"y = train[{columns}].to_numpy(dtype=int)"]
        return [f"y = (train[{columns}] == CLASSES[1]).to_numpy(dtype=int)"]
    codes = "{label: code for code, label in enumerate(CLASSES)}"
    kind = "float" if facts.learning == "regression" else "int"
    return [f"y = train[{columns}].map({codes}).to_numpy(dtype={kind})"]


def features(facts: Facts) -> Part:
    """``make_features``: what can be said of a row from the row alone."""
    columns = ["NUMERIC + CATEGORICAL", "NUMERIC + CATEGORICAL + TEXT"][bool(facts.text)]
    lines = [
        "def make_features(rows: pd.DataFrame) -> pd.DataFrame:",
        '    """Features of each row from that row alone; nothing is learnt here."""',
        f"    X = rows[{columns}].copy()",
    ]
    if facts.text:
        lines.append('    X[TEXT] = X[TEXT].fillna("").astype(str)')
    if facts.datetime:
        lines += _moments(facts)
    lines.append("    return X")
    imports = ("import itertools",) if "itertools" in "".join(lines) else ()
    return Part(FEATURES, "\n".join(lines), (*PANDAS, *imports))


def _examples(facts: Facts) -> list[str]:
    return [text for name in facts.datetime for text in facts.column(name).examples]


def date_options(facts: Facts) -> str:
    """Source of the arguments with which ``pd.to_datetime`` reads the datetime columns."""
    examples, options = _examples(facts), ', errors="coerce"'
    if all(re.match(r"\d{4}-\d\d-\d\d", text) for text in examples):
        options += ', format="ISO8601"'
    elif any(re.match(r"(1[3-9]|2\d|3[01])[/.\- ]", text) for text in examples):
        options += ", dayfirst=True"
    if any(re.search(r"\d(Z|[+-]\d\d:?\d\d)$", text) for text in examples):
        options += ", utc=True"
    return options


def _moments(facts: Facts) -> list[str]:
    """Parts of the datetime columns, and the time between each two of them."""
    options = date_options(facts)
    start = (
        'pd.Timestamp("2000-01-01", tz="UTC")' if "utc" in options else 'pd.Timestamp("2000-01-01")'
    )
    lines = [
        "    for column in DATETIME:",
        f"        moment = pd.to_datetime(rows[column]{options})",
        f'        X[f"{{column}} seconds"] = (moment - {start}).dt.total_seconds()',
        '        X[f"{column} month"] = moment.dt.month.astype(float)',
        '        X[f"{column} weekday"] = moment.dt.day_of_week.astype(float)',
    ]
    if any(":" in text for text in _examples(facts)):
        lines.append('        X[f"{column} hour"] = moment.dt.hour + moment.dt.minute / 60')
    if 2 <= len(facts.datetime) <= 4:
        lines += [
            "    for first, second in itertools.combinations(DATETIME, 2):",
            '        X[f"{first} to {second}"] = X[f"{second} seconds"] - X[f"{first} seconds"]',
        ]
    return lines


def encode(facts: Facts, *, topics: bool) -> Part:
    """``encode``: category codes and, for models on numbers, the topics of text columns."""
    steps: list[str] = []
    imports = list(PANDAS)
    if facts.hollow:
        steps += [
            "    empty = [column for column in NUMERIC if X_fit[column].isna().all()]",
            "    for X in tables:",
            "        X[empty] = 0.0",
        ]
    if facts.categorical:
        steps += [
            "    for column in CATEGORICAL:",
            "        values = sorted(X_fit[column].dropna().unique())",
            "        codes = {value: code for code, value in enumerate(values)}",
            "        for X in tables:",
            "            X[column] = X[column].map(codes).fillna(-1).astype(float)",
        ]
    if facts.text and topics:
        steps += _topics()
        imports += [
            "from sklearn.decomposition import TruncatedSVD",
            "from sklearn.feature_extraction.text import TfidfVectorizer",
        ]
    doc = (
        "Learn encodings from the fitting rows alone and apply them to every table."
        if steps
        else "Every column is a number already, so there is nothing to learn."
    )
    lines = [
        "def encode(X_fit: pd.DataFrame, y_fit: np.ndarray, *others: pd.DataFrame) "
        "-> list[pd.DataFrame]:",
        f'    """{doc}"""',
        "    tables = [X_fit.copy(), *(X.copy() for X in others)]",
        *steps,
        "    return tables",
    ]
    return Part(ENCODE, "\n".join(lines), tuple(imports))


def _topics() -> list[str]:
    """Latent semantic analysis: the leading singular vectors of TF-IDF (Deerwester et al. 1990)."""
    return [
        "    for column in TEXT:",
        "        words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(X_fit[column])",
        "        count = min(40, len(words.vocabulary_))",
        "        topics = TruncatedSVD(count, random_state=SEED)",
        "        topics.fit(words.transform(X_fit[column]))",
        "        for i, X in enumerate(tables):",
        "            weights = topics.transform(words.transform(X[column]))",
        '            names = [f"{column} topic {j}" for j in range(count)]',
        "            tables[i] = X.join(pd.DataFrame(weights, index=X.index, columns=names))",
    ]


def target(facts: Facts) -> Part | None:
    """``transform`` and ``restore``: the scale on which models learn numbers; None for classes."""
    if facts.learning != "regression":
        return None
    there, back = ("np.log1p(values)", "np.expm1(values)") if facts.logarithmic else ("values",) * 2
    why = (
        "Logarithms, because the metric compares them."
        if facts.logarithmic
        else ("Scale on which the models learn the target.")
    )
    lines = [
        "def transform(values: np.ndarray) -> np.ndarray:",
        f'    """{why}"""',
        f"    return {there}",
        "",
        "",
        "def restore(values: np.ndarray) -> np.ndarray:",
        '    """Back to the target\'s own scale."""',
        f"    return {back}",
    ]
    return Part(TARGET, "\n".join(lines), PANDAS)


__all__ = [
    "date_options",
    "encode",
    "features",
    "header",
    "load",
    "needs_classes",
    "target",
    "zero_one",
]
