"""TensorBoard: the logs as scalars, for TensorBoard to draw."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neurokit.arguments import suggests_arguments
from neurokit.callbacks.callback import BatchLogs, Callback, Logs

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard(Callback):
    """Writes the epoch logs as scalars of their own names, and on request the batch logs, into event files.

    ``tensorboard --logdir runs`` shows them; its page "Custom scalars" has training and validation in pairs. Batch
    logs, running means, go to the folder ``batches`` in ``log_dir``, since their steps are batches and not epochs. A
    run that is resumed, or begun anew in the same folder, takes back the points from there on. Points that cannot be
    written, as on a full disk, are left out, which is said once; later ones are tried again.

    Args:
        log_dir: The run's folder.
        update_freq: ``"epoch"``; ``"batch"`` for batch logs too, or a number k for those of every k-th batch. Reading
            them waits for the device.

    Raises:
        ModuleNotFoundError: If TensorBoard is not installed.
        ValueError: If ``update_freq`` is none of these.

    Example:
        >>> TensorBoard("runs/mnist", update_freq=100).update_freq
        100
    """

    makes_files = for_one = True

    @suggests_arguments
    def __init__(self, log_dir: str | os.PathLike[str], update_freq: int | Literal["epoch", "batch"] = "epoch") -> None:
        if update_freq not in ("epoch", "batch") and not (isinstance(update_freq, int) and update_freq > 0):
            raise ValueError(f"update_freq is 'epoch', 'batch' or a number of batches above 0, got {update_freq!r}.")
        if find_spec("tensorboard") is None:
            raise ModuleNotFoundError(
                "The TensorBoard callback needs the package tensorboard: pip install 'neurokit-torch[tensorboard]'."
            )
        self.log_dir = Path(log_dir).expanduser()
        self.update_freq = update_freq
        self._every = update_freq if isinstance(update_freq, int) else {"epoch": 0, "batch": 1}[update_freq]
        self._epochs: SummaryWriter | None = None
        self._batches: SummaryWriter | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.log_dir.mkdir(parents=True, exist_ok=True)

    def on_train_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        step = self.trainer.state.step
        if not self._every or step % self._every:
            return
        try:
            if self._batches is None:
                self._batches = _writer(self.log_dir / "batches", step)
            _write(self._batches, logs or {}, step)
        except OSError as error:
            self._give_up(error)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        try:
            if self._epochs is None:
                self._epochs = _writer(self.log_dir, epoch)
                pairs = {name: ["Multiline", [name, f"val_{name}"]] for name in logs if f"val_{name}" in logs}
                self._epochs.add_custom_scalars({"training and validation": pairs})
            _write(self._epochs, logs, epoch)
            for writer in filter(None, (self._epochs, self._batches)):
                writer.flush()
        except OSError as error:
            self._give_up(error)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        writers, self._epochs, self._batches = (self._epochs, self._batches), None, None
        for writer in filter(None, writers):
            try:
                writer.close()
            except OSError as error:
                self._say(error)

    def _give_up(self, error: OSError) -> None:
        """Say that points are missing; the next point begins new files."""
        self._say(error)
        self._close()

    def _say(self, error: OSError) -> None:
        self.trainer._note(
            f"TensorBoard's files in {self.log_dir} cannot be written: {error.strerror or error}. Training goes on. "
            "Points are missing there, and the history has them all."
        )


def _writer(folder: Path, step: int) -> SummaryWriter:
    """Return a writer whose first point is at ``step``: readers drop what an earlier one wrote from there on."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step)


def _write(writer: SummaryWriter, logs: Mapping[str, float], step: int) -> None:
    for name, value in logs.items():
        writer.add_scalar(name, value, step)
