from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.tabular.loading import NA_VALUES, load, schema


def _load(text: str | bytes, tmp_path, **options):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, **options)


def test_types_are_inferred_and_shown(tmp_path) -> None:
    frame, types, notes = _load(
        "n,x,b,d,c,zip,gap\n1,1.5,true,2024-01-31,a,01234,7\n2,-2e3,FALSE,2024-02-01,b,80000,\n", tmp_path
    )
    table = schema(frame, types)
    assert table["type"].to_dict() == {
        "n": "integer", "x": "number", "b": "boolean", "d": "date", "c": "category", "zip": "category", "gap": "number"
    }  # fmt: skip
    assert table["missing"].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert table.loc["d", "example"] == pd.Timestamp("2024-01-31")
    assert frame["x"].tolist() == [1.5, -2000.0]
    assert frame["b"].tolist() == [True, False]
    assert "zip: text, because of leading zeros such as '01234'" in notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter) -> None:
    lines = ["a{0}b", '"x,y;z"{0}1', "w{0}2"]
    frame, _, notes = _load("\n".join(lines).format(delimiter), tmp_path)
    assert frame.to_dict("list") == {"a": ["x,y;z", "w"], "b": [1, 2]}
    assert any("separated by" in note for note in notes) == (delimiter != ",")


def test_decimal_commas_are_found_and_said(tmp_path) -> None:
    frame, _, notes = _load("a;b\n1,5;x\n2;y\n", tmp_path)
    assert frame["a"].tolist() == [1.5, 2.0]
    assert "numbers have a decimal comma" in notes
    assert _load("a;b\n1,5;x\n", tmp_path, decimal=".")[0]["a"].tolist() == ["1,5"]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", ""), ("utf-8-sig", "byte order mark"), ("utf-16", "byte order mark"), ("cp1252", "Windows-1252")],
)
def test_the_encoding_is_found_and_said(tmp_path, encoding, said) -> None:
    frame, _, notes = _load("größe,ort\n1,Zürich\n2,Genève\n".encode(encoding), tmp_path)
    assert list(frame.columns) == ["größe", "ort"]
    assert frame["ort"].tolist() == ["Zürich", "Genève"]
    assert said in " ".join(notes)


def test_what_is_read_as_missing_is_counted(tmp_path) -> None:
    frame, _, notes = _load("a,b\n1,x\nNA,\n?,y\n-,None\n", tmp_path, na_values=["-"])
    assert frame["a"].isna().tolist() == [False, True, True, True]
    assert frame["b"].isna().tolist() == [False, True, False, True]
    assert notes[-1] == "read as missing: 'NA' (1), '?' (1), '-' (1), 'None' (1)"


def test_numbers_with_a_few_words_are_noticed(tmp_path) -> None:
    text = "a,b\n" + "".join(f"{n},x\n" for n in range(30)) + "unknown,x\nunknown,x\n"
    frame, _, notes = _load(text, tmp_path)
    assert frame["a"].iloc[0] == "0"
    assert notes[-1] == (
        "a: text, though 30 of 32 values are numbers; the others are 'unknown' (2). If these mean a missing one, pass "
        "na_values=['unknown']"
    )
    assert _load(text, tmp_path, na_values=["unknown"])[0]["a"].dtype == np.float64


def test_types_can_be_asked_for(tmp_path) -> None:
    text = "a,b,c,d\n1,2024-01-01,1,0\n2,2024-01-02,0,1\n"
    frame, types, _ = _load(text, tmp_path, types={"a": "category", "b": "category", "c": "boolean", "d": "number"})
    assert frame["a"].tolist() == ["1", "2"]
    assert frame["b"].tolist() == ["2024-01-01", "2024-01-02"]
    assert frame["c"].tolist() == [True, False]
    assert frame["d"].dtype == np.float64
    assert types["a"] == "category"
    with pytest.raises(ValueError, match="'b' has '2024-01-01' in row 0"):
        _load(text, tmp_path, types={"b": "number"})


def test_a_frame_is_copied_and_a_dict_becomes_one() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    found, _, _ = load(frame)
    found.loc[0, "a"] = 9
    assert frame.loc[0, "a"] == 1
    assert load({"a": [1, 2], "b": ["x", "y"]})[0].equals(frame)


def test_parquet_is_read_with_its_types(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", None], "c": pd.to_datetime(["2024-01-01", None])})
    frame.to_parquet(tmp_path / "table.parquet")
    found, types, _ = load(tmp_path / "table.parquet")
    assert schema(found, types)["type"].tolist() == ["number", "category", "date"]
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("  \n \n", "is empty"),
        ("a,b\n", "a header and no rows"),
        ("1,2\n3,4\n", "seems to have no header: its first row is 1, 2"),
        ("a,b,a\n1,2,3\n", "2 columns of .* are named 'a'"),
        ("a\n1\n", "one column only, 'a'"),
        ("a,,c,\n1,2,3,4\n", "Column 2 of .* has no name"),
        ("a,b\n1,2\n1,2,3\n", "row 2, the header being row 0, has 3 values where the header has 2 names"),
        ("a,b\n1,2,3\n4,5,6\n", "row 1, the header being row 0, has 3 values"),
        ('a,b\n"' + 200_000 * "x" + '",2\n', "is no table: field larger than field limit"),
        (b"PK\x03\x04\x00\x00a,b\n", "no text: it holds zero bytes"),
        ("a,b\n1e999,2\n", "larger than any number"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, message) -> None:
    with pytest.raises(ValueError, match=message):
        _load(text, tmp_path)


def test_a_missing_file_gets_the_nearest_name(tmp_path) -> None:
    (tmp_path / "titanic.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'titanic.csv'"):
        load(tmp_path / "titanik.csv")
    with pytest.raises(IsADirectoryError, match=r"Name a file in it: titanic.csv"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        load(tmp_path / "nowhere" / "titanic.csv")


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (3, TypeError, "source is a path"),
        (pd.DataFrame({"a": [1]}), ValueError, "has 1 column"),
        (pd.DataFrame({0: [1], 1: [2]}), ValueError, "A column is named 0"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "2 columns are named 'a'"),
        ({"a": [1], "b": [1, 2]}, ValueError, "columns of equal length"),
    ],
)
def test_other_sources_are_refused(source, error, message) -> None:
    with pytest.raises(error, match=message):
        load(source)


def test_the_index_that_pandas_writes_gets_a_name(tmp_path) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    found, _, _ = _load(frame.to_csv(), tmp_path)
    assert list(found.columns) == ["row", "a", "b"]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs", "Cc")), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 20).flatmap(lambda rows: st.fixed_dictionaries({
    "whole": st.lists(st.integers(-(10**17), 10**17), min_size=rows, max_size=rows),
    "number": st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=rows, max_size=rows),
    "gap": st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=rows, max_size=rows),
    "word": st.lists(WORDS, min_size=rows, max_size=rows),
})), st.sampled_from([",", ";", "\t"]))  # fmt: skip
def test_what_is_written_as_csv_is_read_as_it_was(tmp_path_factory, columns, delimiter) -> None:
    words = [f"w {word}".replace("\n", " ") for word in columns["word"]]
    columns = {**columns, "word": words}
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(columns)
    rows = zip(*columns.values(), strict=True)
    writer.writerows([["" if one is None else repr(one) if type(one) is float else one for one in row] for row in rows])
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    frame, _, _ = load(path)
    assert frame["whole"].tolist() == columns["whole"]
    assert frame["number"].tolist() == columns["number"]
    assert [None if pd.isna(one) else one for one in frame["gap"]] == columns["gap"]
    assert [None if pd.isna(one) else one for one in frame["word"]] == [
        None if word.strip() in NA_VALUES else word for word in words
    ]


def test_rows_that_are_named_twice_are_numbered_and_values_are_single() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=[7, 7])
    found, _, notes = load(frame)
    assert found.index.tolist() == [0, 1]
    assert "the index names some rows twice, and was numbered anew" in notes
    with pytest.raises(ValueError, match="'a' holds a list in row 1"):
        load({"a": [1, [2]], "b": [3, 4]})


def test_rows_that_are_shorter_than_the_header_are_told_and_commas_at_their_ends_are_nothing(tmp_path) -> None:
    frame, _, notes = _load("a,b,c\n1,2,3\n4,5\n", tmp_path)
    assert frame["c"].isna().tolist() == [False, True]
    assert "1 row shorter than the header: what is not there is missing" in notes

    frame, _, notes = _load("a,b\n1,2,\n3,4,\n", tmp_path)
    assert (frame.to_numpy().tolist(), len(notes)) == ([[1, 2], [3, 4]], 1)
