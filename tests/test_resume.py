"""What a resumed run says, where there is nothing to resume from, nothing left, or something damaged."""

import shutil

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from faults.resume import KINDS, AugmentedStream, build, rows_in_memory
from neurokit import ModelCheckpoint, Trainer


def run_of(seed: int) -> tuple[Trainer, tuple[torch.Tensor, ...]]:
    return build(KINDS["batch norm"], 0, seed)[0], rows_in_memory(0)


def test_resume_without_a_checkpoint_starts_and_says_so(tmp_path, caplog):
    trainer, data = run_of(1)
    trainer.fit(*data, epochs=1, resume=tmp_path / "none", verbose=0)
    assert "no checkpoint to resume from" in caplog.text
    assert trainer.history.epoch == [0]


def test_a_finished_run_is_not_trained_again_and_says_so(tmp_path, caplog):
    trainer, data = run_of(1)
    trainer.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], verbose=0)
    again, data = run_of(2)
    history = again.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, verbose=0)
    assert history.history == trainer.history.history
    assert torch.equal(again.model[0].weight, trainer.model[0].weight)
    assert "nothing is left to train" in caplog.text


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(tmp_path):
    trainer, data = run_of(1)
    trainer.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], verbose=0)
    newest = max(tmp_path.glob("step-*"))
    weights = bytearray((newest / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (newest / "model.safetensors").write_bytes(weights)
    again, data = run_of(2)
    with pytest.warns(UserWarning, match=r"model\.safetensors"):
        history = again.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, verbose=0)
    assert history.history == trainer.history.history


def test_a_stream_read_with_another_number_of_workers_goes_on_and_says_that_its_batches_are_others(tmp_path, caplog):
    trainer, _ = run_of(1)
    stream = AugmentedStream()
    trainer.fit(DataLoader(stream, 4, num_workers=2), epochs=1, callbacks=[ModelCheckpoint(tmp_path)], verbose=0)
    again, _ = run_of(2)
    history = again.fit(
        DataLoader(stream, 4), epochs=2, callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, verbose=0
    )
    assert history.epoch == [0, 1]
    assert "read its IterableDataset with 2 workers, and this one has 0" in caplog.text
    assert "num_workers=2" in caplog.text


def test_a_run_saved_at_the_end_of_a_pass_goes_on_with_the_rows_that_its_sampler_draws_next(tmp_path):
    """Six batches are a pass and eight an epoch; a window of two ends with the pass, and none reads into the next."""
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))

    def fit(**options):
        torch.manual_seed(0)
        sampler = WeightedRandomSampler(torch.ones(12), 12, generator=torch.Generator().manual_seed(1))
        loader = DataLoader(TensorDataset(x, x[:, :1]), 2, sampler=sampler)
        trainer = Trainer(nn.Linear(3, 1), loss="mse", device="cpu", accumulate=2)
        callbacks = [ModelCheckpoint(tmp_path, save_every=6, keep=9)]
        trainer.fit(loader, epochs=2, steps_per_epoch=8, callbacks=callbacks, verbose=0, **options)
        return trainer

    whole = fit()
    first, *later = sorted(tmp_path.glob("step-*"))
    assert first.name == "step-00000006"
    for folder in later:
        shutil.rmtree(folder)
    again = fit(resume=tmp_path)
    assert torch.equal(again.model.weight, whole.model.weight)
    assert again.history.history == whole.history.history
