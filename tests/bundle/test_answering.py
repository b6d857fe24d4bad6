from __future__ import annotations

import numpy as np
import pytest
import torch

from neurokit.bundle import answering
from neurokit.bundle.interface import Question
from neurokit.predictions import labels_of, probabilities
from neurokit.task import Task

TASKS = [
    ("binary", "sigmoid", (7,), 2),
    ("binary", "sigmoid", (7, 1), 2),
    ("binary", "identity", (7, 1), 2),
    ("multiclass", "softmax", (7, 4), 4),
    ("multiclass", "exp", (7, 4), 4),
    ("multiclass", "softmax", (7, 4, 3), 4),
    ("multilabel", "sigmoid", (7, 4), 4),
]


def _outputs(activation: str, shape: tuple[int, ...]) -> torch.Tensor:
    raw = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 20
    if activation == "exp":
        return raw.log_softmax(1)
    return raw.sigmoid() if activation == "identity" else raw


@pytest.mark.parametrize(("kind", "activation", "shape", "count"), TASKS)
def test_probabilities_and_labels_are_those_of_the_trainer(kind, activation, shape, count) -> None:
    classes = np.array(["a", "b", "c", "d"])[:count] if kind != "multilabel" else None
    task = Task(kind, activation, count, classes)
    question = Question("", kind, activation, count, None if classes is None else tuple(classes.tolist()))
    outputs = _outputs(activation, shape)

    np.testing.assert_allclose(
        answering.probabilities(question, outputs.numpy()), probabilities(task, outputs), rtol=1e-6, atol=1e-12
    )
    np.testing.assert_array_equal(answering.labels(question, outputs.numpy()), labels_of(task, outputs))


def test_classes_on_the_last_axis_stay_there() -> None:
    question = Question("", "multiclass", "softmax", 3, None, True)
    outputs = np.random.default_rng(0).normal(size=(2, 5, 3))

    found = answering.probabilities(question, outputs)

    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_array_equal(answering.labels(question, outputs), outputs.argmax(-1))


def test_probabilities_of_half_precision_add_up_to_one() -> None:
    question = Question("", "multiclass", "softmax", 10)

    found = answering.probabilities(question, np.random.default_rng(0).normal(size=(50, 10)).astype(np.float16))

    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("extreme", [1e4, -1e4])
def test_extreme_logits_do_not_overflow(extreme: float) -> None:
    found = answering.probabilities(Question("", "binary", "sigmoid", 2), np.array([[extreme]], dtype=np.float32))

    np.testing.assert_array_equal(found, [[0, 1]] if extreme > 0 else [[1, 0]])


def test_a_target_is_given_back_in_its_own_unit() -> None:
    question = Question("price", "regression", mean=100.0, scale=10.0)

    np.testing.assert_array_equal(answering.values(question, np.array([[1.0], [-1.0]])), [110.0, 90.0])


@pytest.mark.parametrize("classes", [(True, False), (1, 2), ("x", 2), (0.5, 1.5)])
def test_labels_keep_the_kind_they_had(classes: tuple[object, object]) -> None:
    found = answering.named(Question("", "binary", "sigmoid", 2, classes), np.array([1, 0]))  # type: ignore[arg-type]

    assert found.tolist() == [classes[1], classes[0]]
    assert [type(one) for one in found.tolist()] == [type(classes[1]), type(classes[0])]


def test_a_loss_without_probabilities_says_so() -> None:
    with pytest.raises(ValueError, match="gives no probabilities: it was trained for regression"):
        answering.probabilities(Question("", "regression"), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="has no classes: it was trained for a loss of its own"):
        answering.labels(Question(), np.zeros((2, 1)))
