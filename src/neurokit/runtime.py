"""Runtime: where a step runs and in which numbers. The loop and the trainer never ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit.arguments import check_choice
from neurokit.devices import has_streams
from neurokit.stepping import update
from neurokit.tree import map_tensors

Precision = Literal["fp32", "bf16", "fp16"]

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
_OTHER_NAMES = {  # what else they are called
    "float32": "fp32", "float": "fp32", "32": "fp32", "bfloat16": "bf16", "bf16-mixed": "bf16", "float16": "fp16",
    "half": "fp16", "16": "fp16", "16-mixed": "fp16",
}  # fmt: skip


def check_precision(precision: Any) -> None:
    """Refuse what is no precision of ours, naming the one that was meant."""
    check_choice("precision", precision, ("fp32", "bf16", "fp16"), **_OTHER_NAMES)


class Rows(int):
    """A number of rows as what a loss is a mean over, which is known of every process where rows are shared out."""


class Runtime:
    """The device, the number format and the update of the weights.

    Attributes:
        device: Where the model and its batches are.
        autocast: Context for a forward pass in the chosen precision; reused, as making one costs more than entering.
        scaler: Gradient scaler for fp16, which would lose small gradients; ``None`` otherwise.
        accumulate: Batches in an accumulation window, after which the weights are updated.
        closes: Whether the present batch closes its window. Set by the loop, fixed for a compiled step.
        weighs: Whether ``backward`` must be told what a loss is a mean over.
    """

    weighs = False

    def __init__(
        self, device: torch.device, precision: Precision, accumulate: int, max_grad_norm: float | None
    ) -> None:
        self.device = device
        self._goes_on = has_streams(device)  # towards the CPU nothing would wait for the numbers
        self.accumulate = accumulate
        self.weighs = self.weighs or accumulate > 1
        self.max_grad_norm = max_grad_norm
        self.autocast: AbstractContextManager[Any] = nullcontext()
        if precision in _AUTOCAST:
            self.autocast = torch.autocast(device.type, _AUTOCAST[precision])
        self.scaler = torch.amp.GradScaler(device.type) if precision == "fp16" else None
        self.closes = True
        self._parameters: tuple[nn.Parameter, ...] = ()
        self._is_open = False  # whether a window has gradients of batches before
        self._window_weight = torch.zeros((), device=device)  # changed in place, which programs can

    def prepare(self, optimizers: Iterable[Optimizer]) -> None:
        """Take the optimizers' parameters, in their present groups: a step clears, clips and scales their gradients."""
        groups = [group["params"] for optimizer in optimizers for group in optimizer.param_groups]
        self._parameters = tuple(dict.fromkeys(parameter for group in groups for parameter in group))
        if any(parameter.dtype is torch.float64 for parameter in self._parameters):
            self._window_weight = self._window_weight.double()

    def place(self, value: Any) -> Any:
        """Bring every tensor of a batch to the device."""
        return map_tensors(self._to_device, value)

    def _to_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=self._goes_on)

    def zero_grad(self) -> None:
        """Forget the gradients of the window before."""
        if not self._is_open:
            if self.accumulate > 1:
                self._window_weight.zero_()
            for parameter in self._parameters:
                parameter.grad = None

    def backward(self, loss: Tensor, weight: Tensor | float | str | None = None) -> None:
        """Compute gradients of a mean loss. In an accumulation window those of sums add up, to be divided once.

        Args:
            loss: The mean, as it is reported.
            weight: What it is a mean over; matters where ``weighs``. ``None`` or ``"sum"`` for a sum, never divided.
        """
        if self.weighs:
            self._is_open = True
            if weight is None or isinstance(weight, str):
                self._window_weight.fill_(1)
            else:
                loss = loss * weight
                self._window_weight.add_(weight)
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def step(self, optimizers: Iterable[Optimizer]) -> None:
        """Update the weights, if the present batch closes its window."""
        if not self.closes:
            return
        if self._is_open:
            self._divide_gradients(self._window_total())
            self._is_open = False
        for optimizer in optimizers:
            if self.scaler is not None:
                self.scaler.unscale_(optimizer)
        if self.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.max_grad_norm)
        for optimizer in optimizers:
            if self.scaler is None:
                update(optimizer)
            else:
                self.scaler.step(optimizer)
        if self.scaler is not None:
            self.scaler.update()

    def _window_total(self) -> Tensor | float:
        """What the window's gradients are divided by."""
        return self._window_weight

    def _divide_gradients(self, weight: Tensor | float) -> None:
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if isinstance(weight, Tensor):
            weight = torch.where(weight == 0, 1, weight)  # a window in which nothing counted has no gradient to scale
        if gradients:
            torch._foreach_div_(gradients, weight)

    def abandon_window(self) -> None:
        """Forget a window that a broken epoch left open."""
        self._is_open = False

    def settle(self) -> None:
        """Make ready for an evaluation; where one process trains, nothing is to be done."""

    def detach(self) -> None:
        """Leave the model as it was given; where one process trains, nothing was done to it."""

    def state_dict(self) -> dict[str, Any]:
        """The gradient scaler, and an accumulation window that is still open: its gradients and its weight."""
        state: dict[str, Any] = {} if self.scaler is None else {"scaler": self.scaler.state_dict()}
        if self._is_open:
            state["window"] = {
                "weight": self._window_weight.clone(),
                "gradients": [parameter.grad for parameter in self._parameters],
            }
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        if self.scaler is not None and "scaler" in state:
            self.scaler.load_state_dict(state["scaler"])
        self._is_open = "window" in state
        if "window" in state:
            self._window_weight.fill_(state["window"]["weight"])
            for parameter, gradient in zip(self._parameters, state["window"]["gradients"], strict=True):
                parameter.grad = None if gradient is None else gradient.to(parameter.device)


def floating_dtype(model: nn.Module) -> torch.dtype:
    """Return the dtype of a model's first floating parameter or buffer: what its floating inputs are cast to."""
    tensors: Sequence[Tensor] = [*model.parameters(), *model.buffers()]
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.get_default_dtype())
