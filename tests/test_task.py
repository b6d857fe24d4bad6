import torch

from neurokit.task import Task


def test_a_task_is_described_in_a_few_words():
    assert Task("multiclass", "softmax", 10).describe() == "multiclass, 10 classes"
    assert Task("multilabel", "sigmoid", 3).describe() == "multilabel, 3 labels"
    assert Task("regression").describe() == "regression"
    assert Task().describe() == "not known"


def test_labels_of_two_classes_depend_on_what_the_outputs_are():
    outputs = torch.tensor([-0.2, 0.2, 0.6])
    assert Task("binary", "sigmoid").labels(outputs).tolist() == [0, 1, 1]
    assert Task("binary", "identity").labels(outputs).tolist() == [0, 0, 1]


def test_log_probabilities_are_raised():
    outputs = torch.randn(4, 3).log_softmax(1)
    torch.testing.assert_close(Task("multiclass", "exp", 3).probabilities(outputs).sum(1), torch.ones(4))
