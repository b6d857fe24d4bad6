from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor

from neurokit.assessment.baseline import constant_answers
from neurokit.assessment.measures import Answers, measure


def test_classes_get_what_scikit_learns_dummy_learns_of_the_training_rows() -> None:
    generator = np.random.default_rng(0)
    train, test = generator.choice(3, 200, p=[0.2, 0.5, 0.3]), generator.integers(3, size=60)
    counts = {name: int((train == index).sum()) for index, name in enumerate("abc")}
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((200, 1)), train)

    made, said = constant_answers(
        Answers("multiclass", test, test, np.eye(3)[test]), list("abc"), {"rows": 200, "counts": counts}
    )

    assert made.scores == pytest.approx(dummy.predict_proba(np.zeros((60, 1))))
    assert (made.y_pred == dummy.predict(np.zeros((60, 1)))).all()
    assert said == "always 'b', the most frequent class in training"
    found = measure(made, confidence=0.95, seed=0)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(test, made.scores))


def test_numbers_get_the_mean_of_training_and_several_their_own_means() -> None:
    y = np.asarray([1.0, 2.0, 6.0])
    dummy = DummyRegressor().fit(np.zeros((2, 1)), [10.0, 20.0])

    made, said = constant_answers(Answers("regression", y, y, y), [], {"mean": 15.0})
    assert made.scores == pytest.approx(dummy.predict(np.zeros((3, 1))))
    assert said == "always 15, the mean in training"

    table = np.stack([y, 10 * y], axis=1)
    made, said = constant_answers(Answers("regression", table, table, table), [], {"mean": 15.0})
    assert made.scores[0].tolist() == [3.0, 30.0]
    assert said == "always the means of these rows"


def test_labels_get_whether_they_mostly_hold() -> None:
    y = np.asarray([[1, 0], [1, 0], [0, 1]])

    made, said = constant_answers(Answers("multilabel", y, y, y * 1.0), ["p", "q"], {})

    assert made.y_pred.tolist() == [[1, 0]] * 3
    assert "for each label" in said


def test_weights_count_where_training_is_not_known() -> None:
    y = np.asarray([0, 0, 1])

    made, _ = constant_answers(Answers("binary", y, y, np.eye(2)[y], np.asarray([1.0, 1.0, 6.0])), ["n", "y"], {})

    assert made.scores[0].tolist() == [0.25, 0.75]
