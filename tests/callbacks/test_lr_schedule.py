import functools
import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from neurokit.callbacks import Callback, LambdaCallback, LRSchedule, ModelCheckpoint

STEPS, EPOCHS = 3, 4  # batches an epoch, and epochs, of the fits below


class Rates(Callback):
    """Notes the rate that each batch is trained with."""

    def __init__(self):
        self.rates = []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(next(iter(self.trainer.optimizers.values())).param_groups[0]["lr"])


def by_hand(factory, per, *, epochs=EPOCHS, steps=STEPS, rate=0.05):
    """The rates of a plain loop that steps a scheduler after each update, or after each epoch."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([weight], lr=rate, momentum=0.9)
    scheduler, rates = factory(optimizer), []
    for _ in range(epochs):
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if per == "step":
                scheduler.step()
        if per == "epoch":
            scheduler.step()
    return rates


def momentum(**options):
    return functools.partial(torch.optim.SGD, momentum=0.9, **options)


def rates_of(fit, make_trainer, schedule):
    rates = Rates()
    fit(schedule, rates, trainer=make_trainer(optimizer=momentum(lr=0.05), learning_rate=None), epochs=EPOCHS)
    return rates.rates


def with_defaults(name, **options):
    return lambda optimizer: getattr(lr_scheduler, name)(optimizer, **options)


# What is given, and what a plain loop does: its scheduler, and when it steps.
TABLE = [
    ("OneCycleLR", {"max_lr": 0.1}, {"total_steps": 12}, "step"),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2}, {}, "step"),
    ("CosineAnnealingLR", {}, {"T_max": 12}, "step"),
    ("CosineAnnealingLR", {"T_max": 4}, {}, "epoch"),
    ("PolynomialLR", {"power": 2}, {"total_iters": 12}, "step"),
    ("PolynomialLR", {"total_iters": 3}, {}, "epoch"),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1}, {"total_iters": 12}, "step"),
    ("LinearLR", {"total_iters": 2}, {}, "epoch"),
    ("ConstantLR", {"total_iters": 2}, {}, "epoch"),
    ("StepLR", {"step_size": 2}, {}, "epoch"),
    ("MultiStepLR", {"milestones": [1, 3]}, {}, "epoch"),
    ("ExponentialLR", {"gamma": 0.5}, {}, "epoch"),
    ("CosineAnnealingWarmRestarts", {"T_0": 2}, {}, "epoch"),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}, {}, "epoch"),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.9}, {}, "epoch"),
]


@pytest.mark.parametrize(("name", "given", "filled_in", "per"), TABLE, ids=lambda value: str(value)[:30])
def test_it_steps_as_a_loop_would_that_knows_the_scheduler(fit, make_trainer, name, given, filled_in, per):
    rates = rates_of(fit, make_trainer, LRSchedule(name, **given))
    assert rates == by_hand(with_defaults(name, **given, **filled_in), per)


def test_every_scheduler_of_torch_is_in_the_table():
    classes = [one for one in vars(lr_scheduler).values() if isinstance(one, type)]
    ours = {one.__name__ for one in classes if issubclass(one, lr_scheduler.LRScheduler) and one.__name__[0] != "_"}
    others = {"LRScheduler", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"}
    assert ours == {name for name, *_ in TABLE} | others


@pytest.mark.parametrize(
    "scheduler",
    ["steplr", lr_scheduler.StepLR, functools.partial(lr_scheduler.StepLR, gamma=0.1), "instance", "factory"],
)
def test_a_name_a_class_a_partial_a_factory_and_an_instance_do_the_same(fit, make_trainer, scheduler):
    trainer, rates = make_trainer(learning_rate=0.05), Rates()
    if scheduler == "instance":
        schedule = LRSchedule(lr_scheduler.StepLR(trainer.optimizer, step_size=1))
    elif scheduler == "factory":
        schedule = LRSchedule(lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=1))
    else:
        schedule = LRSchedule(scheduler, step_size=1)
    fit(schedule, rates, trainer=trainer, epochs=EPOCHS)
    assert rates.rates == by_hand(with_defaults("StepLR", step_size=1), "epoch")


def test_per_overrides_the_table(fit, make_trainer):
    rates = rates_of(fit, make_trainer, LRSchedule("ExponentialLR", gamma=0.9, per="step"))
    assert rates == by_hand(with_defaults("ExponentialLR", gamma=0.9), "step")
    rates = rates_of(fit, make_trainer, LRSchedule("OneCycleLR", max_lr=0.1, per="epoch"))
    assert rates == by_hand(with_defaults("OneCycleLR", max_lr=0.1, total_steps=EPOCHS), "epoch")


def test_chained_and_sequential_schedulers_step_as_their_parts_do(fit, make_trainer):
    def warm(optimizer):
        parts = [
            with_defaults("LinearLR", total_iters=2)(optimizer),
            with_defaults("ExponentialLR", gamma=0.5)(optimizer),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[2])

    def chained(optimizer):
        cycle = with_defaults("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=2)(optimizer)
        return lr_scheduler.ChainedScheduler([cycle, with_defaults("ExponentialLR", gamma=0.9)(optimizer)])

    assert rates_of(fit, make_trainer, LRSchedule(warm)) == by_hand(warm, "epoch")
    assert rates_of(fit, make_trainer, LRSchedule(chained)) == by_hand(chained, "step")


def test_an_epoch_logs_the_rate_of_its_last_step(fit, make_trainer):
    trainer, rates = make_trainer(learning_rate=0.05), Rates()
    fit(LRSchedule("ExponentialLR", gamma=0.9, per="step"), rates, trainer=trainer, epochs=EPOCHS)
    assert trainer.history.history["lr"] == rates.rates[STEPS - 1 :: STEPS]


def test_an_accumulation_window_is_one_step(fit, make_trainer):
    trainer, rates = make_trainer(accumulate=2), Rates()
    fit(LRSchedule("LambdaLR", lr_lambda=lambda step: step + 1, per="step"), rates, trainer=trainer, epochs=2)
    assert rates.rates == pytest.approx([0.1, 0.1, 0.2, 0.3, 0.3, 0.4])


def test_the_length_is_that_of_the_planned_updates(fit, make_trainer):
    schedule = LRSchedule("OneCycleLR", max_lr=0.1)
    trainer = make_trainer(optimizer=momentum(lr=0.05), learning_rate=None, accumulate=2)
    fit(schedule, trainer=trainer, epochs=5)
    assert schedule.schedulers[0].total_steps == 10
    fit(schedule, trainer=trainer, epochs=3, steps_per_epoch=7)
    assert schedule.schedulers[0].total_steps == 12


def test_a_length_that_nobody_knows_asks_for_it(fit, make_trainer):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(torch.ones(2), torch.ones(1))] * 4)

    trainer, data = make_trainer(nn.Linear(2, 1)), torch.utils.data.DataLoader(Stream(), batch_size=2)
    with pytest.raises(ValueError, match=r"how many batches they have. Pass steps_per_epoch to fit, or T_max"):
        trainer.fit(data, epochs=2, callbacks=[LRSchedule("CosineAnnealingLR")], verbose=0)
    assert trainer.state.step == 0
    trainer.fit(data, epochs=2, steps_per_epoch=2, callbacks=[LRSchedule("CosineAnnealingLR")], verbose=0)


def test_one_cycle_that_ends_before_the_run_fails_before_it_and_changes_nothing(fit, make_trainer):
    trainer = make_trainer(optimizer=momentum(lr=0.05), learning_rate=None)
    before = {name: value for name, value in trainer.optimizer.param_groups[0].items() if name != "params"}
    with pytest.raises(ValueError, match=r"OneCycleLR ends after 11 more steps, and this run has 12 to go"):
        fit(LRSchedule("OneCycleLR", max_lr=0.1, total_steps=11), trainer=trainer, epochs=EPOCHS)
    after = {name: value for name, value in trainer.optimizer.param_groups[0].items() if name != "params"}
    assert (trainer.state.step, after) == (0, before)
    fit(LRSchedule("OneCycleLR", max_lr=0.1, total_steps=20), trainer=trainer, epochs=EPOCHS)
    fit(LRSchedule("OneCycleLR", max_lr=0.1, epochs=4, steps_per_epoch=3), trainer=trainer, epochs=EPOCHS)


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(ValueError, match=r"torch has no scheduler 'OneCycle'. Did you mean 'OneCycleLR'\?"):
        LRSchedule("OneCycle")


def test_what_is_no_scheduler_is_refused(fit):
    with pytest.raises(TypeError, match="name, class, factory or instance, and got 3"):
        LRSchedule(3)
    with pytest.raises(TypeError, match=r"The options \['gamma'\] are for a name or class"):
        LRSchedule(lambda optimizer: None, gamma=0.1)
    with pytest.raises(
        ValueError, match=r"per of LRSchedule is one of 'step', 'epoch', got 'batch'. Did you mean 'step'"
    ):
        LRSchedule("StepLR", per="batch")
    with pytest.raises(TypeError, match="returned a NoneType, not a scheduler"):
        fit(LRSchedule(lambda optimizer: None))
    with pytest.raises(ValueError, match="monitor='loss' was given, and StepLR watches nothing"):
        fit(LRSchedule("StepLR", step_size=1, monitor="loss"))


def test_an_instance_for_another_optimizer_is_refused(fit, make_trainer):
    other = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="bound to an optimizer that is not this trainer's"):
        fit(LRSchedule(lr_scheduler.StepLR(other, step_size=1)))


def two_optimizers(make_trainer):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizers = {name: torch.optim.SGD(part.parameters(), lr=0.1) for name, part in zip("ab", model, strict=True)}
    return make_trainer(model, optimizer=optimizers, learning_rate=None)


def test_several_optimizers_are_all_scheduled_or_the_one_that_is_named(fit, make_trainer):
    trainer = two_optimizers(make_trainer)
    fit(LRSchedule("ExponentialLR", gamma=0.5), trainer=trainer, epochs=1)
    fit(LRSchedule("ExponentialLR", gamma=0.1, optimizer="b"), trainer=trainer, epochs=2)
    assert [one.param_groups[0]["lr"] for one in trainer.optimizers.values()] == pytest.approx([0.05, 0.001])
    with pytest.raises(ValueError, match=r"for the optimizer 'c', and this trainer has \['[ab]', '[ab]'\]"):
        fit(LRSchedule("ExponentialLR", gamma=0.1, optimizer="c"), trainer=trainer)


@pytest.mark.parametrize("scheduler", ["ReduceLROnPlateau", "factory"])
def test_torchs_plateau_is_stepped_with_the_validation_loss(fit, follow, make_trainer, scheduler):
    series = [0.5, 0.6, 0.6, 0.4, 0.5, 0.5]
    given = with_defaults("ReduceLROnPlateau", patience=1) if scheduler == "factory" else scheduler
    options = {} if scheduler == "factory" else {"patience": 1}
    trainer = fit(follow(series), LRSchedule(given, **options), trainer=make_trainer(), epochs=6)

    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    plateau, rates = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1), []
    for value in series:
        rates.append(optimizer.param_groups[0]["lr"])
        plateau.step(value)
    assert trainer.history.history["lr"] == rates


def test_torchs_plateau_takes_its_direction_from_the_metric(fit, follow, make_trainer):
    trainer = make_trainer(metrics=["r2"])
    schedule = LRSchedule("ReduceLROnPlateau", monitor="val_r2", patience=0)
    fit(follow([0.1, 0.2, 0.3], "val_r2"), schedule, trainer=trainer)
    assert (schedule.schedulers[0].mode, trainer.optimizer.param_groups[0]["lr"]) == ("max", 0.1)
    with pytest.raises(ValueError, match="has mode='min', and 'val_r2' is a maximum"):
        fit(LRSchedule(with_defaults("ReduceLROnPlateau"), monitor="val_r2"), trainer=trainer)


def test_torchs_plateau_watches_the_loss_where_there_is_no_validation(fit, follow):
    schedule = LRSchedule("ReduceLROnPlateau", patience=0)
    trainer = fit(follow([0.1, 0.2, 0.3], "loss"), schedule, validate=False)
    assert trainer.history.history["lr"] == pytest.approx([0.1, 0.1, 0.01])


def test_torchs_plateau_cannot_step_each_update_and_a_misspelt_name_fails(fit):
    with pytest.raises(ValueError, match="compares epochs"):
        fit(LRSchedule("ReduceLROnPlateau", per="step"))
    with pytest.raises(ValueError, match=r"LRSchedule watches 'val_los'.*Did you mean 'val_loss'"):
        fit(LRSchedule("ReduceLROnPlateau", monitor="val_los"))


@pytest.mark.parametrize("again", ["the same callback", "a new one"])
def test_a_second_fit_has_a_fresh_schedule(fit, make_trainer, again):
    trainer, rates = make_trainer(learning_rate=0.05), Rates()
    schedule = LRSchedule("CosineAnnealingLR")
    fit(schedule, rates, trainer=trainer, epochs=2)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
    fit(schedule if again == "the same callback" else LRSchedule("CosineAnnealingLR"), rates, trainer=trainer, epochs=2)
    assert rates.rates == by_hand(with_defaults("CosineAnnealingLR", T_max=6), "step", epochs=2) * 2


def test_after_one_cycle_another_schedule_starts_from_the_users_rate(fit, make_trainer):
    trainer, rates = make_trainer(optimizer=momentum(lr=0.05), learning_rate=None), Rates()
    fit(LRSchedule("OneCycleLR", max_lr=0.1), trainer=trainer)
    fit(LRSchedule("StepLR", step_size=1), rates, trainer=trainer, epochs=2)
    assert rates.rates == by_hand(with_defaults("StepLR", step_size=1), "epoch", epochs=2)


def test_a_rate_that_was_set_between_two_fits_is_respected(fit, make_trainer):
    trainer, rates = make_trainer(learning_rate=0.05), Rates()
    fit(LRSchedule("StepLR", step_size=1), trainer=trainer)
    trainer.optimizer.param_groups[0]["lr"] = 0.7
    fit(LRSchedule("StepLR", step_size=1), rates, trainer=trainer, epochs=2)
    assert rates.rates == by_hand(with_defaults("StepLR", step_size=1), "epoch", epochs=2, rate=0.7)


def test_an_instance_goes_on_in_a_second_fit(fit, make_trainer):
    trainer, rates = make_trainer(learning_rate=0.05), Rates()
    schedule = LRSchedule(lr_scheduler.ExponentialLR(trainer.optimizer, gamma=0.5))
    fit(schedule, rates, trainer=trainer, epochs=2)
    fit(schedule, rates, trainer=trainer, epochs=2)
    assert rates.rates == by_hand(with_defaults("ExponentialLR", gamma=0.5), "epoch")


def test_torch_has_nothing_to_warn_of_when_the_first_update_was_skipped(fit, make_trainer):
    class Skips(torch.optim.SGD):
        """As an optimizer whose first step the gradient scaler of fp16 leaves out."""

    trainer = make_trainer(optimizer=Skips, learning_rate=0.1)
    schedule = LRSchedule("StepLR", step_size=1, per="step")
    forget = LambdaCallback(on_train_batch_begin=lambda batch, logs: setattr(trainer.optimizer, "_opt_called", False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(forget, schedule, trainer=trainer)


@pytest.mark.parametrize("step", [5, 6])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("OneCycleLR", {"max_lr": 0.1}),
        ("CosineAnnealingLR", {}),
        ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2, "mode": "exp_range", "gamma": 0.9}),
        ("MultiStepLR", {"milestones": [1, 3]}),
        ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
        ("ReduceLROnPlateau", {"patience": 0, "threshold": 0.5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_resumed_run_ends_as_a_straight_one(crash_and_resume, name, options, step):
    trainer = {"optimizer": momentum(lr=0.05), "learning_rate": None}
    crash_and_resume(lambda folder: [LRSchedule(name, **options)], step, trainer=trainer).assert_same()


def test_a_resumed_sequential_schedule_ends_as_a_straight_one(crash_and_resume):
    def warm(optimizer):
        parts = [
            with_defaults("LinearLR", total_iters=2)(optimizer),
            with_defaults("CosineAnnealingLR", T_max=10)(optimizer),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[2])

    crash_and_resume(lambda folder: [LRSchedule(warm, per="step")], 5).assert_same()


def test_one_cycle_refuses_to_be_resumed_for_more_epochs(fit, make_trainer, tmp_path):
    def run(epochs, resume=None):
        trainer = make_trainer(optimizer=momentum(lr=0.05), learning_rate=None)
        checkpoints = ModelCheckpoint(tmp_path)
        fit(LRSchedule("OneCycleLR", max_lr=0.1), checkpoints, trainer=trainer, epochs=epochs, resume=resume)

    run(2)
    with pytest.raises(ValueError, match=r"this run has 3 to go.*as many epochs as it began with"):
        run(3, resume=tmp_path)


def test_what_a_schedule_fills_in_itself_need_not_be_given():
    for name in ("CosineAnnealingLR", "PolynomialLR", "LinearLR"):
        assert LRSchedule(name).options == {}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("StepLR", {"stepsize": 1}, r"StepLR has no argument 'stepsize'. Did you mean 'step_size'\?"),
        ("StepLR", {}, r"LRSchedule\('StepLR'\) needs step_size, and got \{\}"),
        ("CyclicLR", {"base_lr": 0.1}, "needs max_lr, and got {'base_lr': 0.1}"),
    ],
)
def test_options_that_cannot_be_are_refused_when_they_are_written(name, options, message):
    with pytest.raises(TypeError, match=message):
        LRSchedule(name, **options)


def test_a_scheduler_of_the_users_own_may_take_anything():
    class Mine(lr_scheduler.StepLR):
        def __init__(self, opt, *, step_size=1, **others):
            super().__init__(opt, step_size)

    assert LRSchedule(Mine, warmth=3).options == {"warmth": 3}


def test_the_misspelt_option_of_a_partial_is_refused_too():
    with pytest.raises(TypeError, match="Did you mean 'step_size'"):
        LRSchedule(functools.partial(torch.optim.lr_scheduler.StepLR, stepsize=1))


def test_a_users_own_factory_says_itself_what_is_wrong(fit):
    def factory(optimizer):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine\n"):
        fit(LRSchedule(factory))
