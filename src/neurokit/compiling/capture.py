"""Capture: a compiled step that a CUDA graph replays, one launch in place of a hundred."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch._inductor import cudagraph_utils
from torch.optim import Optimizer

from neurokit.data.batch import Batch
from neurokit.tree import map_tensors, tensors_in

CAPTURED = ("cuda",)  # kinds of devices on which torch's compiler captures graphs
Held = dict[tuple[str, str], list[int]]
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

    OPTIONS: Final = {
        "triton.cudagraphs": True,
        "graph_partition": False,  # or what no graph may hold divides it in several, of which nothing is said
        "triton.cudagraph_skip_dynamic_graphs": True,  # else each length of a batch records one of its own
    }

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


def held_by_modules(model: nn.Module) -> Held:
    """Return where the tensors lie that modules hold besides their parameters, by module and name.

    Example:
        >>> list(held_by_modules(nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))))
        [('1', 'running_mean'), ('1', 'running_var'), ('1', 'num_batches_tracked')]
    """
    return {
        (path, name): [one.data_ptr() for one in tensors]
        for path, module in model.named_modules()
        for name, value in _attributes(module).items()
        if (tensors := tensors_in(value))
    }


def keep_rebound(model: nn.Module, before: Held) -> str | None:
    """Take out of the graph's memory what modules keep of the step it was made of; ``None`` where that is nothing.

    A buffer that is changed in place stays where it is. A new tensor in its place lies where the next replay writes,
    and the next step may read it first.

    Args:
        model: What was trained.
        before: What it held before the step.

    Returns:
        Why the step must not be captured, in words, with what to do.
    """
    now = held_by_modules(model)
    new = [key for key, places in now.items() if before.get(key) != places]
    for path, name in new:
        module = model.get_submodule(path)
        where = module._buffers if name in module._buffers else vars(module)
        where[name] = map_tensors(lambda one: one.detach().clone(), where[name])
    if not new:
        return None
    path, name = new[0]
    whose = f"the module {path!r}" if path else "the model"
    return (
        f"{whose} keeps a new tensor as {name!r} in each step, which the next replay would overwrite. Change it in "
        "place (copy_, mul_, lerp_)"
    )


def keep_gradients(model: nn.Module) -> None:
    """Take the gradients of the last step out of the graph's memory, where another program may write."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad = parameter.grad.clone()


def _attributes(module: nn.Module) -> dict[str, Any]:
    others = {
        name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")
    }
    return others | module._buffers


def reason_against_capture(optimizers: Iterable[Optimizer], accumulate: int) -> str | None:
    """Return why a step cannot be a graph, in words, with what to do; ``None`` where nothing is known."""
    if accumulate > 1:
        return f"accumulate={accumulate} leaves gradients for the next batch, whose replay would overwrite them"
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            if any(one.device != parameter.device for one in tensors_in(state)):
                kind = type(optimizer)
                return f"this {kind.__name__} counts its steps on the CPU{_mend(kind)}"
    return None


def _mend(kind: type[Optimizer]) -> str:
    """How to make such an optimizer so that it counts on the device, where its arguments offer that."""
    flags = [f"{name}=True" for name in ("fused", "capturable") if name in inspect.signature(kind).parameters]
    by_name = f"pass optimizer={kind.__name__.lower()!r}, or " if vars(torch.optim).get(kind.__name__) is kind else ""
    return f": {by_name}make it with {' or '.join(flags)}" if flags else ""
