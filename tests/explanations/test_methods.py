"""What shap's explainers get wrong, and what is made of it here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.explanations import explain


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 12), nn.Linear(12, 12), nn.Linear(12, 2)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Any:
        return self.last(self.act(self.second(self.act(self.first(x)))))


class Functional(Reused):
    def forward(self, x: Tensor) -> Any:
        return self.last(F.relu(self.second(F.relu(self.first(x)))))


class InPlace(Reused):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Any:
        identity = self.act(self.first(x))
        out = self.second(identity)
        out += identity
        return self.last(self.act(out))


class Gated(Reused):
    def forward(self, x: Tensor) -> Any:
        hidden = self.first(x)
        return self.last(hidden * self.second(hidden).sigmoid())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(2, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Any:
        return self.last(self.lstm(x.reshape(len(x), 3, 2))[0][:, -1])


class NamedXY(nn.Module):
    """shap deletes attributes of these names."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y, self.linear = nn.Parameter(torch.ones(6)), nn.Parameter(torch.ones(2)), nn.Linear(6, 2)

    def forward(self, rows: Tensor) -> Any:
        return self.linear(rows * self.x).relu() + self.y


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block, self.act = NamedXY(), nn.ReLU()

    def forward(self, rows: Tensor) -> Any:
        return self.act(self.block(rows))


class Flat(Reused):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x)[:, 0]


class Tuple(Reused):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


class Dict(Reused):
    def forward(self, x: Tensor) -> Any:
        return {"hidden": self.first(x), "logits": super().forward(x)}


def _norms() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 12), nn.LayerNorm(12), nn.SiLU(), nn.Linear(12, 2))


def _transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (1, 6)), layer, nn.Flatten(), nn.Linear(6, 2))


CASES: dict[str, Any] = {
    "reused": Reused, "functional": Functional, "in-place": InPlace, "gated": Gated, "recurrent": Recurrent,
    "x-and-y": NamedXY, "nested": Nested, "flat": Flat, "tuple": Tuple, "dict": Dict, "norms": _norms,
    "transformer": _transformer, "float64": lambda: Reused().double(), "bfloat16": lambda: Reused().bfloat16(),
}  # fmt: skip
DEEP_IS_WRONG = {"reused", "functional", "in-place", "gated", "recurrent", "norms", "transformer"}


def _answers(model: nn.Module, x: Tensor) -> np.ndarray:
    with torch.no_grad():
        found = model.eval()(x.to(next(model.parameters()).dtype))
    found = found["logits"] if isinstance(found, dict) else found[0] if isinstance(found, tuple) else found
    return found.float().numpy()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["exact", "permutation", "deep"])
def test_values_add_up_for_every_kind_of_model(case, method):
    model, x, background = CASES[case](), torch.randn(5, 6), torch.randn(40, 6)

    found = explain(model, x, background=background, method=method)

    total = found.base_values + found.values.sum(axis=1)
    scale = np.abs(_answers(model, x) - found.base_values).max()
    tolerance = 1e-4 if method != "deep" else 0.011 * scale + 1e-4
    np.testing.assert_allclose(total, _answers(model, x), atol=0.02 if case == "bfloat16" else tolerance)


@pytest.mark.parametrize("case", CASES)
def test_gradients_run_on_every_kind_of_model(case):
    model, x, background = CASES[case](), torch.randn(5, 6), torch.randn(40, 6)

    found = explain(model, x, background=background, method="gradient", max_evals=400)

    exact = explain(model, x, background=background)
    assert found.report.method == "gradient"
    assert found.values.shape == exact.values.shape
    assert np.corrcoef(found.values.ravel(), exact.values.ravel())[0, 1] > 0.85
    assert found.report.residual_max > 0  # it is an estimate, and says so
    assert "max_evals=2000" in found.report.notes[-1]


@pytest.mark.parametrize("case", sorted(DEEP_IS_WRONG))
def test_deep_is_not_kept_where_it_does_not_add_up(case, caplog):
    model, x, background = CASES[case](), torch.randn(5, 6), torch.randn(40, 6)

    found = explain(model, x, background=background, method="deep")

    assert found.report.method == "exact"
    assert "method='deep' is not to be trusted here" in found.report.notes[0]
    assert found.report.notes[0] in caplog.text
    np.testing.assert_allclose(found.values, explain(model, x, background=background).values, atol=1e-6)


def test_deep_is_kept_where_it_adds_up():
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2), nn.Softmax(dim=1))

    found = explain(model, torch.randn(5, 6), background=torch.randn(40, 6), method="deep")

    assert found.report.method == "deep"
    assert found.report.notes == []
    assert found.report.residual_max < 1e-5


def test_a_pool_of_overlapping_windows_is_left_to_gradients(caplog):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(36, 2))
    x = torch.rand(12, 1, 10, 10) * 4

    found = explain(model, x[:2], background=x[2:], method="deep")

    assert found.report.method == "gradient"
    assert "method='deep' is not to be trusted here" in caplog.text


def test_resnet18_is_explained_as_it_is():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.resnet18(weights=None, num_classes=2)
    x = torch.rand(4, 3, 32, 32)

    found = explain(model, x[:1], background=x, max_evals=20)
    deep = explain(model, x[:1], background=x[1:3], method="deep", classes=[0])

    assert found.report.method == "gradient"
    assert found.values.shape == (1, 3, 32, 32, 2)
    assert np.isfinite(found.values).all()
    assert deep.report.method == "gradient"
    assert "method='deep' is not to be trusted here" in deep.report.notes[0]
    assert model.training
    assert any(module.inplace for module in model.modules() if isinstance(module, nn.ReLU))


def test_regions_of_pictures_are_hidden_by_their_mean_colour():
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    x = torch.rand(10, 3, 8, 8)

    found = explain(model, x[:2], background=x, method="partition")

    colour = x.mean(dim=(0, 2, 3)).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)
    np.testing.assert_allclose(found.base_values[0], model(colour)[0].detach(), atol=1e-5)
    assert found.values.shape == (2, 3, 8, 8, 2)
    assert found.report.residual_max < 1e-4


@pytest.mark.parametrize("method", ["gradient", "deep"])
def test_gradients_of_ids_are_refused(method):
    model = nn.Sequential(nn.Embedding(9, 2), nn.Flatten(), nn.Linear(6, 1))

    with pytest.raises(ValueError, match="the model looks whole numbers up"):
        explain(model, torch.randint(0, 9, (5, 3)), method=method)
    with pytest.raises(ValueError, match="what is explained is a function"):
        explain(lambda rows: rows.sum(1), np.ones((3, 2)), method=method)


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(16))

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight).detach() * 2


class Steps(Detached):
    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight).round(decimals=1)


@pytest.mark.parametrize(
    ("kind", "why"), [(Detached, "No gradient can be followed"), (Steps, "The gradient is 0 every")]
)
def test_where_no_gradient_flows_pictures_are_permuted(kind, why, caplog):
    x = torch.rand(6, 4, 4)

    found = explain(kind(), x[:2], background=x)

    assert found.report.method == "permutation"
    assert found.report.notes[0].startswith(why)
    assert found.report.notes[0] in caplog.text
    assert found.report.residual_max < 1e-5
    assert np.abs(found.values).max() > 0.05
    with pytest.raises(ValueError, match=why):
        explain(kind(), x[:2], background=x, method="gradient")


def test_a_model_that_cannot_be_copied_is_permuted(caplog):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    model.kept = model(torch.rand(1, 4, 4))  # torch copies no tensor that has a graph
    x = torch.rand(6, 4, 4)

    found = explain(model, x[:2], background=x)

    assert found.report.method == "permutation"
    assert "the model cannot be copied" in caplog.text


def test_whole_numbers_that_a_layer_takes_as_floats_have_gradients():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    pixels = torch.randint(0, 255, (9, 1, 8, 8), dtype=torch.uint8)

    found = explain(model, pixels[:2], background=pixels)

    assert found.report.method == "gradient"
    np.testing.assert_array_equal(found.data, pixels[:2])


class TakesBytes(nn.Module):
    """Normalises by itself, so that pictures travel as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layers((pixels.float() - 128) / 64)


@pytest.mark.parametrize("method", ["auto", "partition"])
def test_pictures_of_bytes_are_explained_as_those_of_floats_are(method):
    model = TakesBytes()
    pixels = torch.randint(0, 255, (9, 3, 8, 8), dtype=torch.uint8)

    found = explain(model, pixels[:2], background=pixels, method=method)
    floats = explain(model, pixels[:2].float(), background=pixels.float(), method=method)

    assert found.report.method == floats.report.method == {"auto": "gradient"}.get(method, method)
    scale = np.abs(floats.values).max()
    np.testing.assert_allclose(found.values, floats.values, atol=0.01 * scale)  # a mean colour has no half bytes
    assert found.data.shape == (2, 3, 8, 8)


class LooksUp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(9, 3), nn.Linear(36, 1)

    def forward(self, tokens: Tensor, *pictures: Tensor) -> Tensor:
        found = self.layer(self.table(tokens.long()).flatten(1))  # it takes floats, too
        return found + sum(one.mean((1, 2))[:, None] for one in pictures)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8])
@pytest.mark.parametrize("pictures", [(), (torch.rand(6, 4, 4),)], ids=["alone", "beside a picture"])
def test_numbers_that_are_looked_up_have_no_gradient(dtype, pictures):
    model, x = LooksUp(), (torch.randint(0, 9, (6, 3, 4)).to(dtype), *pictures)
    x = x if pictures else x[0]
    first = tuple(one[:2] for one in x) if pictures else x[:2]

    found = explain(model, first, background=x)
    found = found[0] if pictures else found

    assert (found.report.method, found.report.notes) == ("permutation", [])
    assert np.abs(found.values).max() > 0.01


def test_gradients_are_followed_under_no_grad():
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), torch.rand(5, 4, 4)

    with torch.no_grad():
        first = explain(model, x[:1], background=x)
    with torch.inference_mode():
        second = explain(model, x[:1], background=x)

    np.testing.assert_allclose(first.values, second.values)
    assert np.abs(first.values).max() > 0


def test_an_input_that_the_model_leaves_alone_gets_zero():
    class Half(nn.Module):
        def forward(self, used: Tensor, unused: Tensor) -> Tensor:
            return used.sum(1)

    found = explain(Half(), (torch.randn(5, 3), torch.randn(5, 2)), method="gradient")

    np.testing.assert_allclose(found.values[:, 3:], 0.0)
    assert np.abs(found.values[:, :3]).max() > 0.1


def test_rows_too_wide_to_permute_are_followed_by_gradients():
    x = torch.randn(10, 600)

    assert explain(nn.Linear(600, 1), x[:2], background=x).report.method == "gradient"


def test_a_budget_too_small_to_enumerate_permutes():
    x = torch.randn(10, 10)

    found = explain(nn.Linear(10, 1), x[:2], background=x, max_evals=100)

    assert (found.report.method, found.report.max_evals) == ("permutation", 100)


def test_a_row_of_many_columns_does_not_need_all_memory_at_once(monkeypatch):
    from neurokit.explanations import methods

    x = torch.randn(12, 40)
    model = nn.Linear(40, 2)
    whole = explain(model, x[:2], background=x)

    monkeypatch.setattr(methods, "_MASKED_BYTES", 2**16)
    in_parts = explain(model, x[:2], background=x)

    np.testing.assert_allclose(in_parts.values, whole.values, atol=1e-5)


@pytest.mark.parametrize("method", ["exact", "permutation", "partition"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_row_that_is_the_whole_background_gets_zeros(method, outputs):
    model, background = nn.Linear(4, outputs), torch.ones(1, 4)
    x = torch.stack([torch.ones(4), torch.arange(4.0)])

    found = explain(model, x, background=background, method=method)

    assert found.values.shape == ((2, 4) if outputs == 1 else (2, 4, 2))
    np.testing.assert_array_equal(found.values[0], 0.0)
    assert found.report.residual_max < 1e-5
    assert not explain(model, background, background=background, method=method).values.any()
