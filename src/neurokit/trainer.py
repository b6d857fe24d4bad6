"""Trainer: what is trained, and its state. ``fit``, ``evaluate`` and ``predict`` over any ``nn.Module``."""

from __future__ import annotations

import copy
import inspect
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from neurokit import checkpoint, diagnostics, loop, modes, probe
from neurokit.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_keywords,
    check_number,
    suggests_arguments,
)
from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import Hooks
from neurokit.callbacks.progress_bar import ProgressBar
from neurokit.data.batch import Batch
from neurokit.data.conversion import Conversion
from neurokit.data.finite import is_finite, not_finite_in_batch
from neurokit.data.inputs import Known
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader, make_loader, refuse_endless
from neurokit.data.targets import Targets
from neurokit.data.training import Reading, TrainingData
from neurokit.devices import select_device
from neurokit.diagnostics import Evaluation, Finding, Setup
from neurokit.diagnostics.rows import Selection, selection
from neurokit.diagnostics.setup import Answer, optimizers_of
from neurokit.distributed import check_strategy
from neurokit.history import History
from neurokit.losses import Criterion, check_takes_two, make_criterion
from neurokit.means import RunningMeans
from neurokit.metrics import MetricSet, check_metrics
from neurokit.optimizers import check_optimizer, foreign_parameters, make_optimizers, needs_closure
from neurokit.outputs import output_fields, prediction
from neurokit.predictions import joined, labels_of, probabilities, to_numpy
from neurokit.probe import FirstLook, call
from neurokit.record import RunRecord
from neurokit.rehearsal import preserved
from neurokit.runtime import Runtime, floating_dtype
from neurokit.seeding import preserved_rng, rng_state, set_rng_state
from neurokit.show_loop import LoopPlan, optimizer_call, show_loop
from neurokit.signals import Signals
from neurokit.state import TrainingState
from neurokit.step import StepOutput as StepOutput
from neurokit.step import require_gradient, score, step_logs, window_weight
from neurokit.summary import layer_table
from neurokit.task import Task

logger = logging.getLogger("neurokit")

_VALIDATION_PAIR = ("validation_data[0]", "validation_data[1]")
_VALIDATION_LOADER = ("validation_data", "y of validation_data")
_SELECTIONS = 8  # of so many fits it is remembered which rows they chose by


class Trainer:
    """Trains, evaluates and applies any ``nn.Module``, which stays what it is.

    Args:
        model: What is trained. It is moved to the device in place; nothing else about it changes.
        loss: A name such as ``"cross_entropy"`` or ``"mse"`` (every loss of ``torch.nn`` of two inputs), a module, a
            function ``(predictions, targets) -> Tensor``, a dict of these by output name, or ``None`` for a model that
            returns its own loss.
        optimizer: A name of ``torch.optim`` in any case (fused where torch has it), a class or factory
            ``params -> Optimizer``, an instance, or a dict of instances, or of factories whose keys name submodules.
        learning_rate: For an optimizer given by name or class; ``None`` is torch's default.
        metrics: Names such as ``"accuracy"``, ``nk.Metric`` or torchmetrics objects, or functions ``(y_true, y_pred)``.
        device: ``"auto"`` takes CUDA, then MPS, then the CPU; anything else is a torch device.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"`` (autocast; the weights stay as they are).
        compile: Compile the model's forward with ``torch.compile``.
        strategy: ``"auto"`` and ``"none"`` train in this process.
        accumulate: Batches whose gradients add up to one update, exactly as if they were one batch.
        max_grad_norm: Clip the gradients' global norm to this before each update.

    Raises:
        TypeError: If the model is no module, or an argument is of the wrong kind.
        ValueError: If a name is unknown, a number out of range, or the optimizer holds none of the model's parameters.

    Example:
        >>> x = torch.linspace(-1, 1, 64).reshape(-1, 1)
        >>> trainer = Trainer(nn.Linear(1, 1), loss="mse", optimizer="sgd", learning_rate=0.5)
        >>> history = trainer.fit(x, 3 * x + 1, epochs=20, verbose=0)
        >>> trainer.predict(torch.tensor([[2.0]])).round(1)
        array([[7.]], dtype=float32)
    """

    @suggests_arguments
    def __init__(
        self,
        model: nn.Module,
        *,
        loss: Any = None,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        metrics: Any = (),
        device: str | torch.device = "auto",
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        compile: bool = False,
        strategy: Literal["auto", "ddp", "fsdp", "none"] = "auto",
        accumulate: int = 1,
        max_grad_norm: float | None = None,
    ) -> None:
        _check_model(model)
        check_choice("precision", precision, ("fp32", "bf16", "fp16"), **PRECISIONS)
        check_count("accumulate", accumulate, such_as=4)
        if max_grad_norm is not None:
            check_number("max_grad_norm", max_grad_norm, "a number above 0", lambda norm: norm > 0, such_as=1.0)
        check_flag("compile", compile)
        check_strategy(strategy)
        metrics = list(metrics) if isinstance(metrics, Iterator) else metrics  # it is read more than once
        check_metrics(metrics)
        check_optimizer(optimizer, model, learning_rate)
        self.arguments: dict[str, Any] = {
            "loss": loss, "optimizer": optimizer, "learning_rate": learning_rate, "metrics": metrics, "device": device,
            "precision": precision, "compile": compile, "strategy": strategy, "accumulate": accumulate,
            "max_grad_norm": max_grad_norm,
        }  # fmt: skip
        self.model = model
        self.criterion = make_criterion(loss)
        self.runtime = Runtime(select_device(device), precision, accumulate, max_grad_norm)
        self.optimizers: dict[str, Optimizer] = {}
        self.task: Task | dict[str, Task] | None = None
        self.metrics = self._test_metrics = MetricSet.resolve((), Task())
        self.state = TrainingState()
        self.history = History({})
        self.record = RunRecord()
        self.means = RunningMeans(self.runtime.device)
        self._targets = _targets_for(self.criterion, floating_dtype(model))
        self._inputs: Mapping[str, Known] = {}
        self._conversion = Conversion(floating_dtype(model), self._targets)
        self._hooks = Hooks((), self)
        self._feed: loop.Feed | None = None
        self.signals = Signals()
        self._seeded = self._loaded = False
        self.findings: list[Finding] = []
        self.woken: list[nn.Module] = []  # what the latest evaluation put in train()
        self._rehearsed: dict[str, Any] | None = None  # the arguments of a fit of which a few steps are tried
        self._said: frozenset[Finding] = frozenset()
        self._codes: set[str] = set()
        self._selections: list[Selection] = []
        self._fit_began = self._epoch_began = 0.0
        self._chosen = ""
        self._shown: LoopPlan | None = None
        self._steps_itself = type(self).train_step is not Trainer.train_step
        self._is_plain = type(self).compute_loss is Trainer.compute_loss and not self._steps_itself
        if self._is_plain:
            for one in self.criteria():
                check_takes_two(one.function)
        if precision == "fp16" and self.runtime.device.type == "cpu":
            logger.warning("precision='fp16' on the CPU is slower than fp32, and less exact. Pass 'bf16' or 'fp32'.")
        model.to(self.runtime.device)
        for one in self.criteria():
            one.to(self.runtime.device, floating_dtype(model))
        if not _lazy_parameters(model):
            self._make_optimizers()
        if compile:
            model.compile()

    def criteria(self) -> list[Criterion]:
        """Return the losses, one or several, or none for a model that returns its own."""
        if isinstance(self.criterion, Criterion):
            return [self.criterion]
        return list(self.criterion.values()) if self.criterion else []

    def _make_optimizers(self) -> None:
        own = [p for one in self.criteria() if isinstance(one.function, nn.Module) for p in one.function.parameters()]
        self.optimizers = make_optimizers(self.arguments["optimizer"], self.model, self.arguments["learning_rate"], own)
        self._steppers = tuple(self.optimizers.values())
        self._closure = any(map(needs_closure, self._steppers))
        if self._closure and (
            len(self._steppers) > 1 or self.runtime.accumulate > 1 or self.runtime.scaler is not None
        ):
            raise ValueError(
                "LBFGS evaluates the loss of a batch several times a step, so it works alone: with one optimizer, "
                "accumulate=1 and precision 'fp32' or 'bf16'. Change these, or take another optimizer."
            )
        self.runtime.prepare(self._steppers)

    @property
    def optimizer(self) -> Optimizer | dict[str, Optimizer]:
        """The optimizer; where several were given, a dict of them by name."""
        return self.optimizers.get("", self.optimizers)

    # ------------------------------------------------------------------------------------------------- one batch

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        """Learn from one batch; return what to log. Override it for another way of learning, such as a GAN's.

        Args:
            batch: Inputs, targets and weights, on the device.

        Returns:
            Mean values by name, logged under these names. Tensors need not be detached: they are averaged by rows.
        """
        if self._closure:
            return self._closure_step(batch)
        runtime = self.runtime
        runtime.zero_grad()
        output = self.compute_loss(batch)
        loss = require_gradient(output, self.model)
        runtime.backward(loss, None if runtime.accumulate == 1 else window_weight(output, batch))
        runtime.step(self._steppers)
        return step_logs(output, batch, self.metrics)

    def _closure_step(self, batch: Batch) -> Mapping[str, Any]:
        """A step of LBFGS, which evaluates the loss itself; the first evaluation is what is logged."""
        outputs: list[StepOutput] = []

        def evaluate() -> Tensor:
            self.runtime.zero_grad()
            output = self.compute_loss(batch)
            loss = require_gradient(output, self.model)
            self.runtime.backward(loss)
            outputs.append(output)
            return loss.detach()

        self._steppers[0].step(evaluate)  # type: ignore[arg-type]  # LBFGS takes a tensor, as its documentation does
        return step_logs(outputs[0], batch, self.metrics)

    def compute_loss(self, batch: Batch) -> StepOutput:
        """Run the model on one batch and compare. Override it for another loss, another input, or another mean.

        Args:
            batch: Inputs, targets and weights, on the device.

        Returns:
            The loss, a mean over ``weight`` (rows when ``None``), and what the metrics compare.
        """
        x = batch.x
        with self.runtime.autocast:
            outputs = self.model(*x) if type(x) is tuple else self.model(**x) if type(x) is dict else self.model(x)
            return score(self.criterion, outputs, batch, self.model.training)

    def test_step(self, batch: Batch, metrics: MetricSet) -> Mapping[str, Any]:
        """Evaluate one batch: its losses, and its predictions into the metrics."""
        try:
            return step_logs(self.compute_loss(batch), batch, metrics)
        except (RuntimeError, TypeError) as error:
            raise probe.explain_refusal(error, self.model, batch.x)  # noqa: B904  it has its own cause

    def predict_step(self, batch: Batch) -> Any:
        """Return the model's outputs for one batch, in their own structure."""
        try:
            with self.runtime.autocast:
                return call(self.model, batch.x)
        except (RuntimeError, TypeError) as error:
            raise probe.explain_refusal(error, self.model, batch.x)  # noqa: B904  it has its own cause

    # ----------------------------------------------------------------------------------------------------- fit

    @suggests_arguments
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        validation_data: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
        steps_per_epoch: int | None = None,
        callbacks: Iterable[Callback] = (),
        resume: str | Path | None = None,
        checks: bool | Mapping[str, bool] = True,
        verbose: int | Literal["auto"] = "auto",
    ) -> History:
        """Train, and return what each epoch gave.

        Args:
            x: Arrays (NumPy, tensors, pandas, scipy sparse, a list of rows; several inputs as a tuple by position or a
                dict by keyword), a ``Dataset``, a ``DataLoader``, or any iterable of batches.
            y: Targets, one row per sample, for arrays. Class labels may be strings.
            batch_size: Rows in a batch: 32 for data in memory; a loader has its own.
            epochs: Passes over the data, or the run's total where it resumes.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)``, or anything ``x`` may be. Never shuffled.
            validation_split: The share of rows that validate instead of training: random, seeded, stratified for
                classes, and recorded.
            shuffle: Visit the rows in a new order each epoch, a function of the seed and the epoch.
            sample_weight: One weight per row, for loss and metrics.
            class_weight: A weight by class label, for the loss of training; validation stays unweighted, as in Keras.
            steps_per_epoch: Batches in an epoch, each epoch going on where the one before stopped.
            callbacks: What else happens; see ``nk.Callback``.
            resume: A run folder: go on from its newest checkpoint, or start when there is none.
            checks: Look for mistakes that train without an error, before and during the first epoch. ``False`` leaves
                this out; a dict leaves out single checks by their codes, such as ``{"sorted-labels": False}``.
            verbose: 0 is silent, 1 a progress bar, 2 a line per epoch; ``"auto"`` is a bar on a terminal, else lines.

        Raises:
            TypeError: If something is of the wrong kind, before anything is changed.
            ValueError: If something is out of range or does not fit, before anything is changed.
            NonFiniteLoss: If the loss becomes NaN or infinite, after everything is closed.

        Example:
            >>> x = torch.linspace(-1, 1, 8).reshape(-1, 1)
            >>> Trainer(nn.Linear(1, 1), loss="mse").fit(x, 2 * x, epochs=2, verbose=0).epoch
            [0, 1]
        """
        plan = self._plan(
            x, y, sample_weight, validation_data, batch_size=batch_size, epochs=epochs,
            validation_split=validation_split, shuffle=shuffle, class_weight=class_weight,
            steps_per_epoch=steps_per_epoch, callbacks=_listed(callbacks), resume=resume, checks=checks,
            verbose=verbose,
        )  # fmt: skip
        for finding in plan.findings:
            if finding.level == "error":
                raise ValueError(_with_code(finding))
        undo = self._undo()
        self._begin(plan)
        assert self._feed is not None
        self.signals.listen(signal.SIGINT, ask=self._interrupt)
        restore = partial(self._resume, plan.restored)
        try:
            with closing(plan.data):
                loop.fit(self, self._feed, plan.data.validation, plan.hooks, restore)
        except (TypeError, ValueError, OSError):  # refused by a callback or the first step
            undo()
            raise
        finally:
            self._feed = None
            self.signals.close()
        return self.history

    def _interrupt(self) -> None:
        """Have the loop end after the present step, when a signal asks for it."""
        self.state.stop_reason = "interrupted"

    def _plan(
        self, x: Any, y: Any, weight: Any, validation_data: Any, *, batch_size: int | None, epochs: int,
        validation_split: float, shuffle: bool, class_weight: Any, steps_per_epoch: int | None,
        callbacks: list[Callback], resume: str | Path | None, checks: bool | Mapping[str, bool],
        verbose: Literal["auto"] | int,
    ) -> _Plan:  # fmt: skip
        """Check everything a fit needs, and change nothing."""
        if self._feed is not None:
            raise RuntimeError("This trainer is in the middle of a fit. Call fit again after it, not in a callback.")
        check_count("epochs", epochs)
        check_choice("verbose", verbose, ("auto", 0, 1, 2), true=1, false=0)
        check_flag("shuffle", shuffle)
        codes = diagnostics.chosen(checks)
        for name, value in (("batch_size", batch_size), ("steps_per_epoch", steps_per_epoch)):
            if value is not None:
                check_count(name, value, such_as=32)
        restored = self._read_checkpoint(resume)
        seed = self._data_seed(restored)
        known = self._inputs if restored is None else _known(restored.get("inputs"))
        reading = self._reading(copy.deepcopy(self._targets), seed, join_lone_row=self._trains_batch_norm())
        reading = reading._replace(inputs=known)
        data = TrainingData.read(
            x, y, weight, reading, batch_size=batch_size, shuffle=shuffle,
            validation_data=validation_data, validation_split=validation_split,
        )  # fmt: skip
        _check_passes(data, epochs, steps_per_epoch)
        look = self._look(data.train, reading.targets, bool(codes))
        if data.validation is not None:
            names = _VALIDATION_PAIR if isinstance(validation_data, tuple) else _VALIDATION_LOADER
            held_out = self._look(data.validation, reading.targets, bool(codes), names)  # training tells the task
            look = look._replace(casts={**held_out.casts, **look.casts})
        per_epoch = steps_per_epoch or data.train.num_batches
        updates = None if per_epoch is None else -(-per_epoch // self.runtime.accumulate)
        asked = self._asked_by(data.train, look.task)
        state = TrainingState(seed=seed, epochs=epochs, steps_per_epoch=per_epoch, updates_per_epoch=updates)
        setup = self._setup(data, reading.targets, look, state, callbacks) if codes else None
        metrics = MetricSet.resolve(self.arguments["metrics"], asked)
        if setup is not None:
            _rehearse(metrics, setup)
        watches = [] if setup is None else diagnostics.watch(setup, codes, self.tell)
        return _Plan(
            arguments={
                "batch_size": batch_size, "epochs": epochs, "validation_split": validation_split, "shuffle": shuffle,
                "sample_weight": weight is not None, "class_weight": class_weight, "steps_per_epoch": steps_per_epoch,
                "callbacks": callbacks, "resume": resume, "checks": checks, "verbose": verbose,
            },
            data=data,
            targets=reading.targets,
            look=look,
            asked=asked,
            class_weight=probe.class_weights(class_weight, look.task, self.criterion),
            metrics=metrics,
            state=state,
            findings=[] if setup is None else diagnostics.examine(setup, codes),
            hooks=Hooks([*watches, _Bookkeeper(), *callbacks, *_progress(verbose)], self),
            restored=restored,
        )  # fmt: skip

    def _begin(self, plan: _Plan) -> None:
        """Take over what was planned: from here on things change."""
        tasks = list(plan.asked.values()) if isinstance(plan.asked, dict) else [plan.asked]
        for criterion, task in zip(self.criteria(), tasks, strict=False):
            criterion.class_weight = plan.class_weight
            criterion.counts_ignored = task.kind is None or task.ignore_index is not None
        self._targets, self.metrics, self.state, self._hooks = plan.targets, plan.metrics, plan.state, plan.hooks
        self._inputs = plan.data.inputs
        self._seeded = True
        self.findings = []
        for finding in plan.findings:
            self.tell(finding)
        self._codes = diagnostics.chosen(plan.arguments["checks"])
        if "selection-on-test" in self._codes and (by := selection(plan.hooks.callbacks, plan.data.validation)):
            self._selections = [*self._selections, by][-_SELECTIONS:]
        self._take(plan.look, validates=plan.data.validation is not None)
        if foreign := foreign_parameters(self.optimizers, self._parameter_names()):
            self._note(
                f"The optimizer holds {len(foreign)} parameter tensors, the first of shape {tuple(foreign[0].shape)}, "
                "that are neither the model's nor the loss's: they learn where the loss uses them, and no checkpoint "
                "can hold them. Make them the model's: model.temperature = parameter."
            )
        self._feed = loop.Feed(self, plan.data.train, cut=plan.arguments["steps_per_epoch"] is not None)
        self.history = History(self.monitors)
        self._shown = self._loop_plan(plan.arguments, plan)
        self._fit_began = self._epoch_began = time.perf_counter()
        self.record = RunRecord.begin(
            self.model, self.runtime.device, data_seed=plan.state.seed, task=self._task_in_words(),
            split=plan.data.split, parameters=self.arguments | plan.arguments,
            data={"train": plan.data.train, "validation": plan.data.validation},
        )  # fmt: skip
        if not any(module.training for module in self.model.modules()):
            self._note("The whole model is in eval(), as pretrained ones arrive: it trains as a whole, dropout too.")
        if getattr(plan.data.train, "joins", False):
            self._note("The last batch would have one row, too few for BatchNorm: it joins the batch before it.")
        if plan.arguments["resume"] is not None and plan.restored is None:
            self._note(
                f"{plan.arguments['resume']} holds no checkpoint to resume from: the run starts at the beginning."
            )

    @torch.no_grad()
    def _undo(self) -> Callable[[], None]:
        """Return what takes back a fit that has made no step yet: the trainer, buffers and random streams."""
        attributes, streams = dict(vars(self)), rng_state()
        trainable = sorted((one for one in self.model.parameters() if one.requires_grad), key=Tensor.numel)
        witnesses = [(one, one.clone()) for one in trainable[:8]]  # not _version, which fused optimizers leave alone
        weights = [(one, one.class_weight, one.counts_ignored) for one in self.criteria()]
        buffers = [(one, one.clone()) for one in self.model.buffers() if not is_lazy(one)]

        @torch.no_grad()
        def undo() -> None:
            if self.state.updates or not all(torch.equal(one, before) for one, before in witnesses):
                return
            vars(self).update(attributes)
            for criterion, class_weight, counts_ignored in weights:
                criterion.class_weight, criterion.counts_ignored = class_weight, counts_ignored
            for buffer, before in buffers:
                buffer.copy_(before)
            set_rng_state(streams)

        return undo

    def _trains_batch_norm(self) -> bool:
        """Tell whether a BatchNorm layer will take statistics of a training batch."""
        norms = [module for module in self.model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        whole = not any(module.training for module in self.model.modules())
        return any(module.training or whole for module in norms)

    def _look(self, loader: Loader, targets: Any, checks: bool, names: tuple[str, str] = ("x", "y")) -> FirstLook:
        """One look at the first batch: what is asked, and whether it can be learnt at all."""
        plain = self._is_plain
        lazy = bool(_lazy_parameters(self.model))
        needed = lazy or bool(self.arguments["metrics"])
        if self.criterion is None and not plain:
            return FirstLook(Task(), "", {}, batch=None)
        if not checks and not needed and self.task is not None:
            return FirstLook(self.task, "", self._conversion.casts, batch=None)
        batch = Conversion(floating_dtype(self.model), targets)(self.runtime.place(loader.peek()))
        try:
            look = probe.look(self.model, self.criterion, batch, targets, floating_dtype(self.model), names)
        except Exception as error:
            torchs = isinstance(error, RuntimeError) and plain and checks  # such as BCELoss, to which NaN is no share
            if torchs and isinstance(loader, InMemoryLoader) and (found := loader.not_finite()):
                raise probe.not_finite_error(found, floating_dtype(self.model)) from error
            if plain and self.criterion is None and isinstance(error, TypeError):
                raise TypeError(
                    f"{error} With loss=None everything a batch holds goes to forward, because the model returns its "
                    "own loss. Is a loss missing, such as Trainer(model, loss='cross_entropy')?"
                ) from error
            if lazy or (plain and (needed or self.criterion is not None)):
                raise
            return FirstLook(Task(), "", {}, batch=None)  # the user's own step may never call forward
        self._asked_by(loader, look.task)
        if checks:
            convert = Conversion(floating_dtype(self.model), targets, look.casts)
            self._check_finite(loader, batch, convert, names)
            if plain and isinstance(loader, InMemoryLoader):
                probe.check_ids(self.model, loader, lambda rows: convert(self.runtime.place(rows)), convert.dtype)
        if plain and checks and not any(parameter.requires_grad for parameter in self.model.parameters()):
            count = sum(1 for _ in self.model.parameters())
            raise ValueError(
                f"None of the {count} parameter tensors of {type(self.model).__name__} is trainable: everything is "
                "frozen. Set requires_grad_(True) on the part that is to learn."
            )
        return look

    def _check_finite(self, loader: Loader, batch: Batch, convert: Conversion, names: tuple[str, str]) -> None:
        """Refuse NaN and infinity that reach outputs or loss; a step of the user's own may deal with them."""
        if isinstance(loader, InMemoryLoader):
            found = loader.not_finite()
            batch = loader.around(found) if found else batch
        else:
            found = not_finite_in_batch(batch, names)
        if not found:
            return
        if not self._is_plain:
            logger.warning("%s. Your own step or loss gets them as they are.", "; ".join(map(str, found)))
            return
        batch = convert(self.runtime.place(batch))
        with modes.evaluating(self.model), torch.no_grad(), preserved_rng():
            outputs = call(self.model, batch.x)
            loss = None if self.criterion is None else self.compute_loss(batch).loss
        probe.refuse_not_finite(found, outputs, loss, floating_dtype(self.model))

    def _setup(
        self, data: TrainingData, targets: Any, look: FirstLook, state: TrainingState, callbacks: list[Callback]
    ) -> Setup:
        """What is known before the first step, for the checks."""
        convert = Conversion(floating_dtype(self.model), targets, look.casts)
        first = look.batch
        if first is None and not self._steps_itself and not _lazy_parameters(self.model):
            first = self.runtime.place(data.train.peek())
        batch = None if first is None else convert(first)
        losses = self.criterion if isinstance(self.criterion, dict) else dict(zip([""], self.criteria(), strict=False))
        rehearsed = self._rehearsed or {}  # its callbacks do not run, and it has one epoch
        own = frozenset(
            name for name in ("train_step", "compute_loss") if getattr(type(self), name) is not getattr(Trainer, name)
        )
        return Setup(
            model=self.model, losses=losses, tasks=look.task if isinstance(look.task, dict) else {"": look.task},
            optimizers=optimizers_of(self.optimizers, vars(self)),
            callbacks=rehearsed.get("callbacks", callbacks), train=data.train, validation=data.validation,
            batch=batch, outputs=self._outputs_with_graph(batch),
            forward=lambda: self._outputs_with_graph(batch), trial=lambda: self._tried(batch),
            epochs=rehearsed.get("epochs", state.epochs), steps_per_epoch=state.steps_per_epoch,
            updates_per_epoch=state.updates_per_epoch, steps_itself=self._steps_itself, plain=self._is_plain,
            trained=any(one.state for one in self.optimizers.values()), rehearsal=self._rehearsed is not None,
            overrides=own,
        )  # fmt: skip

    def _outputs_with_graph(self, batch: Batch | None) -> Any:
        """What the model makes of a batch in eval mode; ``None`` where a step of the user's calls it, or may."""
        if batch is None or self._steps_itself:
            return None
        try:
            with self.runtime.autocast:
                return probe.outputs_with_graph(self.model, batch.x)
        except Exception:
            if self._is_plain and self.criterion is not None:
                raise
            return None  # a compute_loss of the user's may call the model with something else

    def _tried(self, batch: Batch | None) -> StepOutput | None:
        """What a training step would compute of a batch, its graph attached; nothing else of it is left behind."""
        if batch is None or self._steps_itself:
            return None
        with preserved(self), _unsaid(), modes.training(self.model), torch.enable_grad():
            try:
                output = self.compute_loss(batch)
            except Exception:  # the first step of training meets it again, and says more
                return None
        return output if isinstance(output, StepOutput) else None

    def _asked_by(self, loader: Loader, task: Any) -> Any:
        """Check every target in memory; return the task, without ``ignore_index`` where none of them is ignored."""
        if not isinstance(loader, InMemoryLoader) or self.criterion is None:
            return task
        if isinstance(self.criterion, dict):
            return {
                name: probe.checked_targets(one, task[name], loader.y[name], f"{loader.target_name}[{name!r}]")
                for name, one in self.criterion.items()
            }
        return probe.checked_targets(self.criterion, task, loader.y, loader.target_name)

    def _take(self, look: FirstLook, validates: bool) -> None:
        """Take over what the first look told, and name everything this fit will log."""
        self.task = look.task
        self._test_metrics = MetricSet.resolve(self.arguments["metrics"], look.task)
        self._conversion = Conversion(floating_dtype(self.model), self._targets, look.casts)
        self._chosen = look.chosen
        if not self.optimizers:
            self._make_optimizers()
        directions: dict[str, Any] = {"loss": "min"}
        if isinstance(self.criterion, dict):
            directions |= {f"{name}_loss": "min" for name in self.criterion}
        directions |= self.metrics.directions
        self.monitors = dict(directions)
        if validates:
            self.monitors |= {f"val_{name}": direction for name, direction in directions.items()}
        self.monitors |= dict.fromkeys(self.learning_rates(), None)
        self.monitors_are_complete = not self._steps_itself and self.criterion is not None

    def _read_checkpoint(self, folder: str | Path | None) -> dict[str, Any] | None:
        """The state to resume from; ``None`` when there is none."""
        if folder is not None:
            _check_path("resume", folder)
        if folder is not None and Path(folder).expanduser().is_file():
            raise NotADirectoryError(
                f"resume={str(folder)!r} is a file, and a run is resumed from its folder. Pass the folder that "
                "ModelCheckpoint was given."
            )
        if folder is None:
            return None
        checkpoint.refuse_if_held(folder)
        state = checkpoint.read_newest(folder)
        return None if state is None else _checked(state, folder)

    def _data_seed(self, restored: Mapping[str, Any] | None) -> int:
        """The seed of order and split: the resumed run's, else the first fit's, else torch's as it is now."""
        if restored is not None:
            return int(restored["state"]["seed"])
        return self.state.seed if self._seeded else torch.initial_seed()

    def _resume(self, state: dict[str, Any] | None) -> None:
        """Put back a checkpoint, the random streams last."""
        if state is None:
            return
        assert self._feed is not None
        saved = RunRecord.from_json(state["record"])
        for text in saved.differences(self.record):
            self._note(text)
        task = self.task
        self.load_state_dict(state)
        self.task = task
        self.history.load_state_dict(state["history"])
        for name in self._hooks.load_state_dict(state["callbacks"]):
            self._note(f"The checkpoint holds the state of a {name}, and this fit has none: it is left out.")
        self._feed.loader.load_state_dict(state["data"])
        self.record.timings["epochs"] = saved.timings["epochs"]
        if self.state.epoch >= self.state.epochs:
            self._note(
                f"The resumed run has done {self.state.epoch} of {self.state.epochs} epochs: nothing is left to train."
            )
        self.means.load_state_dict(state["means"])
        self.metrics.load_state_dict(state["metrics"])
        if self.state.batch and not isinstance(self._feed.loader, InMemoryLoader):
            self._note(f"Resuming at batch {self.state.batch + 1}: the batches before it are passed over.")
        set_rng_state(state["rng"])
        state.clear()  # what was read takes as much memory as the run

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Write an epoch into history and record, and count it."""
        self.history.append(epoch, logs)
        self.record.timings["epochs"].append(round(time.perf_counter() - self._epoch_began, 6))
        self.record.epochs_run = len(self.history.epoch)
        self.record.metrics["last"] = dict(logs)
        self.state.end_epoch()

    def end_fit(self) -> None:
        """Complete history and record, however the fit ended."""
        self.history.directions |= self.monitors
        self.history.stop_reason = self.record.stop_reason = self.state.stop_reason or "completed"
        self.record.timings["seconds"] = round(time.perf_counter() - self._fit_began, 6)
        self.record.findings = [finding.to_json() for finding in self.findings]
        self.record.metrics["best"] = {
            name: float(self.history.best(name, direction))
            for name, direction in self.monitors.items()
            if direction and any(map(math.isfinite, self.history.history.get(name, ())))
        }

    def place(self, batch: Batch) -> Batch:
        """Bring a batch to the device, in the dtypes the model and the loss take."""
        return self._conversion(self.runtime.place(batch))

    def holds(self, loader: Loader) -> bool:
        """Tell whether a loader's batches are where and what they shall be already."""
        on_device = isinstance(loader, InMemoryLoader) and loader.is_on(self.runtime.device)
        return on_device and all(given is taken for given, taken in self._conversion.casts.items())

    def begin_epoch(self) -> None:
        """Make room for an epoch's means; take up parameter groups that callbacks changed."""
        self.means = RunningMeans(self.runtime.device)
        self.metrics.reset()
        self.runtime.prepare(self._steppers)
        self._epoch_began = time.perf_counter()

    def begin_evaluation(self) -> tuple[RunningMeans, MetricSet]:
        """Fresh means and metrics, so that an evaluation in the middle of an epoch leaves the epoch's own alone."""
        return RunningMeans(self.runtime.device), self._test_metrics.fresh()

    def finish_logs(self, means: RunningMeans, metrics: MetricSet) -> dict[str, float]:
        """Return means and metrics as floats: the one host read of an epoch."""
        logs = means.compute()
        if isinstance(self.criterion, dict) and all(f"{name}_loss" in logs for name in self.criterion):
            logs["loss"] = sum(logs[f"{name}_loss"] for name in self.criterion)  # each over its own weights
        scores = metrics.compute()
        if self._steps_itself and means is self.means:  # an own train_step feeds the metrics, or leaves them
            scores = {name: value for name, value in scores.items() if not math.isnan(value)}
        if not logs and self.criterion is None and means is not self.means:
            self._note("The model gives no loss in eval mode, so there is no val_loss.")
        return logs | scores

    def learning_rates(self) -> dict[str, float]:
        """Return the present learning rate, ``lr``, or ``lr_NAME`` for several optimizers; the first group's."""
        rates = {f"lr_{name}" if name else "lr": one.param_groups[0]["lr"] for name, one in self.optimizers.items()}
        return {name: float(rate) for name, rate in rates.items()}

    def stop(self, reason: str) -> None:
        """End the present ``fit`` after this batch; its epoch still validates and ends."""
        self.state.stop_reason = str(reason)

    def train_batches(self) -> Iterator[Batch]:
        """Yield the batches of the present fit's training data once, on the device."""
        if self._feed is None:
            raise RuntimeError("There are no training data: train_batches works during a fit. Call it from a callback.")
        return loop.placed(self, self._feed.loader)

    def _note(self, text: str) -> None:
        """Say something worth knowing once, and keep it for the record."""
        self.tell(Finding("note", text))

    def tell(self, finding: Finding) -> None:
        """Take a finding for the record; say it, what a check found only once in a trainer's life.

        Raises:
            ValueError: If it is an error.
        """
        if finding in self.findings:
            return
        self.findings.append(finding)
        if finding.level == "error":
            raise ValueError(_with_code(finding))
        if not finding.code:
            logger.warning(finding.message)
        elif finding not in self._said:
            self._said = self._said | {finding}
            logger.warning("%s [%s]", finding.message, finding.code)

    def rehearse(self, x: Any, y: Any = None, *, steps: int, **fit_arguments: Any) -> list[Finding]:
        """Plan a fit and try its first steps, change nothing, and return what was found: see ``nk.diagnose``."""
        given = inspect.signature(self.fit).bind(x, y, **fit_arguments)
        if isinstance(x, Iterator):
            raise TypeError(
                f"x is a {type(x).__name__}, which gives its batches once: a look would take them from the fit. Pass "
                "something that can be gone through again (arrays, a Dataset, a DataLoader)."
            )
        given.apply_defaults()
        arguments = given.arguments | {"callbacks": _listed(given.arguments["callbacks"]), "resume": None}
        planned = {"weight" if name == "sample_weight" else name: value for name, value in arguments.items()}
        with preserved(self), _unsaid():
            try:
                plan = self._plan(**planned)
                if not any(finding.level == "error" for finding in plan.findings):
                    few = min(steps, plan.state.steps_per_epoch or steps)
                    self._rehearsed = plan.arguments
                    self.fit(**arguments | {"callbacks": (), "epochs": 1, "steps_per_epoch": few, "verbose": 0})
                    found = [finding for finding in self.findings if finding.code]
                    return list(dict.fromkeys([*plan.findings, *found]))  # callbacks are looked at, and do not run
                return plan.findings
            except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
                found = [finding for finding in self.findings if finding.code]
                if not any(finding.level == "error" for finding in found):
                    found.append(Finding("error", str(error), "refused"))
                return found

    # --------------------------------------------------------------------------------------- evaluate and predict

    @suggests_arguments
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int | None = None,
        sample_weight: Any = None,
        callbacks: Iterable[Callback] = (),
        verbose: int = 0,
    ) -> dict[str, float]:
        """Return the exact loss and metrics over a data set, in eval mode and without gradients.

        Args:
            x: As in ``fit``.
            y: As in ``fit``.
            batch_size: Rows at a time; 256 for data in memory when ``None``.
            sample_weight: One weight per row.
            callbacks: Their ``on_test_...`` hooks are called.
            verbose: 1 shows a progress bar.

        Raises:
            TypeError: If something is of the wrong kind.
            ValueError: If something does not fit.

        Example:
            >>> x = torch.ones(4, 1)
            >>> Trainer(nn.Linear(1, 1), loss="mse", metrics=["mae"]).evaluate(x, x).keys()
            dict_keys(['loss', 'mae'])
        """
        loader = self._evaluation_loader(x, y, sample_weight, batch_size)
        if getattr(x, "drop_last", False):
            self._note("This DataLoader drops its last rows, so they are not evaluated. Pass one with drop_last=False.")
        if self.task is None or _lazy_parameters(self.model):
            look = self._look(loader, self._targets, checks=True)
            self.metrics = MetricSet.resolve(self.arguments["metrics"], look.task)
            self._take(look, validates=False)
        self._asked_by(loader, self.task)
        self._learn_casts(loader)
        self._note_untrained()
        hooks = Hooks([*_listed(callbacks), *_progress(verbose, loader.num_batches)], self)
        with closing(loader):
            logs = loop.eval_epoch(self, loader, hooks)
        diverged = not math.isfinite(logs.get("loss", 0.0))
        found = loader.not_finite() if diverged and isinstance(loader, InMemoryLoader) else []
        if found:
            raise probe.not_finite_error(found, self._conversion.dtype)
        if self._codes and self._feed is None:
            self._judge(loader, logs)
        return logs

    def _judge(self, loader: Loader, logs: dict[str, float]) -> None:
        """Make the checks of an evaluation that follows a fit; what it tells of the model, once a fit."""
        evaluation = Evaluation(loader, logs, self._selections, self.state.updates, self.answers)
        for finding in diagnostics.judge(evaluation, self._codes):
            self.tell(finding)
        self._codes = self._codes - {"one-class"}
        self.record.findings = [finding.to_json() for finding in self.findings]

    def answers(self, batch: Batch) -> list[Answer]:
        """Return what the model says of a batch, for each loss, with what is true; nothing where that is not known."""
        if not self._is_plain or self.criterion is None or self.task is None or batch.y is None:
            return []
        batch = self.place(batch)
        with modes.evaluating(self.model), torch.no_grad(), preserved_rng():
            outputs = self.predict_step(batch)
        if isinstance(self.criterion, Criterion):
            assert isinstance(self.task, Task)
            return [Answer("", self.criterion, self.task, prediction(outputs), batch.y)]
        assert isinstance(self.task, dict)
        tasks, fields = self.task, output_fields(outputs)
        return [Answer(name, one, tasks[name], fields[name], batch.y[name]) for name, one in self.criterion.items()]

    @suggests_arguments
    def predict(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Any:
        """Return the model's outputs as NumPy arrays, one row per input row, in the structure the model gives.

        No rows give arrays of no rows. Rows that hold NaN are predicted as the model sees them, which is said once.

        Args:
            x: As in ``fit``; targets that come with it are left alone.
            batch_size: Rows at a time; 256 for data in memory when ``None``.
            callbacks: Their ``on_predict_...`` hooks are called.
            verbose: 1 shows a progress bar.

        Example:
            >>> Trainer(nn.Linear(3, 2)).predict(torch.zeros(5, 3)).shape
            (5, 2)
        """
        return joined(list(self.predict_batches(x, batch_size=batch_size, callbacks=callbacks, verbose=verbose)))

    @suggests_arguments
    def predict_proba(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Any:
        """Return probabilities: ``(rows, classes)`` in the order of the classes, or ``(rows, labels)``.

        Raises:
            ValueError: If the loss is none that says how outputs become probabilities.
        """
        batches = self._outputs(x, batch_size, callbacks, verbose)
        return joined([self._by_task(outputs, probabilities) for outputs in batches])

    @suggests_arguments
    def predict_labels(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Any:
        """Return the most probable class of each row, in the user's own labels; 0 or 1 for each of several labels.

        Raises:
            ValueError: If the task has no classes.
        """
        batches = self._outputs(x, batch_size, callbacks, verbose)
        return joined([self._by_task(outputs, labels_of) for outputs in batches])

    @suggests_arguments
    def predict_batches(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Iterator[Any]:
        """Yield what ``predict`` returns batch by batch, in constant memory."""
        return (to_numpy(outputs) for outputs in self._outputs(x, batch_size, callbacks, verbose))

    def _outputs(self, x: Any, batch_size: int | None, callbacks: Iterable[Callback], verbose: int) -> Iterator[Any]:
        loader = self._evaluation_loader(x, None, None, batch_size, may_be_empty=True)
        if getattr(x, "drop_last", False):
            raise ValueError(
                "This DataLoader drops its last rows, and each row has a prediction. Pass drop_last=False."
            )
        if not loader.in_order:
            raise ValueError(
                "This DataLoader shuffles, so predictions would not be in the order of its data. "
                "Pass one with shuffle=False. [shuffled-prediction]"
            )
        lazy = _lazy_parameters(self.model)
        if lazy:
            probe.forward_once(self.model, self.place(loader.peek()).x, self._conversion.dtype)
            self._make_optimizers()
        self._learn_casts(loader)
        if isinstance(loader, InMemoryLoader) and not self._inputs:  # nobody knows yet what a row looks like
            probe.refuse_one_sample(self.model, self.place(loader.peek()).x)
        hooks = Hooks([*_listed(callbacks), *_progress(verbose, loader.num_batches)], self)
        self._note_untrained()
        return self._watched(loop.predict_batches(self, loader, hooks), loader)

    def _watched(self, batches: Iterator[Any], loader: Loader) -> Iterator[Any]:
        """Pass on predictions; say once where the inputs are NaN or infinite, if they are so."""
        finite = True
        for outputs in batches:
            if finite and isinstance(loader, InMemoryLoader) and not is_finite(outputs):
                finite = False
                for found in loader.not_finite():
                    self._note(f"{found}. Predictions for such rows are NaN, and labels made of them mean nothing.")
            yield outputs

    def _note_untrained(self) -> None:
        """Say once that nothing was learnt or loaded here: right for a pretrained model, forgotten for any other."""
        if not (self._seeded or self._loaded):
            self._note("This trainer has neither fitted nor loaded anything: the model answers as it came.")

    def _learn_casts(self, loader: Loader) -> None:
        """See how whole numbers are cast whose dtype was not met before."""
        x, conversion = self.place(loader.peek()).x, self._conversion
        conversion.casts = probe.casts_for(self.model, x, conversion.dtype, conversion.casts)

    def _evaluation_loader(
        self, x: Any, y: Any, weight: Any, batch_size: int | None, may_be_empty: bool = False
    ) -> Loader:
        if batch_size is not None:
            check_count("batch_size", batch_size, such_as=256)
        how = self._reading(copy.deepcopy(self._targets), self.state.seed)._asdict()  # only fit learns labels
        how |= {"batch_size": batch_size, "default_batch_size": 256, "may_be_empty": may_be_empty}
        return make_loader(x, y, weight, **how)

    def _reading(self, targets: Any, seed: int, join_lone_row: bool = False) -> Reading:
        """How this trainer reads data."""
        whole = self.criterion is None and self._is_plain  # a step of the user's gets (x, y, weight) taken apart
        return Reading(targets, floating_dtype(self.model), seed, whole, join_lone_row, self._inputs)

    def _by_task(self, outputs: Any, function: Any) -> Any:
        """Apply a function of (task, predictions) to the outputs, by name where there are several."""
        if isinstance(self.criterion, dict):
            fields = output_fields(outputs)
            return {
                name: function(self._task_of(one, fields[name], name), fields[name])
                for name, one in self.criterion.items()
            }
        predictions = prediction(outputs)
        return function(self._task_of(self.criterion, predictions), predictions)

    def _task_of(self, criterion: Criterion | None, predictions: Tensor, name: str | None = None) -> Task:
        task = self.task if name is None else (self.task or {}).get(name)  # type: ignore[union-attr]
        if isinstance(task, Task):
            return task
        targets = self._targets if name is None else self._targets[name]
        return Task() if criterion is None else probe.infer_task(criterion, predictions, None, targets)

    # ------------------------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Return everything a run goes on from, from weights and optimizers to history and random streams."""
        return {
            "record": self.record.to_json(),
            "model": self.model.state_dict(),
            "modes": modes.get_modes(self.model),
            "losses": [
                one.function.state_dict() if isinstance(one.function, nn.Module) else {} for one in self.criteria()
            ],
            "optimizers": {
                name: checkpoint.optimizer_state(one, self._parameter_names()) for name, one in self.optimizers.items()
            },
            "runtime": self.runtime.state_dict(),
            "callbacks": self._hooks.state_dict(),
            "state": self.state.state_dict(),
            "means": self.means.state_dict(),
            "metrics": self.metrics.state_dict(),
            "history": self.history.state_dict(),
            "data": {} if self._feed is None else self._feed.loader.state_dict(),
            "classes": self._classes_state(),
            "inputs": {path: known._asdict() for path, known in self._inputs.items()},
            "rng": rng_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave: all of it or, with an error, nothing.

        The global random streams are left alone: only ``fit(resume=...)`` puts them back. A lazy model that has seen no
        data takes its shapes and weights first, and keeps them if the optimizer then turns out to be another.

        Raises:
            ValueError: If the state belongs to another architecture or other optimizers.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state is a {type(state).__name__}, got {state!r:.60}. Pass what state_dict() returned.")
        if missing := {"model", "modes", "optimizers", "runtime", "state", "history"} - state.keys():
            weights = all(isinstance(value, Tensor) for value in state.values()) and state
            mend = "These look like a model's weights: trainer.model.load_state_dict(state)." if weights else ""
            raise ValueError(
                f"This is no state of a Trainer: {sorted(missing)} missing, got {sorted(map(str, state))[:5]}. "
                f"{mend or 'Pass what state_dict() returned.'}"
            )
        if not self.optimizers:  # a lazy model, which gets from the saved weights the shapes that no data has given yet
            checkpoint.load_module(self.model, state["model"])
            self._make_optimizers()
        if state["optimizers"].keys() != self.optimizers.keys():
            raise ValueError(
                f"The state holds the optimizers {sorted(state['optimizers'])}, and this trainer has "
                f"{sorted(self.optimizers)}. Build the trainer as the saved one was."
            )
        checkpoint.match(self.model, state["model"])
        names = self._parameter_names()
        for name, one in self.optimizers.items():
            checkpoint.match_optimizer(one, names, state["optimizers"][name])
        checkpoint.load_module(self.model, state["model"])
        modes.set_modes(self.model, state["modes"])
        for criterion, own in zip(self.criteria(), state.get("losses", []), strict=False):
            if isinstance(criterion.function, nn.Module) and own:
                criterion.function.load_state_dict(own)
        for name, one in self.optimizers.items():
            checkpoint.load_optimizer_state(one, names, state["optimizers"][name])
        self.runtime.load_state_dict(state["runtime"])
        self.state.load_state_dict(state["state"])
        self._seeded = True
        self._take_classes(state.get("classes"))
        self._inputs = _known(state.get("inputs"))

    def _parameter_names(self) -> dict[nn.Parameter, str]:
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        for index, one in enumerate(self.criteria()):
            if isinstance(one.function, nn.Module):
                names |= {parameter: f"loss.{index}.{name}" for name, parameter in one.function.named_parameters()}
        return names

    def _classes_state(self) -> Any:
        """The user's own labels, by output name where there are several."""
        by_name = self._targets if isinstance(self._targets, dict) else {"": self._targets}
        return {name: None if one.classes is None else one.classes.tolist() for name, one in by_name.items()}

    def _take_classes(self, state: Mapping[str, Any] | None) -> None:
        by_name = self._targets if isinstance(self._targets, dict) else {"": self._targets}
        for name, classes in (state or {}).items():
            if name in by_name:
                by_name[name].classes = None if classes is None else np.asarray(classes)
        self.task = None  # told again from the next data, with these labels

    def save(self, folder: str | Path) -> Path:
        """Save the whole trainer as a folder of safetensors and JSON, in one step; return the folder.

        A folder saved before is replaced; any other that is not empty is refused.

        Raises:
            FileExistsError: If the folder holds something else.

        Example:
            >>> import tempfile
            >>> folder = Trainer(nn.Linear(2, 1)).save(tempfile.mkdtemp() + "/line")
            >>> Trainer(nn.Linear(2, 1)).load(folder)
        """
        _check_path("folder", folder)
        saved = checkpoint.write(Path(folder), self.state_dict(), replace=True)
        self.record.save(saved / "run.json")
        return saved

    def load(self, folder: str | Path, *, limits: checkpoint.Limits | None = None) -> None:
        """Take back what ``save``, or a ``ModelCheckpoint``, wrote: a checkpoint folder, or a run folder's newest.

        Args:
            folder: The folder.
            limits: What its files may ask for, where it comes from a stranger.

        Raises:
            ValueError: If the folder is damaged, or belongs to another architecture; nothing is changed then.
            FileNotFoundError: If there is no checkpoint.
        """
        path = _existing(folder)
        state = checkpoint.read_newest(path, limits=limits)
        if state is None:
            state = checkpoint.read(path, limits=limits)  # which says what is missing
        _checked(state, path, limits)
        self.load_state_dict(state)
        self.history = History()
        self.history.load_state_dict(state["history"])
        self.record = RunRecord.from_json(state["record"], limits=limits)

    def save_weights(self, path: str | Path) -> Path:
        """Save the model's weights and buffers as one safetensors file; return its path."""
        _check_path("path", path)
        checkpoint.save_weights(Path(path), self.model.state_dict())
        return Path(path)

    def load_weights(self, path: str | Path, *, limits: checkpoint.Limits | None = None) -> None:
        """Load weights and buffers from a safetensors file, all of them or, with an error, none.

        Args:
            path: The file. For a ``.pt`` from elsewhere see ``neurokit.import_pt``.
            limits: What it may ask for, where it comes from a stranger.

        Raises:
            ValueError: If the file is none, is damaged, or belongs to another architecture.
        """
        _check_path("path", path)
        weights = checkpoint.load_weights(Path(path), limits=limits)
        checkpoint.load_module(self.model, weights, f"The weights in {path}")
        self._loaded = True

    # --------------------------------------------------------------------------------------------------- said aloud

    def summary(self, x: Any = None) -> str:
        """Print, and return, the model's layers with their shapes and parameters, and what this trainer does with them.

        Args:
            x: A few rows of input, from which the shapes come; without it, layers and parameters only.
        """
        example = None if x is None else self.place(self._evaluation_loader(x, None, None, 2).peek()).x
        text = layer_table(self.model, example, call=call, notes=self._summary_notes())
        print(text)  # noqa: T201
        return Printed(text)

    def show_loop(self, **fit_arguments: Any) -> str:
        """Print, and return, the plain PyTorch program that trains to the weights of the last ``fit``, bit for bit.

        Args:
            **fit_arguments: Those of another fit, data left out, to see its program instead.

        Raises:
            TypeError: If ``fit`` has no such argument.
            ValueError: If the model's lazy parameters have no shapes yet.
        """
        plan = self._shown
        if fit_arguments or plan is None:
            signature = inspect.signature(self.fit)
            check_keywords("show_loop", fit_arguments, signature.parameters)
            given = signature.bind_partial(**fit_arguments)
            given.apply_defaults()
            plan = self._loop_plan(given.arguments)
        text = show_loop(plan)
        print(text)  # noqa: T201
        return Printed(text)

    def _loop_plan(self, given: Mapping[str, Any], plan: _Plan | None = None) -> LoopPlan:
        """What decides about the weights in a fit with these arguments; all of it where its data are known."""
        if not self.optimizers:
            raise ValueError("The optimizer of a lazy model is built by its first fit. Call fit, then show_loop.")
        data = plan.data.train if plan and isinstance(plan.data.train, InMemoryLoader) else None
        batch = Batch(None) if data is None else self.place(data.peek())
        tensors = isinstance(batch.x, Tensor) and isinstance(batch.y, Tensor)
        plain = type(self).compute_loss is Trainer.compute_loss and not self._chosen and (tensors or data is None)
        loss = self.criterion if plain and isinstance(self.criterion, Criterion) else None
        updates = plan.state.updates_per_epoch if plan else None
        validation = plan.data.validation if plan else given["validation_data"]
        left_out = {
            "your own train_step": self._steps_itself,
            "the other optimizers": len(self.optimizers) > 1,
            "what the optimizer remembers of earlier training": any(one.state for one in self._steppers),
            "your loader: x and y are tensors here": plan is not None and data is None,
            "several inputs or targets: x and y are tensors here": data is not None and not tensors,
            "class_weight, whose order the data tell": plan is None and given["class_weight"] is not None,
            f"steps_per_epoch={given['steps_per_epoch']}": given["steps_per_epoch"] is not None,
            "the checkpoint that the run goes on from": given["resume"] is not None,
        }
        return LoopPlan(
            **{name: self.arguments[name] for name in ("precision", "compile", "accumulate", "max_grad_norm")},
            **{name: given[name] for name in ("epochs", "validation_split", "callbacks")},
            loss=None if loss is None else loss.function, kind=None if loss is None else loss.kind,
            task=self.task if isinstance(self.task, Task) else None,
            optimizer=optimizer_call(self._steppers[0], self.model), modes=modes.get_modes(self.model),
            batch_size=data.batch_size if data else given["batch_size"] or 32,
            shuffle=data.shuffle if data else given["shuffle"],
            seed=self._data_seed(None), device=str(self.runtime.device), dtype=floating_dtype(self.model),
            x=batch.x.to("meta") if tensors else None, y=batch.y.to("meta") if tensors else None,
            updates=None if updates is None else updates * given["epochs"],
            metrics=plan.metrics.names if plan else [one for one in self.arguments["metrics"] if isinstance(one, str)],
            ignores=plan is not None and loss is not None and loss.counts_ignored,
            sample_weight=given["sample_weight"] is not None and given["sample_weight"] is not False,
            class_weight=plan.class_weight if plan else None,
            joins_lone_row=data.joins if data else self._trains_batch_norm(),
            validation=validation is not None or given["validation_split"] > 0,
            validation_weight=getattr(validation, "weight", None) is not None,
            stratified=plan is not None and plan.data.split.get("how") == "stratified",
            left_out=[what for what, applies in left_out.items() if applies],
        )  # fmt: skip

    def _task_in_words(self) -> str:
        if isinstance(self.task, dict):
            return "; ".join(f"{name}: {task.describe()}" for name, task in self.task.items())
        return "told from loss and targets when fit begins" if self.task is None else self.task.describe()

    def _summary_notes(self) -> list[str]:
        losses = (
            {name: one.name for name, one in self.criterion.items()}
            if isinstance(self.criterion, dict)
            else ("the model's own" if self.criterion is None else self.criterion.name)
        )
        notes = [
            f"device     {self.runtime.device}, precision {self.arguments['precision']}",
            f"loss       {losses}",
            f"optimizer  {', '.join(f'{name} {type(one).__name__}'.strip() for name, one in self.optimizers.items())}",
            f"metrics    {', '.join(self.metrics.names) or '-'}",
            f"task       {self._task_in_words()}",
        ]
        return notes + ([f"prediction {self._chosen}"] if self._chosen else [])


@dataclass
class _Plan:
    """A fit that was checked and has not begun.

    Attributes:
        arguments: Those of ``fit``, for the record.
        data: What trains and what validates.
        targets: How the loss takes its targets, with the labels of this data.
        look: What the first batch told.
        asked: The task as the training data ask it: without ``ignore_index`` where none of them is ignored.
        class_weight: One weight per class, for the loss.
        metrics: Those of training.
        state: Counters at their beginning.
        hooks: The callbacks of this fit.
        restored: The checkpoint to go on from.
        findings: What the checks found.
    """

    arguments: dict[str, Any]
    data: TrainingData
    targets: Any
    look: FirstLook
    asked: Task | dict[str, Task]
    class_weight: Tensor | None
    metrics: MetricSet
    state: TrainingState
    hooks: Hooks
    restored: dict[str, Any] | None
    findings: list[Finding]


def _with_code(finding: Finding) -> str:
    """An error's message, with the check's name and how to leave it out."""
    return f"{finding.message} [{finding.code}; fit(..., checks={{{finding.code!r}: False}}) leaves this check out]"


@contextmanager
def _unsaid() -> Iterator[None]:
    """Keep notes from being said."""

    def refuse(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(refuse)
    try:
        yield
    finally:
        logger.removeFilter(refuse)


@torch.no_grad()
def _rehearse(metrics: MetricSet, setup: Setup) -> None:
    """Have metrics take in the first batch and forget it: what they refuse is refused before a step is made."""
    answers = {answer.name: answer for answer in setup.answers()}
    if not answers or not metrics.names or setup.batch is None:
        return
    predictions: Any = {name: answer.predictions.detach() for name, answer in answers.items()}
    targets: Any = {name: answer.targets for name, answer in answers.items()}
    if "" in answers:
        predictions, targets = predictions[""], targets[""]
    metrics.fresh().update(predictions, targets, setup.batch.weight)


def _listed(callbacks: Any) -> list[Callback]:
    """The callbacks as a list, also where there is one or none."""
    if callbacks is None:
        return []
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, (Callback, str, Mapping, type))
    return list(callbacks) if several else [callbacks]  # of one that is no callback Hooks says what it is


class _Bookkeeper(Callback):
    """Writes down each epoch once the user's callbacks have seen it; checkpoints come after."""

    order = 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.trainer.end_epoch(epoch, logs or {})


class Printed(str):
    """Text that was printed already: a prompt that echoes it shows nothing twice."""

    def __repr__(self) -> str:
        return ""


PRECISIONS = {  # what else they are called
    "float32": "fp32", "float": "fp32", "32": "fp32", "bfloat16": "bf16", "bf16-mixed": "bf16", "float16": "fp16",
    "half": "fp16", "16": "fp16", "16-mixed": "fp16",
}  # fmt: skip


def _check_model(model: Any) -> None:
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise TypeError(f"model is the class {model.__name__}, not a model. Pass {model.__name__}(...).")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}, and what trains is an nn.Module. {_made(model)}")
    tensors = [*model.named_parameters(), *model.named_buffers()]
    meta = [name for name, tensor in tensors if tensor.is_meta]
    if meta:
        raise ValueError(
            f"The parameter {meta[0]!r} of model is on the meta device: it has a shape and no values ({len(meta)} of "
            f"{len(tensors)} tensors). Load weights, or use model.to_empty(device='cpu') and initialise them."
        )
    frozen = [name for name, tensor in tensors if not is_lazy(tensor) and tensor.is_inference()]
    if frozen:
        raise ValueError(
            f"The parameter {frozen[0]!r} of model was made in torch.inference_mode(), and such tensors cannot learn "
            f"({len(frozen)} of {len(tensors)}). Build the model outside of it; predict needs none."
        )


def _made(found: Any) -> str:
    """How a module comes from what was passed for one."""
    if "keras" in type(found).__module__:
        return "This one is Keras's: build it of torch.nn's layers."
    if isinstance(found, (list, tuple)) and all(isinstance(one, nn.Module) for one in found) and found:
        return "Pass nn.Sequential(*layers)."
    if isinstance(found, Mapping):
        return "Weights go into one: model.load_state_dict(weights), then Trainer(model)."
    if callable(found):
        return "Pass what it returns, or write it as the forward of a class of nn.Module."
    return "Pass one, such as nn.Linear(4, 3)."


def _check_path(name: str, path: Any) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} is a path, got {path!r:.60} ({type(path).__name__}). Pass a str or pathlib.Path.")


def _existing(folder: Any) -> Path:
    """The folder to load from."""
    _check_path("folder", folder)
    path = Path(folder).expanduser()
    if path.is_file():
        raise NotADirectoryError(
            f"{path} is a file, and load takes the folder that save or ModelCheckpoint wrote. Weights alone are loaded "
            "by trainer.load_weights(path)."
        )
    return path


def _lazy_parameters(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if is_lazy(parameter)]


def _targets_for(criterion: Criterion | dict[str, Criterion] | None, dtype: torch.dtype) -> Any:
    if isinstance(criterion, dict):
        return {name: Targets(one.kind, dtype) for name, one in criterion.items()}
    return Targets(criterion.kind if criterion else None, dtype)


def _progress(verbose: Literal["auto"] | int, total: int | None = None) -> list[Callback]:
    """The progress bar, unless the run is to be silent."""
    return [] if verbose == 0 else [ProgressBar(verbose, total=total)]


def _known(state: Mapping[str, Any] | None) -> dict[str, Known]:
    """Inputs as a checkpoint holds them."""
    return {
        path: Known(tuple(one["columns"]), None if one["row"] is None else tuple(one["row"]))
        for path, one in (state or {}).items()
    }


def _check_passes(data: TrainingData, epochs: int, steps_per_epoch: int | None) -> None:
    """Refuse an iterator that would be empty in the second epoch, or never end in the first."""
    if steps_per_epoch is None:
        refuse_endless(getattr(data.train, "source", None), "x")
    if data.train.one_shot and epochs > 1 and steps_per_epoch is None:
        raise ValueError(
            f"x is a one-shot iterator: after its end there is nothing for the other {epochs - 1} of {epochs} epochs. "
            "Pass something that can be gone through again (arrays, a Dataset, a DataLoader), or steps_per_epoch."
        )
    if data.validation is not None and data.validation.one_shot and epochs > 1:
        raise ValueError(
            f"validation_data is a one-shot iterator, and each of {epochs} epochs validates. "
            "Pass something that can be gone through again (arrays, a Dataset, a DataLoader)."
        )


def _checked(state: dict[str, Any], folder: str | Path, limits: checkpoint.Limits | None = None) -> dict[str, Any]:
    """Return a state that was read, having looked for what can be wrong in a sound file, which may lie."""
    try:
        _check_kinds(state)
        History().load_state_dict(state["history"])
        TrainingState().load_state_dict(state["state"])
        RunRecord.from_json(state["record"], limits=limits)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RuntimeError) as error:
        raise checkpoint.CheckpointError(f"{folder} holds no state of a Trainer: {error!r:.300}.") from error
    return state


def _check_kinds(state: Mapping[str, Any]) -> None:
    kinds: dict[str, Any] = dict.fromkeys(("model", "modes", "optimizers", "runtime", "state", "history"), dict)
    kinds |= {"record": str, "losses": list, "classes": (dict, type(None))}
    for name, kind in kinds.items():
        if not isinstance(state[name], kind):
            raise TypeError(f"{name} is a {type(state[name]).__name__}")
    for name, inner in (("optimizers", dict), ("modes", bool), ("losses", dict)):
        entries = state[name].values() if isinstance(state[name], dict) else state[name]
        if not all(isinstance(entry, inner) for entry in entries):
            raise TypeError(f"{name} holds what is no {inner.__name__}")
