"""Who hears of an event, in which order, and what happens to what they raise."""

import pytest
import torch
from torch import nn

from neurokit import Callback, EarlyStopping, LambdaCallback, Trainer
from neurokit.callbacks.hooks import EVENTS, Hooks


class Hears(Callback):
    def __init__(self, order=0):
        self.order, self.heard = order, []

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(epoch)


class Remembers(Callback):
    def __init__(self, value=None):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


def test_hooks_nobody_overrides_are_not_called():
    hooks = Hooks([Hears()], trainer=None)
    assert [event for event in EVENTS if hooks.hears(event)] == ["on_epoch_end"]


def test_a_hook_set_on_the_instance_is_heard():
    callback = Callback()
    callback.on_epoch_begin = lambda epoch, logs=None: None
    assert Hooks([callback], trainer=None).hears("on_epoch_begin")


def test_lower_order_comes_first_and_equal_order_as_given():
    callbacks = [Hears(2), Hears(0), Hears(-1), Hears(0)]
    sorted_ones = Hooks(callbacks, trainer=None).callbacks
    assert sorted_ones == [callbacks[2], callbacks[1], callbacks[3], callbacks[0]]


def test_the_trainer_is_set_without_super_init():
    trainer = Trainer(nn.Linear(1, 1), loss="mse")
    callback = Hears()
    Hooks([callback], trainer)
    assert callback.trainer is trainer
    assert callback.model is trainer.model


@pytest.mark.parametrize(
    ("callback", "error", "message"),
    [
        (EarlyStopping, TypeError, r"Pass EarlyStopping\(\)"),
        (print, TypeError, r"LambdaCallback\(on_epoch_end=print\)"),
        (7, TypeError, r"holds 7 \(int\), which is no callback"),
    ],
)
def test_what_is_no_callback_is_named(callback, error, message):
    with pytest.raises(error, match=message):
        Hooks([callback], trainer=None)


def test_the_same_instance_twice_is_refused():
    callback = Hears()
    with pytest.raises(ValueError, match="given twice"):
        Hooks([callback, callback], trainer=None)


def test_an_exception_gets_a_note_with_its_place():
    def fail(epoch, logs):
        raise ZeroDivisionError

    hooks = Hooks([Hears(), LambdaCallback(on_epoch_end=fail)], trainer=None)
    with pytest.raises(ZeroDivisionError) as caught:
        hooks.fire("on_epoch_end", 0, {})
    assert caught.value.__notes__ == ["Raised by LambdaCallback.on_epoch_end."]


def test_closing_reaches_everyone_and_raises_the_first_failure():
    closed = []

    def fail(logs):
        raise OSError("disk")

    hooks = Hooks([LambdaCallback(on_train_end=fail), LambdaCallback(on_train_end=closed.append)], trainer=None)
    first = ValueError("before")
    with pytest.raises(ValueError, match="before") as caught:
        hooks.close("on_train_end", {"loss": 1.0}, first)
    assert closed == [{"loss": 1.0}]
    assert "LambdaCallback.on_train_end raised OSError: disk" in caught.value.__notes__[0]


def test_states_go_to_callbacks_of_their_class_in_order():
    states = Hooks([Remembers(1), Hears(), Remembers(2)], trainer=None).state_dict()
    first, second = Remembers(), Remembers()
    assert Hooks([Hears(), first, second], trainer=None).load_state_dict(states) == []
    assert (first.value, second.value) == (1, 2)


def test_a_state_without_a_taker_is_returned_by_name():
    states = Hooks([Remembers(1)], trainer=None).state_dict()
    assert Hooks([Hears()], trainer=None).load_state_dict(states) == ["Remembers"]


@pytest.mark.parametrize(("name", "meant"), [("on_batch_end", "batch_end"), ("on_epoch_ends", "on_epoch_end")])
def test_a_hook_under_another_name_is_named(name, meant):
    kind = type("Mine", (Callback,), {name: lambda self, *arguments: None})
    with pytest.raises(TypeError, match=f"Mine defines {name}, which nothing calls. Did you mean .*{meant}"):
        Hooks([kind()], trainer=None)


@pytest.mark.parametrize("of_one", [(False, False), (True, False), (False, True), (True, True)])
def test_what_makes_files_begins_after_those_that_may_refuse_the_run(of_one):
    order = []

    class Writes(Callback):
        makes_files, for_one = True, of_one[0]
        order = -1

        def on_train_begin(self, logs=None):
            order.append("writes")

        def on_epoch_begin(self, epoch, logs=None):
            order.append("writes")

    checks = LambdaCallback(
        on_train_begin=lambda logs: order.append("checks"), on_epoch_begin=lambda epoch, logs: order.append("checks")
    )
    checks.for_one = of_one[1]
    hooks = Hooks([Writes(), checks], trainer=None)
    hooks.begin({})
    hooks.fire("on_epoch_begin", 0, {})
    assert order == ["checks", "writes", "writes", "checks"]


@pytest.mark.parametrize("method", ["state_dict", "load_state_dict"])
def test_an_exception_in_a_callbacks_state_names_callback_and_method(method):
    class Fails(Remembers):
        pass

    hooks = Hooks([Fails(1)], trainer=None)
    states = hooks.state_dict()

    def fail(self, *arguments):
        raise KeyError("weights")

    setattr(Fails, method, fail)
    with pytest.raises(KeyError) as caught:
        hooks.state_dict() if method == "state_dict" else hooks.load_state_dict(states)
    assert caught.value.__notes__ == [f"Raised by Fails.{method}."]


@pytest.mark.parametrize(
    "function", [lambda epoch: None, lambda: None, lambda epoch, logs, trainer: None], ids=["one", "none", "three"]
)
def test_a_hook_that_cannot_be_called_is_refused_before_the_run(function):
    with pytest.raises(TypeError, match=r"LambdaCallback.on_epoch_end is called with \(epoch, logs\)"):
        Hooks([LambdaCallback(on_epoch_end=function)], trainer=None)


def test_a_hook_may_take_more_than_it_has_to():
    heard = []
    hooks = Hooks([LambdaCallback(on_epoch_end=lambda *arguments, **options: heard.append(arguments))], trainer=None)
    hooks.fire("on_epoch_end", 3, {"loss": 1.0})
    assert heard == [(3, {"loss": 1.0})]


def test_a_scheduler_among_the_callbacks_is_sent_to_its_callback():
    scheduler = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), 1)
    with pytest.raises(TypeError, match=r"Pass nk.LRSchedule\(scheduler\)"):
        Hooks([scheduler], trainer=None)
