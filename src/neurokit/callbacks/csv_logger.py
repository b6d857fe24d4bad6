"""CSVLogger: one row an epoch in a file that any spreadsheet opens."""

from __future__ import annotations

import csv
import io
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from neurokit.arguments import suggests_arguments
from neurokit.callbacks.callback import Callback, Logs
from neurokit.storage import append_to_file, make_folders, replace_file


class CSVLogger(Callback):
    """Writes the epoch logs to a CSV file: ``epoch``, from 0, and one column for each name, in alphabetical order.

    The parameters and rules are Keras 3's: the file is complete after every epoch, and a value that an epoch has not
    logged is ``NA``. Four things are done otherwise:

    - A name that is first logged in a later epoch gets a column at the end, ``NA`` before. Keras drops it silently.
    - With ``append``, the file has to have this run's columns. Keras writes whatever comes under whatever is there.
    - On resume, rows after the restored epoch are cut, so the file equals that of a run that was never interrupted.
    - An older file is not emptied before the first epoch has ended.

    Missing folders are made. The file is open only while a row is written. A row that cannot be written, as on a full
    disk, is said once, kept, and written with the next.

    Args:
        filename: The file.
        separator: What stands between two values: one character.
        append: Go on after the rows that are there.

    Raises:
        ValueError: If the file to append to has other columns.
        OSError: At the begin of training, if the file cannot be written.

    Example:
        >>> CSVLogger("runs/mnist/history.csv").filename.name
        'history.csv'
    """

    makes_files = for_one = True

    @suggests_arguments
    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = Path(filename).expanduser()
        self.separator = separator
        self.append = append
        self._place = self.filename  # where it is, whatever becomes the working folder
        self._columns: list[str] = []  # empty until the file has a header
        self._rows = 0  # in the file, those of earlier runs included
        self._waiting: list[dict[str, Any]] = []  # rows that could not be written yet
        self._is_torn = False  # whether a part of one may stand at the file's end
        self._to_check = False  # a header of an earlier run, not yet compared with what this one logs

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._place = self.filename.absolute()
        make_folders(self._place.parent)
        append_to_file(self._place, b"")  # what cannot be written fails here, and not after an epoch
        header, rows = self._read() if self.append else ([], [])
        self._columns, self._rows, self._to_check = header, len(rows), bool(header)
        self._waiting, self._is_torn = [], False
        if header and self.trainer.monitors_are_complete:
            self._check(self.trainer.monitors.keys() - set(header))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        row = {"epoch": epoch, **(logs or {})}
        if self._to_check:
            self._check(row.keys() ^ set(self._columns))
            self._to_check = False
        self._waiting.append(row)
        self._write()

    def _write(self) -> None:
        """Write the rows that are not in the file yet; what fails is tried again with the next row."""
        try:
            if self._is_torn:
                self._replace(self._columns, self._read()[1][: self._rows])
            names = {name for row in self._waiting for name in row}
            if not self._columns:
                self._replace(["epoch", *sorted(names - {"epoch"})], [])
            elif late := sorted(names - set(self._columns)):
                self._replace([*self._columns, *late], self._read()[1])
            rows = [[row.get(name, "NA") for name in self._columns] for row in self._waiting]
            append_to_file(self._place, self._text(rows))
        except OSError as error:
            self._is_torn = bool(self._columns)
            self.trainer._note(
                f"CSVLogger could not write a row to {self._place}: {_reason(error)}. Training goes on, and the row "
                "comes with the next one that can be written."
            )
            return
        self._rows += len(self._waiting)
        self._waiting, self._is_torn = [], False

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._waiting:
            self._write()

    def _check(self, different: Iterable[str]) -> None:
        if different := sorted(different):
            raise ValueError(
                f"CSVLogger appends to {self.filename}, whose columns are {self._columns}, and this run differs in "
                f"{different}. Name another file, log the same names with the same separator, or pass append=False to "
                "start it anew."
            )

    def _read(self) -> tuple[list[str], list[list[str]]]:
        """Return the file's header and rows; nothing where there is no file."""
        if not self._place.exists():
            return [], []
        with self._place.open(newline="") as file:
            header, *rows = [row for row in csv.reader(file, delimiter=self.separator) if row] or [[]]
        return header, rows

    def _replace(self, columns: list[str], rows: Iterable[list[str]]) -> None:
        """Write the whole file anew beside its place, and rename it there; short rows are filled up."""
        full = [[*row, *["NA"] * (len(columns) - len(row))] for row in rows]
        text = self._text([columns, *full])
        replace_file(self._place, [text], len(text))
        self._columns, self._rows = columns, len(full)

    def _text(self, rows: Iterable[list[Any]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    def state_dict(self) -> dict[str, Any]:
        state = {"columns": self._columns, "rows": self._rows, "to_check": self._to_check}
        return state | {"waiting": self._waiting}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._columns, self._to_check = list(state["columns"]), state["to_check"]
        self._waiting = [dict(row) for row in state.get("waiting", [])]
        if not self._columns:
            return
        _, rows = self._read()
        if len(rows) < state["rows"]:
            warnings.warn(
                f"{self._place} has {len(rows)} of the {state['rows']} rows that were written before this "
                "checkpoint. The log goes on after those; the history has them all.",
                stacklevel=2,
            )
        self._replace(self._columns, [row[: len(self._columns)] for row in rows[: state["rows"]]])


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).split(":")[0]
