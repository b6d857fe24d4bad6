"""Refusals: why a module cannot be exported, in one sentence that names its line."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

_NAMES = {"onnx": "ONNX", "pt2": ".pt2"}
_TORCH = str(Path(torch.__file__).parent)
_OURS = str(Path(__file__).parents[1])


class ExportError(ValueError):
    """A module that cannot be exported, or whose export says something else than it does."""


def refusal(error: BaseException, module: nn.Module, kind: str) -> ExportError:
    """Return what is to be said of an error that torch's exporter raised.

    Args:
        error: What was raised.
        module: What was exported.
        kind: ``"onnx"`` or ``"pt2"``.
    """
    text, place = _whole_text(error), line_of(error)
    where = f" at {place}" if place else ""
    name = type(module).__name__
    if "data-dependent" in text or "DataDependent" in type(error).__name__:
        return ExportError(
            f"{name} cannot be exported to {_NAMES[kind]}: what it does depends on the values of its inputs{where}, "
            "and a program takes one way for all. Use torch.where (or torch.cond) in place of if and while, and keep "
            "numbers tensors: no .item(), float() or int() of one."
        )
    if operator := _operator(text):
        return ExportError(
            f"{name} cannot be exported to {_NAMES[kind]}: the operator {operator}{where} has no translation into "
            "ONNX. Replace it, or use nk.export.to_pt2, which knows all of torch's."
        )
    if "specialized" in text or "Constraints violated" in text or "Guard failed" in text:
        return ExportError(
            f"{name} cannot be exported to {_NAMES[kind]}: it is written for one number of "
            f"rows{where or ' (or one length)'}. Where a shape is given, such as x.view(32, -1), write x.flatten(1) or "
            "x.view(x.shape[0], -1)."
        )
    if ".numpy()" in text or ("numpy" in text.lower() and place):
        return ExportError(
            f"{name} cannot be exported to {_NAMES[kind]}: it leaves torch{where}. Use torch's own functions in "
            "forward, without .numpy()."
        )
    told = " ".join(text.split())[:300]
    return ExportError(
        f"{name} cannot be exported to {_NAMES[kind]}{where}: {told}. A bundle of its weights needs no export: "
        "save_bundle(trainer, folder, format='safetensors')."
    )


def sizes_refused(error: BaseException, module: nn.Module, traced: int, rows: int) -> ExportError:
    """Return what is to be said of a module that takes one number of rows and not another."""
    place = line_of(error)
    where = f" at {place}" if place else ""
    return ExportError(
        f"{type(module).__name__} cannot be exported: it takes {traced} rows and not {rows}{where} "
        f"({' '.join(str(error).split())[:160]}). Where a shape is given, such as x.view(32, -1), write x.flatten(1) "
        "or x.view(x.shape[0], -1)."
    )


def line_of(error: BaseException) -> str | None:
    """Return the user's line that an error comes from, ``"model.py, line 12: if x.sum() > 0:"``, where it is known."""
    for one in _chain(error):
        for frame in reversed(traceback.extract_tb(one.__traceback__)):
            if _is_users(frame.filename):
                return _written(frame.filename, frame.lineno or 0, frame.line or "")
    text = _whole_text(error)
    for file, number in reversed(re.findall(r'File "([^"]+)", line (\d+)', text)):
        if _is_users(file):
            return _written(file, int(number), linecache.getline(file, int(number)).strip())
    return None


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


def _whole_text(error: BaseException) -> str:
    return "\n".join(str(one) for one in _chain(error))


def _operator(text: str) -> str | None:
    """The operator without a translation that the ONNX exporter names."""
    found = re.search(r"No (?:decompositions|ONNX function|ONNX decompositions)[^\n]*?(?:for|found for)[^\n]*?"
                      r"(?:OpOverload\(op='([^']+)'|target '?<?([\w:.]+))", text)  # fmt: skip
    return next(filter(None, found.groups()), None) if found else None


def refused(build: Callable[[], Any], module: nn.Module, kind: str) -> Any:
    """Return what building gives; an error of the exporter as one sentence."""
    try:
        return build()
    except (KeyboardInterrupt, MemoryError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise refusal(error, module, kind) from error
