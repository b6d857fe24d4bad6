import contextlib
import os
import subprocess
import sys

import pytest

from neurokit.callbacks import LambdaCallback, ModelCheckpoint, TensorBoard

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


@pytest.fixture(autouse=True)
def _files_in_order(monkeypatch):
    """Readers take files in the order of their names, which hold the second, the process and a count without zeros."""
    from tensorboard.summary.writer import event_file_writer

    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))


def scalars(folder):
    """What TensorBoard's own reader finds: steps and values by tag."""
    reader = event_accumulator.EventAccumulator(str(folder))
    reader.Reload()
    found = {tag: reader.Scalars(tag) for tag in reader.Tags()["scalars"]}
    return {tag: ([point.step for point in points], [point.value for point in points]) for tag, points in found.items()}


def test_epoch_logs_are_read_back_under_their_names(fit, tmp_path):
    trainer = fit(TensorBoard(tmp_path))
    found = scalars(tmp_path)
    assert set(found) == {"loss", "val_loss", "lr"}
    for name, (steps, values) in found.items():
        assert steps == [0, 1, 2]
        assert values == pytest.approx(trainer.history.history[name], rel=1e-6)  # TensorBoard keeps float32


def test_training_and_validation_are_drawn_in_pairs(fit, tmp_path):
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    fit(TensorBoard(tmp_path))
    reader = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    layout = layout_pb2.Layout()
    layout.ParseFromString(reader.Tensors(metadata.CONFIG_SUMMARY_TAG)[0].tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert charts == {"loss": ["loss", "val_loss"]}


@pytest.mark.parametrize(("freq", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (4, [4]), ("epoch", None)])
def test_batch_logs_are_written_as_often_as_asked(fit, tmp_path, freq, steps):
    seen = {}

    def note(batch, logs):
        seen[batches.trainer.state.step] = logs["loss"]

    batches = LambdaCallback(on_train_batch_end=note)
    fit(batches, TensorBoard(tmp_path, update_freq=freq), epochs=2)
    if steps is None:
        assert not (tmp_path / "batches").exists()
        return
    found_steps, values = scalars(tmp_path / "batches")["loss"]
    assert found_steps == steps
    assert values == pytest.approx([seen[step] for step in steps], rel=1e-6)


@pytest.mark.parametrize("freq", ["often", 0, -1, 1.5])
def test_another_frequency_is_refused(tmp_path, freq):
    with pytest.raises(ValueError, match="update_freq is 'epoch', 'batch' or a number of batches above 0"):
        TensorBoard(tmp_path, update_freq=freq)


def test_a_missing_tensorboard_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'neurokit-torch\[tensorboard\]'"):
        TensorBoard(tmp_path)


@pytest.mark.parametrize("step", [5, 6])
def test_a_resumed_run_has_no_point_twice(fit, crash, tmp_path, step):
    def run(*more, resume=None):
        board = TensorBoard(tmp_path / "board", update_freq="batch")
        return fit(board, ModelCheckpoint(tmp_path / "run", save_every=2), *more, resume=resume)

    with pytest.raises(RuntimeError, match="crash"):
        run(crash(step=step + 1))  # after points that the checkpoint does not know of
    trainer = run(resume=tmp_path / "run")
    assert scalars(tmp_path / "board")["loss"][0] == [0, 1, 2]
    assert scalars(tmp_path / "board")["loss"][1] == pytest.approx(trainer.history.history["loss"], rel=1e-6)
    assert scalars(tmp_path / "board" / "batches")["loss"][0] == list(range(1, 10))


def test_a_second_fit_takes_the_place_of_the_first(fit, tmp_path):
    board = TensorBoard(tmp_path)
    fit(board)
    trainer = fit(board, epochs=2)
    assert scalars(tmp_path)["loss"][0] == [0, 1]
    assert scalars(tmp_path)["loss"][1] == pytest.approx(trainer.history.history["loss"], rel=1e-6)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_it_is_closed_on_every_way_out(fit, crash, tmp_path, error):
    board = TensorBoard(tmp_path, update_freq=1)
    with contextlib.suppress(RuntimeError):
        fit(board, crash(step=5, error=error))
    assert (board._epochs, board._batches) == (None, None)
    assert scalars(tmp_path / "batches")["loss"][0] == [1, 2, 3, 4, 5]


def test_a_folder_that_cannot_be_made_fails_before_the_first_step(fit, make_trainer, tmp_path):
    (tmp_path / "file").write_text("")
    trainer = make_trainer()
    with pytest.raises(OSError, match="file"):
        fit(TensorBoard(tmp_path / "file" / "board"), trainer=trainer)
    assert trainer.state.step == 0


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX's")
def test_a_disk_that_refuses_is_said_once_and_later_points_are_written(tmp_path):
    code = """
import resource, signal, sys, threading, torch, neurokit as nk
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
class Limits(nk.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        limit = 1 if 2 <= epoch < 5 else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
trainer = nk.Trainer(torch.nn.Linear(1, 1), loss="mse")
x = torch.ones(8, 1)
trainer.fit(x, x, epochs=8, callbacks=[Limits(), nk.TensorBoard(sys.argv[1], update_freq=1)], verbose=0)
for thread in threading.enumerate()[1:]:  # a writer's, which may still be printing its error
    thread.join(30)
print(threading.active_count(), len(trainer.history.epoch))
"""
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "1 8\n"), ended.stderr
    said = f"TensorBoard's files in {tmp_path} cannot be written: File too large. Training goes on"
    assert ended.stderr.count(said) == 1
    assert scalars(tmp_path)["loss"][0] == [0, 1, 5, 6, 7]
