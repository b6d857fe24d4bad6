"""Distributed: one of several processes, as torchrun starts them. The engines are torch's own; nothing here is one."""

from neurokit.distributed.averaging import Averaging
from neurokit.distributed.environment import STRATEGIES, check_strategy, own_device
from neurokit.distributed.group import Group, Several, by_the_first, join, together

__all__ = [
    "STRATEGIES",
    "Averaging",
    "Group",
    "Several",
    "by_the_first",
    "check_strategy",
    "join",
    "own_device",
    "together",
]
