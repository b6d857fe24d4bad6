"""Set-ups that look like a mistake and are none, or whose figures are at the edge."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import datasets
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset
from torchvision.transforms import v2

import neurokit as nk
from diagnostics.mistakes_in_data import Functional, Rows, Scaled, classes, classifier, net, numbers, regressor
from neurokit import StepOutput, Trainer

X, Y = classes()


def codes(trainer: Trainer, *data, **arguments) -> list[str]:
    return [finding.code for finding in nk.diagnose(trainer, *data, **arguments)]


# ------------------------------------------------------------------------------------------------------------- outputs


def test_attention_inside_a_model_is_no_softmax_at_its_end():
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scores, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.scores(x).softmax(1) * x)

    assert codes(Trainer(Attending(), loss="cross_entropy", device="cpu"), X, Y) == []


@pytest.mark.parametrize(
    ("end", "low", "high"),
    [
        (nn.ReLU6(), 0, 6),
        (nn.Hardtanh(-2, 3), -2, 3),
        (nn.Hardsigmoid(), 0, 1),
        (nn.ELU(alpha=0.5), -0.5, 9),
        (nn.CELU(), -1, 9),
        (nn.SELU(), -1.7, 9),
        (nn.GELU(), -0.17, 9),
        (nn.SiLU(), -0.27, 9),
        (nn.Softplus(), 0, 9),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_an_activation_is_out_of_reach_only_of_targets_outside_its_range(end, low, high):
    within = torch.linspace(low, high, 120).unsqueeze(1)

    assert codes(regressor(end), X, within) == []
    assert codes(regressor(end), X, within - 3) == ["unreachable-targets"]


def test_an_activation_without_bounds_reaches_everything():
    for end in (nn.LeakyReLU(), nn.PReLU(), nn.Identity()):
        assert codes(regressor(end), *numbers()) == []


def test_looking_into_a_compute_loss_leaves_the_trainer_as_it_was():
    class Counting(Trainer):
        calls = 0

        def compute_loss(self, batch):
            self.calls += 1
            return StepOutput(((self.model(batch.x).squeeze(1) - batch.y) ** 2).mean(), None, None)

    x, y = numbers()
    trainer = Counting(net(outputs=1), device="cpu")
    trainer.fit(x, y.squeeze(1), batch_size=40, verbose=0)

    assert trainer.calls == 3


def test_a_model_that_clamps_its_answers_in_eval_mode_only_reaches_its_targets():
    model = Functional(torch.relu, outputs=1, when="eval")

    assert codes(Trainer(model, loss="mse", device="cpu"), *numbers()) == []


def test_a_model_without_gradients_in_eval_mode_only_learns():
    class Light(nn.Linear):
        def forward(self, x):
            with torch.set_grad_enabled(self.training):
                return super().forward(x)

    assert codes(Trainer(Light(4, 3), loss="cross_entropy", device="cpu"), X, Y) == []


def test_quantiles_are_meant_to_broadcast():
    def pinball(predictions, targets):
        error = targets - predictions  # (rows, 1) against (rows, 3)
        return torch.maximum(0.9 * error, -0.1 * error).mean()

    assert codes(Trainer(net(), loss=pinball, device="cpu"), *numbers()) == []


def test_pairs_of_predictions_are_meant_to_broadcast():
    class Ranking(Trainer):
        def compute_loss(self, batch):
            scores = self.model(batch.x)  # (rows, 1)
            above = batch.y.unsqueeze(1) > batch.y
            gaps = scores - scores.squeeze(1)
            return StepOutput(F.softplus(-gaps)[above].mean(), scores.squeeze(1), batch.y)

    x, y = numbers()

    assert codes(Ranking(net(outputs=1), device="cpu"), x, y.squeeze(1)) == []


def test_a_compute_loss_whose_shapes_cannot_cross_is_not_called_beforehand():
    class Counting(Trainer):
        seen: list[bool] = []  # noqa: RUF012

        def compute_loss(self, batch):
            self.seen.append(self.model.training and self.feeds)
            return super().compute_loss(batch)

        feeds = property(lambda self: self._feed is not None)

    trainer = Counting(net(), loss="cross_entropy", device="cpu")
    trainer.fit(X, Y, batch_size=60, verbose=0)

    assert trainer.seen[:2] == [True, True]  # what comes after them looks at the first epoch


def test_log_probabilities_before_cross_entropy_change_nothing():
    assert codes(classifier(nn.LogSoftmax(dim=1)), X, Y) == []


def test_the_floor_that_is_told_is_the_least_loss_there_is():
    (finding,) = (one for one in nk.diagnose(classifier(nn.Softmax(dim=1), outputs=10), *classes(4)))
    best = torch.eye(10)  # sure, and right

    assert f"{F.cross_entropy(best, torch.arange(10)).item():.2f}" == "1.46"
    assert "1.46" in finding.message


# ---------------------------------------------------------------------------------------------------------------- rows


def test_a_flower_that_is_there_twice_is_no_leak():
    x, y = datasets.load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(150)
    x, y = x[rows], y[rows]

    assert codes(classifier(), x[:100], y[:100], validation_data=(x[100:], y[100:])) == []


def test_rows_of_few_and_discrete_features_are_alike_anyway():
    x = torch.randint(0, 3, (400, 4), generator=torch.Generator().manual_seed(0)).float()
    y = x.sum(1).long() % 3

    assert codes(classifier(), x[:300], y[:300], validation_data=(x[300:], y[300:])) == []


def test_images_that_differ_in_one_pixel_are_other_rows():
    x = torch.zeros(200, 1, 20, 20)
    x.view(200, -1)[torch.arange(200), torch.arange(200) * 2] = 1.0
    model = nn.Sequential(nn.Flatten(), nn.Linear(400, 3))
    trainer = Trainer(model, loss="cross_entropy", device="cpu")
    y = torch.arange(200) % 3

    assert codes(trainer, x[:150], y[:150], validation_data=(x[150:], y[150:])) == []


def test_large_data_are_sampled_and_a_leak_is_counted_in_full():
    x, y = torch.randn(40_000, 6), torch.randint(0, 3, (40_000,))
    trainer = classifier(features=6)
    findings = nk.diagnose(trainer, x, y, batch_size=1000, validation_data=(x[5_000:15_000], y[5_000:15_000]))

    assert ["10000 of 10000" in one.message for one in findings if one.code == "shared-rows"] == [True]


def test_missing_values_do_not_hide_a_shared_row():
    class Filling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 3)

        def forward(self, x):
            return self.layer(x.to(torch.float32))

    x = torch.arange(240).reshape(120, 2) % 97
    trainer = Trainer(Filling(), loss="cross_entropy", device="cpu")

    assert codes(trainer, x / 97, Y, validation_data=(x[:40] / 97, Y[:40])) == ["shared-rows"]


def test_few_rows_of_one_class_in_a_row_are_not_sorted():
    y = torch.arange(120).div(4, rounding_mode="floor") % 3

    assert codes(classifier(), X, y, shuffle=False) == []


def test_one_class_nearly_everywhere_is_not_sorted():
    y = (torch.arange(120) % 24 == 0).long()

    assert codes(classifier(), X, y, shuffle=False) == []


def test_numbers_in_order_of_time_are_not_labels():
    x, _ = numbers()

    assert codes(regressor(), x, torch.linspace(-1, 1, 120).unsqueeze(1), shuffle=False) == []


# -------------------------------------------------------------------------------------------------------------- scales


def test_token_ids_have_no_scale():
    model = nn.Sequential(nn.EmbeddingBag(40_000, 8), nn.Linear(8, 3))
    ids = torch.randint(0, 40_000, (120, 6))

    assert codes(Trainer(model, loss="cross_entropy", device="cpu"), ids, Y) == []


def test_normalising_by_any_layer_of_that_name_is_fine():
    x = X * torch.tensor([1.0, 1.0, 1.0, 5000.0])
    for norm in (nn.LayerNorm(4), nn.BatchNorm1d(4), nn.GroupNorm(2, 4)):
        model = nn.Sequential(norm, nn.Linear(4, 3))
        assert codes(Trainer(model, loss="cross_entropy", device="cpu"), x, Y) == []


def test_a_batch_norm_behind_the_first_layer_comes_too_late():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    x = X * torch.tensor([1.0, 1.0, 1.0, 5000.0])

    assert codes(Trainer(model, loss="cross_entropy", device="cpu"), x, Y) == ["feature-scales"]


def test_standardised_pixels_are_fine():
    x, y = datasets.load_digits(return_X_y=True)
    x = torch.from_numpy((x - x.mean()) / x.std()).float().reshape(-1, 1, 8, 8)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))

    assert codes(Trainer(model, loss="cross_entropy", device="cpu"), x, y) == []


def test_a_shift_that_the_model_takes_back_is_fine():
    model = Scaled(net(), inputs=(1000.0, 50.0))

    assert codes(Trainer(model, loss="cross_entropy", device="cpu"), 1000 + 50 * X, Y) == []


def test_a_model_that_answers_in_the_targets_units_has_their_scale_already():
    torch.manual_seed(0)
    x = torch.randn(400, 4)
    y = 200_000 + 100_000 * x[:, :1]
    rescales = Scaled(net(outputs=1), outputs=(200_000.0, 100_000.0))

    assert codes(Trainer(rescales, loss="mse", device="cpu"), x, y) == []
    assert codes(regressor(), x, y - 200_000) == ["large-targets"]


def test_a_trained_model_has_its_targets_scale_already():
    x, y = numbers()
    trainer = Trainer(nn.Linear(4, 1), loss="mse", optimizer="sgd", learning_rate=0.1, device="cpu")
    y = 300 * y
    trainer.fit(x, y, epochs=30, verbose=0)

    assert codes(trainer, x, y) == []


def test_batches_of_one_row_are_looked_at_without_a_warning():
    x, y = numbers()

    assert codes(regressor(), x, y, batch_size=1) == []
    assert codes(regressor(), x[:1], y[:1]) == []


def test_inputs_without_a_feature_have_no_scale():
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.answer = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.answer.expand(len(x), 1)

    trainer = Trainer(Constant(), loss="mse", device="cpu")

    assert codes(trainer, torch.zeros(120, 0), numbers()[1], validation_split=0.2) == []


def test_sparse_rows_are_compared_too():
    matrix = sparse.random(600, 300, density=0.1, format="csr", random_state=0)
    y = torch.arange(600) % 3

    assert codes(classifier(features=300), matrix[:400], y[:400], validation_data=(matrix[400:], y[400:])) == []
    assert codes(classifier(features=300), matrix, y, validation_data=(matrix[400:], y[400:])) == ["shared-rows"]


def test_targets_of_one_value_have_no_scale():
    assert codes(regressor(), X, torch.full((120, 1), 5.0)) == []


# ------------------------------------------------------------------------------------------------- what was learnt


def test_a_second_fit_of_a_trained_model_begins_with_a_low_loss():
    trainer = classifier(learning_rate=0.01)
    trainer.fit(X, Y, epochs=20, verbose=0)
    trainer.fit(X, (Y + 1) % 3, verbose=0)  # other labels: a high first loss, and rightly so

    assert trainer.record.findings == []


def test_a_pretrained_model_begins_with_a_low_loss():
    model = net()
    Trainer(model, loss="cross_entropy", learning_rate=0.01, device="cpu").fit(X, Y, epochs=20, verbose=0)

    assert codes(Trainer(model, loss="cross_entropy", device="cpu"), X, Y) == []


def test_mostly_one_class_is_mostly_right():
    y = (torch.arange(400) % 20 == 0).long()
    torch.manual_seed(0)
    x = torch.randn(400, 4)
    trainer = classifier(outputs=2)
    trainer.fit(x, y, epochs=3, batch_size=16, verbose=0)
    trainer.evaluate(x, y)

    assert (trainer.predict_labels(x) == 0).all()
    assert trainer.record.findings == []


def test_a_model_that_learns_slowly_is_left_in_peace():
    trainer = classifier(optimizer="sgd", learning_rate=0.01)
    trainer.fit(X, Y, batch_size=60, verbose=0)

    assert trainer.record.findings == []


def test_many_updates_that_taught_nothing_are_told(caplog):
    trainer = classifier(optimizer="sgd", learning_rate=1e-9)
    nn.init.zeros_(trainer.model[-1].weight)
    with torch.no_grad():
        trainer.model[-1].bias.copy_(torch.tensor([0.5, 0.0, 0.0]))
    with caplog.at_level(logging.WARNING, logger="neurokit"):
        trainer.fit(X.repeat(4, 1), Y.repeat(4), batch_size=2, verbose=0)

    (text,) = caplog.messages
    assert "After 240 updates the model answers class 0 for all of 480 rows of 3 classes" in text


def test_evaluate_tells_it_of_a_run_whose_first_epoch_was_too_short(caplog):
    trainer = classifier(optimizer="sgd", learning_rate=1e-9)
    with torch.no_grad():
        trainer.model[-1].bias.copy_(torch.tensor([50.0, 0.0, 0.0]))
        trainer.model[-1].weight.mul_(0.1)
    trainer.fit(X, Y, batch_size=40, epochs=20, verbose=0, checks={"first-loss": False})
    trainer.evaluate(X, Y)

    assert {one["code"] for one in trainer.record.findings} == {"one-class"}


def test_the_users_own_label_is_named():
    names = np.array(["ant", "bee", "cat"])[Y.numpy()]
    trainer = classifier()
    nn.init.constant_(trainer.model[0].bias, -1000.0)
    (finding,) = (one for one in nk.diagnose(trainer, X, names) if one.code == "one-class")

    assert any(f"class '{name}' for all" in finding.message for name in ("ant", "bee", "cat"))


# -------------------------------------------------------------------------------------- data that are not in memory


def test_a_stream_and_a_dataset_are_judged_by_their_first_rows():
    class Stream(IterableDataset):
        def __iter__(self):
            yield from zip(X * 1000, Y, strict=True)

    assert "feature-scales" in codes(classifier(), DataLoader(Stream(), 32))
    assert "feature-scales" in codes(classifier(), DataLoader(Rows(X * 1000, Y), 32, shuffle=True))


def test_an_iterator_that_gives_its_batches_once_loses_none_to_the_checks():
    batches = ((X[start : start + 30], Y[start : start + 30]) for start in range(0, 120, 30))
    trainer = classifier()
    trainer.fit(batches, verbose=0)

    assert trainer.state.step == 4


@pytest.mark.parametrize("checks", [True, False])
def test_checks_move_no_number_of_a_run(checks):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], device="cpu")
    trainer.fit(X, Y, epochs=2, validation_split=0.2, checks=checks, verbose=0)
    here = [value.double().sum().item() for value in model.state_dict().values()]

    torch.manual_seed(1)
    other = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    trainer = Trainer(other, loss="cross_entropy", metrics=["accuracy"], device="cpu")
    trainer.fit(X, Y, epochs=2, validation_split=0.2, checks=not checks, verbose=0)

    assert here == [value.double().sum().item() for value in other.state_dict().values()]


@pytest.mark.parametrize("scales", [True, False])
def test_bytes_that_the_model_makes_numbers_of_are_no_mistake_and_others_are_named(scales):
    pictures = torch.randint(0, 256, (32, 3, 8, 8), dtype=torch.uint8)
    front = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)] if scales else []
    model = nn.Sequential(*front, nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    trainer = Trainer(model, loss="cross_entropy", device="cpu")
    loader = DataLoader(Rows(pictures, torch.arange(32) % 3), 16, shuffle=True)
    found = [one for one in nk.diagnose(trainer, loader) if one.code == "feature-scales"]
    if scales:
        assert found == []
        return
    assert found[0].message.startswith("x has values from 0 to 255")
    assert "keep bytes and begin the model with torchvision's v2.ToDtype(torch.float32, scale=True)" in found[0].message
