"""Which samples no batch could be made of, and why."""

from datetime import date
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torchvision.datasets import ImageFolder

import neurokit as nk
from neurokit.data.collating import refuse_samples

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
        refuse_samples(samples, "abc"[: len(samples)], given.value)
    assert str(caught.value).startswith(which)
    assert what in str(caught.value)
    assert "collate_fn=" in str(caught.value)
    assert caught.value.__cause__ is given.value


@pytest.mark.parametrize(
    "samples", [[object(), object()], [1, 2.5], [torch.zeros(2)], torch.zeros(3), [None, None], []]
)
def test_what_fails_for_another_reason_is_left_to_its_own_error(samples):
    refuse_samples(samples, "abc"[: len(samples)], TypeError())


def picture(kind):
    """A picture as a file of some format gives it."""
    file = BytesIO()
    Image.new("RGB", (2, 2)).save(file, kind)
    return Image.open(file)


STRANGE = {
    "mixed pictures": (
        [Image.new("RGB", (2, 2)), picture("PNG")],
        "Sample a of the dataset holds a PIL.Image.Image,",
        "PILToTensor",
    ),
    "beside a range": ([(range(2), None)], "holds a NoneType in entry [1]", "collate_fn="),
    "a picture": (
        [(Image.new("RGB", (2, 2)), 1)],
        "Sample a of the dataset holds a PIL.Image.Image in entry [0]",
        "PILToTensor",
    ),
    "nothing": ([None, None], "Sample a of the dataset holds a NoneType,", "collate_fn="),
    "a date": ([{"x": 1.0, "day": date(2026, 1, 1)}] * 2, "holds a datetime.date in entry ['day']", "collate_fn="),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_no_batch_is_made_of_is_named_with_what_to_do(kind):
    samples, what, mend = STRANGE[kind]
    with pytest.raises(TypeError) as given:
        default_collate(samples)
    with pytest.raises(TypeError, match="a batch is made of") as caught:
        refuse_samples(samples, "abc"[: len(samples)], given.value)
    assert what in str(caught.value)
    assert mend in str(caught.value)
    assert caught.value.__cause__ is given.value


def test_pictures_of_a_folder_are_told_how_to_become_tensors(tmp_path):
    (tmp_path / "cats").mkdir()
    for index in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / "cats" / f"{index}.png")
    trainer = nk.Trainer(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), loss="cross_entropy")
    for data in (ImageFolder(tmp_path), DataLoader(ImageFolder(tmp_path), batch_size=2, num_workers=1)):
        with pytest.raises(
            TypeError, match=r"Sample 0 of the dataset holds a PIL\.Image\.Image in entry \[0\].* v2\.PILToTensor"
        ):
            trainer.fit(data, verbose=0)
