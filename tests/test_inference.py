"""How many rows go through a model at once where nobody says, and that nobody can tell from the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit.inference import Sizes, fastest_sizes

ROWS = 300  # batches of 256 and 44, and portions of 32 and 22
X = torch.randn(ROWS, 1, 28, 28, generator=torch.Generator().manual_seed(0))
Y = torch.arange(ROWS) % 10


class Net(nn.Module):
    """Feature maps of 100 kB a row, of which 32 rows go through at once; notes how many did."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.head, self.seen = nn.Conv2d(1, 32, 3, padding=1), nn.Linear(32, 10), []

    def forward(self, x):
        self.seen.append(len(x))
        return self.head(self.convolution(x).relu().mean((2, 3)))


def trained_by(kind=nk.Trainer, model=None, **how):
    return kind(model or Net(), **{"loss": "cross_entropy", "metrics": ["accuracy"], "device": "cpu"} | how)


def in_order(model, sizes):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part) for part in X.split(sizes)])


class Batches(nk.Callback):
    def __init__(self) -> None:
        self.sizes = []

    def on_predict_batch_end(self, batch, logs):
        self.sizes.append(len(logs["outputs"]))


def test_a_batch_goes_through_in_portions_and_is_handed_on_whole():
    trainer, batches = trained_by(), Batches()
    predictions = trainer.predict(X, callbacks=[batches])
    assert (batches.sizes, trainer.model.seen[1:]) == ([256, 44], [32] * 8 + [22, 22])  # the first were two rows
    assert np.array_equal(predictions, in_order(trainer.model, [32] * 8 + [22, 22]))


def test_what_is_evaluated_in_portions_is_what_one_call_gives():
    trainer = trained_by()
    found = trainer.evaluate(X, Y)
    assert [len(output.predictions) for _, output in trainer.answered(X, Y)] == [256, 44]
    assert max(trainer.model.seen[1:]) == 32  # the first look takes a whole batch
    outputs = in_order(trainer.model, ROWS)
    assert found["loss"] == pytest.approx(float(nn.functional.cross_entropy(outputs, Y)), rel=1e-5)
    assert found["accuracy"] == pytest.approx(float((outputs.argmax(1) == Y).double().mean()))


def test_few_rows_go_in_portions_too():
    trainer = trained_by()
    trainer.predict(X[:128])
    assert trainer.model.seen[1:] == [32] * 4


def test_a_size_that_is_asked_for_is_what_goes_through():
    trainer = trained_by()
    trainer.evaluate(X, Y)
    del trainer.model.seen[:]
    trainer.predict(X, batch_size=150)
    trainer.evaluate(X, Y, batch_size=100)
    trainer.fit(X, Y, batch_size=150, validation_data=(X, Y), checks=False, verbose=0)
    assert {150, 100} <= set(trainer.model.seen)


class Squeezed(Net):
    def forward(self, x):
        return super().forward(x)[:, :1].squeeze()


@pytest.mark.parametrize("rows", [33, 65, 257])
@pytest.mark.parametrize(
    "kind", [nk.Trainer, type("Own", (nk.Trainer,), {"predict_step": lambda self, b: self.model(b.x)})]
)
def test_no_row_goes_alone(kind, rows):
    trainer = trained_by(kind, Squeezed(), loss="mse", metrics=[])
    assert trainer.predict(X[:rows]).shape == (rows,)  # one row alone would lose its axis
    assert 1 not in trainer.model.seen


@pytest.mark.parametrize("step", ["compute_loss", "test_step", "predict_step"])
def test_a_step_of_ones_own_gets_as_many_rows_as_go_through(step):
    own = type("Own", (nk.Trainer,), {step: lambda self, *args: getattr(nk.Trainer, step)(self, *args)})
    trainer = trained_by(own, **({"metrics": []} if step == "compute_loss" else {}))
    batches = Batches()
    trainer.predict(X, callbacks=[batches])
    assert batches.sizes == [32] * 9 + [12]


def test_a_consumer_may_train_and_ask_between_two_batches():
    trainer = trained_by()
    sizes = []
    for part in trainer.predict_batches(X):
        sizes.append(len(part))
        del trainer.model.seen[:]
        trainer.fit(X[:64], Y[:64], batch_size=64, checks=False, verbose=0)
        trainer.predict(X[:64], batch_size=64)
        assert set(trainer.model.seen[-2:]) == {64}
    assert sizes == [256, 44]


def test_a_callback_may_ask_in_the_middle_of_a_batch():
    class Asks(nk.Callback):
        def on_test_batch_end(self, batch, logs):
            asked.append(self.trainer.predict(X[:100], batch_size=100).shape)

    asked, trainer = [], trained_by()
    found = trainer.evaluate(X, Y, callbacks=[Asks()])
    assert asked == [(100, 10)] * 2
    assert found == trainer.evaluate(X, Y)


def test_an_error_leaves_no_portion_behind():
    class Breaks(Net):
        def forward(self, x):
            if len(x) == 22:
                raise RuntimeError("the last rows")
            return super().forward(x)

    trainer = trained_by(model=Breaks())
    with pytest.raises(RuntimeError, match="the last rows"):
        trainer.evaluate(X, Y)
    assert trainer.compute_loss(trainer.place(nk.Batch(X[:100], Y[:100], None))).predictions.shape == (100, 10)
    assert trainer.model.seen[-1] == 100


class Named(Net):
    def forward(self, x):
        return {"out": super().forward(x)}


class Pooled(Net):
    def forward(self, x):
        return super().forward(x).mean(0)


class Large(Net):
    def forward(self, x):
        return self.convolution(x)


SIZES = {
    "one small tensor": (Net(), X[:2], Sizes(256, 32)),
    "by name": (Named(), X[:2], Sizes(32, 32)),
    "mean of rows": (Pooled(), X[:2], Sizes(32, 32)),
    "large outputs": (Large(), X[:2], Sizes(32, 32)),
    "two inputs": (nn.Bilinear(5, 5, 4), (torch.ones(2, 5), torch.ones(2, 5)), Sizes(4096, 4096)),
    "large inputs": (nn.Conv2d(3, 8, 3, stride=8), torch.ones(2, 3, 224, 224), Sizes(32, 32)),
    "refuses": (nn.Linear(3, 1), torch.ones(2, 4), Sizes(256, 256)),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_follow_what_a_model_takes_and_gives(name):
    model, x, sizes = SIZES[name]
    assert fastest_sizes(model, x) == sizes
