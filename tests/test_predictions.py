from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neurokit.predictions import joined, labels_of, probabilities, to_numpy
from neurokit.task import Task

Pair = namedtuple("Pair", "mean spread")


@dataclass
class Output:
    logits: torch.Tensor
    hidden: tuple


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 1, 3, 3)])
def test_two_classes_have_two_columns(shape):
    outputs = torch.randn(shape)
    found = probabilities(Task("binary", "sigmoid", 2), outputs)
    assert found.shape == (5, 2, *shape[2:])
    np.testing.assert_allclose(found[:, 1].reshape(-1), outputs.sigmoid().reshape(-1).numpy())
    np.testing.assert_allclose(found.sum(1), np.ones((5, *shape[2:])), rtol=1e-6)


def test_classes_and_labels_have_a_column_each():
    outputs = torch.randn(5, 3)
    np.testing.assert_allclose(probabilities(Task("multiclass", "softmax", 3), outputs), outputs.softmax(1).numpy())
    np.testing.assert_allclose(probabilities(Task("multilabel", "sigmoid", 3), outputs), outputs.sigmoid().numpy())


def test_probabilities_of_half_precision_outputs_add_up_to_one():
    outputs = torch.randn(5, 300, dtype=torch.bfloat16)
    np.testing.assert_allclose(probabilities(Task("multiclass", "softmax", 300), outputs).sum(1), 1, rtol=1e-5)


def test_classes_on_the_last_axis_stay_there():
    outputs = torch.randn(2, 4, 3)
    task = Task("multiclass", "softmax", 3, classes_last=True)
    np.testing.assert_allclose(probabilities(task, outputs), outputs.softmax(-1).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(labels_of(task, outputs), outputs.argmax(-1).numpy())


@pytest.mark.parametrize("task", [Task(), Task("regression"), Task("multiclass", "identity", 3)])
def test_without_a_loss_that_says_so_there_are_no_probabilities(task):
    with pytest.raises(ValueError, match="predict_proba needs a loss that says how outputs become probabilities"):
        probabilities(task, torch.randn(5, 3))


def test_labels_are_the_users_own():
    classes = np.array(["cat", "dog"])
    outputs = torch.tensor([[-1.0], [2.0]])
    assert labels_of(Task("binary", "sigmoid", 2, classes), outputs).tolist() == ["cat", "dog"]
    assert labels_of(Task("multiclass", "softmax", 2, classes), torch.tensor([[3.0, 1], [0, 1]])).tolist() == [
        "cat",
        "dog",
    ]
    assert labels_of(Task("binary", "sigmoid", 2), outputs).tolist() == [0, 1]
    assert labels_of(Task("multilabel", "sigmoid", 2), torch.tensor([[3.0, -1]])).tolist() == [[1, 0]]


def test_a_regression_has_no_labels():
    with pytest.raises(ValueError, match=r"regression task has no class labels. Use predict"):
        labels_of(Task("regression"), torch.randn(5, 1))


def test_arrays_keep_the_structure_of_the_outputs():
    ones = torch.ones(2, requires_grad=True)
    assert isinstance(to_numpy((ones, [ones])), tuple)
    assert isinstance(to_numpy(Pair(ones, ones)), Pair)
    assert to_numpy(OrderedDict(logits=ones, note="a"))["note"] == "a"
    assert list(to_numpy(Output(ones, (ones,)))) == ["logits", "hidden"]
    assert list(to_numpy(SimpleNamespace(out=ones, aux=None))) == ["out", "aux"]
    assert to_numpy(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32


def test_objects_without_tensors_of_their_own_are_left_out():
    class Cache:
        def __init__(self):
            self.layers = [torch.ones(2)]

    assert to_numpy({"logits": torch.ones(2), "cache": Cache()})["cache"] is None


def test_rows_are_joined_within_the_structure():
    first, second = np.ones((2, 3)), np.zeros((1, 3))
    assert joined([first, second]).shape == (3, 3)
    assert joined([(first, {"a": first}), (second, {"a": second})])[1]["a"].shape == (3, 3)
    assert joined([Pair(first, first), Pair(second, second)]).mean.shape == (3, 3)


def test_a_list_holds_outputs_or_rows():
    outputs = joined([[np.ones((2, 3)), np.ones((2, 1))], [np.ones((1, 3)), np.ones((1, 1))]])
    assert [one.shape for one in outputs] == [(3, 3), (3, 1)]
    rows = joined([[{"boxes": np.ones((7, 4))}, {"boxes": np.ones((0, 4))}], [{"boxes": np.ones((1, 4))}]])
    assert [len(row["boxes"]) for row in rows] == [7, 0, 1]
    ragged = joined([[np.ones(7), np.ones(2)], [np.ones(3)]])
    assert [len(row) for row in ragged] == [7, 2, 3]
