from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from neurokit.outputs import describe_outputs, find_prediction, output_fields, own_answers, own_losses, prediction

A, B, SCALAR = torch.ones(4, 2), torch.zeros(4, 3), torch.tensor(0.5)
Pair = namedtuple("Pair", "mean spread")
Aux = namedtuple("Aux", "aux logits")


@dataclass(slots=True)
class Slots:
    hidden: torch.Tensor
    logits: torch.Tensor


class Computed:
    """Says what it holds when asked, as some libraries' outputs do."""

    __slots__ = ()
    loss = property(lambda self: SCALAR)
    logits = property(lambda self: A)


@pytest.mark.parametrize(
    ("outputs", "where"),
    [
        (A, "the output"),
        ((A, B), "the first of the outputs"),
        ([A, B], "the first of the outputs"),
        (Pair(A, B), "the first of the outputs"),
        (Aux(B, A), "the output 'logits'"),
        ({"hidden": B, "logits": A, "out": B}, "the output 'logits'"),
        ({"hidden": B, "out": A}, "the output 'out'"),
        ({"scores": A, "names": ["a"]}, "the output 'scores'"),
        (SimpleNamespace(aux=B, logits=A), "the output 'logits'"),
        (Slots(B, A), "the output 'logits'"),
        (Computed(), "the output 'logits'"),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_the_prediction_is_found_where_the_design_says(outputs, where):
    found, said = find_prediction(outputs)
    assert found is A
    assert said == where
    assert prediction(outputs) is A


@pytest.mark.parametrize("outputs", [{"a": A, "b": B}, ({"a": A}, B), (), SimpleNamespace(a=A, b=B)], ids=repr)
def test_outputs_without_one_prediction_are_refused(outputs):
    with pytest.raises(TypeError, match=r"The model returned .*, and the loss takes one tensor. Name it 'logits'"):
        prediction(outputs)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (None, "returned None, .* Does forward end without return"),
        (0.25, r"returned 0.25, .* no .item\(\)"),
        (A.detach().numpy(), r"returned an array of shape .* no .item\(\)"),
        ([[0.5, 0.25]] * 3, r"returned a list of 3, \[\[0.5, .* no .item\(\)"),
    ],
    ids=["nothing", "number", "array", "list"],
)
def test_what_is_no_tensor_is_refused_with_where_to_look(outputs, message):
    with pytest.raises(TypeError, match=message):
        prediction(outputs)


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (SCALAR, ["loss"]),
        ({"loss": SCALAR, "logits": A, "kl": SCALAR}, ["loss"]),
        ({"box": SCALAR, "mask": SCALAR}, ["box", "mask"]),
        (SimpleNamespace(loss=SCALAR, logits=A), ["loss"]),
        (Computed(), ["loss"]),
        (A, []),
        ({"logits": A}, []),
        ({"loss": None, "logits": A}, []),
        ([{"boxes": A}], []),
        ({}, []),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_losses_of_the_model_are_found_where_the_design_says(outputs, names):
    assert list(own_losses(outputs)) == names


def test_answers_have_classes_on_axis_one():
    logits = torch.randn(2, 5, 3)
    found, labels = own_answers({"logits": logits}, {"labels": torch.ones(2, 5)})
    assert (found.shape, labels.shape) == ((2, 3, 5), (2, 5))
    maps = torch.randn(2, 3, 5, 5)
    assert own_answers({"logits": maps}, {"labels": torch.ones(2, 5, 5)})[0] is maps


def test_causal_language_models_answer_the_next_label():
    class CausalLMOutput(dict):
        pass

    logits, labels = torch.randn(2, 5, 3), torch.arange(10).reshape(2, 5)
    found, answered = own_answers(CausalLMOutput(logits=logits), {"labels": labels})
    assert torch.equal(found, logits[:, :-1].movedim(-1, 1))
    assert torch.equal(answered, labels[:, 1:])


@pytest.mark.parametrize("x", [torch.ones(2), (torch.ones(2), torch.ones(2)), {"labels": torch.ones(7)}, {}], ids=repr)
def test_without_labels_that_fit_there_is_nothing_to_compare(x):
    assert own_answers({"logits": torch.ones(2, 3)}, x) == (None, None)


def test_fields_are_read_from_mappings_tuples_and_objects():
    for outputs in ({"mean": A, "spread": B}, Pair(A, B), SimpleNamespace(mean=A, spread=B, _private=1)):
        assert list(output_fields(outputs)) == ["mean", "spread"]


def test_a_description_names_shapes_and_fields():
    assert describe_outputs([A, {"logits": B}]) == "a list of 2: a tensor of shape (4, 2), a dict with 'logits'"
