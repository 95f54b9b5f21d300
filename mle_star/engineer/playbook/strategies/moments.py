"""Strategies for ``make_features`` on points in time: datetime columns and calendar components."""

from __future__ import annotations

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.engineer.playbook.strategies import columns
from mle_star.engineer.playbook.strategies.features import row_wise
from mle_star.engineer.playbook.strategies.strategy import named


def _dates(brief: Brief) -> list[str]:
    return Facts(brief).datetime


def _parts(brief: Brief) -> dict[str, str]:
    return columns.components(brief)


def _calendar(brief: Brief) -> bool:
    """Whether calendar components make up a date."""
    return {"year", "month", "day"} <= set(_parts(brief))


CYCLIC_DATES = row_wise(
    "cyclic-dates",
    "cyclic",
    lambda brief: 0.3 if _dates(brief) else 0.0,
    lambda brief: f"Add hour, weekday and season of {named(_dates(brief))} as angles on a circle.",
    lambda _: (
        """
    for column in DATETIME:
        moment = pd.to_datetime(rows[column], errors="coerce", utc=True)
        hours = (moment.dt.hour + moment.dt.minute / 60).fillna(0)
        cycles = {
            "day": hours / 24,
            "week": (moment.dt.day_of_week.fillna(0) + hours / 24) / 7,
            "year": moment.dt.day_of_year.fillna(1) / 365.25,
        }
        for name, part in cycles.items():
            X[f"{column} {name} sin"] = np.sin(2 * np.pi * part)
            X[f"{column} {name} cos"] = np.cos(2 * np.pi * part)
    """
    ),
)

DATE_PARTS = row_wise(
    "date-parts",
    "date-parts",
    lambda brief: 0.25 if _dates(brief) else 0.0,
    lambda brief: f"Add day of month, week, minute of day and weekend of {named(_dates(brief))}.",
    lambda _: (
        """
    for column in DATETIME:
        moment = pd.to_datetime(rows[column], errors="coerce", utc=True)
        X[f"{column} day"] = moment.dt.day.fillna(0).astype(float)
        X[f"{column} week"] = moment.dt.day_of_year.fillna(0) // 7
        minutes = moment.dt.hour * 60 + moment.dt.minute
        X[f"{column} minute of day"] = minutes.fillna(0).astype(float)
        X[f"{column} weekend"] = (moment.dt.day_of_week >= 5).astype(float)
    """
    ),
)


def _rates(brief: Brief) -> list[str]:
    return columns.measures(brief, 3) if len(_dates(brief)) >= 2 else []


DATE_DIFFERENCES = row_wise(
    "date-differences",
    "date-differences",
    lambda brief: 0.6 if len(_dates(brief)) >= 2 else 0.0,
    lambda brief: (
        f"Add the time from {_dates(brief)[0]} to {_dates(brief)[-1]}"
        + (f", and {named(_rates(brief))} per hour of it." if _rates(brief) else ".")
    ),
    lambda brief: (
        f"""
    start = pd.to_datetime(rows[{literal(_dates(brief)[0])}], errors="coerce", utc=True)
    end = pd.to_datetime(rows[{literal(_dates(brief)[-1])}], errors="coerce", utc=True)
    hours = ((end - start).dt.total_seconds() / 3600).fillna(0)
    X["hours elapsed"] = hours
    for column in {literal(_rates(brief))}:
        X[f"{{column}} per hour"] = X[column] / hours.where(hours > 1 / 60, 1 / 60)
        X[f"{{column}} by hours"] = X[column] * hours
    """
    ),
)

CALENDAR = row_wise(
    "calendar",
    "calendar",
    lambda brief: 0.7 if _calendar(brief) else 0.0,
    lambda brief: "Put the calendar columns together: weekday, day of year and its angle.",
    lambda brief: (
        f"""
    parts = rows[{literal([_parts(brief)[c] for c in ("year", "month", "day")])}].astype(float)
    parts.columns = ["year", "month", "day"]
    date = pd.to_datetime(parts, errors="coerce")
    X["weekday"] = date.dt.day_of_week.fillna(0).astype(float)
    X["weekend"] = (date.dt.day_of_week >= 5).astype(float)
    X["day of year"] = date.dt.day_of_year.fillna(0).astype(float)
    X["season sin"] = np.sin(2 * np.pi * X["day of year"] / 365.25)
    X["season cos"] = np.cos(2 * np.pi * X["day of year"] / 365.25)
    """
    ),
)


def _cycles(brief: Brief) -> dict[str, int]:
    found = _parts(brief)
    return {found[c]: period for c, period in columns.PERIODS.items() if c in found}


CYCLIC_COMPONENTS = row_wise(
    "cyclic-components",
    "cyclic",
    lambda brief: 0.45 if _cycles(brief) else 0.0,
    lambda brief: f"Add {named(_cycles(brief))} as angles on a circle.",
    lambda _: (
        """
    for column, period in CYCLES.items():
        X[f"{column} sin"] = np.sin(2 * np.pi * X[column] / period)
        X[f"{column} cos"] = np.cos(2 * np.pi * X[column] / period)
    """
    ),
    lambda brief: f"CYCLES = {literal(_cycles(brief))}",
)

DROP_YEAR = row_wise(
    "no-year",
    "trend",
    # Trees only memorise the years they saw; those to come are not among them.
    lambda brief: 0.5 if brief.task.time and "year" in _parts(brief) else 0.0,
    lambda brief: (
        f"Leave {_parts(brief).get('year', 'year')} out: years to come are not among those seen."
    ),
    lambda brief: (
        f"""
    X = X.drop(columns={literal([_parts(brief).get("year", "year")])})
    """
    ),
)

ALL = (CYCLIC_DATES, DATE_PARTS, DATE_DIFFERENCES, CALENDAR, CYCLIC_COMPONENTS, DROP_YEAR)
