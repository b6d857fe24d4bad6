"""Trainer: what is trained, and its state. ``fit``, ``evaluate`` and ``predict`` over any ``nn.Module``."""

from __future__ import annotations

import copy
import inspect
import logging
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit import checkpoint, diagnostics, loop, modes, probe, reduction, saved_state, shared_fit
from neurokit.arguments import (
    check_count,
    check_flag,
    check_keywords,
    check_model,
    check_number,
    check_path,
    suggests_arguments,
)
from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import Hooks, listed
from neurokit.callbacks.progress_bar import progress
from neurokit.data.background import background
from neurokit.data.batch import Batch
from neurokit.data.conversion import Conversion
from neurokit.data.finite import is_finite
from neurokit.data.gathering import Store
from neurokit.data.inputs import Known, restored_inputs
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sharing import dealt_out
from neurokit.data.sources import Loader, drops_rows, has_batches, make_loader, refuse_other_rows
from neurokit.data.targets import Targets, classes_by_name, take_classes
from neurokit.data.training import Reading
from neurokit.devices import select_device
from neurokit.diagnostics import Evaluation, Finding
from neurokit.diagnostics.rows import Selection, selection
from neurokit.diagnostics.setup import Answer, compared
from neurokit.distributed import check_strategy, join, own_device
from neurokit.distributed.sharding import Sharding, divided, divided_states, shard, whole
from neurokit.first_look import checked_task, look_at
from neurokit.history import History
from neurokit.inference import ROWS, rows_at_once
from neurokit.layout import channels_last
from neurokit.losses import Criterion, check_takes_two, make_criterion
from neurokit.means import RunningMeans
from neurokit.metrics import MetricSet, check_metrics
from neurokit.optimizers import (
    check_closure_alone,
    check_optimizer,
    describe_foreign,
    foreign_parameters,
    make_optimizers,
    needs_closure,
    parameter_names,
)
from neurokit.outputs import output_fields, prediction
from neurokit.plain_loop import loop_plan
from neurokit.planning import Plan, plan_fit
from neurokit.predictions import joined, labels_of, probabilities, to_numpy
from neurokit.probe import FirstLook, call
from neurokit.processes import together
from neurokit.record import RunRecord
from neurokit.rehearsal import undoing
from neurokit.runtime import Precision, Runtime, check_precision, floating_dtype
from neurokit.seeding import preserved_rng, rng_state, set_rng_state
from neurokit.shared_fit import SharedFeed, SharedSignals
from neurokit.shared_runtime import SharedRuntime
from neurokit.show_loop import LoopPlan, show_loop
from neurokit.signals import Signals
from neurokit.signature import signature
from neurokit.state import TrainingState
from neurokit.step import StepOutput as StepOutput
from neurokit.step import require_gradient, score, step_logs, window_weight
from neurokit.summary import layer_table, printed, training_notes
from neurokit.task import Task, in_words
from neurokit.tree import by_name, tensors_in

if TYPE_CHECKING:
    from neurokit.compiling import CompiledStep

logger = logging.getLogger("neurokit")

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
        compile: Make forward, loss, backward and update one program with ``torch.compile``. That takes seconds; what a
            step gains, and after how many steps it pays, is said. A step that cannot be one program runs as it is, and
            why is said as well. The weights are the same to float tolerance; masks of dropout are others. On CUDA the
            program is replayed as one graph, where it can be.
        strategy: ``"auto"`` trains in this process alone, or, where torchrun started several, in all of them together
            (``"ddp"``); ``"fsdp"`` shards the weights between them; ``"none"`` always trains alone.
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
        check_model(model)
        check_precision(precision)
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
        self.steps_itself, self.is_plain = "train_step" in self.overrides, not self.overrides
        self.criterion = make_criterion(loss)
        place = select_device(own_device(device, strategy))
        self.group = join(strategy, place)
        self.wish: str | None = None  # why this process would stop, while the others have not heard of it
        self.runtime = self._make_runtime(place, precision, accumulate, max_grad_norm)
        self.optimizers: dict[str, Optimizer] = {}
        self.task: Task | dict[str, Task] | None = None
        self.metrics = self._test_metrics = MetricSet.resolve((), Task())
        self.state = TrainingState()
        self.history = History({})
        self.record = RunRecord()
        self.means = RunningMeans(self.runtime.device)
        self._targets = _targets_for(self.criterion, floating_dtype(model))
        self._inputs: Mapping[str, Known] = {}
        self.conversion = Conversion(floating_dtype(model), self._targets, channels=channels_last(model))
        self.background: Any = None  # rows of the latest fit's training inputs, on the host
        self.chosen = ""  # where in the model's outputs the prediction is, in words
        self._compiled: CompiledStep | None = None  # what learns in place of learn
        self._hooks = Hooks((), self)
        self._feed: loop.Feed | None = None
        self.signals = SharedSignals() if self.group.is_several else Signals()
        self._seeded = self._loaded = False
        self.findings: list[Finding] = []
        self.woken: list[nn.Module] = []  # what the latest evaluation put in train()
        self.rehearsed: dict[str, Any] | None = None  # the arguments of a fit of which a few steps are tried
        self._said: frozenset[Finding] = frozenset()
        self._codes: set[str] = set()
        self._selections: list[Selection] = []
        self._rows_at_once: dict[tuple[Any, ...], int] = {}  # of inputs, by shapes and dtypes of two rows
        self._fit_began = self._epoch_began = 0.0
        self._shown: LoopPlan | None = None
        if self.is_plain:
            for one in self.criteria():
                check_takes_two(one.function)
        if precision == "fp16" and self.runtime.device.type == "cpu":
            logger.warning("precision='fp16' on the CPU is slower than fp32, and less exact. Pass 'bf16' or 'fp32'.")
        model.to(self.runtime.device)
        for one in self.criteria():
            one.to(self.runtime.device, floating_dtype(model))
        self.shards = self.group.is_several and strategy == "fsdp"
        if self.shards:
            self._shard(optimizer)
        if not probe.has_lazy_parameters(model):
            self._make_optimizers()

    def _make_runtime(
        self, device: torch.device, precision: Precision, accumulate: int, max_grad_norm: float | None
    ) -> Runtime:
        if not self.group.is_several:
            return Runtime(device, precision, accumulate, max_grad_norm)
        if self.arguments["compile"]:
            raise ValueError(
                "compile=True is for one process so far: of several, the program would have to add up the gradients "
                "itself, and all would have to compile, or refuse, the same step, or wait for each other for ever. "
                "Pass compile=False, or strategy='none'."
            )
        if self.arguments["strategy"] == "fsdp":
            runtime = SharedRuntime(device, precision, accumulate, max_grad_norm, group=self.group, overlaps=False)
            runtime.engine = Sharding(self.group.world)
            return runtime
        several_steps = self.steps_itself and isinstance(self.arguments["optimizer"], Mapping)  # as of a GAN
        return SharedRuntime(device, precision, accumulate, max_grad_norm, group=self.group, overlaps=not several_steps)

    def _shard(self, optimizer: Any) -> None:
        """Divide the weights between the processes, before an optimizer takes them."""
        made = list(optimizer.values()) if isinstance(optimizer, Mapping) else [optimizer]
        if any(isinstance(one, Optimizer) for one in made):
            raise ValueError(
                "strategy='fsdp' divides the weights between the processes, and an optimizer made before holds whole "
                "ones. Pass optimizer='adam', a class, or a factory: functools.partial(torch.optim.AdamW, lr=1e-3)."
            )
        if self.runtime.scaler is not None:
            raise ValueError(
                "precision='fp16' scales the loss by what all gradients allow, and with strategy='fsdp' no process "
                "sees them all. Pass precision='bf16', which needs no scaling."
            )
        if any(isinstance(one.function, nn.Module) and [*one.function.parameters()] for one in self.criteria()):
            raise ValueError(
                "strategy='fsdp' divides the model's weights, and this loss has weights of its own, which would stay "
                "whole and learn something else in each process. Make them part of the model, whose outputs a loss "
                "without weights compares, or pass strategy='ddp'."
            )
        if probe.has_lazy_parameters(self.model):
            raise ValueError(
                "strategy='fsdp' divides weights, and lazy ones have no shape yet. Run the model once: model(x[:1])."
            )
        shard(self.model)

    @property
    def optimizer(self) -> Optimizer | dict[str, Optimizer]:
        """The optimizer; where several were given, a dict of them by name."""
        return self.optimizers.get("", self.optimizers)

    # ------------------------------------------------------------------------------------------- fit, evaluate, predict

    @suggests_arguments
    @together
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
        plan = plan_fit(
            self, x, y, batch_size=batch_size, epochs=epochs, validation_data=validation_data,
            validation_split=validation_split, shuffle=shuffle, sample_weight=sample_weight,
            class_weight=class_weight, steps_per_epoch=steps_per_epoch, callbacks=callbacks, resume=resume,
            checks=False if self.shards else checks, verbose=verbose,  # no process sees a whole weight
        )  # fmt: skip
        if self.group.is_several:
            shared_fit.take_share(self, plan)
        for finding in plan.findings:
            if finding.level == "error":
                raise finding.as_error()
        undo = undoing(self)
        validation = self._begin(plan)
        assert self._feed is not None
        self.signals.listen(signal.SIGINT, ask=self._interrupt)
        restore = partial(self._resume, plan.restored)
        try:
            with closing(plan.data):
                loop.fit(self, self._feed, validation, plan.hooks, restore)
            if self.group.is_several:
                shared_fit.end(self)
        except (TypeError, ValueError, OSError):  # refused by a callback or the first step
            undo()
            raise
        finally:
            self._feed = None
            self.runtime.detach()
            self.signals.close()
        return self.history

    @suggests_arguments
    @together
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
            batch_size: Rows at a time; when ``None``, those of a ``DataLoader``, and of data in memory as many as suit
                the model (32 to 4,096, and one more where the last would be alone).
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
        loader = self._judged_loader(x, y, sample_weight, batch_size)
        hooks = Hooks([*listed(callbacks), *progress(verbose, loader.num_batches)], self)
        if self.group.is_several and not self.shards:
            loader = dealt_out(loader, self.group.rank, self.group.world)
        with closing(loader):
            logs = loop.eval_epoch(self, loader, hooks)
        diverged = not math.isfinite(logs.get("loss", 0.0))
        found = loader.not_finite() if diverged and isinstance(loader, InMemoryLoader) else []
        if found:
            raise probe.not_finite_error(found, self.conversion.dtype)
        if self._codes and not self.is_fitting:
            self._judge(loader, logs)
        return logs

    def answered(
        self, x: Any, y: Any = None, *, batch_size: int | None = None, sample_weight: Any = None, judged: bool = True
    ) -> Iterator[tuple[Batch, StepOutput]]:
        """Yield each batch with what the model says of it in eval mode: predictions, targets and losses, on the device.

        This is what ``evaluate`` sums up, for whoever needs the rows: ``nk.assess`` does.

        Args:
            x: As in ``evaluate``.
            y: As in ``evaluate``.
            batch_size: As in ``evaluate``.
            sample_weight: As in ``evaluate``.
            judged: Make the checks that ``evaluate`` makes; not of rows that validated, which are known to have.

        Example:
            >>> trainer = Trainer(nn.Linear(1, 1), loss="mse")
            >>> [output.predictions.shape for _, output in trainer.answered(torch.ones(4, 1), torch.ones(4, 1))]
            [torch.Size([4, 1])]
        """
        loader = self._judged_loader(x, y, sample_weight, batch_size)
        with closing(loader):
            for batch in loop.placed(self, loader):
                with modes.evaluating(self.model), torch.no_grad():  # a consumer may train between two batches
                    output = self.compute_loss(batch)
                yield batch, output
        if judged and self._codes and not self.is_fitting:
            self._judge(loader, {})

    @suggests_arguments
    def predict(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Any:
        """Return the model's outputs as NumPy arrays, one row per input row, in the structure the model gives.

        No rows give arrays of no rows. Rows that hold NaN are predicted as the model sees them, which is said once.

        Args:
            x: As in ``fit``; targets that come with it are left alone.
            batch_size: Rows at a time; when ``None``, those of a ``DataLoader``, and of data in memory as many as suit
                the model (32 to 4,096, and one more where the last would be alone).
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

        Args:
            x: As in ``predict``.
            batch_size: As in ``predict``.
            callbacks: As in ``predict``.
            verbose: As in ``predict``.

        Raises:
            ValueError: If the loss is none that says how outputs become probabilities.

        Example:
            >>> x, y = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])
            >>> trainer = Trainer(nn.Linear(2, 2), loss="cross_entropy", device="cpu")
            >>> history = trainer.fit(x, y, verbose=0, checks=False)
            >>> trainer.predict_proba(x).sum(axis=1).round(3).tolist()
            [1.0, 1.0, 1.0, 1.0]
        """
        batches = self._outputs(x, batch_size, callbacks, verbose)
        return joined([self._by_task(outputs, probabilities) for outputs in batches])

    @suggests_arguments
    def predict_labels(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Any:
        """Return the most probable class of each row, in the user's own labels; 0 or 1 for each of several labels.

        Args:
            x: As in ``predict``.
            batch_size: As in ``predict``.
            callbacks: As in ``predict``.
            verbose: As in ``predict``.

        Raises:
            ValueError: If the task has no classes.

        Example:
            >>> x = torch.linspace(-1, 1, 40).reshape(-1, 1)
            >>> trainer = Trainer(nn.Linear(1, 2), loss="cross_entropy", learning_rate=0.1, device="cpu")
            >>> history = trainer.fit(x, ["low"] * 20 + ["high"] * 20, epochs=30, verbose=0, checks=False)
            >>> trainer.predict_labels(x[[0, 39]]).tolist()
            ['low', 'high']
        """
        batches = self._outputs(x, batch_size, callbacks, verbose)
        return joined([self._by_task(outputs, labels_of) for outputs in batches])

    @suggests_arguments
    def predict_batches(
        self, x: Any, *, batch_size: int | None = None, callbacks: Iterable[Callback] = (), verbose: int = 0
    ) -> Iterator[Any]:
        """Yield what ``predict`` returns batch by batch, in constant memory.

        Args:
            x: As in ``predict``.
            batch_size: As in ``predict``.
            callbacks: As in ``predict``.
            verbose: As in ``predict``.

        Raises:
            TypeError: If x is nothing that yields rows.
            ValueError: If it does not fit the model.

        Example:
            >>> trainer = Trainer(nn.Linear(2, 1), loss="mse", device="cpu")
            >>> [len(part) for part in trainer.predict_batches(torch.zeros(5, 2), batch_size=2)]
            [2, 2, 1]
        """
        return (to_numpy(outputs) for outputs in self._outputs(x, batch_size, callbacks, verbose))

    def stop(self, reason: str) -> None:
        """End the present ``fit`` after this batch; its epoch still validates and ends.

        Of several processes each may say so; all end at the same batch, within the next eight.

        Args:
            reason: Why, as ``history.stop_reason`` will tell.

        Example:
            >>> from neurokit import LambdaCallback
            >>> trainer = Trainer(nn.Linear(1, 1), loss="mse", device="cpu")
            >>> enough = LambdaCallback(on_epoch_end=lambda epoch, logs: trainer.stop("enough"))
            >>> trainer.fit(torch.ones(4, 1), torch.ones(4, 1), epochs=9, callbacks=[enough], verbose=0).stop_reason
            'enough'
        """
        if self.group.is_several and self.is_fitting:
            self.wish = str(reason)
            return
        self.state.stop_reason = str(reason)

    # -------------------------------------------------------------------------------------------------------- one batch

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        """Learn from one batch; return what to log. Override it for another way of learning, such as a GAN's.

        Args:
            batch: Inputs, targets and weights, on the device.

        Returns:
            Mean values by name, logged under these names. Tensors need not be detached: they are averaged by rows.

        Example:
            >>> class Doubled(Trainer):
            ...     def train_step(self, batch):
            ...         return super().train_step(batch) | {"rows": float(len(batch.x))}
            >>> x = torch.ones(4, 1)
            >>> Doubled(nn.Linear(1, 1), loss="mse", device="cpu").fit(x, x, verbose=0).history["rows"]
            [4.0]
        """
        if self._closure:
            return self._closure_step(batch)
        output = self.learn(batch, self.steppers) if self._compiled is None else self._compiled(batch)
        return step_logs(output, batch, self.metrics)

    def learn(self, batch: Batch, optimizers: Iterable[Optimizer]) -> StepOutput:
        """Compute the loss of one batch, its gradients, and update: what ``compile=True`` makes one program."""
        runtime = self.runtime
        runtime.zero_grad()
        output = self.compute_loss(batch)
        loss = require_gradient(output, self.model)
        runtime.backward(loss, window_weight(output, batch) if runtime.weighs else None)
        runtime.step(optimizers)
        return output

    def compute_loss(self, batch: Batch) -> StepOutput:
        """Run the model on one batch and compare. Override it for another loss, another input, or another mean.

        Args:
            batch: Inputs, targets and weights, on the device.

        Returns:
            The loss, a mean over ``weight`` (rows when ``None``), and what the metrics compare.

        Example:
            >>> class Cubed(Trainer):
            ...     def compute_loss(self, batch):
            ...         predictions = self.model(batch.x)
            ...         return StepOutput((predictions - batch.y).abs().pow(3).mean(), predictions, batch.y)
            >>> x = torch.ones(4, 1)
            >>> Cubed(nn.Linear(1, 1), loss="mse", device="cpu").fit(x, 2 * x, verbose=0).epoch
            [0]
        """
        x = batch.x
        with self.runtime.autocast:
            outputs = self.model(*x) if type(x) is tuple else self.model(**x) if type(x) is dict else self.model(x)
            return score(self.criterion, outputs, batch, self.model.training)

    def test_step(self, batch: Batch, metrics: MetricSet) -> Mapping[str, Any]:
        """Evaluate one batch: its losses, and its predictions into the metrics.

        Args:
            batch: Inputs, targets and weights, on the device.
            metrics: What takes in predictions and targets.

        Returns:
            Mean values by name.
        """
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

        self.steppers[0].step(evaluate)  # type: ignore[arg-type]  # LBFGS takes a tensor, as its documentation does
        return step_logs(outputs[0], batch, self.metrics)

    # ------------------------------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Return everything a run goes on from, from weights and optimizers to history and random streams."""
        return whole(self._own_state()) if self.shards else self._own_state()

    def packed(self, talk: Any = None) -> checkpoint.Whole | checkpoint.Part:
        """Return what a checkpoint of now is written from. Where weights are divided, that is this process's part.

        Args:
            talk: The group in which the processes agree on its files; one of its own for who writes in a thread.
        """
        if self.shards:
            return checkpoint.pack_part(self._own_state(), self.group.rank, talk or self.group.files)
        return checkpoint.pack(self.state_dict())

    def _own_state(self) -> dict[str, Any]:
        """The state, with what is divided as this process holds it."""
        names = parameter_names(self.model, self.criteria())
        state = {
            "record": self.record.to_json(),
            "model": self.model.state_dict(),
            "modes": modes.get_modes(self.model),
            "losses": [
                one.function.state_dict() if isinstance(one.function, nn.Module) else {} for one in self.criteria()
            ],
            "optimizers": {name: checkpoint.optimizer_state(one, names) for name, one in self.optimizers.items()},
            "runtime": self.runtime.state_dict(),
            "callbacks": self._hooks.state_dict(),
            "state": self.state.state_dict(),
            "means": self.means.state_dict(),
            "metrics": self.metrics.state_dict(),
            "history": self.history.state_dict(),
            "data": {} if self._feed is None else self._feed.loader.state_dict(),
            "classes": classes_by_name(self._targets),
            "inputs": {path: known._asdict() for path, known in self._inputs.items()},
            "rng": rng_state(),
        }
        together = self.group.is_several and self.is_fitting
        return reduction.state_of_all(self.group, state, self.metrics) if together else state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave: all of it or, with an error, nothing.

        The global random streams are left alone: only ``fit(resume=...)`` puts them back. A lazy model that has seen no
        data takes its shapes and weights first, and keeps them if the optimizer then turns out to be another.

        Raises:
            ValueError: If the state belongs to another architecture or other optimizers.
        """
        saved_state.check_parts(state)
        if not self.optimizers:  # a lazy model, which gets from the saved weights the shapes that no data has given yet
            checkpoint.load_module(self.model, state["model"])
            self._make_optimizers()
        if state["optimizers"].keys() != self.optimizers.keys():
            raise ValueError(
                f"The state holds the optimizers {sorted(state['optimizers'])}, and this trainer has "
                f"{sorted(self.optimizers)}. Build the trainer as the saved one was."
            )
        names = parameter_names(self.model, self.criteria())
        if self.shards:
            state = self._divided(state, names)
        checkpoint.match(self.model, state["model"])
        for name, one in self.optimizers.items():
            checkpoint.match_optimizer(one, names, state["optimizers"][name])
        for criterion, own in zip(self.criteria(), state.get("losses", []), strict=False):
            if isinstance(criterion.function, nn.Module) and own:
                checkpoint.match(criterion.function, own)
        checkpoint.load_module(self.model, state["model"])
        modes.set_modes(self.model, state["modes"])
        for criterion, own in zip(self.criteria(), state.get("losses", []), strict=False):
            if isinstance(criterion.function, nn.Module) and own:
                criterion.function.load_state_dict(own)
        for name, one in self.optimizers.items():
            checkpoint.load_optimizer_state(one, names, state["optimizers"][name])
        if self._compiled is not None:
            self._compiled.refresh()
        self.runtime.load_state_dict(state["runtime"])
        self.state.load_state_dict(state["state"])
        self._seeded = True
        take_classes(self._targets, state.get("classes"))
        self.task = None  # told again from the next data, with these labels
        self._inputs = restored_inputs(state.get("inputs"))

    @property
    def division(self) -> checkpoint.Division | None:
        """How a state lies in several processes; ``None`` where each holds all of it."""
        if not self.shards:
            return None
        own = self.model.state_dict()
        parameters = {name: one for one, name in parameter_names(self.model, self.criteria()).items()}

        def like(keys: tuple[Any, ...]) -> Tensor | None:
            match keys:
                case "model", name:
                    return own.get(name)
                case "optimizers", _, "state", name, _:
                    return parameters.get(name)
                case "callbacks", _, "state", *_, name:  # weights that EMA, SWA or EarlyStopping keeps
                    return own.get(name)
            return None

        return checkpoint.Division(like, self.group)

    def _divided(self, state: Mapping[str, Any], names: Mapping[nn.Parameter, str]) -> dict[str, Any]:
        """A state of whole tensors as this process holds its part of it."""
        parameters = {name: one for one, name in names.items()}
        optimizers = {
            name: {**one, "state": divided_states(parameters, one["state"])}
            for name, one in state["optimizers"].items()
        }
        return {**state, "model": divided(self.model.state_dict(), state["model"]), "optimizers": optimizers}

    @together
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
        check_path("folder", folder)
        packed = self.packed()
        with self.group.as_one():
            if self.group.is_first or self.shards:
                checkpoint.commit(Path(folder), packed, replace=True)
            if self.group.is_first:
                self.record.save(Path(folder) / "run.json")
        return Path(folder)

    @together
    def load(self, folder: str | Path, *, limits: checkpoint.Limits | None = None) -> None:
        """Take back what ``save``, or a ``ModelCheckpoint``, wrote: a checkpoint folder, or a run folder's newest.

        Args:
            folder: The folder.
            limits: What its files may ask for, where it comes from a stranger.

        Raises:
            ValueError: If the folder is damaged, or belongs to another architecture; nothing is changed then.
            FileNotFoundError: If there is no checkpoint.
        """
        state = saved_state.read_to_load(folder, limits, self.division)
        self.load_state_dict(state)
        self.history = History()
        self.history.load_state_dict(state["history"])
        self.record = RunRecord.from_json(state["record"], limits=limits)

    @together
    def save_weights(self, path: str | Path) -> Path:
        """Save the model's weights and buffers as one safetensors file; return its path.

        Args:
            path: The file, by custom ``*.safetensors``; one that is there is replaced.

        Raises:
            ValueError: If the suffix promises another format.
            OSError: If it cannot be written; names the path and the bytes it needs.

        Example:
            >>> import tempfile
            >>> path = Trainer(nn.Linear(2, 1), loss="mse").save_weights(tempfile.mkdtemp() + "/line.safetensors")
            >>> Trainer(nn.Linear(2, 1), loss="mse").load_weights(path)
        """
        check_path("path", path)
        weights = whole(self.model.state_dict()) if self.shards else self.model.state_dict()
        with self.group.as_one():
            if self.group.is_first:
                checkpoint.save_weights(Path(path), weights)
        return Path(path)

    def load_weights(self, path: str | Path, *, limits: checkpoint.Limits | None = None) -> None:
        """Load weights and buffers from a safetensors file, all of them or, with an error, none.

        Args:
            path: The file. For a ``.pt`` from elsewhere see ``neurokit.import_pt``.
            limits: What it may ask for, where it comes from a stranger.

        Raises:
            ValueError: If the file is none, is damaged, or belongs to another architecture.
        """
        check_path("path", path)
        weights = checkpoint.load_weights(Path(path), limits=limits)
        if self.shards:
            weights = divided(self.model.state_dict(), weights)
        checkpoint.load_module(self.model, weights, f"The weights in {path}")
        self._loaded = True

    # ------------------------------------------------------------------------------------------------------- said aloud

    def summary(self, x: Any = None) -> str:
        """Print, and return, the model's layers with their shapes and parameters, and what this trainer does with them.

        Args:
            x: A few rows of input, or anything ``predict`` takes, from which the shapes come; without it, layers and
                parameters only.

        Example:
            >>> text = Trainer(nn.Linear(2, 1), loss="mse").summary(torch.zeros(1, 2))  # doctest: +ELLIPSIS
            Layer   Type  Output  Parameters  Trainable
            -------------------------------------------
            Linear        (1, 1)           3  yes
            ...
        """
        rows = None if has_batches(x) else 2
        example = None if x is None else self.place(self._evaluation_loader(x, None, None, rows).peek()).x
        names: Any = self.criterion.name if isinstance(self.criterion, Criterion) else "the model's own"
        if isinstance(self.criterion, dict):
            names = {name: one.name for name, one in self.criterion.items()}
        notes = training_notes(
            device=self.runtime.device, precision=self.arguments["precision"], losses=names,
            optimizers=self.optimizers, metrics=self.metrics.names, task=in_words(self.task), chosen=self.chosen,
        )  # fmt: skip
        return printed(layer_table(self.model, example, call=call, notes=notes))

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
            plan = loop_plan(self, given.arguments)
        return printed(show_loop(plan))

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
            raise finding.as_error()
        if not finding.code:
            logger.warning(finding.message)
        elif finding not in self._said:
            self._said = self._said | {finding}
            logger.warning("%s [%s]", finding.message, finding.code)

    # -------------------------------------------------------------------------- asked by the loop, callbacks and checks

    @property
    def is_fitting(self) -> bool:
        """Whether a fit is under way."""
        return self._feed is not None

    @property
    def overrides(self) -> frozenset[str]:
        """Which of ``train_step`` and ``compute_loss`` are the user's own."""
        steps = ("train_step", "compute_loss")
        return frozenset(name for name in steps if getattr(type(self), name) is not getattr(Trainer, name))

    def criteria(self) -> list[Criterion]:
        """Return the losses, one or several, or none for a model that returns its own."""
        if isinstance(self.criterion, Criterion):
            return [self.criterion]
        return list(self.criterion.values()) if self.criterion else []

    def learning_rates(self) -> dict[str, float]:
        """Return the present learning rate, ``lr``, or ``lr_NAME`` for several optimizers; the first group's."""
        rates = {f"lr_{name}" if name else "lr": one.param_groups[0]["lr"] for name, one in self.optimizers.items()}
        return {name: float(rate) for name, rate in rates.items()}

    def train_batches(self) -> Iterator[Batch]:
        """Yield the batches of the present fit's training data once, on the device."""
        if self._feed is None:
            raise RuntimeError("There are no training data: train_batches works during a fit. Call it from a callback.")
        return loop.placed(self, self._feed.loader)

    def place(self, batch: Batch) -> Batch:
        """Bring a batch to the device, in the dtypes the model and the loss take."""
        return self.conversion(self.runtime.place(batch))

    def holds(self, loader: Loader) -> bool:
        """Tell whether a loader's batches are where and what they shall be already."""
        on_device = isinstance(loader, InMemoryLoader) and loader.is_on(self.runtime.device)
        return on_device and all(given is taken for given, taken in self.conversion.casts.items())

    def begin_epoch(self) -> None:
        """Make room for an epoch's means."""
        self.means = RunningMeans(self.runtime.device)
        self.metrics.reset()
        self._epoch_began = time.perf_counter()

    @contextmanager
    def taking_steps(self, loader: Loader, hooks: Hooks) -> Iterator[Callable[[Batch], Mapping[str, Any]]]:
        """The steps of an epoch: what takes one, with the parameter groups as callbacks have left them.

        Args:
            loader: The training data.
            hooks: The callbacks of this fit.
        """
        self.runtime.prepare(self.steppers)
        if self._compiled is None:
            yield self.train_step
            return
        self._compiled.begin_steps(loader, hooks)
        try:
            yield self.train_step
        finally:
            self._compiled.refresh()  # who takes steps by hand may change anything in between

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Write an epoch into history and record, and count it."""
        self.history.append(epoch, logs)
        now = time.perf_counter()
        self.record.timings["epochs"].append(round(now - self._epoch_began, 6))
        self.record.timings["seconds"] = round(now - self._fit_began, 6)
        self.record.epochs_run = len(self.history.epoch)
        self.record.metrics["last"] = dict(logs)
        self.state.end_epoch()
        if self.group.is_several:
            shared_fit.agree(self)

    def end_fit(self) -> None:
        """Complete history and record, however the fit ended."""
        if self._compiled is not None:
            self._compiled.end()
        self.history.directions |= self.monitors
        self.history.stop_reason = self.record.stop_reason = self.state.stop_reason or "completed"
        self.record.timings["seconds"] = round(time.perf_counter() - self._fit_began, 6)
        self.record.epochs_run = len(self.history.epoch)
        self.record.findings = [finding.to_json() for finding in self.findings]
        self.record.metrics["best"] = {
            name: float(self.history.best(name, direction))
            for name, direction in self.monitors.items()
            if direction and any(map(math.isfinite, self.history.history.get(name, ())))
        }

    def begin_evaluation(self) -> tuple[RunningMeans, MetricSet]:
        """Fresh means and metrics, so that an evaluation in the middle of an epoch leaves the epoch's own alone."""
        self.runtime.settle()
        return RunningMeans(self.runtime.device), self._test_metrics.fresh()

    def finish_logs(self, means: RunningMeans, metrics: MetricSet) -> dict[str, float]:
        """Return means and metrics as floats: the one host read of an epoch."""
        trains = means is self.means
        if self.group.is_several and (trains or not self.shards):
            means, metrics = reduction.over_all(
                self.group, means, metrics, self.model if trains and not self.shards else None
            )
        logs = means.compute()
        if isinstance(self.criterion, dict) and all(f"{name}_loss" in logs for name in self.criterion):
            logs["loss"] = sum(logs[f"{name}_loss"] for name in self.criterion)  # each over its own weights
        scores = metrics.compute()
        if self.steps_itself and trains:  # an own train_step feeds the metrics, or leaves them
            scores = {name: value for name, value in scores.items() if not math.isnan(value)}
        if not logs and self.criterion is None and not trains:
            self._note("The model gives no loss in eval mode, so there is no val_loss.")
        return logs | scores

    def answers(self, batch: Batch) -> list[Answer]:
        """Return what the model says of a batch, for each loss, with what is true; nothing where that is not known."""
        if not self.is_plain or self.criterion is None or self.task is None or batch.y is None:
            return []
        batch = self.place(batch)
        with modes.evaluating(self.model), torch.no_grad(), preserved_rng():
            outputs = self.predict_step(batch)
        return list(compared(by_name(self.criterion), by_name(self.task), outputs, batch.y))

    def rehearse(self, arguments: dict[str, Any], steps: int) -> list[Finding]:
        """Plan a fit, try its first steps if nothing stands against it, and return what was found.

        Callbacks are looked at, and do not run. What the steps change stays: ``nk.diagnose`` has it back.

        Args:
            arguments: Those of ``fit``, all of them.
            steps: How many steps to try.
        """
        plan = plan_fit(self, **arguments)
        if any(finding.level == "error" for finding in plan.findings):
            return plan.findings
        self.rehearsed = plan.arguments
        few = steps if self.steps_itself else min(steps, plan.state.steps_per_epoch or steps)  # it may accumulate
        self.fit(**arguments | {"callbacks": (), "epochs": 1, "steps_per_epoch": few, "verbose": 0})
        found = [finding for finding in self.findings if finding.code]
        return list(dict.fromkeys([*plan.findings, *found]))

    def reading(self, seed: int, inputs: Mapping[str, Known] | None = None, *, join_lone_row: bool = False) -> Reading:
        """Return how this trainer reads data, as it met them last, or as a checkpoint did.

        Args:
            seed: The data seed.
            inputs: What the checkpoint remembers of inputs.
            join_lone_row: Let a last batch of one row join the batch before it.
        """
        whole = self.criterion is None and self.is_plain  # a step of the user's gets (x, y, weight) taken apart
        inputs = self._inputs if inputs is None else inputs
        targets = copy.deepcopy(self._targets)  # only a fit that begins learns labels
        return Reading(targets, floating_dtype(self.model), seed, whole, join_lone_row, inputs)

    def data_seed(self, restored: Mapping[str, Any] | None = None) -> int:
        """Return the seed of order and split: the resumed run's, else the first fit's, else torch's as it is now."""
        if restored is not None:
            return int(restored["state"]["seed"])
        return int(self.group.gather(self.state.seed if self._seeded else torch.initial_seed())[0])

    # ------------------------------------------------------------------------------------------------- how a fit begins

    def _begin(self, plan: Plan) -> Loader | None:
        """Take over what was planned: from here on things change. Return what validates, on its way to the device."""
        self.wish = None
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
        replaced = any(finding.code == "not-in-optimizer" for finding in self.findings)  # which says it all
        foreign = foreign_parameters(self.optimizers, parameter_names(self.model, self.criteria()))
        if foreign and not replaced:
            self._note(describe_foreign(foreign))
        feed = SharedFeed if self.group.is_several else loop.Feed
        store = Store(self.runtime.device)
        self._feed = feed(
            self, self._made_on(store, plan.data.train), cut=plan.arguments["steps_per_epoch"] is not None
        )
        self.history = History(self.monitors)
        self._shown = loop_plan(self, plan.arguments, plan)
        self._fit_began = self._epoch_began = time.perf_counter()
        self.record = RunRecord.begin(
            self.model, self.runtime.device, data_seed=plan.state.seed, task=self.task,
            split=plan.data.split,
            parameters=self.arguments | plan.arguments | _batch_size(plan) | self.group.described(),
            data={"train": plan.data.train, "validation": plan.data.validation},
            signature=signature(None if plan.look.batch is None else plan.look.batch.x, self._inputs, self.task),
        )  # fmt: skip
        self.background = background(plan.data.train, plan.look.batch, plan.state.seed)
        if self.arguments["compile"]:
            self._begin_compiling(getattr(plan.data.train, "batch_size", None))
        for text in plan.notes(self.model):
            self._note(text)
        if text := plan.beginning():
            logger.warning(text)
        if self.group.is_several:
            shared_fit.begin(self)
        return None if plan.data.validation is None else self._made_on(store, plan.data.validation)

    def _made_on(self, store: Store, loader: Loader) -> Loader:
        """Have the batches of data in memory made on the device, in the layout that the model takes."""
        return loader.made_on(store, self.conversion.channels) if isinstance(loader, InMemoryLoader) else loader

    def _begin_compiling(self, rows: int | None) -> None:
        """Have this fit's steps compiled, those that are ours."""
        from neurokit.compiling import CompiledStep  # loading torch's compiler takes a second

        if self._closure:
            self._note(
                "compile=True: the step cannot be one program, and runs as it is: LBFGS evaluates the loss itself, "
                "several times a step."
            )
        elif self.steps_itself:
            self._note(
                "compile=True compiles Trainer's own step, and train_step is yours: only what calls "
                "super().train_step() gains. For the rest call model.compile()."
            )
        self._compiled = self._compiled or CompiledStep(self)
        self._compiled.begin(rows)

    def _take(self, look: FirstLook, validates: bool) -> None:
        """Take over what the first look told, and name everything this fit will log."""
        self.task = look.task
        self._test_metrics = MetricSet.resolve(self.arguments["metrics"], look.task)
        self.conversion = Conversion(floating_dtype(self.model), self._targets, look.casts, channels_last(self.model))
        self.chosen = look.chosen
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
        self.monitors_are_complete = not self.steps_itself and self.criterion is not None

    def _make_optimizers(self) -> None:
        own = [p for one in self.criteria() if isinstance(one.function, nn.Module) for p in one.function.parameters()]
        self.optimizers = make_optimizers(self.arguments["optimizer"], self.model, self.arguments["learning_rate"], own)
        self.steppers = tuple(self.optimizers.values())
        self._closure = any(map(needs_closure, self.steppers))
        if self._closure:
            check_closure_alone(self.steppers, self.runtime.accumulate, scaled=self.runtime.scaler is not None)
        self.runtime.prepare(self.steppers)

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
        self.record.created, self.record.metrics = saved.created, dict(saved.metrics)
        self.record.timings = dict(saved.timings)
        self._fit_began -= saved.timings.get("seconds", 0.0)
        if "fine_tune" in saved.parameters:  # its second phase goes on
            self.record.parameters["fine_tune"] = saved.parameters["fine_tune"]
        if self.state.epoch >= self.state.epochs:
            self._note(
                f"The resumed run has done {self.state.epoch} of {self.state.epochs} epochs: nothing is left to train."
            )
        if self.group.is_first:  # what was seen of a half-done epoch is added up again at its end
            self.means.load_state_dict(state["means"])
            self.metrics.load_state_dict(state["metrics"])
        if self.state.batch and not isinstance(self._feed.loader, InMemoryLoader):
            self._note(f"Resuming at batch {self.state.batch + 1}: the batches before it are passed over.")
        set_rng_state(state["rng"])
        reduction.enter_streams(self.group, self.state, state.get("rng_of_ranks", ()))
        state.clear()  # what was read takes as much memory as the run

    def _interrupt(self) -> None:
        """Have the loop end after the present step, when a signal asks for it."""
        self.state.stop_reason = "interrupted"

    # ------------------------------------------------------------------------------------------- how data are evaluated

    def _evaluation_loader(
        self, x: Any, y: Any, weight: Any, batch_size: int | None, may_be_empty: bool = False
    ) -> Loader:
        if batch_size is not None:
            check_count("batch_size", batch_size, such_as=256)
        how = self.reading(self.state.seed)._asdict()
        how |= {"batch_size": batch_size, "default_batch_size": ROWS, "may_be_empty": may_be_empty}
        return make_loader(x, y, weight, **how)

    def _judged_loader(self, x: Any, y: Any, weight: Any, batch_size: int | None) -> Loader:
        """A loader of rows with targets, once it is known what is asked and that they can be compared."""
        loader = self._evaluation_loader(x, y, weight, batch_size)
        if drops_rows(x):
            self._note("This DataLoader drops its last rows, so they are not evaluated. Pass one with drop_last=False.")
        if self.task is None or probe.has_lazy_parameters(self.model):
            look = look_at(self, loader, self._targets, checks=True)
            self.metrics = MetricSet.resolve(self.arguments["metrics"], look.task)
            self._take(look, validates=False)
        checked_task(self, self.task, loader)
        self._learn_casts(loader)
        self._note_untrained()
        return self._sized(loader, x, batch_size)

    def _sized(self, loader: Loader, x: Any, batch_size: int | None) -> Loader:
        """Have data in memory in batches that suit the model, where neither user nor DataLoader says how many rows."""
        given = batch_size is not None or has_batches(x)
        if not given and isinstance(loader, InMemoryLoader) and loader.num_rows > loader.batch_size:
            few = self.place(loader.rows_at(torch.arange(2))).x
            key = tuple((*one.shape, one.dtype) for one in tensors_in(few))
            if key not in self._rows_at_once:
                with self.runtime.autocast:
                    self._rows_at_once[key] = rows_at_once(self.model, few)
            loader = loader.resized(self._rows_at_once[key])
        return self._made_on(Store(self.runtime.device, room=0), loader)  # one pass is not worth keeping rows for

    def _learn_casts(self, loader: Loader) -> None:
        """See how whole numbers are cast whose dtype was not met before."""
        x, conversion = self.place(loader.peek()).x, self.conversion
        conversion.casts = probe.casts_for(self.model, x, conversion.dtype, conversion.casts)

    def _note_untrained(self) -> None:
        """Say once that nothing was learnt or loaded here: right for a pretrained model, forgotten for any other."""
        if not (self._seeded or self._loaded):
            self._note("This trainer has neither fitted nor loaded anything: the model answers as it came.")

    def _judge(self, loader: Loader, logs: dict[str, float]) -> None:
        """Make the checks of an evaluation that follows a fit; what it tells of the model, once a fit."""
        evaluation = Evaluation(loader, logs, self._selections, self.state.updates, self.answers)
        for finding in diagnostics.judge(evaluation, self._codes):
            self.tell(finding)
        self._codes = self._codes - {"one-class"}
        self.record.findings = [finding.to_json() for finding in self.findings]

    def _outputs(self, x: Any, batch_size: int | None, callbacks: Iterable[Callback], verbose: int) -> Iterator[Any]:
        loader = self._evaluation_loader(x, None, None, batch_size, may_be_empty=True)
        refuse_other_rows(x, loader)
        if probe.has_lazy_parameters(self.model):
            probe.forward_once(self.model, self.place(loader.peek()).x, self.conversion.dtype)
            self._make_optimizers()
        self._learn_casts(loader)
        if isinstance(loader, InMemoryLoader) and not self._inputs:  # nobody knows yet what a row looks like
            probe.refuse_one_sample(self.model, self.place(loader.peek()).x)
        loader = self._sized(loader, x, batch_size)
        hooks = Hooks([*listed(callbacks), *progress(verbose, loader.num_batches)], self)
        self._note_untrained()
        dealt = loader
        if self.group.is_several and not self.shards:  # where weights are divided, all compute all
            dealt = dealt_out(loader, self.group.rank, self.group.world)
        outputs = self._watched(loop.predict_batches(self, dealt, hooks), dealt)
        return outputs if dealt is loader else reduction.in_turn(self.group, outputs, loader)

    def _watched(self, batches: Iterator[Any], loader: Loader) -> Iterator[Any]:
        """Pass on predictions; say once where the inputs are NaN or infinite, if they are so."""
        finite = True
        for outputs in batches:
            if finite and isinstance(loader, InMemoryLoader) and not is_finite(outputs):
                finite = False
                for found in loader.not_finite():
                    self._note(f"{found}. Predictions for such rows are NaN, and labels made of them mean nothing.")
            yield outputs

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


def _batch_size(plan: Plan) -> dict[str, Any]:
    """The rows in a batch, also where nobody asked for so many; ``None`` where a loader has no number."""
    asked = plan.arguments["batch_size"]
    return {"batch_size": getattr(plan.data.train, "batch_size", None) if asked is None else asked}


def _targets_for(criterion: Criterion | dict[str, Criterion] | None, dtype: torch.dtype) -> Any:
    if isinstance(criterion, dict):
        return {name: Targets(one.kind, dtype) for name, one in criterion.items()}
    return Targets(criterion.kind if criterion else None, dtype)
