"""TrainingState: the counters of a fit, and where its data stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class TrainingState:
    """How far a fit has come. Everything here counts from 0 and belongs to one fit, except the seed.

    Attributes:
        seed: The data seed: order and augmentation are functions of it, the pass and the index.
        epochs: Planned number of epochs.
        steps_per_epoch: Batches in an epoch; ``None`` when the data do not say.
        updates_per_epoch: Optimizer updates in an epoch; ``None`` when the data do not say.
        epoch: The epoch being trained; after its end, the next one.
        batch: Batches done in this epoch.
        step: Batches done in this fit.
        updates: Optimizer updates done in this fit.
        data_pass: How often the data were gone through; the epoch, unless ``steps_per_epoch`` cuts it otherwise.
        data_batch: Batches taken from this pass.
        stop_reason: Why the fit ends, or ``None`` while it goes on.
    """

    seed: int = 0
    epochs: int = 0
    steps_per_epoch: int | None = None
    updates_per_epoch: int | None = None
    epoch: int = 0
    batch: int = 0
    step: int = 0
    updates: int = 0
    data_pass: int = 0
    data_batch: int = 0
    stop_reason: str | None = None

    _SAVED = ("seed", "epoch", "batch", "step", "updates", "data_pass", "data_batch")

    def end_batch(self, updated: bool) -> None:
        """Count a training step, and the update it ended with."""
        self.batch += 1
        self.data_batch += 1
        self.step += 1
        self.updates += updated

    def end_epoch(self) -> None:
        """Move on to the next epoch."""
        self.epoch += 1
        self.batch = 0

    def end_pass(self) -> None:
        """Begin the data anew."""
        self.data_pass += 1
        self.data_batch = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the counters a resumed run goes on from."""
        return {name: getattr(self, name) for name in self._SAVED}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        for name in self._SAVED:
            if type(state[name]) is not int or (state[name] < 0 and name != "seed"):
                raise ValueError(f"{name} is a count of 0 or more, and the state holds {state[name]!r:.40}.")
        for name in self._SAVED:
            setattr(self, name, state[name])
