"""Which two samples could not be stacked, and why."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from neurokit.data.ragged import refuse_ragged

UNEQUAL = {
    "tensors": ([torch.zeros(3), torch.zeros(3), torch.zeros(4)], "Samples a and c", "shape (3,) against shape (4,)."),
    "arrays": ([np.zeros((2, 3)), np.zeros((3, 2))], "Samples a and b", "shape (2, 3) against shape (3, 2)."),
    "pairs": ([(torch.zeros(3), 1), (torch.zeros(5), 1)], "Samples a and b", "(3,) against shape (5,) in entry [0]."),
    "named": ([{"x": torch.zeros(3)}, {"x": torch.zeros(1)}], "Samples a and b", "(1,) in entry ['x']."),
    "a list of numbers": ([[1, 2], [1, 2, 3]], "Samples a and b", "2 entries against 3 entries."),
    "a name that is missing": (
        [{"x": 1, "y": 2}, {"x": 1}, {"x": 1, "y": 2}], "Samples a and b", "a number against missing in entry ['y']."
    ),
    "none": ([(torch.zeros(2), 1), (torch.zeros(2), None)], "Samples a and b", "a NoneType in entry [1]."),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNEQUAL)
def test_the_first_two_that_differ_are_named_with_what_differs(kind):
    samples, which, what = UNEQUAL[kind]
    with pytest.raises((RuntimeError, TypeError, KeyError)) as given:
        default_collate(samples)
    with pytest.raises(ValueError, match="cannot be stacked into one batch") as caught:
        refuse_ragged(samples, "abc"[: len(samples)], given.value)
    assert str(caught.value).startswith(which)
    assert what in str(caught.value)
    assert "collate_fn=" in str(caught.value)
    assert caught.value.__cause__ is given.value


@pytest.mark.parametrize("samples", [[object(), object()], [1, 2.5], [torch.zeros(2)], torch.zeros(3), [None, None]])
def test_what_fails_for_another_reason_is_left_to_its_own_error(samples):
    refuse_ragged(samples, "abc"[: len(samples)], TypeError())
