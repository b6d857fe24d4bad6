"""The way of a batch: which functions of ours it passes through, and how few stand between ``fit`` and ``forward``."""

import sys
from pathlib import Path

import torch
from torch import nn

import neurokit
from neurokit import Callback, ProgressBar, Trainer

SOURCE = Path(neurokit.__file__).parent


class Probe(nn.Module):
    """A model that notes which frames of ours are below it when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.stacks: list[list[tuple[str, str]]] = []

    def forward(self, x):
        if self.training:
            frame, stack = sys._getframe(), []
            while frame := frame.f_back:
                if SOURCE in Path(frame.f_code.co_filename).parents:
                    stack.append(name_of(frame))
            self.stacks.append(stack[::-1])
        return self.layer(x)


def name_of(frame) -> tuple[str, str]:
    return Path(frame.f_code.co_filename).relative_to(SOURCE).as_posix(), frame.f_code.co_name


class Listener(Callback):
    """Someone who hears of every batch."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def fit_and_trace(**arguments):
    """Fit four batches; return the probe, and the calls of our functions from the second step to the third."""
    model = Probe()
    trainer = Trainer(model, loss="cross_entropy", optimizer="sgd", metrics=["accuracy"], device="cpu")
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    calls: list[tuple[str, str]] = []

    def trace(frame, event, argument):
        if (
            event == "call"
            and SOURCE in Path(frame.f_code.co_filename).parents
            and not name_of(frame)[1].startswith("<")
        ):
            calls.append(name_of(frame))

    sys.setprofile(trace)
    try:
        trainer.fit(x, x.argmax(1) % 3, batch_size=8, verbose=0, **arguments)
    finally:
        sys.setprofile(None)
    steps = [index for index, call in enumerate(calls) if call == ("trainer.py", "train_step")]
    assert len(steps) == 4
    return model, calls[steps[1] : steps[2]]


def test_six_frames_in_two_files_stand_between_fit_and_forward():
    model, _ = fit_and_trace()
    stacks = [stack[stack.index(("trainer.py", "fit")) :] for stack in model.stacks]  # its keywords are read before
    assert (
        stacks
        == [
            [
                ("trainer.py", "fit"),
                ("loop.py", "fit"),
                ("loop.py", "train_epoch"),
                ("trainer.py", "train_step"),
                ("trainer.py", "learn"),
                ("trainer.py", "compute_loss"),
            ]
        ]
        * 4
    )


def test_a_batch_passes_through_exactly_these_functions():
    _, calls = fit_and_trace()
    assert [call for call in calls if call[0] != "metrics.py"] == [
        ("trainer.py", "train_step"),
        ("trainer.py", "learn"),
        ("runtime.py", "zero_grad"),
        ("trainer.py", "compute_loss"),
        ("step.py", "score"),
        ("outputs.py", "prediction"),
        ("losses.py", "__call__"),
        ("losses.py", "_fit_targets"),
        ("losses.py", "_count"),
        ("step.py", "require_gradient"),
        ("runtime.py", "backward"),
        ("runtime.py", "step"),
        ("stepping.py", "update"),
        ("step.py", "step_logs"),
        ("task.py", "labels"),
        ("data/batch.py", "count_rows"),
        ("means.py", "add"),
        ("state.py", "end_batch"),
        ("loop.py", "epoch"),
        ("data/memory.py", "batches"),
    ]


def test_a_batch_costs_at_most_thirty_calls_with_a_metric_a_listener_and_a_bar():
    _, calls = fit_and_trace(callbacks=[Listener(), ProgressBar()])
    assert len(calls) <= 30, calls
