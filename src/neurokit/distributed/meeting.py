"""Meeting: how the processes that were started together find each other, and none that was started before them."""

from __future__ import annotations

import time
import uuid
from typing import Any

import torch
import torch.distributed as dist

from neurokit.distributed import environment

_LOOK = 0.02  # seconds between two looks of the first process at who is there


def meet(device: torch.device) -> None:
    """Set up torch's process group.

    Where torchrun's agent keeps the store, that store outlives a restart, and a restarted group would read the
    addresses of the one that died. So each group takes names of its own in it.

    Raises:
        RuntimeError: If another process does not come within ``NEUROKIT_TIMEOUT`` seconds; says which, where torchrun's
            agent keeps the store.
    """
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    how: dict[str, Any] = {"backend": backend, "timeout": environment.patience()}
    if device.type == "cuda":
        how["device_id"] = device
    if (place := environment.agents_store()) is not None:
        rank, world = environment.rank(), environment.world_size()
        store: Any = dist.TCPStore(*place, is_master=False, timeout=environment.patience())  # type: ignore[attr-defined]
        within: Any = dist.PrefixStore  # type: ignore[attr-defined]
        how |= {"store": within(f"neurokit/{common_name(store, rank, world)}", store), "rank": rank}
        how["world_size"] = world
    try:
        dist.init_process_group(**how)
    except (dist.DistStoreError, dist.DistNetworkError) as error:  # of a store that the first process keeps
        raise RuntimeError(_absent([], environment.world_size())) from error


def common_name(store: Any, rank: int, world: int) -> str:
    """Return a name that the processes here now have in common, and that no process before them had.

    How often an agent has restarted is not one: agents count for themselves, and of two machines only that whose
    process died counts up. So each process leaves a new name of its own, the first answers to it with one for all,
    and is answered. What the dead have left answers to nothing.

    Args:
        store: One that all reach, and that may hold what others left.
        rank: Which of the processes this is.
        world: How many there are.

    Raises:
        RuntimeError: If another process does not come; says which.
    """
    own = uuid.uuid4().hex
    if rank > 0:
        store.set(f"neurokit/here/{rank}", own)
        try:
            name = store.get(f"neurokit/welcome/{own}").decode()  # waits for it
        except dist.DistStoreError as error:
            raise RuntimeError(_absent([0], world)) from error
        store.set(f"neurokit/{name}/here/{rank}", own)
        return str(name)
    absent, end = list(range(1, world)), time.monotonic() + environment.patience().total_seconds()
    while absent:
        for other in absent:
            if store.check([f"neurokit/here/{other}"]):
                store.set(f"neurokit/welcome/{store.get(f'neurokit/here/{other}').decode()}", own)
        time.sleep(_LOOK)
        absent = [other for other in absent if not store.check([f"neurokit/{own}/here/{other}"])]
        if absent and time.monotonic() > end:
            raise RuntimeError(_absent(absent, world))
    return own


def _absent(ranks: list[int], world: int) -> str:
    named = f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {', '.join(map(str, ranks))}" if ranks else "one or more"
    return (
        f"Of {world} processes, {named} did not come to train within {environment.patience().total_seconds():g} s. "
        "Each must make its Trainer: look for a process that hangs before it, reads data for that long, or takes "
        "another branch of the script. Set NEUROKIT_TIMEOUT to wait for longer."
    )
