"""Capture: a compiled step that a CUDA graph replays, one launch in place of a hundred."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor
from torch._dynamo.utils import counters
from torch._inductor import cudagraph_utils
from torch.optim import Optimizer

from neurokit.data.batch import Batch
from neurokit.tree import map_tensors, tensors_in

CAPTURED = ("cuda",)  # kinds of devices on which torch's compiler captures graphs
_UNTIL_REPLAYED = 3  # calls: the first warms up, the second records, the third is the first replay


class CaptureError(RuntimeError):
    """A graph could not be recorded, in the words of torch; the step it was to be has changed nothing."""


class Captured:
    """Calls a program whose kernels are recorded in one of its first calls and replayed from then on.

    The graph holds kernels and addresses. That it is still the right one is seen to before each replay, by torch: the
    guards of the program tell whether anything in Python changed, and the addresses of weights, optimizer state and
    rates are compared. What a replay returns lies in memory that the next one overwrites, so it is copied.

    Attributes:
        skipped: Why nothing is captured, in torch's words; "" where it is, or is not known yet.

    Args:
        program: What ``torch.compile`` made, with ``OPTIONS``.
    """

    OPTIONS: Final = {"triton.cudagraphs": True}

    def __init__(self, program: Callable[[Batch], tuple[Any, ...]]) -> None:
        self._program = program
        self._calls = 0
        self.skipped = ""

    def __call__(self, batch: Batch) -> tuple[Any, ...]:
        """Run the program on one batch.

        Raises:
            CaptureError: If recording fails, before anything is computed.
        """
        torch.compiler.cudagraph_mark_step_begin()  # what the last step left, its gradients, may be overwritten
        try:
            output = self._program(batch) if self._calls >= _UNTIL_REPLAYED else self._heard(batch)
        except RuntimeError as error:
            if not _is_of_recording(error):
                raise
            raise CaptureError(_short(str(error))) from error
        return tuple(one if one is batch.y else map_tensors(Tensor.clone, one) for one in output)

    def _heard(self, batch: Batch) -> tuple[Any, ...]:
        """Run one of the first calls, and hear what torch says of it."""
        with _Skips() as skips:
            output = self._program(batch)
        self._calls += 1
        self.skipped = self.skipped or skips.reason
        return output


class _Skips(logging.Handler):
    """Hears, while it is entered, why torch captures no graph."""

    def __enter__(self) -> _Skips:
        self.reason = ""
        self._before = counters["inductor"]["cudagraph_skips"]
        cudagraph_utils.cudagraphs_log.addHandler(self)
        return self

    def emit(self, record: logging.LogRecord) -> None:
        """Take what torch says of a graph that it skips."""
        text = record.getMessage()
        if "skipping cudagraph" in text:
            self.reason = self.reason or _short(text.partition("due to ")[2] or text)

    def __exit__(self, *_: object) -> None:
        cudagraph_utils.cudagraphs_log.removeHandler(self)
        if counters["inductor"]["cudagraph_skips"] > self._before:
            self.reason = self.reason or "torch's compiler does not say why"


def _is_of_recording(error: BaseException) -> bool:
    """Tell whether an error was raised while a graph was recorded, in which nothing is computed."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name == "record_function" and "cudagraph_trees" in frame.filename for frame in frames)


def _short(text: str) -> str:
    return " ".join(text.split())[:200].rstrip(".")


def reason_against_capture(optimizers: Iterable[Optimizer], accumulate: int = 1) -> str | None:
    """Return why a step cannot be a graph, in words, with what to do; ``None`` where nothing is known."""
    if accumulate > 1:
        return f"accumulate={accumulate} leaves gradients for the next batch, whose replay would overwrite them"
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            if any(one.device != parameter.device for one in tensors_in(state)):
                name = type(optimizer).__name__
                return (
                    f"this {name} counts its steps on the CPU. Pass optimizer={name.lower()!r}, or make it with "
                    "fused=True or capturable=True"
                )
    return None
