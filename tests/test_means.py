import math

import pytest
import torch

from neurokit.means import SUM, RunningMeans


class Logs(dict):
    weights = {}  # noqa: RUF012  replaced as a whole


def logged(weight, **values):
    logs = Logs(values)
    logs.weights = dict.fromkeys(values, weight)
    return logs


def means(*steps):
    running = RunningMeans(torch.device("cpu"))
    for logs, rows in steps:
        running.add(logs, rows)
    return running


def test_a_mean_is_over_weights_and_else_over_rows():
    running = means((logged(3, loss=torch.tensor(2.0)), 1), (logged(torch.tensor(1), loss=torch.tensor(6.0)), 1))
    assert running.compute() == {"loss": 3.0}
    assert means(({"loss": 2.0}, 3), ({"loss": 6.0}, 1)).compute() == {"loss": 3.0}


def test_a_step_of_weight_zero_counts_for_nothing_even_where_it_is_nan():
    running = means((logged(0, loss=math.nan), 4), (logged(2, loss=1.0), 4))
    assert running.compute() == {"loss": 1.0}
    assert running.first_not_finite() is None


def test_sums_are_added_up():
    assert means((logged(SUM, loss=2.0), 3), (logged(SUM, loss=torch.tensor(5.0)), 1)).compute() == {"loss": 7.0}


def test_names_may_differ_from_step_to_step():
    running = means(({"generator": 1.0}, 1), ({"critic": 2.0}, 1), ({"critic": 4.0}, 3))
    assert running.compute() == {"generator": 1.0, "critic": 3.5}


def test_long_epochs_are_exact_and_keep_no_graph():
    running = RunningMeans(torch.device("cpu"))
    parameter = torch.ones((), requires_grad=True)
    for step in range(2500):
        running.add({"loss": parameter * step}, rows=1 + step % 3)
    weights = [1 + step % 3 for step in range(2500)]
    expected = sum(step * weight for step, weight in enumerate(weights)) / sum(weights)
    assert running.compute() == {"loss": pytest.approx(expected, rel=1e-12)}
    assert not running.mean("loss").requires_grad


def test_reading_in_between_changes_no_bit():
    steps = [({"loss": torch.rand(())}, rows) for rows in (3, 1, 7, 7, 2)]
    read = RunningMeans(torch.device("cpu"))
    for logs, rows in steps:
        read.add(logs, rows)
        read.compute()
    assert read.compute() == means(*steps).compute()


def test_the_first_step_that_was_not_finite_is_named():
    assert means(({"loss": 1.0}, 1), ({"loss": math.inf}, 1), ({"loss": math.nan}, 1)).first_not_finite() == (
        1,
        math.inf,
    )


def test_a_resumed_epoch_ends_with_the_same_bits():
    steps = [(logged(SUM, total=torch.rand(()), loss=torch.rand(())), rows) for rows in (3, 1, 7)]
    interrupted = means(*steps[:2])
    resumed = RunningMeans(torch.device("cpu"))
    resumed.load_state_dict(interrupted.state_dict())
    resumed.add(*steps[2])
    assert resumed.compute() == means(*steps).compute()


def test_of_a_complex_number_the_real_part_counts():
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        assert means(({"phase": torch.tensor(1.5 + 2j)}, 1)).compute() == {"phase": 1.5}


def test_a_number_counts_as_it_was_when_it_was_noted():
    running, loss, weight = RunningMeans(torch.device("cpu")), torch.tensor(1.0), torch.tensor(2)
    for value, count in ((1.0, 2), (4.0, 1)):
        running.add(logged(weight.fill_(count), loss=loss.fill_(value)), rows=1)
    assert running.compute() == {"loss": 2.0}


@pytest.mark.parametrize(
    ("logs", "error", "message"),
    [
        (None, TypeError, "The step returned None. Return a dict of what to log"),
        (torch.tensor(1.0), TypeError, "The step returned Tensor"),
        ({"loss": torch.ones(3)}, ValueError, r"'loss' is a tensor of shape \(3,\). Take its mean"),
        ({"note": "fine"}, ValueError, "'note' is 'fine'"),
    ],
)
def test_what_cannot_be_averaged_is_refused_at_the_first_step(logs, error, message):
    with pytest.raises(error, match=message):
        means((logs, 1))


def test_nothing_logged_is_nothing_reported():
    assert means().compute() == {}
    assert means(({}, 5)).compute() == {}


def test_a_step_that_is_withdrawn_leaves_no_trace():
    means, expected = RunningMeans(torch.device("cpu")), RunningMeans(torch.device("cpu"))
    for one in (means, expected):
        one.add({"loss": 1.0}, rows=3)
    means.add({"loss": float("nan"), "other": 2.0}, rows=1)
    means.withdraw()
    for one in (means, expected):
        one.add({"loss": 2.0}, rows=1)
    assert means.compute() == expected.compute()
    assert means.names() == ["loss"]


def test_what_other_processes_need_is_mean_weight_and_whether_it_is_a_sum():
    means = RunningMeans(torch.device("cpu"))
    means.add({"loss": 1.0}, rows=3)
    means.add({"loss": 5.0}, rows=1)
    assert means.summed() == {"loss": (2.0, 4.0, False)}
