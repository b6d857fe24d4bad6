"""Where a run can happen: choosing a device, saying what it is, timing what it can do."""

from __future__ import annotations

import functools
import os
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from neurokit.arguments import suggestions


def select_device(preference: str | torch.device = "auto") -> torch.device:
    """Return the device to train on: the fastest this machine has, unless told otherwise.

    Args:
        preference: ``"auto"`` picks CUDA, then MPS, then CPU; anything else is a torch device or its name.

    Raises:
        ValueError: If the named device does not exist here.

    Example:
        >>> select_device("cpu")
        device(type='cpu')
    """
    counts = _device_counts()
    if preference == "auto":
        return torch.device(next(iter(counts)))
    here = ", ".join(kind if count == 1 else f"{kind}:0 to {kind}:{count - 1}" for kind, count in counts.items())
    if not isinstance(preference, (str, int, torch.device)) or isinstance(preference, bool):
        raise TypeError(
            f"device is a name such as 'cuda:0' or a torch.device, got {preference!r} ({type(preference).__name__}). "
            f"This machine has: {here}. Pass 'auto' for the fastest."
        )
    try:
        device = torch.device(preference)
    except RuntimeError:  # torch's way of saying that it does not know the name
        device = None
    if device is None or (device.index or 0) >= counts.get(device.type, 0):
        word = str(preference)
        hint = suggestions(_OTHER_NAMES.get(word.lower(), word), ("auto", "cuda", "cuda:0", "mps", "cpu"))
        if device is not None:  # a device of torch's, and none of this machine
            hint = _why_absent(device)
        raise ValueError(
            f"There is no device {word!r} here. This machine has: {here}.{hint} Pass 'auto' for the fastest that is "
            "here."
        )
    return device


_OTHER_NAMES = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps", "processor": "cpu"}


def _why_absent(device: torch.device) -> str:
    """Say why a device that torch knows is not here."""
    if device.type == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        why = "finds no GPU with a driver" if built else "was installed without CUDA"
        return f" This torch ({torch.__version__}) {why}."
    return " A meta device holds shapes and no numbers." if device.type == "meta" else ""


def _device_counts() -> dict[str, int]:
    """Return how many devices of each kind exist, the fastest kind first."""
    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    return {kind: count for kind, count in counts.items() if count}


def located(device: torch.device) -> torch.device:
    """Return a device as its tensors name it: ``"cuda"`` is the present one of several, such as ``"cuda:0"``.

    Example:
        >>> located(torch.device("cpu"))
        device(type='cpu')
    """
    return torch.empty(0, device=device).device


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free on a CUDA device, what torch holds there for later included; 0 for any other.

    Example:
        >>> free_memory(torch.device("cpu"))
        0
    """
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device without waiting for it; from the host it leaves out of pinned memory.

    Example:
        >>> sent(torch.zeros(2), torch.device("meta")).device
        device(type='meta')
    """
    if has_streams(device) and tensor.device.type == "cpu":
        tensor = pinned(tensor)
    return tensor.to(device, non_blocking=has_streams(device))


def pinned(tensor: Tensor) -> Tensor:
    """Return a tensor of the host in pinned memory, out of which a device copies while both work; needs a device."""
    if tensor.is_pinned():
        return tensor
    held = torch.empty_like(tensor, memory_format=torch.preserve_format, pin_memory=True)  # dense where it is spread
    return held.copy_(tensor.detach())


@functools.cache
def copying_stream(device: torch.device) -> torch.Stream:
    """Return the stream beside the computing one, on which batches come to a device: memory is kept for each stream."""
    return torch.Stream(device)


class Brake:
    """Keeps Python from getting further ahead of a device than some calls: what it queues takes memory.

    Args:
        device: One with streams.
        ahead: How many calls the device may be behind.
    """

    def __init__(self, device: torch.device, ahead: int) -> None:
        self.device, self.ahead = device, ahead
        self._reached: deque[torch.Event] = deque()

    def __call__(self) -> None:
        """Note what is queued by now, and wait while the device is too far behind."""
        self._reached.append(torch.accelerator.current_stream(self.device).record_event())
        if len(self._reached) > self.ahead:
            self._reached.popleft().synchronize()


class Arriving:
    """Numbers on their way from a device to the host, for which nobody waits.

    Args:
        tensor: Where they are now.

    Example:
        >>> Arriving(torch.tensor([1.0, 2.0])).numbers()
        tensor([1., 2.])
    """

    def __init__(self, tensor: Tensor) -> None:
        waits = has_streams(tensor.device)
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=waits)
        self._host.copy_(tensor, non_blocking=waits)
        self._event = torch.accelerator.current_stream(tensor.device).record_event() if waits else None

    def numbers(self) -> Tensor | None:
        """Return them; ``None`` while they are under way."""
        return self._host if self._event is None or self._event.query() else None


def has_streams(device: torch.device) -> bool:
    """Tell whether a device computes while Python goes on, and copies at the same time.

    Example:
        >>> has_streams(torch.device("cpu"))
        False
    """
    return device.type in ("cuda", "xpu")


@dataclass(frozen=True)
class DeviceDescription:
    """What a device is, as a run's record keeps it; ``str`` gives it in one line.

    Attributes:
        device: Its torch name, such as ``"cuda:0"``.
        name: What the maker calls it.
        memory: Its memory in bytes; ``None`` where the system does not tell.
        cores: CPU cores this process may use.
        threads: Threads torch uses for one operation on the CPU.
        precisions: The values of ``Trainer(precision=...)`` that it computes natively or that torch offers on it.
    """

    device: str
    name: str
    memory: int | None
    cores: int
    threads: int
    precisions: tuple[str, ...]

    def __str__(self) -> str:
        memory = "unknown memory" if self.memory is None else f"{self.memory / 2**30:.1f} GiB"
        cores = f"{self.cores} CPU core{'s' if self.cores > 1 else ''}, {self.threads} used by torch"
        return f"{self.device}: {self.name}, {memory}, {cores}, {'/'.join(self.precisions)}"


def describe_device(device: str | torch.device = "auto") -> DeviceDescription:
    """Return what a device is: its name, memory, cores, threads and precisions.

    Args:
        device: As in ``select_device``.

    Raises:
        ValueError: If the named device does not exist here.

    Example:
        >>> describe_device("cpu").precisions
        ('fp32', 'bf16')
    """
    chosen = select_device(device)
    memory: int | None
    if chosen.type == "cuda":
        properties = torch.cuda.get_device_properties(chosen)
        name, memory = properties.name, properties.total_memory
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        precisions: tuple[str, ...] = ("fp32", "bf16", "fp16") if native else ("fp32", "fp16")
    elif chosen.type == "mps":
        name, memory = "Apple GPU", torch.mps.recommended_max_memory()
        precisions = ("fp32", "bf16", "fp16")
    else:
        name, memory, precisions = _cpu_name(), _ram(), ("fp32", "bf16")
    return DeviceDescription(str(chosen), name, memory, _usable_cores(), torch.get_num_threads(), precisions)


def _cpu_name() -> str:
    """Return the CPU's name; only Linux tells it without starting a process, elsewhere its architecture must do."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine() or "CPU"


def _ram() -> int | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # what a container or taskset leaves us, which may be less than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def time_matmul(
    device: str | torch.device,
    size: int = 1024,
    *,
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the seconds one multiplication of two square float32 matrices takes: the median of several.

    An accelerator only queues the work, so the clock is read after waiting for it, and one multiplication beforehand
    pays for what is set up once.

    Args:
        device: As in ``select_device``.
        size: Rows and columns; one multiplication is ``2 * size**3`` operations.
        repeats: How many are timed.
        clock: Seconds from any fixed moment.

    Raises:
        ValueError: If the named device does not exist here.

    Example:
        >>> time_matmul("cpu", size=64) > 0
        True
    """
    chosen = select_device(device)
    generator = torch.Generator().manual_seed(0)  # the global stream is the user's
    left, right = (torch.rand(size, size, generator=generator).to(chosen) for _ in range(2))

    def multiply() -> float:
        start = clock()
        left @ right
        if chosen.type != "cpu":
            torch.accelerator.synchronize(chosen)
        return clock() - start

    multiply()
    return statistics.median(multiply() for _ in range(repeats))
