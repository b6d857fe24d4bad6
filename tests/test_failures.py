"""Failures: the first bad place is named, with numbers and a mend that fit it."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from neurokit import Callback, NonFiniteLoss, Trainer

ROWS = 40


class Rows(Dataset):
    """Rows that are made when they are read; one value can be bad."""

    def __init__(self, bad=None, target=None) -> None:
        self.bad, self.target = bad, target

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index):
        x, y = torch.full((3,), index / ROWS), torch.full((1,), index / ROWS)
        if index == self.bad:
            x[2] = math.nan
        if index == self.target:
            y[0] = math.inf
        return x, y


def broken(data, *, model=None, **arguments):
    """Train on data until it breaks; return the error."""
    trainer = Trainer(model or nn.Linear(3, 1), **{"loss": "mse", "optimizer": "sgd", "device": "cpu"} | arguments)
    with pytest.raises(NonFiniteLoss) as caught:
        trainer.fit(data, epochs=40, verbose=0)
    return caught.value


def test_a_bad_input_is_found_in_the_batch_that_held_it():
    error = broken(DataLoader(Rows(bad=17), 10))
    assert (error.epoch, error.batch) == (0, 1)
    assert "x is nan in row 7, column 2 of that batch" in str(error)


def test_a_bad_target_is_found_in_a_shuffled_pass():
    error = broken(DataLoader(Rows(target=5), 10, shuffle=True))
    assert "y is inf in row" in str(error)


def test_a_bad_row_is_found_when_epochs_cut_across_passes():
    trainer = Trainer(nn.Linear(3, 1), loss="mse", device="cpu")

    class Spoils(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:  # the third epoch: batches 3 of the second pass, then 1 and 2 of the third
                rows.bad = 38

    rows = Rows()
    with pytest.raises(NonFiniteLoss, match=r"since batch 2 of epoch 3.*x is nan in row 8, column 2"):
        trainer.fit(DataLoader(rows, 10), epochs=9, steps_per_epoch=3, callbacks=[Spoils()], verbose=0)


def test_growing_losses_are_shown_with_the_learning_rate():
    error = broken(DataLoader(Rows(), 4), learning_rate=1e6)
    assert "grew: the steps are too large. Lower learning_rate (it is 1e+06)" in str(error)
    assert "2 tensors are not finite now, weight among them" in str(error)


def test_a_loss_that_is_bad_from_the_start_is_the_models_or_the_losss_own():
    error = broken(DataLoader(Rows(), 10), loss=lambda predictions, targets: (predictions - 100).log().mean())
    assert "first batch, on the weights as they were given" in str(error)


def test_a_stream_is_not_read_again():
    class Stream(IterableDataset):
        opened = 0

        def __iter__(self):
            Stream.opened += 1
            for index in range(ROWS):
                yield torch.full((3,), math.nan if index == 25 else 1.0), torch.ones(1)

    error = broken(DataLoader(Stream(), 10))
    assert (error.epoch, error.batch) == (0, 2)
    assert Stream.opened == 2  # the look, and the epoch


class Greedy(nn.Linear):
    """Asks for more memory than there is in its third training step."""

    steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps == 3:
            torch.empty(10**16)
        return super().forward(x)


def test_running_out_of_memory_says_how_to_train_the_same_in_less():
    trainer = Trainer(Greedy(3, 1), loss="mse", accumulate=2, device="cpu")
    with pytest.raises(RuntimeError, match="can't allocate memory") as caught:
        trainer.fit(DataLoader(Rows(), 10), epochs=2, verbose=0)
    (note,) = caught.value.__notes__
    assert "batch of 10 rows" in note
    assert "fit(..., batch_size=5) with Trainer(..., accumulate=4)" in note
