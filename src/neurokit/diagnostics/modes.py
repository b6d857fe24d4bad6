"""Checks of modes: a forgotten eval() or train(), and BatchNorm statistics that change where they should not."""

from __future__ import annotations

import re
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import FirstEpoch
from neurokit.diagnostics.steps import listed

_DEPEND_ON_MODE = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase, nn.MultiheadAttention, nn.RNNBase)


def forgotten_mode(epoch: FirstEpoch) -> Finding | None:
    """A step, a loss, a forward or a callback of the user's left the model, or a part of it, in another mode (S4)."""
    if "" in epoch.woken:
        return Finding(
            "warning",
            f"{_suspects(epoch)} left the model in train() while it was evaluated, so dropout and BatchNorm acted as "
            "in training and the validation figures are not the model's. Remove the call of train(): the loop sets "
            "every mode itself.",
        )
    before, after = (moment.training for moment in epoch.moments())
    asleep = [name for name in before if before[name] and after.get(name) is False]
    if asleep and (left := _left_in_eval(epoch, asleep)) is not None:
        return Finding(
            "warning",
            f"{_suspects(epoch)} put {_part(left)} in eval() and did not put it back, so it trains without dropout and "
            f"with BatchNorm's statistics as they are. Call {_spelled(left)}.train() afterwards; or, if it is meant, "
            f"{_spelled(left)}.eval() before fit.",
        )
    modules = dict(epoch.model.named_modules())
    woken = [name for name in before if not before[name] and after.get(name) and _depends(modules[name])]
    if woken:
        return Finding(
            "warning",
            f"{listed(map(_spelled, woken))} had been put in eval() and {_suspects(epoch, first=False)} put it in "
            "train(), so its dropout and BatchNorm act as in training after all. Remove the call of train(): the loop "
            "sets every mode itself, and leaves in eval() what you put there.",
        )
    return None


def _left_in_eval(epoch: FirstEpoch, asleep: list[str]) -> str | None:
    """The part that trains in eval mode by mistake; ``None`` where it seems meant.

    A step of the user's own may set modes as it goes, so there it counts in which mode a part was called. A layer
    alone, and a part that ``forward`` or a callback puts in ``eval()`` from the beginning, are so on purpose.
    """
    seen = {} if epoch.at_work is None else epoch.at_work.modes
    if any(True in modes[modes.index(False) :] for modes in seen.values() if False in modes):
        return None
    if "" in asleep:
        return "" if epoch.at_work is None or any(False in modes for modes in seen.values()) else None
    modules = dict(epoch.model.named_modules())
    moved = {name for name in epoch.parameters() if name not in epoch.still}
    for name in asleep:
        learns = any(one.startswith(f"{name}.") for one in moved)
        if seen.get(name) == [True, False] and any(modules[name].children()) and learns and _depends(modules[name]):
            return name
    return None


def _depends(module: nn.Module) -> bool:
    return any(isinstance(one, _DEPEND_ON_MODE) for one in module.modules())


def _suspects(epoch: FirstEpoch, first: bool = True) -> str:
    """Whose code it can have been, in words."""
    setup = epoch.setup
    own = [type(one).__name__ for one in setup.callbacks if not type(one).__module__.startswith("neurokit")]
    names = ["train_step"] * setup.steps_itself + ["compute_loss"] * (not setup.plain and not setup.steps_itself)
    words = " or ".join([*names, "forward", *dict.fromkeys(own)])
    return ("Your " if first else "your ") + words


def batchnorm_in_evaluation(epoch: FirstEpoch) -> Finding | None:
    """Validation changed BatchNorm's statistics: the model learns from the rows it is judged by (S5)."""
    if not epoch.evaluated:
        return None
    names = listed(map(_spelled, epoch.evaluated))
    return Finding(
        "error",
        f"Evaluating changed the statistics of {len(epoch.evaluated)} BatchNorm layers ({names}, "
        f"{max(epoch.evaluated.values())} times each), so the model takes over numbers of the validation rows and its "
        "figures are not those of the model you keep. Remove the call of train() from "
        f"{_suspects(epoch, first=False)}: the loop sets every mode itself.",
    )


def frozen_batchnorm(epoch: FirstEpoch) -> Finding | None:
    """BatchNorm layers under a frozen backbone take statistics of the new data: it is not frozen (S5)."""
    before, after = epoch.moments()
    parts: dict[str, int] = {}
    for name, count in before.statistics.items():
        if after.statistics.get(name, count) != count and (part := _frozen_part(epoch, name)) is not None:
            parts[part] = parts.get(part, 0) + 1
    if not parts:
        return None
    return Finding(
        "warning",
        f"{listed(map(_spelled, parts))} is frozen, and {sum(parts.values())} BatchNorm layers in it took the "
        "statistics of your batches, so its outputs drift while the head learns from them. Write "
        f"{listed(f'{_spelled(part)}.eval()' for part in parts)} before fit, which keeps what is in eval() there.",
    )


def _frozen_part(epoch: FirstEpoch, norm: str) -> str | None:
    """The largest part around a BatchNorm layer of which nothing learns; the layer itself in a flat model."""
    before, after = epoch.moments()
    frozen = before.frozen & after.frozen & set(epoch.still)
    parameters = [name for name, _ in epoch.model.named_parameters()]
    modules = dict(epoch.model.named_modules())
    own = [name for name in parameters if name.startswith(f"{norm}.")]
    if not set(own) <= frozen:
        return None
    path = norm.split(".")
    for length in range(1, len(path)):
        part = ".".join(path[:length])
        inside = [name for name in parameters if name.startswith(f"{part}.")]
        if set(inside) <= frozen and any(_owner(modules, name) for name in inside):
            return part
    return norm if own and any(_owner(modules, name) for name in frozen) else None


def _owner(modules: dict[str, Any], parameter: str) -> bool:
    """Whether a parameter is of another layer than BatchNorm."""
    return not isinstance(modules[parameter.rpartition(".")[0]], _BatchNorm)


def _spelled(name: str) -> str:
    """A submodule as one writes it: ``model.features[0]``."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", f"model.{name}") if name else "model"


def _part(name: str) -> str:
    return f"{_spelled(name)}" if name else "the whole model"
