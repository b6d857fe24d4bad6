"""Learning rates of optimizers, which may be numbers or, in compiled and captured steps, tensors."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set a parameter group's learning rate; a tensor is filled in place, since a compiled step holds on to it."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
