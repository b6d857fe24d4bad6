"""Any module trains untouched: what goes in, what comes out, which losses and optimizers, and what is refused."""

import copy
import functools
import logging
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from neurokit import Callback, StepOutput, Trainer

close = functools.partial(pytest.approx, rel=1e-6)
X, Y = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
STILL = {
    "optimizer": "sgd",
    "learning_rate": 1e-12,
    "device": "cpu",
}  # weights that stay, so that an epoch has one loss


class Batches:
    """Batches of any kind, pass after pass."""

    def __init__(self, *batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


class Everything:
    """What no refusal may change: weights, modes, gradients, optimizers, labels and random streams."""

    def __init__(self, trainer):
        self.trainer = trainer
        self.state = copy.deepcopy(trainer.state_dict())
        self.gradients = [parameter.grad for parameter in trainer.model.parameters()]

    def assert_unchanged(self):
        torch.testing.assert_close(flat(self.trainer.state_dict()), flat(self.state), rtol=0, atol=0)
        assert [parameter.grad for parameter in self.trainer.model.parameters()] == self.gradients


def flat(state, path=""):
    """A nested state as one dict of tensors, what is no tensor as the text of it."""
    if isinstance(state, dict):
        return {key: value for name, part in state.items() for key, value in flat(part, f"{path}.{name}").items()}
    if isinstance(state, (list, tuple)) and not all(isinstance(part, (int, float)) for part in state):
        return {key: value for i, part in enumerate(state) for key, value in flat(part, f"{path}.{i}").items()}
    return {path: state if isinstance(state, torch.Tensor) else torch.tensor(list(repr(state).encode()))}


def assert_refused(trainer, error, message, *data, **arguments):
    before = Everything(trainer)
    with pytest.raises(error, match=message):
        trainer.fit(*data, verbose=0, **arguments)
    before.assert_unchanged()


# ------------------------------------------------------------------------------------------------- inputs and outputs


def test_the_module_stays_what_it_is():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    hooks, names, attributes = model._forward_hooks.copy(), list(model.state_dict()), set(vars(model))
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], device="cpu")
    trainer.fit(X, Y, validation_split=0.25, verbose=0)
    assert trainer.model is model
    assert type(model) is nn.Sequential
    assert (model._forward_hooks, list(model.state_dict()), set(vars(model))) == (hooks, names, attributes)


class Sides(nn.Module):
    """Two inputs, by position or by keyword."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, left, right):
        return self.left(left) - self.right(right)


@pytest.mark.parametrize(
    "wrap", [lambda a, b: (a, b), lambda a, b: {"right": b, "left": a}], ids=["position", "keyword"]
)
def test_several_inputs_by_position_and_by_keyword(wrap):
    left, right = X, torch.randn(12, 2)
    model = Sides()
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    true = F.cross_entropy(model(left, right), Y).item()
    assert trainer.fit(wrap(left, right), Y, batch_size=5, verbose=0).history["loss"] == [close(true)]
    batches = Batches(*((wrap(left[r], right[r]), Y[r]) for r in (slice(0, 7), slice(7, 12))))
    assert trainer.fit(batches, verbose=0).history["loss"] == [close(true)]
    np.testing.assert_allclose(trainer.predict(wrap(left, right)), model(left, right).detach(), rtol=1e-5)


Pair = namedtuple("Pair", "scores hidden")


@dataclass
class Out:
    hidden: torch.Tensor
    logits: torch.Tensor


OUTPUTS = {
    "tuple": lambda scores, hidden: (scores, hidden),
    "list": lambda scores, hidden: [scores, hidden],
    "named tuple": Pair,
    "dict": lambda scores, hidden: {"hidden": hidden, "out": scores},
    "dataclass": lambda scores, hidden: Out(hidden, scores),
    "object": lambda scores, hidden: SimpleNamespace(hidden=hidden, logits=scores),
}


class Returning(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.wrap, self.layer = wrap, nn.Linear(4, 3)

    def forward(self, x):
        scores = self.layer(x)
        return self.wrap(scores, scores.exp())


@pytest.mark.parametrize("wrap", OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_of_any_structure_train_and_come_back_in_it(wrap, capsys):
    model = Returning(wrap)
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], **STILL)
    scores = model.layer(X).detach()
    history = trainer.fit(X, Y, batch_size=5, validation_data=(X, Y), verbose=0).history
    assert (history["loss"], history["val_loss"]) == ([close(F.cross_entropy(scores, Y).item())],) * 2
    assert history["accuracy"] == [close((scores.argmax(1) == Y).float().mean().item())]
    outputs = trainer.predict(X, batch_size=5)
    wrapped = wrap(scores, scores.exp())
    if isinstance(wrapped, (Out, SimpleNamespace)):
        wrapped = vars(wrapped)
    assert type(outputs) is type(wrapped)
    pairs = zip(*(one.values() if isinstance(one, dict) else one for one in (outputs, wrapped)), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_array_equal(trainer.predict_labels(X), scores.argmax(1))
    np.testing.assert_allclose(trainer.predict_proba(X), scores.softmax(1), rtol=1e-5)
    trainer.summary()
    assert "prediction " in capsys.readouterr().out


def test_outputs_without_one_prediction_are_refused():
    trainer = Trainer(Returning(lambda scores, hidden: {"a": scores, "b": hidden}), loss="cross_entropy", device="cpu")
    assert_refused(trainer, TypeError, "The model returned a dict with 'a', 'b', and the loss takes one tensor", X, Y)


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.kind, self.size = nn.Linear(4, 3), nn.Linear(4, 1)

    def forward(self, x):
        return {"kind": self.kind(x), "size": self.size(x)}


def test_a_dict_of_losses_trains_several_outputs():
    model, size = Heads(), X.sum(1, keepdim=True)
    names = np.array(["a", "b", "c"])[Y]
    trainer = Trainer(
        model,
        loss={"kind": "cross_entropy", "size": "mse"},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
        device="cpu",
    )
    history = trainer.fit(
        X, {"kind": names, "size": size}, epochs=2, validation_data=(X, {"kind": names, "size": size}), verbose=0
    )
    logged = {"loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"}
    assert set(history.history) == logged | {f"val_{name}" for name in logged} | {"lr"}
    outputs = trainer.predict(X)
    assert (outputs["kind"].shape, outputs["size"].shape) == ((12, 3), (12, 1))


# ---------------------------------------------------------------------------------------------------------- own losses

OWN_LOSSES = {
    "scalar": lambda loss, scores: loss,
    "mapping with loss": lambda loss, scores: {"loss": loss, "logits": scores},
    "mapping of losses": lambda loss, scores: {"near": loss * 0.25, "far": loss * 0.75},
    "object with loss": lambda loss, scores: SimpleNamespace(loss=loss, logits=scores),
}


class Judging(nn.Module):
    """Computes its loss itself."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap, self.layer = wrap, nn.Linear(4, 3)

    def forward(self, x, labels):
        scores = self.layer(x)
        return self.wrap(F.cross_entropy(scores, labels), scores)


@pytest.mark.parametrize("wrap", OWN_LOSSES.values(), ids=OWN_LOSSES)
def test_a_model_may_return_its_own_loss(wrap):
    model = Judging(wrap)
    true = F.cross_entropy(model.layer(X), Y).item()
    trainer = Trainer(model, **STILL)
    history = trainer.fit((X, Y), batch_size=5, validation_data=Batches((X, Y)), verbose=0).history
    assert (history["loss"], history["val_loss"]) == ([close(true)],) * 2
    batches = Batches(*({"x": X[r], "labels": Y[r]} for r in (slice(0, 7), slice(7, 12))))
    history = trainer.fit(batches, verbose=0).history
    assert history["loss"] == [close(true)]
    if "near" in history:
        assert (history["near"], history["far"]) == ([close(true / 4)], [close(true * 3 / 4)])


def test_a_model_that_should_give_a_loss_and_does_not_is_refused():
    trainer = Trainer(nn.Linear(4, 3), device="cpu")
    with pytest.raises(TypeError, match="with loss=None it returns its own loss"):
        trainer.fit(X, verbose=0)


class Rows(Dataset):
    """Dicts of tensors, one per row."""

    def __init__(self, **columns):
        self.columns = columns

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index):
        return {name: column[index] for name, column in self.columns.items()}


def test_a_hugging_face_classifier_trains_from_a_loader_of_dicts():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=3
    )
    model = transformers.BertForSequenceClassification(config)
    ids = torch.randint(0, 30, (14, 5))
    loader = DataLoader(Rows(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids[:, 0] % 3), batch_size=4)
    trainer = Trainer(model, metrics=["accuracy"], learning_rate=0.01, device="cpu")
    history = trainer.fit(loader, epochs=15, validation_data=loader, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    with torch.no_grad():
        model.eval()
        true = model(input_ids=ids, labels=ids[:, 0] % 3)
    hits = (true.logits.argmax(1) == ids[:, 0] % 3).float().mean().item()
    assert trainer.evaluate(loader) == {"loss": close(true.loss.item()), "accuracy": close(hits)}
    assert trainer.predict(loader)["logits"].shape == (14, 3)
    np.testing.assert_array_equal(trainer.predict_labels(loader), true.logits.argmax(1))
    np.testing.assert_allclose(trainer.predict_proba(loader), true.logits.softmax(1), rtol=1e-4)


def test_a_hugging_face_language_model_is_judged_by_the_next_token_and_by_tokens_that_count():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=8, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config)
    ids = (torch.arange(8) + torch.arange(10)[:, None]) % 20
    labels = torch.where(torch.arange(8) < torch.arange(10)[:, None] % 6, -100, ids)
    loader = DataLoader(Rows(input_ids=ids, labels=labels), batch_size=4)
    trainer = Trainer(model, metrics=["accuracy"], learning_rate=0.01, device="cpu")
    trainer.fit(loader, epochs=3, verbose=0)
    with torch.no_grad():
        true = model.eval()(input_ids=ids, labels=labels)
    counted = labels[:, 1:] != -100
    hits = (true.logits[:, :-1].argmax(-1) == labels[:, 1:])[counted].float().mean().item()
    assert trainer.evaluate(loader) == {"loss": pytest.approx(true.loss.item(), rel=1e-5), "accuracy": close(hits)}
    np.testing.assert_array_equal(trainer.predict_labels(loader), true.logits.argmax(-1))
    np.testing.assert_allclose(trainer.predict_proba(loader).sum(-1), 1, rtol=1e-5)


def test_a_detection_model_trains_and_predicts_one_entry_per_image(caplog):
    detection = pytest.importorskip("torchvision").models.detection
    model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=64, max_size=64, rpn_pre_nms_top_n_train=20,
        rpn_post_nms_top_n_train=10, rpn_pre_nms_top_n_test=20, rpn_post_nms_top_n_test=10,
    )  # fmt: skip
    box = {"boxes": torch.tensor([[5.0, 5, 40, 40]]), "labels": torch.tensor([1])}
    batches = Batches(([torch.rand(3, 64, 64)] * 2, [box] * 2), ([torch.rand(3, 64, 64)], [box]))
    trainer = Trainer(model, optimizer="sgd", device="cpu")
    with caplog.at_level(logging.WARNING, logger="neurokit"):
        history = trainer.fit(batches, epochs=2, validation_data=batches, verbose=0).history
    parts = {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}
    assert set(history) == {"loss", "lr"} | parts
    assert history["loss"][0] == close(sum(history[part][0] for part in parts))
    assert sum("no val_loss" in record.getMessage() for record in caplog.records) == 1
    outputs = trainer.predict(batches)
    assert len(outputs) == 3
    assert all(isinstance(image["boxes"], np.ndarray) for image in outputs)


# ----------------------------------------------------------------------------------------------------------- overrides


def test_compute_loss_may_be_written_anew():
    class Masked(Trainer):
        def compute_loss(self, batch):
            mask = batch.x[:, 0] > 0
            predictions = self.model(batch.x)
            loss = F.cross_entropy(predictions[mask], batch.y[mask])
            return StepOutput(loss, predictions, batch.y, weight=mask.sum())

    model, mask = nn.Linear(4, 3), X[:, 0] > 0
    trainer = Masked(model, loss="cross_entropy", metrics=["accuracy"], **STILL)
    history = trainer.fit(X, Y, batch_size=5, validation_data=(X, Y), verbose=0).history
    true = F.cross_entropy(model(X)[mask], Y[mask]).item()
    assert (history["loss"], history["val_loss"]) == ([close(true)],) * 2
    assert history["accuracy"] == [close((model(X).argmax(1) == Y).float().mean().item())]


def test_compute_loss_that_returns_something_else_is_refused():
    class Short(Trainer):
        def compute_loss(self, batch):
            return self.model(batch.x).mean()

    with pytest.raises(TypeError, match=r"compute_loss returned a Tensor. Return neurokit.StepOutput"):
        Short(nn.Linear(4, 3), device="cpu").fit(X, verbose=0)


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.critic = nn.Linear(2, 4), nn.Linear(4, 1)


class GanTrainer(Trainer):
    def train_step(self, batch):
        real, gan = batch.x, self.model
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = gan.generator(torch.randn(len(real), 2))
        self.optimizer["critic"].zero_grad()
        critic = F.binary_cross_entropy_with_logits(gan.critic(real), ones)
        critic = critic + F.binary_cross_entropy_with_logits(gan.critic(fake.detach()), zeros)
        critic.backward()
        self.optimizer["critic"].step()
        self.optimizer["generator"].zero_grad()
        generator = F.binary_cross_entropy_with_logits(gan.critic(fake), ones)
        generator.backward()
        self.optimizer["generator"].step()
        return {"critic": critic, "generator": generator, "rows": float(len(real))}


def test_train_step_may_be_written_anew_as_for_a_gan():
    gan = Gan()
    before = copy.deepcopy(gan.state_dict())
    trainer = GanTrainer(gan, optimizer={"critic": "adam", "generator": "sgd"}, device="cpu")
    history = trainer.fit(X, batch_size=5, epochs=2, verbose=0).history
    assert set(history) == {"critic", "generator", "rows", "lr_critic", "lr_generator"}
    assert history["rows"] == [close((5 * 5 + 5 * 5 + 2 * 2) / 12)] * 2  # averaged by rows
    assert not any(torch.equal(before[name], value) for name, value in gan.state_dict().items())


def test_what_train_step_returns_is_detached():
    kept = []

    class Step(Trainer):
        def train_step(self, batch):
            logs = super().train_step(batch)
            return {**logs, "extra": logs["loss"] * 2}

    class Reader(Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append((logs["loss"], logs["extra"]))

    history = Step(nn.Linear(4, 3), loss="cross_entropy", **STILL).fit(X, Y, callbacks=[Reader()], verbose=0).history
    assert kept == [(close(history["loss"][0]), close(history["extra"][0]))]
    assert history["extra"] == [close(2 * history["loss"][0])]


@pytest.mark.parametrize("returned", [None, torch.tensor(1.0)])
def test_a_train_step_without_logs_is_refused(returned):
    class Step(Trainer):
        def train_step(self, batch):
            super().train_step(batch)
            return returned

    with pytest.raises(TypeError, match="Return a dict of what to log"):
        Step(nn.Linear(4, 3), loss="cross_entropy", device="cpu").fit(X, Y, verbose=0)


# ---------------------------------------------------------------------------------------------------------- optimizers


def test_lbfgs_equals_torchs_own_loop_bit_for_bit_and_converges():
    x = torch.randn(20, 3)
    y = x @ torch.tensor([[1.0], [2], [-3]]) + 0.5
    model = nn.Linear(3, 1)
    twin = copy.deepcopy(model)
    trainer = Trainer(model, loss="mse", optimizer=functools.partial(torch.optim.LBFGS, max_iter=5), device="cpu")
    history = trainer.fit(x, y, batch_size=20, shuffle=False, epochs=6, verbose=0).history
    optimizer, losses = torch.optim.LBFGS(twin.parameters(), max_iter=5), []

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(twin(x), y)
        loss.backward()
        return loss

    for _ in range(6):
        losses.append(optimizer.step(closure).item())
    assert torch.equal(model.weight, twin.weight)
    assert torch.equal(model.bias, twin.bias)
    assert history["loss"] == losses
    torch.testing.assert_close(model.weight, torch.tensor([[1.0, 2, -3]]), atol=1e-3, rtol=0)


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="none of them Linear's, so nothing would learn"):
        Trainer(nn.Linear(4, 3), optimizer=torch.optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1), device="cpu")


@pytest.mark.parametrize(
    "optimizer",
    [
        "SGD",
        torch.optim.SGD,
        functools.partial(torch.optim.SGD, lr=1e-3),
        {"0": functools.partial(torch.optim.SGD, lr=1e-3), "2": "sgd"},
    ],
    ids=["name", "class", "factory", "dict"],
)
def test_optimizers_of_any_kind_learn_the_same(optimizer):
    def net():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))

    model, twin = net(), net()
    torch.manual_seed(0)
    Trainer(model, loss="cross_entropy", optimizer=optimizer, device="cpu").fit(
        X, Y, batch_size=12, shuffle=False, verbose=0
    )
    F.cross_entropy(twin(X), Y).backward()
    torch.optim.SGD(twin.parameters(), lr=1e-3).step()
    torch.testing.assert_close(list(model.parameters()), list(twin.parameters()))


def test_an_instance_stays_the_users_own():
    model = nn.Linear(4, 3)
    optimizer = torch.optim.Adam([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.0}])
    bias = model.bias.clone()
    trainer = Trainer(model, loss="cross_entropy", optimizer=optimizer, device="cpu")
    trainer.fit(X, Y, verbose=0)
    assert trainer.optimizer is optimizer
    assert torch.equal(model.bias, bias)


def test_misspelt_submodules_are_refused():
    with pytest.raises(ValueError, match=r"'criitc' is not in the model. Nearest: critic"):
        Trainer(Gan(), optimizer={"generator": "adam", "criitc": "adam"}, device="cpu")


# --------------------------------------------------------------------------------------------------- kinds of modules


def test_lazy_modules_take_their_shapes_from_the_first_batch():
    model = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(3))
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], learning_rate=0.05, device="cpu")
    history = trainer.fit(X, Y, epochs=5, verbose=0).history
    assert (model[0].in_features, model[3].in_features) == (4, 8)
    assert history["loss"][-1] < history["loss"][0]


def test_lazy_modules_predict_before_any_fit():
    model = nn.Sequential(nn.LazyLinear(3))
    assert Trainer(model, loss="cross_entropy", device="cpu").predict(X).shape == (12, 3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("source", [np.float32, np.float64, np.int64])
def test_inputs_and_targets_take_the_dtype_of_the_model(dtype, source):
    x = X.mul(3).numpy().astype(source)
    model = nn.Linear(4, 1, dtype=dtype)
    trainer = Trainer(model, loss="mse", metrics=["mae"], device="cpu")
    history = trainer.fit(x, x[:, 0], validation_split=0.25, verbose=0).history
    assert np.isfinite([values[0] for values in history.values()]).all()
    predictions = trainer.predict(x)
    assert predictions.dtype == (np.float64 if dtype is torch.float64 else np.float32)
    assert model.weight.dtype is dtype


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32"])
def test_embeddings_take_whole_numbers_of_any_dtype(dtype):
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(9, 4), nn.Linear(4, 3)

        def forward(self, ids):
            return self.head(self.words(ids).mean(1))

    ids = np.arange(24).reshape(12, 2) % 9
    model = Words()
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], **STILL)
    history = trainer.fit(ids.astype(dtype), Y, batch_size=5, validation_split=0.25, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    np.testing.assert_allclose(trainer.predict(ids.astype(dtype)), model(torch.from_numpy(ids)).detach(), rtol=1e-6)


def test_whole_numbers_are_taken_where_a_model_was_fitted_to_floats():
    trainer, whole = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), np.arange(48).reshape(12, 4)
    trainer.fit(X, Y, validation_data=(whole.astype("uint8"), Y), verbose=0)
    np.testing.assert_allclose(trainer.predict(whole), trainer.predict(whole.astype(float)))
    assert trainer.evaluate(whole.astype("int16"), Y) == trainer.evaluate(whole.astype(float), Y)


def test_tied_weights_stay_tied_and_train_once_a_step():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
            self.outer.weight = self.inner.weight

        def forward(self, x):
            return self.outer(self.inner(x).tanh())

    model = Tied()
    twin = copy.deepcopy(model)
    Trainer(model, loss="mse", optimizer="sgd", learning_rate=0.1, device="cpu").fit(
        X, X, batch_size=12, shuffle=False, verbose=0
    )
    F.mse_loss(twin(X), X).backward()
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    assert model.outer.weight is model.inner.weight
    torch.testing.assert_close(model.inner.weight, twin.inner.weight)


def test_a_model_in_eval_mode_as_a_whole_trains_and_is_put_back():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).eval()
    before = model[1].running_mean.clone()
    Trainer(model, loss="cross_entropy", device="cpu").fit(X, Y, verbose=0)
    assert not model.training
    assert not torch.equal(model[1].running_mean, before)


def test_auxiliary_outputs_of_training_mode_only_are_no_obstacle():
    class Auxiliary(nn.Linear):
        def forward(self, x):
            scores = super().forward(x)
            return (scores, scores * 2) if self.training else scores

    model = Auxiliary(4, 3)
    trainer = Trainer(model, loss="cross_entropy", **STILL)
    history = trainer.fit(X, Y, validation_data=(X, Y), verbose=0).history
    assert (history["loss"], history["val_loss"]) == ([close(F.cross_entropy(model.eval()(X), Y).item())],) * 2


# ------------------------------------------------------------------------------------------------------------ refusals


def net(*layers):
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), *layers)


@pytest.mark.parametrize(
    ("loss", "last", "y", "message"),
    [
        ("cross_entropy", nn.Linear(8, 1), Y, "compares the outputs of two classes or more"),
        ("cross_entropy", nn.Linear(8, 3), Y + 1, "Labels look 1-based: use y - 1"),
        ("cross_entropy", nn.Linear(8, 2), Y, "from 0 to 2 .first out of range in row 2.*model has outputs for 0 to 1"),
        ("cross_entropy", nn.Linear(8, 2), np.array(list("abc"))[Y], r"y holds 3 classes, \['a', 'b', 'c'\]"),
        ("cross_entropy", nn.Linear(8, 3), Y + 0.5, "y holds 0.5 in row 0, and this loss takes class indices"),
        ("bce_with_logits", nn.Linear(8, 1), Y, "y holds 2 in row 2, and this loss takes targets from 0 to 1"),
        ("bce", nn.Linear(8, 1), Y % 2, "'bce' takes probabilities, and the model gives numbers from"),
        ("mse", nn.Linear(8, 2), Y, r"The model gives \(12, 2\), for which 'mse' takes targets of shape"),
        ("mse", nn.Linear(7, 2), Y, r"The layer '3', Linear\(in_features=7, .*, cannot take what arrived: \(12, 8\)"),
        ("mse", nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (1, 96))), Y, "for 12 rows"),
        ("mse", nn.Linear(8, 1), None, "there are none. Pass y"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_changes(loss, last, y, message):
    trainer = Trainer(net(last), loss=loss, device="cpu")
    assert_refused(trainer, ValueError, message, X, y)


def test_labels_out_of_range_are_found_in_every_row_and_in_validation():
    trainer = Trainer(net(nn.Linear(8, 3)), loss="cross_entropy", device="cpu")
    late = torch.cat([Y, torch.tensor([7])])
    assert_refused(trainer, ValueError, "first out of range in row 12", torch.randn(13, 4), late, batch_size=4)
    assert_refused(
        trainer, ValueError, "first out of range in row 12", X, Y, validation_data=(torch.randn(13, 4), late)
    )


def test_wrong_weights_for_classes_are_refused_before_anything_changes():
    trainer = Trainer(net(nn.Linear(8, 3)), loss="cross_entropy", device="cpu")
    assert_refused(trainer, ValueError, "missing .2.", X, Y, class_weight={0: 1, 1: 2})


def test_unknown_metrics_are_refused_before_anything_changes():
    with pytest.raises(ValueError, match=r"no metric 'acuracy'. Did you mean 'accuracy'"):
        Trainer(net(nn.Linear(8, 3)), loss="cross_entropy", metrics=["acuracy"], device="cpu")


def test_everything_frozen_is_refused_before_anything_changes():
    trainer = Trainer(net(nn.Linear(8, 3)).requires_grad_(False), loss="cross_entropy", device="cpu")
    assert_refused(trainer, ValueError, "None of the 6 parameter tensors of Sequential is trainable", X, Y)


def test_a_forward_that_cuts_the_gradient_is_refused_before_any_weight_changes():
    class Cut(nn.Linear):
        def forward(self, x):
            return super().forward(x).detach()

    model = Cut(4, 3)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"has no gradient.*Look for detach\(\)"):
        Trainer(model, loss="cross_entropy", device="cpu").fit(X, Y, verbose=0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_module_without_parameters_is_refused():
    with pytest.raises(ValueError, match="Flatten has no parameters"):
        Trainer(nn.Flatten(), loss="mse")


def test_unknown_losses_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"no loss named 'crossentrpy'. Did you mean 'cross_entropy'"):
        Trainer(nn.Linear(4, 3), loss="crossentrpy")


def test_evaluate_and_predict_name_the_layer_that_refuses():
    trainer = Trainer(nn.Sequential(nn.Linear(4, 3)), loss="cross_entropy", device="cpu")
    trainer.fit(X, Y, verbose=0)
    for call in (lambda: trainer.predict(X[:, :3]), lambda: trainer.evaluate(X[:, :3], Y)):
        with pytest.raises(ValueError, match=r"The layer '0', Linear\(in_features=4, .*\), cannot take what arrived"):
            call()


@pytest.mark.parametrize("error", [RuntimeError, KeyError, ValueError])
@pytest.mark.parametrize("when", ["look", "training", "validation"])
def test_an_error_of_the_users_own_code_propagates_and_modes_are_put_back(error, when):
    mine = error("mine")

    class Failing(nn.Linear):
        trained = False

        def forward(self, x):
            if when == ("training" if self.training else "validation" if self.trained else "look"):
                raise mine
            self.trained = self.training
            return super().forward(x)

    model = nn.Sequential(nn.Linear(4, 4), Failing(4, 3), nn.Dropout())
    model[0].eval()
    ended = []

    class Ends(Callback):
        def on_train_end(self, logs=None):
            ended.append(True)

    trainer = Trainer(model, loss="cross_entropy", device="cpu")
    with pytest.raises(error) as caught:
        trainer.fit(X, Y, validation_data=(X, Y), callbacks=[Ends()], verbose=0)
    assert caught.value is mine
    assert [module.training for module in model.modules()] == [True, False, True, True]
    assert ended == ([] if when == "look" else [True])


# ------------------------------------------------------------------------------------------------------------- predict


def test_two_classes_have_two_columns_of_probabilities():
    model = nn.Linear(4, 1)
    names = np.array(["no", "yes"])[Y % 2]
    trainer = Trainer(model, loss="bce_with_logits", metrics=["accuracy"], device="cpu")
    trainer.fit(X, names, verbose=0)
    yes = model(X).sigmoid().detach().numpy()[:, 0]
    np.testing.assert_allclose(trainer.predict_proba(X), np.stack([1 - yes, yes], axis=1), rtol=1e-5)
    np.testing.assert_array_equal(trainer.predict_labels(X), np.where(yes > 0.5, "yes", "no"))
    assert trainer.evaluate(X, names)["accuracy"] == close((trainer.predict_labels(X) == names).mean())


def test_several_labels_at_once_have_a_column_each():
    y = (X[:, :3] > 0).float()
    trainer = Trainer(nn.Linear(4, 3), loss="bce_with_logits", device="cpu")
    trainer.fit(X, y, verbose=0)
    assert trainer.predict_proba(X).shape == trainer.predict_labels(X).shape == (12, 3)
    np.testing.assert_array_equal(trainer.predict_labels(X), trainer.predict_proba(X) > 0.5)


def test_string_labels_come_back_as_strings():
    names = np.array(["cat", "dog", "eel"])[Y]
    trainer = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu")
    trainer.fit(X, names, verbose=0)
    expected = np.array(["cat", "dog", "eel"])[trainer.predict(X).argmax(1)]
    np.testing.assert_array_equal(trainer.predict_labels(X), expected)
    assert trainer.predict_proba(X).shape == (12, 3)


def test_a_regression_predicts_numbers_only():
    trainer = Trainer(nn.Linear(4, 1), loss="mse", device="cpu")
    trainer.fit(X, X[:, 0], verbose=0)
    assert trainer.predict(X).shape == (12, 1)
    with pytest.raises(ValueError, match="predict_proba needs a loss"):
        trainer.predict_proba(X)
    with pytest.raises(ValueError, match="regression task has no class labels"):
        trainer.predict_labels(X)


def test_an_image_to_label_map_keeps_its_axes():
    model = nn.Conv2d(3, 5, 1)
    images, y = torch.randn(6, 3, 4, 4), torch.randint(0, 5, (6, 4, 4))
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy", "f1"], device="cpu")
    trainer.fit(images, y, batch_size=4, verbose=0)
    assert trainer.predict_proba(images).shape == (6, 5, 4, 4)
    assert trainer.predict_labels(images).shape == (6, 4, 4)
