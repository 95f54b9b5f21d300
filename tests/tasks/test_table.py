from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.errors import TaskError
from mle_star.tasks import read_table
from mle_star.tasks.cells import as_pandas_reads, parse_dates, read_cells, unique_keys, write_cells
from mle_star.tasks.table import load_table, read_header, table_stem

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.1, 1e-7]})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", lambda p: TABLE.to_csv(p, index=False)),
        ("t.csv.gz", lambda p: TABLE.to_csv(p, index=False)),
        ("t.parquet", lambda p: TABLE.to_parquet(p)),
        ("t.tsv", lambda p: TABLE.to_csv(p, index=False, sep="\t")),
        ("semicolon.csv", lambda p: TABLE.to_csv(p, index=False, sep=";")),
        ("t.json", lambda p: p.write_text(json.dumps(TABLE.to_dict("records")))),
        ("t.jsonl", lambda p: TABLE.to_json(p, orient="records", lines=True, double_precision=15)),
        ("t.csv.zip", lambda p: TABLE.to_csv(p, index=False)),
    ],
)
def test_every_format_reads_alike(
    tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    write(tmp_path / name)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / name), TABLE, check_dtype=False, check_column_type=False
    )
    assert read_header(tmp_path / name) == ["a", "b", "c"]


def test_latin_1_and_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes("name\ncafé\n".encode("latin-1"))
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbfname\ncaf\xc3\xa9\n")
    assert load_table(tmp_path / "old.csv").encoding == "cp1252"
    for name in ("old.csv", "bom.csv"):
        table = read_table(tmp_path / name)
        assert list(table.columns) == ["name"]
        assert table["name"][0] == "café"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("bad.csv", b'a,b\n1,2\n"3,4\n5', "bad.csv can't be read"),
        ("wide.csv", b"a,b\n1,2,3\n4,5,6\n", "more cells than its header"),
        ("bad.parquet", b"not parquet", "bad.parquet can't be read"),
        ("bad.csv.gz", b"not gzip", "bad.csv.gz can't be read"),
        ("bad.zip", b"not a zip", "bad.zip can't be read"),
        ("bad.json", b"{", "bad.json can't be read"),
        ("gone.csv", None, "gone.csv can't be read"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError, match=words) as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.writestr("b.csv", "x\n1\n")
    with pytest.raises(TaskError, match="holds 2 files and not one"):
        read_table(tmp_path / "t.zip")


def test_stems() -> None:
    assert table_stem("Train.CSV.gz") == "train"
    assert table_stem("train.parquet") == "train"
    assert table_stem("notes.md") is None
    assert table_stem(".csv") is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12),
            st.text("ab ,\"'\n;?", max_size=6),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_cells_survive_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("cells") / "t.csv"
    cells = pd.DataFrame(values, columns=["a", "b"], dtype=str)
    write_cells(cells, path)
    again = read_cells(path, ",", "utf-8")
    assert again.to_numpy().tolist() == cells.to_numpy().tolist()


def test_cells_are_kept_to_the_letter(tmp_path: Path) -> None:
    text = "id,x,y\n007,1.10,NA\n008,1e5,\n"
    (tmp_path / "t.csv").write_text(text)
    write_cells(load_table(tmp_path / "t.csv").cells, tmp_path / "u.csv")
    assert (tmp_path / "u.csv").read_text() == text


def test_carriage_returns_do_not_break_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'a,b\r\n"one\r\ntwo",1\r\n"three\rfour",2\r\n')
    cells = load_table(tmp_path / "t.csv").cells
    assert list(as_pandas_reads(cells)["a"]) == ["one\ntwo", "three\nfour"]


def test_repeated_keys_become_new_numbers_or_words() -> None:
    numbers = unique_keys(pd.Series(["5", "7", "5", "7.0", ""]), pd.Series(["90"]))
    assert list(numbers[:2]) == ["5", "7"]
    assert len(set(numbers)) == 5
    assert all(int(key) > 90 for key in numbers[2:])
    words = unique_keys(pd.Series(["a", "a"]), pd.Series(["b"]))
    assert list(words) == ["a", "row-1"]


def test_dates_are_read_in_one_format() -> None:
    day_first = parse_dates(pd.Series(["01/02/2020", "13/02/2020"]))
    assert list(day_first.dt.month) == [2, 2]
    assert parse_dates(pd.Series(["nothing", "2020-01-01"])).notna().sum() == 1


def test_a_file_of_zero_bytes_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(b"\x00\xff\xfe\x01" * 50)
    with pytest.raises(TaskError, match="holds binary data"):
        read_table(path)
