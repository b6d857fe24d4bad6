from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import neurokit as nk
from neurokit.transfer import ReplacedHead, replace_head

NAMES = torchvision.models.list_models(module=torchvision.models)
CLASSES = 7
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.randn)


class _WithoutMemory(TorchFunctionMode):
    """Makes the weights of a model on the meta device, and leaves alone what it computes its shape with."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def _torchvision(name: str) -> nn.Module:
    with _WithoutMemory(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of initial values, which are none here
        model: nn.Module = torchvision.models.get_model(name, weights=None)
    return model.to("meta")


def _pictures(name: str) -> Tensor:
    side = 299 if name == "inception_v3" else 224
    return torch.empty(2, 3, side, side, device="meta")


def _wrong(name: str) -> str:
    """What is wrong with the new head of an architecture; empty if nothing is."""
    model = _torchvision(name)
    places = dict(model.named_parameters())
    modes = {one: module.training for one, module in model.named_modules()}
    replaced = replace_head(model, CLASSES)
    now = dict(model.named_parameters())
    changed = {one for one in places.keys() | now.keys() if places.get(one) is not now.get(one)}
    heads = {f"{head}.{one}" for head in replaced.names for one, _ in model.get_submodule(head).named_parameters()}
    if changed != heads:
        return f"changed {sorted(changed)}, and said {replaced.names}"
    if modes != {one: module.training for one, module in model.named_modules()}:
        return "modes changed"
    if any((head.old.bias is None) is not (head.new.bias is None) for head in (replaced, *replaced.auxiliary)):
        return "the bias came or went"
    with torch.no_grad():
        outputs = model.train()(_pictures(name))
        logits = model.eval()(_pictures(name))
    if logits.shape != (2, CLASSES):
        return f"gives {tuple(logits.shape)}"
    auxiliary = [one for one in outputs if one is not None] if isinstance(outputs, tuple) else [outputs]
    if len(auxiliary) != 1 + len(replaced.auxiliary) or any(one.shape != (2, CLASSES) for one in auxiliary):
        return f"gives {[tuple(one.shape) for one in auxiliary]} in training"
    return ""


@pytest.mark.slow
def test_the_head_of_every_torchvision_classifier_is_found_and_nothing_else_is_changed() -> None:
    wrong = {name: found for name in NAMES if (found := _wrong(name))}
    print(f"replace_head is right for {len(NAMES) - len(wrong)} of {len(NAMES)} architectures")  # noqa: T201
    assert len(NAMES) >= 80
    assert wrong == {}


def test_a_real_model_trains_with_its_new_head(caplog: pytest.LogCaptureFixture) -> None:
    model = torchvision.models.squeezenet1_1(weights=None)
    with caplog.at_level(logging.WARNING):
        replaced = replace_head(model, 3)
    assert replaced.name == "classifier.1"
    assert isinstance(replaced.old, nn.Conv2d)
    assert model.classifier[1] is replaced.new
    assert model.num_classes == 3
    assert "classifier.1" in caplog.text
    x, y = torch.randn(4, 3, 64, 64), torch.tensor([0, 1, 2, 0])
    history = nk.Trainer(model, loss="cross_entropy", device="cpu").fit(x, y, verbose=0, batch_size=4, checks=False)
    assert history.epoch == [0]


class _Called(nn.Module):
    """A head that was registered first, under a name that says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(8, 10)
        self.head = nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.head(x))).log_softmax(1)


class _Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"body": nn.Conv2d(3, 8, 3), "tail": nn.Sequential(nn.Conv2d(8, 10, 1), nn.ReLU())})

    def forward(self, x: Tensor) -> Tensor:
        maps = self.net["tail"](self.net["body"](x))
        return maps.mean((2, 3)).view(x.size(0), -1)


class _Outputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.classifier = nn.Linear(4, 8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.body(x)
        return {"features": features, "logits": self.classifier(features) / features.shape[1]}


class _ByValue(nn.Module):
    """A forward that cannot be followed without data."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.body = nn.Linear(8, 10), nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return self.fc(x if x.sum() > 0 else -x)


@pytest.mark.parametrize(
    ("make", "name", "shape"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10)), "2", (2, 4)),
        (lambda: nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 10), nn.Softmax(1))), "1.0", (2, 4)),
        (_Called, "last", (2, 4)),
        (_Nested, "net.tail.0", (2, 3, 8, 8)),
        (_Outputs, "classifier", (2, 4)),
        (_ByValue, "fc", (2, 4)),
    ],
)
def test_the_head_of_a_plain_module_is_found(make: Callable[[], nn.Module], name: str, shape: tuple[int, ...]) -> None:
    model = make()
    replaced = replace_head(model, CLASSES)
    outputs = model(torch.randn(*shape))
    assert replaced.names == [name]
    assert model.get_submodule(name) is replaced.new
    assert (outputs["logits"] if isinstance(outputs, dict) else outputs).shape == (2, CLASSES)


def test_dtype_bias_mode_and_kernel_are_the_old_heads_and_the_new_one_is_trainable() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 10, 3, padding=1, bias=False, padding_mode="circular"))
    model.double().requires_grad_(False).eval()
    new = replace_head(model, 5).new
    assert isinstance(new, nn.Conv2d)
    assert (new.kernel_size, new.padding, new.padding_mode, new.bias) == ((3, 3), (1, 1), "circular", None)
    assert new.weight.dtype == torch.float64
    assert new.weight.requires_grad
    assert not new.training


def test_finding_a_head_changes_nothing_of_the_model() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.fc, self.calls = nn.BatchNorm1d(4), nn.Linear(4, 3), 0
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.seen += 1
            return self.fc(self.norm(x) + torch.rand(1))

    model, before = Counts(), torch.get_rng_state()
    model.norm.eval()
    replace_head(model, 2)
    after = torch.get_rng_state()
    torch.set_rng_state(before)
    nn.Linear(4, 2)  # what the new layer drew, and nothing else was drawn
    assert torch.equal(after, torch.get_rng_state())
    assert model.calls == 0
    assert model.seen == 0
    assert (model.training, model.norm.training, model.fc.training) == (True, False, True)
    assert int(model.norm.num_batches_tracked) == 0


class _TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + self.b(x)


class _Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.fc(x))


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lm_head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
        self.lm_head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.lm_head(self.embedding(x))


class _Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.weight = nn.Linear(4, 8), nn.Parameter(torch.zeros(3, 8))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(self.body(x), self.weight)


class _Unnamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x)) if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (_TwoHeads(), ["2 layers at once", "\n  a: Linear", "\n  b: Linear", "name='b'"]),
        (_Twice(), ["2 times", "name='fc'"]),
        (_Tied(), ["tied to 'embedding.weight'", "name='lm_head'"]),
        (_Functional(), ["the parameter 'weight'", "nn.Linear"]),
        (_Unnamed(), ["cannot be followed", "\n  two: Linear"]),
        (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), ["'1', a BatchNorm1d", "name='0'"]),
        (nn.Sequential(nn.ReLU()), ["no layer with parameters"]),
        (nn.Linear(4, 3), ["nn.Sequential(model)"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_where_there_is_no_telling_the_candidates_are_listed_and_nothing_changes(
    model: nn.Module, words: list[str]
) -> None:
    before = dict(model.named_parameters())
    with pytest.raises(ValueError) as error:  # noqa: PT011  its words are looked at
        replace_head(model, 2)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert dict(model.named_parameters()) == before


def test_a_name_decides_and_a_misspelt_one_gets_the_nearest() -> None:
    model = _TwoHeads()
    assert replace_head(model, 3, name="a").name == "a"
    assert replace_head(torchvision.models.mobilenet_v3_small(), 3, name="classifier").name == "classifier.3"
    with pytest.raises(ValueError, match="'classifier'"):
        replace_head(torchvision.models.mobilenet_v3_small(), 3, name="clasifier")
    with pytest.raises(ValueError, match="no linear and no convolutional layer"):
        replace_head(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), 3, name="1")
    with pytest.raises(ValueError, match="num_classes is 1 or more"):
        replace_head(model, 0)


def test_a_shared_layer_that_is_named_is_replaced_in_all_its_places() -> None:
    shared = nn.Linear(4, 4)
    model = nn.ModuleDict({"a": shared, "b": nn.Sequential(shared)})
    replaced = replace_head(model, 5, name="a")
    assert model["a"] is model["b"][0] is replaced.new


def test_a_head_replaced_after_the_trainer_was_built_is_named_by_fit(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 5))
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    replace_head(model, 3)
    trainer.fit(torch.randn(16, 4), torch.arange(16) % 3, verbose=0)
    assert "not-in-optimizer" in [finding.code for finding in trainer.findings]


def test_a_trainer_is_refused_as_its_optimizer_holds_the_old_head() -> None:
    trainer = nk.Trainer(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 5)), loss="cross_entropy", device="cpu")
    with pytest.raises(TypeError, match=r"Replace the head first.*then build the Trainer"):
        replace_head(trainer, 3)  # type: ignore[arg-type]
    assert trainer.model[1].out_features == 5
    with pytest.raises(TypeError, match="Did you mean 'num_classes'"):
        replace_head(trainer.model, out_features=3)  # type: ignore[call-arg]


def test_what_is_returned_reads_as_a_sentence_and_unpacks() -> None:
    model = nn.Sequential(nn.Linear(4, 10))
    replaced = replace_head(model, 3)
    name, old, new, auxiliary = replaced
    assert isinstance(replaced, ReplacedHead)
    assert (name, old.out_features, new.out_features, auxiliary) == ("0", 10, 3, ())
    assert str(replaced).startswith("0: Linear(in_features=4, out_features=10")
