"""Tables: files that the commands read, as the pipeline reads them, with the types that a bundle knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.encoding.plain import kind_of

if TYPE_CHECKING:
    from neurokit.bundle import Bundle
    from neurokit.encoding import Field


def open_bundle(folder: Path) -> Bundle:
    """Return the bundle in a folder, which has to take rows of a table.

    Raises:
        CommandError: If there is none, or it takes arrays.
    """
    from neurokit.bundle import load_bundle

    with ending_with(Exit.DATA):
        bundle = load_bundle(folder)
    if bundle.fields is None:
        raise CommandError(
            Exit.DATA,
            f"{folder} takes arrays ({', '.join(one.name for one in bundle.inputs)}) and no rows of a table: ask it in "
            "Python, neurokit.load_bundle(...).predict(x), or serve it.",
        )
    return bundle


def read_table(path: Path, bundle: Bundle) -> Any:
    """Return the table in a CSV or Parquet file, its columns read with the types that the bundle's have.

    Raises:
        CommandError: If it cannot be read, or lacks a column.
    """
    from neurokit.arguments import suggestions
    from neurokit.tabular.loading import load, schema

    with ending_with(Exit.DATA):
        frame, _, _ = load(path)
        fields = {one.name: one for one in bundle.fields or ()}
        missing = [name for name in fields if name not in frame.columns]
        if missing:
            hint = suggestions(missing[0], map(str, frame.columns))
            raise ValueError(f"{path} lacks the column {missing[0]!r}, which the model reads.{hint}")
        found = schema(frame, {})["type"]
        other = {name: one.type for name, one in fields.items() if _is_another(one, found[name])}
        return load(path, types=other)[0] if other else frame


def _is_another(field: Field, found: str) -> bool:
    """Whether a column has to be read again, as what its field is: ``01`` is a text where the categories are texts."""
    if field.type == "category":
        return found != "category" and kind_of(list(field.categories or ()), field.name) == "text"
    return found not in (field.type, "empty") and (field.type, found) != ("number", "integer")


def check_output(option: str, path: Path | None, suffixes: tuple[str, ...], read: Path) -> None:
    """Refuse a file to write that is of another kind, or what is read itself, before anything is computed.

    Args:
        option: What the user gave it as.
        path: The file; ``None`` where none is asked for.
        suffixes: What its name may end with.
        read: The file that is read.

    Raises:
        CommandError: If it is so.
    """
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise CommandError(Exit.USAGE, f"{option} is a {' or '.join(suffixes)} file, got {path}.")
    if path.exists() and read.exists() and path.samefile(read):
        raise CommandError(
            Exit.USAGE, f"{option} is {read} itself, and what is read is not written over. Name another file."
        )


def check_overwrite(place: Path, there: Path, overwrite: bool) -> None:
    """Refuse to replace what is there, unless that was said.

    Args:
        place: Where the user wants something to stand.
        there: The file by which it stands there already: itself, or a bundle's manifest.
        overwrite: Whether it may be replaced.

    Raises:
        CommandError: If it is there, and may not.
    """
    if there.exists() and not overwrite:
        what = "is there already" if there == place else "holds a bundle"
        raise CommandError(Exit.USAGE, f"{place} {what}. Pass --overwrite to replace it, or another --output.")


def known_rows(frame: Any, bundle: Bundle, path: Path) -> tuple[Any, int]:
    """Return the rows whose target is known, and how many were left out.

    Raises:
        CommandError: If there is no target, or none of it is known.
    """
    name = "" if bundle.target is None else bundle.target.name
    if name not in frame.columns:
        raise CommandError(
            Exit.DATA, f"{path} has no column {name!r}, and without what is true there is nothing to compare with."
        )
    kept = frame[frame[name].notna()]
    if not len(kept):
        raise CommandError(Exit.DATA, f"{path} has {len(frame):,} rows, and none of them has a {name}.")
    return kept, len(frame) - len(kept)


def as_text(table: Any) -> str:
    """Return a data frame as text, its numbers short."""
    from neurokit.wording import number

    shown = table.map(lambda value: number(value, 4) if isinstance(value, float) and value == value else value)
    text: str = shown.fillna("").to_string()
    return text
