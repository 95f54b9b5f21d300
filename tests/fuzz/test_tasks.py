"""A bounded, seeded part of the fuzzing; ``benchmarks/fuzz_tasks.py`` runs as much as one likes."""

from __future__ import annotations

import ast
import csv
import io
import random
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mle_star.engineer.playbook.blocks.facts import assignment, literal
from mle_star.tasks.cells import as_csv, as_pandas_reads
from mle_star.tasks.dialect import find_encodings, find_separator
from mle_star.tasks.wording import shown
from tests.fuzz import odd
from tests.fuzz.checking import Task, check_task, open_folder
from tests.fuzz.damage import BOMB, DAMAGES
from tests.fuzz.folders import make_folder
from tests.fuzz.scripts import check_scripts, run_one, write_scripts

BOUNDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

pytestmark = pytest.mark.filterwarnings("ignore")


def try_folder(folder: Path, work: Path) -> str:
    """What came of a task folder; every invariant is checked on the way."""
    found = open_folder(folder, work)
    if not isinstance(found, Task):
        return found
    text = check_task(found, work)
    check_scripts(found, write_scripts(found))
    return text


@settings(BOUNDED, max_examples=110)
@given(seed=st.integers(0, 2**32))
def test_a_task_folder_works_or_is_refused_with_one_sentence(seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name) / "work"
        make_folder(random.Random(seed), work / "task", costly=False)
        assert try_folder(work / "task", work)


@pytest.mark.parametrize("name", sorted(set(DAMAGES) - {"zip bomb", "gzip bomb"}))
def test_a_damaged_folder_works_or_is_refused_with_one_sentence(name: str, tmp_path: Path) -> None:
    chance = random.Random(name)
    folder = tmp_path / "task"
    folder.mkdir()
    rows = "".join(f"{i},{i % 7},{100 + i}.5\n" for i in range(30))
    (folder / "train.csv").write_text("id,size,y\n" + rows)
    (folder / "test.csv").write_text("id,size\n100,1\n101,2\n")
    (folder / "description.md").write_text("Predict `y`. Metric: RMSE.")
    DAMAGES[name](chance, folder, folder / "train.csv")
    assert try_folder(folder, tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    assert BOMB > 200_000_000
    for name in ("zip bomb", "gzip bomb"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.csv").write_text("a")
        DAMAGES[name](random.Random(0), folder, folder / "train.csv")
        assert "would unpack to more than" in try_folder(folder, tmp_path)


@settings(BOUNDED, max_examples=60)
@given(name=st.text())
def test_any_name_can_stand_in_a_script(name: str) -> None:
    assert ast.literal_eval(literal(name)) == name
    code = assignment("NAMES", [name, name + "x", 'a"b'])
    assert ast.literal_eval(code.partition(" = ")[2]) == [name, name + "x", 'a"b']
    assert not any(line.startswith("# ===") for line in code.splitlines())


@pytest.mark.parametrize("name", odd.ODD)
def test_every_odd_name_can_stand_in_a_script(name: str) -> None:
    assert ast.literal_eval(literal(name)) == name


TEXT = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)


@settings(BOUNDED, max_examples=60)
@given(cells=st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=6))
def test_cells_come_back_from_csv_as_they_were(cells: list[list[str]]) -> None:
    for columns in (["a"], ["a", "b"]):
        table = pd.DataFrame([row[: len(columns)] for row in cells], columns=columns)
        back = pd.read_csv(io.StringIO(as_csv(table)), dtype=str, keep_default_na=False)
        assert back.to_numpy().tolist() == table.to_numpy().tolist()
        assert len(as_pandas_reads(table)) == len(table)


@settings(BOUNDED, max_examples=60)
@given(
    rows=st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=6),
    sep=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_the_separator_is_found_when_cells_are_quoted(
    rows: list[list[str]], sep: str, encoding: str
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=sep, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["first", "second", "third"], *rows])
    start = stream.getvalue().encode(encoding)
    assert find_separator(start, find_encodings(start)[0]) == sep


@settings(BOUNDED, max_examples=60)
@given(text=st.text())
def test_what_is_shown_is_one_short_printable_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text * 200)) < 700


@pytest.mark.slow
def test_a_script_on_odd_names_and_infinite_values_is_scored(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    chance = random.Random(0)
    names = list(dict.fromkeys([*odd.ODD[10:48], "fold", "index", "infinite", "{brace}"]))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([*names, 'the "price"\n{y}'])
    for i in range(60):
        cells = [chance.choice(("red", "blue", "1", f"{i}.5", "inf")) for _ in names[:6]]
        cells += [chance.choice(("1.5", "inf", "-inf", "2")) for _ in names[6:]]
        writer.writerow([*cells, f"{i}.25"])
    (folder / "train.csv").write_text(stream.getvalue(), newline="")
    (folder / "task.toml").write_text('metric = "rmse"\ntarget = "the \\"price\\"\\n{y}"\n')
    found = open_folder(folder, tmp_path)
    assert isinstance(found, Task), found
    scripts = write_scripts(found)
    check_scripts(found, scripts)
    linear = {name: text for name, text in scripts.items() if "Ridge" in text}
    assert run_one(found, linear, chance, tmp_path) == "script scored"
