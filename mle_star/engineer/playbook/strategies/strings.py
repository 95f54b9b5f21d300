"""Strategies on strings that are neither prose nor plain categories: codes, names, tags."""

from __future__ import annotations

import re
import textwrap

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.strategies.edits import insert_before, insert_first
from mle_star.engineer.playbook.strategies.encodings import learnt
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment, named
from mle_star.tasks.profile import ColumnProfile

PIECE = re.compile(r"[^\W\d_]+|\d+")
"""A run of letters or of digits."""
MOST_PARTS = 5
MOST_COLUMNS = 6
LEAST_VALUES = 30
"""Distinct values from which a string is worth taking apart."""


def _strings(brief: Brief, *kinds: str) -> list[ColumnProfile]:
    """Columns of strings with many values that a script can read."""
    facts = Facts(brief)
    barred = {*facts.targets, brief.task.id, brief.task.group}
    return [
        column
        for column in brief.profile.columns
        if column.kind in kinds
        and column.in_test
        and column.unique >= LEAST_VALUES
        and column.examples
        and column.name not in barred
        and not column.dtype.startswith(("int", "uint", "float", "bool"))
    ]


def shape(text: str) -> str:
    """Kinds of a string's pieces in order: ``a`` for letters, ``9`` for digits."""
    return "".join("9" if piece[0].isdigit() else "a" for piece in PIECE.findall(text))


def _pieces(examples: list[str]) -> str:
    """The pieces that all examples begin with; ``a?9`` where some have letters before a number.

    Empty where there is but one, where all are words, or where they are too many for a code.
    """
    shapes = [shape(text) for text in examples]
    if set(shapes) == {"9", "a9"}:
        return "a?9"
    shared = shapes[0]
    for other in shapes[1:]:
        while not other.startswith(shared):
            shared = shared[:-1]
    alone = len(shared) < 2 or max(map(len, shapes)) > 2 * MOST_PARTS
    return "" if alone or set(shared) == {"a"} else shared[:MOST_PARTS]


def compounds(brief: Brief) -> dict[str, str]:
    """Columns of strings in parts, with the kinds of their pieces."""
    found = {c.name: _pieces(c.examples) for c in _strings(brief, "categorical", "id")}
    # Without a category of its own a script has no place for letters.
    useful = "a9" if Facts(brief).categorical else "9"
    kept = [(name, kinds) for name, kinds in found.items() if set(kinds) & set(useful)]
    return dict(kept[:MOST_COLUMNS])


def _parts(pieces: str) -> list[tuple[str, str]]:
    """Pattern of each part and its kind."""
    if pieces == "a?9":
        return [(r"^([^\W\d_]*)", "a"), (r"(\d+)", "9")]
    runs = {"a": r"[^\W\d_]+", "9": r"\d+"}
    gap, before, parts = r"[\W_]*", "^", []
    for kind in pieces:
        parts.append((f"{before}{gap}({runs[kind]})", kind))
        before += gap + runs[kind]
    return parts


_CODE = '''
def parts_of(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """The runs of letters and of digits in each compound string, by their place."""
    parts = {}
    for name, (column, pattern) in PARTS.items():
        part = rows[column].astype("string").str.extract(pattern, expand=False)
        number = name in NUMERIC
        parts[name] = part.astype(float) if number else part.astype(object).fillna("none")
    return parts
'''


def _take_apart(block: str, brief: Brief) -> str:
    roles: dict[str, list[str]] = {"9": [], "a": []}
    letters = bool(Facts(brief).categorical)
    lines = ["PARTS = {"]
    for number, (column, pieces) in enumerate(compounds(brief).items(), 1):
        # Some names hold signs that libraries refuse.
        stem = column if re.fullmatch(r"[\w .()/%+\-]+", column) else f"string {number}"
        for i, (pattern, kind) in enumerate(_parts(pieces), 1):
            if kind == "a" and not letters:
                continue
            name = f"{stem} part {i}"
            roles[kind].append(name)
            lines.append(f'    {literal(name)}: ({literal(column)}, r"{pattern}"),')
    lines.append("}")
    for kind, role in (("9", "NUMERIC"), ("a", "CATEGORICAL")):
        if roles[kind]:
            lines.append(assignment(f"{role} = {role} +", roles[kind]).replace("+ =", "+"))
    step = comment(COMPOUNDS.key, COMPOUNDS.describe(brief))
    step += "rows = rows.assign(**parts_of(rows))"
    new = insert_first(block, "make_features", textwrap.dedent(step))
    return insert_before(new, "make_features", "\n".join(lines) + "\n\n" + _CODE)


COMPOUNDS = Strategy(
    "string-parts",
    "features",
    "string-parts",
    lambda brief, _: 0.7 if compounds(brief) else 0.0,
    lambda brief: f"Take {named(compounds(brief))} apart into runs of letters and of digits.",
    _take_apart,
)

_SIGNS = ("|", ";", ",", "/")


def tags(brief: Brief) -> dict[str, str]:
    """Columns that list tags, with the sign between them."""
    found = {}
    for column in _strings(brief, "categorical", "text"):
        if (column.words or 0) > 30:
            continue
        for sign in _SIGNS:
            listing = sum(sign in text for text in column.examples)
            if 2 * listing > len(column.examples):
                found[column.name] = sign
                break
    return dict(list(found.items())[:MOST_COLUMNS])


TAGS = learnt(
    "tags",
    "tags",
    lambda brief: 0.5 if tags(brief) else 0.0,
    lambda brief: f"Add a column for each common tag in {named(tags(brief))}.",
    lambda _: (
        """
    for column, sign in TAGS.items():
        lists = [X[column].fillna("").astype(str).str.split(sign) for X in sources]
        counts = lists[0].explode().str.strip().value_counts()
        common = [tag for tag in counts.index[:40] if counts[tag] >= 10 and tag]
        for i, rows in enumerate(lists):
            held = [{tag.strip() for tag in row} for row in rows]
            # Tags may hold signs that libraries refuse in the name of a column.
            flags = {
                f"{column} tag {j}": [float(tag in h) for h in held] for j, tag in enumerate(common)
            }
            flags[f"{column} tags"] = [float(len(h - {""})) for h in held]
            tables[i] = tables[i].join(pd.DataFrame(flags, index=tables[i].index))
    """
    ),
    lambda brief: f"TAGS = {literal(tags(brief))}",
)


def spelt(brief: Brief) -> list[str]:
    """Categories whose spelling says more than that they differ: titles, names, materials."""
    found = []
    for column in _strings(brief, "categorical"):
        texts = column.examples
        if sum(len(text) >= 6 and sum(c.isalpha() for c in text) > 4 for text in texts) * 2 > len(
            texts
        ):
            found.append(column.name)
    return found[:MOST_COLUMNS]


SPELLING = learnt(
    "spelling",
    "spelling",
    lambda brief: 0.45 if spelt(brief) else 0.0,
    lambda brief: f"Add topics of the letters that the names in {named(spelt(brief))} are made of.",
    lambda _: (
        """
    for column in SPELT:
        texts = [X[column].fillna("").astype(str) for X in sources]
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3)
        try:
            weights = letters.fit_transform(texts[0])
        except ValueError:  # no sequence is met three times
            continue
        count = min(12, weights.shape[1] - 1)
        if count < 2:
            continue
        topics = TruncatedSVD(count, random_state=SEED).fit(weights)
        names = [f"{column} spelling {j}" for j in range(count)]
        for i, rows in enumerate(texts):
            known = rows.drop_duplicates()
            values = pd.DataFrame(topics.transform(letters.transform(known)), known, names)
            own = values.reindex(rows).set_axis(tables[i].index)
            tables[i] = tables[i].join(own)
    """
    ),
    lambda brief: assignment("SPELT", spelt(brief)),
    (
        "from sklearn.decomposition import TruncatedSVD",
        "from sklearn.feature_extraction.text import TfidfVectorizer",
    ),
)

ALL = (COMPOUNDS, TAGS, SPELLING)
