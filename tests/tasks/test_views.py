"""What scripts see, and what they must never see."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.errors import RunError
from mle_star.tasks import (
    AuditRows,
    TaskSpec,
    View,
    Views,
    build_part,
    build_views,
    load_task,
    load_views,
    plans,
)
from tests.tasks.folders import animal_task, churn_task, hourly_task, price_task, write

Built = tuple[Path, TaskSpec, Views]


def build(
    spec: TaskSpec,
    folder: Path,
    *,
    seed: int = 0,
    search_rows: int = 30_000,
    folds: int | None = None,
    audit: bool = True,
) -> Views:
    return build_views(
        spec, None, folder, seed=seed, search_rows=search_rows, folds=folds, audit=audit
    )


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TaskSpec, Views]:
    root = tmp_path_factory.mktemp("views")
    spec = load_task(price_task(root / "task", 600, 30))
    return root, spec, build(spec, root / "views")


def audit_of(view: View) -> AuditRows:
    audit = view.audit()
    assert audit is not None
    return audit


def ids_of_test(view: View) -> pd.Series:
    keys = view.test_keys()
    assert keys is not None
    return keys


def ids_of_train(view: View) -> pd.Series:
    keys = view.train_keys()
    assert keys is not None
    return keys


def table(view: View, name: str = "train") -> pd.DataFrame:
    return pd.read_csv(view.folder / f"{name}.csv")


def test_search_and_audit_share_out_the_labelled_rows(prices: Built) -> None:
    _, _, views = prices
    search, audit = views.search, audit_of(views.search)
    assert (search.rows, len(audit.positions), search.test_rows) == (480, 120, 150)
    hidden = ids_of_test(search).iloc[audit.positions]
    assert not set(hidden) & set(ids_of_train(search))
    assert set(hidden) | set(ids_of_train(search)) == set(range(600))
    assert "120 of 600 labelled rows are held back for an audit." in views.notes


def test_audit_labels_belong_to_their_rows(prices: Built) -> None:
    _, _, views = prices
    audit = audit_of(views.search)
    seen = table(views.search, "test").iloc[audit.positions]
    expected = (3 * seen["size"] + 10).round(6).to_numpy()
    np.testing.assert_allclose(audit.truth["price"].to_numpy(), expected)


def test_audit_rows_lie_mixed_among_the_real_ones(prices: Built) -> None:
    _, spec, views = prices
    positions = audit_of(views.search).positions
    assert set(positions) | set(views.search.real_test()) == set(range(150))
    assert 0.2 < (positions < 75).mean() < 0.8
    user = pd.read_csv(Path(spec.folder) / "test.csv")
    seen = table(views.search, "test").iloc[views.search.real_test()]
    pd.testing.assert_frame_equal(seen.reset_index(drop=True), user)


def test_no_label_of_an_audit_row_lies_where_scripts_read(prices: Built) -> None:
    _, _, views = prices
    truth = set(audit_of(views.search).truth["price"].astype(str))
    for view in (views.search, views.smoke):
        for path in view.folder.rglob("*"):
            assert not path.is_symlink()
            assert not truth & set(path.read_text().replace("\n", ",").split(","))
        assert view.harness not in view.folder.parents
        assert not view.harness.is_relative_to(view.folder)


def test_scripts_find_the_four_files(prices: Built) -> None:
    _, spec, views = prices
    for view in (views.search, views.smoke, views.full):
        assert sorted(p.name for p in view.folder.iterdir()) == [
            "folds.csv",
            "sample_submission.csv",
            "test.csv",
            "train.csv",
        ]
        assert len(view.truth()) == len(view.fold_of()) == view.rows == len(table(view))
        assert list(table(view, "folds").columns) == ["id", "fold"]
        sample = table(view, "sample_submission")
        assert list(sample.columns) == spec.submission_columns
        assert list(sample["id"]) == list(ids_of_test(view))
        assert sample["price"].nunique() == 1
        assert set(view.fold_of()) == set(range(view.folds))
        assert not os.access(view.folder / "train.csv", os.W_OK) or os.geteuid() == 0
        assert (view.folder / "train.csv").stat().st_mode & 0o222 == 0


def test_the_full_view_is_the_users_data(prices: Built) -> None:
    _, spec, views = prices
    for name in ("train", "test"):
        user = (Path(spec.folder) / f"{name}.csv").read_bytes()
        assert (views.full.folder / f"{name}.csv").read_bytes() == user
    assert views.full.audit() is None
    assert list(views.full.real_test()) == list(range(30))


def test_the_smoke_view_is_small(prices: Built) -> None:
    _, _, views = prices
    assert (views.smoke.rows, views.smoke.test_rows) == (300, 50)
    assert views.smoke.audit() is None
    assert len(views.smoke.real_test()) == 0
    assert set(ids_of_train(views.smoke)) <= set(ids_of_train(views.search))


def test_views_are_written_once_and_read_back(prices: Built) -> None:
    root, spec, views = prices
    before = {p: p.stat().st_mtime_ns for p in (root / "views").rglob("*")}
    assert build(spec, root / "views", seed=5) == views == load_views(root / "views")
    assert {p: p.stat().st_mtime_ns for p in (root / "views").rglob("*")} == before
    with pytest.raises(RunError, match="no data views"):
        load_views(root / "nowhere")


def test_the_seed_decides(prices: Built, tmp_path: Path) -> None:
    _, spec, views = prices
    same = build(spec, tmp_path / "same")
    other = build(spec, tmp_path / "other", seed=1)
    assert same.search.digest == views.search.digest != other.search.digest
    assert same.full.truth().equals(other.full.truth())


def test_a_build_that_was_cut_short_starts_over(prices: Built, tmp_path: Path) -> None:
    _, spec, views = prices
    (tmp_path / "v.partial" / "search").mkdir(parents=True)
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "search").write_text("half")
    assert build(spec, tmp_path / "v").search.digest == views.search.digest


def test_small_tasks_and_settings_switch_the_audit_off(tmp_path: Path) -> None:
    spec = load_task(price_task(tmp_path / "small", 100))
    views = build(spec, tmp_path / "a")
    assert views.search.audit() is None
    assert any("100 labelled rows are fewer than 500" in note for note in views.notes)
    assert list(views.search.real_test()) == list(range(20))
    spec = load_task(price_task(tmp_path / "large", 600))
    views = build(spec, tmp_path / "b", audit=False)
    assert (views.search.audit(), views.search.rows) == (None, 600)


def test_the_search_view_is_capped_and_keeps_every_class(tmp_path: Path) -> None:
    folder = animal_task(tmp_path / "task", 900)
    train = pd.read_csv(folder / "train.csv")
    train.loc[:2, "animal"] = "yak"
    train.to_csv(folder / "train.csv", index=False)
    (folder / "sample_submission.csv").unlink()
    spec = load_task(folder)
    views = build(spec, tmp_path / "views", search_rows=200)
    assert views.search.rows == 200
    for view in (views.search, views.smoke):
        assert (view.truth()["animal"] == "yak").sum() == 3
    assert "yak" not in set(audit_of(views.search).truth["animal"])
    shares = views.search.truth()["animal"].value_counts(normalize=True)
    assert shares["cat"] == pytest.approx(0.5, abs=0.03)
    assert list(table(views.full, "sample_submission").columns) == spec.submission_columns
    assert float(views.constants["cat"]) == pytest.approx(0.5, abs=0.01)


@pytest.fixture
def few_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SEARCH_TEST_ROWS", 12)


def test_a_search_on_a_sample_predicts_a_sample_of_the_test_rows(
    tmp_path: Path, few_shown: None
) -> None:
    spec = load_task(price_task(tmp_path / "task", 900, 30))
    views = build(spec, tmp_path / "views", search_rows=200)
    assert any("predicts 12 of 30 test rows." in note for note in views.notes)
    search, real = views.search, views.search.real_test()
    positions = audit_of(search).positions
    assert set(positions) | set(real) == set(range(search.test_rows))
    assert (len(real), len(set(real) - set(positions))) == (12, 12)
    seen = table(search, "test").iloc[real].reset_index(drop=True)
    every = table(views.full, "test")
    known = every[every["id"].isin(seen["id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(seen, known)
    assert len(table(search, "sample_submission")) == search.test_rows
    assert (search.answers, views.smoke.answers, views.full.answers) == (False, False, True)
    assert part(spec, views, 400).answers
    assert load_views(tmp_path / "views") == views


def test_test_rows_in_time_keep_their_order(tmp_path: Path, few_shown: None) -> None:
    spec = load_task(hourly_task(tmp_path / "task"))
    views = build(spec, tmp_path / "views", search_rows=100)
    real = views.search.real_test()
    assert (np.diff(real) > 0).all()
    seen = table(views.search, "test").iloc[real]
    every = [tuple(row) for row in table(views.full, "test").itertuples(index=False)]
    places = [every.index(tuple(row)) for row in seen.itertuples(index=False)]
    assert places == sorted(places)
    assert places != list(range(12)), "from all of the time"


@pytest.mark.parametrize("search_rows", [200, 30_000])
def test_otherwise_the_search_predicts_all_test_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search_rows: int
) -> None:
    if search_rows == 30_000:  # it sees all labelled rows
        monkeypatch.setattr(plans, "SEARCH_TEST_ROWS", 12)
    spec = load_task(price_task(tmp_path / "task", 900, 30))
    views = build(spec, tmp_path / "views", search_rows=search_rows)
    assert len(views.search.real_test()) == len(table(views.full, "test")) == 30
    assert views.search.answers
    assert not any("test rows" in note for note in views.notes)


def test_views_of_an_older_run_answer_all_test_rows(prices: Built, tmp_path: Path) -> None:
    copy = tmp_path / "views"
    shutil.copytree(prices[0] / "views", copy)
    index = copy / "harness" / "views.json"
    index.write_text(re.sub(r',\s*"answers": \w+', "", index.read_text()))
    assert "answers" not in index.read_text()
    assert load_views(copy).search.answers


def part(spec: TaskSpec, views: Views, rows: int, folds: int | None = None) -> View:
    folder = views.full.folder.parent
    return build_part(spec, views, folder, rows=rows, seed=0, folds=folds)


def test_a_part_of_the_labelled_rows_keeps_every_class_and_all_test_rows(tmp_path: Path) -> None:
    folder = animal_task(tmp_path / "task", 900)
    train = pd.read_csv(folder / "train.csv")
    train.loc[:2, "animal"] = "yak"
    train.to_csv(folder / "train.csv", index=False)
    (folder / "sample_submission.csv").unlink()
    spec = load_task(folder)
    views = build(spec, tmp_path / "views", search_rows=200)
    some = part(spec, views, 400)
    assert (some.name, some.rows, some.folds) == ("part", 400, 5)
    assert (some.truth()["animal"] == "yak").sum() == 3
    assert set(ids_of_train(some)) <= set(ids_of_train(views.full))
    for name in ("test", "sample_submission"):
        pd.testing.assert_frame_equal(table(some, name), table(views.full, name))
    assert some.real_test().tolist() == views.full.real_test().tolist()
    assert some.audit() is None
    again = part(spec, views, 300, folds=2)
    assert (again.rows, again.folds, len(table(again))) == (300, 2, 300)
    assert again.digest != some.digest
    assert load_views(tmp_path / "views") == views, "it is none of the three"


def test_a_part_that_is_made_again_leaves_the_files_of_a_fork_alone(tmp_path: Path) -> None:
    """A fork's views are second names of the same files."""
    spec = load_task(price_task(tmp_path / "task", 900))
    views = build(spec, tmp_path / "views", search_rows=200)
    part(spec, views, 400)
    before = {path: path.read_bytes() for path in tmp_path.glob("views/**/part*/*")}
    hidden = tmp_path / "views" / "harness" / "part.json"
    before[hidden] = b"as it was"
    hidden.write_bytes(before[hidden])
    linked = {tmp_path / str(number): path for number, path in enumerate(before)}
    for other, path in linked.items():
        other.hardlink_to(path)
    part(spec, views, 300)
    assert all(other.read_bytes() == before[path] for other, path in linked.items())


def test_a_part_of_what_time_orders_is_the_latest_rows(tmp_path: Path) -> None:
    spec = load_task(hourly_task(tmp_path / "task"))
    views = build(spec, tmp_path / "views", search_rows=100)
    assert list(part(spec, views, 250).truth()["load"]) == list(range(450, 700))


@pytest.mark.parametrize(("folds", "numbers"), [(2, {0, 1}), (1, {-1, 0})])
def test_folds_can_be_set(tmp_path: Path, folds: int, numbers: set[int]) -> None:
    views = build(load_task(price_task(tmp_path / "t")), tmp_path / "v", folds=folds)
    assert views.search.folds == folds
    assert set(views.search.fold_of()) == numbers


def test_groups_stay_whole(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task", 800)
    train = pd.read_csv(folder / "train.csv")
    train["owner"] = np.arange(800) // 7
    train.loc[:9, "owner"] = np.nan
    train.to_csv(folder / "train.csv", index=False)
    (folder / "task.toml").write_text('group = "owner"')
    views = build(load_task(folder), tmp_path / "views")
    seen = table(views.search).assign(fold=views.search.fold_of())
    assert seen.groupby("owner")["fold"].nunique().max() == 1
    ids = ids_of_test(views.search).iloc[audit_of(views.search).positions]
    hidden = train.loc[train["id"].isin(ids), "owner"]
    assert not set(hidden.dropna()) & set(seen["owner"].dropna())
    assert 130 <= len(hidden) <= 200
    assert "owner" not in table(views.search, "test")


def test_time_goes_forward(tmp_path: Path) -> None:
    spec = load_task(hourly_task(tmp_path / "task"))
    views = build(spec, tmp_path / "views")
    search, audit = views.search, audit_of(views.search)
    load = search.truth()["load"].to_numpy()
    assert list(load) == list(range(560))
    assert list(audit.truth["load"]) == list(range(560, 700))
    assert list(audit.positions) == list(range(140))
    assert list(search.real_test()) == list(range(140, 188))
    fold = search.fold_of()
    assert (fold[0], fold[-1], search.folds) == (-1, 4, 5)
    assert (np.diff(fold) >= 0).all()
    assert list(views.full.truth()["load"]) == list(range(700))
    assert list(views.smoke.truth()["load"]) == list(range(260, 560))
    capped = build(spec, tmp_path / "capped", search_rows=100)
    assert list(capped.search.truth()["load"]) == list(range(460, 560))


def test_rows_of_one_moment_stay_together(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task", 600)
    for file, start in (("train", 0), ("test", 100)):
        data = pd.read_csv(folder / f"{file}.csv")
        data["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
            start + data.index // 6, unit="D"
        )
        data.to_csv(folder / f"{file}.csv", index=False)
    spec = load_task(folder)
    assert spec.time == ["day"]
    search = build(spec, tmp_path / "views").search
    seen = table(search).assign(fold=search.fold_of())
    assert seen.groupby("day")["fold"].nunique().max() == 1
    hidden = table(search, "test").iloc[audit_of(search).positions]
    assert hidden["day"].min() > seen["day"].max()


@pytest.mark.parametrize("same", [False, True])
def test_ids_that_collide_are_replaced(tmp_path: Path, same: bool) -> None:
    folder = price_task(tmp_path / "task", 600, 100)
    if same:
        for file in ("test", "sample_submission"):
            data = pd.read_csv(folder / f"{file}.csv").assign(id=range(100))
            data.to_csv(folder / f"{file}.csv", index=False)
    views = build(load_task(folder), tmp_path / "views")
    keys = ids_of_test(views.search)
    assert keys.is_unique
    hidden = keys.iloc[audit_of(views.search).positions]
    kept = hidden.isin(range(100 if same else 0, 600))
    assert (kept | (hidden >= 600)).all() if same else kept.all()
    assert ids_of_train(views.search).is_unique
    assert set(keys.iloc[views.search.real_test()]) == set(ids_of_test(views.full))


def test_repeated_and_absent_training_ids(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "repeated", 60)
    train = pd.read_csv(folder / "train.csv").assign(id=7)
    train.to_csv(folder / "train.csv", index=False)
    views = build(load_task(folder), tmp_path / "a")
    assert ids_of_train(views.full).is_unique
    assert any("Repeated ids" in note for note in views.notes)
    folder = price_task(tmp_path / "absent", 60)
    train.drop(columns="id").to_csv(folder / "train.csv", index=False)
    views = build(load_task(folder), tmp_path / "b")
    assert ids_of_train(views.full).is_unique
    assert list(table(views.full).columns) == ["id", "size", "colour", "price"]


def test_no_id(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task", 600)
    for file in ("train", "test", "sample_submission"):
        data = pd.read_csv(folder / f"{file}.csv").drop(columns="id")
        data.to_csv(folder / f"{file}.csv", index=False)
    views = build(load_task(folder), tmp_path / "views")
    assert views.search.test_keys() is None
    assert views.search.train_keys() is None
    assert list(table(views.search, "folds").columns) == ["fold"]
    assert len(audit_of(views.search).positions) == 120


@pytest.mark.parametrize("count", [60, 600])
def test_no_test_table(tmp_path: Path, count: int) -> None:
    folder = price_task(tmp_path / "task", count)
    (folder / "test.csv").unlink()
    (folder / "sample_submission.csv").unlink()
    views = build(load_task(folder), tmp_path / "views")
    assert len(views.search.real_test()) == 0
    assert views.search.test_rows == (60 if count == 60 else 120)
    assert "price" not in table(views.search, "test")
    assert "price" not in table(views.full, "test")
    assert views.full.test_rows > 0
    assert (views.search.audit() is None) == (count == 60)


def test_excluded_columns_and_test_labels_are_gone(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task", 60)
    test = pd.read_csv(folder / "test.csv").assign(price=1.0)
    test.to_csv(folder / "test.csv", index=False)
    (folder / "task.toml").write_text('exclude = ["colour"]')
    views = build(load_task(folder), tmp_path / "views")
    for view in (views.search, views.smoke, views.full):
        assert list(table(view).columns) == ["id", "size", "price"]
        assert list(table(view, "test").columns) == ["id", "size"]


def test_rows_without_a_label_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task", 60)
    train = pd.read_csv(folder / "train.csv")
    train.loc[:4, "price"] = np.nan
    train.to_csv(folder / "train.csv", index=False)
    views = build(load_task(folder), tmp_path / "views")
    assert views.full.rows == 55
    assert "5 rows of train.csv without a label are left out." in views.notes


def test_copied_columns_and_text_labels(tmp_path: Path) -> None:
    folder = churn_task(tmp_path / "task", 600)
    test = pd.read_csv(folder / "test.csv")
    sample = test[["id", "colour"]].assign(churn=0.5)
    sample.to_csv(folder / "sample_submission.csv", index=False)
    views = build(load_task(folder), tmp_path / "views")
    shown = table(views.search, "sample_submission")
    assert list(shown["colour"]) == list(table(views.search, "test")["colour"])
    audit = audit_of(views.search)
    assert set(audit.truth["churn"]) == {"yes", "no"}
    assert views.constants == {"churn": "0.333333"}


def test_audit_labels_have_the_type_of_the_training_labels(tmp_path: Path) -> None:
    folder = animal_task(tmp_path / "task", 900)
    train = pd.read_csv(folder / "train.csv")
    train["animal"] = np.where(train.index < 4, "x", (train.index % 3).astype(str))
    train.to_csv(folder / "train.csv", index=False)
    (folder / "sample_submission.csv").unlink()
    views = build(load_task(folder), tmp_path / "views")
    assert set(audit_of(views.search).truth["animal"]) == {"0", "1", "2"}
    assert set(views.search.truth()["animal"]) == {"0", "1", "2", "x"}


def test_printed_tasks_keep_the_users_sample(tmp_path: Path) -> None:
    rows = pd.DataFrame({"before": ["a b"] * 600, "after": ["c d"] * 600})
    sample = pd.DataFrame({"token": ["0_1", "0_2"], "after": ["a", "b"]})
    folder = write(
        tmp_path / "task",
        train=rows,
        test=rows[["before"]].head(5),
        sample_submission=sample,
        task='evaluation = "printed"\nmetric = "tokens"\ndirection = "maximize"\n',
    )
    views = build(load_task(folder), tmp_path / "views")
    assert views.search.audit() is None
    for view in (views.search, views.smoke, views.full):
        pd.testing.assert_frame_equal(table(view, "sample_submission"), sample)
        assert view.test_rows == 5


def opened(spec: TaskSpec, folder: Path, search_rows: int, audit: bool | None = None) -> Views:
    return build_views(spec, None, folder, seed=0, search_rows=search_rows, folds=None, audit=audit)


@pytest.mark.parametrize(
    ("search_rows", "held", "seen"),
    [
        (600, 0, 600),
        (400, 0, 600),  # exactly one and a half times as many
        (399, 120, 480),
        (320, 120, 480),  # all that is left, again one and a half times as many
        (319, 120, 319),
        (100, 120, 100),
    ],
)
def test_an_open_audit_is_held_where_the_search_does_not_see_all_anyway(
    tmp_path: Path, search_rows: int, held: int, seen: int
) -> None:
    spec = load_task(price_task(tmp_path / "task", 600, 30))
    views = opened(spec, tmp_path / "views", search_rows)
    audit = views.search.audit()
    assert (len(audit.positions) if audit else 0, views.search.rows) == (held, seen)
    assert (views.search.digest == views.full.digest) == (seen == 600)
    said = "No rows are held back for an audit: every labelled row is needed to learn from."
    assert (said in views.notes) == (held == 0)
    assert any("The search sees" in note for note in views.notes) == (seen < 600 - held)


@pytest.mark.parametrize("search_rows", [100, 600])
@pytest.mark.parametrize("audit", [True, False])
def test_a_decided_audit_does_not_look_at_the_rows(
    tmp_path: Path, search_rows: int, audit: bool
) -> None:
    spec = load_task(price_task(tmp_path / "task", 600, 30))
    views = opened(spec, tmp_path / "views", search_rows, audit)
    assert (views.search.audit() is not None) == audit
    assert views.full.audit() is None


def test_an_open_audit_holds_nothing_where_the_task_does_not_allow_it(tmp_path: Path) -> None:
    spec = load_task(price_task(tmp_path / "task", 400, 30))
    views = opened(spec, tmp_path / "views", 100)
    assert views.search.audit() is None
    assert any("400 labelled rows are fewer than 500" in note for note in views.notes)
    assert (views.search.rows, views.full.rows) == (100, 400)
    assert views.search.digest != views.full.digest


@pytest.mark.parametrize(
    ("make", "target"),
    [
        (price_task, "price"),
        (churn_task, "churn"),
        (animal_task, "animal"),
        (hourly_task, "load"),
    ],
)
@pytest.mark.parametrize("test_table", [True, False])
def test_what_is_seen_whole_is_the_full_view(
    tmp_path: Path, make: Callable[[Path, int], Path], target: str, test_table: bool
) -> None:
    folder = make(tmp_path / "task", 600)
    (folder / "task.toml").write_text(f'target = "{target}"\n')
    if not test_table:
        (folder / "test.csv").unlink()
        (folder / "sample_submission.csv").unlink(missing_ok=True)
    spec = load_task(folder)
    views = opened(spec, tmp_path / "views", 600)
    search, full = views.search, views.full
    assert search.digest == full.digest
    assert (search.rows, search.folds, search.test_rows) == (full.rows, full.folds, full.test_rows)
    assert search.fold_of().tolist() == full.fold_of().tolist()
    assert list(search.real_test()) == list(full.real_test())
    assert search.truth().equals(full.truth())
    for path in full.folder.iterdir():
        assert path.read_bytes() == (search.folder / path.name).read_bytes()


def test_what_is_seen_whole_brings_its_side_files_along(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task", 60)
    for number in range(3):
        (folder / "notes" / "deep").mkdir(parents=True, exist_ok=True)
        (folder / "notes" / "deep" / f"{number}.txt").write_text(str(number))
    (folder / "extra.csv").write_text("colour,weight\nred,1\n")
    spec = load_task(folder)
    assert len(spec.side_files) == 2
    views = opened(spec, tmp_path / "views", 600)
    assert views.search.digest == views.full.digest
    assert (views.search.folder / "notes" / "deep" / "2.txt").read_text() == "2"


def test_other_folds_are_drawn_where_the_search_sees_a_part(tmp_path: Path) -> None:
    spec = load_task(price_task(tmp_path / "task", 600, 30))
    part, whole = opened(spec, tmp_path / "a", 100), opened(spec, tmp_path / "b", 600)
    assert part.full.rows == whole.full.rows == 600
    assert part.full.fold_of().tolist() != whole.full.fold_of().tolist()
    assert set(part.full.fold_of()) == set(whole.full.fold_of())
