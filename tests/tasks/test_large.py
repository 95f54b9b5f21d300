"""Large tables: Arrow reads the same cells and writes the same bytes as pandas, or stands aside."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.errors import TaskError
from mle_star.tasks import forget_tables, keep_tables, table
from mle_star.tasks.cells import read_cells, write_cells
from mle_star.tasks.large import LARGE, read_large, write_large
from mle_star.tasks.table import load_table

PIECES = st.sampled_from(
    [
        "a",
        "1",
        "0.50",
        "",
        " ",
        "\t",
        ",",
        ";",
        '"',
        '""',
        '"x',
        'y"',
        "\n",
        "\r\n",
        "\r",
        "ä",
        "NA",
    ]
)
FILES = st.lists(PIECES, max_size=40).map("".join)
CELLS = st.text(st.sampled_from("ab1 ,;\"\n\t'äß€\u2028"), max_size=6)


def frame(rows: list[list[str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"c{i}" for i in range(len(rows[0]))], dtype=str)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large")


@given(FILES, st.sampled_from([",", ";", "\t"]))
@settings(max_examples=300, deadline=None)
def test_whatever_a_file_holds_the_cells_are_those_of_pandas(
    folder: Path, text: str, sep: str
) -> None:
    path = folder / "odd.csv"
    path.write_bytes(f"a{sep}b\n{text}".encode())
    read = read_large(path, sep, "utf-8", least=1)
    if read is not None:
        pd.testing.assert_frame_equal(read, read_cells(path, sep, "utf-8"))


@given(
    st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=8)
    )
)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_the_same_to_the_byte_and_read_back(
    folder: Path, rows: list[list[str]]
) -> None:
    cells = frame(rows)
    write_cells(cells, folder / "slow.csv")
    write_large(cells, folder / "fast.csv", least=1)
    assert (folder / "fast.csv").read_bytes() == (folder / "slow.csv").read_bytes()
    read = read_large(folder / "fast.csv", ",", "utf-8", least=1)
    if read is not None:  # else its end looks like a quote that is never closed
        pd.testing.assert_frame_equal(read, read_cells(folder / "slow.csv", ",", "utf-8"))


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        ("one.csv", b"a\n1\n2\n", "utf-8"),
        ("blank.csv", b"\na,b\n1,2\n", "utf-8"),
        ("nul.csv", b"a,b\n1,x\0y\n", "utf-8"),
        ("other.csv", b"a,b\n1,2\n", "cp1252"),
        ("latin.csv", b"a,b\n1,\xe4\n", "utf-8"),
        ("short.csv", b"a,b\n1\n", "utf-8"),
        ("long.csv", b"a,b\n1,2,3\n", "utf-8"),
        ("header.csv", b"a,b\n", "utf-8"),
        ("packed.csv.gz", b"a,b\n1,2\n", "utf-8"),
    ],
)
def test_what_it_may_read_otherwise_is_left_to_pandas(
    tmp_path: Path, name: str, content: bytes, encoding: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_large(tmp_path / name, ",", encoding, least=1) is None


def test_a_byte_order_mark_and_repeated_names_are_read_as_pandas_does(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes('\ufeffx,x,"y\n2"\n1,"a\r\nb",\n'.encode())
    read = read_large(tmp_path / "a.csv", ",", "utf-8", least=1)
    assert read is not None
    assert list(read.columns) == ["x", "x.1", "y\n2"]
    assert read.iloc[0].tolist() == ["1", "a\nb", ""]


def test_small_files_are_not_worth_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    assert read_large(tmp_path / "a.csv", ",", "utf-8") is None


def test_what_is_no_plain_text_is_written_by_pandas(tmp_path: Path) -> None:
    for cells in (
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pd.DataFrame({"a": ["x", None], "b": ["x", "y"]}),
        pd.DataFrame({"a": ["", ""]}),
        pd.DataFrame({"a": ["x\ry", "b"], "b": ["c", "d"]}),
    ):
        write_cells(cells, tmp_path / "slow.csv")
        write_large(cells, tmp_path / "fast.csv", least=1)
        assert (tmp_path / "fast.csv").read_bytes() == (tmp_path / "slow.csv").read_bytes()


def test_a_large_file_is_read_and_written_by_arrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ['say "no"', "x" * 48, "1,5"]
    cells = frame([row] * (LARGE // 50))
    write_cells(cells, tmp_path / "a.csv")
    monkeypatch.setattr("mle_star.tasks.table.read_cells", None)
    read = load_table(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(read.cells, cells)
    monkeypatch.setattr("mle_star.tasks.large.write_cells", None)
    write_large(read.cells, tmp_path / "b.csv", least=read.cells.size)
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


@pytest.fixture
def keeping() -> Iterator[None]:
    keep_tables()
    yield
    forget_tables()


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read from now on."""
    seen: list[str] = []
    original = table._read

    def read(path: Path) -> table.Table:
        seen.append(path.name)
        return original(path)

    monkeypatch.setattr(table, "_read", read)
    return seen


def test_tables_are_read_once_while_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "a.csv", reads(monkeypatch)
    path.write_text("a,b\n1,2\n")
    for _ in range(2):
        load_table(path)
    assert len(seen) == 2, "nobody asked for it"
    keep_tables()
    other = threading.Thread(target=load_table, args=[path])
    other.start()
    other.join()
    load_table(path)
    assert len(seen) == 3
    forget_tables()
    load_table(path)
    assert len(seen) == 4


def test_a_changed_file_is_read_again(
    tmp_path: Path, keeping: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    load_table(path)
    path.write_text("a,b\n3,4\n")
    os.utime(path, ns=(1, 1))
    assert load_table(path).cells.iloc[0].tolist() == ["3", "4"]
    path.unlink()
    with pytest.raises(TaskError, match=r"a\.csv"):
        load_table(path)


def test_who_changes_a_kept_table_changes_his_own(tmp_path: Path, keeping: None) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    first = load_table(path).cells
    first["c"] = "x"
    second = load_table(path).cells
    second["a"] = "changed"
    assert load_table(path).cells.to_dict("list") == {"a": ["1"], "b": ["2"]}
