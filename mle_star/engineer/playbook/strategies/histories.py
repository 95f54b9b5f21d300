"""Strategies for ``encode`` on tasks in time order: what the labels of earlier times tell."""

from __future__ import annotations

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.engineer.playbook.strategies import columns
from mle_star.engineer.playbook.strategies.encodings import goals, learnt
from mle_star.engineer.playbook.strategies.strategy import named

_HISTORIES = '''
def means_before(known: pd.Series, goal: np.ndarray, asked: pd.Series) -> np.ndarray:
    """How far each key's goal lies from that of all known rows, shrunk towards zero."""
    table = pd.DataFrame({"goal": goal - goal.mean()})
    sums = table.groupby(known.to_numpy())["goal"].agg(["sum", "count"])
    return asked.map(sums["sum"] / (sums["count"] + 10)).fillna(0.0).to_numpy(dtype=float)


def histories(keys: list[pd.Series], goal: np.ndarray, parts: np.ndarray) -> list[np.ndarray]:
    """Means of the fitting rows, each from the parts before its own, and of the other tables."""
    own = np.zeros(len(goal))  # before the first part nothing is known
    for part in sorted(set(parts) - {0}):
        earlier, asked = parts < part, parts == part
        own[asked] = means_before(keys[0][earlier], goal[earlier], keys[0][asked])
    return [own, *(means_before(keys[0], goal, others) for others in keys[1:])]


def joined(table: pd.DataFrame, names: list[str]) -> pd.Series:
    """One text of several columns; numbers are written alike, whole ones or not."""
    texts = [
        (table[n].astype(float) if pd.api.types.is_numeric_dtype(table[n]) else table[n])
        .astype(str)
        for n in names
    ]
    return texts[0].str.cat(texts[1:], sep=" ") if texts[1:] else texts[0]


def parts_in_time(X: pd.DataFrame) -> np.ndarray:
    """Number of the part of each row, rows being in time order; rows of one time share a part."""
    times = X[[column for column in MOMENT if column in X]]
    moment = times.ne(times.shift()).any(axis=1).cumsum()
    part = pd.Series(np.arange(len(X)) * PARTS // len(X), index=X.index)
    return part.groupby(moment).transform("first").to_numpy()
'''


def _moment(brief: Brief) -> list[str]:
    """Columns of ``X`` that tell one time from another."""
    facts = Facts(brief)
    known = {**{n: n for n in facts.numeric}, **{n: f"{n} seconds" for n in facts.datetime}}
    times = brief.task.time
    return [known[name] for name in times] if known.keys() >= set(times) else []


def _seasons(brief: Brief) -> list[list[str]]:
    """Columns of ``X`` by which the time comes again: hour of the week, weekday, month."""
    facts, found = Facts(brief), columns.components(brief)
    parts = {name: found[name] for name in ("month", "weekday", "hour") if name in found}
    for name in facts.datetime[:1]:
        parts |= {part: f"{name} {part}" for part in ("month", "weekday")}
        if any(":" in text for text in facts.column(name).examples):
            parts["hour"] = f"{name} hour"
    week = [parts[name] for name in ("weekday", "hour") if name in parts]
    return [keys for keys in (week, [parts["month"]] if "month" in parts else []) if keys]


def _keys(brief: Brief) -> list[list[str]]:
    """What rows have in common: seasons, categories and codes."""
    names = [*columns.codes(brief), *columns.categories(brief, 3, max(brief.rows // 3, 3))]
    return [*_seasons(brief), *([name] for name in list(dict.fromkeys(names))[:8])]


def _said(brief: Brief) -> str:
    return named([" and ".join(keys) for keys in _keys(brief)], 5)


HISTORY = learnt(
    "target-history",
    "target-history",
    lambda brief: 0.4 if Facts(brief).ordered and _moment(brief) and _keys(brief) else 0.0,
    lambda brief: f"Add the mean target of earlier times by {_said(brief)}.",
    lambda brief: f"""
    parts = parts_in_time(X_fit)
    for suffix, goal in {goals(Facts(brief))}.items():
        {"goal = np.log1p(goal.clip(min=0))" if Facts(brief).logarithmic else ""}
        for names in KEYS:
            keys = [joined(source, names) for source in sources]
            for X, means in zip(tables, histories(keys, goal, parts)):
                X[f"{{' '.join(names)}} target before{{suffix}}"] = means
    """.replace("        \n", ""),
    lambda brief: (
        f"MOMENT = {literal(_moment(brief))}\nKEYS = {literal(_keys(brief))}\n"
        "PARTS = 8  # how often in the fitting rows what is known of the past is brought up to date"
    ),
    helpers=_HISTORIES,
)

ALL = (HISTORY,)
