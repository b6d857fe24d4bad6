from __future__ import annotations

import enum
import json
import math
import random
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.optim import SGD, lr_scheduler

from neurokit import checkpoint
from neurokit.checkpoint.tree import Tree, unpack


def round_trip(value: Any) -> Any:
    """What is read of a value, by way of text."""
    tree = Tree()
    text = json.dumps(tree.pack({"value": value}), allow_nan=False)
    return unpack(json.loads(text), tree.weights, tree.tensors)["value"]


def alike(a: Any, b: Any) -> bool:
    """Equal in type, order and value, with NaN equal to NaN and -0.0 unequal to 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float):
        return repr(a) == repr(b)
    if isinstance(a, (np.ndarray, np.generic)):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return bool(a == b)


VALUES = [
    None,
    True,
    0,
    -(2**63),
    2**63,
    -(10**40),
    1 << 100_000,
    0.1,
    -0.0,
    5e-324,
    math.inf,
    -math.inf,
    math.nan,
    "",
    "größe ✓ \ud800 \0 \n",
    [],
    (),
    {},
    [1, (2, [3, ()])],
    {"a": {"b": [None]}},
    {0: "a", 5: "b", -1: "c"},
    {1: "number", "1": "text"},
    {"$tensor": "a", "plain": 1},
    {"$float": "nan"},
    {"": 1, "a/b": 2, "..": 3},
    list(range(1000)),
    [0.1 * number for number in range(1000)] + [math.nan, math.inf, -0.0],
    [2**70] * 100,
    [True] * 100,
    [1, 2.0] * 100,
    tuple(range(100)),
    Counter({30: 1, 80: 2}),
    random.Random(0).getstate(),
    np.random.default_rng(0).bit_generator.state,
    np.float64(0.1),
    np.float32(0.1),
    np.int64(3),
    np.bool_(True),
    np.arange(6, dtype=np.int16).reshape(2, 3),
    np.zeros((0, 3), np.float16),
    np.array(1.5),
    torch.arange(3),
    torch.tensor(1.5, dtype=torch.float64),
    {"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}},
    {"a/b": torch.ones(1), "a_b": torch.zeros(1), "..": torch.ones(2), "x" * 600: torch.ones(3)},
]


@pytest.mark.parametrize("value", VALUES, ids=map(str, range(len(VALUES))))
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert alike(round_trip(value), value)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(torch.ones(2))
nested = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.just("$tuple"), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(nested)
def test_any_nested_value_comes_back_as_it_was(value: Any) -> None:
    assert alike(round_trip(value), value)


def test_an_ordered_dict_comes_back_as_a_dict_in_its_order() -> None:
    assert alike(round_trip(OrderedDict(b=1, a=2)), {"b": 1, "a": 2})


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f4"),
        np.arange(6)[::-2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.broadcast_to(np.float32(1), (3, 2)),
    ],
)
def test_arrays_of_any_order_keep_their_values(array: np.ndarray[Any, Any]) -> None:
    found = round_trip(array)

    assert np.array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


def test_subclasses_of_numbers_and_text_come_back_plain() -> None:
    class Level(enum.IntEnum):
        HIGH = 3

    class Name(str):
        pass

    assert alike(round_trip([Level.HIGH, Name("a")]), [3, "a"])


class Point(namedtuple("Point", "x y")):
    pass


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "a object"),
        (len, "a builtin_function_or_method"),
        (1j, "a complex"),
        ({1, 2}, "a set"),
        (b"bytes", "a bytes"),
        (Path("a"), "a PosixPath"),
        (torch.float32, "a dtype"),
        (nn.Linear(1, 1), "a Linear"),
        (defaultdict(int), "a defaultdict"),
        (Point(1, 2), "a Point"),
        (torch.Size([1]), "a Size"),
        (np.array(["a"]), "of NumPy's dtype <U1"),
        (np.array([None]), "of NumPy's dtype object"),
        (np.datetime64("2020-01-01"), r"of NumPy's dtype datetime64\[D\]"),
        (np.ma.masked_array([1], [True]), "a MaskedArray"),
        (torch.zeros(1, dtype=torch.complex128), "a tensor of dtype torch.complex128"),
        ({(1, 2): 3}, r"a dict with the key \(1, 2\), a tuple"),
        ({True: 1}, "a dict with the key True, a bool"),
        ({None: 1}, "a dict with the key None, a NoneType"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_held_is_named_with_its_place(value: Any, what: str) -> None:
    with pytest.raises(TypeError, match=rf"^callbacks\.0\.best is {what}, which .* Return numbers, strings, lists"):
        Tree().pack({"callbacks": [{"best": value}]})


def test_nesting_has_a_limit_that_reading_shares() -> None:
    def nest(levels: int) -> list[Any]:
        return [nest(levels - 1)] if levels else []

    assert round_trip(nest(63)) == nest(63)
    with pytest.raises(ValueError, match="nested deeper than 64 levels"):
        round_trip(nest(64))


def test_a_value_that_holds_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(ValueError, match="Does it hold itself"):
        Tree().pack({"loop": loop})


def test_tensors_of_the_model_keep_their_names_in_a_file_of_their_own() -> None:
    tree = Tree()
    tree.pack(
        {
            "model": {"layer.weight": torch.ones(1), "layer._extra_state": {"scale": torch.ones(2)}},
            "ema": {"layer.weight": torch.ones(3)},
        }
    )

    assert list(tree.weights) == ["layer.weight"]
    assert list(tree.tensors) == ["model.layer._extra_state.scale", "ema.layer.weight"]


def test_a_model_with_any_names_can_be_checkpointed(tmp_path: Path) -> None:
    names = ["hours/week", "native country", "..", "a", "a\\b", "größe", "x" * 600]
    state = {"model": {name: torch.full((1,), float(place)) for place, name in enumerate(names)}}

    found = checkpoint.read(checkpoint.write(tmp_path / "step-00000001", state))

    assert alike(found, state)


def test_tied_weights_are_one_tensor_again(tmp_path: Path) -> None:
    weight = torch.randn(3)
    state = {"model": {"a": weight, "b": weight}, "optimizer": {"a": weight.clone()}}

    found = checkpoint.read(checkpoint.write(tmp_path / "step-00000001", state))

    assert found["model"]["a"] is found["model"]["b"]
    assert found["optimizer"]["a"] is not found["model"]["a"]


def schedulers(optimizer: SGD) -> list[lr_scheduler.LRScheduler]:
    """One of each of torch's schedulers, some steps on."""
    constant, step = lr_scheduler.ConstantLR(optimizer), lr_scheduler.StepLR(optimizer, 2)
    return [
        lr_scheduler.MultiStepLR(optimizer, [2, 2, 4]),
        lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10),
        lr_scheduler.CyclicLR(optimizer, 0.1, 0.2),
        lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3),
        lr_scheduler.CosineAnnealingLR(optimizer, 5),
        lr_scheduler.ExponentialLR(optimizer, 0.9),
        lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch),
        lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.9),
        lr_scheduler.PolynomialLR(optimizer),
        lr_scheduler.ReduceLROnPlateau(optimizer),
        lr_scheduler.SequentialLR(optimizer, [constant, step], [2]),
        lr_scheduler.ChainedScheduler([constant, step]),
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")  # schedulers stepped without their optimizer
@pytest.mark.parametrize("index", range(12))
def test_every_scheduler_of_torch_can_be_checkpointed(index: int) -> None:
    def build() -> Any:
        return schedulers(SGD([nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9))[index]

    scheduler, restored = build(), build()
    arguments = (1.0,) if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else ()
    for _ in range(3):
        scheduler.step(*arguments)

    state = round_trip(scheduler.state_dict())

    assert alike(state, scheduler.state_dict())
    restored.load_state_dict(state)
    assert restored.get_last_lr() == scheduler.get_last_lr()
