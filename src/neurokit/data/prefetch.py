"""Prefetch: batches on their way to a GPU, the next one copied while the present one trains."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch

from neurokit.data.batch import Batch
from neurokit.data.sources import Loader
from neurokit.data.streams import StreamLoader
from neurokit.devices import Brake, copying_stream, has_streams, pinned
from neurokit.tree import map_tensors, tensors_in

Item = TypeVar("Item")
Begun = TypeVar("Begun")
Place = Callable[[Batch], Batch]
Batches = Callable[..., Iterator[Batch]]

_STEPS_AHEAD = 2  # of the device: batches of more would pile up there where a loader is faster


def arriving(loader: Loader, place: Place | None, device: torch.device) -> tuple[Batches, Place | None]:
    """Return what yields the batches of a pass, and what is left to do to each: nothing where they are copied ahead.

    Args:
        loader: The data.
        place: What brings a batch to the device; ``None`` where it is there already.
        device: Where the model is.
    """
    if place is None or not has_streams(device):
        return loader.batches, place
    return Prefetch(loader, place, device).batches, None


class Prefetch:
    """Batches of a loader, copied to a GPU out of pinned memory, on a stream beside the one that computes.

    The next batch is read and on its way before the present one is handed out. Batches that the user's own code makes
    are read when they are asked for and no sooner, since it may look at the model, or be a generator that the next fit
    goes on with; only their copies are beside the computing then.

    Args:
        loader: The data.
        place: What brings a batch to the device and casts it there.
        device: The GPU.
    """

    def __init__(self, loader: Loader, place: Place, device: torch.device) -> None:
        self.loader, self.place, self.device = loader, place, device
        self.reads_ahead = not (isinstance(loader, StreamLoader) and loader.is_users_own)
        self._stream = copying_stream(device)
        self._brake = Brake(device, _STEPS_AHEAD)

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from batch ``start`` on, on the device."""
        batches = self.loader.batches(data_pass, start)
        copies = one_ahead(batches, self._copy) if self.reads_ahead else map(self._copy, batches)
        for copy in copies:
            yield self._arrived(copy)

    def _copy(self, batch: Batch) -> Copy:
        """Begin a copy of a batch; one that is on the device in part is placed where its tensors were made."""
        if not all(one.device.type == "cpu" and one.layout is torch.strided for one in tensors_in(batch)):
            return Copy(self.place(batch), None)
        pinned_batch = map_tensors(pinned, batch, orders=pinned)  # out of other memory a copy waits
        with self._stream:
            return Copy(self.place(pinned_batch), self._stream.record_event())

    def _arrived(self, copy: Copy) -> Batch:
        """Have the computing wait for a copy, on the device; and the host where it is too far ahead of it."""
        present = torch.accelerator.current_stream(self.device)
        if copy.done is not None:
            present.wait_event(copy.done)
            for tensor in tensors_in(copy.batch):
                tensor.record_stream(present)  # or its memory might be written to while a step reads it
        self._brake()
        return copy.batch


class Copy(NamedTuple):
    """A batch whose copy has begun, and the event at its end; ``None`` where there is nothing to wait for."""

    batch: Batch
    done: Any


def one_ahead(items: Iterable[Item], begin: Callable[[Item], Begun]) -> Iterator[Begun]:
    """Yield what ``begin`` makes of each item, the next one begun before one is handed out.

    An error that comes with the next item is raised when that is asked for, not before.

    Example:
        >>> list(one_ahead([1, 2, 3], str))
        ['1', '2', '3']
    """
    begun: deque[Begun] = deque()
    failure: Exception | None = None
    try:
        for item in items:
            begun.append(begin(item))
            if len(begun) > 1:
                yield begun.popleft()
    except Exception as error:
        failure = error
    yield from begun
    if failure is not None:
        try:
            raise failure
        finally:
            failure = None  # its traceback holds this frame
