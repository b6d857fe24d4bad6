from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

import neurokit as nk
from neurokit.lr_finder import LRFinderResult, find_lr

N = 96
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(1))
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()


def _model() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))


def _trainer(**arguments: Any) -> nk.Trainer:
    arguments = {"loss": "cross_entropy", "metrics": ["accuracy"], "device": "cpu"} | arguments
    return nk.Trainer(arguments.pop("model", None) or _model(), **arguments)


def _bits(trainer: nk.Trainer) -> dict[str, Any]:
    """Everything a sweep may touch, copied."""
    optimizers = {
        name: [(id(group), {key: one for key, one in group.items() if key != "params"}) for group in one.param_groups]
        for name, one in trainer.optimizers.items()
    }
    return copy.deepcopy(
        {
            "model": dict(trainer.model.state_dict()),
            "gradients": [one.grad for one in trainer.model.parameters()],
            "flags": [one.requires_grad for one in trainer.model.parameters()],
            "modes": [one.training for one in trainer.model.modules()],
            "groups": optimizers,
            "moments": {name: one.state_dict()["state"] for name, one in trainer.optimizers.items()},
            "state": trainer.state.state_dict(),
            "history": trainer.history.state_dict(),
            "record": trainer.record.to_json(),
            "runtime": trainer.runtime.state_dict(),
            "python": random.getstate(),
            "numpy": np.random.get_state()[1:],
            "torch": torch.get_rng_state(),
        }
    )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _assert_same(before: dict[str, Any], trainer: nk.Trainer) -> None:
    after = _bits(trainer)
    assert [name for name in before if not _equal(before[name], after[name])] == []


def test_the_curve_falls_and_breaks_away_and_the_suggestion_trains() -> None:
    trainer = _trainer(optimizer="sgd")
    result = find_lr(trainer, X, Y, batch_size=32)
    assert result.learning_rates[0] == pytest.approx(1e-7)
    factors = np.diff(np.log(result.learning_rates))
    assert np.allclose(factors, math.log(1e8) / 99)
    assert len(result.losses) == len(result.smoothed) == len(result.learning_rates)
    assert result.suggestion == pytest.approx(result.learning_rates[int(np.argmin(result.smoothed))] / 10)
    assert "A tenth of" in result.reason
    rates = {factor: _trainer(optimizer="sgd", learning_rate=result.suggestion * factor) for factor in (1, 1e-3)}
    losses = {factor: one.fit(X, Y, epochs=5, verbose=0).history["loss"][-1] for factor, one in rates.items()}
    assert losses[1] < 0.8 * losses[1e-3]


def test_the_smoothed_loss_is_an_exponential_mean_without_bias() -> None:
    result = find_lr(_trainer(), X, Y, steps=20, end=1e-3)
    mean = 0.0
    for step, (loss, smoothed) in enumerate(zip(result.losses, result.smoothed, strict=True), 1):
        mean = 0.9 * mean + 0.1 * loss
        assert smoothed == pytest.approx(mean / (1 - 0.9**step))


def test_each_rate_is_what_the_optimizer_had_in_that_step() -> None:
    seen: list[float] = []

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    result = find_lr(_trainer(optimizer=Watched), X, Y, steps=30, end=0.1)
    assert seen == result.learning_rates


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    "arguments", [{}, {"optimizer": "sgd", "accumulate": 2}, {"precision": "bf16"}, {"max_grad_norm": 1.0}]
)
def test_everything_is_left_as_it_was_bit_for_bit(fitted: bool, arguments: dict[str, Any]) -> None:
    trainer = _trainer(**arguments)
    trainer.model[1].eval()
    trainer.model[0].bias.requires_grad_(False)
    if fitted:
        trainer.fit(X, Y, epochs=2, verbose=0)
    else:
        trainer.model(X).sum().backward()
    before, history, record = _bits(trainer), trainer.history, trainer.record
    find_lr(trainer, X, Y, steps=40)
    _assert_same(before, trainer)
    assert trainer.history is history
    assert trainer.record is record


def test_a_fit_after_a_sweep_gives_the_bits_of_one_without() -> None:
    trainer, twin = _trainer(), _trainer()
    torch.manual_seed(9)
    find_lr(trainer, X, Y, steps=40)
    trainer.fit(X, Y, epochs=2, verbose=0)
    torch.manual_seed(9)
    twin.fit(X, Y, epochs=2, verbose=0)
    assert _equal(dict(trainer.model.state_dict()), dict(twin.model.state_dict()))
    assert trainer.history.history == twin.history.history


@pytest.mark.parametrize("at", [1, 17])
def test_everything_is_left_as_it_was_when_a_step_raises(at: int) -> None:
    class Breaks(nk.Trainer):
        steps = 0

        def train_step(self, batch: Any) -> Any:
            self.steps += 1
            if self.steps == at:
                raise RuntimeError("broken")
            return super().train_step(batch)

    trainer = Breaks(_model(), loss="cross_entropy", device="cpu")
    before = _bits(trainer)
    with pytest.raises(RuntimeError, match="broken"):
        find_lr(trainer, X, Y)
    _assert_same(before, trainer)
    assert trainer.steps == 0


class _Noisy(Dataset[Any]):
    """Counts what it gives, and draws from generators of its own."""

    def __init__(self) -> None:
        self.given, self.seen = 0, [0]
        self.torch, self.numpy = torch.Generator().manual_seed(3), np.random.default_rng(3)
        self.python = random.Random(3)

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        self.given += 1
        self.seen.append(index)
        noise = torch.rand(6, generator=self.torch) + self.numpy.random() + self.python.random()
        return X[index] + 0.01 * noise.float(), Y[index]


def _streams(*generators: torch.Generator) -> list[Tensor]:
    return [one.get_state() for one in generators]


@pytest.mark.parametrize("kind", ["shuffled", "in order", "weighted", "replacing", "distributed"])
def test_a_loader_with_generators_and_counters_of_its_own_does_not_move(kind: str) -> None:
    data, generator, other = _Noisy(), torch.Generator().manual_seed(4), torch.Generator().manual_seed(5)
    how: dict[str, Any] = {
        "shuffled": {"shuffle": True},
        "in order": {},
        "weighted": {"sampler": WeightedRandomSampler([1.0] * N, N, generator=other)},
        "replacing": {"sampler": RandomSampler(data, replacement=True, num_samples=50, generator=other)},
        "distributed": {"sampler": DistributedSampler(data, num_replicas=2, rank=0)},
    }[kind]
    loader = DataLoader(data, 16, generator=generator, **how)
    numbers = data.numpy.bit_generator.state, data.python.getstate()
    before, streams = _bits(trainer := _trainer()), _streams(generator, other, data.torch)
    find_lr(trainer, loader, steps=20, end=1e-2)
    _assert_same(before, trainer)
    assert _equal(streams, _streams(generator, other, data.torch))
    assert (data.given, data.seen) == (0, [0])
    assert numbers == (data.numpy.bit_generator.state, data.python.getstate())
    assert getattr(loader.sampler, "epoch", 0) == 0


def test_workers_of_a_loader_are_used_and_ended() -> None:
    loader = DataLoader(TensorDataset(X, Y, torch.ones(N)), 16, shuffle=True, num_workers=1)
    assert len(find_lr(_trainer(), loader, steps=10, end=1e-3).losses) == 10


class _Pairs:
    """An iterable of the user's that remembers how often it was gone through."""

    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.passes += 1
        yield X[:32], Y[:32]
        yield X[32:], Y[32:]


def test_an_iterable_keeps_its_counters_and_an_iterator_is_refused() -> None:
    pairs = _Pairs()
    assert len(find_lr(_trainer(), pairs, steps=15, end=1e-3).losses) == 15
    assert pairs.passes == 0
    batches = iter(pairs)
    with pytest.raises(TypeError, match="gives its batches once"):
        find_lr(_trainer(), batches)
    assert len(list(batches)) == 2


def test_groups_keep_their_ratios_and_the_rate_shown_is_the_highest() -> None:
    model, ratios = _model(), set()

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            low, high = (group["lr"] for group in self.param_groups)
            ratios.add(round(high / low, 6))
            highest.append(high)
            return super().step(closure)

    highest: list[float] = []
    groups = [{"params": model[:4].parameters(), "lr": 0.01}, {"params": model[4].parameters(), "lr": 0.2}]
    result = find_lr(_trainer(model=model, optimizer=Watched(groups, lr=0.1)), X, Y, steps=12, end=1e-2)
    assert ratios == {20.0}
    assert highest == pytest.approx(result.learning_rates)


def test_accumulated_batches_are_one_step_of_the_sweep() -> None:
    trainer = _trainer(accumulate=3)
    result = find_lr(trainer, X, Y, steps=10, end=1e-6, batch_size=16)
    assert len(result.losses) == 10
    with torch.no_grad():
        losses = [nn.functional.cross_entropy(trainer.model(X), Y) for _ in range(3)]
    assert result.losses[0] == pytest.approx(float(losses[0]), rel=0.2)


class _Adversaries(nk.Trainer):
    """A network, an optimizer and a scheduler beside the trainer's own, and a list that grows."""

    def __init__(self, model: nn.Module, **arguments: Any) -> None:
        super().__init__(model, **arguments)
        self.critic = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=0.1)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.critic_optimizer, 5)
        self.losses: list[float] = []

    def train_step(self, batch: Any) -> dict[str, Tensor]:
        self.critic_optimizer.zero_grad()
        critic = (self.critic(self.model(batch.x).detach()) ** 2).mean()
        critic.backward()
        self.critic_optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())
        return {"g_loss": loss, "critic": critic}


def test_a_train_step_of_the_users_with_a_network_beside_is_swept_and_put_back() -> None:
    trainer = _Adversaries(_model(), device="cpu")
    others = copy.deepcopy(
        [trainer.critic.state_dict(), trainer.critic_optimizer.state_dict(), vars(trainer.schedule)["last_epoch"]]
    )
    before = _bits(trainer)
    with pytest.raises(ValueError, match="'g_loss'"):
        find_lr(trainer, X, Y)
    result = find_lr(trainer, X, Y, monitor="g_loss", steps=20, end=1e-2)
    _assert_same(before, trainer)
    now = [trainer.critic.state_dict(), trainer.critic_optimizer.state_dict(), trainer.schedule.last_epoch]
    assert _equal(others, now)
    assert trainer.losses == []
    assert len(result.losses) == 20


def test_a_model_that_returns_its_own_loss_and_several_losses_by_name_are_swept() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 3)

        def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
            return {"loss": nn.functional.cross_entropy(self.fc(x), y)}

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 3), nn.Linear(6, 1)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"a": self.a(x), "b": self.b(x)}

    own = nk.Trainer(Own(), device="cpu", optimizer="sgd")
    assert find_lr(own, X, Y, steps=60).suggestion is not None
    two = nk.Trainer(Two(), loss={"a": "cross_entropy", "b": "mse"}, device="cpu", optimizer="sgd")
    result = find_lr(two, X, {"a": Y, "b": X[:, :1]}, steps=60, batch_size=N)
    with torch.no_grad():
        outputs = two.model(X)
        whole = nn.functional.cross_entropy(outputs["a"], Y) + nn.functional.mse_loss(outputs["b"], X[:, :1])
    assert result.losses[0] == pytest.approx(float(whole), rel=1e-5)


def test_a_metric_of_the_users_is_not_touched() -> None:
    from torchmetrics.classification import MulticlassAccuracy

    metric = MulticlassAccuracy(3)
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 2]))
    before = copy.deepcopy(metric.metric_state)
    find_lr(_trainer(metrics=[metric]), X, Y, steps=10, end=1e-3)
    assert _equal(before, metric.metric_state)


def test_where_the_curve_does_not_tell_there_is_no_suggestion_and_a_sentence() -> None:
    noise = torch.arange(N) % 3
    flat = find_lr(_trainer(optimizer="sgd"), torch.zeros(N, 6), noise, end=1e-4, steps=20)
    assert flat.suggestion is None
    assert "did not fall" in flat.reason
    short = find_lr(_trainer(optimizer="sgd"), X, Y, end=0.05, steps=40, batch_size=N)
    assert short.suggestion is None
    assert "Pass a higher end" in short.reason
    assert "None" in repr(short)


def test_a_loss_that_is_not_finite_ends_the_sweep_or_at_the_first_step_is_an_error() -> None:
    line = nk.Trainer(nn.Linear(6, 1), loss="mse", optimizer="sgd", device="cpu")
    result = find_lr(line, X * 1e3, X[:, :1], end=1e20, start=1e-12)
    assert result.diverged
    assert all(map(math.isfinite, result.losses))
    with pytest.raises(nk.NonFiniteLoss, match="row 0"):
        find_lr(line, torch.full((N, 6), torch.nan), X[:, :1])


@pytest.mark.parametrize("step", [4, 30])
def test_a_row_of_nan_is_not_taken_for_a_rate_that_is_too_high(step: int) -> None:
    x = torch.randn(40 * 8, 6, generator=torch.Generator().manual_seed(2))
    x[8 * step - 3] = torch.nan
    loader = DataLoader(TensorDataset(x, torch.arange(len(x)) % 3), 8)
    result = find_lr(_trainer(), loader, steps=40, end=1e-3)
    assert len(result.losses) == step - 1
    assert result.suggestion is None
    assert f"not finite at step {step}" in result.reason
    assert "nk.diagnose" in result.reason
    assert "start" not in result.reason


def test_a_rate_that_is_too_high_from_the_start_is_still_told() -> None:
    line = nk.Trainer(nn.Linear(6, 1), loss="mse", optimizer="sgd", device="cpu")
    assert "Pass a start below" in find_lr(line, X, X[:, :1], start=5.0, end=50.0).reason


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"start_lr": 1e-6}, TypeError, "Did you mean 'start'"),
        ({"num_iter": 20}, TypeError, "Did you mean 'steps'"),
        ({"start": 0.0}, ValueError, "start is a number above 0"),
        ({"start": 1.0, "end": 0.1}, ValueError, "end is a number above start"),
        ({"steps": 3}, ValueError, "steps is 10 or more"),
        ({"steps": 20.0}, TypeError, "steps is a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"monitor": "los"}, ValueError, "'loss'"),
    ],
)
def test_mistakes_are_refused(given: dict[str, Any], error: type[Exception], words: str) -> None:
    trainer = _trainer()
    before = _bits(trainer)
    with pytest.raises(error, match=words):
        find_lr(trainer, X, Y, **given)
    _assert_same(before, trainer)


def test_a_module_is_refused_with_the_trainer_to_build() -> None:
    with pytest.raises(TypeError, match=r"takes a Trainer, and got a Sequential.*nk\.Trainer\(model"):
        find_lr(_model(), X, Y)  # type: ignore[arg-type]


def test_a_lazy_model_without_shapes_is_asked_for_data_first() -> None:
    trainer = nk.Trainer(nn.Sequential(nn.LazyLinear(3)), loss="cross_entropy", device="cpu")
    with pytest.raises(ValueError, match=r"trainer\.predict"):
        find_lr(trainer, X, Y)
    trainer.predict(X[:2])
    assert find_lr(trainer, X, Y, steps=10, end=1e-3).losses


RESULT = LRFinderResult([1e-3, 1e-2, 1e-1, 1.0], [2.0, 1.5, 1.0, 1e6], [2.0, 1.8, 1.4, 1e5], 1e-2, "A tenth.", True)


def test_the_plot_draws_the_curve_and_the_suggestion_into_the_axes_it_is_given() -> None:
    axes = plt.subplots()[1]
    assert RESULT.plot(axes) is axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == ("learning rate", "loss", "log")
    assert list(axes.lines[0].get_ydata()) == RESULT.data["losses"]
    assert list(axes.lines[1].get_ydata()) == RESULT.data["smoothed"]
    assert axes.lines[2].get_xdata()[0] == 1e-2
    assert axes.get_ylim()[1] < 10
    assert RESULT.plot() is not axes


def test_the_frame_has_a_row_a_step() -> None:
    frame = RESULT.to_frame()
    assert list(frame.columns) == ["learning_rate", "loss", "smoothed"]
    assert frame["loss"].tolist() == RESULT.losses
    assert RESULT.data["suggestion"] == 1e-2
