import copy

import numpy as np
import pytest
import torch
from torch import nn

from neurokit.data.batch import Batch
from neurokit.data.targets import Targets
from neurokit.losses import make_criterion
from neurokit.probe import casts_for, class_weights, forward_once, look
from neurokit.task import Task

X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def told(loss, outputs, y, **how):
    """The task that a loss, outputs of a shape and targets tell."""
    criterion = make_criterion(loss)
    model = nn.Sequential(nn.Linear(4, outputs[-1] if outputs else 1), nn.Unflatten(1, outputs))
    return look(model, criterion, Batch(X, y), Targets(criterion.kind, **how), torch.float32).task


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "task"),
    [
        ("cross_entropy", (3,), torch.zeros(6).long(), Task("multiclass", "softmax", 3, None, -100)),
        ("nll", (3,), torch.zeros(6).long(), Task("multiclass", "exp", 3, None, -100)),
        ("multi_margin", (3,), torch.zeros(6).long(), Task("multiclass", "identity", 3)),
        ("bce_with_logits", (1,), torch.zeros(6, 1), Task("binary", "sigmoid", 2)),
        ("bce_with_logits", (3,), torch.zeros(6, 3), Task("multilabel", "sigmoid", 3)),
        ("mse", (1,), torch.zeros(6, 1), Task("regression")),
        ("poisson_nll", (1,), torch.zeros(6, 1), Task()),
        ("hinge_embedding", (3,), torch.ones(6, 3), Task()),
        (lambda p, t: (p - t).mean(), (1,), torch.zeros(6, 1), Task("regression")),
        (lambda p, t: p.mean(), (3,), torch.zeros(6).long(), Task("multiclass", "identity", 3)),
        (lambda p, t: p.mean(), (3,), (torch.zeros(6), torch.zeros(6)), Task()),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_loss_outputs_and_targets_tell_the_task(loss, outputs, y, task):
    assert told(loss, outputs, y) == task


def test_a_loss_with_parameters_compares_embeddings():
    class Proxies(nn.Module):
        def __init__(self):
            super().__init__()
            self.proxies = nn.Parameter(torch.randn(5, 3))

        def forward(self, embeddings, labels):
            return nn.functional.cross_entropy(embeddings @ self.proxies.T, labels)

    assert told(Proxies(), (3,), torch.zeros(6).long()) == Task()


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "message"),
    [
        ("cross_entropy", (1,), torch.zeros(6).long(), "'cross_entropy' compares the outputs of two classes or more"),
        ("cross_entropy", (3,), torch.arange(6) % 3 + 1, "from 1 to 3 .first out of range in row 2.* use y - 1"),
        ("cross_entropy", (3,), torch.arange(6), "from 0 to 5 .first out of range in row 3.*Give it 6 outputs"),
        ("cross_entropy", (3,), torch.arange(6) % 3 - 1, r"from -1 to 1 .*nn.CrossEntropyLoss\(ignore_index=-1\)"),
        (
            "bce_with_logits",
            (1,),
            torch.tensor([0.0, 1, 2, 0, 1, 1]),
            "y holds 2 in row 2, and this loss takes targets",
        ),
        (
            "bce",
            (1,),
            torch.zeros(6),
            "The loss 'bce' takes probabilities, and the model gives numbers from .*'bce_with_logits'",
        ),
        ("mse", (2,), torch.zeros(6), r"The model gives \(6, 2\), for which 'mse' takes targets of shape \(6, 2\)"),
        ("mse", (1,), torch.zeros(5, 1), r"The model gave a tensor of shape \(6, 1\) for 5 rows"),
        ("mse", (1,), None, "The loss compares with targets and there are none"),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_what_cannot_belong_together_is_refused(loss, outputs, y, message):
    with pytest.raises(ValueError, match=message):
        told(loss, outputs, y)


def test_more_classes_than_outputs_are_refused_by_their_names():
    with pytest.raises(ValueError, match=r"y holds 3 classes, \['a', 'b', 'c'\], and the model has 2 outputs"):
        told("cross_entropy", (2,), torch.arange(6) % 3, classes=np.array(["a", "b", "c"]))


def test_rows_must_be_on_the_first_axis():
    model = nn.RNN(4, 3)
    sequences = torch.randn(7, 5, 4)

    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = model

        def forward(self, x):
            return self.rnn(x.transpose(0, 1))[0]

    with pytest.raises(ValueError, match=r"a tensor of shape \(5, 7, 3\) for 7 rows. A prediction has one row per sam"):
        look(TimeFirst(), make_criterion("mse"), Batch(sequences, torch.zeros(7, 3)), Targets("values"), torch.float32)


def test_losses_by_output_name_must_fit_the_outputs():
    class Heads(nn.Linear):
        def forward(self, x):
            return {"kind": super().forward(x)}

    losses = make_criterion({"kind": "mse", "siez": "mse"})
    targets = {name: Targets("values") for name in losses}
    y = {"kind": torch.zeros(6, 1), "siez": torch.zeros(6, 1)}
    with pytest.raises(ValueError, match="the model returned a dict with 'kind': no tensor named 'siez'"):
        look(Heads(4, 1), losses, Batch(X, y), targets, torch.float32)
    with pytest.raises(ValueError, match=r"the targets are a tensor of shape .* Pass y as a dict by the same names"):
        look(Heads(4, 1), make_criterion({"kind": "mse"}), Batch(X, torch.zeros(6, 1)), targets, torch.float32)


def test_a_look_changes_nothing():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 1))
    model[1].eval()
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    draws, loss = torch.get_rng_state(), make_criterion("mse")
    look(model, loss, Batch(X, torch.zeros(6)), Targets("values"), torch.float32)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), draws)
    assert all(parameter.grad is None for parameter in model.parameters())


# ------------------------------------------------------------------------------------------------------ whole numbers


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8])
def test_token_ids_of_any_whole_dtype_reach_an_embedding(dtype):
    outputs, casts = forward_once(nn.Embedding(9, 2), torch.arange(6, dtype=dtype), torch.float32)
    assert outputs.shape == (6, 2)
    assert casts == {dtype: dtype if dtype is torch.int32 else torch.int64}


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool])
def test_whole_numbers_reach_a_linear_layer_as_floats(dtype):
    _, casts = forward_once(nn.Linear(4, 2), torch.ones(6, 4, dtype=dtype), torch.float32)
    assert casts == {dtype: torch.float32}


def test_images_of_bytes_stand_beside_token_ids():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.words = nn.Conv2d(3, 2, 1), nn.Embedding(9, 2)

        def forward(self, image, words):
            return self.conv(image).mean((2, 3)) + self.words(words)

    x = {"image": torch.ones(2, 3, 4, 4, dtype=torch.uint8), "words": torch.tensor([1, 2])}
    assert forward_once(Both(), x, torch.float32)[1] == {torch.uint8: torch.float32, torch.int64: torch.int64}
    x["words"] = x["words"].to(torch.int16)
    assert forward_once(Both(), x, torch.float32)[1] == {torch.uint8: torch.float32, torch.int16: torch.int64}


def test_a_model_that_scales_its_bytes_itself_gets_them_as_they_are():
    class Scaling(nn.Linear):
        def forward(self, x):
            assert x.dtype is torch.uint8
            return super().forward(x / 255)

    assert forward_once(Scaling(4, 1), torch.ones(2, 4, dtype=torch.uint8), torch.float32)[1] == {
        torch.uint8: torch.uint8
    }


def test_whole_numbers_of_a_dtype_not_seen_before_are_looked_at_once():
    class Counting(nn.Linear):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    model, whole = Counting(4, 1), torch.ones(2, 4, dtype=torch.int64)
    casts = casts_for(model, whole, torch.float32, {torch.uint8: torch.float32})
    assert casts == {torch.uint8: torch.float32, torch.int64: torch.float32}
    calls = model.calls
    assert casts_for(model, whole, torch.float32, casts) is casts
    assert casts_for(model, X, torch.float32, casts) is casts
    assert model.calls == calls


# --------------------------------------------------------------------------------------------------- refused by layers


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_a_wrong_number_of_features_names_the_layer_and_what_arrived(dtype):
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(4, 2)))
    with pytest.raises(
        ValueError, match=r"The layer '1\.0', Linear\(in_features=4, .*\), cannot take what arrived: \(6, 5\)"
    ) as caught:
        forward_once(model, torch.ones(6, 5, dtype=dtype), torch.float32)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_wrong_number_of_channels_names_the_layer():
    with pytest.raises(ValueError, match=r"The layer Conv2d\(3, 2, .*\), cannot take what arrived: \(2, 1, 8, 8\)"):
        forward_once(nn.Conv2d(3, 2, 3), torch.ones(2, 1, 8, 8), torch.float32)


def test_a_token_id_beyond_the_embedding_names_the_layer():
    with pytest.raises(ValueError, match=r"The layer Embedding\(9, 2\), cannot take .* torch says: index out of"):
        forward_once(nn.Embedding(9, 2), torch.tensor([1, 9]), torch.float32)


@pytest.mark.parametrize("error", [RuntimeError, ValueError, TypeError, KeyError])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_an_error_of_the_users_own_code_stays_what_it_is(error, dtype):
    mine = error("mine")

    class Failing(nn.Linear):
        def forward(self, x):
            raise mine

    with pytest.raises(error, match="mine") as caught:
        forward_once(nn.Sequential(Failing(4, 1)), torch.ones(6, 4, dtype=dtype), torch.float32)
    assert caught.value is mine


def test_inputs_that_forward_has_no_place_for_are_described():
    class Pair(nn.Linear):
        def forward(self, left, right):
            return super().forward(left + right)

    with pytest.raises(TypeError, match=r"Pair.forward\(left, right\) was called with a tensor of shape \(6, 4\)"):
        forward_once(Pair(4, 1), X, torch.float32)
    with pytest.raises(TypeError, match=r"Pair.forward\(left, right\) was called with a dict with 'left', 'wrong'"):
        forward_once(Pair(4, 1), {"left": X, "wrong": X}, torch.float32)


# ------------------------------------------------------------------------------------------------------ class weights

THREE, TWO = Task("multiclass", "softmax", 3), Task("binary", "sigmoid", 2)
NAMED = Task("multiclass", "softmax", 2, np.array(["cat", "dog"]))


@pytest.mark.parametrize(
    ("given", "task", "weights"),
    [
        ({0: 1, 2: 3, 1: 2}, THREE, [1, 2, 3]),
        ([1, 2, 3], THREE, [1, 2, 3]),
        (np.array([1.0, 2.0]), TWO, [1, 2]),
        (torch.tensor([1.0, 2.0]), TWO, [1, 2]),
        ({"dog": 5, "cat": 1}, NAMED, [1, 5]),
        ({np.int64(0): 1, np.int64(1): 2}, TWO, [1, 2]),
    ],
)
def test_class_weights_come_by_label_or_in_order(given, task, weights):
    assert class_weights(given, task, make_criterion("cross_entropy")).tolist() == weights


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({0: 1, 1: 2}, ValueError, r"one weight for each class \[0, 1, 2\]; missing \[2\], unknown \[\]"),
        ({0: 1, 1: 2, 2: 1, "2": 3}, ValueError, r"unknown \['2'\]"),
        ([1, 2], ValueError, r"holds 2 weights, and the classes are \[0, 1, 2\]"),
        ([1, 2, -1], ValueError, "finite weights of 0 or more"),
        ([1, 2, float("nan")], ValueError, "finite weights of 0 or more"),
        ([0, 0, 0], ValueError, "some above 0"),
        ("balanced", TypeError, "class_weight is a dict by label or a sequence"),
        (2.0, TypeError, "class_weight is a dict by label or a sequence"),
    ],
)
def test_class_weights_that_cannot_be_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        class_weights(given, THREE, make_criterion("cross_entropy"))


def test_class_weights_need_the_classes_of_one_loss():
    for task, loss in ((Task("regression"), "mse"), (Task(), None), ({"a": THREE}, {"a": "cross_entropy"})):
        with pytest.raises(ValueError, match="class_weight weighs the classes of one loss, and this run has none"):
            class_weights([1, 2, 3], task, make_criterion(loss))
    with pytest.raises(ValueError, match="the loss has class weights of its own"):
        class_weights([1, 2, 3], THREE, make_criterion(nn.CrossEntropyLoss(torch.ones(3))))
