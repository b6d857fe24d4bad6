"""The counters of a fit."""

import pytest

from neurokit.state import TrainingState


def trained() -> TrainingState:
    """Two epochs of three batches, an update every second batch, then one batch more."""
    state = TrainingState(seed=5, epochs=4, steps_per_epoch=3, updates_per_epoch=2)
    for _ in range(2):
        for batch in range(3):
            state.end_batch(updated=batch != 1)
        state.end_epoch()
        state.end_pass()
    state.end_batch(updated=True)
    return state


def test_counters_count_from_zero_and_batches_begin_anew_each_epoch():
    state = trained()
    assert (state.epoch, state.batch, state.step, state.updates) == (2, 1, 7, 5)


def test_a_pass_counts_its_own_batches():
    state = trained()
    assert (state.data_pass, state.data_batch) == (2, 1)
    state.end_epoch()
    assert (state.batch, state.data_batch) == (0, 1)


def test_counters_are_saved_and_plans_are_not():
    state = TrainingState(epochs=9, steps_per_epoch=6, stop_reason="stopped")
    state.load_state_dict(trained().state_dict())
    assert state.state_dict() == trained().state_dict()
    assert (state.epochs, state.steps_per_epoch, state.stop_reason) == (9, 6, "stopped")


def test_a_resumed_fit_counts_on():
    state = TrainingState()
    state.load_state_dict(trained().state_dict())
    state.end_batch(updated=False)
    assert (state.batch, state.step, state.updates, state.seed) == (2, 8, 5, 5)


def test_a_state_without_a_counter_is_refused():
    with pytest.raises(KeyError, match="updates"):
        TrainingState().load_state_dict({name: 0 for name in trained().state_dict() if name != "updates"})


@pytest.mark.parametrize(("name", "value"), [("epoch", -5), ("step", 1.5), ("batch", "3"), ("updates", True)])
def test_counts_that_are_none_are_refused_and_nothing_is_taken(name, value):
    state, saved = trained(), TrainingState().state_dict() | {name: value}
    before = state.state_dict()

    with pytest.raises(ValueError, match=f"{name} is a count"):
        state.load_state_dict(saved)

    assert state.state_dict() == before
