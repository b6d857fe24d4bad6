"""Reduction: one epoch's means and metrics over all processes, from sums and weights, exact whoever had which rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurokit.data.sources import Loader
from neurokit.means import RunningMeans
from neurokit.metrics import MetricSet
from neurokit.processes import Group
from neurokit.seeding import rng_state, seed_sample, set_rng_state
from neurokit.state import TrainingState
from neurokit.tree import map_tensors

State = dict[str, Any]

_DRIFT = 1e-5  # weights that differ between processes by more than this share were not trained together


def over_all(group: Group, means: RunningMeans, metrics: MetricSet, model: nn.Module | None) -> tuple[Any, Any]:
    """Return an epoch's means and metrics over the rows of all processes: one exchange.

    Args:
        group: The processes.
        means: What this one's steps logged.
        metrics: What this one's rows gave.
        model: What was trained, to see that all processes hold the same weights; ``None`` where nothing was.

    Raises:
        RuntimeError: If they do not.
    """
    mark = None if model is None else _mark(model)
    said = group.gather((means.summed(), _on_host(metrics.state_dict()), mark))
    _check_marks([mark for _, _, mark in said])
    together = RunningMeans(torch.device("cpu"))
    together.load_state_dict(_as_steps([summed for summed, _, _ in said]))
    judged = metrics.fresh()
    judged.load_state_dict(metrics.merged([state for _, state, _ in said]))
    return together, judged


def _as_steps(summed: Sequence[Mapping[str, tuple[float, float, bool]]]) -> State:
    """Means as a state in which each process is one step."""
    names = dict.fromkeys(name for one in summed for name in one)
    found = {name: [one[name] for one in summed if name in one] for name in names}

    def vectors(place: int) -> dict[str, Tensor]:
        return {name: torch.tensor([one[place] for one in ones], dtype=torch.float64) for name, ones in found.items()}

    sums = [name for name, ones in found.items() if ones[0][2]]
    weights = vectors(1) | {name: torch.ones(len(found[name]), dtype=torch.float64) for name in sums}
    return {"values": vectors(0), "weights": weights, "sums": sums}


def _mark(model: nn.Module) -> float:
    """One number that weights have in common only if they are the same."""
    weights = [one.detach() for one in model.parameters() if one.is_floating_point() and one.numel()]
    return float(torch.stack([norm.double() for norm in torch._foreach_norm(weights)]).sum()) if weights else 0.0


def _check_marks(marks: Sequence[float | None]) -> None:
    known = [mark for mark in marks if mark is not None]
    if known and max(known) - min(known) > _DRIFT * max(abs(mark) for mark in known):
        raise RuntimeError(
            f"The processes no longer hold the same weights: their norms add up to {', '.join(map(str, known))}, by "
            "rank. Something moved them on one process alone: an optimizer that the trainer does not know, or a "
            "callback that writes to the model. Give the trainer every optimizer, and change weights on all ranks."
        )


def _on_host(state: Any) -> Any:
    return map_tensors(lambda tensor: tensor.cpu(), state)


def state_of_all(group: Group, state: State, metrics: MetricSet) -> State:
    """Return a running trainer's state as one process would have it, and every process's random streams.

    So a checkpoint does not know how many processes wrote it: one process can go on with it, or three.
    """
    said = group.gather((_on_host(state["means"]), _on_host(state["metrics"]), state["rng"]))
    means = [means for means, _, _ in said]
    state["means"] = {
        part: {
            name: torch.cat([one[part][name] for one in means if name in one[part]])
            for name in dict.fromkeys(name for one in means for name in one[part])
        }
        for part in ("values", "weights")
    } | {"sums": sorted({name for one in means for name in one["sums"]})}
    state["metrics"] = metrics.merged([judged for _, judged, _ in said])
    state["rng"] = said[0][2]
    state["rng_of_ranks"] = [streams for _, _, streams in said]
    return state


def enter_streams(group: Group, state: TrainingState, saved: Sequence[State] = ()) -> None:
    """Give each process random streams of its own: saved ones, or a function of (seed, rank, step).

    The first keeps what one process would draw. What rows draw as they are read does not depend on it.
    """
    if len(saved) == group.world:
        set_rng_state(saved[group.rank])
    elif not group.is_first:
        seed_sample(state.seed, -1 - group.rank, state.step)
        if torch.cuda.is_available():
            torch.cuda.manual_seed((state.seed + group.rank) % 2**63)


def leave_streams(group: Group) -> None:
    """Give all processes the first one's streams: what a script draws next is the same in all of them."""
    set_rng_state(group.gather(rng_state())[0])


def in_turn(group: Group, batches: Iterator[Any], loader: Loader) -> Iterator[Any]:
    """Yield every process's batches of predictions in the order of their rows, in each process."""
    if not group.is_several:
        yield from batches
        return
    with group.doing("predict"):
        for first in range(0, loader.num_batches or 0, group.world):
            mine = next(batches) if first + group.rank < (loader.num_batches or 0) else None
            found = group.gather(_on_host(mine))
            yield from found[: (loader.num_batches or 0) - first]
        for _ in batches:
            raise RuntimeError("A process has predictions of more batches than its share. Please report this.")
