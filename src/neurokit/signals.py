"""Signals: Ctrl-C and a scheduler's notice, taken at once and acted on between two steps, where a run is whole."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

INTERRUPT = (signal.SIGINT,)
NOTICES = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)  # SLURM sends SIGTERM when time is up or a job is preempted, and SIGUSR1 or SIGUSR2 ahead of it where asked to
_TORCH_WORKERS = "torch.utils.data._utils.signal_handling"


class Signals:
    """Listens for signals while a fit runs. The first one only asks: the fit ends after the present step.

    The second acts at once: another Ctrl-C raises ``KeyboardInterrupt`` where the program is, another signal is
    delivered under the handler that was there before. Signals reach the main thread alone; elsewhere nothing is heard.

    A handler of the user's own is left in place, except that of SIGTERM, which is called when the fit has ended.

    Attributes:
        requested: The signal that asked for the end; ``None`` while nobody did.
        is_urgent: Whether a second one came, so that a step may have been cut short.
    """

    def __init__(self) -> None:
        self.requested: int | None = None
        self.is_urgent = False
        self._before: dict[int, Any] = {}
        self._ask: Callable[[], None] = _do_nothing

    def listen(self, *numbers: int, ask: Callable[[], None] | None = None) -> None:
        """Take the place of these signals' handlers until ``close``.

        Args:
            *numbers: Which signals.
            ask: What tells the loop; stays as it is when ``None``.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._ask = ask or self._ask
        for number in numbers:
            if number not in self._before and _may_take(number):
                self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: Any) -> None:
        if self.requested is None:
            self.requested = number
            self._let_workers_die()
            self._ask()
            return
        self.is_urgent = True
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        self._deliver(number)

    def _let_workers_die(self) -> None:
        """Keep torch from raising in the middle of a step because the signal reached its loader workers as well."""
        handler = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
        if getattr(handler, "__module__", "") == _TORCH_WORKERS:
            self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def close(self) -> None:
        """Put the old handlers back; hand on the signal that came. By default this ends the process: exit code 143."""
        requested, self.requested, self._ask = self.requested, None, _do_nothing
        try:
            if requested is not None and requested != signal.SIGINT:
                self._deliver(requested)
        finally:
            self._put_back()
            self.is_urgent = False

    def _deliver(self, number: int) -> None:
        """Send a notice to this process as if nobody had been listening; one ahead of SIGTERM becomes it."""
        self._put_back()
        os.kill(os.getpid(), signal.SIGTERM if number in NOTICES else number)

    def _put_back(self) -> None:
        before, self._before = self._before, {}
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _do_nothing() -> None:
    """Tell nobody."""


def _may_take(number: int) -> bool:
    """Tell whether a signal's handler may be replaced: nobody's, or that of SIGTERM, which is called afterwards."""
    handler = signal.getsignal(number)
    if isinstance(getattr(handler, "__self__", None), Signals):  # a fit within a fit: the outer one is told
        return False
    if number == signal.SIGINT:
        return handler is signal.default_int_handler
    if number == signal.SIGTERM:
        return handler is not signal.SIG_IGN
    return handler is signal.SIG_DFL and not _is_caught_outside_python(number)


def _is_caught_outside_python(number: int) -> bool:
    """Tell whether C code has a handler, as ``faulthandler.register(SIGUSR1)`` installs one. Linux tells."""
    try:
        with open("/proc/self/status") as status:
            caught = next(line for line in status if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
