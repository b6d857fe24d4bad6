"""Rows that chose the best epoch, evaluated as if they were new; and the many evaluations that are none of that."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from diagnostics.mistakes_in_data import Rows, classes, classifier
from neurokit import EarlyStopping, LRSchedule, ModelCheckpoint, ReduceLROnPlateau, Trainer

CODE = "selection-on-test"
X, Y = classes(rows=300)
TRAIN, HELD_OUT, TEST = (X[:180], Y[:180]), (X[180:240], Y[180:240]), (X[240:], Y[240:])


def fitted(*callbacks, validation=HELD_OUT, **arguments) -> Trainer:
    trainer = classifier()
    trainer.fit(*TRAIN, validation_data=validation, callbacks=callbacks, epochs=2, verbose=0, **arguments)
    return trainer


def codes_after(trainer: Trainer, *data) -> list[str]:
    trainer.evaluate(*data)
    return [finding["code"] for finding in trainer.record.findings]


def test_rows_that_stopped_the_run_are_not_new(caplog):
    trainer = fitted(EarlyStopping(patience=1))
    with caplog.at_level(logging.WARNING, logger="neurokit"):
        trainer.evaluate(*HELD_OUT)
        trainer.evaluate(*HELD_OUT)

    (text,) = caplog.messages
    assert "100% of the rows evaluated here are validation rows of fit" in text
    assert "EarlyStopping chose by their val_loss" in text
    assert "trainer.evaluate(x_test, y_test)" in text
    assert [one["level"] for one in trainer.record.findings if one["code"] == CODE] == ["warning"]


def test_rows_of_their_own_are_new():
    assert codes_after(fitted(EarlyStopping(patience=1)), *TEST) == []


def test_nothing_was_selected_without_a_callback_that_selects():
    assert codes_after(fitted(), *HELD_OUT) == []


def test_a_callback_that_watches_training_selects_by_no_validation_row():
    assert codes_after(fitted(EarlyStopping("loss", patience=1)), *HELD_OUT) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: ReduceLROnPlateau(),
        lambda folder: LRSchedule("ReduceLROnPlateau"),
        lambda folder: ModelCheckpoint(folder, save_best_only=True),
        lambda folder: ModelCheckpoint(folder, monitor="val_loss"),
    ],
    ids=["plateau", "plateau of torch's", "best only", "best by name"],
)
def test_other_callbacks_select_too(make, tmp_path):
    assert codes_after(fitted(make(tmp_path / "run")), *HELD_OUT) == [CODE]


def test_a_checkpoint_of_every_epoch_selects_nothing(tmp_path):
    assert codes_after(fitted(ModelCheckpoint(tmp_path / "run")), *HELD_OUT) == []


def test_a_few_of_the_rows_in_another_order_are_found():
    assert codes_after(fitted(EarlyStopping()), HELD_OUT[0][7:40].flip(0), HELD_OUT[1][7:40].flip(0)) == [CODE]


def test_all_the_data_with_the_validation_rows_among_them_are_no_test():
    assert codes_after(fitted(EarlyStopping()), X, Y) == []


def test_the_rows_of_a_validation_split_are_found():
    trainer = classifier()
    trainer.fit(X, Y, validation_split=0.2, callbacks=[EarlyStopping()], epochs=2, verbose=0)
    rows = trainer.record.split["indices"]

    assert codes_after(trainer, X[rows], Y[rows]) == [CODE]


def test_a_second_fit_with_the_same_validation_rows_is_fine():
    trainer = fitted(EarlyStopping())
    trainer.fit(*TRAIN, validation_data=HELD_OUT, callbacks=[EarlyStopping()], epochs=1, verbose=0)

    assert [one["code"] for one in trainer.record.findings] == []


def test_rows_of_an_earlier_fit_stay_known():
    trainer = fitted(EarlyStopping())
    trainer.fit(*TRAIN, epochs=1, verbose=0)

    assert codes_after(trainer, *HELD_OUT) == [CODE]


def test_evaluating_before_any_fit_says_nothing():
    assert codes_after(classifier(), *HELD_OUT) == []


def test_evaluating_in_a_callback_is_part_of_the_fit(caplog):
    class Watch(EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            self.trainer.evaluate(*HELD_OUT)

    fitted(Watch())

    assert caplog.messages == []


def test_it_is_left_out_by_its_code():
    assert codes_after(fitted(EarlyStopping(), checks={CODE: False}), *HELD_OUT) == []


def test_it_is_left_out_with_all_checks():
    assert codes_after(fitted(EarlyStopping(), checks=False), *HELD_OUT) == []


def test_rows_that_are_alike_anyway_tell_nothing():
    x, y = torch.arange(300).remainder(4).float().unsqueeze(1) / 4, torch.arange(300) % 3
    trainer = Trainer(nn.Linear(1, 3), loss="cross_entropy", device="cpu")
    trainer.fit(
        x[:180], y[:180], validation_data=(x[180:240], y[180:240]), callbacks=[EarlyStopping()], verbose=0,
        checks={"shared-rows": False},
    )  # fmt: skip

    assert CODE not in codes_after(trainer, x[240:], y[240:])


def test_a_loader_over_tensors_is_read_as_its_rows():
    loader = DataLoader(TensorDataset(*HELD_OUT), 16)

    assert codes_after(fitted(EarlyStopping(), validation=loader), *HELD_OUT) == [CODE]


def test_a_dataset_that_is_read_row_by_row_is_known_by_its_indices():
    loader = DataLoader(Rows(*HELD_OUT), 16)
    trainer = fitted(EarlyStopping(), validation=loader)

    assert codes_after(trainer, DataLoader(Rows(*TEST), 16)) == []
    assert codes_after(trainer, loader) == [CODE]


def test_sparse_rows_are_known():
    matrix = sparse.csr_array(np.where(X.numpy() > 0.5, X.numpy(), 0))
    trainer = classifier()
    parts = matrix[:180], matrix[180:240], matrix[240:]
    trainer.fit(
        parts[0], Y[:180], validation_data=(parts[1], Y[180:240]), callbacks=[EarlyStopping()], verbose=0,
        checks={"shared-rows": False},
    )  # fmt: skip

    assert codes_after(trainer, parts[2], Y[240:]) == []
    assert codes_after(trainer, parts[1], Y[180:240]) == [CODE]


def test_validation_data_are_not_kept_alive():
    import gc
    import weakref

    rows = Rows(*HELD_OUT)
    alive = weakref.ref(rows)
    trainer = fitted(EarlyStopping(), validation=DataLoader(rows, 16))
    del rows
    gc.collect()

    assert (alive(), trainer.history.epoch) == (None, [0, 1])
