"""LambdaCallback: a callback made of plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurokit.arguments import nearest, suggestions
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
                known = nearest(name, EVENTS, count=len(EVENTS), cutoff=0.0)
                raise TypeError(
                    f"There is no hook {name!r}.{suggestions(name, EVENTS, cutoff=0.75)} LambdaCallback takes "
                    f"{', '.join(known)}."
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"{name} of LambdaCallback takes a function, got {function!r:.60} ({type(function).__name__}). "
                    f"Pass one, such as {name}=lambda *arguments: print(arguments)."
                )
            setattr(self, name, function)
