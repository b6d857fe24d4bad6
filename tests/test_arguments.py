import numpy as np
import pytest

from neurokit.arguments import check_choice, check_count


def test_a_misspelt_choice_is_refused_with_the_nearest():
    message = r"precision is one of 'fp32', 'bf16', 'fp16', got 'fp23'. Did you mean 'fp32'"
    with pytest.raises(ValueError, match=message):
        check_choice("precision", "fp23", ("fp32", "bf16", "fp16"))


@pytest.mark.parametrize("value", [True, False, [1], None])
def test_what_only_equals_a_choice_is_refused(value):
    with pytest.raises(ValueError, match="verbose is one of"):
        check_choice("verbose", value, ("auto", 0, 1, 2))


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_counts_are_whole_numbers_from_one(value):
    check_count("epochs", value)


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError), ("3", TypeError)]
)
def test_other_counts_are_refused(value, error):
    with pytest.raises(error, match=f"epochs is .*, got {value!r}"):
        check_count("epochs", value)
