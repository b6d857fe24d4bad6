"""Conversion: a batch in the dtypes that the model and the loss take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from neurokit.data.batch import Batch
from neurokit.data.targets import Targets
from neurokit.layout import laid_out
from neurokit.tree import map_tensors


@dataclass
class Conversion:
    """Casts what a loader yields, on whichever device it is: uint8 images stay small until they are there.

    Attributes:
        dtype: The model's floating dtype, to which floating inputs are cast.
        targets: How the loss takes its targets, by output name where it has several.
        casts: How inputs of whole numbers are cast, by dtype; those it does not name stay as they are.
        channels: Pictures of so many channels come in the layout channels last, as the model is.
    """

    dtype: torch.dtype = torch.float32
    targets: Targets | dict[str, Targets] = field(default_factory=Targets)
    casts: Mapping[torch.dtype, torch.dtype] = field(default_factory=dict)
    channels: frozenset[int] = frozenset()

    def __call__(self, batch: Batch) -> Batch:
        """Return a batch with inputs, targets and weights cast; what needs no cast is the same tensor."""
        x, y, weight = batch
        return Batch(
            map_tensors(self._input, x),
            None if y is None else self._targets(y),
            None if weight is None else weight.to(self.dtype),
        )

    def _input(self, tensor: Tensor) -> Tensor:
        tensor = tensor.to(self.dtype if tensor.is_floating_point() else self.casts.get(tensor.dtype, tensor.dtype))
        return laid_out(tensor, self.channels) if self.channels else tensor

    def _targets(self, y: Any) -> Any:
        if isinstance(self.targets, Targets):
            return self.targets.from_batch(y)
        return {name: one.from_batch(y[name]) for name, one in self.targets.items()}
