"""Processes: one alone, and what many do together or through the first of them. Several are in ``distributed``.

Needs no torch, as whoever serves a bundle has none.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Group:
    """One process alone: it is the first, says everything to itself, and waits for nobody.

    Attributes:
        rank: Which of the processes this is, from 0.
        world: How many there are.
        is_first: Whether this is the one that writes files and draws.
        is_several: Whether there are others.
    """

    rank, world = 0, 1
    is_first, is_several = True, False

    @property
    def files(self) -> Any:
        """The ``torch.distributed`` group in which files are agreed on; ``None`` of one alone."""
        return None

    def apart(self) -> Any:
        """Return one more such group, for who agrees on files at the same time as others. Each must call it."""
        return None

    def leave(self, group: Any) -> None:
        """Give up what ``apart`` returned."""

    def described(self) -> dict[str, int]:
        """What a run's record says of the processes; nothing of one alone."""
        return {"processes": self.world} if self.is_several else {}

    def gather(self, value: Any) -> list[Any]:
        """Return what each process passed, by rank. Each must call it."""
        return [value]

    def highest(self, numbers: Sequence[int]) -> list[int]:
        """Return the highest that any process passed, place by place."""
        return list(numbers)

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """Run what may fail in one process and not in another; all wait for each other, and all raise what one did.

        Inside goes what this process does alone, and nothing in which it waits for the others.
        """
        yield

    @contextmanager
    def by_itself(self) -> Iterator[None]:
        """Run what this process does while the others do something else: ``as_one`` waits for nobody there."""
        yield

    def add_up(self, tensor: Tensor) -> Tensor:
        """Return the sum of every process's tensor, on its device, which need not be waited for."""
        return tensor

    def average(self, gradients: Sequence[Tensor], share: Tensor | float) -> None:
        """Replace gradients by their sum over the processes, each times its share."""

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Run what the processes do together; let them tell each other how it failed."""
        yield


def together(method: Callable[Concatenate[Any, Parameters], Result]) -> Callable[Concatenate[Any, Parameters], Result]:
    """Make a method of an owner that has a ``group`` something that the processes do together."""

    @functools.wraps(method)
    def done(owner: Any, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with owner.group.doing(method.__name__):
            return method(owner, *args, **kwargs)

    return done


def by_the_first(write: Callable[Parameters, Path]) -> Callable[Parameters, Path]:
    """Have the first process write what an owner of a ``group`` is written as; the others wait until it is there.

    The function takes the owner first, and then where it writes, which it returns.
    """
    names = list(inspect.signature(write).parameters)[:2]

    @functools.wraps(write)
    def written(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Path:
        given: dict[str, Any] = {**kwargs, **dict(zip(names, args, strict=False))}
        owner: Any = given.get(names[0])
        group = getattr(owner, "group", None)
        if not isinstance(group, Group) or not group.is_several:
            return write(*args, **kwargs)
        if getattr(owner, "shards", False):
            raise ValueError(
                f"{write.__name__} needs whole weights in one process, and strategy='fsdp' divides them. Call "
                "trainer.save(folder) here; then, in one process, trainer.load(folder), and this with x=rows[:8]."
            )
        with group.doing(write.__name__), group.as_one():
            if group.is_first:
                owner.group = Group()  # what it is asked meanwhile, it answers alone
                try:
                    write(*args, **kwargs)
                finally:
                    owner.group = group
        return Path(given[names[1]])

    return written
