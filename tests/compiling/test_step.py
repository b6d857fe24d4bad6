"""``compile=True`` against the same fit as it is: equal to float tolerance, and said where there is none."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit import Trainer
from neurokit.compiling.program import Program, changes_tensors_only
from neurokit.compiling.step import AS_IT_IS
from neurokit.data.batch import Batch
from neurokit.state import TrainingState

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
]
X = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
Y = X @ torch.randn(6, 1, generator=torch.Generator().manual_seed(2))
LABELS = (Y.flatten() > 0).long()


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))


def fitted(model: nn.Module, compile: bool, y: Any = Y, callbacks: Any = (), **options: Any) -> Trainer:
    """Fit a copy of a model: 3 epochs of 7 batches, of which the last is smaller."""
    options = {"loss": "mse", "optimizer": "sgd", "learning_rate": 0.05, "device": "cpu", **options}
    kind, steps = options.pop("kind", Trainer), options.pop("steps", None)
    torch.manual_seed(0)
    trainer = kind(copy.deepcopy(model), compile=compile, **options)
    callbacks = [one() for one in callbacks]
    trainer.fit(X, y, batch_size=10, epochs=3, callbacks=callbacks, steps_per_epoch=steps, verbose=0)
    return trainer


def said(trainer: Trainer) -> str:
    return "\n".join(one.message for one in trainer.findings if "compile=True" in one.message)


def check_equal(one: Trainer, other: Trainer, within: float) -> None:
    for name, value in one.model.state_dict().items():
        assert torch.allclose(value, other.model.state_dict()[name], atol=within, rtol=within), name
    for name, values in one.history.history.items():
        assert values == pytest.approx(other.history.history[name], rel=100 * within, abs=100 * within), name


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": torch.optim.SGD},
        {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
         "learning_rate": None},
        {"optimizer": "adamw", "max_grad_norm": 0.5},
        {"optimizer": "rmsprop", "learning_rate": 0.01},
        {"precision": "bf16"},
        {"y": LABELS, "loss": "cross_entropy", "metrics": ["accuracy", "f1"], "model": nn.Linear(6, 2)},
        {"accumulate": 3, "max_grad_norm": 0.5},
        {"accumulate": 2, "y": LABELS, "model": nn.Linear(6, 2),
         "loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))},
        {"accumulate": 4, "loss": nn.MSELoss(reduction="sum"), "learning_rate": 0.001},
    ],
    ids=["sgd", "momentum", "clipped adamw", "rmsprop", "bf16", "metrics", "windows", "weighted windows", "sums"],
)  # fmt: skip
def test_it_learns_what_the_step_as_it_is_learns(options: dict[str, Any]) -> None:
    options = {"model": mlp(), **options}
    plain, compiled = fitted(compile=False, **options), fitted(compile=True, **options)

    assert "the step is one program, made in" in said(compiled)
    check_equal(plain, compiled, 1e-3 if "precision" in options else 2e-5)


def one_cycle() -> nk.Callback:
    return nk.LRSchedule("OneCycleLR", max_lr=0.1)


def test_a_schedule_of_rate_and_betas_is_followed_without_compiling_at_each_step() -> None:
    options: dict[str, Any] = {"optimizer": "adam", "callbacks": [one_cycle]}
    model = mlp()
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert "the step is one program, made in" in said(compiled)
    check_equal(plain, compiled, 2e-5)
    assert plain.optimizer.param_groups[0]["betas"] == compiled.optimizer.param_groups[0]["betas"] != (0.9, 0.999)


def test_a_schedule_of_momentum_is_refused_before_anything_is_compiled() -> None:
    options: dict[str, Any] = {
        "optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9), "learning_rate": None,
        "callbacks": [one_cycle],
    }  # fmt: skip
    model = mlp()
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert "cannot be one program, and runs as it is: the momentum of SGD changes during the fit" in said(compiled)
    assert "OneCycleLR leaves it alone with cycle_momentum=False" in said(compiled)
    check_equal(plain, compiled, 0)


def test_a_setting_that_changes_later_ends_the_program() -> None:
    class Decay(nk.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.trainer.optimizer.param_groups[0]["weight_decay"] = 0.1 * (epoch == 2)

    options: dict[str, Any] = {"optimizer": "adamw", "callbacks": [Decay]}
    model = mlp()
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert "runs as it is: the weight_decay of AdamW changes during the fit" in said(compiled)
    check_equal(plain, compiled, 2e-5)


def test_a_group_without_parameters_is_no_obstacle() -> None:
    def groups(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD([{"params": list(parameters)}, {"params": [], "lr": 0.1}], lr=0.05)

    options: dict[str, Any] = {"optimizer": groups, "learning_rate": None}
    model = mlp()
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert "the step is one program, made in" in said(compiled)
    check_equal(plain, compiled, 2e-5)


def test_dropout_draws_the_same_masks_where_determinism_was_asked_for() -> None:
    model = nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    torch.use_deterministic_algorithms(True)
    try:
        plain, compiled = fitted(model, False), fitted(model, True)
    finally:
        torch.use_deterministic_algorithms(False)

    check_equal(plain, compiled, 2e-5)
    assert int(compiled.model[1].num_batches_tracked) == 21


def test_gradients_and_the_optimizers_state_are_there_as_ever() -> None:
    norms: dict[bool, list[float]] = {False: [], True: []}
    model = mlp()
    for compile in norms:

        class Norms(nk.Callback):
            noted = norms[compile]

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                self.noted.append(float(torch.stack([one.grad.norm() for one in self.model.parameters()]).norm()))

        trainer = fitted(model, compile, optimizer="adam", learning_rate=1e-3, callbacks=[Norms])
        steps = {int(one["step"]) for one in trainer.optimizer.state_dict()["state"].values()}
        assert steps == {21}
        assert not trainer.optimizer.param_groups[0].get("capturable")
    assert norms[True] == pytest.approx(norms[False], rel=1e-3)


class OwnLoss(Trainer):
    def compute_loss(self, batch: Any) -> nk.StepOutput:
        predictions = self.model(batch.x)
        return nk.StepOutput((predictions - batch.y).abs().pow(1.5).mean(), predictions, batch.y)


def test_an_own_loss_is_part_of_the_program() -> None:
    model = mlp()
    plain, compiled = fitted(model, False, kind=OwnLoss), fitted(model, True, kind=OwnLoss)

    assert "the step is one program, made in" in said(compiled)
    check_equal(plain, compiled, 2e-5)


class OwnStep(Trainer):
    def train_step(self, batch: Any) -> Any:
        return super().train_step(batch) | {"twice": 2.0}


def test_an_own_step_is_told_what_compiles() -> None:
    model = mlp()
    plain, compiled = fitted(model, False, kind=OwnStep), fitted(model, True, kind=OwnStep)

    assert "only what calls super().train_step() gains" in said(compiled)
    assert "made in" in said(compiled)
    check_equal(plain, compiled, 2e-5)


# ------------------------------------------------------------------------------------------ where it cannot be compiled


class LooksAtValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y if y.sum() > 0 else 2 * y  # what a program cannot decide


class Chance(LooksAtValues):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * (2 if random.random() < 0.5 else 1)


class Remembers(LooksAtValues):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1.25
        return self.layer(x) * (1 + str(self.calls).count("7"))


@pytest.mark.parametrize(("kind", "line"), [(LooksAtValues, "y.sum() > 0"), (Chance, ""), (Remembers, "")])
def test_a_step_that_cannot_be_a_program_runs_as_it_is_which_is_said(kind: type[nn.Module], line: str) -> None:
    model = kind()
    random.seed(1)
    plain = fitted(model, False)
    random.seed(1)
    compiled = fitted(model, True)

    assert "cannot be one program, and runs as it is: " in said(compiled)
    assert line in said(compiled)
    check_equal(plain, compiled, 2e-5 if kind is Remembers else 0)  # which was compiled until that was given up


def decayed(trainer: Trainer, batch: Any, rate: Any) -> nk.StepOutput:
    output = Trainer.compute_loss(trainer, batch)
    assert output.loss is not None
    return output._replace(loss=output.loss + 5 * rate * sum(one.square().sum() for one in trainer.model.parameters()))


class ReadsRate(Trainer):
    def compute_loss(self, batch: Any) -> nk.StepOutput:
        return decayed(self, batch, self.optimizer.param_groups[0]["lr"])


class KeepsRate(Trainer):
    rate = torch.zeros(())

    def compute_loss(self, batch: Any) -> nk.StepOutput:
        return decayed(self, batch, self.rate)


class FillsRate(nk.Callback):
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.trainer.rate.fill_(self.trainer.optimizer.param_groups[0]["lr"])


def test_a_step_that_reads_the_optimizer_runs_as_it_is_and_one_that_keeps_the_rate_is_a_program() -> None:
    model = mlp()
    schedule = lambda: nk.LRSchedule("OneCycleLR", max_lr=0.1, cycle_momentum=False)  # noqa: E731
    plain, compiled = (fitted(model, one, kind=ReadsRate, callbacks=[schedule]) for one in (False, True))
    keeping = fitted(model, True, kind=KeepsRate, callbacks=[schedule, FillsRate])

    assert "it reads an optimizer" in said(compiled)
    assert "return decayed(self, batch, self.optimizer.param_groups[0]" in said(compiled)
    check_equal(plain, compiled, 0)
    assert "made in" in said(keeping)
    check_equal(plain, keeping, 2e-5)


def test_a_program_that_is_given_up_within_a_window_leaves_it_as_it_was() -> None:
    model = Remembers()
    plain, compiled = (fitted(model, compile, accumulate=4) for compile in (False, True))

    assert "cannot be one program, and runs as it is: " in said(compiled)
    check_equal(plain, compiled, 2e-5)


def test_what_is_known_to_be_no_program_is_not_tried() -> None:
    model = nn.Linear(6, 1)
    plain, compiled = fitted(model, False, optimizer="lbfgs"), fitted(model, True, optimizer="lbfgs")

    assert "LBFGS evaluates the loss itself" in said(compiled)
    check_equal(plain, compiled, 0)


def test_hooks_on_the_optimizer_are_not_passed_over() -> None:
    calls: list[int] = []

    def hooked(parameters: Any) -> torch.optim.Optimizer:
        made = torch.optim.SGD(parameters, lr=0.01)
        made.register_step_post_hook(lambda *_: calls.append(1))
        return made

    compiled = fitted(mlp(), True, optimizer=hooked, learning_rate=None)

    assert "SGD has step hooks, which a program would not call" in said(compiled)
    assert len(calls) == 21


class Breaks(LooksAtValues):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and bool((self.layer.bias.abs() > 0.3).any()):
            raise ArithmeticError("the model's own")
        return self.layer(x)


def test_an_error_of_the_model_is_its_own_error() -> None:
    with pytest.raises(ArithmeticError, match="the model's own") as raised:
        fitted(Breaks(), True, y=Y + 5)

    assert raised.value.__context__ is None


# --------------------------------------------------------------------------------------------- over the whole of a fit


def test_the_gain_and_when_it_pays_are_said() -> None:
    text = said(fitted(mlp(), True))

    assert " ms where it took " in text
    assert "this fit has 21" in text or "does not pay here" in text


def test_layers_unfrozen_on_the_way_learn() -> None:
    class Unfreeze(nk.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                self.model[0].requires_grad_(True)
                self.trainer.optimizer.add_param_group({"params": list(self.model[0].parameters()), "lr": 0.02})

    model = mlp()
    model[0].requires_grad_(False)

    def head(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD([one for one in parameters if one.requires_grad], lr=0.05, momentum=0.9)

    options: dict[str, Any] = {"optimizer": head, "learning_rate": None, "callbacks": [Unfreeze]}
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert not torch.equal(compiled.model[0].weight, model[0].weight)
    check_equal(plain, compiled, 2e-5)


@pytest.mark.parametrize(("stop", "accumulate"), [(3, 1), (AS_IT_IS + 5, 1), (AS_IT_IS + 4, 4)])
def test_a_resumed_run_ends_with_the_same_bits(stop: int, accumulate: int, tmp_path: Any) -> None:
    class Stop(nk.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.trainer.state.step == stop:
                raise RuntimeError("power cut")

    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 1))

    def trainer() -> Trainer:
        torch.manual_seed(3)
        options: dict[str, Any] = {"loss": "mse", "optimizer": "adam", "device": "cpu", "accumulate": accumulate}
        return Trainer(copy.deepcopy(model), compile=True, **options)

    def fit(one: Trainer, *callbacks: nk.Callback, folder: Any) -> None:
        saves = nk.ModelCheckpoint(folder, save_every=1)
        one.fit(X, Y, batch_size=10, epochs=3, resume=folder, callbacks=[saves, *callbacks], verbose=0)

    whole = trainer()
    fit(whole, folder=tmp_path / "whole")
    again = trainer()
    with pytest.raises(RuntimeError, match="power cut"):
        fit(again, Stop(), folder=tmp_path / "cut")
    again = trainer()
    fit(again, folder=tmp_path / "cut")

    check_equal(whole, again, 0)


def test_many_trainers_in_one_process_each_have_their_program() -> None:
    for _ in range(10):  # torch would give up the ninth of one and the same function
        assert "made in" in said(fitted(nn.Linear(6, 1), True))


def test_a_second_fit_goes_on_with_the_program() -> None:
    model = mlp()
    plain, compiled = fitted(model, False), fitted(model, True)
    for one in (plain, compiled):
        one.fit(X, Y, batch_size=10, epochs=2, verbose=0)

    assert said(compiled) == ""
    check_equal(plain, compiled, 2e-5)


class Scaled(nn.Module):
    """Multiplies by a number that a program takes as it finds it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(6, 1), 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) * self.scale


class AtBatch(nk.Callback):
    """Changes the model in the middle of an epoch, and back at its begin."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.trainer.model.scale = 0.5 + 0.5 * (batch < 4)


class AtEpoch(nk.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.trainer.model.scale = 1 / (1 + epoch)


class Changing(Trainer):
    def train_step(self, batch: Any) -> Any:
        self.model.scale = 0.5 + 0.5 * (self.state.batch < 4)
        return super().train_step(batch)


class Listener(nk.Callback):
    """Hears of every batch, and could change anything."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


class Rows(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Has code of its own, which runs between two steps."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        return X[row], Y[row]


@pytest.mark.parametrize(
    "options", [{"callbacks": [AtBatch]}, {"callbacks": [AtEpoch]}, {"kind": Changing}], ids=["batch", "epoch", "step"]
)
def test_what_somebody_changes_between_two_steps_is_seen(options: dict[str, Any]) -> None:
    model = Scaled()
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert "made in" in said(compiled)
    check_equal(plain, compiled, 2e-5)
    untouched = fitted(model, False)
    assert not torch.allclose(plain.model.linear.weight, untouched.model.linear.weight)  # the change matters


@pytest.mark.parametrize(
    ("options", "looks"),
    [
        ({}, 2 + 1), ({"callbacks": [one_cycle]}, 4 + 1), ({"callbacks": [nk.EMA]}, 2 + 1), ({"accumulate": 3}, 8 + 6),
        ({"callbacks": [Listener]}, 6 + 6), ({"kind": OwnStep}, 6 + 6), ({"data": [Rows()]}, 6 + 6),
    ],
    ids=["alone", "schedule", "average", "windows", "callback", "step", "dataset"],
)  # fmt: skip
def test_a_program_is_looked_at_once_an_epoch_where_nothing_changes_between(
    options: dict[str, Any], looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program runs for 5 batches of the second epoch and 6 of the third; each compilation takes two looks."""
    torch._dynamo.reset()  # it remembers which numbers other trainers changed
    taken: list[int] = []
    make = torch.compile

    def compile(function: Any, **given: Any) -> Any:
        guarded = make(function, **given)
        return lambda *arguments: (taken.append(1), guarded(*arguments))[1]

    monkeypatch.setattr(torch, "compile", compile)
    options = {"kind": Trainer, "data": [X, Y], "callbacks": [], "accumulate": 1, **options}
    torch.manual_seed(0)
    trainer = options["kind"](
        mlp(), loss="mse", optimizer="adam", device="cpu", compile=True, accumulate=options["accumulate"]
    )
    trainer.fit(*options["data"], batch_size=10, epochs=3, callbacks=[one() for one in options["callbacks"]], verbose=0)

    assert "made in" in said(trainer)
    assert len(taken) == looks


def changes(function: Any) -> bool:
    return not changes_tensors_only(function.__code__)


def test_code_that_may_change_anything_but_tensors_is_recognised() -> None:
    def attribute(batch: Any) -> None:
        batch.x = 1

    def global_one() -> None:
        global X
        X = None

    def cell() -> Any:
        inner = None

        def sets() -> None:
            nonlocal inner
            inner = 1

        return sets

    def gradients(batch: Any) -> None:
        batch.x.grad = batch.y

    ways: list[Any] = [
        attribute, global_one, cell(), lambda batch: batch.x.append(1), lambda batch: setattr(batch, "x", 1),
        lambda batch: batch.state.update(x=1), lambda batch: batch.state.__setitem__("x", 1),
    ]  # fmt: skip
    assert all(map(changes, ways))
    assert not any(map(changes, [gradients, lambda batch: batch.state["x"].grad, lambda batch: [batch.x, *batch.y]]))


class Anneals(Trainer):
    def compute_loss(self, batch: Batch) -> Any:
        output = super().compute_loss(batch)
        return output._replace(loss=output.loss * (1.0 if self.state.step < 17 else 0.1))


class Annealed(nn.Module):
    """Knows its trainer, and asks how far it is."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.at = nn.Linear(6, 1), [TrainingState()]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) * (1.0 if self.at[0].step < 17 else 0.1)


class Knows(nk.Callback):
    def on_train_begin(self, logs: Any = None) -> None:
        self.trainer.model.at[0] = self.trainer.state


class BySize(nn.Module):
    """Keeps what it made for the number of rows that it saw last."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 1)
        self.register_buffer("mask", torch.zeros(0, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(self.mask) != len(x):
            self.mask = torch.full((len(x), 1), 0.5)
        return self.linear(x) * self.mask


class Curious:
    """A metric that changes what it judges."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.seen = model, 0

    def update(self, predictions: torch.Tensor, targets: torch.Tensor) -> None:
        self.seen += 1
        self.model.scale = 1.0 if self.seen < 4 else 0.5

    def compute(self) -> float:
        return float(self.seen)

    def reset(self) -> None:
        self.seen = 0


@pytest.mark.parametrize(
    ("model", "options"),
    [(nn.Linear(6, 1), {"kind": Anneals}), (Annealed(), {"callbacks": [Knows]}), (BySize(), {"steps": 13})],
    ids=["loss", "model", "size"],
)  # fmt: skip
def test_what_changes_from_step_to_step_is_seen(model: nn.Module, options: dict[str, Any]) -> None:
    torch._dynamo.reset()  # it remembers which numbers changed before
    plain, compiled = fitted(model, False, **options), fitted(model, True, **options)

    assert "made in" in said(compiled) or "compiled 8 times" in said(compiled)
    check_equal(plain, compiled, 2e-5)


def test_a_program_that_asks_how_far_the_run_is_is_looked_at_each_time() -> None:
    state = TrainingState()

    def early(x: torch.Tensor) -> torch.Tensor:
        return x if state.step < 2 else -x

    program, found = Program(early), []
    for state.step in range(4):
        found.append(float(program.again(torch.ones(1))))
    assert found == [1, 1, -1, -1]


def test_a_metric_of_the_users_may_change_the_model() -> None:
    runs = []
    for compile in (False, True):
        torch.manual_seed(0)
        model = Scaled()
        trainer = Trainer(model, loss="mse", optimizer="sgd", metrics=[Curious(model)], device="cpu", compile=compile)
        trainer.fit(X, Y, batch_size=10, epochs=3, verbose=0)
        runs.append(trainer)
    assert "made in" in said(runs[1])
    check_equal(*runs, 2e-5)


@pytest.mark.parametrize("stance", ["force_eager", "eager_on_recompile"])
def test_a_compiler_that_is_told_to_stay_out_stays_out(stance: Any) -> None:
    class Late(AtEpoch):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_begin(epoch, logs)
            if epoch == 2 or stance == "force_eager":
                torch.compiler.set_stance(stance)

    model = Scaled()
    try:
        plain, compiled = fitted(model, False, callbacks=[Late]), fitted(model, True, callbacks=[Late])
    finally:
        torch.compiler.set_stance("default")
    check_equal(plain, compiled, 2e-5)


def test_steps_by_hand_after_an_epoch_that_broke_are_looked_at() -> None:
    class Breaks(nk.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise RuntimeError("power cut")

    runs = []
    for compile in (False, True):
        torch.manual_seed(0)
        trainer = Trainer(Scaled(), loss="mse", optimizer="sgd", device="cpu", compile=compile)
        with pytest.raises(RuntimeError, match="power cut"):
            trainer.fit(X, Y, batch_size=10, epochs=3, callbacks=[Breaks()], verbose=0)
        for scale in (1.0, 0.5, 0.25):
            trainer.model.scale = scale
            trainer.train_step(Batch(X[:10], Y[:10]))
        runs.append(trainer)
    check_equal(*runs, 2e-5)


def test_what_runs_again_is_what_ran_last_and_not_what_was_compiled_last() -> None:
    holder = Batch(x=True)  # a name that programs read

    def signed(x: torch.Tensor) -> torch.Tensor:
        return x if holder.x else -x

    def set_sign(is_positive: bool) -> None:
        nonlocal holder
        holder = Batch(x=is_positive)

    program, one = Program(signed), torch.ones(2)
    assert [float(program(one)[0]), set_sign(False), float(program(one)[0])] == [1, None, -1]
    set_sign(True)
    assert float(program.again(one)[0]) == 1
    set_sign(False)  # of which nothing is known, as long as nobody says it
    assert float(program.again(one)[0]) == 1
    program.forget()
    assert float(program.again(one)[0]) == -1
