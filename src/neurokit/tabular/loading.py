"""Loading: a table from a CSV or Parquet file or from memory, its types inferred and every guess told."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from neurokit.arguments import check_choice, check_path, suggestions
from neurokit.encoding.field import TYPES
from neurokit.wording import counted

if TYPE_CHECKING:
    import pandas as pd

NA_VALUES: Final = frozenset(
    ("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>", "#N/A", "#NA", "?")
)  # what is read as missing; all but the empty text are counted and told

_DELIMITERS = ",;\t|"
_SNIFFED = 1 << 16  # bytes
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_PADDED = re.compile(r"[+-]?0\d+", re.ASCII)
_TRUTH: Final = {"true": True, "false": False}
_STRAY = 0.9  # so many of a column's values are numbers, and the others are told


def load(
    source: Any,
    *,
    types: Mapping[str, str] | None = None,
    na_values: Iterable[str] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Return a table, the types that were asked for, and what was noticed.

    Args:
        source: A path of a CSV or Parquet file, a DataFrame (which is copied), or a dict of columns.
        types: Types by column, where they are to be others than inferred.
        na_values: Further texts that mean a missing value.
        delimiter: What separates columns of a CSV; found when ``None``.
        encoding: How its text is encoded; found when ``None``.
        decimal: ``"."`` or ``","``; found when ``None``.

    Raises:
        FileNotFoundError: If there is no such file; names the nearest.
        ValueError: If it holds no table: it is empty, has no header, one column only, or a name twice.
    """
    import pandas as pd

    notes: list[str] = []
    if isinstance(source, (pd.DataFrame, Mapping)):
        frame = _copied(source)
        what = f"{len(frame):,} rows and {len(frame.columns)} columns from memory"
    else:
        check_path("source", source)
        path = _found(Path(source).expanduser())
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = _parquet(path)
        else:
            frame, notes = _csv(path, types or {}, frozenset(na_values), delimiter, encoding, decimal)
        what = f"{len(frame):,} rows and {len(frame.columns)} columns from {path.name}"
    _check_columns(list(frame.columns))
    if not len(frame):
        raise ValueError("The table has a header and no rows.")
    _check_values(frame)
    if not frame.index.is_unique:
        frame = frame.reset_index(drop=True)
        notes.append("the index names some rows twice, and was numbered anew")
    given = dict(types or {})
    for name, kind in given.items():
        if name not in frame.columns:
            raise ValueError(f"types names {name!r}, which is no column.{suggestions(str(name), frame.columns)}")
        check_choice(f"The type of {name!r}", kind, TYPES, float="number", int="integer", bool="boolean",
                     str="category", text="category", datetime="date")  # fmt: skip
        frame[name] = _as_type(frame[name], kind, pd)
    return frame, given, [what, *notes]


def _copied(source: Any) -> pd.DataFrame:
    import pandas as pd

    if isinstance(source, Mapping):
        try:
            source = pd.DataFrame(dict(source))
        except ValueError as error:
            raise ValueError(f"A dict is read as columns of equal length, and this one cannot be: {error}.") from None
    frame: pd.DataFrame = source.copy()
    if isinstance(frame.columns, pd.MultiIndex):
        raise ValueError("The columns have several levels. Join them, for instance "
                         "frame.columns = frame.columns.map('_'.join).")  # fmt: skip
    return frame


def _check_columns(names: list[Any]) -> None:
    odd = [name for name in names if type(name) is not str or not name]
    if odd:
        raise ValueError(
            f"A column is named {odd[0]!r}, and names are texts. Pass frame.rename(columns=str), or names that say "
            "what the columns are."
        )
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise ValueError(
            f"{count} columns are named {name!r}. Rename all but one: which of them is meant cannot be told."
        )
    if len(names) < 2:
        raise ValueError(f"The table has {len(names)} column, and a target and something to tell it from are two.")


def _check_values(frame: pd.DataFrame) -> None:
    """Refuse values that are tables themselves: no column can be counted or compared that has them."""
    for name in frame.columns:
        if frame[name].dtype != object:
            continue
        for row, value in enumerate(frame[name]):
            if isinstance(value, (list, dict, set, np.ndarray)):
                kind = type(value).__name__
                raise ValueError(
                    f"The column {name!r} holds a {kind} in row {row}, and a table holds single values. Spread it over "
                    "columns of its own."
                )


def _found(path: Path) -> Path:
    if path.is_dir():
        there = sorted(one.name for one in path.iterdir() if one.suffix.lower() in (".csv", ".tsv", ".parquet"))
        raise IsADirectoryError(f"{path} is a folder. Name a file in it: {', '.join(there[:10]) or 'it has no table'}.")
    if not path.exists():
        there = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = suggestions(path.name, there) if there else f" There is no folder {path.parent} either."
        raise FileNotFoundError(f"There is no file {path}.{hint}")
    return path


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        frame: pd.DataFrame = pd.read_parquet(path)
    except ImportError:
        raise ImportError('Parquet files are read by pyarrow: pip install "neurokit-torch[parquet]".') from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error!s:.200}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    return frame


# --------------------------------------------------------------------------------------------------------------- CSV


def _csv(
    path: Path,
    types: Mapping[str, str],
    na_values: frozenset[str],
    delimiter: str | None,
    encoding: str | None,
    decimal: str | None,
) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    text, notes = _decoded(path, encoding)
    delimiter, told = (delimiter, []) if delimiter else _delimiter(text)
    notes += told
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    header = [name.strip() for name in header]
    _check_header(header, path)
    notes += _ragged(text, delimiter, len(header), path)
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, na_filter=False, header=0, names=header,
            index_col=False, usecols=range(len(header)), skip_blank_lines=True,
        )  # fmt: skip
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} is no table: {str(error).strip()}. Its header has {len(header)} columns, separated by "
            f"{delimiter!r}. Mend the row, or pass delimiter=."
        ) from None
    if decimal is None:
        decimal = "," if delimiter != "," and _has_decimal_commas(frame) else "."
        notes += ["numbers have a decimal comma"] * (decimal == ",")
    check_choice("decimal", decimal, (".", ","))
    missing: Counter[str] = Counter()
    for name in frame.columns:
        frame[name], more = _typed(frame[name], NA_VALUES | na_values, decimal, name, types.get(name), missing)
        notes += more
    words = [f"{word!r} ({count:,})" for word, count in missing.most_common() if word.strip()]
    if words:
        notes.append(f"read as missing: {', '.join(words)}")
    return frame, notes


def _decoded(path: Path, encoding: str | None) -> tuple[str, list[str]]:
    content = path.read_bytes()
    if not content.strip():
        raise ValueError(f"{path} is empty.")
    if encoding is not None:
        try:
            return content.decode(encoding), []
        except (LookupError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no text in encoding={encoding!r}: {error}.") from None
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(name), [f"a byte order mark says that the text is {name.removesuffix('-sig')}"]
    if b"\0" in content[:_SNIFFED]:
        raise ValueError(
            f"{path} is no text: it holds zero bytes. A spreadsheet or an archive is exported as CSV first."
        )
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), [
            "the text is not UTF-8 and was read as Windows-1252: look at a name with accents, or pass encoding="
        ]


def _delimiter(text: str) -> tuple[str, list[str]]:
    """The character that splits the first lines into the most columns, equally many in each."""
    sample = text[:_SNIFFED]
    widths: dict[str, tuple[float, int]] = {}
    for one in _DELIMITERS:
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=one) if row][:50]
        rows = rows[:-1] if len(rows) > 2 and len(text) > _SNIFFED else rows  # the last one may be cut
        alike = sum(len(row) == len(rows[0]) for row in rows) / max(1, len(rows)) if rows else 0.0
        widths[one] = (alike if rows and len(rows[0]) > 1 else 0.0, len(rows[0]) if rows else 0)
    best = max(_DELIMITERS, key=lambda one: (widths[one], one == ","))
    if widths[best][0] == 0:
        return ",", []
    return best, [] if best == "," else [f"columns are separated by {best!r}"]


def _check_header(header: list[str], path: Path) -> None:
    if len(header) < 2:
        raise ValueError(
            f"{path} has one column only, {header[0] if header else ''!r}: no comma, semicolon, tab or bar separates "
            "others. Pass delimiter=, or a table with a target and something to tell it from."
        )
    numbers = [name for name in header if _DECIMAL.fullmatch(name)]
    if numbers and len(numbers) >= len(header) / 2:
        raise ValueError(
            f"{path} seems to have no header: its first row is {', '.join(header[:5])}. Write the names of the columns "
            "into the first row, or pass pandas.read_csv(path, names=[...])."
        )
    empty = [place for place, name in enumerate(header) if not name]
    if len(empty) == 1 and not empty[0]:
        header[0] = "row"  # where pandas writes its index
    elif empty:
        raise ValueError(f"Column {empty[0] + 1} of {path} has no name. Name it in the first row.")
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} columns of {path} are named {name!r}. Rename all but one.")


def _ragged(text: str, delimiter: str, width: int, path: Path) -> list[str]:
    """Refuse a row with more values than the header has names, which pandas may drop; tell of rows with fewer."""
    short = 0
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)):
            if any(row[width:]):
                raise ValueError(
                    f"{path} is no table: row {number}, the header being row 0, has {len(row)} values where the header "
                    f"has {width} names. A text that holds {delimiter!r} stands in quotes. Mend the row, or pass "
                    "delimiter=."
                )
            short += 0 < len(row) < width
    except csv.Error as error:  # such as a quote that is never closed
        raise ValueError(f"{path} is no table: {error}.") from None
    return [f"{counted(short, 'row')} shorter than the header: what is not there is missing"] if short else []


def _has_decimal_commas(frame: pd.DataFrame) -> bool:
    for name in frame.columns:
        known = [one for one in frame[name].unique().tolist() if one.strip() not in NA_VALUES]
        commas = sum(bool(_COMMA.fullmatch(one.strip())) for one in known)
        if commas and all(_COMMA.fullmatch(one.strip()) or _WHOLE.fullmatch(one.strip()) for one in known):
            return True
    return False


def _typed(
    series: pd.Series[Any],
    na_values: frozenset[str],
    decimal: str,
    name: str,
    asked: str | None,
    missing: Counter[str],
) -> tuple[Any, list[str]]:
    """A column of texts as what its values are; and what was noticed."""
    import pandas as pd

    stripped = series.str.strip()
    is_missing = stripped.isin(list(na_values)).to_numpy()
    missing.update(stripped[is_missing].tolist())
    known = stripped[~is_missing]
    distinct = known.unique().tolist()
    plain = [one.replace(",", ".") if decimal == "," and _COMMA.fullmatch(one) else one for one in distinct]
    as_numbers = dict(zip(distinct, plain, strict=True))
    if asked == "category" or not distinct:
        return _texts(series, is_missing), []
    if all(_DECIMAL.fullmatch(one) for one in plain) and asked in (None, "number", "integer"):
        padded = [one for one in distinct if _PADDED.fullmatch(one)]
        if padded and asked is None:
            return _texts(series, is_missing), [f"{name}: text, because of leading zeros such as {padded[0]!r}"]
        values = {one: float(number) for one, number in as_numbers.items()}
        if any(np.isinf(list(values.values()))):
            huge = next(one for one, value in values.items() if np.isinf(value))
            raise ValueError(f"The column {name!r} has {huge!r}, which is larger than any number of a computer.")
        if all(_WHOLE.fullmatch(one) for one in plain) and not is_missing.any():
            return pd.Series([int(one) for one in stripped], index=series.index, dtype=np.int64), []
        return stripped.map(values).astype(np.float64), []
    known_words = _TRUTH | {"1": True, "0": False} if asked == "boolean" else _TRUTH
    if all(one.lower() in known_words for one in distinct) and asked in (None, "boolean"):
        truth = stripped.map({one: known_words[one.lower()] for one in distinct})
        return (truth.astype(object).where(~is_missing, None) if is_missing.any() else truth.astype(bool)), []
    if all(_DATE.fullmatch(one) for one in distinct) and asked in (None, "date"):
        try:
            moments = pd.to_datetime(known, format="ISO8601", utc=True).dt.tz_localize(None)
            return moments.reindex(series.index), []
        except (ValueError, OverflowError):  # such as 2024-02-31
            pass
    return _texts(series, is_missing), _stray(known, as_numbers, name)


def _texts(series: Any, is_missing: Any) -> Any:
    return series.astype(object).where(~is_missing, None)


def _stray(known: Any, as_numbers: Mapping[str, str], name: str) -> list[str]:
    """A sentence where nearly all texts are numbers, and the others look like words for a missing one."""
    words = known[~known.map(lambda one: bool(_DECIMAL.fullmatch(as_numbers[one])))]
    if not len(words) or len(words) > (1 - _STRAY) * len(known):
        return []
    counts = [f"{word!r} ({count:,})" for word, count in Counter(words.tolist()).most_common(5)]
    listed = [word for word, _ in Counter(words.tolist()).most_common(5)]
    return [
        f"{name}: text, though {len(known) - len(words):,} of {len(known):,} values are numbers; the others are "
        f"{', '.join(counts)}. If these mean a missing one, pass na_values={listed}"
    ]


def _as_type(series: Any, kind: str, pd: Any) -> Any:
    """A column in a type that was asked for."""
    from neurokit.encoding.field import Field
    from neurokit.encoding.reading import plain_values, read_column

    if kind == "category":
        return series
    values = read_column(series, Field(str(series.name), kind))  # type: ignore[arg-type]  # named by row where it cannot be
    if kind == "date":
        return pd.to_datetime(pd.Series((values * 86_400_000_000).round(), index=series.index), unit="us")
    if kind == "boolean":
        truth = [None if np.isnan(one) else bool(one) for one in values]
        return pd.Series(truth, index=series.index, dtype=object if None in truth else bool)
    if kind == "integer" and not np.isnan(values).any():
        return pd.Series([int(one) for one in plain_values(series)], index=series.index, dtype=np.int64)
    return pd.Series(values, index=series.index)


def schema(frame: Any, types: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of a table's columns: type, missing values, distinct ones, and an example."""
    import pandas as pd

    rows = []
    for name in frame.columns:
        known = frame[name].dropna()
        example = known.iloc[0] if len(known) else None
        kind = types.get(name) or kind_of(frame[name])
        rows.append([name, kind, int(frame[name].isna().sum()), int(known.nunique()), example])
    return pd.DataFrame(rows, columns=["column", "type", "missing", "distinct", "example"]).set_index("column")


def kind_of(series: Any) -> str:
    """Return the type of a column, as a field has it; ``"mixed"`` or ``"empty"`` where it has none."""
    from neurokit.encoding.inferring import infer_fields

    if not series.notna().any():
        return "empty"
    try:
        found = infer_fields(series.to_frame(), keep=[series.name])
    except ValueError:
        return "mixed"
    return found.fields[0].type
