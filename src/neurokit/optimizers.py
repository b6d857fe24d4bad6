"""Optimizers: from a name, a factory, an instance or a dict of these to what updates the weights."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import LBFGS, Optimizer

from neurokit.arguments import check_keywords, check_number, nearest, suggestions
from neurokit.losses import Criterion

_FUSED_ON_CPU = ("Adam", "AdamW", "SGD", "Adagrad")


def make_optimizers(
    optimizer: Any, model: nn.Module, learning_rate: float | None = None, extra: Iterable[nn.Parameter] = ()
) -> dict[str, Optimizer]:
    """Return the optimizers by name; a single one is named ``""``.

    Args:
        optimizer: A name of ``torch.optim`` in any case, a factory ``params -> Optimizer``, an instance, or a dict of
            instances, or of names or factories whose keys name submodules.
        model: What is trained.
        learning_rate: For names and classes; ``None`` is torch's default.
        extra: Parameters outside the model that train with it: those of a loss that has some.

    Raises:
        ValueError: If a name is unknown, a key names no submodule, a learning rate is given to what has its own, an
            optimizer holds none of the model's parameters, or two are built for the same.
        TypeError: If something is no optimizer at all.

    Example:
        >>> make_optimizers("SGD", nn.Linear(2, 1), learning_rate=0.1)[""].param_groups[0]["lr"]
        0.1
    """
    check_optimizer(optimizer, model, learning_rate)
    if isinstance(optimizer, Mapping):
        made = _make_by_submodule(optimizer, model, learning_rate)
    else:
        made = {"": _make(optimizer, [*model.parameters(), *extra], model, learning_rate)}
    _check_parameters(made, model, extra)
    return made


def check_optimizer(optimizer: Any, model: nn.Module, learning_rate: float | None = None) -> None:
    """Refuse what ``make_optimizers`` cannot make; building nothing, it can tell before lazy parameters have shapes.

    Raises:
        ValueError: If a name is unknown, a key names no submodule, or a learning rate is given to what has its own.
        TypeError: If something is no optimizer at all.

    Example:
        >>> check_optimizer("adam", nn.LazyLinear(2))
    """
    if learning_rate is not None:
        check_number("learning_rate", learning_rate, "a number of 0 or more", lambda rate: rate >= 0, such_as=1e-3)
    if not any(True for _ in model.parameters()):
        quantised = any("quantized" in type(module).__module__ for module in model.modules())
        mend = "Make its layers attributes in __init__ (several in an nn.ModuleList, not a list)."
        if quantised:
            mend = "Its layers are quantised, which is for prediction: train the model first, then quantise it."
        raise ValueError(f"The model {type(model).__name__} has no parameters, so there is nothing to train. {mend}")
    if not isinstance(optimizer, Mapping):
        return _check_kind(optimizer, learning_rate)
    if not optimizer:
        raise ValueError(
            "optimizer is an empty dict, and it takes an optimizer for each submodule. Name them, such as "
            "{'head': 'adam'}, or pass 'adam' for all."
        )
    for name, one in optimizer.items():
        _check_kind(one, learning_rate)
        if not isinstance(one, Optimizer):  # an instance brings its own parameters, and any name
            _parameters_of(model, str(name))


def _check_kind(optimizer: Any, learning_rate: float | None) -> None:
    if isinstance(optimizer, nn.Module):
        raise TypeError(
            f"optimizer is a {type(optimizer).__name__}, a module, and it takes a name, a class, a factory or an "
            "instance of torch.optim. Pass optimizer='adam', and the module as model."
        )
    if isinstance(optimizer, str):
        _by_name(optimizer)
    elif not isinstance(optimizer, Optimizer) and not callable(optimizer):
        rate = f" A learning rate is learning_rate={optimizer}." if isinstance(optimizer, float) else ""
        raise TypeError(
            f"optimizer is of type {type(optimizer).__name__}: {optimizer!s:.60} is no optimizer. Pass a name such as "
            f"'adam', a class or factory, an instance, or a dict of these.{rate}"
        )
    elif inspect.isclass(optimizer) and not issubclass(optimizer, Optimizer):
        raise TypeError(
            f"optimizer is the class {optimizer.__name__}, and it takes one of torch.optim. Pass 'adam'; a scheduler "
            "goes to fit: callbacks=[nk.LRSchedule(...)]."
        )
    elif learning_rate is not None and not inspect.isclass(optimizer):
        kind = getattr(optimizer, "__name__", type(optimizer).__name__)
        raise ValueError(
            f"learning_rate={learning_rate} goes to an optimizer given by name or class, and this one is {kind}, which "
            "has its own. Set it there."
        )


def _make_by_submodule(
    optimizers: Mapping[Any, Any], model: nn.Module, learning_rate: float | None
) -> dict[str, Optimizer]:
    made: dict[str, Optimizer] = {}
    owners: dict[nn.Parameter, str] = {}
    for name, one in optimizers.items():
        parameters = [] if isinstance(one, Optimizer) else _parameters_of(model, str(name))
        shared = [owners[parameter] for parameter in parameters if parameter in owners]
        if shared:
            raise ValueError(
                f"The optimizers for {shared[0]!r} and {str(name)!r} would update the same parameters twice a step. "
                "Name submodules that share none."
            )
        owners |= dict.fromkeys(parameters, str(name))
        made[str(name)] = _make(one, parameters, model, learning_rate)
    return made


def _parameters_of(model: nn.Module, name: str) -> list[nn.Parameter]:
    modules = dict(model.named_modules(remove_duplicate=False))
    trainable = [known for known, module in modules.items() if known and any(True for _ in module.parameters())]
    if name not in trainable:
        what = "has no parameters" if name in modules else "is not in the model"
        near = nearest(name, trainable, cutoff=0.4) or trainable[:8]
        raise ValueError(
            f"optimizer is a dict by submodule, and {name!r} {what}. Nearest: {', '.join(near)}. Name one of these."
        )
    return list(modules[name].parameters())


def _make(optimizer: Any, parameters: list[nn.Parameter], model: nn.Module, learning_rate: float | None) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        return optimizer
    options: dict[str, Any] = {} if learning_rate is None else {"lr": learning_rate}
    if isinstance(optimizer, str):
        optimizer = _by_name(optimizer)
        options |= _fast(optimizer, parameters, model)
    built = _built(optimizer, parameters, options)
    if isinstance(built, Optimizer):
        return built
    raise TypeError(
        f"The optimizer factory returned a {type(built).__name__}. Return a torch.optim.Optimizer of the parameters it "
        "gets."
    )


def _built(factory: Callable[..., Any], parameters: list[nn.Parameter], options: dict[str, Any]) -> Any:
    """Call a factory; a misspelt option of a ``functools.partial`` gets the nearest names."""
    if isinstance(factory, functools.partial) and inspect.isclass(factory.func):
        known = [name for name in inspect.signature(factory.func).parameters if name != "params"]
        check_keywords(factory.func.__name__, factory.keywords, known)
    return factory(parameters, **options)


def _by_name(name: str) -> Callable[..., Optimizer]:
    known = {
        key.lower(): value
        for key, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, Optimizer) and value is not Optimizer
    }
    if name.lower() in known:
        return known[name.lower()]
    raise ValueError(
        f"There is no optimizer named {name!r}.{suggestions(name, known)} Known: {', '.join(sorted(known))}. A "
        "class or an instance does as well."
    )


def _fast(cls: Callable[..., Optimizer], parameters: Sequence[nn.Parameter], model: nn.Module) -> dict[str, bool]:
    """The options of a fast step: torch's fused kernel; without one, on CUDA, steps that are counted there."""
    if can_fuse(cls, parameters, model):
        return {"fused": True}
    on_cuda = all(parameter.device.type == "cuda" for parameter in parameters)
    return {"capturable": True} if on_cuda and "capturable" in inspect.signature(cls).parameters else {}


def can_fuse(cls: Callable[..., Optimizer], parameters: Iterable[nn.Parameter], model: nn.Module) -> bool:
    """Tell whether torch has a fused kernel for this optimizer over these parameters: a third of the time of a step.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> can_fuse(torch.optim.Adam, model.parameters(), model)
        True
    """
    if "fused" not in inspect.signature(cls).parameters:
        return False
    if any(isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and module.sparse for module in model.modules()):
        return False
    kinds = {(parameter.device.type, parameter.is_floating_point()) for parameter in parameters}
    return kinds == {("cuda", True)} or (kinds == {("cpu", True)} and getattr(cls, "__name__", "") in _FUSED_ON_CPU)


def _check_parameters(optimizers: Mapping[str, Optimizer], model: nn.Module, extra: Iterable[nn.Parameter]) -> None:
    """Refuse an optimizer of another model."""
    ours = {*model.parameters(), *extra}
    held = {name: _held(optimizer) for name, optimizer in optimizers.items()}
    for name, parameters in held.items():
        if ours.isdisjoint(parameters):
            label = f"The optimizer {name!r}" if name else f"This {type(optimizers[name]).__name__}"
            raise ValueError(
                f"{label} holds {len(parameters)} parameter tensors, none of them {type(model).__name__}'s, so nothing "
                "would learn. Build it from this model's parameters(), or pass a class or a name: Trainer builds it."
            )


def foreign_parameters(optimizers: Mapping[str, Optimizer], known: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Return the parameters that optimizers hold and that are none of those known, so have no name to be saved by."""
    named = set(known)
    return [one for optimizer in optimizers.values() for one in _held(optimizer) if one not in named]


def describe_foreign(foreign: Sequence[nn.Parameter]) -> str:
    """Return what to say of such parameters."""
    return (
        f"The optimizer holds {len(foreign)} parameter tensors, the first of shape {tuple(foreign[0].shape)}, "
        "that are neither the model's nor the loss's: they learn where the loss uses them, and no checkpoint "
        "can hold them. Make them the model's: model.temperature = parameter."
    )


def parameter_names(model: nn.Module, losses: Iterable[Criterion]) -> dict[nn.Parameter, str]:
    """Return what each parameter of the model, and of the losses that have some, is saved by."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    for index, one in enumerate(losses):
        if isinstance(one.function, nn.Module):
            names |= {parameter: f"loss.{index}.{name}" for name, parameter in one.function.named_parameters()}
    return names


def _held(optimizer: Optimizer) -> set[nn.Parameter]:
    return {parameter for group in optimizer.param_groups for parameter in group["params"]}


def needs_closure(optimizer: Optimizer) -> bool:
    """Tell whether an optimizer evaluates the loss itself, several times a step."""
    return isinstance(optimizer, LBFGS)


def check_closure_alone(optimizers: Sequence[Optimizer], accumulate: int, *, scaled: bool) -> None:
    """Refuse company for an optimizer that needs a closure.

    Args:
        optimizers: All that step.
        accumulate: Batches in an accumulation window.
        scaled: Whether gradients are scaled, as in fp16.
    """
    if len(optimizers) > 1 or accumulate > 1 or scaled:
        raise ValueError(
            "LBFGS evaluates the loss of a batch several times a step, so it works alone: with one optimizer, "
            "accumulate=1 and precision 'fp32' or 'bf16'. Change these, or take another optimizer."
        )
