"""Workers: a torch DataLoader of ours with the user's worker processes and memory settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

_SETTINGS = ("num_workers", "pin_memory", "timeout", "multiprocessing_context", "prefetch_factor", "persistent_workers")


class Reader:
    """What a DataLoader yields, read from a wrapper of its dataset with its workers.

    Args:
        description: The user's DataLoader.
        dataset: The wrapper, which holds the user's dataset as ``dataset.dataset``.
        **arguments: How it makes batches, in DataLoader's own words.
    """

    def __init__(self, description: DataLoader[Any], dataset: Dataset[Any], **arguments: Any) -> None:
        self.description, self.dataset, self.arguments = description, dataset, arguments
        self._loader = self._make()
        self._busy = False

    def _make(self, **changes: Any) -> DataLoader[Any]:
        settings = {name: getattr(self.description, name) for name in _SETTINGS}
        return DataLoader(
            self.dataset,
            worker_init_fn=_WorkerStart(self.description.worker_init_fn),
            generator=torch.Generator(),  # without one of its own, it draws from the global stream
            **settings | self.arguments | changes,
        )

    def __iter__(self) -> Iterator[Any]:
        # Persistent workers serve one pass at a time: a pass within a pass gets others.
        loader = self._make(persistent_workers=False) if self._busy else self._loader
        busy, self._busy = self._busy, True
        try:
            yield from loader
        finally:
            self._busy = busy

    def in_one_worker(self, **changes: Any) -> DataLoader[Any]:
        """Return a DataLoader for a look: one worker where there are any, since a dataset may open files in its own."""
        return self._make(num_workers=min(1, self.description.num_workers), persistent_workers=False, **changes)


class _WorkerStart:
    """What a worker does first: show the user's dataset as ``get_worker_info().dataset``, then what the user asks."""

    def __init__(self, user_function: Callable[[int], None] | None) -> None:
        self.user_function = user_function

    def __call__(self, worker_id: int) -> None:
        info = get_worker_info()
        assert info is not None
        # A worker_init_fn that shards the dataset it finds here would shard our wrapper, and every row come twice.
        object.__setattr__(info, "dataset", info.dataset.dataset)  # type: ignore[attr-defined]
        if self.user_function is not None:
            self.user_function(worker_id)
