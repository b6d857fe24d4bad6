"""The program that show_loop prints, run: the weights and the history of fit, bit for bit."""

import copy
import dataclasses
import re

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

from neurokit import EMA, EarlyStopping, LRSchedule, ModelCheckpoint, ReduceLROnPlateau, Trainer
from neurokit.show_loop import LoopPlan, optimizer_call, show_loop


def mlp(outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs))


def normed(outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, outputs))


GENERATOR = torch.Generator().manual_seed(0)
X, NUMBERS = torch.randn(50, 6, generator=GENERATOR), torch.randn(50, generator=GENERATOR)
CLASSES = torch.randint(0, 3, (50,), generator=GENERATOR)
WEIGHTS = torch.rand(50, generator=GENERATOR) + 0.1


def compare(model, trainer, fit, x=X, y=CLASSES, validation=(), **own):
    """Run fit, and the program it shows from the same start; hold weights and history against each other."""
    theirs = copy.deepcopy(model)
    shown = Trainer(model, **{"loss": "cross_entropy", "device": "cpu"} | trainer)
    torch.manual_seed(7)
    history = shown.fit(x, y, **{"batch_size": 16, "epochs": 3, "verbose": 0} | fit)
    program = shown.show_loop()
    namespace = {}
    exec(program, namespace)
    torch.manual_seed(7)
    logs = namespace["train"](theirs, x, y, *validation, **own)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, theirs.state_dict()[name]), f"{name}\n{program}"
    assert len(logs) == len(history.epoch), program
    for name in logs[0]:
        assert history.history[name] == pytest.approx([epoch[name] for epoch in logs], rel=1e-5), f"{name}\n{program}"
    return program


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def two_groups(parameters):
    first, *others = parameters
    return torch.optim.AdamW([{"params": [first], "lr": 0.01}, {"params": others, "weight_decay": 0.0}])


@pytest.mark.parametrize(
    "optimizer",
    ["adam", "SGD", "rmsprop", torch.optim.Adagrad, sgd, two_groups],
    ids=["adam", "sgd", "rmsprop", "class", "factory", "two groups"],
)
def test_it_builds_the_optimizer_that_fit_used(optimizer):
    compare(mlp(), {"optimizer": optimizer}, {})


def test_an_optimizer_by_name_is_shown_as_the_fused_one_it_is():
    assert "optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)" in compare(
        mlp(), {"optimizer": "adam", "learning_rate": 0.01}, {}
    )


SMOOTHED = nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.tensor([0.2, 1.0, 3.0]))
HALF = torch.tensor([1.0, 0.5, 0.25])


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize(
    ("loss", "outputs", "y"),
    [
        (SMOOTHED, 3, CLASSES),
        (nn.CrossEntropyLoss(), 3, CLASSES.reshape(-1, 1)),
        (nn.CrossEntropyLoss(), 3, functional.one_hot(CLASSES, 3).float()),
        (nn.CrossEntropyLoss(), 3, CLASSES.where(torch.arange(50) % 5 > 0, -100)),
        (nn.CrossEntropyLoss(weight=HALF), 3, CLASSES.where(torch.arange(50) % 5 > 0, -100)),
        ("mse", 1, NUMBERS),
        ("huber", 2, torch.stack([NUMBERS, NUMBERS**2], dim=1)),
        ("bce_with_logits", 1, (NUMBERS > 0).numpy()),
        ("bce_with_logits", 3, functional.one_hot(CLASSES, 3)),
        (nn.MSELoss(reduction="sum"), 1, NUMBERS / 50),
        (nn.L1Loss(reduction="none"), 2, torch.stack([NUMBERS, NUMBERS**2], dim=1)),
    ],
    ids=["smoothed", "column", "shares", "ignored", "both", "mse", "huber", "binary", "multilabel", "sum", "none"],
)
def test_any_loss_with_any_window(loss, outputs, y, accumulate):
    trainer = {"loss": loss, "metrics": ["accuracy"] if outputs == 3 else [], "accumulate": accumulate}
    compare(mlp(outputs), trainer, {"validation_split": 0.2}, y=y)


def test_a_loss_of_the_users_own_is_an_argument():
    def cubic(predictions, targets):
        return (predictions - targets).abs() ** 3

    program = compare(mlp(1), {"loss": cubic}, {}, y=NUMBERS.reshape(-1, 1), criterion=cubic)
    assert "def train(model, x, y, *, criterion):" in program


@pytest.mark.parametrize("rows", [50, 49, 48])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_lone_last_row_joins_the_batch_before_it(rows, shuffle, accumulate):
    fit = {"shuffle": shuffle}
    program = compare(normed(), {"accumulate": accumulate}, fit, x=X[:rows], y=CLASSES[:rows])
    assert ("torch.cat" in program) == (rows == 49)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_gradients_are_clipped_after_they_are_divided(accumulate):
    compare(mlp(), {"max_grad_norm": 0.1, "accumulate": accumulate}, {})


def test_autocast_in_bfloat16():
    assert 'with torch.autocast("cpu", torch.bfloat16):' in compare(mlp(), {"precision": "bf16"}, {})


@pytest.mark.parametrize("fraction", [0.0, 0.2])
def test_what_is_in_eval_stays_there(fraction):
    model = nn.Sequential(normed(6), normed())
    model[0].eval()
    model[1][3].eval()
    program = compare(model, {}, {"validation_split": fraction})
    assert 'model.get_submodule("0").eval()' in program


def test_only_the_parameters_of_the_optimizer_learn():
    model = mlp()
    model[0].requires_grad_(False)
    program = compare(model, {"optimizer": torch.optim.Adam(model[2].parameters()), "max_grad_norm": 0.5}, {})
    assert 'torch.optim.Adam(model.get_submodule("2").parameters())' in program


@pytest.mark.parametrize(
    ("loss", "outputs", "y"), [("cross_entropy", 3, CLASSES), ("mse", 1, NUMBERS), ("bce_with_logits", 1, CLASSES > 1)]
)
@pytest.mark.parametrize("fraction", [0.2, 0.33])
def test_a_share_is_held_out_as_fit_does(loss, outputs, y, fraction):
    trainer = {"loss": loss, "metrics": ["accuracy"] if outputs == 3 else []}
    compare(mlp(outputs), trainer, {"validation_split": fraction}, y=y.numpy())


def test_class_names_become_indices():
    names = ["ant", "bee", "cat"]
    program = compare(mlp(), {"metrics": ["accuracy"]}, {"validation_split": 0.2}, y=[names[i] for i in CLASSES])
    assert 'classes = ["ant", "bee", "cat"]' in program


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize(
    ("loss", "outputs", "y", "class_weight"),
    [
        ("cross_entropy", 3, CLASSES, None),
        ("cross_entropy", 3, CLASSES, [0.2, 1.0, 3.0]),
        (nn.MultiMarginLoss(), 3, CLASSES, [0.2, 1.0, 3.0]),
        ("mse", 2, torch.stack([NUMBERS, NUMBERS**2], dim=1), None),
        ("bce_with_logits", 1, (CLASSES > 1).float(), {0: 0.3, 1: 2.0}),
    ],
    ids=["cross entropy", "classes", "margin", "mse", "binary"],
)
def test_weights_of_rows_and_classes(loss, outputs, y, class_weight, accumulate):
    metrics = ["accuracy"] if outputs == 3 else []
    trainer = {"loss": loss, "accumulate": accumulate, "metrics": metrics}
    fit = {"sample_weight": WEIGHTS, "class_weight": class_weight}
    compare(mlp(outputs), trainer, fit, y=y, sample_weight=WEIGHTS)


@pytest.mark.parametrize("class_weight", [[0.2, 1.0, 3.0], [0.0, 1.0, 3.0]])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_weights_of_classes_alone(class_weight, accumulate):
    validation = (X[:20], CLASSES.flip(0)[:20])  # classes have no weights there
    fit = {"class_weight": class_weight, "validation_data": validation}
    program = compare(mlp(), {"accumulate": accumulate}, fit, validation=validation)
    assert f"weight=torch.tensor({class_weight})" in program


def test_weights_of_rows_with_a_share_held_out():
    fit = {"sample_weight": WEIGHTS, "validation_split": 0.3, "class_weight": [0.2, 1.0, 3.0]}
    compare(mlp(), {"metrics": ["accuracy"]}, fit, sample_weight=WEIGHTS)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_several_targets_a_row(weighted, accumulate):
    model = nn.Sequential(nn.Linear(6, 6), nn.Unflatten(1, (3, 2)))
    own = {"sample_weight": WEIGHTS} if weighted else {}
    fit = {"validation_split": 0.2} | own
    compare(model, {"accumulate": accumulate}, fit, y=torch.stack([CLASSES, CLASSES.flip(0)], dim=1), **own)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_batch_that_counts_for_nothing_teaches_nothing(accumulate):
    weights = WEIGHTS * (torch.arange(50) >= 32)
    fit = {"sample_weight": weights, "shuffle": False}
    compare(mlp(), {"optimizer": sgd, "accumulate": accumulate}, fit, sample_weight=weights)


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("validates", [True, False])
def test_weights_of_rows_on_either_side(trains, validates):
    validation = (X, CLASSES.flip(0), WEIGHTS) if validates else (X, CLASSES.flip(0))
    fit = {"sample_weight": WEIGHTS if trains else None, "validation_data": validation}
    own = {"sample_weight": WEIGHTS} if trains else {}
    own |= {"sample_weight_val": WEIGHTS} if validates else {}
    compare(mlp(), {"metrics": ["accuracy"]}, fit, validation=validation[:2], **own)


@pytest.mark.parametrize(
    "stopping",
    [
        EarlyStopping(patience=2),
        EarlyStopping(patience=3, restore_best_weights=True, min_delta=0.01),
        EarlyStopping("val_accuracy", patience=1, restore_best_weights=True),
        EarlyStopping("loss", baseline=0.1, patience=4, start_from_epoch=1, mode="min"),
        EarlyStopping(patience=0),
    ],
    ids=["plain", "restores", "accuracy", "baseline", "at once"],
)
def test_it_stops_where_fit_stops(stopping):
    trainer = {"optimizer": sgd, "metrics": ["accuracy"]}
    fit = {"epochs": 25, "callbacks": [stopping], "validation_data": (X[:20], CLASSES.flip(0)[:20])}
    program = compare(mlp(), trainer, fit, validation=(X[:20], CLASSES.flip(0)[:20]))
    assert stopping.stopped_epoch > 0, program


@pytest.mark.parametrize(
    "schedule",
    [
        lambda: LRSchedule("StepLR", step_size=2, gamma=0.5),
        lambda: LRSchedule("OneCycleLR", max_lr=0.1),
        lambda: LRSchedule("CosineAnnealingLR"),
        lambda: LRSchedule("CosineAnnealingLR", T_max=4),
        lambda: LRSchedule("LinearLR", per="epoch"),
        lambda: LRSchedule("CyclicLR", base_lr=0.01, max_lr=0.2, step_size_up=3),
        lambda: LRSchedule("ReduceLROnPlateau", patience=0),
        lambda: ReduceLROnPlateau("val_loss", patience=1, factor=0.5),
        lambda: LRSchedule("ReduceLROnPlateau", monitor="val_accuracy", patience=0),
        lambda: ReduceLROnPlateau("loss", patience=1, min_delta=0.5, factor=0.5, cooldown=2, min_lr=0.02),
    ],
    ids=["step", "one cycle", "cosine", "long cosine", "linear", "cyclic", "torch", "plateau", "accuracy", "cooldown"],
)
@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_rate_follows_its_schedule(schedule, accumulate):
    fit = {"epochs": 8, "callbacks": [schedule()], "validation_split": 0.2}
    program = compare(normed(), {"optimizer": sgd, "accumulate": accumulate, "metrics": ["accuracy"]}, fit)
    assert "scheduler.step" in program or "plateau" in program


def test_a_scheduler_factory_is_an_argument():
    def warm_up(optimizer):
        return lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 8))

    compare(mlp(), {}, {"callbacks": [LRSchedule(warm_up, per="step")]}, make_scheduler=warm_up)


@pytest.mark.parametrize("joins", [True, False])
def test_a_schedule_knows_its_length_before_there_are_data(joins):
    trainer = Trainer(normed() if joins else mlp(), loss="cross_entropy", device="cpu")
    program = trainer.show_loop(epochs=5, callbacks=[LRSchedule("OneCycleLR", max_lr=0.1)], batch_size=16)
    total = program.partition("total_steps=")[2].partition(")\n")[0]
    updates = [eval(total, {"x": X[:rows]}) for rows in (48, 49, 50)]
    assert updates == [15, 15 if joins else 20, 20]


def test_what_has_no_plain_form_is_said(tmp_path):
    class Mine(EarlyStopping):
        pass

    callbacks = [EMA(), ModelCheckpoint(tmp_path), Mine(monitor="loss"), EarlyStopping("val_f1", patience=3)]
    trainer = Trainer(mlp(), loss="cross_entropy", metrics=["accuracy", "f1"], device="cpu")
    trainer.fit(X, CLASSES, validation_split=0.2, callbacks=callbacks, verbose=0)
    comments = [line.strip() for line in trainer.show_loop().splitlines() if line.strip().startswith("# Not shown")]
    assert comments == [
        "# Not shown: the metrics f1.",
        "# Not shown: EMA.",
        "# Not shown: Mine.",
        "# Not shown: EarlyStopping, which watches val_f1.",
    ]


def test_what_came_before_the_fit_is_said():
    trainer = Trainer(mlp(), loss="cross_entropy", device="cpu")
    loader = torch.utils.data.DataLoader([(X[0], CLASSES[0])] * 4, batch_size=2)
    assert "# Not shown" not in trainer.show_loop()
    trainer.fit(loader, verbose=0)
    assert "# Not shown: your loader: x and y are tensors here." in trainer.show_loop()
    trainer.fit(X, CLASSES, verbose=0)
    assert "# Not shown: what the optimizer remembers of earlier training." in trainer.show_loop()


@pytest.mark.parametrize("fit", [{}, {"epochs": 3}])
def test_the_program_before_a_fit_is_the_one_after_it_but_for_what_the_data_tell(fit):
    trainer = Trainer(mlp(), loss="cross_entropy", device="cpu")
    before = trainer.show_loop(**fit)
    trainer.fit(X, CLASSES, verbose=0, **fit)
    assert re.sub(r", dtype=[\w.]+", "", trainer.show_loop()) == before


def test_a_model_that_returns_its_own_loss_is_asked_by_a_function_of_the_users():
    program = Trainer(mlp(), device="cpu").show_loop(epochs=2)
    assert "def train(model, x, y, *, compute_loss):" in program
    assert "loss = compute_loss(model, x[rows], y[rows])" in program
    weighted = Trainer(mlp(), device="cpu").show_loop(sample_weight=WEIGHTS)
    assert "loss = compute_loss(model, x[rows], y[rows], sample_weight[rows])" in weighted
    assert "criterion" not in weighted


@pytest.mark.gpu
@pytest.mark.parametrize("accumulate", [1, 4])
def test_it_trains_on_the_accelerator_as_fit_does(accumulate):
    weights = {"sample_weight": WEIGHTS}
    trainer = {"device": "cuda", "accumulate": accumulate, "max_grad_norm": 1.0, "metrics": ["accuracy"]}
    compare(mlp(), trainer, weights | {"class_weight": [0.2, 1.0, 3.0], "validation_split": 0.2}, **weights)


def test_data_on_another_device_are_moved_there():
    model = mlp()
    optimizer = optimizer_call(torch.optim.SGD(model.parameters()), model)
    plan = LoopPlan(loss=nn.CrossEntropyLoss(), kind="classes", optimizer=optimizer, modes={}, x=X, y=CLASSES)
    program = show_loop(dataclasses.replace(plan, device="cuda:0"))
    assert 'model.to("cuda:0")' in program
    assert 'y = torch.as_tensor(y, dtype=torch.int64, device="cuda:0")' in program
