"""What a CUDA graph needs of a compiled step, as far as a CPU can tell; the graph itself where there is a GPU."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit.compiling import capture
from neurokit.compiling.capture import Captured, CaptureError, reason_against_capture
from neurokit.compiling.optimizer import StandIn
from neurokit.data.batch import Batch

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
BATCH = Batch(torch.ones(2, 3), torch.tensor([0, 1]))
X = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
LABELS = (X.sum(1) > 0).long()


def net(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2)
    )


def fitted(device: str = "cpu", **options: Any) -> nk.Trainer:
    """Fit 4 epochs of 7 batches, of which the last is smaller."""
    callbacks, dropout = options.pop("callbacks", ()), options.pop("dropout", 0.0)
    options = {"optimizer": "sgd", "learning_rate": 0.05, "metrics": ["accuracy"], "compile": True, **options}
    trainer = nk.Trainer(net(dropout), loss="cross_entropy", device=device, **options)
    torch.manual_seed(0)
    trainer.fit(X, LABELS, batch_size=10, epochs=4, callbacks=callbacks, verbose=0, checks=False)
    return trainer


def said(trainer: nk.Trainer) -> str:
    return "\n".join(one.message for one in trainer.findings if "compile=True" in one.message)


def weights(trainer: nk.Trainer) -> torch.Tensor:
    return torch.cat([one.detach().cpu().double().flatten() for one in trainer.model.state_dict().values()])


def test_rates_that_a_program_reads_are_where_the_parameters_are() -> None:
    optimizer = torch.optim.SGD(nn.Linear(2, 1, device="meta").parameters(), lr=0.1, momentum=0.9)
    stand_in = StandIn(optimizer)
    optimizer.param_groups[0]["momentum"] = 0.8  # as a schedule does
    stand_in.follow()

    group = stand_in.traced.param_groups[0]
    assert [group[name].device.type for name in ("lr", "momentum")] == ["meta", "meta"]


def test_a_step_that_is_counted_on_the_cpu_cannot_be_captured() -> None:
    model = nn.Linear(2, 1, device="meta")
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.state[model.weight] = {"step": torch.tensor(1.0)}

    assert "this Adam counts its steps on the CPU. Pass optimizer='adam'" in (reason_against_capture([optimizer]) or "")
    assert reason_against_capture([torch.optim.SGD(model.parameters())]) is None
    windows = reason_against_capture([torch.optim.SGD(model.parameters())], accumulate=2) or ""
    assert "accumulate=2 leaves gradients for the next batch" in windows


def test_what_a_replay_returns_is_not_overwritten_by_the_next() -> None:
    loss = torch.zeros(())

    def program(batch: Batch) -> tuple[Any, ...]:
        return loss.add_(1), {"a": loss}, batch.y, None, {"part": (loss, 2)}

    captured = Captured(program)
    first, second = captured(BATCH), captured(BATCH)

    assert [first[0].item(), first[1]["a"].item(), first[4]["part"][0].item()] == [1, 1, 1]
    assert second[0].item() == 2
    assert first[2] is BATCH.y  # which was there before


def test_torchs_reason_for_capturing_nothing_is_heard() -> None:
    def program(batch: Batch) -> tuple[Any, ...]:
        from torch._inductor.cudagraph_utils import log_cudagraph_skip_and_bump_counter

        log_cudagraph_skip_and_bump_counter("skipping cudagraphs due to mutated inputs (1 instances)")
        return (batch.x,)

    captured = Captured(program)
    captured(BATCH)

    assert captured.skipped == "mutated inputs (1 instances)"
    assert not any(isinstance(one, logging.Handler) and type(one).__name__ == "_Skips"
                   for one in capture.cudagraph_utils.cudagraphs_log.handlers)  # fmt: skip


def test_only_what_fails_while_a_graph_is_recorded_may_be_done_again() -> None:
    source = "def record_function(batch):\n    raise RuntimeError('CUDA error: operation not permitted')"
    inside: dict[str, Any] = {}
    exec(compile(source, "torch/_inductor/cudagraph_trees.py", "exec"), inside)  # where torch records

    with pytest.raises(CaptureError, match="operation not permitted"):
        Captured(inside["record_function"])(BATCH)

    def program(batch: Batch) -> tuple[Any, ...]:
        raise RuntimeError("out of memory in the middle of a step")

    with pytest.raises(RuntimeError, match="in the middle") as raised:
        Captured(program)(BATCH)
    assert not isinstance(raised.value, CaptureError)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_all_that_a_step_writes_to_stays_where_it_is(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import compile_fx

    monkeypatch.setattr("neurokit.compiling.step.CAPTURED", ("cpu",))
    moving: list[int] = []
    inner = compile_fx._compile_fx_inner

    def look(graph: Any, inputs: Any, **options: Any) -> Any:
        compiled = inner(graph, inputs, **options)
        moving.append(len(set(compiled.mutated_input_idxs) - set(options["static_input_idxs"])))
        return compiled

    monkeypatch.setattr(compile_fx, "_compile_fx_inner", look)
    with torch._inductor.config.patch(force_disable_caches=True):
        fitted(optimizer=optimizer, max_grad_norm=1.0)

    assert set(moving) == {0}  # in every graph of it


@pytest.mark.slow
def test_a_step_that_is_not_captured_says_so_and_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fitted()
    monkeypatch.setattr("neurokit.compiling.step.CAPTURED", ("cpu",))  # where there are no graphs
    uncaptured = fitted()

    assert "the step is one program and no CUDA graph, which would launch it at once: torch's" in said(uncaptured)
    assert "the step is one program, made in" in said(uncaptured)
    assert torch.equal(weights(plain), weights(uncaptured))
    assert plain.history.history == uncaptured.history.history


@pytest.mark.slow
def test_a_graph_that_cannot_be_recorded_leaves_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fitted()
    monkeypatch.setattr("neurokit.compiling.step.CAPTURED", ("cpu",))
    call, calls = Captured.__call__, []

    def fails(self: Captured, batch: Batch) -> Any:
        calls.append(batch)
        if len(calls) == 3:  # refused, compiled, recorded
            raise CaptureError("out of memory")
        return call(self, batch)

    monkeypatch.setattr(Captured, "__call__", fails)
    fallen = fitted()

    assert "no CUDA graph, which would launch it at once" in said(fallen)
    assert torch.allclose(weights(plain), weights(fallen), atol=1e-6)


CASES: dict[str, dict[str, Any]] = {  # few: a GPU's compiler takes its time for each
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "clipped": {"max_grad_norm": 0.1, "metrics": ["roc_auc", "f1"]},
    "bf16": {"precision": "bf16"},
    "one cycle": {
        "optimizer": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), "learning_rate": None,
        "callbacks": lambda: [nk.LRSchedule("OneCycleLR", max_lr=0.1)],
    },
}  # fmt: skip


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_a_captured_step_learns_what_the_step_as_it_is_learns(case: str) -> None:
    options = CASES[case]
    make = options.get("callbacks", list)
    plain = fitted("cuda", **options | {"callbacks": make(), "compile": False})
    captured = fitted("cuda", **options | {"callbacks": make()})

    assert "and replayed as a CUDA graph" in said(captured), said(captured)
    within = 1e-2 if case in ("bf16", "adam") else 1e-4
    assert torch.allclose(weights(plain), weights(captured), atol=within)
    for name, values in plain.history.history.items():
        assert values == pytest.approx(captured.history.history[name], abs=max(within, 0.02 if case == "bf16" else 0))


@pytest.mark.gpu
def test_a_replay_is_the_program_bit_by_bit_dropout_included(monkeypatch: pytest.MonkeyPatch) -> None:
    captured = fitted("cuda", dropout=0.5)
    monkeypatch.setattr("neurokit.compiling.step.CAPTURED", ())
    program = fitted("cuda", dropout=0.5)

    assert "replayed as a CUDA graph" in said(captured)
    assert "replayed" not in said(program)
    assert torch.equal(weights(captured), weights(program))
    assert captured.history.history["loss"] == program.history.history["loss"]


@pytest.mark.gpu
def test_an_adam_that_counts_on_the_cpu_is_compiled_and_told() -> None:
    options: dict[str, Any] = {"optimizer": lambda p: torch.optim.Adam(p, lr=0.01), "learning_rate": None}
    plain, compiled = fitted("cuda", compile=False, **options), fitted("cuda", **options)

    assert "this Adam counts its steps on the CPU" in said(compiled)
    assert torch.allclose(weights(plain), weights(compiled), atol=1e-2)


@pytest.mark.gpu
def test_a_captured_run_resumes_with_the_same_bits(tmp_path) -> None:
    whole = fitted("cuda", dropout=0.5, callbacks=[nk.ModelCheckpoint(tmp_path / "whole")])
    trainer = nk.Trainer(net(0.5), loss="cross_entropy", optimizer="sgd", learning_rate=0.05, metrics=["accuracy"],
                         compile=True, device="cuda")  # fmt: skip
    torch.manual_seed(0)
    trainer.fit(X, LABELS, batch_size=10, epochs=2, callbacks=[nk.ModelCheckpoint(tmp_path / "part")], verbose=0,
                checks=False)  # fmt: skip
    other = nk.Trainer(net(0.5), loss="cross_entropy", optimizer="sgd", learning_rate=0.05, metrics=["accuracy"],
                       compile=True, device="cuda")  # fmt: skip
    other.fit(X, LABELS, batch_size=10, epochs=4, resume=tmp_path / "part", verbose=0, checks=False)

    assert torch.equal(weights(whole), weights(other))
