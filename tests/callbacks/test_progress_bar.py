import io
import re
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from neurokit.callbacks import Callback, ProgressBar
from neurokit.callbacks import progress_bar as module
from neurokit.loop import BatchLogs


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock(Callback):
    """A clock that moves on by ``tick`` seconds with each batch, before the bar sees it."""

    def __init__(self, tick=0.2):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        return self.now

    def on_train_batch_end(self, batch, logs=None):
        self.now += self.tick

    def on_test_batch_end(self, batch, logs=None):
        self.now += self.tick

    def on_predict_batch_end(self, batch, logs=None):
        self.now += self.tick


@pytest.fixture
def reads(monkeypatch):
    """When batch logs were read, on a clock, if reading takes so long."""

    class Reads(list):
        clock, takes = None, 0.0

    seen, read = Reads(), BatchLogs.items

    def items(self):
        seen.append(seen.clock())
        seen.clock.now += seen.takes
        return read(self)

    monkeypatch.setattr(BatchLogs, "items", items)
    return seen


def test_lines_are_plain_where_there_is_no_terminal(fit, make_trainer):
    clock, stream = Clock(), io.StringIO()
    bar = ProgressBar(stream=stream, clock=clock)
    fit(clock, bar, trainer=make_trainer(metrics=["mae"]), epochs=2)
    names = "".join(rf" - {name} \d+\.\d{{4}}" for name in ("loss", "mae", "val_loss", "val_mae"))
    lines = [f"epoch {epoch}/2 - 1.0 s{names} - lr 0.1000\n" for epoch in (1, 2)]
    assert re.fullmatch("".join(lines), stream.getvalue())


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_output_that_is_captured_never_holds_a_carriage_return(fit, capsys, verbose):
    fit(ProgressBar(verbose))
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 3
    assert "\r" not in captured.out
    assert captured.err == ""


def test_verbose_0_is_silent(fit, make_trainer, capsys):
    fit(ProgressBar(0))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_with_values_rate_and_time_to_go_and_a_line_for_each_epoch(fit):
    clock, stream = Clock(), Terminal()
    fit(clock, ProgressBar(stream=stream, clock=clock), epochs=2)
    text = stream.getvalue()
    assert re.search(r"epoch 2/2:  67%\|.*\| 2/3 \[\d\d:\d\d<\d\d:\d\d, .* batches/s, loss \d\.\d{4}\]", text)
    assert "validating, batch 1" in text
    assert len(re.findall(r"epoch \d/2 - 1\.0 s - loss \d\.\d{4} - val_loss \d\.\d{4} - lr 0\.1000\n", text)) == 2
    assert not text.splitlines()[-1].strip("\r ")  # nothing of the bar remains


def test_verbose_2_gives_lines_on_a_terminal(fit):
    clock, stream = Clock(), Terminal()
    fit(clock, ProgressBar(2, stream=stream, clock=clock))
    assert "|" not in stream.getvalue()


def test_batch_logs_are_read_ten_times_a_second_at_most(fit, reads):
    reads.clock = Clock(1 / 64)
    fit(reads.clock, ProgressBar(stream=Terminal(), clock=reads.clock), steps_per_epoch=320, epochs=1, validate=False)
    assert 40 <= len(reads) <= 50  # in 5 seconds


def test_what_takes_long_to_read_is_read_less_often(fit, reads):
    reads.clock, reads.takes = Clock(1 / 64), 0.5  # a ranking metric over a large epoch
    bar = ProgressBar(stream=Terminal(), clock=reads.clock)
    fit(reads.clock, bar, steps_per_epoch=1280, epochs=1, validate=False)
    assert 2 <= len(reads) <= 3  # in 20 seconds


def test_without_a_bar_batch_logs_are_not_read(fit, reads):
    clock = Clock(10.0)
    fit(clock, ProgressBar(stream=io.StringIO(), clock=clock))
    assert reads == []


def test_the_number_of_batches_need_not_be_known(make_trainer):
    clock, stream = Clock(), Terminal()
    batches = [(torch.ones(2, 2), torch.ones(2, 1))] * 3
    data = type("Unsized", (), {"__iter__": lambda self: iter(batches)})()
    bar = ProgressBar(stream=stream, clock=clock)
    make_trainer(torch.nn.Linear(2, 1)).fit(data, callbacks=[clock, bar], verbose=0)
    assert re.search(r"epoch 1/1: 2 batches \[", stream.getvalue())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_bar_is_closed_on_every_way_out(fit, crash, error):
    clock, stream = Clock(), Terminal()
    bar = ProgressBar(stream=stream, clock=clock)
    with pytest.raises(RuntimeError) if error is RuntimeError else nullcontext():
        fit(clock, bar, crash(step=2, error=error))
    assert bar._bar is None
    said = "interrupted" if error is KeyboardInterrupt else "RuntimeError: crash"
    assert stream.getvalue().endswith(f"stopped: {said}\n")


def test_a_stop_says_its_reason(fit):
    class Stops(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.trainer.stop("enough")

    stream = io.StringIO()
    fit(Stops(), ProgressBar(stream=stream))
    assert stream.getvalue().splitlines()[1:] == ["stopped: enough"]


def test_evaluate_and_predict_have_a_bar_and_a_line(make_trainer):
    x, y = torch.ones(8, 2), torch.ones(8, 1)
    trainer, clock, stream = make_trainer(), Clock(), Terminal()
    bar = ProgressBar(stream=stream, clock=clock)
    trainer.evaluate(x, y, batch_size=2, callbacks=[clock, bar])
    assert re.search(r"evaluate: 2 batches \[.*, loss \d\.\d{4}\]", stream.getvalue())
    assert re.search(r"evaluate - \d+\.\d s - loss \d\.\d{4}\n$", stream.getvalue())
    trainer.predict(x, batch_size=2, callbacks=[clock, bar])
    assert re.search(r"predict: 2 batches \[", stream.getvalue())
    assert re.search(r"predict - \d+\.\d s\n$", stream.getvalue())


def test_standard_output_is_looked_up_when_it_is_used(fit, monkeypatch):
    bar, stream = ProgressBar(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    fit(bar)
    assert stream.getvalue().startswith("epoch 1/3")


def notebook(monkeypatch, widgets):
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(module, "find_spec", lambda name: object() if widgets else None)


def test_a_notebook_with_widgets_has_a_bar_of_its_own(fit, monkeypatch):
    opened = []

    class Widget:
        def __init__(self, **options):
            opened.append(options)

        def __getattr__(self, name):
            return lambda *arguments, **options: None

    notebook(monkeypatch, widgets=True)
    monkeypatch.setattr(module, "_bar_class", lambda output: Widget)
    clock, stream = Clock(), io.StringIO()
    fit(clock, ProgressBar(stream=stream, clock=clock))
    assert [options["desc"] for options in opened] == ["epoch 1/3"]  # one for the whole run
    assert stream.getvalue().count("\n") == 3


def test_a_notebook_without_widgets_has_lines(fit, monkeypatch):
    notebook(monkeypatch, widgets=False)
    clock, stream = Clock(), io.StringIO()
    fit(clock, ProgressBar(stream=stream, clock=clock))
    assert stream.getvalue().count("\n") == 3
    assert "\r" not in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")],
)
def test_durations_are_for_people(seconds, said):
    assert module._duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.5, "0.5000"), (0, "0.0000"), (3e-5, "3.000e-05"), (float("nan"), "nan")]
)
def test_numbers_keep_their_digits(value, said):
    assert module._number(value) == said
