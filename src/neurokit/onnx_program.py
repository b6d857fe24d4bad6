"""OnnxProgram: an ONNX file run by ONNX Runtime, from anybody and without torch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurokit.arguments import check_count, suggestions
from neurokit.storage import CheckpointError, Limits, check_exists, open_regular

Array = np.ndarray[Any, Any]

DTYPES: Final = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(int64)": "int64",
    "tensor(int32)": "int32", "tensor(int16)": "int16", "tensor(int8)": "int8", "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}  # fmt: skip

_DATA_FOLDER = "session.model_external_initializers_file_folder_path"


class OnnxProgram:
    """What an ONNX file computes, as a function from arrays by name to arrays by name, on the CPU.

    The file may come from a stranger: it is read whole, within limits, and data that it refers to in other files are
    refused. Its operators are those built into ONNX Runtime, none of which runs code from the file or opens others. How
    much memory they take as they run is not limited here.

    Args:
        path: The file.
        threads: Within an operation; ``None`` leaves it to ONNX Runtime.
        limits: What the file may ask for.

    Attributes:
        inputs: Name, dtype and shape of a row of each input; ``None`` for an axis of any length.
        outputs: The names of the outputs, in order.

    Raises:
        FileNotFoundError: If there is no such file; names the nearest.
        CheckpointError: If it is no ONNX program, or asks for more than it may.
        ModuleNotFoundError: If onnxruntime is not installed.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, threads: int | None = None, limits: Limits | None = None
    ) -> None:
        place, limits = Path(path).expanduser(), limits or Limits()
        check_exists(place)
        if threads is not None:
            check_count("threads", threads, such_as=1)
        runtime = _runtime()
        with open_regular(place, follow=True) as file:
            if os.fstat(file.fileno()).st_size > limits.total_bytes:
                raise CheckpointError(f"{place} has more than the {limits.total_bytes:,} bytes that are read.")
            content = file.read()
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # errors come as exceptions
        options.intra_op_num_threads = threads or 0
        with tempfile.TemporaryDirectory(prefix="neurokit-") as empty:  # where data in other files would be looked for
            options.add_session_config_entry(_DATA_FOLDER, empty)
            try:
                self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # its exceptions have no base of their own
                raise _refused(place, error) from error
        self.inputs = [
            {"name": one.name, "dtype": DTYPES.get(one.type, one.type), "shape": _row(one.shape)}
            for one in self._session.get_inputs()
        ]
        self.outputs = [one.name for one in self._session.get_outputs()]

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs for inputs by name, each with one row per sample on its first axis.

        Raises:
            ValueError: If an input is missing or unknown, or has another dtype or shape.
        """
        known = [one["name"] for one in self.inputs]
        for name in known:
            if name not in arrays:
                raise ValueError(f"The program takes {', '.join(known)}, and {name!r} is missing.")
        for name in arrays:
            if name not in known:
                raise ValueError(f"The program takes {', '.join(known)}, and no {name!r}.{suggestions(name, known)}")
        for one in self.inputs:
            _check(one, arrays[one["name"]])
        found = self._session.run(None, {name: np.ascontiguousarray(arrays[name]) for name in known})
        return dict(zip(self.outputs, found, strict=True))


def _runtime() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'An ONNX program runs in onnxruntime, which is not installed: pip install "neurokit-torch[export]", or '
            "pip install onnxruntime.",
            name=error.name,
        ) from error
    return onnxruntime


def _refused(place: Path, error: Exception) -> CheckpointError:
    """What is said of a file that ONNX Runtime does not take."""
    told = " ".join(str(error).split())[:300]
    if "external data" in told.lower():
        return CheckpointError(
            f"{place} keeps numbers in other files, and what a program names is not opened. Export it as one file."
        )
    return CheckpointError(f"{place} is no ONNX program that ONNX Runtime can run: {told}")


def _row(shape: list[Any]) -> list[int | None]:
    return [size if isinstance(size, int) else None for size in shape[1:]]


def _check(told: Mapping[str, Any], array: Array) -> None:
    shape = tuple(array.shape[1:])
    wanted = told["shape"]
    fits = len(shape) == len(wanted) and all(size in (None, found) for size, found in zip(wanted, shape, strict=True))
    if array.dtype != told["dtype"] or not fits:
        rows = ", ".join("any" if size is None else str(size) for size in wanted)
        raise ValueError(
            f"The program takes {told['name']!r} as {told['dtype']} with rows of the shape ({rows}), and got "
            f"{array.dtype} with rows of {shape}."
        )
