"""LambdaCallback: a callback made of plain functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import EVENTS


class LambdaCallback(Callback):
    """Calls the functions it was given, each at the event of its name and with that hook's parameters.

    Args:
        **hooks: Functions by hook name: ``on_epoch_end=lambda epoch, logs: ...``. ``None`` is left out.

    Raises:
        TypeError: If there is no such hook, or what is given for it cannot be called.

    Example:
        >>> rates = []
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(logs["lr"]))
        >>> callback.on_epoch_end(0, {"lr": 0.1})
        >>> rates
        [0.1]
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, function in hooks.items():
            if name not in EVENTS:
                nearest = difflib.get_close_matches(name, EVENTS, n=len(EVENTS), cutoff=0.0)
                raise TypeError(
                    f"There is no hook {name!r}. Did you mean {nearest[0]!r}? The hooks are {', '.join(nearest)}."
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"{name} takes a function, and this is a {type(function).__name__}: {function!r}.")
            setattr(self, name, function)
