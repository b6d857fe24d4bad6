"""Plain loop: what ``show_loop`` has to know of a trainer and a fit to write the program that does the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from neurokit import modes
from neurokit.data.batch import Batch
from neurokit.data.memory import InMemoryLoader
from neurokit.losses import Criterion
from neurokit.planning import Plan
from neurokit.runtime import floating_dtype
from neurokit.show_loop import LoopPlan, optimizer_call
from neurokit.task import Task

if TYPE_CHECKING:
    from neurokit.trainer import Trainer


def loop_plan(trainer: Trainer, given: Mapping[str, Any], plan: Plan | None = None) -> LoopPlan:
    """Return what decides about the weights in a fit with these arguments; all of it where its data are known.

    Args:
        trainer: Who trains.
        given: The arguments of ``fit``, data left out.
        plan: The fit itself, where it was planned.

    Raises:
        ValueError: If the optimizer of a lazy model is not built yet.
    """
    optimizers = list(trainer.optimizers.values())
    if not optimizers:
        raise ValueError("The optimizer of a lazy model is built by its first fit. Call fit, then show_loop.")
    data = plan.data.train if plan and isinstance(plan.data.train, InMemoryLoader) else None
    batch = Batch(None) if data is None else trainer.place(data.peek())
    tensors = isinstance(batch.x, Tensor) and isinstance(batch.y, Tensor)
    plain = "compute_loss" not in trainer.overrides and not trainer.chosen and (tensors or data is None)
    loss = trainer.criterion if plain and isinstance(trainer.criterion, Criterion) else None
    updates = plan.state.updates_per_epoch if plan else None
    validation = plan.data.validation if plan else given["validation_data"]
    left_out = {
        "your own train_step": trainer.steps_itself,
        "the other optimizers": len(optimizers) > 1,
        "what the optimizer remembers of earlier training": any(one.state for one in optimizers),
        "your loader: x and y are tensors here": plan is not None and data is None,
        "several inputs or targets: x and y are tensors here": data is not None and not tensors,
        "class_weight, whose order the data tell": plan is None and given["class_weight"] is not None,
        f"steps_per_epoch={given['steps_per_epoch']}": given["steps_per_epoch"] is not None,
        "the checkpoint that the run goes on from": given["resume"] is not None,
        "compile=True, which makes this step one program, equal to rounding": trainer.arguments["compile"],
    }
    return LoopPlan(
        **{name: trainer.arguments[name] for name in ("precision", "accumulate", "max_grad_norm")},
        **{name: given[name] for name in ("epochs", "validation_split", "callbacks")},
        loss=None if loss is None else loss.function, kind=None if loss is None else loss.kind,
        task=trainer.task if isinstance(trainer.task, Task) else None,
        optimizer=optimizer_call(optimizers[0], trainer.model), modes=modes.get_modes(trainer.model),
        batch_size=data.batch_size if data else given["batch_size"] or 32,
        shuffle=data.shuffle if data else given["shuffle"],
        seed=trainer.data_seed(), device=str(trainer.runtime.device), dtype=floating_dtype(trainer.model),
        x=batch.x.to("meta") if tensors else None, y=batch.y.to("meta") if tensors else None,
        updates=None if updates is None else updates * given["epochs"],
        metrics=plan.metrics.names if plan else [one for one in trainer.arguments["metrics"] if isinstance(one, str)],
        ignores=plan is not None and loss is not None and loss.counts_ignored,
        sample_weight=given["sample_weight"] is not None and given["sample_weight"] is not False,
        class_weight=plan.class_weight if plan else None,
        joins_lone_row=data.joins if data else modes.trains_batch_norm(trainer.model),
        validation=validation is not None or given["validation_split"] > 0,
        validation_weight=getattr(validation, "weight", None) is not None,
        stratified=plan is not None and plan.data.split.get("how") == "stratified",
        left_out=[what for what, applies in left_out.items() if applies],
    )  # fmt: skip
