"""Strategies for ``make_features`` on rows that follow each other in time.

Only what is known of a row beforehand is compared, never a label: so the rows of both tables
together tell what came before a row and what comes after it.
"""

from __future__ import annotations

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.data import date_options
from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.strategies import columns
from mle_star.engineer.playbook.strategies.features import row_wise
from mle_star.engineer.playbook.strategies.strategy import named

_MOST = 6
"""Columns that are compared with their neighbours in time."""
_LEAST_ROWS = 3
"""Rows that an entity has on average at least."""
_WHOLE = 0.99
"""Share of the rows that must be there for rows without a time to follow each other."""
_WINDOW = 5
"""Rows of a window where no season is known."""


def _compared(brief: Brief) -> list[str]:
    own = {*columns.moments(brief), *(columns.entities(brief) or [])}
    places = [name for pair in columns.coordinates(brief) for name in pair]
    chosen = [*places, *columns.measures(brief, _MOST + len(own))]
    return [name for name in chosen if name not in own][:_MOST]


def _rows_each(brief: Brief) -> float:
    """Rows of one entity on average."""
    rows = float(brief.profile.rows)
    distinct = {column.name: column.unique for column in brief.profile.columns}
    for name in columns.entities(brief) or []:
        rows /= max(distinct.get(name, brief.profile.rows), 1)
    return rows


def _potential(brief: Brief) -> float:
    if not columns.moments(brief) or columns.entities(brief) is None or not _compared(brief):
        return 0.0
    if _rows_each(brief) < _LEAST_ROWS:
        return 0.0
    if not brief.task.time and brief.rows < _WHOLE * brief.profile.rows:
        return 0.0  # rows were drawn one by one: the one before is not the one before
    # The rows of one storm or one person tell more of each other than those of a whole table do.
    return 0.6 if columns.entities(brief) else 0.35


def _window(brief: Brief) -> int:
    """Rows of a day or of a week where there is one row per hour or per day; else a few rows."""
    times, facts = columns.moments(brief), Facts(brief)
    dates = [text for n in times if n in facts.datetime for text in facts.column(n).examples]
    if columns.entities(brief) == [] and brief.task.time:
        if columns.components(brief).get("hour") in times or any(":" in text for text in dates):
            return 24
        return 7 if dates or columns.components(brief).get("day") in times else _WINDOW
    return _WINDOW


def _describe(brief: Brief) -> str:
    entity = columns.entities(brief)
    within = f" within {named(entity)}" if entity else ""
    return (
        f"Compare {named(_compared(brief))} with the rows before and after in time{within}, "
        f"and with the mean of the last {_window(brief)}."
    )


def _constants(brief: Brief) -> str:
    entity, times = columns.entities(brief) or [], columns.moments(brief)
    parsing = "".join(
        f"    order[{literal(name)}] = pd.to_datetime(order[{literal(name)}]"
        f"{date_options(Facts(brief))})\n"
        for name in times
        if name in Facts(brief).datetime
    )
    lists = [("ENTITY", entity), ("MOMENT", times), ("COMPARED", _compared(brief))]
    constants = "\n".join(assignment(name, values) for name, values in lists if values)
    one, keys = ("[np.zeros(len(table))]", "MOMENT")
    if entity:
        one, keys = ("[table[column] for column in ENTITY]", "[*ENTITY, *MOMENT]")
    began = 'parts["rows before"] = count - 1.0\n    ' if entity else ""
    return f'''{constants}
WINDOW = {_window(brief)}
SEQUENCE = {keys}


def around() -> pd.DataFrame:
    """What comes before and after each moment, by what is known of it; no label is read."""
    table = pd.concat([train, test], ignore_index=True)[[*SEQUENCE, *COMPARED]]
    table = table.drop_duplicates(SEQUENCE)
    order = table[MOMENT].copy()
{parsing}    table = table.loc[order.sort_values(MOMENT, kind="stable").index]
    one = {one}
    steps = table.groupby(one, dropna=False)
    before, after = steps[COMPARED].shift(1), steps[COMPARED].shift(-1)
    season, filled = steps[COMPARED].shift(WINDOW), steps[COMPARED].ffill()
    middle = filled.mean()  # without it squares of large numbers would drown the spread
    filled = (filled - middle).fillna(0)
    count = steps.cumcount() + 1

    def window_mean(values: pd.DataFrame) -> pd.DataFrame:
        sums = values.groupby(one, dropna=False).cumsum()
        gone = sums.groupby(one, dropna=False).shift(WINDOW).fillna(0)
        return (sums - gone).div(count.clip(upper=WINDOW), axis=0)

    means, squares = window_mean(filled), window_mean(filled**2)
    parts = table[SEQUENCE].copy()
    {began}for column in COMPARED:
        parts[f"{{column}} change"] = table[column] - before[column]
        parts[f"{{column}} next change"] = after[column] - table[column]
        parts[f"{{column}} change in {{WINDOW}}"] = table[column] - season[column]
        parts[f"{{column}} mean of {{WINDOW}}"] = means[column] + middle[column]
        spread = np.sqrt((squares[column] - means[column] ** 2).clip(lower=0))
        parts[f"{{column}} spread of {{WINDOW}}"] = spread
    return parts.fillna(dict.fromkeys(parts.columns.drop(SEQUENCE), 0.0))


AROUND = around()
'''


LAGS = row_wise(
    "lags",
    "lags",
    _potential,
    _describe,
    lambda _: (
        """
    found = rows[SEQUENCE].merge(AROUND, on=SEQUENCE, how="left")
    for column in AROUND.columns.drop(SEQUENCE):
        X[column] = found[column].to_numpy()
    """
    ),
    _constants,
)

ALL = (LAGS,)
