"""Every number a run reports equals one computation over the whole data set, and micro-batches equal one big batch.

The cases are those in which other libraries report, or learn from, something else. Torch over all rows in one piece is
the oracle.
"""

import copy
import functools
import logging

import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torch import nn
from torch.nn import functional as F

from neurokit import Callback, Trainer
from neurokit.losses import loss_names

close = functools.partial(pytest.approx, rel=1e-6)
STILL = {
    "optimizer": "sgd",
    "learning_rate": 1e-12,
    "device": "cpu",
}  # weights that stay, so that an epoch has one loss


def classes_in_a_hard_tail(rows=10, classes=3):
    """Inputs and labels whose last rows are far harder: means of batch means are far off."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 4, generator=generator)
    y = torch.randint(0, classes, (rows,), generator=generator)
    x[-2:] *= 30
    return x, y


def reported(model, loss, x, y, *, batch_size=4, **arguments):
    """What ``fit``, its validation and ``evaluate`` say about the same rows."""
    trainer = Trainer(model, loss=loss, **STILL)
    weight = arguments.get("sample_weight")
    validation = (x, y) if weight is None else (x, y, weight)
    history = trainer.fit(x, y, batch_size=batch_size, validation_data=validation, verbose=0, **arguments).history
    evaluated = trainer.evaluate(x, y, batch_size=batch_size, sample_weight=weight)["loss"]
    return history["loss"][0], history["val_loss"][0], evaluated


def mean_of_batch_means(loss, outputs, y, batch_size=4):
    return torch.stack([loss(o, t) for o, t in zip(outputs.split(batch_size), y.split(batch_size), strict=True)]).mean()


# ------------------------------------------------------------------------------------------------------ reported loss


def test_unequal_last_batch_counts_by_its_rows():
    x, y = classes_in_a_hard_tail()
    model, loss = nn.Linear(4, 3), nn.CrossEntropyLoss()
    true = loss(model(x), y).item()
    assert abs(mean_of_batch_means(loss, model(x), y).item() / true - 1) > 0.2
    assert reported(model, loss, x, y) == (close(true),) * 3


def test_class_weights_of_the_loss_divide_by_the_weights_not_by_the_rows():
    x, y = classes_in_a_hard_tail(12, classes=2)
    y = torch.tensor([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1])
    model, loss = nn.Linear(4, 2), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 25.0]))
    true = loss(model(x), y).item()
    assert abs(mean_of_batch_means(loss, model(x), y).item() / true - 1) > 0.05
    assert reported(model, loss, x, y) == (close(true),) * 3


def test_class_weight_of_fit_is_the_weight_of_cross_entropy_bit_for_bit():
    x, y = torch.randn(30, 4), torch.randint(0, 2, (30,))
    model = nn.Linear(4, 2)
    twin = copy.deepcopy(model)
    weighted = Trainer(model, loss="cross_entropy", device="cpu")
    plain = Trainer(twin, loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 25.0])), device="cpu")
    ours = weighted.fit(x, y, batch_size=8, epochs=2, class_weight={0: 1, 1: 25}, verbose=0).history
    theirs = plain.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    assert ours == theirs
    assert torch.equal(model.weight, twin.weight)


def test_class_weight_weighs_what_is_learnt_from_and_neither_validation_nor_evaluation():
    x, y = torch.randn(12, 4), torch.randint(0, 2, (12,))
    model = nn.Linear(4, 2)
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    history = trainer.fit(x, y, batch_size=5, class_weight=[1, 25], validation_data=(x, y), verbose=0).history
    weights = torch.tensor([1.0, 25.0])
    assert history["loss"] == [close(F.cross_entropy(model(x), y, weights).item())]
    assert history["val_loss"] == [close(F.cross_entropy(model(x), y).item())]
    assert history["val_loss"] == [trainer.evaluate(x, y, batch_size=5)["loss"]]


def test_class_weight_ends_with_the_fit_it_was_given_to():
    x, y = torch.randn(12, 4), torch.randint(0, 2, (12,))
    model = nn.Linear(4, 2)
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    trainer.fit(x, y, class_weight=[1, 25], verbose=0)
    assert trainer.fit(x, y, verbose=0).history["loss"][0] == close(F.cross_entropy(model(x), y).item())


def test_class_weight_of_zero_leaves_a_batch_of_that_class_out():
    x, y = torch.randn(8, 4), torch.tensor([0, 0, 0, 0, 0, 1, 1, 0])
    model = nn.Linear(4, 2)
    true = F.cross_entropy(model(x)[y == 1], y[y == 1]).item()
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    assert trainer.fit(x, y, batch_size=4, shuffle=False, class_weight=[0, 1], verbose=0).history["loss"] == [
        close(true)
    ]
    assert bool(torch.isfinite(model.weight).all())


def test_class_weight_weighs_both_sides_of_a_binary_loss():
    x, y = torch.randn(10, 4), torch.tensor([0.0, 0, 0, 0, 0, 1, 0, 1, 0, 0])
    model, weights = nn.Linear(4, 1), torch.tensor([1.0, 7.0])
    losses = F.binary_cross_entropy_with_logits(model(x)[:, 0], y, reduction="none")
    true = (losses * weights[y.long()]).sum() / weights[y.long()].sum()
    trainer = Trainer(model, loss="bce_with_logits", **STILL)
    assert trainer.fit(x, y, batch_size=4, class_weight={0: 1.0, 1: 7.0}, verbose=0).history["loss"] == [
        close(true.item())
    ]


def test_ignored_targets_do_not_count():
    x, y = classes_in_a_hard_tail(12)
    y[torch.tensor([0, 1, 2, 9])] = -100
    model, loss = nn.Linear(4, 3), nn.CrossEntropyLoss()
    true = loss(model(x), y).item()
    assert abs(mean_of_batch_means(loss, model(x), y).item() / true - 1) > 0.05
    assert reported(model, loss, x, y) == (close(true),) * 3


def test_ignored_targets_count_neither_in_validation_where_training_has_none():
    x, y = torch.randn(12, 4), torch.randint(0, 3, (12,))
    held_out = torch.where(torch.arange(12) < 5, -100, y)
    model = nn.Linear(4, 3)
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], **STILL)
    history = trainer.fit(x, y, batch_size=4, validation_data=(x, held_out), verbose=0).history
    true = F.cross_entropy(model(x), held_out).item()
    hits = (model(x).argmax(1) == y)[5:].float().mean().item()
    assert (history["val_loss"], history["val_accuracy"]) == ([close(true)], [close(hits)])
    evaluated = trainer.evaluate(x, held_out, batch_size=4)
    assert evaluated == {"loss": close(true), "accuracy": close(hits)}


def test_ignored_targets_of_a_loader_do_not_count_after_a_fit_without_any():
    x, y = torch.randn(12, 4), torch.randint(0, 3, (12,))
    gaps = torch.where(torch.arange(12) < 5, -100, y)
    model = nn.Linear(4, 3)
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    trainer.fit(x, y, verbose=0)
    batches = Batches(list(zip(x.split(4), gaps.split(4), strict=True)))
    true = F.cross_entropy(model(x), gaps).item()
    assert trainer.fit(batches, verbose=0).history["loss"] == [close(true)]


def test_ignored_targets_do_not_count_where_compute_loss_reads_the_batch_its_own_way():
    class Unpacking(Trainer):
        def compute_loss(self, batch):
            return super().compute_loss(batch._replace(x=batch.x["inner"]))

    x, y = torch.randn(12, 4), torch.randint(0, 3, (12,))
    y[:5] = -100
    model = nn.Linear(4, 3)
    trainer = Unpacking(model, loss="cross_entropy", **STILL)
    history = trainer.fit({"inner": x}, y, batch_size=4, shuffle=False, verbose=0).history
    assert history["loss"] == [close(F.cross_entropy(model(x), y).item())]


class Batches:
    """Batches of any sizes, pass after pass."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def test_batch_in_which_everything_is_ignored_weighs_nothing():
    x, y = torch.randn(12, 4), torch.randint(0, 3, (12,))
    y[4:8] = -100
    model = nn.Linear(4, 3)
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], **STILL)
    history = trainer.fit(x, y, batch_size=4, shuffle=False, validation_data=(x, y), verbose=0).history
    assert history["loss"] == history["val_loss"] == [close(F.cross_entropy(model(x), y).item())]
    kept = y != -100
    assert history["accuracy"] == [close((model(x).argmax(1) == y)[kept].float().mean().item())]


def test_sample_weights_weigh_loss_metrics_and_validation():
    x, y = classes_in_a_hard_tail(11)
    weight = torch.tensor([1, 0, 3, 1, 0.5, 2, 1, 1, 9, 0.1, 4])
    model = nn.Linear(4, 3)
    true = ((F.cross_entropy(model(x), y, reduction="none") * weight).sum() / weight.sum()).item()
    assert reported(model, "cross_entropy", x, y, sample_weight=weight) == (close(true),) * 3
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], **STILL)
    hits = sklearn_metrics.accuracy_score(y, model(x).argmax(1), sample_weight=weight)
    history = trainer.fit(x, y, batch_size=4, sample_weight=weight, validation_data=(x, y, weight), verbose=0).history
    assert (history["accuracy"], history["val_accuracy"]) == ([close(hits)], [close(hits)])


def test_sample_weights_stand_beside_class_weights_and_ignored_targets():
    x, y = torch.randn(11, 4), torch.randint(0, 3, (11,))
    y[3] = -100
    weight, classes = torch.rand(11) + 0.1, torch.tensor([1.0, 5.0, 25.0])
    model = nn.Linear(4, 3)
    each = weight * classes[y.clamp(0)] * (y != -100)
    plain = F.cross_entropy(model(x), y, reduction="none")
    true = ((plain * each).sum() / each.sum()).item()
    assert reported(model, nn.CrossEntropyLoss(classes), x, y, sample_weight=weight) == (close(true),) * 3
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    history = trainer.fit(x, y, batch_size=4, sample_weight=weight, class_weight=classes, verbose=0).history
    assert history["loss"] == [close(true)]


def test_label_smoothing_with_class_weights_and_ignored_targets():
    x, y = classes_in_a_hard_tail(11)
    y[2] = -100
    model, loss = nn.Linear(4, 3), nn.CrossEntropyLoss(torch.tensor([1.0, 5.0, 25.0]), label_smoothing=0.2)
    assert reported(model, loss, x, y) == (close(loss(model(x), y).item()),) * 3


def test_class_probabilities_as_targets():
    x, y = torch.randn(10, 4), torch.randn(10, 3).softmax(1)
    model, loss = nn.Linear(4, 3), nn.CrossEntropyLoss(torch.tensor([1.0, 5.0, 25.0]))
    assert reported(model, loss, x, y) == (close(loss(model(x), y).item()),) * 3


def test_one_hot_targets_are_class_probabilities():
    x, y = torch.randn(10, 4), torch.randint(0, 3, (10,))
    model = nn.Linear(4, 3)
    one_hot = F.one_hot(y, 3)
    assert reported(model, "cross_entropy", x, one_hot) == (close(F.cross_entropy(model(x), y).item()),) * 3


def test_positive_weights_of_a_binary_loss():
    x, y = torch.randn(10, 4), torch.randint(0, 2, (10, 3)).float()
    model, loss = nn.Linear(4, 3), nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 9.0, 3.0]))
    assert reported(model, loss, x, y) == (close(loss(model(x), y).item()),) * 3


@pytest.mark.parametrize("weights", [None, torch.rand(10) + 0.1])
def test_sum_is_reported_as_the_sum_over_the_data(weights):
    x, y = torch.randn(10, 4), torch.randn(10, 2)
    model, loss = nn.Linear(4, 2), nn.MSELoss(reduction="sum")
    each = torch.ones(10) if weights is None else weights
    true = (F.mse_loss(model(x), y, reduction="none") * each[:, None]).sum().item()
    assert reported(model, loss, x, y, **({} if weights is None else {"sample_weight": weights})) == (close(true),) * 3


def test_loss_without_reduction_is_averaged_as_torch_would():
    x, y = classes_in_a_hard_tail(11)
    y[2] = -100
    classes = torch.tensor([1.0, 5.0, 25.0])
    model = nn.Linear(4, 3)
    true = F.cross_entropy(model(x), y, classes).item()
    assert reported(model, nn.CrossEntropyLoss(classes, reduction="none"), x, y) == (close(true),) * 3


def test_loss_without_reduction_counts_a_last_batch_of_one_row_by_its_class():
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 2])
    classes = torch.tensor([1.0, 5.0, 25.0])
    model = nn.Linear(4, 3)
    true = F.cross_entropy(model(x), y, classes).item()
    assert reported(model, nn.CrossEntropyLoss(classes, reduction="none"), x, y) == (close(true),) * 3


def test_batchmean_is_a_mean_over_rows():
    x, y = torch.randn(10, 4), torch.randn(10, 3).softmax(1)
    model, loss = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)), nn.KLDivLoss(reduction="batchmean")
    true = loss(model(x), y).item()
    assert reported(model, loss, x, y) == (close(true),) * 3
    assert reported(model, loss, x, y, sample_weight=torch.full((10,), 3.0)) == (close(true),) * 3


def test_own_function_with_a_value_per_row_is_weighted():
    x, y, weight = torch.randn(10, 4), torch.randn(10, 1), torch.rand(10) + 0.1
    model = nn.Linear(4, 1)

    def absolute(predictions, targets):
        return (predictions - targets).abs().mean(1)

    losses = absolute(model(x), y)
    assert reported(model, absolute, x, y) == (close(losses.mean().item()),) * 3
    true = ((losses * weight).sum() / weight.sum()).item()
    assert reported(model, absolute, x, y, sample_weight=weight) == (close(true),) * 3


def test_own_scalar_function_is_a_mean_over_rows():
    x, y = torch.randn(10, 4), torch.randn(10, 1)
    model = nn.Linear(4, 1)
    losses = (model(x) - y).abs()
    assert reported(model, lambda p, t: (p - t).abs().mean(), x, y) == (close(losses.mean().item()),) * 3
    assert reported(model, lambda p, t: (p - t).abs().mean().reshape(1), x, y) == (close(losses.mean().item()),) * 3


def test_own_scalar_function_cannot_be_weighted():
    x, y = torch.randn(10, 4), torch.randn(10, 1)
    trainer = Trainer(nn.Linear(4, 1), loss=lambda p, t: (p - t).abs().mean(), **STILL)
    with pytest.raises(ValueError, match="one number for the whole batch, so rows cannot be weighed"):
        trainer.fit(x, y, sample_weight=torch.ones(10), verbose=0)


class Tagger(nn.Module):
    """Sequences of numbers in, one score per class and position out, classes on axis 1."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 3)

    def forward(self, x):
        return self.layer(x[..., None]).movedim(-1, 1)


@pytest.mark.parametrize("gaps", [False, True])
def test_sequences_of_other_lengths_in_each_batch_count_by_their_positions(gaps):
    batches = [
        (torch.randn(rows, length) * length, torch.randint(0, 3, (rows, length)))
        for rows, length in [(3, 9), (2, 1), (4, 5)]
    ]
    if gaps:
        batches[0][1][:, 2:] = -100
    model = Tagger()
    scores = torch.cat([model(x).movedim(1, -1).reshape(-1, 3) for x, _ in batches])
    true = F.cross_entropy(scores, torch.cat([y.reshape(-1) for _, y in batches])).item()
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    history = trainer.fit(Batches(batches), validation_data=Batches(batches), verbose=0).history
    assert (history["loss"], history["val_loss"]) == ([close(true)], [close(true)])


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.kind, self.size = nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return {"kind": self.kind(x), "size": self.size(x)}


def test_each_loss_of_a_dict_has_weights_of_its_own():
    x, kind = classes_in_a_hard_tail(11)
    kind[1] = -100
    size = torch.randn(11, 2)
    model, classes = TwoHeads(), torch.tensor([1.0, 5.0, 25.0])
    trainer = Trainer(model, loss={"kind": nn.CrossEntropyLoss(classes), "size": "mae"}, **STILL)
    y = {"kind": kind, "size": size}
    history = trainer.fit(x, y, batch_size=4, validation_data=(x, y), verbose=0).history
    outputs = model(x)
    parts = F.cross_entropy(outputs["kind"], kind, classes).item(), F.l1_loss(outputs["size"], size).item()
    for prefix in ("", "val_"):
        assert history[f"{prefix}kind_loss"] == [close(parts[0])]
        assert history[f"{prefix}size_loss"] == [close(parts[1])]
        assert history[f"{prefix}loss"] == [close(sum(parts))]


def test_sums_and_means_stand_side_by_side_in_a_dict_of_losses():
    x, size = torch.randn(11, 4), torch.randn(11, 2)
    kind = torch.randint(0, 3, (11,))
    model = TwoHeads()
    trainer = Trainer(model, loss={"kind": "cross_entropy", "size": nn.MSELoss(reduction="sum")}, **STILL)
    history = trainer.fit(x, {"kind": kind, "size": size}, batch_size=4, verbose=0).history
    outputs = model(x)
    parts = F.cross_entropy(outputs["kind"], kind).item(), F.mse_loss(outputs["size"], size, reduction="sum").item()
    assert history["size_loss"] == [close(parts[1])]
    assert history["loss"] == [close(sum(parts))]


def loss_case(name, rows=10):
    """A model, inputs and targets of the kind a loss takes."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 3, generator=generator) * torch.linspace(0.3, 4, rows)[:, None]
    pick = functools.partial(torch.randint, generator=generator)
    ends = {"nll": nn.LogSoftmax(1), "kl_div": nn.LogSoftmax(1), "bce": nn.Sigmoid()}
    targets = {
        **dict.fromkeys(("cross_entropy", "nll", "multi_margin"), pick(0, 4, (rows,))),
        **dict.fromkeys(("bce", "bce_with_logits", "multilabel_soft_margin"), pick(0, 2, (rows, 4)).float()),
        **dict.fromkeys(("soft_margin", "hinge_embedding"), pick(0, 2, (rows, 4)) * 2.0 - 1),
        "multilabel_margin": torch.tensor([[2, 0, -1, 1], [1, -1, 0, 0]])[pick(0, 2, (rows,))],
        "poisson_nll": pick(0, 9, (rows, 4)).float(),
        "kl_div": torch.randn(rows, 4, generator=generator).softmax(1),
    }
    return nn.Sequential(nn.Linear(3, 4), ends.get(name, nn.Identity())), x, targets.get(name, torch.randn(rows, 4))


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss by both")  # torch, of its kl_div
@pytest.mark.parametrize("name", sorted(loss_names()))
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_each_loss_of_torch_is_exact(name, reduction):
    model, x, y = loss_case(name)
    whole = loss_names()[name](reduction="mean" if reduction == "none" else reduction)(model(x), y).item()
    loss = name if reduction == "mean" else loss_names()[name](reduction=reduction)
    assert reported(model, loss, x, y) == (close(whole),) * 3


@pytest.mark.parametrize("name", sorted(loss_names()))
def test_each_loss_of_torch_takes_sample_weights(name):
    model, x, y = loss_case(name)
    weight = torch.linspace(0, 3, len(x))
    losses = loss_names()[name](reduction="none")(model(x), y)
    each = weight.reshape(-1, *[1] * (losses.ndim - 1)).expand_as(losses)
    true = ((losses * each).sum() / each.sum()).item()
    assert reported(model, name, x, y, sample_weight=weight) == (close(true),) * 3


def test_functions_of_torch_are_as_exact_as_its_modules():
    x, y = classes_in_a_hard_tail(11)
    classes = torch.tensor([1.0, 5.0, 25.0])
    y[1] = 2
    model = nn.Linear(4, 3)
    loss = functools.partial(F.cross_entropy, weight=classes, ignore_index=2)
    assert reported(model, loss, x, y) == (close(loss(model(x), y).item()),) * 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_losses_with_tensors_of_their_own_take_the_dtype_of_the_model(dtype):
    x, y = torch.randn(12, 4), torch.randint(0, 3, (12,))
    model = nn.Linear(4, 3, dtype=dtype)
    classes = torch.tensor([1.0, 5.0, 25.0])
    true = F.cross_entropy(model(x.to(dtype)).float(), y, classes).item()
    rel = 1e-6 if dtype is torch.float64 else 1e-2
    assert reported(model, nn.CrossEntropyLoss(classes), x, y) == (pytest.approx(true, rel=rel),) * 3
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    history = trainer.fit(x, y, batch_size=4, class_weight=classes, verbose=0).history
    assert history["loss"] == [pytest.approx(true, rel=rel)]


# ------------------------------------------------------------------------------------------------------- accumulation


class WeightsAfterUpdates(Callback):
    """Notes the weights after each update, and how many batches it took."""

    def __init__(self):
        self.noted = []

    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.updates > len(self.noted):
            self.noted.append((batch + 1, [p.detach().clone() for p in self.model.parameters()]))


def big_batch_updates(model, optimizer, loss_of, windows):
    """The weights after each update of a plain loop, each over one big batch."""
    noted = []
    for rows in windows:
        optimizer.zero_grad()
        loss_of(model, rows).backward()
        optimizer.step()
        noted.append([p.detach().clone() for p in model.parameters()])
    return noted


def accumulation_case(kind, x, y):
    """The loss, what ``fit`` gets beside it, and the same over one big batch."""
    classes, weight = torch.tensor([1.0, 5.0, 25.0], dtype=x.dtype), torch.linspace(0.1, 4, len(x), dtype=x.dtype)
    if kind == "plain":
        return "cross_entropy", {}, lambda m, r: F.cross_entropy(m(x[r]), y[r])
    if kind == "class weights of the loss":
        return nn.CrossEntropyLoss(classes), {}, lambda m, r: F.cross_entropy(m(x[r]), y[r], classes)
    if kind == "class weights of fit":
        return "cross_entropy", {"class_weight": classes}, lambda m, r: F.cross_entropy(m(x[r]), y[r], classes)
    if kind == "ignored targets":
        y[2:7] = -100
        return "cross_entropy", {}, lambda m, r: F.cross_entropy(m(x[r]), y[r])
    if kind == "sample weights":
        return (
            "cross_entropy",
            {"sample_weight": weight},
            lambda m, r: (F.cross_entropy(m(x[r]), y[r], reduction="none") * weight[r]).sum() / weight[r].sum(),
        )
    if kind == "sum":
        return nn.CrossEntropyLoss(reduction="sum"), {}, lambda m, r: F.cross_entropy(m(x[r]), y[r], reduction="sum")
    return nn.CrossEntropyLoss(reduction="none"), {}, lambda m, r: F.cross_entropy(m(x[r]), y[r])


ACCUMULATION_CASES = [
    "plain", "class weights of the loss", "class weights of fit", "ignored targets", "sample weights", "sum",
    "no reduction",
]  # fmt: skip


@pytest.mark.parametrize("kind", ACCUMULATION_CASES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_micro_batches_equal_one_big_batch(kind, optimizer):
    x, y = classes_in_a_hard_tail(18)  # micro-batches of 4, 4, 4 | 4, 2: the last window is partly filled
    model = nn.Linear(4, 3).double()
    x = x.double()
    loss, extras, loss_of = accumulation_case(kind, x, y)
    twin = copy.deepcopy(model)
    trainer = Trainer(model, loss=loss, optimizer=optimizer, learning_rate=0.01, accumulate=3, device="cpu")
    noted = WeightsAfterUpdates()
    trainer.fit(x, y, batch_size=4, epochs=2, shuffle=False, callbacks=[noted], verbose=0, **extras)
    plain = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](twin.parameters(), lr=0.01)
    expected = big_batch_updates(twin, plain, loss_of, [slice(0, 12), slice(12, 18)] * 2)
    assert [batches for batches, _ in noted.noted] == [3, 5, 3, 5]
    for (_, ours), theirs in zip(noted.noted, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


def test_uneven_micro_batches_equal_one_big_batch():
    x, y = classes_in_a_hard_tail(14)
    y[5:9] = -100
    sizes = [1, 6, 2, 4, 1]
    model = nn.Linear(4, 3)
    twin = copy.deepcopy(model)
    noted = WeightsAfterUpdates()
    trainer = Trainer(model, loss="cross_entropy", optimizer="sgd", learning_rate=0.1, accumulate=3, device="cpu")
    trainer.fit(Batches(list(zip(x.split(sizes), y.split(sizes), strict=True))), callbacks=[noted], verbose=0)
    expected = big_batch_updates(
        twin,
        torch.optim.SGD(twin.parameters(), lr=0.1),
        lambda m, r: F.cross_entropy(m(x[r]), y[r]),
        [slice(0, 9), slice(9, 14)],
    )
    for (_, ours), theirs in zip(noted.noted, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_window_in_which_everything_is_ignored_changes_nothing():
    x, y = torch.randn(12, 4), torch.full((12,), -100)
    y[6:] = 1
    model = nn.Linear(4, 3)
    before = copy.deepcopy(model)
    noted = WeightsAfterUpdates()
    trainer = Trainer(model, loss="cross_entropy", optimizer="sgd", accumulate=2, device="cpu")
    trainer.fit(x, y, batch_size=3, shuffle=False, callbacks=[noted], verbose=0)
    torch.testing.assert_close(noted.noted[0][1], list(before.parameters()), rtol=0, atol=0)
    assert bool(torch.isfinite(model.weight).all())


def test_accumulation_does_not_divide_the_reported_loss():
    x, y = classes_in_a_hard_tail(18)
    model = nn.Linear(4, 3)
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], accumulate=3, **STILL)
    history = trainer.fit(x, y, batch_size=4, verbose=0).history
    assert history["loss"] == [close(F.cross_entropy(model(x), y).item())]


def test_clipping_sees_the_gradient_of_the_whole_window():
    x, y = classes_in_a_hard_tail(12)
    model = nn.Linear(4, 3)
    twin = copy.deepcopy(model)
    trainer = Trainer(
        model, loss="cross_entropy", optimizer="sgd", learning_rate=0.1, accumulate=3, max_grad_norm=0.1, device="cpu"
    )
    trainer.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    F.cross_entropy(twin(x), y).backward()
    nn.utils.clip_grad_norm_(twin.parameters(), 0.1)
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    torch.testing.assert_close(model.weight, twin.weight, rtol=1e-6, atol=1e-6)


def test_a_dict_of_plain_losses_accumulates_as_one_big_batch():
    x, kind, size = torch.randn(10, 4), torch.randint(0, 3, (10,)), torch.randn(10, 2)
    model = TwoHeads()
    twin = copy.deepcopy(model)
    losses = {"kind": "cross_entropy", "size": "mse"}
    trainer = Trainer(model, loss=losses, optimizer="sgd", learning_rate=0.1, accumulate=3, device="cpu")
    trainer.fit(x, {"kind": kind, "size": size}, batch_size=4, shuffle=False, verbose=0)
    outputs = twin(x)
    (F.cross_entropy(outputs["kind"], kind) + F.mse_loss(outputs["size"], size)).backward()
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    torch.testing.assert_close(list(model.parameters()), list(twin.parameters()), rtol=1e-6, atol=1e-6)


def test_losses_without_a_common_divisor_do_not_accumulate():
    x = torch.randn(10, 4)
    y = {"kind": torch.tensor([0, 1, -100, 2, 0, 1, 2, 0, 1, 2]), "size": torch.randn(10, 2)}
    trainer = Trainer(TwoHeads(), loss={"kind": "cross_entropy", "size": "mse"}, accumulate=2, device="cpu")
    with pytest.raises(ValueError, match="no common divisor for an accumulation window"):
        trainer.fit(x, y, batch_size=4, verbose=0)


# ------------------------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(("outputs", "targets"), [((10, 1), (10,)), ((10,), (10, 1))])
@pytest.mark.parametrize("loss", ["mse", "bce_with_logits", "own"])
def test_axes_of_length_one_are_reshaped_with_one_note(outputs, targets, loss, caplog):
    x, y = torch.randn(10, 4), torch.randint(0, 2, (10,)).float()
    layer = nn.Linear(4, 1)
    model = layer if outputs == (10, 1) else nn.Sequential(layer, nn.Flatten(0))
    functions = {"mse": F.mse_loss, "bce_with_logits": F.binary_cross_entropy_with_logits}
    function = functions.get(loss, lambda p, t: (p - t).square().mean())
    true = function(layer(x)[:, 0], y).item()
    with caplog.at_level(logging.WARNING, logger="neurokit"):
        numbers = reported(model, loss if loss in functions else function, x, y.reshape(targets))
    assert numbers == (close(true),) * 3
    assert sum("are read as" in record.getMessage() for record in caplog.records) == 1


def test_labels_in_a_column_are_read_as_labels(caplog):
    x, y = torch.randn(10, 4), torch.randint(0, 3, (10,))
    model = nn.Linear(4, 3)
    assert reported(model, "cross_entropy", x, y[:, None]) == (close(F.cross_entropy(model(x), y).item()),) * 3
    assert "targets of shape (4, 1) are read as (4,)" in caplog.text


@pytest.mark.parametrize(
    ("outputs", "y"), [(1, torch.randn(10, 2)), (2, torch.randn(10)), (3, torch.randn(10, 2))], ids=lambda value: None
)
def test_other_shapes_are_refused_before_anything_changes(outputs, y):
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, outputs))
    before, draws = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    trainer = Trainer(model, loss="mse", device="cpu")
    with pytest.raises(ValueError, match=r"The model gives \(10, \d\), for which 'mse' takes targets of shape"):
        trainer.fit(torch.randn(10, 4, generator=torch.Generator()), y, verbose=0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), draws)
