"""FirstEpoch: gathers evidence while the first epoch trains and validates, and lets the later checks look at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurokit.callbacks.callback import Callback, Logs
from neurokit.data.batch import Batch
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.setup import Answer, Setup

Check = Callable[["FirstEpoch"], Finding | None]


class FirstEpoch(Callback):
    """Watches the first epoch without a hook per batch, and costs nothing after it.

    Args:
        setup: What was known before.
        checks: By code, those to make when the epoch is over.
        tell: What takes a finding; raises for an error.

    Attributes:
        loader: What trained.
        batch: Its first rows; ``None`` where nobody knows what a step makes of them.
        logs: What the epoch logged, once it is over.
    """

    order = -1000  # sees the epoch before any callback of the user's changes something

    def __init__(self, setup: Setup, checks: dict[str, Check], tell: Callable[[Finding], Any]) -> None:
        self.setup, self.checks, self.tell = setup, checks, tell
        self.loader, self.batch = setup.train, setup.batch
        self.logs: Logs = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Make the checks, once."""
        checks, self.checks, self.logs = self.checks, {}, dict(logs or {})
        for code, check in checks.items():
            if found := check(self):
                self.tell(Finding(found.level, found.message, code))
        self._let_go()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Let go of the data, also where the epoch was not finished."""
        self._let_go()

    def _let_go(self) -> None:
        for name in ("setup", "loader", "batch"):
            vars(self).pop(name, None)

    @property
    def updates(self) -> int:
        """Optimizer updates so far."""
        return self.trainer.state.updates

    def answers(self, batch: Batch) -> list[Answer]:
        """Return what the model, as it is now, says of a batch, with what is true."""
        return self.trainer.answers(batch)
