"""End to end: whatever form the data have, ``fit``, ``evaluate`` and ``predict`` do what plain tensors would."""

import random

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, WeightedRandomSampler

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
