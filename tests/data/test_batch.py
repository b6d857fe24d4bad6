"""What loaders yield, read as ``Batch``."""

from collections import OrderedDict, UserDict, namedtuple

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import default_collate

from neurokit.data.batch import Batch, count_rows, look_at, parse_batch
from neurokit.tree import map_tensors, tensors_in

X, Y, W = torch.randn(4, 3), torch.arange(4), torch.tensor([1.0, 0.0, 2.0, 1.0])
Sample = namedtuple("Sample", ["image", "label"])


def same(first, second) -> bool:
    """Equal structures of equal tensors."""
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and first.dtype is second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (tuple, list)):
        return type(first) is type(second) and len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.mark.parametrize(
    ("item", "batch"),
    [
        (X, Batch(X)),
        ((X,), Batch(X)),
        ([X], Batch(X)),
        ((X, Y), Batch(X, Y)),
        ([X, Y], Batch(X, Y)),
        ((X, None), Batch(X)),
        ((X, Y, W), Batch(X, Y, W)),
        ((X, None, W), Batch(X, None, W)),
        (Sample(X, Y), Batch(X, Y)),
        (Batch(X, Y, W), Batch(X, Y, W)),
        (((X, X), Y), Batch((X, X), Y)),
        ([[X, X], Y], Batch((X, X), Y)),
        ([[[X, X], X], Y], Batch(([X, X], X), Y)),
        (({"a": X, "b": X}, Y), Batch({"a": X, "b": X}, Y)),
        ({"x": X, "y": Y}, Batch(X, Y)),
        ({"x": X, "y": Y, "weight": W}, Batch(X, Y, W)),
        ({"x": X}, Batch(X)),
        ({"input_ids": X, "labels": Y}, Batch({"input_ids": X, "labels": Y})),
        ({"x": X, "mask": Y}, Batch({"x": X, "mask": Y})),
        (UserDict(input_ids=X), Batch({"input_ids": X})),
        (OrderedDict(x=X, y=Y), Batch(X, Y)),
        ((X, [1, 2, 0, 1]), Batch(X, torch.tensor([1, 2, 0, 1]))),
        ((X, [0.5, 1.0, 0.0, 1.0]), Batch(X, torch.tensor([0.5, 1.0, 0.0, 1.0]))),
        ((X, [np.int64(1), np.int64(2)]), Batch(X, torch.tensor([1, 2]))),
        ((X, ["a", "b", "c", "d"]), Batch(X, ["a", "b", "c", "d"])),
        ((X, [{"boxes": X}, {"boxes": X}]), Batch(X, [{"boxes": X}, {"boxes": X}])),
    ],
    ids=lambda value: None,
)
def test_items_are_read_as_batches(item, batch):
    assert same(parse_batch(item, whole=False), batch)


@pytest.mark.parametrize(
    ("item", "x"),
    [
        (X, X),
        ((X, Y), (X, Y)),
        ([X, Y], (X, Y)),
        ((X, Y, X, Y), (X, Y, X, Y)),
        (([X, X], [{"boxes": X}]), ([X, X], [{"boxes": X}])),
        ({"x": X, "y": Y}, {"x": X, "y": Y}),
        (UserDict(input_ids=X, labels=Y), {"input_ids": X, "labels": Y}),
    ],
    ids=lambda value: None,
)
def test_a_model_with_a_loss_of_its_own_gets_all_of_the_item(item, x):
    assert same(parse_batch(item, whole=True), Batch(x))


@pytest.mark.parametrize(
    "array",
    [
        np.ones((4, 3)),
        np.ones((4, 3), np.float16),
        np.ones((4, 3), ">f4"),
        np.ones((4, 3), np.uint16),
        np.ones((4, 3), np.longdouble),
        np.ones((4, 3))[::-1, ::-1],
        pd.DataFrame(np.ones((4, 3))),
        scipy.sparse.csr_array(np.ones((4, 3))),
    ],
    ids=["float64", "float16", "big-endian", "uint16", "longdouble", "reversed", "table", "sparse"],
)
def test_arrays_of_every_library_become_tensors(array):
    batch = parse_batch((array, pd.Series([1, 2, 3, 4])), whole=False)
    assert torch.equal(batch.x.to(torch.float32), torch.ones(4, 3))
    assert batch.y.tolist() == [1, 2, 3, 4]


def test_read_only_arrays_raise_no_warning():
    array = np.ones((4, 3))
    array.setflags(write=False)
    assert parse_batch(array, whole=False).x.shape == (4, 3)


def test_text_and_objects_in_an_item_are_left_alone():
    names = np.array(["a", "b"])
    x = parse_batch((X, names, {"file": "a.png", "size": np.float64(3)}), whole=True).x
    assert x[1] is names
    assert x[2] == {"file": "a.png", "size": 3.0}


def test_what_torch_collates_from_nested_samples_is_read_back():
    samples = [((X[i], X[i] + 1), {"a": Y[i]}) for i in range(4)]
    batch = parse_batch(default_collate(samples), whole=False)
    assert same(batch, Batch((X, X + 1), {"a": Y}))


@pytest.mark.parametrize(
    ("third", "said"),
    [
        (Y, r"torch\.int64 of shape \(4,\), from 0 to 3"),
        (X, r"torch\.float32 of shape \(4, 3\)"),
        (W[:3], r"torch\.float32 of shape \(3,\)"),
        (-W, r"from -2 to -0"),
        (torch.tensor([1.0, float("nan"), 1.0, 1.0]), "from nan to nan"),
        (["a", "b", "c", "d"], "list"),
        ({"a": W}, "dict"),
        (0.5, "float"),
        (torch.zeros(0), r"shape \(0,\)\."),
    ],
    ids=["whole numbers", "two axes", "too few", "negative", "nan", "text", "mapping", "number", "none"],
)
def test_a_third_entry_that_cannot_be_weights_is_refused_with_the_way_to_write_two_inputs(third, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_batch((X, Y, third), whole=False)
    assert "((a, b), y)" in str(caught.value)


def test_weights_in_a_mapping_are_checked_too():
    with pytest.raises(ValueError, match="one floating weight of 0 or more per row"):
        parse_batch({"x": X, "y": Y, "weight": Y}, whole=False)


@pytest.mark.parametrize("item", [(), (X, Y, W, W), []])
def test_other_numbers_of_entries_are_refused(item):
    with pytest.raises(ValueError, match=rf"yields {len(item)} entries.*\(\(a, b\), y\)"):
        parse_batch(item, whole=False)


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (X, 4),
        (X[:1], 1),
        ((X, X), 4),
        ({"a": X}, 4),
        ({"scale": torch.tensor(2.0), "a": X}, 4),
        ({"name": "run", "a": X}, 4),
        (([X, X, X], [{}, {}, {}]), 3),
        ([X, X], 2),
        (["a", "b"], 2),
        (({"a": X}, X), 4),
        (pack_sequence([torch.zeros(3), torch.zeros(2), torch.zeros(1)]), 3),
    ],
    ids=lambda value: None,
)
def test_rows_are_the_first_axis_or_the_length_of_the_outer_list(value, rows):
    assert count_rows(value) == rows


@pytest.mark.parametrize("value", [torch.tensor(1.0), None, "text", (), {}, (torch.tensor(1.0),), 3])
def test_what_has_no_rows_says_so(value):
    with pytest.raises(TypeError, match=rf"A batch of {type(value).__name__} has no rows"):
        count_rows(value)


def test_a_look_refuses_what_has_no_rows():
    assert look_at((X, Y), whole=False).y is Y
    with pytest.raises(TypeError, match="A batch of NoneType has no rows to count"):
        look_at(None, whole=False)


def test_the_orders_of_packed_sequences_follow_their_data_and_are_seen():
    packed = pack_sequence([torch.zeros(2), torch.ones(3)], enforce_sorted=False)
    moved = map_tensors(lambda one: one.to("meta"), {"x": packed})["x"]
    assert [one.device.type for one in (moved.data, moved.sorted_indices, moved.unsorted_indices)] == ["meta"] * 3
    assert moved.batch_sizes is packed.batch_sizes
    parts = packed.data, packed.sorted_indices, packed.unsorted_indices
    assert all(one is part for one, part in zip(tensors_in([packed]), parts, strict=True))
    doubled = map_tensors(lambda one: 2 * one, packed)
    assert torch.equal(doubled.data, 2 * packed.data)
    assert torch.equal(doubled.sorted_indices, packed.sorted_indices)


def test_packed_sequences_are_one_input():
    packed = pack_sequence([torch.zeros(3), torch.ones(2)])
    assert parse_batch(packed, whole=False).x is packed
    assert parse_batch((packed, Y[:2]), whole=False).x.batch_sizes.tolist() == [2, 2, 1]
