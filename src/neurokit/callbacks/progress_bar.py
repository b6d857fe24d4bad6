"""ProgressBar: a bar on a terminal or in a notebook, plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TextIO

from neurokit.arguments import check_choice, suggests_arguments
from neurokit.callbacks.callback import BatchLogs, Callback, Logs

if TYPE_CHECKING:
    from tqdm import tqdm

_INTERVAL = 0.1  # seconds between two updates of the bar
_SHARE = 20  # and at least so many times what the last update took: reading ranking metrics can be slow


class ProgressBar(Callback):
    """Shows how far a run is: a bar with loss, metrics, rate and time to go, and one line for each epoch that is done.

    ``fit``, ``evaluate`` and ``predict`` make their own from ``verbose``. On a terminal, or in a notebook that has
    ipywidgets, there is a bar; where output goes to a file or a pipe, there are lines only, without carriage returns.
    The bar is redrawn ten times a second, and in no more than a twentieth of the time. It shows the values that have
    come from the device by then: nothing waits for it. Epochs are counted from 1 here.

    Args:
        verbose: 0 shows nothing, 2 lines only; 1 and ``"auto"`` a bar where one can be shown.
        total: Batches of an evaluation or a prediction; a fit knows its own.
        stream: Where to write; ``None`` is ``sys.stdout`` as it is at the time.
        clock: What tells the time, in seconds.

    Example:
        >>> bar = ProgressBar(stream=sys.stdout, clock=lambda: 0.0)
        >>> bar.on_test_begin()
        >>> bar.on_test_end({"loss": 0.25, "accuracy": 0.9375})
        evaluate - 0.0 s - loss 0.2500 - accuracy 0.9375
    """

    order = 1
    for_one = True

    @suggests_arguments
    def __init__(
        self,
        verbose: int | Literal["auto"] = "auto",
        *,
        total: int | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_choice("verbose", verbose, ("auto", 0, 1, 2), true=1, false=0)
        self.verbose = verbose
        self.total = total
        self.stream = stream
        self.clock = clock
        self._bar: tqdm[Any] | None = None
        self._draws = False
        self._training = False
        self._began = 0.0
        self._due = 0.0  # when the bar may be redrawn

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training = True
        self._begin()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = self.clock()
        if self._bar is not None:
            description, total = self._epoch()
            self._bar.initial = 0
            self._bar.reset(total)
            self._bar.set_description_str(description)

    def on_train_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        if self._draws and (now := self.clock()) >= self._due:
            self._draw(now, *self._epoch(), batch + 1, logs)

    def _epoch(self) -> tuple[str, int | None]:
        state = self.trainer.state
        return f"epoch {state.epoch + 1}/{state.epochs}", state.steps_per_epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._line(f"epoch {epoch + 1}/{self.trainer.state.epochs}", logs or {})

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False
        self._close()
        if self.trainer.state.stop_reason is not None:
            self._write(f"stopped: {self.trainer.state.stop_reason}")

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        if not self._draws or (now := self.clock()) < self._due:
            return
        if self._training:  # the bar is the epoch's: it stands at its end, and validation counts behind it
            self._draw(now, *self._epoch(), self.trainer.state.batch, None, f"validating, batch {batch + 1}")
        else:
            self._draw(now, "evaluate", self.total, batch + 1, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._close()
            self._line("evaluate", logs or {})

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._draws and (now := self.clock()) >= self._due:
            self._draw(now, "predict", self.total, batch + 1, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._close()
        self._line("predict", {})

    def _begin(self) -> None:
        self._close()  # of a prediction that nobody read to its end
        self._draws = self.verbose in (1, "auto") and (self._output().isatty() or _has_widgets())
        self._began = self.clock()
        self._due = self._began + _INTERVAL

    def _output(self) -> TextIO:
        return sys.stdout if self.stream is None else self.stream

    def _draw(
        self, now: float, description: str, total: int | None, done: int, logs: BatchLogs | None, note: str = ""
    ) -> None:
        """Redraw the bar, made when it is first drawn, and say when it may be again."""
        bar = self._bar
        if bar is None:
            bar = self._bar = self._open(description, total, initial=done)
        bar.n = done
        bar.set_postfix_str(note or _values(_arrived(logs), ", "), refresh=False)
        bar.refresh()
        finished = self.clock()
        self._due = finished + max(_INTERVAL, _SHARE * (finished - now))

    def _open(self, description: str, total: int | None, initial: int) -> tqdm[Any]:
        return _bar_class(self._output())(
            desc=description,
            total=total,
            initial=initial,
            unit=" batches",
            leave=False,
            dynamic_ncols=True,
            file=self._output(),
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, what: str, logs: Mapping[str, float]) -> None:
        """Write the line of something that is done."""
        self._write(" - ".join([what, _duration(self.clock() - self._began), *filter(None, [_values(logs, " - ")])]))

    def _write(self, text: str) -> None:
        if self.verbose == 0:
            return
        from tqdm import tqdm

        tqdm.write(text, file=self._output())
        self._output().flush()


def _bar_class(output: TextIO) -> type[tqdm[Any]]:
    if output.isatty():
        from tqdm import tqdm

        return tqdm
    from tqdm.notebook import tqdm_notebook

    return tqdm_notebook


def _has_widgets() -> bool:
    """Tell whether this is a notebook that can show a bar of its own; without ipywidgets it gets lines."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config and find_spec("ipywidgets") is not None


def _arrived(logs: Any) -> Mapping[str, float]:
    """Batch logs as far as they are known without waiting for the device."""
    return logs.arrived() if hasattr(logs, "arrived") else logs or {}


def _values(logs: Mapping[str, float], separator: str) -> str:
    return separator.join(f"{name} {_number(value)}" for name, value in logs.items())


def _number(value: float) -> str:
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3e}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {seconds:02d} s"


def progress(verbose: Literal["auto"] | int, total: int | None = None) -> list[Callback]:
    """Return the progress bar, unless the run is to be silent."""
    return [] if verbose == 0 else [ProgressBar(verbose, total=total)]
