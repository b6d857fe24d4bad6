"""Places: which of the user's lines an error of torch's compilers comes from."""

from __future__ import annotations

import linecache
import re
import traceback
from pathlib import Path

import torch

_TORCH = str(Path(torch.__file__).parent)
_OURS = str(Path(__file__).parent)


def line_of(error: BaseException) -> str | None:
    """Return the user's line that an error comes from, ``"model.py, line 12: if x.sum() > 0:"``, where it is known."""
    for one in _chain(error):
        for frame in reversed(traceback.extract_tb(one.__traceback__)):
            if _is_users(frame.filename):
                return _written(frame.filename, frame.lineno or 0, frame.line or "")
    text = whole_text(error)
    for file, number in reversed(re.findall(r'File "([^"]+)", line (\d+)', text)):
        if _is_users(file):
            return _written(file, int(number), linecache.getline(file, int(number)).strip())
    return None


def whole_text(error: BaseException) -> str:
    """Return what an error and those behind it say, the first that was raised first."""
    return "\n".join(str(one) for one in _chain(error))


def _is_users(file: str) -> bool:
    library = file.startswith((_TORCH, _OURS)) or "site-packages" in file or file.startswith("<frozen")
    return not library and "/lib/python" not in file and not file.startswith("<eval_with_key>")


def _written(file: str, number: int, line: str) -> str:
    told = f"{Path(file).name}, line {number}"
    return f"{told} ({line[:100]})" if line else told


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found[::-1]  # the first that was raised is nearest to the user's line
