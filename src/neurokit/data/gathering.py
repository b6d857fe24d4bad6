"""Gathering: rows picked from columns, and put where a step takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from neurokit.data.arrays import Column
from neurokit.devices import Brake, free_memory, has_streams, located, sent
from neurokit.layout import laid_out

_BLOCKS_AHEAD = 2  # on their way to a device
SHARE = 0.25  # of the device's free memory, which rows may take for a fit


class Gathering:
    """Picks rows of every column: where the column is, and brings them to the device where one is given.

    Row numbers are sent once for all columns, and rows that stay on the host once for all batches of a block, out of
    pinned memory, where they lie until they are there: no more than some blocks at a time.

    Args:
        columns: What is picked from.
        device: Where the rows shall be; ``None`` leaves them where their column is.
        channels: Pictures of so many channels come in the layout channels last.

    Example:
        >>> Gathering([torch.arange(4) * 10])(torch.tensor([3, 1]))
        [tensor([30, 10])]
    """

    def __init__(
        self, columns: Sequence[Column], device: torch.device | None = None, channels: frozenset[int] = frozenset()
    ) -> None:
        self.columns, self.device, self.channels = columns, device, channels
        self._brake = None if device is None or not has_streams(device) else Brake(device, _BLOCKS_AHEAD)

    def __call__(self, rows: Tensor) -> list[Tensor]:
        """Return the rows at these numbers, a tensor for each column."""
        numbers = {rows.device: rows}
        picked = []
        for column in self.columns:
            place = column.device if isinstance(column, Tensor) else rows.device
            if place not in numbers:
                numbers[place] = sent(rows, place)
            part = self._picked(column, numbers[place])
            picked.append(laid_out(part, self.channels) if self.channels else part)
        if self._brake is not None and any(_on_host(column) for column in self.columns):
            self._brake()
        return picked

    def _picked(self, column: Column, rows: Tensor) -> Tensor:
        device = self.device
        if device is None or (isinstance(column, Tensor) and column.device == device):
            return column.index_select(0, rows)
        if has_streams(device) and isinstance(column, Tensor) and column.device.type == "cpu":
            pinned = torch.empty((len(rows), *column.shape[1:]), dtype=column.dtype, pin_memory=True)
            return torch.index_select(column, 0, rows, out=pinned).to(device, non_blocking=True)
        return sent(column.index_select(0, rows), device)

    def is_on(self, device: torch.device) -> bool:
        """Tell whether what is picked is on a device."""
        if self.device is not None:
            return self.device == located(device)
        return all(isinstance(column, Tensor) and column.device == located(device) for column in self.columns)


def _on_host(column: Column) -> bool:
    return not isinstance(column, Tensor) or column.device.type == "cpu"


class Store:
    """Keeps columns on a device for as long as it lives itself, each once, while there is room.

    Args:
        device: Where.
        room: Bytes that may be used; ``None`` is a quarter of what the device has free, nothing where none is known.

    Attributes:
        used: Bytes that were copied there.

    Example:
        >>> store = Store(torch.device("meta"), room=100)
        >>> [column.device.type for column in store.kept([torch.zeros(25)])], store.used
        (['meta'], 100)
    """

    def __init__(self, device: torch.device, room: int | None = None) -> None:
        self.device = located(device)
        self.used = 0
        self._room = int(SHARE * free_memory(device)) if room is None else room
        self._kept: dict[int, tuple[Column, Tensor]] = {}  # by the id of the column on the host, which lives as long

    def kept(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return columns as they are on the device, all of them, or as they are where there is no room for all."""
        moving = [
            column
            for column in {id(one): one for one in columns}.values()
            if isinstance(column, Tensor) and column.device != self.device and id(column) not in self._kept
        ]
        size = sum(column.nbytes for column in moving)
        if self.used + size > self._room:
            return columns
        self.used += size
        self._kept |= {id(column): (column, column.to(self.device)) for column in moving}
        there: Mapping[int, Any] = self._kept
        return [there[id(column)][1] if id(column) in there else column for column in columns]
