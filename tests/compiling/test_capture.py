"""What a CUDA graph needs of a compiled step, as far as a CPU can tell; the graph itself where there is a GPU."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit.compiling import capture
from neurokit.compiling.capture import Captured, CaptureError, held_by_modules, keep_rebound, reason_against_capture
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
    optimizer = torch.optim.Adam([{"params": nn.Linear(2, 1, device="meta").parameters()}, {"params": []}], lr=0.1)
    stand_in = StandIn(optimizer)
    optimizer.param_groups[0]["betas"] = 0.8, 0.99  # as a schedule does
    assert stand_in.follow()

    group, empty = stand_in.traced.param_groups
    assert [one.device.type for one in (group["lr"], *group["betas"], empty["lr"])] == ["meta"] * 4


class Counting(torch.optim.Optimizer):
    """A user's own, which counts its steps like Adam."""

    def __init__(self, groups: Any, state: Any) -> None:
        super().__init__(groups, {})
        self.state = state


def test_a_step_that_is_counted_on_the_cpu_cannot_be_captured() -> None:
    model = nn.Linear(2, 1, device="meta")
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.state[model.weight] = {"step": torch.tensor(1.0)}

    assert reason_against_capture([optimizer], 1) == (
        "this Adam counts its steps on the CPU: pass optimizer='adam', or make it with fused=True or capturable=True"
    )
    assert reason_against_capture([torch.optim.SGD(model.parameters())], 1) is None
    assert reason_against_capture([Counting(optimizer.param_groups, optimizer.state)], 1) == (
        "this Counting counts its steps on the CPU"  # it takes no argument that would change that
    )
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


class Centred(nn.Module):
    """Subtracts a mean that it keeps from step to step: in place, or as a new tensor each time."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.in_place:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        else:
            self.mean = self.mean.lerp(x.detach().mean(0), 0.1)
            self.parts = [x.detach().clone()]
        return x - self.mean


@pytest.mark.parametrize("in_place", [True, False])
def test_what_a_module_keeps_as_a_new_tensor_is_named_and_taken_out_of_the_graphs_memory(in_place: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 2), Centred(in_place))
    before = held_by_modules(model)
    model(BATCH.x)
    mean, kept = model[1].mean, model[1].mean.clone()
    why = keep_rebound(model, before)

    assert torch.equal(model[1].mean, kept)
    assert (model[1].mean is mean) is in_place
    if in_place:
        assert why is None
        return
    assert "the module '1' keeps a new tensor as 'parts' in each step" in why or "as 'mean' in each step" in why
    assert "mean" in model[1]._buffers
    assert held_by_modules(model) != before


@pytest.mark.slow
def test_a_module_that_keeps_a_new_tensor_is_compiled_and_not_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurokit.compiling.step.CAPTURED", ("cpu",))
    trained = {}
    for compile in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 2), Centred(in_place=False))
        trainer = nk.Trainer(model, loss="cross_entropy", optimizer="sgd", device="cpu", compile=compile)
        trainer.fit(X, LABELS, batch_size=16, epochs=4, verbose=0, checks=False)
        trained[compile] = trainer

    assert "no CUDA graph, which would launch it at once: the module '1' keeps a new tensor" in said(trained[True])
    assert "the step is one program, made in" in said(trained[True])
    assert torch.allclose(weights(trained[False]), weights(trained[True]), atol=1e-6)


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
        "optimizer": "adamw", "callbacks": lambda: [nk.LRSchedule("OneCycleLR", max_lr=0.1)],
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
    within = 1e-2 if case in ("bf16", "adam", "one cycle") else 1e-4
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
    assert "the step is one program, made in" in said(compiled)
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
