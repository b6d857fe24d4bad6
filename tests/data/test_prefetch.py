"""The next batch on its way while the present one trains: order, errors and positions here, copies on a GPU."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, unpack_sequence
from torch.utils.data import DataLoader, Dataset, IterableDataset, WeightedRandomSampler

import neurokit as nk
from neurokit import Callback, ModelCheckpoint, Trainer, loop
from neurokit.data.batch import Batch
from neurokit.data.prefetch import Prefetch, arriving, one_ahead
from neurokit.data.sources import make_loader
from neurokit.data.targets import Targets

CPU = torch.device("cpu")


class Rows(Dataset):
    """Rows that are numbered, each read noted; ``bad`` raises."""

    def __init__(self, bad: int | None = None) -> None:
        self.bad, self.read = bad, []

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index):
        self.read.append(index)
        if index == self.bad:
            raise OSError(f"row {index} is damaged")
        return torch.full((4,), index / 24) + torch.rand(4), index % 3


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 3))


def trainer_of() -> Trainer:
    return Trainer(net(), loss="cross_entropy", optimizer="adam", device="cpu")


def loader_of(source, **how):
    return make_loader(source, targets=Targets("classes", torch.int64), dtype=torch.float32, batch_size=None, **how)


def weights(trainer: Trainer) -> torch.Tensor:
    return nn.utils.parameters_to_vector(trainer.model.parameters()).detach()


@pytest.fixture
def reading_ahead(monkeypatch):
    """Have the loop read ahead as it does for a GPU; what is not done here is the copy."""

    def ahead(loader, place, device):
        return lambda *position: one_ahead(loader.batches(*position), place), None

    def turn_on():
        monkeypatch.setattr(loop, "arriving", ahead)

    return turn_on


class Noted(Callback):
    """Notes where the data stand as each batch begins, and how many rows were read by then."""

    def __init__(self, rows: Rows, stops_at: int | None = None) -> None:
        self.rows, self.stops_at, self.seen = rows, stops_at, []

    def on_train_batch_begin(self, batch, logs=None):
        state = self.trainer.state
        self.seen.append((batch, state.data_pass, state.data_batch, len(self.rows.read)))
        if batch == self.stops_at:
            self.trainer.stop("enough")


# ------------------------------------------------------------------------------------------------------- one ahead


def test_the_next_is_begun_before_one_is_handed_out_and_no_other():
    begun = []
    handed = one_ahead(iter(range(4)), lambda item: begun.append(item) or item)
    assert begun == []
    assert [(next(handed), len(begun)) for _ in range(4)] == [(0, 2), (1, 3), (2, 4), (3, 4)]
    assert next(handed, "end") == "end"


@pytest.mark.parametrize("items", [[], [7]])
def test_few_items_come_all_the_same(items):
    assert list(one_ahead(iter(items), str)) == list(map(str, items))


@pytest.mark.parametrize("part", ["read", "begun"])
def test_an_error_comes_when_its_item_is_asked_for(part):
    def items():
        yield from (1, 2)
        if part == "read":
            raise OSError("damaged")
        yield 3

    def begin(item):
        if item == 3:
            raise OSError("damaged")
        return item

    handed = one_ahead(items(), begin)
    assert [next(handed), next(handed)] == [1, 2]
    with pytest.raises(OSError, match="damaged"):
        next(handed)
    assert next(handed, "end") == "end"


def test_what_is_closed_early_closes_what_it_reads():
    closed = []

    def items():
        try:
            yield from range(4)
        finally:
            closed.append(True)

    handed = one_ahead(items(), str)
    next(handed)
    handed.close()
    assert closed == [True]


# ------------------------------------------------------------------------------------- what a fit makes of it


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fit_that_reads_ahead_is_the_same_fit(reading_ahead, workers):
    seen, trained = [], []
    for _ in range(2):
        trainer, noted = trainer_of(), Noted(Rows())
        loader = DataLoader(noted.rows, 5, shuffle=True, num_workers=workers)
        trainer.fit(loader, epochs=2, callbacks=[noted], verbose=0, checks=False)
        seen.append([one[:3] for one in noted.seen])
        trained.append(trainer)
        reading_ahead()
    plain, ahead = trained
    assert torch.equal(weights(plain), weights(ahead))
    assert plain.history.history == ahead.history.history
    assert seen[0] == seen[1]


def test_it_does_read_ahead(reading_ahead):
    noted = Noted(Rows())
    before = []
    for _ in range(2):
        noted.rows.read.clear()
        trainer_of().fit(DataLoader(noted.rows, 5), callbacks=[noted], verbose=0, checks=False)
        before.append([one[3] - noted.seen[0][3] for one in noted.seen])
        noted.seen.clear()
        reading_ahead()
    assert before == [[0, 5, 10, 15, 19], [0, 5, 10, 14, 14]]  # one batch more is read, as each begins


def test_batches_before_a_damaged_one_are_trained(reading_ahead):
    reading_ahead()
    trainer = trainer_of()
    with pytest.raises(OSError, match="row 17 is damaged"):
        trainer.fit(DataLoader(Rows(bad=17), 5), verbose=0, checks=False)
    assert trainer.state.step == 3


def test_a_batch_that_was_read_and_not_trained_is_not_counted(reading_ahead):
    reading_ahead()
    trainer = trainer_of()
    noted = Noted(Rows(), stops_at=1)
    trainer.fit(DataLoader(noted.rows, 5), epochs=3, callbacks=[noted], verbose=0, checks=False)
    assert (trainer.state.step, trainer.state.data_batch) == (2, 2)
    assert trainer.history.epoch == [0]


def drawing(rows):
    """A loader whose sampler has a generator of its own, which goes on from pass to pass."""
    generator = torch.Generator().manual_seed(5)
    return DataLoader(rows, 5, sampler=WeightedRandomSampler(torch.ones(24), 24, generator=generator))


@pytest.mark.parametrize("stops_at", [1, 3, 4])
@pytest.mark.parametrize("steps", [None, 7])
def test_a_run_that_reads_ahead_resumes_bit_for_bit(reading_ahead, tmp_path, steps, stops_at):
    how = {"epochs": 3, "steps_per_epoch": steps, "verbose": 0, "checks": False}
    whole = trainer_of()
    whole.fit(drawing(Rows()), **how)
    reading_ahead()
    broken = trainer_of()
    saving = ModelCheckpoint(tmp_path, save_every=1)
    with pytest.raises(_Crash):
        broken.fit(drawing(Rows()), callbacks=[saving, _Crashes((steps or 5) + stops_at)], **how)
    resumed = trainer_of()
    resumed.fit(drawing(Rows()), callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, **how)
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history.history == resumed.history.history


class _Crash(BaseException):
    pass


class _Crashes(Callback):
    """Ends a run as a power cut would, as a batch begins."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        if self.trainer.state.step == self.step:
            raise _Crash


# ------------------------------------------------------------------------------------------------- what is chosen


def test_on_the_cpu_batches_come_as_they_are():
    loader = loader_of(DataLoader(Rows(), 5))
    place = partial(map, str)
    assert arriving(loader, place, CPU) == (loader.batches, place)


def test_what_is_on_the_device_is_not_copied():
    loader = loader_of(DataLoader(Rows(), 5))
    assert arriving(loader, None, torch.device("cuda")) == (loader.batches, None)


# --------------------------------------------------------------------------------------------------------- on a GPU


class Stream(IterableDataset):
    def __iter__(self):
        yield from (Rows()[index] for index in range(24))


def here(batch: Batch) -> Batch:
    return Batch(batch.x.cuda(), batch.y.cuda())


@pytest.mark.gpu
@pytest.mark.parametrize("pin", [False, True])
def test_copies_arrive_whole_while_the_device_is_busy(pin):
    pictures = torch.randint(0, 256, (40, 64, 3, 96, 96), dtype=torch.uint8)
    batches = [(one.pin_memory() if pin else one.clone(), torch.full((64,), number)) for number, one in
               enumerate(pictures)]  # fmt: skip
    prefetch = Prefetch(loader_of(batches), nk.Trainer(net(), device="cuda").place, torch.device("cuda"))
    sums = []
    for batch in prefetch.batches():
        torch.cuda._sleep(2_000_000)  # a step of a millisecond
        sums.append((batch.x.long().sum(), batch.y.sum()))
        assert batch.x.dtype == torch.uint8
        del batch
    assert [int(x) for x, _ in sums] == [int(one.long().sum()) for one in pictures]
    assert [int(y) for _, y in sums] == [64 * number for number in range(40)]


@pytest.mark.gpu
def test_the_copy_of_the_next_batch_does_not_wait_for_the_step():
    batches = [(torch.ones(64, 3, 96, 96, dtype=torch.uint8), torch.zeros(64)) for _ in range(2)]
    prefetch = Prefetch(loader_of(batches), here, torch.device("cuda"))
    list(prefetch.batches())  # memory of both kinds is at hand from here on
    torch.cuda.synchronize()
    torch.cuda._sleep(2_000_000_000)  # the device computes for a second
    busy = torch.cuda.Event()
    busy.record()
    copy = prefetch._copy(Batch(*batches[0]))
    copy.done.synchronize()
    assert not busy.query()


@pytest.mark.gpu
def test_a_loader_that_is_faster_than_the_device_does_not_fill_it():
    one = torch.zeros(64, 3, 96, 96, dtype=torch.uint8)
    prefetch = Prefetch(loader_of([(one, torch.zeros(64))] * 60), here, torch.device("cuda"))
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    for batch in prefetch.batches():
        torch.cuda._sleep(20_000_000)
        del batch
    assert torch.cuda.max_memory_allocated() - before < 8 * one.nbytes


@pytest.mark.gpu
@pytest.mark.parametrize("source", [partial(DataLoader, Rows(), 5, shuffle=True), partial(DataLoader, Stream(), 5)])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_fit_on_the_gpu_is_the_same_with_copies_ahead_and_without(monkeypatch, source, workers):
    ahead = Trainer(net(), loss="cross_entropy", device="cuda")
    ahead.fit(source(num_workers=workers, pin_memory=True), epochs=3, verbose=0, checks=False)
    monkeypatch.setattr(loop, "arriving", lambda loader, place, device: (loader.batches, place))
    plain = Trainer(net(), loss="cross_entropy", device="cuda")
    plain.fit(source(num_workers=workers), epochs=3, verbose=0, checks=False)
    assert torch.equal(weights(ahead), weights(plain))


@pytest.mark.gpu
def test_batches_that_the_users_code_makes_are_read_when_they_are_asked_for():
    read = []

    def batches():
        for number in range(4):
            read.append(number)
            yield torch.full((2, 4), float(number)), torch.zeros(2)

    users, ours = loader_of(batches()), loader_of(DataLoader(Rows(), 5))
    assert Prefetch(ours, here, torch.device("cuda")).reads_ahead
    handed = Prefetch(users, here, torch.device("cuda")).batches()
    assert [(float(next(handed).x[0, 0]), len(read)) for _ in range(4)] == [(0, 1), (1, 2), (2, 3), (3, 4)]


@pytest.mark.gpu
def test_batches_that_are_on_the_device_are_not_copied():
    x = torch.rand(8, 4, device="cuda")
    (batch,) = Prefetch(loader_of([(x, torch.zeros(8))]), here, torch.device("cuda")).batches()
    assert batch.x is x


@pytest.mark.gpu
def test_spread_out_tensors_and_the_orders_of_packed_sequences_arrive_whole():
    words = [torch.rand(length, 4) for length in (2, 5, 3)]
    packed = pack_sequence(words, enforce_sorted=False)
    labels, pictures = torch.zeros(1).expand(3), torch.rand(3, 6, 5, 4).permute(0, 3, 1, 2)
    trainer = nk.Trainer(net(), device="cuda")
    (batch,) = Prefetch(loader_of([((packed, pictures), labels)]), trainer.place, torch.device("cuda")).batches()
    (back, seen) = batch.x
    assert all(torch.equal(one.cpu(), other) for one, other in zip(unpack_sequence(back), words, strict=True))
    assert torch.equal(seen.cpu(), pictures)
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert batch.y.tolist() == [0, 0, 0]


@pytest.mark.gpu
def test_copies_to_a_device_share_one_stream():
    device = torch.device("cuda")
    one, other = (Prefetch(loader_of(DataLoader(Rows(), 5)), here, device) for _ in range(2))
    assert one._stream is other._stream
