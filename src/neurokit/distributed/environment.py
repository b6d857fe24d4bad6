"""What torchrun's environment says: how many processes train together, and which of them this one is."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import torch

from neurokit.arguments import suggestions

STRATEGIES = ("auto", "ddp", "fsdp", "none")
_LAUNCH = "torchrun --nproc-per-node 2 train.py"


def check_strategy(strategy: str) -> None:
    """Refuse a strategy that is none, or one that asks for several processes where there is only this one.

    Raises:
        ValueError: If the strategy is unknown, or asks for processes that nobody started.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"There is no strategy {strategy!r}.{suggestions(str(strategy), STRATEGIES)} Known: "
            f"{', '.join(STRATEGIES)}. Leave it out for 'auto'."
        )
    if strategy in ("ddp", "fsdp") and "WORLD_SIZE" not in os.environ:
        raise ValueError(
            f"strategy={strategy!r} trains in several processes, and this one was started alone. Start them with "
            f"{_LAUNCH}, or leave strategy out: 'auto' trains alone here, and together there."
        )


def asked_for(strategy: str) -> bool:
    """Tell whether this process is to train together with others."""
    return strategy != "none" and "RANK" in os.environ and world_size() > 1


def world_size() -> int:
    """How many processes torchrun started, on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Which of this machine's processes this is, and so which of its GPUs it takes."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def own_device(preference: Any, strategy: str) -> Any:
    """Return the device that this process asks for: of a machine's GPUs, each process its own."""
    is_any = preference == "auto" or str(preference) == "cuda"
    if asked_for(strategy) and is_any and torch.cuda.is_available():
        return torch.device("cuda", local_rank())
    return preference


def agents_store() -> tuple[str, int] | None:
    """Host and port, where torchrun's agent keeps the store that the processes meet in; else ``None``."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])


def patience() -> timedelta:
    """How long a process waits for the others: ``NEUROKIT_TIMEOUT`` seconds, ten minutes without it.

    Raises:
        ValueError: If that is no number of seconds.
    """
    text = os.environ.get("NEUROKIT_TIMEOUT", "600")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise ValueError(
            f"NEUROKIT_TIMEOUT is how many seconds a process waits for the others, got {text!r}. Set a number above 0, "
            "such as 600."
        )
    return timedelta(seconds=seconds)


def rank() -> int:
    """Which of all processes this is, from 0."""
    return int(os.environ["RANK"])
