"""What is refused, by which sentence: what happened, what arrived, what to do."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from neurokit import scratch

NAN, INF = float("nan"), float("inf")
X, Y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2
COLUMN = Y[:, None]
MSE, BINARY, CROSS = (scratch.LOSSES[name] for name in ("mse", "binary_cross_entropy", "cross_entropy"))
GENERATOR = np.random.default_rng(0)


def network(loss: str = "cross_entropy", **options) -> scratch.Network:
    return scratch.Network([2, 3, 2 if loss == "cross_entropy" else 1], loss=loss, **options)


def spoilt(value: float) -> np.ndarray:
    x = X.copy()
    x[3, 1] = value
    return x


WRONG = {  # what is tried: the error, and words of its message
    "no batch": (lambda: network().fit(X, Y, batch_size=0), ValueError, "batch_size is 1 or more, got 0. Pass"),
    "a batch of -5": (lambda: network().fit(X, Y, batch_size=-5), ValueError, "batch_size is 1 or more, got -5"),
    "half a row": (lambda: network().fit(X, Y, batch_size=2.5), TypeError, "batch_size is a whole number .* 2.5"),
    "no epoch": (lambda: network().fit(X, Y, epochs=0), ValueError, "epochs is 1 or more, got 0"),
    "epochs below 0": (lambda: network().fit(X, Y, epochs=-1), ValueError, "epochs is 1 or more, got -1"),
    "half an epoch": (lambda: network().fit(X, Y, epochs=1.5), TypeError, r"whole number .* got 1.5 \(float\)"),
    "a truth for epochs": (lambda: network().fit(X, Y, epochs=True), TypeError, r"got True \(bool\)"),
    "a rate of 0": (lambda: network().fit(X, Y, learning_rate=0), ValueError, "finite number above 0, got 0. Pass"),
    "a negative rate": (lambda: network().fit(X, Y, learning_rate=-0.1), ValueError, "above 0, got -0.1"),
    "a rate of NaN": (lambda: network().fit(X, Y, learning_rate=NAN), ValueError, "learning_rate .* got nan"),
    "an infinite rate": (lambda: network().fit(X, Y, learning_rate=INF), ValueError, "learning_rate .* got inf"),
    "a word for a rate": (lambda: network().fit(X, Y, learning_rate="0.1"), TypeError, r"got '0.1' \(str\)"),
    "a step back": (lambda: network().step(X, Y, -0.1), ValueError, "learning_rate .* got -0.1"),
    "no change": (lambda: scratch.gradient_error(network(), X, Y, step=0), ValueError, "got 0. Pass step=1e-05"),
    "rows with NaN": (lambda: network().fit(spoilt(NAN), Y), ValueError, r"x\[3, 1\] is nan.*: 1 of 16 numbers"),
    "rows with inf": (lambda: network().fit(spoilt(INF), Y), ValueError, r"x\[3, 1\] is inf"),
    "NaN predicted": (lambda: network().predict(spoilt(NAN)), ValueError, r"x\[3, 1\] is nan"),
    "NaN back": (lambda: network().backward(spoilt(NAN), Y), ValueError, r"x\[3, 1\] is nan"),
    "NaN targets": (lambda: network("mse").fit(X, COLUMN * NAN), ValueError, r"y\[0, 0\] is nan"),
    "no list": (lambda: network().fit([], []), ValueError, r"rows of 2 numbers, and got .* \(0,\).* one row or more"),
    "no rows": (lambda: network().fit(X[:0], Y[:0]), ValueError, r"rows of 2 numbers, and got .* \(0, 2\)"),
    "no rows back": (lambda: network().backward(X[:0], Y[:0]), ValueError, r"rows of 2 numbers, .* \(0, 2\)"),
    "no rows predicted": (lambda: network().predict([]), ValueError, r"rows of 2 numbers, and got .* \(0,\)"),
    "None": (lambda: network().fit(None, Y), ValueError, r"no real number, got None \(NoneType\)"),
    "text": (lambda: network().predict([["a", "b"]]), ValueError, "x holds what is no real number, got .*'a', 'b'"),
    "complex": (lambda: network().predict([[1j, 2]]), ValueError, "x holds what is no real number, got .*1j"),
    "ragged": (lambda: network().predict([[1, 2], [3]]), ValueError, "rows differ in length.* Pass rows of one"),
    "labels 1 and 2": (lambda: network("binary_cross_entropy").fit(X, COLUMN + 1), ValueError, "got 2. Pass y == 2"),
    "labels -1 and 1": (lambda: BINARY.value(COLUMN, COLUMN * 2 - 1), ValueError, "0 and 1, and got -1. Pass y == 1"),
    "labels between": (lambda: BINARY.gradient(COLUMN, COLUMN / 3), ValueError, "0 and 1, and got 0.333"),
    "a flat y": (lambda: MSE.value(COLUMN, Y), ValueError, r"\(8, 1\), and \(8,\) came. Pass np.reshape"),
    "a flat y back": (lambda: MSE.gradient(COLUMN, Y), ValueError, r"\(8, 1\), and \(8,\) came"),
    "a flat z": (lambda: BINARY.value(Y, COLUMN), ValueError, r"\(8,\), and \(8, 1\) came"),
    "another count": (lambda: MSE.value(COLUMN, COLUMN[:3]), ValueError, r"\(3, 1\) came. Pass one for each"),
    "a mean of none": (lambda: MSE.value(COLUMN[:0], COLUMN[:0]), ValueError, r"and z of shape \(0, 1\) has none"),
    "a loss of NaN": (lambda: MSE.value(COLUMN * NAN, COLUMN), ValueError, r"z\[0, 0\] is nan"),
    "class -1": (lambda: CROSS.value(X, Y - 1), ValueError, "0 to 1, and -1 to 0 came. Count them from 0"),
    "class -1 back": (lambda: CROSS.gradient(X, Y - 1), ValueError, "0 to 1, and -1 to 0 came"),
    "class 2": (lambda: CROSS.value(X, Y + 1), ValueError, "0 to 1, and 1 to 2 came"),
    "float classes": (lambda: CROSS.value(X, Y * 1.0), ValueError, r"got float64 .* Pass np.asarray\(y, dtype=int\)"),
    "half classes": (lambda: CROSS.value(X, Y / 2), ValueError, r"got float64 .* Pass np.unique"),
    "named classes": (lambda: CROSS.value(X[:2], ["a", "b"]), ValueError, "got <U1 .* Pass np.unique"),
    "a column of classes": (lambda: network().fit(X, COLUMN), ValueError, r"shape \(8, 1\). Pass np.ravel"),
    "columns of classes": (lambda: network().fit(X, np.eye(2)[Y]), ValueError, r"shape \(8, 2\). Pass np.argmax"),
    "too few classes": (lambda: CROSS.value(X, Y[:3]), ValueError, r"each of 8 rows, and got int64 of shape \(3,\)"),
    "one row": (lambda: CROSS.value(X[0], Y[:1]), ValueError, r"answers of shape \(N, classes\), and got \(2,\)"),
    "many Jacobians": (lambda: scratch.softmax_jacobian(X[:1]), ValueError, r"got shape \(1, 2\). Pass z\[0"),
    "a number's shares": (lambda: scratch.softmax(3.0), ValueError, r"\(N, C\) or \(C,\), and got shape \(\)"),
    "nothing's shares": (lambda: scratch.softmax([]), ValueError, r"and got shape \(0,\). Pass one for each class"),
    "NaN's shares": (lambda: scratch.softmax([NAN, 1]), ValueError, r"z\[0\] is nan"),
    "inf's shares": (lambda: scratch.softmax([INF, 1]), ValueError, "a finite number, and inf came"),
    "a step of NaN": (lambda: scratch.ACTIVATIONS["step"]([NAN]), ValueError, r"z\[0\] is nan"),
    "gelu": (lambda: scratch.neuron([1], [1], 0, "gelu"), ValueError, "activation is one of linear, .* got 'gelu'"),
    "None for a name": (lambda: scratch.neuron([1], [1], 0, None), ValueError, "activation is one of .* got None"),
    "rleu": (lambda: network(activation="rleu"), ValueError, "got 'rleu'. Did you mean 'relu'"),
    "looked up": (lambda: scratch.ACTIVATIONS["ReLU"], KeyError, "got 'ReLU'. Did you mean 'relu'"),
    "hinge": (lambda: scratch.LOSSES["hinge"], KeyError, "loss is one of mse, .* got 'hinge'. Pass one of these"),
    "he": (lambda: network(weights="he"), ValueError, "weights is one of xavier_uniform, .* got 'he'"),
    "no word": (lambda: network(weights=""), ValueError, "weights is one of xavier_uniform, .* got ''"),
    "HE_normal": (lambda: scratch.initialise(1, 1, "HE_normal", GENERATOR), ValueError, "Did you mean 'he_normal'"),
    "no inputs": (lambda: scratch.initialise(0, 1, "he_normal", GENERATOR), ValueError, "inputs is 1 or more, got 0"),
    "a seed for it": (lambda: scratch.initialise(1, 1, "zeros", 0), TypeError, r"got 0. Pass np.random.default_rng\(0"),
    "seed -1": (lambda: network(seed=-1), ValueError, "seed is 0 or more, got -1"),
    "no sizes": (lambda: scratch.Network([]), ValueError, r"two sizes or more.* got \[\]. Pass \[4, 8, 1\]"),
    "a size": (lambda: scratch.Network(4), ValueError, "two sizes or more.* got 4"),
    "an empty layer": (lambda: scratch.Network([4, 0, 1]), ValueError, r"1 or more, got \[4, 0, 1\]"),
    "half a unit": (lambda: scratch.Network([4, 2.5, 1]), ValueError, r"a whole number of 1 or more, got \[4, 2.5"),
    "nothing counted": (lambda: scratch.count_parameters([]), ValueError, "two sizes or more"),
    "-1 counted": (lambda: scratch.count_parameters([4, -1]), ValueError, r"1 or more, got \[4, -1\]"),
    "no input": (lambda: scratch.neuron([], [], 0), ValueError, r"inputs \(0,\) and weights \(0,\). Pass"),
    "an input of NaN": (lambda: scratch.neuron([1, NAN], [1, 2], 0), ValueError, r"inputs\[1\] is nan"),
    "a bias of NaN": (lambda: scratch.neuron([1], [1], NAN), ValueError, "bias is nan. Pass a finite number"),
    "two biases": (lambda: scratch.neuron(X[:2], [1, 1], [1, 2]), ValueError, r"bias is one number, .* \(2,\)"),
    "no numbers": (lambda: scratch.Perceptron(0), ValueError, "inputs is 1 or more, got 0"),
    "it unlearns": (lambda: scratch.Perceptron(2, rate=-1), ValueError, "rate is a finite number above 0, got -1"),
    "it has no time": (lambda: scratch.Perceptron(2).fit(X, Y, epochs=0), ValueError, "epochs is 1 or more, got 0"),
    "it sees nothing": (lambda: scratch.Perceptron(2).fit(X[:0], []), ValueError, r"rows of 2 numbers, .* \(0, 2\)"),
    "it sees NaN": (lambda: scratch.Perceptron(2).fit(spoilt(NAN), Y), ValueError, r"x\[3, 1\] is nan"),
    "it sees too much": (lambda: scratch.Perceptron(1).fit(X, Y), ValueError, r"rows of 1 numbers, .* \(8, 2\)"),
    "it answers NaN": (lambda: scratch.Perceptron(2).predict(spoilt(NAN)), ValueError, r"inputs\[3, 1\] is nan"),
    "it is told words": (lambda: scratch.Perceptron(2).fit(X, ["a"] * 8), ValueError, "y holds what is no real"),
    "no depth": (lambda: scratch.gradient_sizes("relu", depth=-1), ValueError, "depth is 0 or more, got -1"),
    "no width": (lambda: scratch.gradient_sizes("relu", width=0), ValueError, "width is 1 or more, got 0"),
    "none looked at": (lambda: scratch.gradient_sizes("relu", rows=0), ValueError, "rows is 1 or more, got 0"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_learnt_from_is_refused_in_a_sentence(wrong: str) -> None:
    work, kind, message = WRONG[wrong]

    with pytest.raises(kind, match=message) as refused:
        work()

    assert re.search(r"(Pass|Did you mean|Leave|Count) ", str(refused.value)), "it says what to do"


def test_steps_that_are_too_long_end_with_the_epoch_and_the_step_at_which_the_loss_was_lost() -> None:
    diverging = network("mse")

    with pytest.raises(
        FloatingPointError, match=r"^In epoch (\d+), step [12]: .* loss is (inf|nan), .*=10\..* smaller"
    ):
        diverging.fit(X, COLUMN, epochs=200, batch_size=4, learning_rate=10.0)

    assert diverging.history, "whole epochs before it are kept"
    assert np.isfinite(diverging.history).all()


def test_one_step_says_that_it_spoilt_the_weights() -> None:
    with pytest.raises(FloatingPointError, match=r"^Learning has diverged: weights are no finite.*learning_rate=0\.1;"):
        network("mse").step(X, COLUMN * 1e9, 1e308)


def test_a_refusal_changes_nothing() -> None:
    untouched, tried = network(), network()
    tried.fit(X, Y)
    untouched.fit(X, Y)

    for wrong in ({"epochs": 0}, {"batch_size": 0}, {"learning_rate": NAN}):
        with pytest.raises(ValueError, match="Pass"):
            tried.fit(X, Y, **wrong)

    assert tried.history == untouched.history
    assert tried.fit(X, Y) == untouched.fit(X, Y), "not even the order of rows to come"


def test_numbers_of_numpy_are_numbers() -> None:
    plain = network().fit(X, Y, epochs=2, batch_size=4, learning_rate=0.5)
    numpys = network().fit(X, Y, epochs=np.int64(2), batch_size=np.int32(4), learning_rate=np.float64(0.5))

    assert numpys == plain
    assert scratch.count_parameters(np.array([4, 8, 1])) == 49
    assert scratch.softmax([1.0, -INF]).tolist() == [1.0, 0.0]


def test_no_file_has_the_name_of_a_public_function() -> None:
    files = {path.stem for path in Path(scratch.__file__).parent.glob("*.py")}
    functions = {name for name, value in vars(scratch).items() if not isinstance(value, ModuleType)}

    assert not files & functions - {"__init__"}
