import pytest

from neurokit.callbacks import LambdaCallback


def test_each_function_gets_its_events_parameters(fit):
    seen = []
    fit(
        LambdaCallback(
            on_train_begin=lambda logs: seen.append(("begin", logs)),
            on_epoch_begin=lambda epoch, logs: seen.append(("epoch", epoch)),
            on_train_batch_end=lambda batch, logs: seen.append(("batch", batch, sorted(logs))),
            on_epoch_end=lambda epoch, logs: seen.append(("end", epoch, sorted(logs))),
            on_train_end=lambda logs: seen.append(("over", sorted(logs))),
        ),
        epochs=1,
    )
    logged = ["loss", "lr", "val_loss"]
    batches = [("batch", batch, ["loss"]) for batch in range(3)]
    assert seen == [("begin", {}), ("epoch", 0), *batches, ("end", 0, logged), ("over", logged)]


def test_an_unknown_hook_names_the_nearest():
    with pytest.raises(TypeError, match=r"no hook 'on_epoch_ends'. Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)


def test_none_is_left_out_and_what_cannot_be_called_is_refused():
    assert "on_epoch_end" not in vars(LambdaCallback(on_epoch_end=None))
    with pytest.raises(TypeError, match=r"on_epoch_end of LambdaCallback takes a function, got 3 \(int\)"):
        LambdaCallback(on_epoch_end=3)
