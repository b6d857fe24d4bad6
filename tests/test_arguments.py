import inspect

import numpy as np
import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_keywords,
    check_number,
    nearest,
    suggestions,
    suggests_arguments,
)


class Oven:
    @suggests_arguments
    def __init__(self, size: int, *, temperature: float = 200.0, fan: bool = False) -> None:
        self.size, self.temperature, self.fan = size, temperature, fan

    @suggests_arguments
    def bake(self, cake: str, *, minutes: int = 40) -> str:
        """Bake a cake."""
        return f"{cake} for {minutes} minutes"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adan", " Did you mean 'adam', 'nadam' or 'adamw'?"),
        ("SDG", " Did you mean 'sgd'?"),
        ("zzz", ""),
    ],
)
def test_up_to_three_names_are_suggested_the_nearest_first(name, said):
    assert suggestions(name, ["sgd", "adamw", "nadam", "adam", "rmsprop"]) == said


def test_no_more_names_are_suggested_than_asked_for():
    assert suggestions("adan", ["adam", "nadam", "adamw"], count=1) == " Did you mean 'adam'?"
    assert nearest("loss", [f"loss_{index}" for index in range(9)], count=2) == ["loss_8", "loss_7"]


def test_a_suggested_name_keeps_its_own_upper_case():
    assert nearest("steplr", ["StepLR", "OneCycleLR"]) == ["StepLR"]


def test_a_misspelt_choice_is_refused_with_the_nearest():
    message = r"precision is one of 'fp32', 'bf16', 'fp16', got 'fp23'. Did you mean 'fp32'"
    with pytest.raises(ValueError, match=message):
        check_choice("precision", "fp23", ("fp32", "bf16", "fp16"))


def test_another_spelling_of_a_choice_is_answered_with_what_it_means():
    with pytest.raises(ValueError, match=r"got torch.float16. Did you mean 'fp16'\?"):
        check_choice("precision", torch.float16, ("fp32", "fp16"), float16="fp16")
    with pytest.raises(ValueError, match=r"got True. Did you mean 1\?"):
        check_choice("verbose", True, ("auto", 0, 1), true=1)


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


@pytest.mark.parametrize(
    ("value", "such_as"), [(32.0, 32), ("64", 64), (-8, 8), (0, 10), (None, 10), (float("nan"), 10), (True, 10)]
)
def test_the_count_that_was_probably_meant_is_offered(value, such_as):
    with pytest.raises((TypeError, ValueError), match=f"Pass batch_size={such_as}, for instance"):
        check_count("batch_size", value)


def test_a_count_may_begin_elsewhere():
    check_count("patience", 0, 0)
    with pytest.raises(ValueError, match=r"patience is 0 or more, got -1. Pass patience=1"):
        check_count("patience", -1, 0)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int64(1)])
def test_numbers_of_any_kind_are_numbers(value):
    check_number("decay", value, "a number from 0 to 1", lambda one: 0 <= one <= 1, such_as=0.9)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.5, ValueError), (float("nan"), ValueError), (float("inf"), ValueError), ("0.5", TypeError),
        (None, TypeError), (True, TypeError), (1j, TypeError), ([0.5], TypeError),
    ],
)  # fmt: skip
def test_other_numbers_are_refused(value, error):
    with pytest.raises(error, match=r"decay is a number from 0 to 1, got .*. Pass decay=0.9, for instance"):
        check_number("decay", value, "a number from 0 to 1", lambda one: 0 <= one <= 1, such_as=0.9)


@pytest.mark.parametrize("value", [True, False, 0, 1, np.True_])
def test_flags_are_true_or_false(value):
    check_flag("shuffle", value)


@pytest.mark.parametrize("value", ["no", "True", None, 2, 0.0, []])
def test_what_would_only_count_as_a_flag_is_refused(value):
    with pytest.raises(TypeError, match="shuffle is True or False, got"):
        check_flag("shuffle", value)


def test_known_keywords_pass():
    check_keywords("fit", ["epochs", "verbose"], ["x", "epochs", "verbose"])


def test_a_misspelt_keyword_gets_the_nearest_and_the_list():
    with pytest.raises(TypeError) as caught:
        Oven(3, temprature=180.0)
    assert str(caught.value) == (
        "Oven has no argument 'temprature'. Did you mean 'temperature'? It takes size, temperature, fan."
    )
    with pytest.raises(TypeError, match=r"bake has no argument 'minute'. Did you mean 'minutes'\? It takes cake"):
        Oven(3).bake("sponge", minute=30)


def test_too_many_arguments_by_position_are_answered_with_their_names():
    with pytest.raises(TypeError, match=r"Oven takes 1 argument by position \(size\), and got 3. Name the others, such "
                                        r"as temperature=180.0, fan=True"):  # fmt: skip
        Oven(3, 180.0, True)
    with pytest.raises(TypeError, match=r"bake takes 1 argument by position \(cake\), and got 2. Name the others: min"):
        Oven(3).bake("sponge", [30])


def test_a_method_that_suggests_its_arguments_keeps_its_signature_and_its_docstring():
    assert str(inspect.signature(Oven)) == "(size: int, *, temperature: float = 200.0, fan: bool = False) -> None"
    assert Oven.bake.__doc__ == "Bake a cake."
    assert Oven(3, fan=True).bake("sponge") == "sponge for 40 minutes"


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (nk.Trainer, ["model", "loss", "optimizer", "learning_rate", "metrics", "device", "precision", "compile",
                      "strategy", "accumulate", "max_grad_norm"]),
        (nk.Trainer.fit, ["self", "x", "y", "batch_size", "epochs", "validation_data", "validation_split", "shuffle",
                          "sample_weight", "class_weight", "steps_per_epoch", "callbacks", "resume", "checks",
                          "verbose"]),
        (nk.EarlyStopping, ["monitor", "min_delta", "patience", "verbose", "mode", "baseline", "restore_best_weights",
                            "start_from_epoch"]),
    ],
)  # fmt: skip
def test_editors_see_the_arguments_of_what_users_call(owner, names):
    assert list(inspect.signature(owner).parameters) == names


def test_a_subclass_of_a_trainer_may_take_arguments_of_its_own():
    class Mine(nk.Trainer):
        def __init__(self, model, *, extra, **arguments):
            super().__init__(model, **arguments)
            self.extra = extra

    assert Mine(nn.Linear(1, 1), extra=3, loss="mse", device="cpu").extra == 3
    with pytest.raises(TypeError, match=r"Trainer has no argument 'los'. Did you mean 'loss'"):
        Mine(nn.Linear(1, 1), extra=3, los="mse")


def test_every_callback_of_ours_answers_a_misspelt_argument():
    makers = {
        nk.EarlyStopping: "patience", nk.ReduceLROnPlateau: "factor", nk.EMA: "decay", nk.SWA: "start_epoch",
        nk.ModelCheckpoint: "folder", nk.CSVLogger: "filename", nk.TensorBoard: "log_dir", nk.ProgressBar: "verbose",
    }  # fmt: skip
    for maker, name in makers.items():
        with pytest.raises(TypeError, match=f"{maker.__name__} has no argument '{name}s'. Did you mean .*'{name}'"):
            maker(**{f"{name}s": 1})


def test_a_plain_function_counts_its_positional_arguments_without_a_self():
    @suggests_arguments
    def bake(cake: str, *, minutes: int = 40) -> str:
        return f"{cake} for {minutes} minutes"

    assert bake("tart", minutes=3) == "tart for 3 minutes"
    with pytest.raises(TypeError, match=r"bake takes 1 argument by position \(cake\), and got 2.*minutes=30"):
        bake("tart", 30)
