from __future__ import annotations

import numpy as np
import pytest
import torch

from neurokit.assessment.groups.judged import judged_rows


def test_the_positive_class_alone_gets_a_column_for_the_other() -> None:
    judged = judged_rows("binary", torch.tensor([[0], [1]]), [0, 1], [[0.25], [0.75]])
    assert judged.answers.scores.tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert judged.answers.y_true.tolist() == [0, 1]
    assert judged.class_names == ["0", "1"]


def test_without_scores_the_answers_still_have_a_column_for_each_class() -> None:
    assert judged_rows("multiclass", [0, 4], [1, 2]).answers.scores.shape == (2, 5)
    assert judged_rows("multilabel", np.eye(3), np.eye(3)).answers.scores.shape == (3, 3)


def test_predictions_of_a_regression_are_its_scores() -> None:
    answers = judged_rows("regression", [[1], [2]], [[3], [4]], weights=[1, 2]).answers
    assert answers.scores.tolist() == answers.y_pred.tolist() == [3.0, 4.0]
    assert answers.weight is not None
    assert answers.weight.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("binary", [1], [1]), "two rows or more"),
        (("binary", [0, 1], [0]), "y_true has 2 rows and y_pred has 1"),
        (("multiclass", [0, 1], np.eye(2)), r"scores.argmax\(1\)"),
        (("regression", [0, 1], np.eye(2)), "the same shape"),
    ],
)
def test_rows_that_do_not_belong_together_say_so(given: tuple[str, object, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        judged_rows(*given)
