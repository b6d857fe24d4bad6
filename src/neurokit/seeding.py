"""Randomness: one seed for everything, streams that can be put back, an order that follows from (seed, epoch) alone."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int, deterministic: bool = False) -> int:
    """Seed Python, NumPy and PyTorch (every device), so that a script gives the same numbers each time it runs.

    Loader workers need nothing more: their streams follow from this seed, the epoch and the sample's index.

    Args:
        seed: A whole number, 0 or more, below 2**64. NumPy's global generator takes its lower 32 bits.
        deterministic: Also ask PyTorch for deterministic algorithms. Slower on a GPU; an operation that has no
            deterministic form raises when it is used.

    Returns:
        The seed, so that it can be noted where it is set.

    Raises:
        ValueError: If the seed is negative, too large or not a whole number.

    Example:
        >>> seed_everything(42)
        42
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise ValueError(f"A seed is a whole number from 0 to 2**64 - 1, got {seed!r}. Pass one, such as 42.")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without a fixed workspace cuBLAS is not
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    return seed


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block under its own seed and give the outer random state back afterwards, exceptions included.

    Example:
        >>> before = torch.initial_seed()
        >>> with seeded(7):
        ...     first = torch.rand(1)
        >>> with seeded(7):
        ...     assert torch.equal(first, torch.rand(1))
        >>> torch.initial_seed() == before
        True
    """
    asleep = torch.cuda.is_available() and not torch.cuda.is_initialized()
    try:
        with preserved_rng():
            seed_everything(seed)
            yield
    finally:
        if asleep and not torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(torch.initial_seed())  # else CUDA would wake up with the block's seed


@contextmanager
def preserved_rng() -> Iterator[None]:
    """Run a block and leave every global random stream as it was before."""
    state = rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def rng_state() -> dict[str, Any]:
    """Return every global random stream's state: Python's, NumPy's, PyTorch's on the CPU and on each accelerator."""
    name, key, *position = np.random.get_state()
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(key).astype(np.int64)), *position),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


_NUMPY_WORDS = 624  # of a Mersenne Twister


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Put back what ``rng_state`` returned.

    Raises:
        ValueError: If the state was taken with another number of CUDA devices; nothing is changed then.
    """
    cuda: list[Tensor] = list(state.get("cuda", ()))
    if cuda and len(cuda) != torch.cuda.device_count():
        raise ValueError(
            f"The random state was saved with {len(cuda)} CUDA devices and this machine shows "
            f"{torch.cuda.device_count()}. Resume on the same number of devices (CUDA_VISIBLE_DEVICES limits them)."
        )
    name, key, *position = state["numpy"]
    sound = isinstance(key, Tensor) and key.shape == (_NUMPY_WORDS,) and type(position[0]) is int
    if not sound or not 0 <= position[0] <= _NUMPY_WORDS:  # NumPy believes it, and would read beyond its memory
        raise ValueError("The saved state of NumPy's random numbers is none. The checkpoint is not what a run wrote.")
    random.setstate(state["python"])
    np.random.set_state((name, key.numpy().astype(np.uint32), *position))
    torch.set_rng_state(state["torch"])
    if cuda:
        torch.cuda.set_rng_state_all(cuda)
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def order(rows: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch visits the rows: a permutation, int64 of shape ``(rows,)``.

    A function of (seed, epoch) alone, never of how many numbers were drawn before, so that any position can be
    entered again.

    Example:
        >>> torch.equal(order(100, seed=0, epoch=3), order(100, seed=0, epoch=3))
        True
    """
    return torch.randperm(rows, generator=torch.Generator().manual_seed((seed + epoch) % 2**64))


def _seed_numpy(seed: int) -> None:
    np.random.seed(seed % 2**32)


_SEED_CPU_STREAM: dict[str, Callable[[int], Any]] = {
    "python": random.seed,
    "numpy": _seed_numpy,
    "torch": torch.default_generator.manual_seed,  # torch.manual_seed, 70 us, also visits every accelerator
}


def seed_sample(seed: int, data_pass: int | None, index: int, streams: Iterable[str] = tuple(_SEED_CPU_STREAM)) -> None:
    """Seed the CPU's global streams for one sample: its augmentation is a function of (seed, pass, index) alone.

    Costs 6 us, of which 4 are Python's stream and 1 is torch's.

    Args:
        seed: The data seed.
        data_pass: The pass over the training data; ``None`` outside of training.
        index: Which sample, or which batch where samples have no index.
        streams: Which of ``"python"``, ``"numpy"`` and ``"torch"`` to seed.
    """
    data_pass = -1 if data_pass is None else data_pass
    mixed = hash((seed, data_pass, index)) % 2**63  # the hash of a tuple of integers is the same in every process
    for stream in streams:
        _SEED_CPU_STREAM[stream](mixed)


def cpu_streams() -> dict[str, Any]:
    """Return the state of the CPU's three global streams, as values that can be compared. Costs 35 us, NumPy's most."""
    name, key, *position = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, np.asarray(key).tobytes(), *position),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def set_cpu_streams(streams: Mapping[str, Any]) -> None:
    """Put back what ``cpu_streams`` returned."""
    name, key, *position = streams["numpy"]
    random.setstate(streams["python"])
    np.random.set_state((name, np.frombuffer(key, np.uint32), *position))
    torch.set_rng_state(torch.frombuffer(bytearray(streams["torch"]), dtype=torch.uint8))


@contextmanager
def preserved_cpu_rng() -> Iterator[None]:
    """Like ``preserved_rng`` for the streams of the CPU alone, which are what loading data may move. Costs 70 us."""
    streams = cpu_streams()
    try:
        yield
    finally:
        set_cpu_streams(streams)


def seeded_items(items: Iterable[Any], seed: int, data_pass: int | None) -> Iterator[Any]:
    """Yield what an iterable yields, each item under the stream of its (seed, pass, position); no stream is moved.

    Costs 80 us an item.
    """
    with preserved_cpu_rng():
        seed_sample(seed, data_pass, -1)
        iterator = iter(items)
    end = object()
    for position in count():
        with preserved_cpu_rng():
            seed_sample(seed, data_pass, position)
            item = next(iterator, end)
        if item is end:
            return
        yield item
