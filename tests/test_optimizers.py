import functools

import numpy as np
import pytest
import torch
from torch import nn

from neurokit.optimizers import can_fuse, foreign_parameters, make_optimizers, needs_closure


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.activation, self.decoder = nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("name", "cls"), [("adam", "Adam"), ("SGD", "SGD"), ("adamw", "AdamW"), ("RMSprop", "RMSprop")]
)
def test_a_name_in_any_case_builds_torchs_optimizer(name, cls):
    made = make_optimizers(name, Net())
    assert type(made[""]) is getattr(torch.optim, cls)
    assert made[""].defaults["lr"] == type(made[""])(Net().parameters()).defaults["lr"]


def test_names_are_built_fused_where_torch_can():
    assert make_optimizers("adam", Net())[""].defaults["fused"] is True
    assert "fused" not in make_optimizers("rprop", Net())[""].defaults
    assert make_optimizers(torch.optim.Adam, Net())[""].defaults["fused"] is None


def test_what_a_fused_kernel_cannot_take_is_not_fused():
    sparse = nn.Embedding(5, 2, sparse=True)
    assert not can_fuse(torch.optim.SGD, sparse.parameters(), sparse)
    complexes = nn.Linear(2, 1, dtype=torch.complex64)
    assert not can_fuse(torch.optim.Adam, complexes.parameters(), complexes)


@pytest.mark.parametrize("rate", [0.5, np.float32(0.5), 1])
def test_the_learning_rate_goes_to_names_and_classes(rate):
    for optimizer in ("sgd", torch.optim.SGD):
        assert make_optimizers(optimizer, Net(), rate)[""].param_groups[0]["lr"] == rate


@pytest.mark.parametrize(
    ("rate", "error"),
    [(-1, ValueError), (float("nan"), ValueError), (float("inf"), ValueError), (True, TypeError), ("0.1", TypeError)],
)
def test_what_is_no_learning_rate_is_refused(rate, error):
    with pytest.raises(error, match="learning_rate is a number of 0 or more, got"):
        make_optimizers("adam", Net(), rate)


@pytest.mark.parametrize(
    "optimizer", [functools.partial(torch.optim.SGD, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)]
)
def test_factories_get_the_parameters_and_keep_their_learning_rate(optimizer):
    model = Net()
    made = make_optimizers(optimizer, model)[""]
    assert len(made.param_groups[0]["params"]) == 4
    with pytest.raises(ValueError, match=r"learning_rate=0\.3 goes to an optimizer given by name or class"):
        make_optimizers(optimizer, model, 0.3)


def test_parameters_of_the_loss_train_too():
    margin = nn.Parameter(torch.zeros(1))
    held = make_optimizers("adam", Net(), extra=[margin])[""].param_groups[0]["params"]
    assert any(one is margin for one in held)


@pytest.mark.parametrize(("wrong", "nearest"), [("adma", "'adam'"), ("sdg", "'sgd'"), ("adam_w", "'adamw'")])
def test_an_unknown_name_is_refused_with_the_nearest(wrong, nearest):
    with pytest.raises(ValueError, match=f"no optimizer named '{wrong}'. Did you mean .*{nearest}"):
        make_optimizers(wrong, Net())


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (None, "optimizer is of type NoneType"),
        (3, "optimizer is of type int"),
        (lambda p: list(p), "factory returned a list"),
    ],
)
def test_what_is_no_optimizer_is_refused(optimizer, message):
    with pytest.raises(TypeError, match=message):
        make_optimizers(optimizer, Net())


def test_the_optimizer_of_another_model_is_refused():
    model, other = Net(), torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="This SGD holds 2 parameter tensors, none of them Net's"):
        make_optimizers(other, model)
    with pytest.raises(ValueError, match="The optimizer 'b' holds 2 parameter tensors, none of them Net's"):
        make_optimizers({"a": torch.optim.SGD(model.parameters(), lr=0.1), "b": other}, model)


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match="Flatten has no parameters, so there is nothing to train"):
        make_optimizers("adam", nn.Flatten())


def test_a_dict_of_factories_takes_the_parameters_of_submodules():
    model = Net()
    made = make_optimizers({"encoder": "adam", "decoder": functools.partial(torch.optim.SGD, lr=0.1)}, model)
    assert made["encoder"].param_groups[0]["params"] == list(model.encoder.parameters())
    assert made["decoder"].param_groups[0]["params"] == list(model.decoder.parameters())


def test_a_dict_of_instances_keeps_its_names():
    model = Net()
    given = {"first": torch.optim.SGD(model.parameters(), lr=0.1), "second": torch.optim.Adam(model.parameters())}
    assert make_optimizers(given, model) == given


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("encodr", "'encodr' is not in the model. Nearest: encoder"),
        ("zzz", "Nearest: encoder, decoder"),
        ("activation", "'activation' has no parameters"),
        ("", "'' is not in the model|'' has no parameters"),
    ],
)
def test_a_key_that_names_no_trainable_submodule_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        make_optimizers({name: "adam"}, Net())


def test_two_optimizers_built_for_the_same_parameters_are_refused():
    model = Net()
    model.tied = model.encoder
    with pytest.raises(ValueError, match="'encoder' and 'tied' would update the same parameters twice"):
        make_optimizers({"encoder": "adam", "tied": "sgd"}, model)


def test_an_empty_dict_is_refused():
    with pytest.raises(ValueError, match="empty dict"):
        make_optimizers({}, Net())


def test_lbfgs_evaluates_the_loss_itself():
    assert needs_closure(make_optimizers("lbfgs", Net())[""])
    assert not needs_closure(make_optimizers("adam", Net())[""])


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (0.1, "A learning rate is learning_rate=0.1"),
        (torch.optim.lr_scheduler.StepLR, "the class StepLR"),
        (functools.partial(torch.optim.SGD, momentun=0.9), "SGD has no argument 'momentun'. Did you mean 'momentum'"),
    ],
)
def test_what_was_meant_is_said(optimizer, message):
    with pytest.raises(TypeError, match=message):
        make_optimizers(optimizer, Net())


def test_parameters_that_nobody_can_name_are_found():
    model, stranger = Net(), nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([*model.parameters(), stranger], lr=0.1)
    [found] = foreign_parameters({"": optimizer}, model.parameters())
    assert found is stranger
    assert foreign_parameters({"": torch.optim.SGD(model.parameters(), lr=0.1)}, model.parameters()) == []
