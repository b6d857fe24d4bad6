from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from neurokit.checkpoint import load_module, load_weights, match, save_weights
from neurokit.storage import CheckpointError


def net(hidden: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, hidden), nn.BatchNorm1d(hidden), nn.Linear(hidden, 2))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
        self.head.weight = self.embed.weight


class Extra(nn.Module):
    """Keeps something beside tensors, and can be told to fail when it is given back."""

    def __init__(self, note: Any = "new", fails: bool = False) -> None:
        super().__init__()
        self.layer, self.note, self.fails = nn.Linear(1, 1), note, fails

    def get_extra_state(self) -> Any:
        return self.note

    def set_extra_state(self, state: Any) -> None:
        if self.fails and state != self.note:
            raise RuntimeError("this module does not like it")
        self.note = state


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items() if isinstance(value, Tensor)}


def equal(module: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    own = snapshot(module)
    return own.keys() == tensors.keys() and all(torch.equal(own[name], tensors[name]) for name in own)


def test_what_fits_is_loaded() -> None:
    source, target = net(), net()

    load_module(target, snapshot(source))

    assert equal(target, snapshot(source))


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "dtype"])
def test_what_does_not_fit_changes_nothing(change: str) -> None:
    module, weights = net(), snapshot(net())
    if change == "missing":
        del weights["2.bias"]
    elif change == "unexpected":
        weights["3.bias"] = torch.zeros(2)
    elif change == "shape":
        weights["2.bias"] = torch.zeros(3)
    else:
        weights["1.num_batches_tracked"] = torch.tensor(0.5)
    before = snapshot(module)

    with pytest.raises(CheckpointError, match=r"do not fit Sequential\. Nothing was loaded"):
        load_module(module, weights)

    assert equal(module, before)


def test_one_error_lists_everything_that_differs() -> None:
    weights = snapshot(net(5)) | {"3.bias": torch.zeros(2)}
    del weights["2.bias"]

    with pytest.raises(CheckpointError) as caught:
        match(net(4), weights)

    text = str(caught.value)
    assert "missing (1): 2.bias (2,) F32" in text
    assert "unexpected (1): 3.bias (2,) F32" in text
    assert "mismatched (7): 0.weight is (5, 3) F32, and (4, 3) F32 in the module" in text
    assert "and 2 more" in text
    assert "Renamed? 2.bias may be 3.bias" in text
    assert len(text.splitlines()) <= 12


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model."])
def test_a_prefix_is_recognised_and_the_code_it_offers_works(prefix: str) -> None:
    module, plain = net(), snapshot(net())

    with pytest.raises(CheckpointError, match="A wrapper's prefix") as caught:
        match(module, {prefix + name: tensor for name, tensor in plain.items()})
    code = str(caught.value).split(" fit as ")[1]
    load_module(module, eval(code, {"weights": {prefix + name: tensor for name, tensor in plain.items()}}))

    assert equal(module, plain)


def test_a_prefix_that_is_missing_is_recognised() -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = net()

    with pytest.raises(CheckpointError, match=r'More would fit as {"model." [+] name: tensor'):
        match(Wrapper(), snapshot(net()))


def test_a_wider_dtype_is_taken_and_a_lossy_kind_is_not() -> None:
    module = nn.Linear(2, 1)
    weights = {name: tensor.double() for name, tensor in snapshot(module).items()}

    match(module, weights)
    with pytest.raises(CheckpointError, match=r"weight is \(1, 2\) F64, and \(1, 2\) I8 in the module"):
        match(int8_module(), weights)


def int8_module() -> nn.Module:
    module = nn.Module()
    module.register_buffer("weight", torch.zeros(1, 2, dtype=torch.int8))
    module.register_buffer("bias", torch.zeros(1))
    return module


def test_one_name_of_tied_weights_is_enough() -> None:
    source, target = Tied(), Tied()

    load_module(target, {"embed.weight": source.embed.weight})

    assert torch.equal(target.head.weight, source.embed.weight)
    assert target.head.weight is target.embed.weight


def test_weights_that_are_no_longer_tied_are_refused() -> None:
    module = Tied()
    before = snapshot(module)

    with pytest.raises(CheckpointError, match=r"embed\.weight and head\.weight differ, and are one tensor"):
        load_module(module, {"embed.weight": torch.zeros(7, 3), "head.weight": torch.ones(7, 3)})

    assert equal(module, before)


def test_tied_weights_pass_through_a_file(tmp_path: Path) -> None:
    source, target = Tied(), Tied()
    save_weights(tmp_path / "w.safetensors", source.state_dict())

    load_module(target, load_weights(tmp_path / "w.safetensors"))

    assert equal(target, snapshot(source))


@pytest.mark.parametrize("note", [{"any": "thing"}, None, torch.ones(5)], ids=["dict", "none", "tensor"])
def test_an_extra_state_is_loaded_whatever_it_is(note: Any) -> None:
    source, target = Extra(note), Extra(torch.ones(2))

    load_module(target, source.state_dict())

    assert target.note is note


def test_an_extra_state_that_fails_takes_everything_back() -> None:
    module = nn.Sequential(nn.Linear(1, 1), Extra("old"), Extra("old", fails=True), nn.BatchNorm1d(1))
    before = snapshot(module)
    other = nn.Sequential(nn.Linear(1, 1), Extra("new"), Extra("new"), nn.BatchNorm1d(1)).state_dict()

    with pytest.raises(RuntimeError, match="does not like it"):
        load_module(module, other)

    assert equal(module, before)
    assert [part.note for part in module if isinstance(part, Extra)] == ["old", "old"]


def test_a_lazy_module_takes_the_shapes_of_the_weights() -> None:
    source, target = nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.LazyLinear(2))

    load_module(target, snapshot(source))

    assert equal(target, snapshot(source))


def test_memory_layout_stays_the_modules() -> None:
    source, target = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)

    load_module(target, snapshot(source))

    assert target.weight.is_contiguous(memory_format=torch.channels_last)
    assert equal(target, snapshot(source))


def test_no_migration_from_older_versions_runs() -> None:
    class Versioned(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state: Any, prefix: str, metadata: dict[str, Any], *rest: Any) -> None:
            if metadata.get("version") is None:
                state[prefix + "weight"] = state[prefix + "weight"] * 2
            super()._load_from_state_dict(state, prefix, metadata, *rest)

    source, target = Versioned(2, 1), Versioned(2, 1)

    load_module(target, snapshot(source))

    assert equal(target, snapshot(source))


def test_what_does_not_fit_is_named_after_its_file_and_answered_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"The weights in a.safetensors do not fit Linear. Nothing was loaded."):
        load_module(nn.Linear(2, 1), nn.Linear(3, 1).state_dict(), "The weights in a.safetensors")
    with pytest.raises(CheckpointError, match="Build the module as the saved one was, load, and change it after that"):
        match(nn.Linear(2, 1), nn.Linear(3, 1).state_dict())


def test_no_more_than_five_of_each_kind_are_listed() -> None:
    deep = nn.Sequential(*[nn.Linear(2, 2) for _ in range(6)])
    with pytest.raises(CheckpointError) as caught:
        match(deep, {f"other.{name}": value for name, value in deep.state_dict().items()} | {"x": torch.ones(1)})
    message = str(caught.value)
    assert "missing (12): 0.weight (2, 2) F32; " in message
    assert "; and 7 more" in message
    assert message.count("\n") <= 6
