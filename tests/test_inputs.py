"""End to end: whatever form the data have, ``fit``, ``evaluate`` and ``predict`` do what plain tensors would."""

import itertools
import logging
import random

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

import neurokit as nk
from neurokit import Trainer
from neurokit.seeding import cpu_streams

ROWS = 25
X = np.random.default_rng(0).integers(-8, 8, (ROWS, 3)) / 8  # exact in half precision
Y = np.arange(ROWS) % 3
TX, TY = torch.tensor(X, dtype=torch.float32), torch.tensor(Y)
NAMES = np.array(["ash", "birch", "cedar"])


def linear() -> nn.Module:
    return nn.Linear(3, 3)


def trainer(make=linear, **settings) -> Trainer:
    torch.manual_seed(1)
    defaults = {"loss": "cross_entropy", "optimizer": "sgd", "learning_rate": 0.1, "metrics": ["accuracy"]}
    return Trainer(make(), device="cpu", **defaults | settings)


def fit(x, y=None, one=None, **settings) -> Trainer:
    one = one or trainer()
    one.fit(x, y, **{"epochs": 2, "verbose": 0} | settings)
    return one


def weights(one: Trainer) -> torch.Tensor:
    return torch.cat([value.reshape(-1) for value in one.model.state_dict().values()])


class Rows(Dataset):
    def __len__(self):
        return ROWS

    def __getitem__(self, index):
        return X[index], int(Y[index])  # float64, as many datasets give


class Stream(IterableDataset):
    def __iter__(self):
        return zip(TX, Y.tolist(), strict=True)


class Batches:
    """Batches of eight, in whichever form."""

    def __init__(self, form=lambda x, y: (x, y)):
        self.form = form

    def __iter__(self):
        return (self.form(X[start : start + 8], Y[start : start + 8]) for start in range(0, ROWS, 8))


def generator(epochs=1):
    for _ in range(epochs):
        yield from Batches()


SHUFFLED = {
    **{dtype: (X.astype(dtype), Y) for dtype in ("float16", "float64", "longdouble", ">f4")},
    "fortran order": (np.asfortranarray(X), Y),
    "negative strides": (X[::-1][::-1], Y[::-1][::-1]),
    "tensors": (TX.clone().requires_grad_(), TY.to(torch.int32)),
    "bfloat16": (TX.to(torch.bfloat16), TY),
    "sparse tensor": (TX.to_sparse(), TY),
    "table": (pd.DataFrame(X, columns=["a", "b", "c"]), pd.Series(Y)),
    "nullable table": (pd.DataFrame(X, dtype="Float64"), pd.Series(Y, dtype="Int64")),
    "labels as a table": (X, pd.DataFrame({"label": Y})),
    "scipy sparse": (scipy.sparse.csc_matrix(X), Y),
    "lists": (X.tolist(), Y.tolist()),
    "list of tensors": (list(TX), list(TY)),
    "labels in a column": (X, Y[:, None]),
    "labels as floats": (X, Y.astype(float)),
    "labels as bytes": (X, Y.astype(np.uint8)),
    "tuple of one": ((X,), Y),
    "by keyword": ({"input": X}, Y),
    "Dataset": (Rows(),),
    "TensorDataset": (TensorDataset(TX, TY),),
    "Subset": (Subset(TensorDataset(TX, TY), range(ROWS)),),
    "DataLoader": (DataLoader(Rows(), 8, shuffle=True),),
    "DataLoader of tensors": (DataLoader(TensorDataset(TX, TY), 8, shuffle=True),),
    "DataLoader with workers": (DataLoader(Rows(), 8, shuffle=True, num_workers=2, persistent_workers=True),),
}
IN_ORDER = {
    "arrays": (X, Y),
    "DataLoader in order": (DataLoader(Rows(), 8),),
    "IterableDataset": (Stream(),),
    "DataLoader over a stream": (DataLoader(Stream(), 8),),
    "iterable": (Batches(),),
    "iterable of mappings": (Batches(lambda x, y: {"x": x, "y": y}),),
    "iterable of lists": (Batches(lambda x, y: [torch.tensor(x), y.tolist()]),),
    "iterable of tables": (Batches(lambda x, y: (pd.DataFrame(x), pd.Series(y))),),
    "iterable of sparse rows": (Batches(lambda x, y: (scipy.sparse.csr_array(x), y)),),
    "weights of one": (Batches(lambda x, y: (x, y, np.ones(len(x)))),),
}
FORMS = SHUFFLED | IN_ORDER


def with_batch_size(data) -> dict:
    """A batch size of eight, where it is not the data's own."""
    own = isinstance(data[0], (DataLoader, Batches))
    return {} if own else {"batch_size": 8}


@pytest.mark.parametrize("form", SHUFFLED)
def test_every_form_trains_as_the_plain_tensors(form):
    data = SHUFFLED[form]
    assert torch.equal(weights(fit(*data, **with_batch_size(data))), weights(fit(TX, TY, batch_size=8)))


@pytest.mark.parametrize("form", IN_ORDER)
def test_every_form_with_an_order_of_its_own_trains_as_the_plain_tensors_in_order(form):
    data = IN_ORDER[form]
    settings = {"shuffle": False} if form == "arrays" else {}
    expected = weights(fit(TX, TY, batch_size=8, shuffle=False))
    assert torch.equal(weights(fit(*data, **with_batch_size(data), **settings)), expected)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"])
def test_whole_numbers_of_any_dtype_train_as_floats_of_the_same_value(dtype):
    whole = (X > 0).astype(dtype)
    expected = fit(torch.tensor(X > 0).float(), TY, batch_size=8)
    assert torch.equal(weights(fit(whole, Y, batch_size=8)), weights(expected))


def test_an_array_on_disk_trains_as_one_in_memory(tmp_path):
    X.astype("float32").tofile(tmp_path / "x.bin")
    mapped = np.memmap(tmp_path / "x.bin", dtype="float32", mode="r", shape=X.shape)
    assert torch.equal(weights(fit(mapped, Y, batch_size=8)), weights(fit(TX, TY, batch_size=8)))


def test_every_other_row_and_column_trains_as_a_copy():
    wide = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
    assert torch.equal(weights(fit(wide[::2, ::2], Y, batch_size=8)), weights(fit(TX, TY, batch_size=8)))


def test_a_generator_trains_as_the_plain_tensors_in_order():
    assert torch.equal(weights(fit(generator(), epochs=1)), weights(fit(TX, TY, batch_size=8, shuffle=False, epochs=1)))
    two = fit(generator(2), epochs=2, steps_per_epoch=4)
    assert torch.equal(weights(two), weights(fit(TX, TY, batch_size=8, shuffle=False)))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_evaluated_as_the_plain_tensors(form):
    one, data = trainer(), FORMS[form]
    assert one.evaluate(*data, **with_batch_size(data)) == pytest.approx(one.evaluate(TX, TY), abs=1e-6)


@pytest.mark.parametrize("form", [form for form in FORMS if not (form in SHUFFLED and "DataLoader" in form)])
def test_every_form_is_predicted_as_the_plain_tensors(form):
    one, data = trainer(), FORMS[form]
    assert np.allclose(one.predict(data[0], **with_batch_size(data)), one.predict(TX), atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_validates_as_the_plain_tensors(form):
    data = FORMS[form]
    validation = data if len(data) == 2 else data[0]
    expected = fit(TX, TY, batch_size=8, validation_data=(TX, TY)).history.history
    assert fit(TX, TY, batch_size=8, validation_data=validation).history.history == {
        name: pytest.approx(values, abs=1e-6) for name, values in expected.items()
    }


def test_a_generator_validates_once():
    assert fit(TX, TY, epochs=1, validation_data=generator()).history.history["val_loss"]
    with pytest.raises(ValueError, match="validation_data is a one-shot iterator, and each of 2 epochs validates"):
        fit(TX, TY, validation_data=generator())


# ------------------------------------------------------------------------------------------------------------- labels

LABELS = {
    "strings": NAMES[Y],
    "objects": NAMES[Y].astype(object),
    "list": NAMES[Y].tolist(),
    "series": pd.Series(NAMES[Y]),
    "string series": pd.Series(NAMES[Y], dtype="string"),
    "categories": pd.Categorical(NAMES[Y], categories=["cedar", "birch", "ash"]),
    "table": pd.DataFrame({"tree": NAMES[Y]}),
    "column": NAMES[Y][:, None],
}


@pytest.mark.parametrize("form", LABELS)
def test_names_train_as_their_indices_and_come_back_as_names(form):
    one = fit(X, LABELS[form], batch_size=8, validation_data=(X, LABELS[form]))
    plain = fit(TX, TY, batch_size=8, validation_data=(TX, TY))
    assert torch.equal(weights(one), weights(plain))
    assert one.history.history == plain.history.history
    assert one.predict_labels(X).tolist() == NAMES[plain.predict_labels(X)].tolist()
    assert one.evaluate(X, LABELS[form]) == plain.evaluate(TX, TY)


def test_two_names_train_as_zero_and_one():
    names = np.where(Y == 1, "yes", "no")
    one = fit(X, names, trainer(lambda: nn.Linear(3, 1), loss="bce_with_logits"))
    assert set(one.predict_labels(X)) <= {"yes", "no"}
    assert ((one.predict_proba(X)[:, 1] > 0.5) == (one.predict_labels(X) == "yes")).all()


@pytest.mark.parametrize("truth", [Y == 1, (Y == 1).tolist(), pd.Series(Y == 1, dtype="boolean")])
def test_truth_values_train_as_zero_and_one(truth):
    ours, plain = (fit(X, y, trainer(lambda: nn.Linear(3, 2))) for y in (truth, (Y == 1).astype(int)))
    assert torch.equal(weights(ours), weights(plain))
    assert ours.predict_labels(X).tolist() == plain.predict_labels(X).tolist()


OTHERS = np.where(Y == 2, "maple", NAMES[Y])
MEETINGS = {
    "validation": lambda one: one.fit(X, NAMES[Y], validation_data=(X, OTHERS), verbose=0),
    "evaluate": lambda one: one.evaluate(X, OTHERS),
    "a loader": lambda one: one.evaluate(Batches(lambda x, y: (x, OTHERS[: len(y)]))),
}


@pytest.mark.parametrize("meet", MEETINGS)
def test_names_that_training_did_not_have_are_named(meet):
    one = fit(X, NAMES[Y])
    with pytest.raises(ValueError, match="holds the label 'maple', which the training labels do not"):
        MEETINGS[meet](one)


def test_names_in_a_loader_are_refused_before_training():
    one = trainer()
    before = weights(one).clone()
    with pytest.raises(TypeError, match="The batches hold labels such as"):
        one.fit(Batches(lambda x, y: (x, NAMES[y])), verbose=0)
    assert torch.equal(weights(one), before)


# ----------------------------------------------------------------------------------------------------- nothing changes


class InPlace(nn.Module):
    """Works in place on whatever it is given."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x.detach().mul_(0).add_(1))


@pytest.mark.parametrize("kind", ["array", "read-only array", "tensor", "table", "TensorDataset", "loader"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_model_that_works_in_place_leaves_the_users_data_alone(kind, shuffle):
    x, y = TX.numpy().copy(), Y.copy()
    if kind == "read-only array":
        x.setflags(write=False)
    shared = torch.from_numpy(x) if kind in ("tensor", "TensorDataset", "loader") else x
    data = {
        "TensorDataset": (TensorDataset(shared, torch.from_numpy(y)),) if kind == "TensorDataset" else (),
        "loader": (DataLoader(TensorDataset(shared, torch.from_numpy(y)), ROWS),) if kind == "loader" else (),
        "table": (pd.DataFrame(x), y),
    }.get(kind, (shared, y))
    one = fit(*data, one=trainer(InPlace), **{} if kind == "loader" else {"batch_size": ROWS, "shuffle": shuffle})
    one.evaluate(*data)
    one.predict(data[0])
    assert (x == TX.numpy()).all()
    assert (y == Y).all()


def test_images_of_bytes_reach_the_model_as_floats_of_the_same_value():
    seen = []

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 2)

        def forward(self, x):
            seen.append(x)
            return self.layer(x).flatten(1)

    images = np.random.default_rng(0).integers(0, 256, (10, 3, 2, 2), dtype=np.uint8)
    fit(images, Y[:10], trainer(Network), batch_size=10, epochs=1, shuffle=False)
    assert seen[-1].dtype is torch.float32
    assert np.array_equal(seen[-1].numpy(), images)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "said"),
    [
        ((X, Y[:3]), {}, ValueError, "Lengths differ: x has 25 rows, y has 3 rows"),
        ((X, Y), {"sample_weight": np.ones(3)}, ValueError, "sample_weight has 3 rows"),
        ((X, Y), {"sample_weight": -np.ones(ROWS)}, ValueError, "sample_weight is one finite weight"),
        ((X, Y), {"validation_data": (X, Y[:3])}, ValueError, r"validation_data\[1\] has 3 rows"),
        ((X[:0], Y[:0]), {}, ValueError, "x has 0 rows"),
        ((X * 1j, Y), {}, TypeError, "complex numbers"),
        ((np.ma.masked_less(X, 0), Y), {}, ValueError, "masked entries"),
        ((pd.DataFrame({"a": ["x"] * ROWS}), Y), {}, TypeError, "Column 'a' of x holds str"),
        (([[1.0], [1.0, 2.0]], [0, 1]), {}, ValueError, "rows of x differ in shape"),
        ((X, Y + 0.5), {}, ValueError, r"y holds 0\.5 in row 0"),
        ((Batches(lambda x, y: (x, x, y)),), {}, ValueError, r"Two inputs and a target are written \(\(a, b\), y\)"),
        ((Batches(lambda x, y: (x, y, y, y)),), {}, ValueError, "yields 4 entries"),
        ((Batches(lambda x, y: None),), {}, TypeError, "A batch of NoneType has no rows"),
        ((Batches(),), {"batch_size": 8}, TypeError, "has a batch size of its own"),
        ((Batches(),), {"shuffle": False}, TypeError, "has an order of its own"),
        ((Rows(), Y), {}, TypeError, "whose batches hold targets and weights themselves"),
        ((generator(),), {}, ValueError, "x is a one-shot iterator"),
        ((iter([]),), {"epochs": 1}, ValueError, "gave no batch"),
        (("x.csv", Y), {}, TypeError, "x is a str"),
        ((X, Y), {"validation_split": 1.5}, ValueError, "between 0 and 1"),
    ],
    ids=lambda value: None,
)
def test_what_cannot_be_read_is_refused_before_anything_changed(arguments, settings, error, said):
    one = trainer()
    before, history, state, streams = weights(one).clone(), one.history, one.state, cpu_streams()
    with pytest.raises(error, match=said):
        one.fit(*arguments, **{"epochs": 2, "verbose": 0} | settings)
    assert torch.equal(weights(one), before)
    assert one.history is history
    assert one.state is state
    assert cpu_streams() == streams


# -------------------------------------------------------------------------------------------------- order and drawing


class Noisy(Rows):
    """Draws from all three global streams."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x + random.random() + np.random.rand() + float(torch.rand(())), y


def regularised() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.mark.parametrize("workers", [1, 2])
def test_augmentation_trains_alike_with_any_number_of_workers(workers):
    data = {count: DataLoader(Noisy(), 8, shuffle=True, num_workers=count) for count in (0, workers)}
    ours = fit(data[workers], one=trainer(regularised), validation_data=data[workers])
    plain = fit(data[0], one=trainer(regularised), validation_data=Noisy())
    assert torch.equal(weights(ours), weights(plain))
    assert ours.history.history["val_loss"] == pytest.approx(plain.history.history["val_loss"], abs=1e-6)


def test_validation_draws_the_same_numbers_each_epoch_and_others_than_training():
    one = trainer(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e-12), learning_rate=None)
    history = fit(Noisy(), one=one, batch_size=8, epochs=3, validation_data=Noisy()).history.history
    assert len(set(history["val_loss"])) == 1
    assert len({*history["loss"], *history["val_loss"]}) == 4


def test_a_sampler_of_the_users_decides():
    sampler = WeightedRandomSampler([1.0] * 5 + [0.0] * (ROWS - 5), 16)
    seen = []

    class Network(nn.Linear):
        def forward(self, x):
            if self.training:
                seen.append(x)
            return super().forward(x)

    fit(DataLoader(Rows(), 8, sampler=sampler), one=trainer(lambda: Network(3, 3)), epochs=1)
    assert {tuple(row) for x in seen for row in x.tolist()} <= {tuple(row) for row in X[:5].tolist()}
    assert sum(map(len, seen)) == 16


def test_predictions_of_a_loader_that_shuffles_are_refused():
    with pytest.raises(ValueError, match="This DataLoader shuffles"):
        trainer().predict(DataLoader(TensorDataset(TX), 8, shuffle=True))
    assert trainer().predict(DataLoader(TensorDataset(TX), 8)).shape == (ROWS, 3)


class Noting(nn.Linear):
    """Notes how many rows went through it at once."""

    def __init__(self) -> None:
        super().__init__(3, 3)
        self.seen: list[int] = []

    def forward(self, x):
        self.seen.append(len(x))
        return super().forward(x)


@pytest.mark.parametrize(("drops", "sizes"), [(False, [8, 8, 8, 1]), (True, [8, 8, 8])])
def test_the_batches_of_a_loader_are_what_is_evaluated(drops, sizes):
    one = trainer(Noting)
    found = one.evaluate(DataLoader(TensorDataset(TX, TY), 8, drop_last=drops))
    assert one.model.seen[1:] == sizes  # the first look takes a batch
    assert found == pytest.approx(one.evaluate(TX[: sum(sizes)], TY[: sum(sizes)]))
    one.model.seen.clear()
    assert one.predict(DataLoader(TensorDataset(TX), 8)).shape == (ROWS, 3)
    assert one.model.seen[-4:] == [8, 8, 8, 1]  # two more asked what a row looks like


@pytest.mark.parametrize("data", [TensorDataset(TX, TY), Rows()], ids=["tensors", "rows"])
def test_a_batch_sampler_that_drops_rows_is_told_as_a_loader_that_does(data, caplog):
    loader = DataLoader(data, batch_sampler=BatchSampler(SequentialSampler(data), 8, drop_last=True))
    with pytest.raises(ValueError, match="drops its last rows"):
        trainer().predict(loader)
    assert trainer().evaluate(loader) == pytest.approx(trainer().evaluate(TX[:24], TY[:24]))
    assert "drops its last rows, so they are not evaluated" in caplog.text


def test_no_row_goes_alone_where_nobody_says_how_many():
    class Squeezed(nn.Linear):
        def forward(self, x):
            return super().forward(x).squeeze()  # one row alone would lose its axis

    one = trainer(lambda: Squeezed(3, 1), loss="mse", metrics=["mae"])
    x = torch.randn(4097, 3)
    assert one.predict(x).shape == (4097,)
    assert one.evaluate(x, one.predict(x))["mae"] == pytest.approx(0, abs=1e-6)


def test_iterators_that_end_are_told_from_those_that_do_not():
    batches = [(TX[:8], TY[:8])]
    one = fit(itertools.repeat(batches[0], 3), epochs=1)
    assert one.state.step == 3
    assert fit(itertools.cycle(batches), epochs=2, steps_per_epoch=2).state.step == 4
    assert one.evaluate(itertools.repeat(batches[0], 2)) == pytest.approx(one.evaluate(TX[:8], TY[:8]))


def test_an_endless_iterable_trains_as_many_steps_as_asked():
    class Endless:
        def __iter__(self):
            while True:
                yield torch.randn(4, 3), torch.randint(0, 3, (4,))

    one = fit(Endless(), steps_per_epoch=5, epochs=3)
    assert one.state.step == 15
    assert len(one.history.history["loss"]) == 3


def test_a_second_fit_goes_on_with_a_generator():
    taken = []

    def rows():
        for number in range(10):
            taken.append(number)
            yield TX[:4], TY[:4]

    source, one = rows(), trainer()
    fit(source, one=one, epochs=1, steps_per_epoch=3)
    fit(source, one=one, epochs=1, steps_per_epoch=3)
    assert taken == list(range(6))


# -------------------------------------------------------------------------------------------------- models of all kinds


class OwnLoss(nn.Module):
    """Returns its loss, as Hugging Face's models do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, features, labels=None):
        logits = self.layer(features)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return {"logits": logits} if loss is None else {"loss": loss, "logits": logits}


def as_mapping(samples):
    return {
        "features": torch.stack([torch.tensor(x, dtype=torch.float32) for x, _ in samples]),
        "labels": torch.tensor([y for _, y in samples]),
    }


OWN = {
    "arrays": (X, Y),
    "dict": ({"features": X, "labels": Y},),
    "tuple": ((X, Y),),
    "Dataset": (Rows(),),
    "TensorDataset": (TensorDataset(TX, TY),),
    "loader of mappings": (DataLoader(Rows(), 8, shuffle=True, collate_fn=as_mapping),),
}


@pytest.mark.parametrize("form", OWN)
def test_a_model_with_a_loss_of_its_own_takes_every_form(form):
    data = OWN[form]
    settings = {} if isinstance(data[0], DataLoader) else {"batch_size": 8}
    one = fit(*data, one=trainer(OwnLoss, loss=None, metrics=()), **settings)
    expected = fit(X, Y, trainer(OwnLoss, loss=None, metrics=()), batch_size=8)
    assert torch.equal(weights(one), weights(expected))


# ----------------------------------------------------------------------------------------------------- NaN in the data

GAPS = X.copy()
GAPS[[3, 9], 1] = np.nan
FRAME = pd.DataFrame(X, columns=["age", "fare", "weight"])
TURNED = FRAME[["weight", "fare", "age"]]


def said(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "neurokit"]


class Filling(nn.Linear):
    """Knows what to do with NaN."""

    def forward(self, x):
        return super().forward(x.nan_to_num())


def test_a_model_that_fills_gaps_itself_gets_them():
    one = fit(GAPS, Y, trainer(lambda: Filling(3, 3)), batch_size=8, validation_data=(GAPS, Y))
    expected = fit(np.nan_to_num(GAPS), Y, batch_size=8)
    assert torch.equal(weights(one), weights(expected))
    assert np.isfinite(one.predict(GAPS)).all()
    assert one.evaluate(GAPS, Y) == pytest.approx(expected.evaluate(np.nan_to_num(GAPS), Y))


def test_an_infinite_mask_is_an_input_like_any_other():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x, mask):
            return self.layer(x) * (x + mask).softmax(1)

    mask = np.zeros((ROWS, 3))
    mask[::2, 2] = -np.inf
    one = fit({"x": X, "mask": mask}, Y, trainer(Attention), batch_size=8)
    assert torch.isfinite(weights(one)).all()


def test_a_loss_that_leaves_gaps_in_targets_out_gets_them():
    def masked(predictions, targets):
        known = ~targets.isnan()
        return ((predictions - targets.nan_to_num()) ** 2 * known).sum() / known.sum().clamp_min(1)

    targets = X[:, :1].copy()
    targets[::3] = np.nan
    one = fit(X, targets, trainer(lambda: nn.Linear(3, 1), loss=masked, metrics=()), batch_size=8)
    assert np.isfinite(one.evaluate(X, targets)["loss"])


def test_a_step_of_the_users_own_gets_gaps_and_a_note(caplog):
    class Own(Trainer):
        def compute_loss(self, batch):
            return super().compute_loss(batch._replace(x=batch.x.nan_to_num()))

    one = Own(linear(), loss="cross_entropy", device="cpu")
    with caplog.at_level(logging.WARNING, "neurokit"):
        one.fit(GAPS, Y, verbose=0)
    assert torch.isfinite(weights(one)).all()
    assert any("x holds 2 NaN in column 1 (2), first in row 3" in text for text in said(caplog))


def test_without_checks_gaps_are_trained_on_until_the_loss_says_so():
    with pytest.raises(nk.NonFiniteLoss):
        fit(GAPS, Y, checks=False)


def test_gaps_are_refused_by_a_model_that_ends_in_probabilities():
    one = trainer(lambda: nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), loss="bce")
    with pytest.raises(ValueError, match="x holds 2 NaN in column 1"):
        one.fit(GAPS, Y % 2, verbose=0)


def test_gaps_are_refused_with_a_loss_of_the_models_own():
    with pytest.raises(ValueError, match=r"x\['features'\] holds 2 NaN in column 1"):
        trainer(OwnLoss, loss=None, metrics=()).fit({"features": GAPS, "labels": Y}, verbose=0)


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "predict_labels"])
def test_predictions_for_rows_with_gaps_are_made_and_it_is_said_once(ask, caplog):
    one = fit(X, Y)
    with caplog.at_level(logging.WARNING, "neurokit"):
        first, second = getattr(one, ask)(GAPS, batch_size=2), getattr(one, ask)(GAPS, batch_size=2)
    assert np.array_equal(first, second, equal_nan=True)
    assert len(first) == ROWS
    if ask != "predict_labels":
        assert np.isnan(first).any(1).nonzero()[0].tolist() == [3, 9]
    [text] = said(caplog)
    assert text.startswith("x holds 2 NaN in column 1 (2), first in row 3 (2 rows in all). Predictions for such rows")


def test_predictions_that_are_infinite_by_themselves_need_no_note(caplog):
    one = fit(X, Y)
    one.model.bias.data.fill_(torch.inf)
    with caplog.at_level(logging.WARNING, "neurokit"):
        assert np.isinf(one.predict(X)).all()
    assert not said(caplog)


def test_a_diagnosis_names_gaps_too():
    [finding] = nk.diagnose(trainer(), GAPS, Y)
    assert finding.level == "error"
    assert "x holds 2 NaN in column 1 (2), first in row 3 (2 rows in all)" in finding.message


# --------------------------------------------------------------------------------------------------- tables, once more


def test_columns_in_another_order_are_evaluated_predicted_and_validated_by_name():
    one = fit(FRAME, Y)
    assert one.evaluate(TURNED, Y) == one.evaluate(FRAME, Y)
    assert np.array_equal(one.predict(TURNED), one.predict(FRAME))
    turned, plain = (fit(FRAME, Y, validation_data=(frame, Y)).history.history for frame in (TURNED, FRAME))
    assert turned == plain


def test_a_second_fit_and_a_resumed_one_read_columns_by_name_too(tmp_path):
    one, plain = fit(FRAME, Y), fit(FRAME, Y)
    assert torch.equal(weights(fit(TURNED, Y, one)), weights(fit(FRAME, Y, plain)))
    fit(FRAME, Y, callbacks=[nk.ModelCheckpoint(tmp_path)])
    resumed = fit(TURNED, Y, trainer(), epochs=4, resume=tmp_path)
    assert torch.equal(weights(resumed), weights(fit(FRAME, Y, epochs=4)))


def test_a_saved_trainer_remembers_the_columns(tmp_path):
    fit(FRAME, Y).save(tmp_path / "saved")
    one = trainer()
    one.load(tmp_path / "saved")
    assert np.array_equal(one.predict(TURNED), one.predict(FRAME))
    with pytest.raises(ValueError, match="x lacks the column 'fare'"):
        one.predict(FRAME[["age", "weight"]])
    with pytest.raises(ValueError, match="one sample"):
        one.predict(X[0])


def test_several_inputs_are_remembered_each_by_its_name(tmp_path):
    class Sum(nn.Linear):
        def forward(self, left, right):
            return super().forward(left + right)

    one = fit({"left": FRAME, "right": X}, Y, trainer(lambda: Sum(3, 3)))
    expected = one.predict({"left": FRAME, "right": X})
    one.save(tmp_path / "saved")
    loaded = trainer(lambda: Sum(3, 3))
    loaded.load(tmp_path / "saved")
    assert np.array_equal(loaded.predict({"left": TURNED, "right": X}), expected)
    with pytest.raises(ValueError, match=r"x\['left'\] lacks the column 'age'"):
        loaded.predict({"left": FRAME.drop(columns="age"), "right": X})


def test_a_fit_on_other_columns_is_a_new_beginning():
    one = fit(FRAME, Y)
    fit(FRAME.set_axis(["a", "b", "c"], axis=1), Y, one)
    with pytest.raises(ValueError, match="fitted on the columns 'a', 'b', 'c'"):
        one.predict(FRAME)


def test_arrays_stand_beside_tables_as_ever():
    one, plain = fit(FRAME, Y), fit(X, Y)
    assert np.array_equal(one.predict(X), one.predict(FRAME))
    assert np.array_equal(plain.predict(FRAME), plain.predict(X))


# -------------------------------------------------------------------------------------------------------- few rows


def test_no_rows_have_no_predictions_of_the_right_shape():
    one = fit(X, NAMES[Y])
    assert one.predict(X[:0]).shape == (0, 3)
    assert one.predict(FRAME[:0]).shape == (0, 3)
    assert one.predict(scipy.sparse.csr_array((0, 3))).shape == (0, 3)
    assert one.predict_proba(X[:0]).shape == (0, 3)
    assert one.predict_labels(X[:0]).shape == (0,)
    assert one.predict_labels(X[:0]).dtype.kind == "U"
    assert [part.shape for part in one.predict_batches(X[:0])] == [(0, 3)]


def test_no_rows_go_through_convolutions_and_several_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)

        def forward(self, x):
            maps = self.norm(self.conv(x))
            return {"maps": maps, "mean": maps.mean((2, 3))}

    outputs = Trainer(Two(), device="cpu").predict(np.zeros((0, 1, 8, 8), dtype="float32"))
    assert {name: value.shape for name, value in outputs.items()} == {"maps": (0, 2, 6, 6), "mean": (0, 2)}


class Scale(nn.Module):
    """Multiplies numbers."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * self.factor


def test_a_model_that_reads_single_numbers_gets_them():
    assert Trainer(Scale(), loss="mse", device="cpu").predict([1.0, 2.0, 3.0]).tolist() == [1, 2, 3]
    one = fit([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], Trainer(Scale(), loss="mse", device="cpu"))
    assert one.predict([4.0]).shape == (1,)


def test_an_untrained_model_answers_and_it_is_said_once(caplog, tmp_path):
    one = trainer()
    with caplog.at_level(logging.WARNING, "neurokit"):
        one.predict(X)
        one.evaluate(X, Y)
    assert said(caplog) == ["This trainer has neither fitted nor loaded anything: the model answers as it came."]
    caplog.clear()
    one.save_weights(tmp_path / "w.safetensors")
    loaded = trainer()
    loaded.load_weights(tmp_path / "w.safetensors")
    loaded.predict(X)
    fit(X, Y).predict(X)
    assert not said(caplog)


def test_an_id_that_comes_late_is_refused_before_training():
    ids = np.zeros((1000, 2), dtype=int)
    ids[777, 1] = 9
    one = trainer(lambda: nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 3)))
    before = weights(one).clone()
    with pytest.raises(ValueError, match=r"ids 0 to 4, and 0 to 9 came, first out of range in row 777. Make it nn.Emb"):
        one.fit(ids, np.zeros(1000, dtype=int), verbose=0)
    assert torch.equal(weights(one), before)


def test_classes_that_only_validation_has_are_named(caplog):
    with caplog.at_level(logging.WARNING, "neurokit"):
        fit(X, Y % 2, validation_data=(X + 0.5, Y))
        assert said(caplog) == ["validation_data[1] holds class 2, of which no row trains."]
        caplog.clear()
        fit(X, Y, validation_data=(X, Y % 2))
        fit(X, Y, trainer(lambda: nn.Linear(3, 1), loss="mse", metrics=()), validation_data=(X, Y + 9))
    assert not any("no row trains" in text for text in said(caplog))


@pytest.mark.parametrize(("rows", "notes"), [(25, 1), (200, 0)])
def test_few_rows_to_validate_are_said(rows, notes, caplog):
    x, y = np.tile(X, (8, 1))[:rows], np.tile(Y, 8)[:rows]
    with caplog.at_level(logging.WARNING, "neurokit"):
        fit(x, y, validation_split=0.2)
    assert sum("validation_split=0.2 of 25 rows leaves 5 to validate" in text for text in said(caplog)) == notes
