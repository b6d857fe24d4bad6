"""A batch in the dtypes that the model and the loss take."""

import pytest
import torch

from neurokit.data.batch import Batch
from neurokit.data.conversion import Conversion
from neurokit.data.targets import Targets


def test_floats_follow_the_model_and_whole_numbers_stay_what_they_are():
    x = {"a": torch.ones(2, 3, dtype=torch.float64), "ids": torch.ones(2, dtype=torch.int64), "file": ["a", "b"]}
    converted = Conversion(torch.float16)(Batch(x)).x
    assert (converted["a"].dtype, converted["ids"].dtype, converted["file"]) == (torch.float16, torch.int64, ["a", "b"])


def test_whole_numbers_are_cast_where_the_model_takes_them_as_floats():
    pixels, ids = torch.full((2, 3), 255, dtype=torch.uint8), torch.ones(2, dtype=torch.int64)
    x = Conversion(torch.float32, casts={torch.uint8: torch.float32})(Batch((pixels, ids))).x
    assert x[0].tolist() == [[255.0] * 3] * 2
    assert x[1] is ids


def test_what_needs_no_cast_is_the_same_tensor():
    batch = Batch(torch.ones(2, 3), torch.ones(2), torch.ones(2))
    assert all(
        one is other for one, other in zip(batch, Conversion(torch.float32, Targets("values"))(batch), strict=True)
    )


def test_weights_follow_the_model():
    assert Conversion()(Batch(torch.ones(2), None, torch.ones(2, dtype=torch.float64))).weight.dtype is torch.float32


def test_targets_take_the_form_of_their_loss():
    y = {"a": torch.ones(2), "b": torch.ones(2, dtype=torch.int64)}
    converted = Conversion(torch.float32, {"a": Targets("classes"), "b": Targets("values")})(Batch(torch.ones(2), y)).y
    assert (converted["a"].dtype, converted["b"].dtype) == (torch.int64, torch.float32)
    assert Conversion(torch.float32, Targets("classes"))(Batch(torch.ones(2), torch.ones(2))).y.dtype is torch.int64


def test_targets_that_cannot_be_taken_are_refused():
    with pytest.raises(ValueError, match=r"y holds 0\.5 in row 0"):
        Conversion(torch.float32, Targets("classes"))(Batch(torch.ones(1), torch.tensor([0.5])))
