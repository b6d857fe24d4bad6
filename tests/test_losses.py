import functools
import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from neurokit.losses import Criterion, check_takes_two, loss_names, make_criterion
from neurokit.means import SUM


@pytest.mark.parametrize(
    ("spelling", "cls"),
    [
        ("cross_entropy", nn.CrossEntropyLoss),
        ("CrossEntropyLoss", nn.CrossEntropyLoss),
        ("Cross Entropy", nn.CrossEntropyLoss),
        ("cross-entropy", nn.CrossEntropyLoss),
        ("crossentropy", nn.CrossEntropyLoss),
        ("mse", nn.MSELoss),
        ("MSELoss", nn.MSELoss),
        ("mean_squared_error", nn.MSELoss),
        ("mae", nn.L1Loss),
        ("L1", nn.L1Loss),
        ("mean_absolute_error", nn.L1Loss),
        ("huber", nn.HuberLoss),
        ("SmoothL1", nn.SmoothL1Loss),
        ("bce", nn.BCELoss),
        ("binary_crossentropy", nn.BCELoss),
        ("bce_with_logits", nn.BCEWithLogitsLoss),
        ("binary_cross_entropy_with_logits", nn.BCEWithLogitsLoss),
        ("nll_loss", nn.NLLLoss),
        ("kl_div", nn.KLDivLoss),
        ("KLDivLoss", nn.KLDivLoss),
        ("poisson_nll", nn.PoissonNLLLoss),
        ("multilabel_soft_margin", nn.MultiLabelSoftMarginLoss),
    ],
)
def test_a_name_in_any_usual_spelling_is_that_loss(spelling, cls):
    assert type(make_criterion(spelling).function) is cls


def test_every_loss_of_torch_with_two_inputs_has_a_name():
    assert set(loss_names().values()) == {
        nn.BCELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.HingeEmbeddingLoss, nn.HuberLoss, nn.KLDivLoss,
        nn.L1Loss, nn.MSELoss, nn.MultiLabelMarginLoss, nn.MultiLabelSoftMarginLoss, nn.MultiMarginLoss, nn.NLLLoss,
        nn.PoissonNLLLoss, nn.SmoothL1Loss, nn.SoftMarginLoss,
    }  # fmt: skip
    for name, cls in loss_names().items():
        assert make_criterion(name).name == name
        assert type(make_criterion(cls.__name__).function) is cls


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("cros_entropy", "'cross_entropy'"),
        ("sparse_categorical_crossentropy", "'cross_entropy'"),
        ("sparse_catagorical_crossentropy", "'cross_entropy'"),
        ("rmse", "'mse'"),
        ("hubber", "'huber'"),
        ("mean_square_error", "'mse'"),
        ("bce_logits", "'bce_with_logits'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong, nearest):
    with pytest.raises(ValueError, match=f"no loss named '{wrong}'. Did you mean .*{nearest}"):
        make_criterion(wrong)


@pytest.mark.parametrize("name", ["ctc", "TripletMarginLoss", "cosine_embedding", "gaussian_nll"])
def test_a_loss_of_other_inputs_is_refused_with_the_way_to_use_it(name):
    with pytest.raises(ValueError, match="takes more than \\(predictions, targets\\)"):
        make_criterion(name)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (nn.MSELoss, "loss is the class MSELoss, not a loss. Pass MSELoss\\(\\)"),
        (3, "loss is of type int"),
        ({"a": "mse", "b": None}, "loss\\['b'\\] is of type NoneType"),
        ({"a": {"b": "mse"}}, "loss\\['a'\\] is of type dict"),
    ],
)
def test_what_is_no_loss_is_refused(loss, message):
    with pytest.raises(TypeError, match=message):
        make_criterion(loss)


def test_an_empty_dict_of_losses_is_refused():
    with pytest.raises(ValueError, match="empty dict"):
        make_criterion({})


def test_functions_of_torch_become_their_modules_with_their_options():
    assert type(make_criterion(F.l1_loss).function) is nn.L1Loss
    smoothed = make_criterion(functools.partial(F.cross_entropy, label_smoothing=0.1)).function
    assert (type(smoothed), smoothed.label_smoothing) == (nn.CrossEntropyLoss, 0.1)


def test_what_only_resembles_a_function_of_torch_stays_what_it_is():
    def mse(predictions, targets):
        return (predictions - targets).square().mean()

    for own in (mse, functools.partial(mse), functools.partial(F.mse_loss, weight=torch.ones(3))):
        assert make_criterion(own).function is own
    assert make_criterion(mse).name == make_criterion(functools.partial(mse)).name == "mse"


def test_a_mean_says_what_it_is_over():
    ten, classes = torch.randn(10, 3), torch.randint(0, 3, (10,))
    assert Criterion(nn.MSELoss())(ten, ten + 1)[1] == 30
    assert Criterion(nn.MSELoss(reduction="sum"))(ten, ten + 1)[1] is SUM
    assert Criterion(nn.CrossEntropyLoss())(ten, classes)[1] == 10
    assert Criterion(nn.CrossEntropyLoss(torch.tensor([2.0, 2.0, 2.0])))(ten, classes)[1] == 20
    assert Criterion(lambda p, t: (p - t).abs().mean())(ten, ten)[1] is None


def test_training_targets_known_to_hold_nothing_ignored_are_not_counted_on_the_device():
    criterion = Criterion(nn.CrossEntropyLoss())
    outputs, classes = torch.randn(10, 3), torch.randint(0, 3, (10,))
    criterion.counts_ignored = False
    assert type(criterion(outputs, classes, training=True)[1]) is int
    assert isinstance(criterion(outputs, classes, training=False)[1], torch.Tensor)


def test_a_gradient_is_finite_where_nothing_counts():
    outputs = torch.randn(4, 3, requires_grad=True)
    criterion = Criterion(nn.CrossEntropyLoss())
    loss, weight = criterion(outputs, torch.zeros(4, dtype=torch.int64), torch.zeros(4))
    loss.backward()
    assert (loss.item(), weight.item()) == (0, 0)
    assert bool((outputs.grad == 0).all())


def test_weights_in_half_precision_add_up():
    outputs, rows = torch.zeros(1001, 1, dtype=torch.bfloat16), torch.ones(1001, dtype=torch.bfloat16)
    _, weight = Criterion(nn.MSELoss())(outputs, outputs, rows)
    assert weight.item() == 1001


def test_a_module_of_the_users_with_a_reduction_gives_a_value_per_row_where_rows_are_weighed():
    class Focal(nn.Module):
        def __init__(self, reduction="mean"):
            super().__init__()
            self.reduction = reduction

        def forward(self, outputs, targets):
            losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none") ** 2
            return losses.mean() if self.reduction == "mean" else losses

    outputs, targets, weight = torch.randn(6), torch.ones(6), torch.arange(6.0)
    loss, total = Criterion(Focal())(outputs, targets, weight)
    expected = (Focal("none")(outputs, targets) * weight).sum() / 15
    torch.testing.assert_close(loss, expected)
    assert total == 15


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch 2.11 itself
def test_a_compiled_loss_keeps_its_reduction():
    own = nn.MSELoss()
    criterion = Criterion(torch.compile(own))
    criterion.to(torch.device("cpu"), torch.float32)
    assert own.reduction == "mean"


def test_the_users_module_is_moved_and_never_changed_otherwise():
    own = nn.CrossEntropyLoss(torch.tensor([1.0, 2.0]))
    criterion = Criterion(own)
    criterion.to(torch.device("cpu"), torch.float64)
    criterion(torch.randn(4, 2, dtype=torch.float64), torch.tensor([0, 1, 1, 0]), torch.ones(4))
    assert (own.reduction, own.weight.tolist()) == ("mean", [1.0, 2.0])


def test_class_weights_that_the_user_changes_while_training_count_at_once():
    own = nn.CrossEntropyLoss(torch.tensor([1.0, 1.0]))
    criterion = Criterion(own)
    own.weight = torch.tensor([1.0, 3.0])
    outputs, targets = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    assert criterion(outputs, targets)[1] == 8
    torch.testing.assert_close(criterion(outputs, targets, torch.ones(4))[0], own(outputs, targets))


def test_a_loss_that_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="returned a float, from which no gradient"):
        Criterion(lambda p, t: (p - t).abs().mean().item())(torch.ones(2), torch.zeros(2))


def test_targets_that_are_no_tensor_go_to_functions_of_the_user_only():
    pair = (torch.zeros(3), torch.ones(3))
    assert Criterion(lambda p, t: (p - t[0]).mean() + t[1].mean())(torch.zeros(3), pair)[0] == 1
    with pytest.raises(TypeError, match="'mse' takes one tensor of targets, and these are a tuple"):
        Criterion(nn.MSELoss())(torch.zeros(3), pair)


def test_own_functions_get_targets_of_another_shape_as_they_are():
    seen = []
    Criterion(lambda p, t: seen.append(t.shape) or p.mean())(torch.zeros(4, 6), torch.zeros(4, 2, 3))
    Criterion(lambda p, t: seen.append(t.shape) or p.mean())(torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64))
    assert seen == [(4, 2, 3), (4,)]


@pytest.mark.parametrize(("outputs", "targets"), [((4, 1), (1, 4)), ((1, 5), (5,)), ((4, 2), (4,)), ((4, 2), (2, 4))])
def test_shapes_that_would_broadcast_are_refused(outputs, targets):
    with pytest.raises(ValueError, match="'mse' takes targets of shape"):
        Criterion(nn.MSELoss())(torch.zeros(outputs), torch.zeros(targets))


def test_classes_on_the_last_axis_are_refused_with_the_mend():
    with pytest.raises(ValueError, match=r"classes on axis 1: return outputs.movedim\(-1, 1\)"):
        Criterion(nn.CrossEntropyLoss())(torch.zeros(4, 7, 3), torch.zeros(4, 7, dtype=torch.int64))


def test_the_note_about_shapes_comes_once(caplog):
    criterion = Criterion(nn.MSELoss())
    with caplog.at_level(logging.WARNING, logger="neurokit"):
        for _ in range(3):
            criterion(torch.zeros(4, 1), torch.zeros(4))
    assert [record.getMessage() for record in caplog.records] == [
        "targets of shape (4,) are read as (4, 1), the shape the loss takes."
    ]


@pytest.mark.parametrize(
    "loss", [nn.MSELoss(), nn.functional.mse_loss, lambda predictions, targets, margin=1.0: 0, lambda *both: 0, max]
)
def test_what_can_be_called_with_two_is_a_loss(loss):
    check_takes_two(loss)


@pytest.mark.parametrize("loss", [nn.TripletMarginLoss(), lambda predictions: 0, lambda a, b, c: 0, nn.CTCLoss()])
def test_what_cannot_be_called_with_two_is_refused_with_its_signature(loss):
    with pytest.raises(TypeError, match=r"loss is called with \(predictions, targets\), and .* cannot be"):
        check_takes_two(loss)


def test_an_exception_in_a_loss_says_what_it_was_given():
    criterion = make_criterion(lambda predictions, targets: predictions @ targets)
    with pytest.raises(RuntimeError) as caught:
        criterion(torch.ones(4, 3), torch.ones(5))
    assert caught.value.__notes__ == [
        "Raised by the loss '<lambda>' for predictions of shape (4, 3), torch.float32, and targets of shape (5,), "
        "torch.float32."
    ]


def test_logits_that_looked_like_probabilities_at_first_are_named_when_they_leave_their_range():
    criterion = make_criterion("bce")
    with pytest.raises(ValueError, match=r"'bce' takes probabilities, and the model gives numbers from 0.5 to 1.5"):
        criterion(torch.tensor([[0.5], [1.5]]), torch.tensor([[1.0], [0.0]]))
