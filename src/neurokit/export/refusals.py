"""Refusals: why a module cannot be exported, in one sentence that names its line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from neurokit.places import line_of, whole_text

_NAMES = {"onnx": "ONNX", "pt2": ".pt2"}


class ExportError(ValueError):
    """A module that cannot be exported, or whose export says something else than it does."""


def refusal(error: BaseException, module: nn.Module, kind: str) -> ExportError:
    """Return what is to be said of an error that torch's exporter raised.

    Args:
        error: What was raised.
        module: What was exported.
        kind: ``"onnx"`` or ``"pt2"``.
    """
    text, place = whole_text(error), line_of(error)
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
