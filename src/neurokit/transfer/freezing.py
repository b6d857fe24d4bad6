"""Freezing: parts of a model that shall not learn, by name, by depth or by a function of yours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torch import nn

from neurokit import modes
from neurokit.arguments import check_binds_two, nearest, suggests_arguments
from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

Predicate = Callable[[str, nn.Parameter], bool]
Target = str | int | Iterable[str] | Predicate


@suggests_arguments
def freeze(
    module: nn.Module | Trainer,
    target: Target | None = None,
    *,
    prefix: str | Iterable[str] | None = None,
    depth: int | None = None,
    predicate: Predicate | None = None,
    until: str | None = None,
) -> list[str]:
    """Keep parameters from learning, and return their names, so that you see what is frozen.

    BatchNorm layers in what is frozen are put in ``eval()`` and stay there: they use the statistics that they arrived
    with, and do not take those of your batches, in ``fit`` as in a loop of your own that calls ``model.train()``. A
    hook on each sees to it until ``unfreeze``, or until their own weights may learn again. It adds nothing to
    ``state_dict`` and goes along with copies; to read a model that was pickled whole then takes neurokit. Dropout goes
    on as it is: it keeps no statistics, and on frozen features it is augmentation. A model that is in ``eval()`` as a
    whole, as some pretrained ones arrive, is put in ``train()``, these layers apart: ``fit`` would train it as a whole,
    BatchNorm included.

    Args:
        module: The model, or the trainer that has it. Pass the whole of it and say which part, rather than the part:
            the trap above is then seen.
        target: What to freeze, by its kind: a name or names (as ``prefix``), an int (``depth``), or a function
            (``predicate``). ``None``, with nothing else given, is everything.
        prefix: A name or names of submodules or parameters, by whole dotted parts: ``"layer1"`` is ``layer1.0.weight``
            and never ``layer10.weight``.
        depth: The first so many children that have parameters; a negative number is all but the last so many, so that
            ``-1`` is everything below the head. A child that is a model's only one is looked into.
        predicate: Called as ``predicate(name, parameter)`` for each parameter; those of a true answer.
        until: A submodule's name: everything that was registered before it.

    Returns:
        The names of the frozen parameters, in the model's order. A tied one has several; all of them are listed.

    Raises:
        ValueError: If a name is unknown (the nearest are named), there are fewer children, a predicate is true of
            nothing, or two ways are given.
        TypeError: If the target is of no such kind.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
        >>> freeze(model, depth=-1)
        ['0.weight', '0.bias', '1.weight', '1.bias']
        >>> model[1].training, model[3].weight.requires_grad
        (False, True)
    """
    module = as_module("module", module)
    part = _part(module, target, {"prefix": prefix, "depth": depth, "predicate": predicate, "until": until})
    norms = _norms(module, part)
    was_asleep = not any(one.training for one in module.modules())
    names = _set_trainable(module, part, trainable=False)
    if was_asleep and norms:
        module.train()
        if not any(parameter.requires_grad for parameter in module.parameters()):
            logger.warning(
                "%s was in eval() as a whole, and all of it is frozen: its BatchNorm layers stay in eval(), and the "
                "rest is in train() now. If it is a part of a larger model, call freeze on that model, with the name "
                "of the part: else what is around it stays in eval() while it trains.",
                type(module).__name__,
            )
    for norm in norms:
        norm.eval()
        modes.hold_still(norm, still=True)
    return names


@suggests_arguments
def unfreeze(
    module: nn.Module | Trainer,
    target: Target | None = None,
    *,
    prefix: str | Iterable[str] | None = None,
    depth: int | None = None,
    predicate: Predicate | None = None,
    until: str | None = None,
) -> list[str]:
    """Let parameters learn again, and return their names. The arguments are those of ``freeze``.

    BatchNorm layers in these parts are put in ``train()`` and follow your batches again; in a model that is in
    ``eval()`` as a whole they stay as they are.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
        >>> frozen = freeze(model)
        >>> unfreeze(model, "1")
        ['1.weight', '1.bias']
    """
    module = as_module("module", module)
    part = _part(module, target, {"prefix": prefix, "depth": depth, "predicate": predicate, "until": until})
    norms = _norms(module, part)
    others = [one for one in module.modules() if one not in norms]
    names = _set_trainable(module, part, trainable=True)
    for norm in norms:
        modes.hold_still(norm, still=False)
    if not others or any(one.training for one in others):
        for norm in norms:
            norm.train()
    return names


class _Part(NamedTuple):
    """A part of a model: the names of its parameters, and those of the submodules that lie in it whole."""

    parameters: set[str]
    modules: set[str]


def _set_trainable(module: nn.Module, part: _Part, *, trainable: bool) -> list[str]:
    """Set what may learn; return its names, those of a tied parameter all together."""
    named = list(module.named_parameters(remove_duplicate=False))
    chosen = {one for name, one in named if name in part.parameters}
    for parameter in chosen:
        if (
            parameter.is_floating_point() or parameter.is_complex()
        ):  # whole numbers, as of quantised layers, never learn
            parameter.requires_grad_(trainable)
        if not trainable:
            parameter.grad = None  # a gradient from before would still move it
    return [name for name, one in named if one in chosen]


def _norms(module: nn.Module, part: _Part) -> list[nn.Module]:
    """The layers in a part that keep running statistics."""
    found = [one for name, one in module.named_modules(remove_duplicate=False) if name in part.modules]
    kinds = nn.modules.batchnorm._NormBase  # BatchNorm of every kind, and InstanceNorm
    return [one for one in dict.fromkeys(found) if isinstance(one, kinds) and one.track_running_stats]


def _part(module: nn.Module, target: Target | None, named: dict[str, Any]) -> _Part:
    """Find out what is meant, having checked all of it."""
    given = {name: value for name, value in named.items() if value is not None}
    if target is not None:
        given = {"target": target, **given}
    if len(given) > 1:
        raise ValueError(f"Say in one way what is meant: got {' and '.join(given)}. Leave all but one of them out.")
    if not given:
        return _Part({name for name, _ in _parameters(module)}, {name for name, _ in _modules(module)})
    ((way, value),) = given.items()
    if way == "target":
        way = _kind(value)
    if way == "prefix":
        return _by_prefix(module, value)
    if way == "depth":
        return _by_depth(module, value)
    if way == "until":
        return _before(module, value)
    return _by_predicate(module, value)


def as_module(name: str, given: Any) -> nn.Module:
    """Return a module, or the model of a trainer; refuse anything else."""
    if isinstance(given, Trainer):
        return given.model
    if isinstance(given, type) and issubclass(given, nn.Module):
        raise TypeError(f"{name} is the class {given.__name__}, not a model. Pass {given.__name__}(...).")
    if not isinstance(given, nn.Module):
        raise TypeError(
            f"{name} is a {type(given).__name__}, and it takes an nn.Module, or a Trainer for its model. Pass the "
            "model."
        )
    return given


def _kind(target: Any) -> str:
    if isinstance(target, int) and not isinstance(target, bool):
        return "depth"
    if isinstance(target, (str, Iterable)) and not isinstance(target, nn.Module):
        return "prefix"
    if callable(target) and not isinstance(target, nn.Module):
        return "predicate"
    mend = "Pass its name." if isinstance(target, nn.Module) else "Pass one of these."
    raise TypeError(
        f"target is a name or names, a depth, or a function (name, parameter) -> bool, got {target!r:.60} "
        f"({type(target).__name__}). {mend}"
    )


def _parameters(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(module.named_parameters(remove_duplicate=False))


def _modules(module: nn.Module) -> list[tuple[str, nn.Module]]:
    return list(module.named_modules(remove_duplicate=False))


def _by_prefix(module: nn.Module, prefix: Any) -> _Part:
    prefixes = [prefix] if isinstance(prefix, str) else list(prefix)
    if not all(isinstance(one, str) for one in prefixes):
        raise TypeError(f"prefix is a name or names, got {prefixes!r:.80}. Pass a str, or a list of them.")
    prefixes = [one.rstrip(".") for one in prefixes]
    for one in prefixes:
        check_name(module, one)

    def inside(name: str) -> bool:
        return any(is_under(name, one) for one in prefixes)

    return _Part(
        {name for name, _ in _parameters(module) if inside(name)},
        {name for name, _ in _modules(module) if inside(name)},
    )


def is_under(name: str, prefix: str) -> bool:
    """Tell whether a dotted name is a prefix or lies under it, by whole parts."""
    return not prefix or name == prefix or name.startswith(f"{prefix}.")


def check_name(module: nn.Module, name: str, what: str = "part") -> None:
    """Refuse a name that no submodule and no parameter has, with the nearest."""
    known = [one for one, _ in [*_modules(module), *_parameters(module)] if one]
    if name in known:
        return
    top = [one for one, _ in module.named_children()]
    beside = [one for one in known if one.count(".") == name.count(".")]  # children of a near one are rarely meant
    near = nearest(name, beside) or nearest(name, known) or top[:8] or known[:8]
    raise ValueError(
        f"{type(module).__name__} has no {what} named {name!r}. Nearest: {', '.join(map(repr, near))}. "
        "[name for name, _ in model.named_modules()] lists them all."
    )


def _by_depth(module: nn.Module, depth: Any) -> _Part:
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise TypeError(f"depth is a whole number of children, got {depth!r} ({type(depth).__name__}). Pass depth=2.")
    path, children = _children(module)
    learning = [name for name, child in children if any(True for _ in child.parameters())]
    count = depth if depth >= 0 else len(learning) + depth
    if not 0 <= count <= len(learning):
        raise ValueError(
            f"depth={depth}, and {type(module).__name__} has {len(learning)} children with parameters: "
            f"{', '.join(learning[:12])}{', ...' if len(learning) > 12 else ''}. Pass a depth from -{len(learning)} to "
            f"{len(learning)}."
        )
    taken: list[str] = []  # with the children that have no parameters between them, such as BatchNorm's affine=False
    for name, _ in children:
        if name in learning and learning.index(name) >= count:
            break
        taken.append(path + name)
    own = {name for name, _ in module.named_parameters(recurse=False)} if count else set()
    if not count:
        return _Part(set(), set())
    part = _by_prefix(module, taken)
    return _Part(part.parameters | own, part.modules)


def _children(module: nn.Module) -> tuple[str, list[tuple[str, nn.Module]]]:
    """A model's children, and the path to them: the only child that has parameters is looked into."""
    path = ""
    while True:
        children = list(module.named_children())
        learning = [(name, child) for name, child in children if any(True for _ in child.parameters())]
        own = any(True for _ in module.parameters(recurse=False))
        if own or len(learning) != 1 or not any(True for _ in learning[0][1].children()):
            return path, children
        (name, module) = learning[0]
        path += f"{name}."


def _by_predicate(module: nn.Module, predicate: Any) -> _Part:
    if not callable(predicate):
        raise TypeError(
            f"predicate is a function (name, parameter) -> bool, got a {type(predicate).__name__}. Pass one, such as "
            "lambda name, parameter: 'layer4' not in name."
        )
    name = getattr(predicate, "__name__", type(predicate).__name__)
    check_binds_two(predicate, name, "predicate is called with (name, parameter)", "Write lambda name, parameter: ...")
    chosen = {one for one, parameter in _parameters(module) if predicate(one, parameter)}
    if not chosen:
        raise ValueError(
            f"The predicate was true of none of {len(_parameters(module))} parameters; it gets (name, parameter), not "
            "modules. Test the name, as in lambda name, parameter: name.startswith('layer1'), or pass the names of "
            "modules: [name for name, one in model.named_modules() if isinstance(one, ...)]."
        )
    return _Part(chosen, _whole(module, chosen))


def _whole(module: nn.Module, chosen: set[str]) -> set[str]:
    """The submodules all of whose parameters are chosen; one without any goes with the part around it."""
    found: set[str] = set()
    for name, one in _modules(module):  # parents come before their children
        own = {f"{name}.{inner}" if name else inner for inner, _ in one.named_parameters(remove_duplicate=False)}
        if (own and own <= chosen) or (not own and name and name.rpartition(".")[0] in found):
            found.add(name)
    return found


def _before(module: nn.Module, until: Any) -> _Part:
    if not isinstance(until, str):
        raise TypeError(f"until is the name of a part, got {until!r:.60} ({type(until).__name__}). Pass its name.")
    until = until.rstrip(".")
    check_name(module, until)
    parameters: set[str] = set()
    for name, _ in _parameters(module):
        if is_under(name, until):
            break
        parameters.add(name)
    modules: set[str] = set()
    for name, _ in _modules(module):
        if is_under(name, until):
            break
        if not is_under(until, name):  # a part around it is not before it
            modules.add(name)
    return _Part(parameters, modules)


def flags(module: nn.Module) -> Callable[[], None]:
    """Remember what may learn, every mode, and which norm layers keep still; return what puts them back."""
    trainable = [(one, one.requires_grad) for one in module.parameters()]
    before = [(one, one.training, modes.is_held_still(one)) for one in module.modules()]

    def restore() -> None:
        for parameter, flag in trainable:
            parameter.requires_grad_(flag)
        for submodule, mode, still in before:
            submodule.training = mode
            modes.hold_still(submodule, still=still)

    return restore
