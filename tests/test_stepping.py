"""A step without what torch wraps around it: the same bits, and everybody who listens hears of it."""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd import profiler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.profiler import ProfilerActivity, profile

from neurokit.stepping import has_own_step, has_step_hooks, update

Make = Callable[[Any], torch.optim.Optimizer]


class Signs(torch.optim.Optimizer):
    """A user's own."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.1})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter -= group["lr"] * parameter.grad.sign()


def made(make: Make = torch.optim.Adam, seed: int = 0) -> torch.optim.Optimizer:
    weight = nn.Parameter(torch.arange(3.0))
    weight.grad = torch.randn(3, generator=torch.Generator().manual_seed(seed))
    return make([weight])


def weight(optimizer: torch.optim.Optimizer) -> torch.Tensor:
    return optimizer.param_groups[0]["params"][0].detach().clone()


@contextmanager
def labels() -> Iterator[list[str]]:
    """Notes what torch's wrapper calls each step that it passes on."""
    found: list[str] = []
    record = profiler.record_function

    def noted(name: str) -> Any:
        found.append(name)
        return record(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiler, "record_function", noted)
        yield found


@pytest.mark.parametrize(
    "make",
    [torch.optim.Adam, lambda p: torch.optim.AdamW(p, fused=True), torch.optim.Adagrad, torch.optim.RMSprop, Signs,
     lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)],
    ids=["adam", "fused adamw", "adagrad", "rmsprop", "own", "momentum"],
)  # fmt: skip
def test_it_is_a_step_to_the_bit_without_the_wrapper(make: Make) -> None:
    plain, quick = made(make), made(make)
    with labels() as found:
        for _ in range(3):
            update(quick)
        assert not found
        for _ in range(3):
            plain.step()
        assert len(found) == 3
    assert torch.equal(weight(plain), weight(quick))
    assert not torch.equal(weight(quick), torch.arange(3.0))


def test_hooks_of_the_optimizer_and_of_all_are_called() -> None:
    optimizer, heard = made(), []
    handles = [
        optimizer.register_step_pre_hook(lambda *_: heard.append("pre")),
        optimizer.register_step_post_hook(lambda *_: heard.append("post")),
        register_optimizer_step_pre_hook(lambda *_: heard.append("pre of all")),
        register_optimizer_step_post_hook(lambda *_: heard.append("post of all")),
    ]
    for handle in handles:
        assert has_step_hooks(optimizer)
        update(optimizer)
        handle.remove()
    assert not has_step_hooks(optimizer)
    update(optimizer)

    everybody = ["pre of all", "pre", "post", "post of all"]
    assert heard == everybody + [one for one in everybody if one != "pre"] + everybody[::3] + everybody[3:]


def test_a_profile_names_the_step() -> None:
    optimizer = made()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as found:
        update(optimizer)
    assert "Optimizer.step#Adam.step" in {event.name for event in found.events()}


def test_a_replaced_step_is_called_also_below_a_scheduler() -> None:
    optimizer, calls = made(), []
    inner = optimizer.step

    def step(self: Any, closure: Any = None) -> Any:
        calls.append("own")
        return inner(closure)

    optimizer.step = types.MethodType(step, optimizer)  # type: ignore[method-assign]
    assert has_own_step(optimizer)
    update(optimizer)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    assert has_own_step(optimizer)
    update(optimizer)
    assert calls == ["own", "own"]


def test_a_scheduler_is_told_and_no_replacement() -> None:
    optimizer = made()
    with warnings.catch_warnings(), labels() as found:
        warnings.simplefilter("error")  # of a scheduler that steps before its optimizer
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        assert not has_own_step(optimizer)
        update(optimizer)
        schedule.step()
        assert not found
        optimizer.step()
        assert found == ["Optimizer.step#Adam.step"]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)


def test_what_is_no_optimizer_of_torch_steps_as_it_does() -> None:
    class Duck:
        steps = 0

        def step(self) -> None:
            self.steps += 1

    duck = Duck()
    update(duck)
    assert duck.steps == 1


def test_overrides_that_copy_the_attributes_of_torchs_wrapper_are_called() -> None:
    made(torch.optim.Adagrad)  # torch wraps the step of a class when it first makes one

    class Clamped(torch.optim.Adagrad):
        @functools.wraps(torch.optim.Adagrad.step)
        def step(self, closure: Any = None) -> Any:
            super().step()
            with torch.no_grad():
                self.param_groups[0]["params"][0].clamp_(min=100.0)

    clamped = made(Clamped)
    update(clamped)
    assert torch.equal(weight(clamped), torch.full((3,), 100.0))

    replaced, calls = made(), []
    inner = type(replaced).step

    @functools.wraps(inner)
    def step(self: Any, closure: Any = None) -> None:
        calls.append("own")

    replaced.step = types.MethodType(step, replaced)  # type: ignore[method-assign]
    update(replaced)
    assert calls == ["own"]
