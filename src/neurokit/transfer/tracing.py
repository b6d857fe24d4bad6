"""Tracing: what a model does with its layers, read off ``forward`` without an input."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn

from neurokit import modes
from neurokit.rehearsal import preserved_attributes
from neurokit.seeding import preserved_rng

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
_ABOUT_SHAPE = ("size", "dim", "numel", "shape", "dtype", "device", "ndim", "new_zeros", "new_ones", "ndimension")


def trace(model: nn.Module, *, training: bool) -> fx.Graph | None:
    """Return a model's graph in train or eval mode; ``None`` where ``forward`` decides by values and has none.

    Nothing of the model is changed: modes, buffers, attributes and random streams are put back.
    """
    buffers = [(one, one.detach().clone()) for one in model.buffers() if not nn.parameter.is_lazy(one)]
    mode = modes.training(model) if training else modes.evaluating(model)
    try:
        with preserved_attributes(*model.modules()), preserved_rng(), mode, torch.no_grad():
            return _Tracer().trace(model)
    except Exception:  # the user's own code, run with stand-ins for tensors, may raise anything
        return None
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                if buffer.is_meta or not torch.equal(buffer, value):
                    buffer.copy_(value)


class _Tracer(fx.Tracer):
    """Takes every linear and convolutional layer as one step, subclasses of the user's too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYERS) or super().is_leaf_module(m, module_qualified_name)


def last_layers(model: nn.Module, graph: fx.Graph, *, prediction_only: bool) -> list[str]:
    """Return the names of the layers with parameters that the outputs come from, with nothing learnt in between.

    A parameter that ``forward`` multiplies by itself, as in ``F.linear(x, self.weight)``, is named as such.

    Args:
        model: What was traced.
        graph: Its graph.
        prediction_only: Of several outputs look at the one that predicts: a tuple's first, or a mapping's ``logits``.
    """
    outputs = next(node for node in reversed(graph.nodes) if node.op == "output").args[0]
    if prediction_only:
        outputs = _prediction(outputs)
    ahead: list[fx.Node] = []
    fx.node.map_arg(outputs, ahead.append)
    found: dict[str, None] = {}
    seen = set(ahead)
    while ahead:
        node = ahead.pop(0)
        if node.op == "call_module" and any(True for _ in model.get_submodule(str(node.target)).parameters()):
            found[str(node.target)] = None
            continue
        if node.op == "get_attr":
            value = operator.attrgetter(str(node.target))(model)
            if isinstance(value, nn.Parameter) and value.ndim > 1:
                found[str(node.target)] = None
            continue
        if _about_shape(node):
            continue
        if weights := [one for one in node.all_input_nodes if _is_matrix(model, one)]:  # a layer written as a function
            found |= dict.fromkeys(str(one.target) for one in weights)
            continue
        following = [one for one in node.all_input_nodes if one not in seen]
        seen.update(following)
        ahead.extend(following)
    return list(found)


def _is_matrix(model: nn.Module, node: fx.Node) -> bool:
    if node.op != "get_attr":
        return False
    value = operator.attrgetter(str(node.target))(model)
    return isinstance(value, nn.Parameter) and value.ndim > 1


def _about_shape(node: fx.Node) -> bool:
    """Whether a step asks for a tensor's shape and passes none of its values on."""
    if node.op == "call_method":
        return node.target in _ABOUT_SHAPE
    return node.op == "call_function" and node.target is getattr and str(node.args[1]) in _ABOUT_SHAPE


def _prediction(outputs: Any) -> Any:
    if isinstance(outputs, (tuple, list)) and outputs:
        return _prediction(outputs[0])
    if isinstance(outputs, Mapping):
        return next((outputs[key] for key in ("logits", "out") if key in outputs), outputs)
    return outputs


def calls(graph: fx.Graph) -> Iterator[str]:
    """Yield the names of the layers and parameters in the order in which ``forward`` uses them, each as often."""
    for node in graph.nodes:
        if node.op in ("call_module", "get_attr"):
            yield str(node.target)


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Run a block that may exchange layers, and put every submodule back in its place if it raises."""
    places = [(one, dict(vars(one)), dict(one._modules)) for one in model.modules()]
    try:
        yield
    except BaseException:
        for one, attributes, children in places:
            vars(one).update(attributes)
            one._modules.clear()
            one._modules.update(children)
        raise
