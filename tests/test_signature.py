from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

import neurokit as nk
from neurokit.data.inputs import Known
from neurokit.signature import balance, signature
from neurokit.task import Task


def test_several_inputs_are_told_by_their_path_and_several_outputs_by_their_name() -> None:
    x = {"age": torch.zeros(4, 1), "tokens": torch.zeros(4, 7, dtype=torch.int64)}
    tasks = {"price": Task("regression"), "kind": Task("multiclass", "softmax", 3, np.array(["a", "b", "c"]))}

    told = signature(x, {"['age']": Known(("years",), (1,))}, tasks)

    assert [(one["name"], one["dtype"], one["shape"], one["columns"]) for one in told["inputs"]] == [
        ("x['age']", "float32", [1], ["years"]),
        ("x['tokens']", "int64", [7], None),
    ]
    assert [(one["name"], one["kind"], one["classes"]) for one in told["outputs"]] == [
        ("price", "regression", None),
        ("kind", "multiclass", ["a", "b", "c"]),
    ]


def test_balance_counts_classes_that_are_ignored_for_nothing_and_labels_that_hold() -> None:
    assert balance(torch.tensor([0, -100, 2]), Task("multiclass", "softmax", 3, ignore_index=-100)) == {
        "rows": 2,
        "counts": {"0": 1, "1": 0, "2": 1},
    }
    assert balance(torch.tensor([[1.0, 0], [1, 1]]), Task("multilabel", "sigmoid", 2)) == {
        "rows": 2,
        "counts": {"0": 2, "1": 1},
    }
    assert balance(torch.tensor([1.0, 3]), Task("regression")) == {"mean": 2.0, "std": 1.0, "min": 1.0, "max": 3.0}
    assert balance(torch.tensor([[0.2, 0.8]]), Task("multiclass", "softmax", 2)) == {}


def test_a_fit_records_signature_balance_and_layers_of_both_parts_of_the_data() -> None:
    table = pd.DataFrame({"a": np.arange(40.0), "b": np.ones(40)})
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy")

    trainer.fit(table, np.repeat(["no", "yes"], 20), validation_split=0.5, verbose=0, checks=False)

    record = nk.RunRecord.from_json(trainer.record.to_json())
    assert record.signature["inputs"] == [{"name": "x", "dtype": "float32", "shape": [2], "columns": ["a", "b"]}]
    assert record.signature["outputs"][0]["classes"] == ["no", "yes"]
    assert record.balance == {
        "train": {"rows": 20, "counts": {"no": 10, "yes": 10}},
        "validation": {"rows": 20, "counts": {"no": 10, "yes": 10}},
    }
    assert "Linear" in record.model["layers"]
    assert record.model["bytes"] == 24
