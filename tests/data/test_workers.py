"""A DataLoader of ours with the user's workers, and what is said when one of them dies, hangs or fails."""

import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, get_worker_info

from neurokit import Callback, ModelCheckpoint, Trainer, checkpoint
from neurokit.data import workers
from neurokit.data.datasets import DatasetLoader
from neurokit.data.streams import StreamLoader
from neurokit.data.workers import Asked, Failure, Progress, Reader

BAD = 13  # with batches of four in order: the second sample of the fourth batch, which worker 1 of 2 reads
BATCH = "[12, 13, 14, 15]"


class Wrapper(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset
        self.progress = Progress()

    def __getitems__(self, asked: Asked):
        info = get_worker_info()
        worker = -1 if info is None else info.id
        return [(index, worker) for index in asked.keys], info is None or info.dataset is self.dataset


def as_it_is(batch):
    return batch


def reader(**settings) -> Reader:
    description = DataLoader(range(6), **settings)
    wrapper = Wrapper(description.dataset)
    return Reader(description, wrapper, batch_sampler=[[0, 1, 2], [3, 4, 5]], collate_fn=as_it_is)


_earlier: set[int] = set()  # processes that tests of other files keep


def children() -> list[int]:
    """The processes a test has started and not seen the end of, Python's own helpers left out."""
    pids: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # the thread has ended
            pids += map(int, (task / "children").read_text().split())
    mine = [pid for pid in pids if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return [pid for pid in mine if pid not in _earlier]


@pytest.fixture(autouse=True)
def _no_process_is_left():
    _earlier.clear()
    _earlier.update(children())
    yield
    assert children() == []


# ---------------------------------------------------------------------------------------------------- what is read


def test_it_reads_with_the_users_workers():
    assert [item[0] for item in reader(num_workers=2)] == [[(0, 0), (1, 0), (2, 0)], [(3, 1), (4, 1), (5, 1)]]
    assert [item[0] for item in reader()] == [[(0, -1), (1, -1), (2, -1)], [(3, -1), (4, -1), (5, -1)]]


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is something to pin memory for")
@pytest.mark.filterwarnings("error")
def test_memory_is_pinned_only_where_there_is_a_device_to_pin_it_for():
    assert len(list(reader(pin_memory=True, num_workers=1))) == 2


def test_workers_are_shown_the_users_dataset():
    assert all(item[1] for item in reader(num_workers=1))


def test_the_users_init_function_runs_after_that():
    seen = torch.zeros(2, dtype=torch.int64).share_memory_()

    def note(worker_id):
        seen[worker_id] = len(get_worker_info().dataset)

    list(reader(num_workers=2, worker_init_fn=note))
    assert seen.tolist() == [6, 6]


def test_a_look_takes_one_worker_where_there_are_any():
    assert reader(num_workers=2, persistent_workers=True).in_one_worker().num_workers == 1
    assert reader().in_one_worker().num_workers == 0


def test_workers_that_stay_are_the_same_from_pass_to_pass():
    one = reader(num_workers=1, persistent_workers=True)
    list(one)
    kept = children()
    assert len(kept) == 1
    live = iter(one)
    next(live)
    assert len(list(one)) == 2  # by others
    assert len(list(live)) == 1
    assert children() == kept
    one.close()


def test_workers_that_stay_end_with_their_reader():
    one = reader(num_workers=2, persistent_workers=True)
    list(one)
    assert len(children()) == 2
    del one
    assert children() == []


def test_no_global_stream_moves():
    before = torch.get_rng_state()
    list(reader())
    list(reader(num_workers=1))
    assert torch.equal(before, torch.get_rng_state())


def test_a_worker_leaves_ctrl_c_to_the_main_process():
    seen = torch.zeros(1, dtype=torch.int64).share_memory_()

    def note(worker_id):
        seen[0] = signal.getsignal(signal.SIGINT) == signal.SIG_IGN

    list(reader(num_workers=1, worker_init_fn=note))
    assert seen.tolist() == [1]


# ---------------------------------------------------------------------------------------------- a worker that fails


class Rows(Dataset):
    """Forty rows; something befalls the worker that reads row 13 once it is armed."""

    def __init__(self, event=lambda: None, rows=40):
        self.event, self.rows = event, rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        if index == BAD and get_worker_info() is not None:
            self.event()
        return torch.full((3,), index / 40), index % 3


class RowStream(Rows, IterableDataset):
    """The same as a stream, each worker its share."""

    def __iter__(self):
        info = get_worker_info()
        yield from (self[index] for index in range(info.id, self.rows, info.num_workers))


def kill(number):
    return lambda: os.kill(os.getpid(), number)


def hang():
    threading.Event().wait()


def trainer() -> Trainer:
    return Trainer(nn.Linear(3, 3), loss="cross_entropy", device="cpu")


def error_of(dataset, callbacks=(), **settings) -> BaseException:
    """What a fit raises that reads a dataset with two workers; no worker is left though its traceback is held."""
    loader = DataLoader(dataset, 4, **{"num_workers": 2} | settings)
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one is what the callers look at
        trainer().fit(loader, epochs=3, verbose=0, callbacks=callbacks)
    assert children() == []
    return caught.value


DEATHS = {
    "SIGKILL": (kill(signal.SIGKILL), "was killed by SIGKILL", "memory"),
    "SIGTERM": (kill(signal.SIGTERM), "was killed by SIGTERM", "Someone ended it"),
    "SIGSEGV": (kill(signal.SIGSEGV), "was killed by SIGSEGV", "Native code"),
    "SIGBUS": (kill(signal.SIGBUS), "was killed by SIGBUS", "/dev/shm"),
    "exit code": (lambda: os._exit(7), "exited with code 7", "os._exit"),
    "exit code 0": (lambda: os._exit(0), "exited with code 0", "os._exit"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_worker_that_dies_is_named_with_its_end_and_the_samples_it_held(death, monkeypatch):
    monkeypatch.setattr(workers, "_POLL", 0.5)
    event, how, hint = DEATHS[death]
    error = error_of(Rows(event))
    assert type(error) is RuntimeError
    assert re.match(rf"DataLoader worker 1 of 2 \(pid \d+\) {how} while it was reading sample 13", str(error))
    assert f"of the batch {BATCH}" in str(error)
    assert hint in str(error)
    assert error.__cause__ is not None
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("death", ["SIGKILL", "exit code 0"])
def test_a_worker_of_a_stream_that_dies_is_named_with_its_batch(death, monkeypatch):
    monkeypatch.setattr(workers, "_POLL", 0.5)
    event, how, _ = DEATHS[death]
    error = error_of(RowStream(event))  # row 13 is the seventh of worker 1: in its second batch, the run's fourth
    assert re.match(rf"DataLoader worker 1 of 2 \(pid \d+\) {how} while it was reading item 3 of batch 4", str(error))


def test_dying_workers_leave_the_last_checkpoint_which_goes_on_bit_for_bit(tmp_path):
    fuse = torch.ones(1, dtype=torch.int64).share_memory_()

    def once():
        fuse[0] -= 1
        if fuse[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.manual_seed(5)
    expected = trainer()
    expected.fit(DataLoader(Rows(), 4, shuffle=True), epochs=3, verbose=0)
    torch.manual_seed(5)
    one, loader = trainer(), DataLoader(Rows(once), 4, shuffle=True, num_workers=2)
    with pytest.raises(RuntimeError, match="SIGKILL"):
        one.fit(loader, epochs=3, verbose=0, callbacks=[ModelCheckpoint(tmp_path, save_every=1)])
    assert one.history.stop_reason.startswith("RuntimeError: DataLoader worker")
    resumed = trainer()
    checkpoint = ModelCheckpoint(tmp_path, save_every=1)
    resumed.fit(DataLoader(Rows(), 4, shuffle=True), epochs=3, verbose=0, callbacks=[checkpoint], resume=tmp_path)
    assert torch.equal(resumed.model.weight, expected.model.weight)


def test_an_idle_worker_that_dies_is_named_with_what_it_read_last():
    class Killing(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 7:  # all ten batches were asked for
                end_a_worker()

    error = error_of(Rows(), [Killing()])
    assert re.search(r"was killed by SIGKILL while it was (waiting for work, after|reading|collating)", str(error))
    assert re.search(r"\[\d+, \d+, \d+, \d+\]", str(error))


def end_a_worker():
    """Kill one worker that this test started, and return when it is dead and its signal has come."""
    worker = next(one for one in multiprocessing.active_children() if one.pid not in _earlier)
    came = threading.Event()
    handler = signal.getsignal(signal.SIGCHLD)
    assert callable(handler)

    def note(*arguments):
        came.set()
        handler(*arguments)

    signal.signal(signal.SIGCHLD, note)
    try:
        os.kill(worker.pid, signal.SIGKILL)
        while not came.is_set():
            pass
    finally:
        signal.signal(signal.SIGCHLD, handler)


def test_the_error_comes_where_the_next_batch_is_asked_for_and_nowhere_else():
    class Killing(Callback):
        survived = 0

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0 and not self.survived:
                end_a_worker()
                self.survived += 1

    callback = Killing()
    error = error_of(Rows(rows=2000), [callback])
    assert callback.survived == 1
    assert not hasattr(error, "__notes__")  # a callback's own would have named it
    assert "was killed by SIGKILL" in str(error)


def test_a_worker_that_stays_and_dies_between_two_passes_is_replaced_with_a_note(caplog):
    one = DatasetLoader(
        DataLoader(Rows(), 4, num_workers=2, persistent_workers=True), seed=0, whole=False, join_lone_row=False
    )
    first = [batch.y.tolist() for batch in one.batches()]
    end_a_worker()
    assert [batch.y.tolist() for batch in one.batches()] == first
    assert "was killed by SIGKILL between two passes: others take their place." in caplog.text
    one.close()


@pytest.mark.parametrize("kind", [Rows, RowStream])
def test_a_worker_that_hangs_is_named_with_the_time_and_what_allows_more(kind):
    error = error_of(kind(hang), timeout=1)
    assert type(error) is RuntimeError
    assert re.match(r"DataLoader worker 1 of 2 \(pid \d+\) gave nothing for 1 s and is still reading ", str(error))
    assert (f"sample 13 of the batch {BATCH}" if kind is Rows else "item 3 of batch 4 of the stream") in str(error)
    assert "DataLoader(..., timeout=3600)" in str(error)


def test_a_worker_that_hangs_while_it_starts_is_named():
    error = error_of(Rows(), timeout=1, worker_init_fn=lambda worker_id: hang() if worker_id else None)
    assert re.search(r"worker 1 of 2 .* gave nothing for 1 s and is still starting, before its first batch", str(error))


@pytest.mark.parametrize(("given", "limit"), [(0, 300), (20, 20), (7200, 7200)])
def test_five_minutes_are_the_limit_where_the_user_sets_none(given, limit):
    one = reader(num_workers=1, timeout=given)
    live = iter(one)
    next(live)
    assert one._working[0]._limit == limit
    live.close()


def test_a_timeout_without_workers_means_nothing():
    assert len(list(reader(timeout=5))) == 2


def test_a_slow_worker_is_waited_for(monkeypatch):
    monkeypatch.setattr(workers, "_POLL", 0.05)

    def late():
        time.sleep(0.3)

    one = DatasetLoader(DataLoader(Rows(late), 4, num_workers=2), seed=0, whole=False)
    assert [row for batch in one.batches() for row in batch.y.tolist()] == [row % 3 for row in range(40)]


@pytest.mark.parametrize("death", ["SIGKILL", "exit code 0"])
def test_in_a_thread_a_dead_worker_is_found_without_a_signal(death, monkeypatch):
    monkeypatch.setattr(workers, "_POLL", 0.5)
    event, how, _ = DEATHS[death]
    caught = []

    def fit():
        caught.append(error_of(Rows(event)))

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert re.match(rf"DataLoader worker 1 of 2 \(pid \d+\) {how} while it was reading sample 13", str(caught[0]))


def test_fit_in_two_threads_at_once_reads_with_workers(request):
    import filelock  # noqa: F401 - torch's compiler loads it: from Python 3.12 on, a second fork at the same time raises

    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    histories = []

    def fit():
        histories.append(trainer().fit(DataLoader(Rows(), 4, num_workers=2), epochs=2, verbose=0))

    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [history.stop_reason for history in histories] == ["completed"] * 2


def test_one_loader_at_a_time_starts_its_workers():
    class Noted:
        inside = most = 0

        def __iter__(self):
            self.inside += 1
            self.most = max(self.most, self.inside)
            time.sleep(0.05)
            self.inside -= 1
            return iter(())

    noted = Noted()
    threads = [threading.Thread(target=workers._begun, args=(noted, [0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert noted.most == 1


def test_torch_threads_before_the_fork_block_no_worker():
    class Multiplies(Rows):
        def __getitem__(self, index):
            torch.ones(300, 300) @ torch.ones(300, 300)
            return super().__getitem__(index)

    torch.set_num_threads(2)
    try:
        torch.ones(600, 600) @ torch.ones(600, 600)
        history = trainer().fit(DataLoader(Multiplies(), 4, num_workers=2, timeout=60), verbose=0)
    finally:
        torch.set_num_threads(1)
    assert history.stop_reason == "completed"


def test_a_process_that_a_callback_forks_disturbs_no_worker():
    class Forks(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                child = multiprocessing.get_context("fork").Process(target=sum, args=([1, 2],))
                child.start()
                child.join()
                assert child.exitcode == 0

    loader = DataLoader(Rows(), 4, num_workers=2)
    assert trainer().fit(loader, epochs=2, verbose=0, callbacks=[Forks()]).stop_reason == "completed"


class Breaks(Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise ZeroDivisionError


@pytest.mark.parametrize("stays", [False, True])
def test_no_worker_outlives_a_fit_that_fails_elsewhere(stays):
    error = error_of(Rows(), [Breaks()], persistent_workers=stays)
    assert type(error) is ZeroDivisionError


def test_no_worker_outlives_an_evaluation_or_a_prediction_that_fails():
    class Fails(nn.Linear):
        def forward(self, x):
            if torch.get_rng_state().sum() and x[0, 0] > 0.2:
                raise ZeroDivisionError
            return super().forward(x)

    for use in (lambda one, data: one.evaluate(data), lambda one, data: one.predict(data)):
        with pytest.raises(ZeroDivisionError) as caught:
            use(Trainer(Fails(3, 3), loss="cross_entropy", device="cpu"), DataLoader(Rows(), 4, num_workers=2))
        assert caught.tb is not None
        assert children() == []


def test_no_worker_outlives_predictions_that_nobody_takes():
    one = trainer()
    predictions = one.predict_batches(DataLoader(Rows(), 4, num_workers=2))
    next(predictions)
    assert len(children()) == 2
    del predictions
    assert children() == []


# ------------------------------------------------------------------------------------ an exception in the user's code


class Raises(Rows):
    def __getitem__(self, index):
        if index == BAD:
            raise FileNotFoundError(2, "No such file", "13.png")
        return torch.full((3,), float(index)), index % 3


class RaisesAtOnce(Raises):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class RaisingStream(Raises, IterableDataset):
    def __iter__(self):
        yield from (self[index] for index in range(self.rows))


def fussy(samples):
    if any(int(x[0]) == 12 for x, _ in samples):
        raise FileNotFoundError(2, "No such file", "13.png")
    return torch.stack([x for x, _ in samples]), torch.tensor([y for _, y in samples])


class Plain(Rows):
    def __getitem__(self, index):
        return torch.full((3,), float(index)), index % 3


def loader_of(dataset, **settings):
    description = DataLoader(dataset, **{"batch_size": 4} | settings)
    if isinstance(dataset, IterableDataset):
        return StreamLoader.over_workers(description, seed=0, whole=False)
    return DatasetLoader(description, seed=0, whole=False)


RAISING = {
    "sample": (lambda **settings: loader_of(Raises(), **settings), f"reading sample 13 of the batch {BATCH}"),
    "at once": (lambda **settings: loader_of(RaisesAtOnce(), **settings), f"reading the samples {BATCH}"),
    "collate": (lambda **settings: loader_of(Plain(), collate_fn=fussy, **settings), f"collating the samples {BATCH}"),
    "no batching": (lambda **settings: loader_of(Raises(), batch_size=None, **settings), "reading sample 13"),
    "subset": (
        lambda **settings: loader_of(Subset(Subset(Raises(), range(10, 20)), [2, 3, 4]), **settings),
        "reading sample 13 of the batch [12, 13, 14]",
    ),
    "stream": (lambda **settings: loader_of(RaisingStream(), **settings), "reading item 2 of batch 4 of the stream"),
    "collate of a stream": (
        lambda **settings: loader_of(type("S", (RaisingStream,), {"__getitem__": Plain.__getitem__})(),
                                     collate_fn=fussy, **settings),
        "collating batch 4 of the stream",
    ),
}  # fmt: skip


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize("kind", RAISING)
def test_an_exception_keeps_its_class_and_traceback_and_says_where_it_was(kind, num_workers):
    make, where = RAISING[kind]
    with pytest.raises(FileNotFoundError) as caught:
        list(make(num_workers=num_workers).batches(None))
    error = caught.value
    assert (error.errno, error.filename) == (2, "13.png")
    (note,) = error.__notes__
    ending = r", in worker 0 \(pid \d+\)\." if num_workers else r"\."
    assert re.fullmatch(rf"Raised while {re.escape(where)}{ending}", note)
    shown = "".join(traceback.format_exception(error))
    assert 'raise FileNotFoundError(2, "No such file", "13.png")' in shown


def test_a_fit_raises_it_and_ends_its_workers():
    error = error_of(Raises())
    assert type(error) is FileNotFoundError
    assert error.__notes__[0].startswith(f"Raised while reading sample 13 of the batch {BATCH}, in worker 1 (pid")


def test_batches_before_the_bad_one_are_trained():
    one = trainer()
    with pytest.raises(FileNotFoundError):
        one.fit(DataLoader(Raises(), 4, num_workers=2), verbose=0)
    assert one.state.step == 3


def test_an_iterable_of_the_users_says_at_which_batch():
    def batches():
        yield torch.zeros(2, 3)
        raise ValueError("the disk is gone")

    class Again:
        def __iter__(self):
            return batches()

    for source in (batches(), Again()):
        with pytest.raises(ValueError, match="the disk is gone") as caught:
            list(StreamLoader(source, seed=0, whole=False).batches())
        assert caught.value.__notes__ == ["Raised while reading batch 2 of the data."]


def test_an_error_of_worker_init_fn_says_so():
    def broken(worker_id):
        raise LookupError("no shard")

    with pytest.raises(LookupError, match=r"(?s)no shard.*Raised by worker_init_fn, in worker 0"):
        list(loader_of(Rows(), num_workers=1, worker_init_fn=broken).batches())


class Demanding(Exception):  # noqa: N818
    """Its arguments are not those it is made of: pickle cannot rebuild it."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")


def test_an_exception_that_cannot_travel_arrives_as_the_nearest_that_can():
    class Local(KeyError):  # noqa: N818
        pass

    for error, kind, text in (
        (Local("x"), KeyError, "Local: 'x'"),
        (Demanding(3, "no"), RuntimeError, "Demanding: 3: no"),
        (OSError(2, "gone", "a"), OSError, "[Errno 2] gone: 'a'"),
    ):
        error.add_note("Raised while reading sample 1.")
        with pytest.raises(kind) as caught:
            pickle.loads(pickle.dumps(Failure(error))).reraise()
        assert type(caught.value) in (kind, FileNotFoundError)
        assert text in str(caught.value)
        assert caught.value.__notes__ == ["Raised while reading sample 1."]
        assert "Raised while reading sample 1." in str(caught.value.__cause__)


class Ragged(Rows):
    """Samples of growing length, from the fourteenth on."""

    def __getitem__(self, index):
        return torch.zeros(3 if index < BAD else 4), index % 3


@pytest.mark.parametrize("num_workers", [0, 1])
def test_samples_of_unequal_shape_are_named_with_their_shapes_and_a_hint(num_workers):
    with pytest.raises(ValueError, match="cannot be stacked") as caught:
        list(loader_of(Ragged(), num_workers=num_workers).batches())
    assert str(caught.value).startswith(
        "Samples 12 and 13 of the dataset cannot be stacked into one batch: shape (3,) against shape (4,) in entry [0]."
    )
    assert "collate_fn" in str(caught.value)
    assert caught.value.__notes__[0].startswith(f"Raised while collating the samples {BATCH}")


def test_no_worker_is_left_where_a_sampler_fails_at_once():
    class Broken:
        def __iter__(self):
            yield 0
            raise LookupError("no rows today")

        def __len__(self):
            return 8

    description = DataLoader(Rows(), batch_sampler=Broken(), num_workers=2)
    one = Reader(description, Wrapper(description.dataset), batch_sampler=Broken(), collate_fn=as_it_is)
    with pytest.raises(LookupError, match="no rows today") as caught:
        list(one)
    assert caught.tb is not None
    assert children() == []


def test_a_pass_that_outlives_its_fit_says_so():
    one = loader_of(Rows(), num_workers=2)
    live = one.batches()
    next(live)
    one.close()
    assert children() == []
    with pytest.raises(RuntimeError, match="has ended with the fit"):
        next(live)


def test_only_the_batches_that_a_worker_may_hold_are_remembered():
    asked = workers._Asking(([number] for number in range(100)), kept=10)
    assert [(one.number, one.keys) for one in asked][-1] == (100, [99])
    assert list(asked.recent) == list(range(91, 101))


# ------------------------------------------------------------------------------------------------ as whole processes

SCRIPT = """
import os, signal, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from neurokit import Callback, ModelCheckpoint, Trainer

mode, method, folder = sys.argv[1:]


class Rows(Dataset):
    def __len__(self):
        return 400

    def __getitem__(self, index):
        if mode == "dies" and index == 213 and torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.full((3,), index / 40), index % 3


class Shows(Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 5:
            import multiprocessing
            print(*(one.pid for one in multiprocessing.active_children()), flush=True)


def main():
    loader = DataLoader(Rows(), 4, num_workers=2, multiprocessing_context=method, persistent_workers=True)
    trainer = Trainer(nn.Linear(3, 3), loss="cross_entropy", device="cpu")
    callbacks = [Shows()] + ([ModelCheckpoint(folder, save_every=1)] if mode != "ends" else [])
    history = trainer.fit(loader, epochs=1 if mode == "ends" else 10_000, verbose=0, callbacks=callbacks)
    if mode == "ends":
        global generator
        generator = trainer.predict_batches(loader)  # left open at the interpreter's end
        next(generator)
    print(history.stop_reason, flush=True)


if __name__ == "__main__":
    main()
"""


def start(tmp_path, mode, method="fork") -> subprocess.Popen:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), mode, method, str(tmp_path / "run")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def gone(pids, within=20) -> bool:
    deadline = time.monotonic() + within
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_script_whose_worker_dies_exits_with_an_error_and_leaves_its_checkpoint(tmp_path, method):
    process = start(tmp_path, "dies", method)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert re.search(r"RuntimeError: DataLoader worker 1 of 2 \(pid \d+\) was killed by SIGKILL", errors)
    assert "reading sample 213 of the batch [212, 213, 214, 215]" in errors
    newest = checkpoint.newest(tmp_path / "run")
    assert checkpoint.read(newest)["state"]["step"] > 40
    assert gone([int(pid) for pid in re.findall(r"pid (\d+)", errors)])


def test_a_script_that_ends_with_workers_at_work_ends_in_silence(tmp_path):
    process = start(tmp_path, "ends")
    shown, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, "")
    assert gone([int(pid) for pid in shown.splitlines()[0].split()])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_no_worker_outlives_a_script_that_a_signal_ends(tmp_path, number, code):
    process = start(tmp_path, "trains")
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: the workers get it too
    else:
        os.kill(process.pid, number)
    shown, errors = process.communicate(timeout=100)
    assert process.returncode == code
    assert errors == ""
    assert gone(pids)
    if number == signal.SIGINT:
        assert shown == "interrupted\n"
