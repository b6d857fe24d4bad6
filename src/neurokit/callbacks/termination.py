"""Termination: SIGTERM, noticed in time to save the run, and then delivered as if nobody had been listening."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


class Termination:
    """Listens for SIGTERM, which schedulers and containers send some seconds before they kill.

    A signal can be heard in the main thread only, and by one listener; everywhere else nothing is ever requested.

    Attributes:
        requested: Whether the signal has come.
    """

    def __init__(self) -> None:
        self.requested = False
        self._listens = False
        self._handler: Any = None

    def listen(self) -> None:
        """Take the place of the signal's handler."""
        self.requested = False
        other = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        if threading.current_thread() is threading.main_thread() and not isinstance(other, Termination):
            self._handler = signal.signal(signal.SIGTERM, self._note)
            self._listens = True

    def _note(self, *_: Any) -> None:
        self.requested = True

    def deliver(self) -> None:
        """Put the old handler back; hand it the signal, if it has come. By default this ends the process."""
        if not self._listens:
            return
        self._listens = False
        signal.signal(signal.SIGTERM, signal.SIG_DFL if self._handler is None else self._handler)
        if self.requested:
            os.kill(os.getpid(), signal.SIGTERM)
