"""Rewriting: what a compiled program on a CPU computes in a cheaper way than the compiler would choose."""

from __future__ import annotations

from typing import Any

import torch
from torch._inductor.custom_graph_pass import CustomGraphPass, get_hash_for_files
from torch.fx import Graph, Node

_aten = torch.ops.aten


class InKernels(CustomGraphPass):
    """Takes from library calls what a kernel beside them does in passing: additions of a bias, and outer products.

    A product of small matrices is called for a few microseconds, of which a bias costs a third: ``addmm`` spreads it
    over the result first. What follows a layer, its activation, is a kernel that reads every element anyway.
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

    def uuid(self) -> Any:
        """What the compiler's cache knows this by."""
        return get_hash_for_files((__file__,))


def _on_cpu(node: Node) -> bool:
    return bool(node.meta["val"].device.type == "cpu")


def _is_exact(node: Node) -> bool:
    """Tell whether a sum may be rounded before the bias is added: in half precision the next digits would be lost."""
    return node.meta["val"].dtype in (torch.float32, torch.float64)


def _call(graph: Graph, target: Any, like: Node, *arguments: Any) -> Node:
    made = graph.call_function(target, arguments)
    made.meta["val"] = like.meta["val"]
    return made


def _replace(node: Node, other: Node) -> None:
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)
