from __future__ import annotations

import pytest
import torch

from neurokit.data.memory import InMemoryLoader
from neurokit.diagnostics.sample import inputs, labels_in_order, picked, rows_of, spread


@pytest.mark.parametrize(("rows", "most"), [(1, 1), (5, 1), (5, 2), (5, 5), (3, 8), (100_003, 512), (2**24 + 7, 2048)])
def test_a_spread_is_of_different_rows_from_the_first_on_in_their_order(rows, most):
    positions = spread(rows, most)

    assert len(positions) == min(rows, most)
    assert positions[0] == 0
    assert bool((positions[1:] > positions[:-1]).all())
    assert int(positions[-1]) == (rows - 1 if most > 1 else 0)


def test_inputs_have_the_names_a_user_calls_them_by():
    column = torch.zeros(3, 2)

    assert list(inputs(InMemoryLoader(column, batch_size=2))) == ["x"]
    assert list(inputs(InMemoryLoader((column, column), batch_size=2))) == ["x[0]", "x[1]"]
    assert list(inputs(InMemoryLoader({"a": column}, batch_size=2))) == ["x['a']"]


def test_picking_reads_the_same_numbers_with_and_without_row_numbers():
    x = torch.arange(24.0).reshape(4, 2, 3)
    features = torch.tensor([0, 4])

    assert picked(x, None, features).tolist() == [[0, 4], [6, 10], [12, 16], [18, 22]]
    assert picked(x, torch.tensor([3, 1]), features).tolist() == [[18, 22], [6, 10]]


def test_large_rows_are_fewer():
    loader = InMemoryLoader(torch.zeros(40, 2**17), batch_size=2)

    assert rows_of(loader, 512)["x"].shape == (8, 2**17)


def test_of_a_part_of_the_rows_only_these_are_read():
    loader = InMemoryLoader(torch.arange(10.0).unsqueeze(1), batch_size=2, rows=torch.tensor([7, 2]))

    assert rows_of(loader, 512)["x"].tolist() == [[7], [2]]


@pytest.mark.parametrize(
    ("targets", "are_labels"),
    [
        (torch.tensor([0, 3, 1]), True),
        (torch.tensor([[0.0], [1.0]]), True),
        (torch.tensor([0.5, 1.0]), False),
        (torch.eye(3), False),
        (None, False),
    ],
)
def test_labels_are_one_whole_number_a_row(targets, are_labels):
    assert (labels_in_order(targets) is not None) == are_labels
