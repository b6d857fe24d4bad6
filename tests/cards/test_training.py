from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from neurokit import RunRecord, Trainer
from neurokit.cards import ModelCard
from neurokit.cards.limits import limits
from neurokit.cards.sections import sections
from neurokit.transfer import fine_tune


def test_hyper_parameters_are_written_as_arguments_are() -> None:
    parameters = {
        "loss": {"class": "CrossEntropyLoss", "weight": [1.0, 2.0]}, "learning_rate": None, "batch_size": None,
        "metrics": ["accuracy"], "class_weight": {"a": 1.0},
    }  # fmt: skip
    record = RunRecord(parameters=parameters, model={"optimizers": {"": {"class": "Adam", "lr": 0.001}}})
    written = sections(record)["Training/Hyper-parameters"]
    for row in (
        r"| loss | CrossEntropyLoss(weight=\[1, 2\]) |", "| learning_rate | None |",
        "| batch_size | the loader's own |", "| class_weight | {a: 1} |",
        "| optimizer in full | Adam(lr=0.001) |",
    ):  # fmt: skip
        assert row in written


def test_a_run_that_was_resumed_counts_all_of_its_epochs() -> None:
    record = RunRecord(
        data={"train": {"rows": 9}, "validation": {"rows": 3}}, epochs_run=0, stop_reason="completed",
        timings={"epochs": [30.0, 45.0], "seconds": 0.1}, metrics={"best": {"val_loss": 0.5}},
    )  # fmt: skip
    found = sections(record)
    assert "2 epochs in 1 min 15 s" in found["Training"]
    assert "trained for 2 epochs on 9 rows" in found["Summary"]
    assert "| loss | validation, n = 3 |  | 0.5 |" in found["Training/Results"]


def _fine_tuned(**options: Any) -> Trainer:
    torch.manual_seed(0)
    x = torch.randn(64, 2)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"])
    fine_tune(trainer, x, (x[:, 0] > 0).long(), checks=False, verbose=0, **options)
    return trainer


def test_both_phases_of_fine_tune_are_counted_and_have_a_table_of_their_own() -> None:
    trainer = _fine_tuned(head_epochs=2, full_epochs=3, learning_rate=0.01)
    record, card = trainer.record, ModelCard.from_trainer(trainer)
    first = record.parameters["fine_tune"]["first_phase"]
    assert "trained for 5 epochs on 64 rows" in card["Summary"]
    assert "5 epochs in " in card["Training"]
    assert "fine_tune" not in card["Training/Hyper-parameters"]
    table = card["Training/Fine-tuning"].splitlines()
    head = next(line for line in table if line.startswith("| the head alone"))
    full = next(line for line in table if line.startswith("| all of it"))
    assert "| 18 | 2 of 2 | 0.01 |" in head
    assert f"accuracy {first['metrics']['last']['accuracy']:.3g}" in head
    assert "| 42 | 3 of 3 | 0.01 |" in full
    assert f"accuracy {record.metrics['last']['accuracy']:.3g}" in full
    assert "| 0 | 0.0075 |" in table
    assert "its head (2) alone" in table[0]
    assert "Learning curves over 3 epochs of the second phase" in card["Training/Results"]
    assert ModelCard.from_record(RunRecord.from_json(card.record.to_json())).text == card.text


def test_the_time_of_both_phases_is_the_wall_time() -> None:
    story = {"head_epochs": 1, "full_epochs": 1, "first_phase": {"epochs_run": 1, "timings": {"seconds": 60.0}}}
    record = RunRecord(data={"train": {"rows": 9}}, epochs_run=1, timings={"seconds": 15.0})
    record.parameters["fine_tune"] = story
    assert "2 epochs in 1 min 15 s" in sections(record)["Training"]
    assert "| Wall time | 1 min 15 s |" in sections(record)["Training"]


@pytest.mark.parametrize(
    ("epochs", "left_out"), [((2, 0), "| all of it | - | 0 of 0"), ((0, 2), "| the head alone | - | 0 of 0")]
)
def test_a_phase_that_was_left_out_is_said(epochs: tuple[int, int], left_out: str) -> None:
    card = ModelCard.from_trainer(_fine_tuned(head_epochs=epochs[0], full_epochs=epochs[1]))
    assert left_out in card["Training/Fine-tuning"].replace("\\-", "-")
    assert "2 of 2" in card["Training/Fine-tuning"]
    assert "trained for 2 epochs" in card["Summary"]


def test_what_the_first_phase_noticed_is_a_limit_too_and_an_interruption_counts_both() -> None:
    noticed = {"level": "warning", "message": "Dead units.", "code": "dead-units"}
    story = {"head_epochs": 2, "full_epochs": 5, "first_phase": {"epochs_run": 2, "findings": [noticed]}}
    record = RunRecord(data={"train": {"rows": 9}}, epochs_run=1, stop_reason="interrupted", findings=[noticed])
    record.parameters = {"epochs": 5, "fine_tune": story}
    found = limits(record)
    assert found.count("Warning: Dead units. (dead-units)") == 1
    assert "Training was interrupted after 3 of 7 epochs." in found


def test_a_run_that_was_not_fine_tuned_has_no_such_part() -> None:
    assert "Training/Fine-tuning" not in sections(RunRecord(data={"train": {"rows": 9}}))


def test_wall_time_stop_reason_seed_and_hardware_are_called_so() -> None:
    record = RunRecord(
        data={"train": {"rows": 9}}, epochs_run=2, stop_reason="early stopping: no better val_loss", seed=3,
        data_seed=4, timings={"seconds": 75.0}, versions={"torch": "2.9"}, hardware={"device": "cpu", "memory": 2**30},
    )  # fmt: skip
    found = sections(record)
    rows = ("Wall time | 1 min 15 s", "Stop reason | early stopping: no better val_loss", "Seed | 3")
    for row in (*rows, "Seed of the data | 4"):
        assert f"| {row} |" in found["Training"]
    assert "| torch | 2.9 |" in found["Training/Versions"]
    assert "| memory | 1.0 GiB |" in found["Training/Hardware"]


def test_how_a_run_was_kept_is_a_note_of_training_and_no_limit() -> None:
    notes = [
        "runs/x holds no checkpoint to resume from.",
        "The resumed run has done 3 of 3 epochs: nothing is left to train.",
        "The resumed run had learning_rate=0.1, and this one is given 0.2. What the checkpoint holds goes on.",
    ]
    findings = [{"level": "note", "message": one, "code": ""} for one in notes]
    findings.append({"level": "note", "message": "Few rows.", "code": "few-rows"})
    findings.append({"level": "warning", "message": "Rows were lost.", "code": ""})
    record = RunRecord(data={"train": {"rows": 9}}, findings=findings)
    record.assessments = {"test": {"n": 500, "findings": findings}}
    found = sections(record)
    assert found["Training/Notes"].splitlines() == [f"- {one}" for one in notes]
    for one in notes:
        assert one not in found["Limits"]
    assert "Note: Few rows. (few-rows)" in found["Limits"]
    assert "Warning: Rows were lost." in found["Limits"]


def test_a_resumed_run_with_nothing_left_to_train_has_no_such_limit(tmp_path: Any) -> None:
    from neurokit import ModelCheckpoint

    x = torch.randn(32, 2)
    for _ in range(2):
        trainer = Trainer(nn.Linear(2, 2), loss="cross_entropy")
        trainer.fit(
            x, (x[:, 0] > 0).long(), epochs=1, callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, checks=False,
            verbose=0,
        )  # fmt: skip
    card = ModelCard.from_trainer(trainer)
    assert "nothing is left to train" in card["Training/Notes"]
    assert "nothing is left to train" not in card["Limits"]
    assert "trained for 1 epoch" in card["Summary"]
