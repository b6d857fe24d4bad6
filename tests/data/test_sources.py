"""Which loader each kind of data gets, and what is said when there is none for it."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

from neurokit.data.datasets import DatasetLoader
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import is_map_style, make_loader
from neurokit.data.streams import StreamLoader
from neurokit.data.targets import Targets
from neurokit.seeding import cpu_streams, order

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 3
W = np.linspace(0, 1, 20)
TENSORS = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y))


def load(x, y=None, weight=None, *, kind="classes", targets=None, **settings):
    settings = {"dtype": torch.float32, "batch_size": None} | settings
    return make_loader(x, y, weight, targets=targets or Targets(kind), **settings)


class Rows(Dataset):
    def __init__(self, rows=20):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return torch.tensor(X[index], dtype=torch.float32), int(Y[index])


class Stream(IterableDataset):
    def __iter__(self):
        return (Rows()[index] for index in range(20))


class Indexed:
    """What torch calls a map-style dataset, without its base class."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return Rows()[index]


class HuggingFace(Indexed):
    """Can be iterated, row by row, and read in one go."""

    def __iter__(self):
        return (self[index] for index in range(20))

    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Batches:
    def __iter__(self):
        return (tuple(part[start : start + 32] for part in TENSORS.tensors) for start in range(0, 20, 32))


FORMS = {
    "arrays": (X, Y),
    "tensors": (torch.tensor(X), torch.tensor(Y)),
    "lists": (X.tolist(), Y.tolist()),
    "table": (pd.DataFrame(X), pd.Series(Y)),
    "sparse": (scipy.sparse.csr_matrix(X), Y),
    "TensorDataset": (TENSORS,),
    "Dataset": (Rows(),),
    "rows by index": (Indexed(),),
    "Hugging Face": (HuggingFace(),),
    "Subset": (Subset(Rows(), range(20)),),
    "IterableDataset": (Stream(),),
    "DataLoader": (DataLoader(Rows(), 32),),
    "DataLoader with workers": (DataLoader(Rows(), 32, num_workers=1),),
    "DataLoader over a stream": (DataLoader(Stream(), 32),),
    "iterable": (Batches(),),
    "generator": (iter(Batches()),),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_batches_of_the_plain_tensors(form):
    one = load(*FORMS[form])
    look = one.peek()
    (batch,) = one.batches()
    for found in (look, batch):
        assert torch.equal(found.x, TENSORS.tensors[0])
        assert torch.equal(found.y, TENSORS.tensors[1])
        assert found.weight is None
    assert one.in_order


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("arrays", InMemoryLoader),
        ("sparse", InMemoryLoader),
        ("TensorDataset", InMemoryLoader),
        ("Dataset", DatasetLoader),
        ("Hugging Face", DatasetLoader),
        ("IterableDataset", StreamLoader),
        ("DataLoader over a stream", StreamLoader),
        ("iterable", StreamLoader),
    ],
)
def test_every_form_has_the_fastest_loader_that_is_right(form, kind):
    assert type(load(*FORMS[form])) is kind


def test_the_batch_size_is_the_default_unless_given():
    assert load(X, default_batch_size=8).num_batches == 3
    assert load(X, default_batch_size=8, batch_size=10).num_batches == 2
    assert load(Rows(), default_batch_size=8).num_batches == 3
    assert len(next(load(Stream(), batch_size=5).batches()).y) == 5


@pytest.mark.parametrize("data", [(X, Y), (Rows(),), (TENSORS,), (Indexed(),)])
def test_what_has_rows_is_shuffled_in_our_order(data):
    batches = list(load(*data, shuffle=True, seed=6, batch_size=8).batches(2))
    rows = order(20, 6, 2)
    assert torch.equal(torch.cat([batch.x for batch in batches]), TENSORS.tensors[0][rows])
    assert [len(batch.y) for batch in batches] == [8, 8, 4]


def test_several_inputs_by_position_or_by_keyword():
    assert [part.shape for part in load((X, Y[:, None]), Y).peek().x] == [(20, 2), (20, 1)]
    assert load({"a": X, "b": pd.DataFrame(X)}, Y).peek().x.keys() == {"a", "b"}


def test_a_model_with_a_loss_of_its_own_gets_inputs_and_targets_together():
    assert [part.shape for part in load(X, Y, whole=True).peek().x] == [(20, 2), (20,)]
    assert [part.shape for part in load((X, X), Y, whole=True).peek().x] == [(20, 2), (20, 2), (20,)]
    assert load({"a": X, "labels": Y}, whole=True).peek().x.keys() == {"a", "labels"}
    assert [part.shape for part in load(TENSORS, whole=True).peek().x] == [(20, 2), (20,)]
    assert load((X, X, Y, Y), whole=True).peek().y is None


# ------------------------------------------------------------------- a DataLoader that only slices tensors is memory

SHORTCUTS = {
    "sequential": {},
    "shuffled": {"shuffle": True},
    "drop last": {"shuffle": True, "drop_last": True},
    "batch sampler": {"batch_sampler": BatchSampler(RandomSampler(TENSORS), 8, True), "batch_size": 1},
    "workers": {"shuffle": True, "num_workers": 1},
}


@pytest.mark.parametrize("joins", [False, True])
@pytest.mark.parametrize("settings", SHORTCUTS)
@pytest.mark.parametrize(
    "rows", [None, [3, -1, 4, 15, 9, 2, 6, 5, 8], list(range(17))], ids=["all", "nine", "seventeen"]
)
def test_a_loader_of_tensors_gives_what_the_walk_row_by_row_gives(settings, rows, joins):
    dataset = TENSORS if rows is None else Subset(TENSORS, rows)
    settings = {"batch_size": 8} | SHORTCUTS[settings]
    if "batch_sampler" in settings:
        settings["batch_sampler"] = BatchSampler(RandomSampler(dataset), 8, True)
    description = DataLoader(dataset, **settings)
    fast = load(description, seed=2, join_lone_row=joins)
    slow = DatasetLoader(description, seed=2, whole=False, join_lone_row=joins)
    assert type(fast) is InMemoryLoader
    for name in ("num_batches", "num_rows", "in_order", "joins", "one_shot"):
        assert getattr(fast, name) == getattr(slow, name), name
    for data_pass, start in ((None, 0), (0, 0), (3, 1)):
        ours, theirs = list(fast.batches(data_pass, start)), list(slow.batches(data_pass, start))
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one.x, other.x)
            assert torch.equal(one.y, other.y)
    assert torch.equal(fast.peek().y[:8], slow.peek().y[:8])


def test_weights_in_a_loader_of_tensors_are_read():
    loader = load(DataLoader(TensorDataset(*TENSORS.tensors, torch.tensor(W)), 8))
    assert type(loader) is InMemoryLoader
    assert loader.peek().weight.dtype is torch.float32


@pytest.mark.parametrize(
    "description",
    [
        DataLoader(TENSORS, 8, collate_fn=lambda samples: torch.stack([x for x, _ in samples])),
        DataLoader(TENSORS, 8, sampler=WeightedRandomSampler([1.0] * 20, 10)),
        DataLoader(TENSORS, 8, sampler=RandomSampler(range(5))),
        DataLoader(TENSORS, 8, sampler=RandomSampler(TENSORS, replacement=True)),
        DataLoader(TENSORS, None),
        DataLoader(TENSORS, batch_sampler=[[1, 2], [3]]),
        DataLoader(Subset(Subset(TENSORS, range(10)), range(5)), 8),
    ],
    ids=["collate", "sampler", "shorter sampler", "replacement", "no batching", "batch sampler", "nested"],
)
def test_any_other_loader_is_walked(description):
    one = load(description)
    assert type(one) is DatasetLoader
    assert len(list(one.batches(0))) == one.num_batches


@pytest.mark.parametrize("third", [torch.tensor(Y), torch.tensor(-W), torch.tensor(X)])
def test_three_tensors_that_are_no_weights_are_refused_with_the_way_to_write_them(third):
    with pytest.raises(ValueError, match=r"Two inputs and a target are written \(\(a, b\), y\)"):
        load(DataLoader(TensorDataset(*TENSORS.tensors, third), 8)).peek()


def test_class_names_need_not_be_repeated_by_a_loader_of_tensors():
    with pytest.raises(ValueError, match=r"y holds 0\.5 in row 1"):
        load(TensorDataset(torch.zeros(2, 1), torch.tensor([0.0, 0.5])))


def test_a_loader_that_iterates_its_own_way_is_iterated():
    class Twice(DataLoader):
        def __iter__(self):
            for batch in super().__iter__():
                yield batch
                yield batch

    one = load(Twice(TENSORS, 8, shuffle=True))
    assert type(one) is StreamLoader
    assert len(list(one.batches(0))) == 6
    assert not one.in_order


# ---------------------------------------------------------------------------------------------------- what is refused


class Unsized(Dataset):
    def __getitem__(self, index):
        return torch.zeros(1)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((X, Y[:19]), ValueError, "Lengths differ: x has 20 rows, y has 19 rows"),
        ((X, []), ValueError, "y has 0 rows"),
        ((X[:0], Y[:0]), ValueError, "x has 0 rows"),
        ((Rows(), Y), TypeError, "x is a Rows, whose batches hold targets and weights themselves, and y was given too"),
        ((DataLoader(TENSORS), None, W), TypeError, "and sample_weight was given too"),
        ((Rows(0),), ValueError, "x is a Rows with 0 rows"),
        ((Unsized(),), TypeError, "x is a Unsized that does not say how many rows.*__len__"),
        ((DataLoader(Rows(), 50, drop_last=True),), ValueError, "x is a DataLoader that gives 0 batches.*drop_last"),
        ((DataLoader(TENSORS, 50, drop_last=True),), ValueError, "x is a DataLoader that gives 0 batches"),
        ((DataLoader(Subset(TENSORS, [])),), ValueError, "x is a DataLoader that gives 0 batches"),
        (("data.csv",), TypeError, r"x is a str, 'data.csv'. Read the file first, .*read_csv\(path\). Pass arrays"),
        ((b"data",), TypeError, "x is a bytes"),
        ((None,), TypeError, "x is None. Pass arrays"),
        ((3,), TypeError, "x is a int"),
        ((Rows,), TypeError, r"x is the class Rows. Make one of it: Rows\(...\)"),
        ((lambda: None,), TypeError, "x is a function. Call it, and pass what it returns"),
        ((torch.nn.Linear(2, 2),), TypeError, "x is a Linear. Pass arrays"),
        (({1, 2},), TypeError, "x is a set. It has no order"),
        (({"a": "text"},), TypeError, "x is a dict whose entry 'a' is a str"),
        (((Rows(), X),), TypeError, "x is a tuple of Rows, ndarray"),
        (((),), TypeError, "x is a tuple"),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_to_do(arguments, error, said):
    before = cpu_streams()
    with pytest.raises(error, match=said):
        load(*arguments)
    assert cpu_streams() == before


@pytest.mark.parametrize("x", [DataLoader(TENSORS), Batches(), iter(Batches())])
def test_a_batch_size_is_given_once(x):
    with pytest.raises(TypeError, match="which has a batch size of its own, and batch_size=4 was given too"):
        load(x, batch_size=4)


def test_names_in_messages_are_the_users():
    with pytest.raises(ValueError, match=r"validation_data\[0\] has 20 rows, validation_data\[1\] has 3 rows"):
        load(X, Y[:3], names=("validation_data[0]", "validation_data[1]", "validation_data[2]"))


# -------------------------------------------------------------------------------------------------------------- other


@pytest.mark.parametrize("form", FORMS)
def test_building_a_loader_moves_no_stream(form):
    before = cpu_streams()
    load(*FORMS[form])
    assert cpu_streams() == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Rows(), True),
        (TENSORS, True),
        (Indexed(), True),
        (HuggingFace(), True),
        (Stream(), False),
        (DataLoader(Rows()), False),
        (Batches(), False),
        ([1, 2], False),
        (iter([]), False),
    ],
    ids=lambda value: None,
)
def test_datasets_of_rows_are_told_from_what_yields_batches(value, expected):
    assert is_map_style(value) is expected


def test_nothing_of_the_users_is_written_to():
    x, y, w = X.copy(), Y.copy(), W.copy()
    for part in (x, y, w):
        part.setflags(write=False)
    for batch in load(x, y, w, shuffle=True).batches(0):
        for part in batch:
            part.fill_(-1)
    assert (x == X).all()
    assert (y == Y).all()
    assert (w == W).all()
