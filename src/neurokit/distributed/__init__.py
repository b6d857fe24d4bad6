"""Distributed: one of several processes, as torchrun starts them. The engines are torch's own; nothing here is one."""

from neurokit.distributed.averaging import Averaging
from neurokit.distributed.environment import STRATEGIES, check_strategy, own_device
from neurokit.distributed.group import Several, join

__all__ = ["STRATEGIES", "Averaging", "Several", "check_strategy", "join", "own_device"]
