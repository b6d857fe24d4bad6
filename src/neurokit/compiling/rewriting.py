"""Rewriting: what a compiled program on a CPU computes in a cheaper way than the compiler would choose."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._inductor.custom_graph_pass import CustomGraphPass, get_hash_for_files
from torch.fx import Graph, Node

_aten = torch.ops.aten
_MANY = 512  # elements for which a number is computed once and kept: that costs what 25 vectors' powers and roots do


class InKernels(CustomGraphPass):
    """Moves work between kernels and what is around them, to where it is done in passing or once.

    A product of small matrices is called for a few microseconds, of which a bias costs a third: ``addmm`` spreads it
    over the result first. What follows a layer, its activation, is a kernel that reads every element anyway. The same
    is true of outer products.

    The other way round, a kernel computes the numbers that it multiplies all elements by, such as Adam's corrections
    with their powers and roots, anew for every few elements: it cannot know that what it writes changes none of them.
    """

    def __call__(self, graph: Graph) -> None:
        """Rewrite one program."""
        for node in graph.find_nodes(op="call_function", target=_aten.addmm.default):
            bias, left, right = node.args
            if not node.kwargs and _on_cpu(node) and bias.meta["val"].ndim == 1 and _is_exact(node):
                with graph.inserting_before(node):
                    product = _call(graph, _aten.mm.default, node, left, right)
                    _replace(node, _call(graph, _aten.add.Tensor, node, product, bias))
        for node in graph.find_nodes(op="call_function", target=_aten.mm.default):
            left, right = node.args[:2]
            if not node.kwargs and _on_cpu(node) and left.meta["val"].shape[1] == 1:
                with graph.inserting_before(node):
                    _replace(node, _call(graph, _aten.mul.Tensor, node, left, right))
        for node in filter(_is_computed_number, list(graph.nodes)):
            if users := [user for user in node.users if _has_many(user)]:
                with graph.inserting_after(node):
                    kept = _call(graph, torch.ops._inductor_test.realize.default, node, node)
                for user in users:
                    user.replace_input_with(node, kept)

    def uuid(self) -> Any:
        """What the compiler's cache knows this by."""
        return get_hash_for_files((__file__,))


def _on_cpu(node: Node) -> bool:
    return bool(node.meta["val"].device.type == "cpu")


def _is_exact(node: Node) -> bool:
    """Tell whether a sum may be rounded before the bias is added: in half precision the next digits would be lost."""
    return node.meta["val"].dtype in (torch.float32, torch.float64)


def _is_computed_number(node: Node) -> bool:
    value = node.meta.get("val")
    return node.op == "call_function" and isinstance(value, Tensor) and value.ndim == 0 and _on_cpu(node)


def _has_many(node: Node) -> bool:
    value = node.meta.get("val")
    size = value.numel() if isinstance(value, Tensor) else 0
    return isinstance(size, int) and size >= _MANY  # symbolic where the compiler has seen several sizes


def _call(graph: Graph, target: Any, like: Node, *arguments: Any) -> Node:
    made = graph.call_function(target, arguments)
    made.meta["val"] = like.meta["val"]
    return made


def _replace(node: Node, other: Node) -> None:
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)
