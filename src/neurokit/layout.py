"""Layout: pictures with their channels last, which convolutions in half precision are fastest in."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_CHANNELS_LAST: Mapping[int, torch.memory_format] = {4: torch.channels_last, 5: torch.channels_last_3d}
_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def channels_last(model: nn.Module) -> frozenset[int]:
    """Return how many channels those convolutions take in whose user put them in the layout channels last.

    Empty for a model that nobody brought into it with ``model.to(memory_format=torch.channels_last)``. A weight of one
    channel, or of one pixel, is in both layouts and tells nothing.

    Example:
        >>> channels_last(nn.Conv2d(3, 8, 3)), channels_last(nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last))
        (frozenset(), frozenset({3}))
    """
    found = [module for module in model.modules() if isinstance(module, _CONVOLUTIONS)]
    return frozenset(module.in_channels for module in found if _is_channels_last(module.weight))


def _is_channels_last(weight: Tensor) -> bool:
    if isinstance(weight, nn.UninitializedParameter) or weight.is_contiguous():
        return False
    return weight.is_contiguous(memory_format=_CHANNELS_LAST[weight.ndim])


def laid_out(tensor: Tensor, channels: frozenset[int]) -> Tensor:
    """Return pictures of so many channels in the layout channels last, anything else as it is: the same numbers.

    Example:
        >>> laid_out(torch.zeros(2, 3, 4, 5), frozenset({3})).stride()
        (60, 1, 15, 3)
    """
    if tensor.ndim not in _CHANNELS_LAST or tensor.shape[1] not in channels:
        return tensor
    return tensor.contiguous(memory_format=_CHANNELS_LAST[tensor.ndim])
