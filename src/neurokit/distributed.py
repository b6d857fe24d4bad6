"""Distributed: whether this process is one of several, as torchrun's environment says."""

from __future__ import annotations

import os

from neurokit.arguments import suggestions

STRATEGIES = ("auto", "ddp", "fsdp", "none")


def check_strategy(strategy: str) -> None:
    """Refuse what this version cannot do, before several processes train the same rows side by side unnoticed.

    Raises:
        ValueError: If the strategy is unknown.
        NotImplementedError: If it asks for several processes, or ``"auto"`` finds itself one of several.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"There is no strategy {strategy!r}.{suggestions(str(strategy), STRATEGIES)} Known: "
            f"{', '.join(STRATEGIES)}. Leave it out for 'auto'."
        )
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if strategy in ("ddp", "fsdp") or (strategy == "auto" and processes > 1):
        raise NotImplementedError(
            f"This version trains in one process; strategy={strategy!r} in a group of {processes} asks for more. "
            "Start one process, or pass strategy='none' to train each on its own."
        )
