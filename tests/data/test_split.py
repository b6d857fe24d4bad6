"""The rows that validate: a seeded share, of each class as of the whole."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from neurokit.data.split import split_rows


def test_every_row_is_on_one_side():
    train, validation = split_rows(101, 0.3, seed=4)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(101))
    assert train.tolist() == sorted(train.tolist())
    assert len(validation) == 30


def test_the_draw_is_a_function_of_the_seed():
    assert torch.equal(split_rows(100, 0.2, seed=1)[1], split_rows(100, 0.2, seed=1)[1])
    assert not torch.equal(split_rows(100, 0.2, seed=1)[1], split_rows(100, 0.2, seed=2)[1])
    assert len(split_rows(100, 0.2, seed=2**64 - 1)[1]) == 20


def test_no_global_stream_moves():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].tolist()
    split_rows(100, 0.2, seed=1, labels=torch.arange(100) % 3)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert numpy_state == np.random.get_state()[1].tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.2, 0.1), (0.97, 0.02, 0.01)])
def test_each_class_keeps_its_share_as_in_scikit_learn(seed, fraction, shares):
    labels = torch.from_numpy(np.random.default_rng(seed).choice(len(shares), 1000, p=shares))
    _, validation = split_rows(1000, fraction, seed, labels)
    _, theirs = train_test_split(labels.numpy(), test_size=fraction, stratify=labels.numpy(), random_state=seed)
    ours = torch.bincount(labels[validation], minlength=len(shares))
    assert len(validation) == len(theirs)
    assert (ours - torch.bincount(torch.from_numpy(theirs), minlength=len(shares))).abs().max() <= 1
    assert (ours - torch.bincount(labels, minlength=len(shares)) * fraction).abs().max() < 1


def test_rows_of_a_class_are_drawn_evenly():
    labels = torch.arange(20) % 2
    drawn = torch.zeros(20)
    for seed in range(2000):
        drawn[split_rows(20, 0.25, seed, labels)[1]] += 1
    assert (drawn / 2000 - 0.25).abs().max() < 0.05  # five standard deviations


def test_a_class_of_one_row_stays_whole():
    labels = torch.tensor([0] * 50 + [1])
    train, validation = split_rows(51, 0.2, seed=0, labels=labels)
    assert (labels[train] == 1).sum() + (labels[validation] == 1).sum() == 1


@pytest.mark.parametrize("fraction", [1.0, 1.5, -0.1, float("nan"), True, "0.2"])
def test_a_share_is_between_zero_and_one(fraction):
    with pytest.raises(ValueError, match="between 0 and 1, got"):
        split_rows(100, fraction, seed=0)


@pytest.mark.parametrize(("rows", "fraction"), [(10, 0.01), (10, 0.99), (1, 0.5)])
def test_no_side_may_be_empty(rows, fraction):
    with pytest.raises(ValueError, match=rf"of {rows} rows leaves \d+ to train and \d+ to validate"):
        split_rows(rows, fraction, seed=0)
