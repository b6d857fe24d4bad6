"""Graph: which operation a tensor came from, told by the autograd graph behind it."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import Tensor

_MOST_NODES = 10_000  # of a loss's graph that are walked, about 1 ms a thousand
_CHANGES_NOTHING = frozenset((
    "Alias", "AsStrided", "Clone", "Expand", "Index", "Permute", "Reshape", "ReshapeAlias", "Select", "Slice", "Split",
    "Squeeze", "T", "ToCopy", "Transpose", "Unbind", "UnsafeView", "Unsqueeze", "View",
))  # fmt: skip
_RANGES = {
    **dict.fromkeys(("Relu", "Softplus", "Exp", "Abs", "Sqrt"), (0.0, math.inf)),
    **dict.fromkeys(("Sigmoid", "Hardsigmoid", "Softmax"), (0.0, 1.0)),
    "Tanh": (-1.0, 1.0),
    **dict.fromkeys(("LogSigmoid", "LogSoftmax"), (-math.inf, 0.0)),
    "Gelu": (-0.17, math.inf),
    "Silu": (-0.279, math.inf),
    "Mish": (-0.309, math.inf),
}


def last_operation(tensor: Tensor) -> Any:
    """Return the node of the operation that made a tensor's values, looking through reshapes and casts."""
    return _behind_views(tensor.grad_fn)


def operation_name(node: Any) -> str:
    """Return a node's operation, such as ``"Softmax"``; nothing where there is no node.

    Example:
        >>> import torch
        >>> outputs = torch.ones(2, 3, requires_grad=True).softmax(1).reshape(-1)
        >>> operation_name(last_operation(outputs))
        'Softmax'
    """
    return "" if node is None else re.sub(r"Backward\d*$", "", node.name())


def _behind_views(node: Any) -> Any:
    while operation_name(node) in _CHANGES_NOTHING:
        node = node.next_functions[0][0]
    return node


def operation_range(node: Any) -> tuple[float, float] | None:
    """Return the least and the greatest value that an operation can give; ``None`` where it is not bounded, or unknown.

    Example:
        >>> import torch
        >>> operation_range(last_operation(torch.ones(2, requires_grad=True).tanh()))
        (-1.0, 1.0)
    """
    name = operation_name(node)
    if name in _RANGES:
        return _RANGES[name]
    if name == "Hardtanh":  # ReLU6 too
        return float(node._saved_min_val), float(node._saved_max_val)
    if name in ("Elu", "Celu"):
        return -float(node._saved_alpha) * float(getattr(node, "_saved_scale", 1.0)), math.inf
    return None


def softmax_under_softmax(loss: Tensor) -> tuple[str, str] | None:
    """Return which activation of the model's and which of the loss's follow each other in a loss's graph, if they do.

    Example:
        >>> import torch
        >>> probabilities = torch.ones(2, 3, requires_grad=True).softmax(1)
        >>> softmax_under_softmax(torch.nn.functional.cross_entropy(probabilities, torch.tensor([0, 1])))
        ('Softmax', 'LogSoftmax')
    """
    for node in _nodes(loss.grad_fn):
        if (outer := operation_name(node)) in ("LogSoftmax", "BinaryCrossEntropyWithLogits"):
            inner = operation_name(_behind_views(node.next_functions[0][0]))
            if inner in ("Softmax", "Sigmoid"):
                return inner, outer
    return None


def _nodes(root: Any) -> Iterator[Any]:
    """The nodes of a graph, the loss's own operations first."""
    waiting, seen = deque([root]), {root}
    while waiting and len(seen) < _MOST_NODES:
        node = waiting.popleft()
        if node is not None:
            yield node
            for following, _ in node.next_functions:
                if following is not None and following not in seen:
                    seen.add(following)
                    waiting.append(following)
