from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from neurokit import checkpoint
from neurokit.checkpoint import load_optimizer_state, match_optimizer, optimizer_state
from neurokit.storage import CheckpointError

Build = Callable[[list[nn.Parameter]], Optimizer]

OPTIMIZERS: dict[str, Build] = {
    "Adadelta": optim.Adadelta,
    "Adafactor": optim.Adafactor,
    "Adagrad": optim.Adagrad,
    "Adam": optim.Adam,
    "Adam amsgrad": lambda params: optim.Adam(params, amsgrad=True),
    "Adam foreach": lambda params: optim.Adam(params, foreach=True),
    "Adam fused": lambda params: optim.Adam(params, fused=True),
    "Adam tensor lr": lambda params: optim.Adam(params, lr=torch.tensor(0.01)),
    "Adamax": optim.Adamax,
    "AdamW": lambda params: optim.AdamW(params, fused=True),
    "ASGD": optim.ASGD,
    "LBFGS": lambda params: optim.LBFGS(params, lr=0.1, max_iter=3, history_size=4),
    "LBFGS wolfe": lambda params: optim.LBFGS(params, max_iter=2, line_search_fn="strong_wolfe"),
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "RMSprop": lambda params: optim.RMSprop(params, momentum=0.9, centered=True),
    "Rprop": optim.Rprop,
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "SGD momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "two groups": lambda params: optim.Adam([{"params": params[:1], "lr": 0.1}, {"params": params[1:]}]),  # type: ignore[arg-type]
}


def net(dtype: torch.dtype = torch.float32, layout: torch.memory_format = torch.channels_last) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 2)).to(dtype)
    return model.to(memory_format=layout)


def names_of(model: nn.Module) -> dict[nn.Parameter, str]:
    return {param: name for name, param in model.named_parameters()}


def train(model: nn.Module, optimizer: Optimizer, first: int, last: int) -> None:
    dtype = next(model.parameters()).dtype
    for step in range(first, last):
        x = torch.randn(4, 2, 4, 4, generator=torch.Generator().manual_seed(step)).to(dtype)

        def closure(x: Tensor = x) -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = model(x).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)  # type: ignore[arg-type]


def through_a_file(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = checkpoint.read(checkpoint.write(folder / "step-00000001", {"optimizer": state}))[
        "optimizer"
    ]
    return found


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_continues_bit_for_bit(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    layout = torch.contiguous_format if "LBFGS" in name else torch.channels_last  # torch's LBFGS takes no other
    whole, broken, resumed = (net(dtype, layout) for _ in range(3))
    optimizers = [OPTIMIZERS[name](list(model.parameters())) for model in (whole, broken, resumed)]
    train(whole, optimizers[0], 0, 6)
    train(broken, optimizers[1], 0, 3)

    state = through_a_file(optimizer_state(optimizers[1], names_of(broken)), tmp_path)
    resumed.load_state_dict(broken.state_dict())
    load_optimizer_state(optimizers[2], names_of(resumed), state)

    assert same(optimizers[2].state_dict(), optimizers[1].state_dict())
    train(resumed, optimizers[2], 3, 6)
    assert same(dict(resumed.state_dict()), dict(whole.state_dict()))
    assert same(optimizers[2].state_dict(), optimizers[0].state_dict())


def test_the_fused_kernel_gets_its_state_in_the_layout_of_the_parameters() -> None:
    """A contiguous exp_avg beside a channels_last weight would be updated at the wrong places, without an error."""
    model, other = net(), net()
    optimizers = [optim.Adam(m.parameters(), fused=True) for m in (model, other)]
    train(model, optimizers[0], 0, 2)
    state = optimizer_state(optimizers[0], names_of(model))
    for values in state["state"].values():
        values.update({key: tensor.contiguous() for key, tensor in values.items()})

    load_optimizer_state(optimizers[1], names_of(other), state)

    weight = other.get_parameter("0.weight")
    assert optimizers[1].state[weight]["exp_avg"].stride() == weight.stride()


def test_layers_of_one_shape_that_change_places_keep_their_own_momentum() -> None:
    class Two(nn.Module):
        def __init__(self, order: str) -> None:
            super().__init__()
            for name in order:
                setattr(self, name, nn.Linear(2, 2))

    source, target = Two("ab"), Two("ba")
    saved, fresh = (optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in (source, target))
    for value, param in enumerate(source.parameters()):
        param.grad = torch.full_like(param, float(value))
    saved.step()

    load_optimizer_state(fresh, names_of(target), optimizer_state(saved, names_of(source)))

    for name, param in target.named_parameters():
        momentum = saved.state[source.get_parameter(name)]["momentum_buffer"]
        assert torch.equal(fresh.state[param]["momentum_buffer"], momentum)


def test_how_the_optimizer_computes_stays_its_own() -> None:
    model = net()
    saved = optim.Adam(model.parameters(), lr=0.5, foreach=True)
    train(model, saved, 0, 1)
    fresh = optim.Adam(model.parameters(), lr=0.1, fused=True)

    load_optimizer_state(fresh, names_of(model), optimizer_state(saved, names_of(model)))

    assert fresh.param_groups[0]["lr"] == 0.5
    assert fresh.param_groups[0]["fused"] is True
    assert fresh.param_groups[0]["foreach"] is None


def test_options_added_by_schedulers_are_restored() -> None:
    model = net()
    saved, fresh = (optim.SGD(model.parameters(), lr=0.1) for _ in range(2))
    optim.lr_scheduler.OneCycleLR(saved, max_lr=0.5, total_steps=10, cycle_momentum=False)

    load_optimizer_state(fresh, names_of(model), optimizer_state(saved, names_of(model)))

    assert same(fresh.state_dict(), saved.state_dict())


def test_a_step_counted_in_float64_stays_so() -> None:
    model = net()
    saved, fresh = (optim.Adam(model.parameters()) for _ in range(2))
    train(model, saved, 0, 1)
    for values in saved.state.values():
        values["step"] = torch.tensor(2.0**53 + 2, dtype=torch.float64)
        values["exp_avg"] = values["exp_avg"].double() + 1e-12

    load_optimizer_state(fresh, names_of(model), optimizer_state(saved, names_of(model)))

    assert same(fresh.state_dict(), saved.state_dict())


def test_the_restored_state_is_a_copy() -> None:
    model = net()
    first, second = (optim.SGD(model.parameters(), lr=torch.tensor(0.1), momentum=0.9) for _ in range(2))
    train(model, first, 0, 1)
    load_optimizer_state(second, names_of(model), optimizer_state(first, names_of(model)))
    before = copy.deepcopy(second.state_dict())

    train(model, first, 1, 2)
    first.param_groups[0]["lr"].fill_(0.7)

    assert same(second.state_dict(), before)


def test_optimizers_that_lost_their_state_forget_it() -> None:
    model = net()
    fresh, trained = (optim.Adam(model.parameters()) for _ in range(2))
    train(model, trained, 0, 1)

    load_optimizer_state(trained, names_of(model), optimizer_state(fresh, names_of(model)))

    assert len(trained.state) == 0


# What does not fit


def changed(optimizer: Optimizer) -> Callable[[], bool]:
    before = copy.deepcopy(optimizer.state_dict())
    return lambda: not same(optimizer.state_dict(), before)


def test_another_class_is_refused_naming_both() -> None:
    model = net()
    adam = optim.Adam(model.parameters())
    has_changed = changed(adam)

    with pytest.raises(CheckpointError, match=r"is that of SGD, and this optimizer is Adam"):
        load_optimizer_state(adam, names_of(model), optimizer_state(optim.SGD(model.parameters()), names_of(model)))

    assert not has_changed()


def test_other_shapes_and_names_are_listed_before_anything_changes() -> None:
    small, large = nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    saved, fresh = (optim.SGD(model.parameters(), lr=rate) for model, rate in ((small, 0.1), (large, 0.2)))
    has_changed = changed(fresh)

    with pytest.raises(CheckpointError) as caught:
        load_optimizer_state(fresh, names_of(large), optimizer_state(saved, names_of(small)))

    assert "0.weight is [3, 2] there and [3, 4] here" in str(caught.value)
    assert "1.bias is missing there and [1] here" in str(caught.value)
    assert not has_changed()


def test_other_groups_are_refused() -> None:
    model = net()
    params = list(model.parameters())
    saved = optim.SGD([{"params": params[:1]}, {"params": params[1:]}])

    with pytest.raises(CheckpointError, match=r"in groups of \[1, 3\], and here they are grouped otherwise, \[4\]"):
        load_optimizer_state(optim.SGD(params), names_of(model), optimizer_state(saved, names_of(model)))


def test_groups_by_layer_name_what_makes_them() -> None:
    model = net()
    params = list(model.parameters())
    saved = optim.SGD([{"params": params[:1], "rate_factor": 1.0}, {"params": params[1:], "rate_factor": 0.75}])
    state = optimizer_state(saved, names_of(model))

    with pytest.raises(CheckpointError, match=r"nk\.transfer\.regroup\(trainer\.optimizer, trainer\.model\)"):
        load_optimizer_state(optim.SGD(params), names_of(model), state)


def test_a_parameter_without_a_name_is_an_error() -> None:
    model = net()
    optimizer = optim.SGD([*model.parameters(), nn.Parameter(torch.ones(7))])

    with pytest.raises(ValueError, match=r"holds 1 parameter\(s\) that are not the model's, the first of shape \(7,\)"):
        optimizer_state(optimizer, names_of(model))


def test_state_for_something_that_is_no_parameter_is_an_error() -> None:
    model = net()
    optimizer = optim.SGD(model.parameters())
    optimizer.state["global"] = {"count": 1}  # type: ignore[index]

    with pytest.raises(ValueError, match=r"SGD keeps state for global \(str\)"):
        optimizer_state(optimizer, names_of(model))


@pytest.mark.parametrize(
    "change", [{"class": None}, {"shapes": 3}, {"param_groups": [{}]}, {"state": None}, {"state": {"other": {}}}]
)
def test_a_state_of_another_form_is_refused(change: dict[str, Any]) -> None:
    model = net()
    optimizer = optim.SGD(model.parameters())

    with pytest.raises(CheckpointError):
        match_optimizer(optimizer, names_of(model), optimizer_state(optimizer, names_of(model)) | change)
    with pytest.raises(CheckpointError, match="not an optimizer's state by names"):
        match_optimizer(optimizer, names_of(model), optimizer.state_dict())


class Lookahead(optim.SGD):
    """Keeps more than torch's state, as optimizers from other packages do."""

    pace = 0

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"pace": self.pace}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.pace = state.pop("pace")
        super().load_state_dict(state)


def test_an_optimizer_with_a_state_dict_of_its_own_is_asked_for_it(tmp_path: Path) -> None:
    model = net()
    saved, fresh = (Lookahead(model.parameters(), lr=0.1, momentum=0.9) for _ in range(2))
    train(model, saved, 0, 2)
    saved.pace = 5

    load_optimizer_state(fresh, names_of(model), through_a_file(optimizer_state(saved, names_of(model)), tmp_path))

    assert fresh.pace == 5
    assert fresh.state_dict().keys() == saved.state_dict().keys()
    for param in model.parameters():
        assert torch.equal(fresh.state[param]["momentum_buffer"], saved.state[param]["momentum_buffer"])


def test_sparse_adam_continues(tmp_path: Path) -> None:
    layers = [nn.Embedding(5, 2, sparse=True) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    saved, fresh = (optim.SparseAdam(layer.parameters()) for layer in layers)
    layers[0](torch.tensor([1, 3])).sum().backward()
    saved.step()

    load_optimizer_state(
        fresh, names_of(layers[1]), through_a_file(optimizer_state(saved, names_of(layers[0])), tmp_path)
    )

    assert same(fresh.state_dict(), saved.state_dict())


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"fused": True}, {"capturable": True}, {"foreach": False}], ids=str)
def test_a_run_on_an_accelerator_continues_bit_for_bit(options: dict[str, Any], tmp_path: Path) -> None:
    whole, broken, resumed = (net().cuda() for _ in range(3))
    optimizers = [optim.Adam(model.parameters(), **options) for model in (whole, broken, resumed)]
    batches = [torch.randn(4, 2, 4, 4, device="cuda") for _ in range(6)]

    def advance(model: nn.Module, optimizer: Optimizer, first: int, last: int) -> None:
        for x in batches[first:last]:
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        advance(whole, optimizers[0], 0, 6)
        advance(broken, optimizers[1], 0, 3)
        state = through_a_file(optimizer_state(optimizers[1], names_of(broken)), tmp_path)
        resumed.load_state_dict(broken.state_dict())
        load_optimizer_state(optimizers[2], names_of(resumed), state)
        assert same(optimizers[2].state_dict(), optimizers[1].state_dict())
        advance(resumed, optimizers[2], 3, 6)

    assert same(dict(resumed.state_dict()), dict(whole.state_dict()))
    steps = [values["step"] for values in optimizers[2].state.values()]
    on_device = bool(options.get("fused") or options.get("capturable"))
    assert all(step.is_cuda is on_device for step in steps)


@pytest.mark.gpu
def test_a_state_from_the_cpu_continues_in_a_fused_optimizer_on_an_accelerator() -> None:
    source, target = net(), net().cuda()
    saved, fresh = optim.Adam(source.parameters()), optim.Adam(target.parameters(), fused=True)
    train(source, saved, 0, 2)

    load_optimizer_state(fresh, names_of(target), optimizer_state(saved, names_of(source)))

    for param in target.parameters():
        param.grad = torch.ones_like(param)
    fresh.step()
    assert all(values["step"].is_cuda and values["step"].item() == 3 for values in fresh.state.values())


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD", "Adagrad"])
def test_moments_of_another_shape_are_refused_because_fused_kernels_would_read_beyond_them(kind: str) -> None:
    layer = nn.Linear(100, 100)
    names = {param: name for name, param in layer.named_parameters()}
    options = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.1, fused=True, **options)
    layer(torch.ones(1, 100)).sum().backward()
    optimizer.step()
    state = optimizer_state(optimizer, names)
    key = next(key for key, value in state["state"]["weight"].items() if key != "step")
    state["state"]["weight"][key] = torch.ones(1)

    with pytest.raises(CheckpointError, match=rf"{key} of shape \(1,\) for weight, which needs \(100, 100\)"):
        load_optimizer_state(optimizer, names, state)


def test_a_state_in_an_optimizers_own_form_is_only_for_one_that_has_such_a_form() -> None:
    layer = nn.Linear(2, 1)
    names = {param: name for name, param in layer.named_parameters()}
    optimizer = torch.optim.Adam(layer.parameters())

    with pytest.raises(CheckpointError, match="Nothing was loaded"):
        load_optimizer_state(optimizer, names, optimizer_state(optimizer, names) | {"own": optimizer.state_dict()})


def test_an_option_that_is_no_number_is_refused():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    names = {parameter: name for name, parameter in model.named_parameters()}
    state = checkpoint.optimizer_state(optimizer, names)
    state["param_groups"][0]["lr"] = "os.system"

    with pytest.raises(checkpoint.CheckpointError, match="which is no number"):
        checkpoint.match_optimizer(optimizer, names, state)
