"""FirstEpoch: gathers evidence while the first epoch trains and validates, and lets the later checks look at it.

The evidence costs a plain step nothing: it is taken where an epoch begins, validates and ends. Only a step of the
user's own is watched at work, by hooks on its optimizers, on a few parameters and modules, until the epoch is over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from neurokit.callbacks.callback import Callback, Logs
from neurokit.data.batch import Batch
from neurokit.data.sources import Loader
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.samplers import EpochCalls
from neurokit.diagnostics.setup import Answer, Setup, optimizers_of

Check = Callable[["FirstEpoch"], Finding | None]

_SAMPLED = 4096  # values of a parameter that are remembered, to see whether it moved: 10 us a parameter
_WATCHED_MODULES = 16
_LATE = frozenset({"epoch-not-set"})  # a callback's on_epoch_end may still set it


class FirstEpoch(Callback):
    """Watches the first whole epoch of a fit without a hook per batch, and costs nothing after it.

    Args:
        setup: What was known before.
        checks: By code, those to make when the epoch is over.
        tell: What takes a finding; raises for an error.

    Attributes:
        before: Modes, statistics and sampled weights when the epoch's callbacks had begun it.
        after: Modes and statistics when its training was over.
        still: Names of the parameters whose values did not change; of a large one a sample is looked at.
        at_work: What the hooks saw of a step of the user's own; ``None`` where the step is ours.
        woken: Names of modules that were in eval mode when validation began and trained at its end.
        evaluated: By BatchNorm layer, how many batches of the validation its statistics took.
        epoch_calls: Samplers whose ``set_epoch`` is the user's to call.
        logs: What the epoch logged.
        look: What the checks of the loss made of a batch, once for all of them.
    """

    order = -1000  # sees the epoch's end before any callback of the user's changes something

    def __init__(self, setup: Setup, checks: dict[str, Check], tell: Callable[[Finding], Any]) -> None:
        self.setup, self.checks, self.tell = setup, checks, tell
        self.before: Moment | None = None
        self.after: Moment | None = None
        self.still: list[str] = []
        self.at_work: AtWork | None = None
        self.woken: list[str] = []
        self.evaluated: dict[str, int] = {}
        self.epoch_calls: EpochCalls | None = None
        self.logs: Logs = {}
        self.look: Any = None
        self._validating: dict[str, int] = {}

    def parameters(self) -> dict[str, nn.Parameter]:
        """The parameters by name, those of a loss that has some among them."""
        functions = [one.function for one in self.setup.losses.values()]
        of_losses = [one.named_parameters() for one in functions if isinstance(one, nn.Module)]
        return {f"loss.{name}": one for named in of_losses for name, one in named} | dict(self.model.named_parameters())

    def optimizers(self) -> list[Optimizer]:
        """Every optimizer of the trainer, those that a step of the user's own keeps elsewhere on it among them."""
        return list(optimizers_of(self.trainer.optimizers, vars(self.trainer)).values())

    def moments(self) -> tuple[Moment, Moment]:
        """How the epoch's training began, and how it ended."""
        assert self.before is not None
        assert self.after is not None
        return self.before, self.after

    @property
    def overrides_loss(self) -> bool:
        """Whether ``compute_loss`` is the user's own, and a plain step or validation calls it."""
        return not self.setup.plain and "compute_loss" in self.setup.overrides

    @property
    def loader(self) -> Loader:
        """What trained."""
        return self.setup.train

    @property
    def batch(self) -> Batch | None:
        """The first rows of it; ``None`` where nobody knows what a step makes of them."""
        return self.setup.batch

    @property
    def updates(self) -> int:
        """Optimizer updates so far."""
        return self.trainer.state.updates

    def answers(self, batch: Batch) -> list[Answer]:
        """Return what the model, as it is now, says of a batch, with what is true."""
        return self.trainer.answers(batch)

    def some_batch(self) -> Batch | None:
        """A batch of the training data, placed; ``None`` where they are gone through only once."""
        if self.setup.train.one_shot:
            return None
        return self.setup.batch or self.trainer.place(self.setup.train.peek())

    def begin(self) -> None:
        """Remember how the epoch begins, after every callback's ``on_epoch_begin``."""
        if not self.checks:
            return
        self.before = Moment(self.model, self.parameters())
        if not self.setup.plain:
            self.at_work = AtWork(self.model, self.optimizers() if self.setup.steps_itself else ())

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Listen for ``set_epoch``, before any callback calls it."""
        if self.checks:
            self.epoch_calls = EpochCalls(self.setup.train)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """See how training ended, before a callback changes weights for validation."""
        self._end_training()

    def begin_validation(self) -> None:
        """Remember BatchNorm's statistics as validation begins, after every callback's ``on_test_begin``."""
        self._validating = statistics(self.model) if self.before else {}

    def on_test_end(self, logs: Logs | None = None) -> None:
        """See what validation changed."""
        if self.before is None:
            return
        now = statistics(self.model)
        self.evaluated = {name: now[name] - count for name, count in self._validating.items() if now[name] != count}
        names = {module: name for name, module in self.model.named_modules()}
        self.woken = [names[module] for module in self.trainer.woken if module in names]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Make the checks, once, on the first epoch that was seen from its beginning."""
        self._end_training()
        if self.before is None:
            return
        self.logs = dict(logs or {})
        self._make(self.checks.keys() - _LATE)

    def finish(self) -> None:
        """Make what checks are left, after every callback's ``on_epoch_end``."""
        if self.before is not None:
            self._make(self.checks.keys())
            self._forget()

    def _make(self, codes: Collection[str]) -> None:
        checks = {code: check for code, check in self.checks.items() if code in codes}
        self.checks = {code: check for code, check in self.checks.items() if code not in codes}
        for code, check in checks.items():
            if found := check(self):
                self.tell(Finding(found.level, found.message, code))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leave nothing behind, however the fit ended."""
        self._forget()

    def _end_training(self) -> None:
        if self.before is None or self.after is not None:
            return
        self.after = Moment(self.model)
        sampled = self.before.weights
        parameters = self.parameters()
        self.still = [name for name, one in parameters.items() if name in sampled and _same(one, sampled[name])]
        if self.at_work:
            self.at_work.remove()

    def _forget(self) -> None:
        if self.at_work:
            self.at_work.remove()
        if self.epoch_calls:
            self.epoch_calls.remove()
        self.before = self.after = self.at_work = self.epoch_calls = self.look = None
        vars(self).pop("setup", None)  # it holds the data


class Begun(Callback):
    """Tells a ``FirstEpoch`` when an epoch and its validation have begun, every other callback having had its turn."""

    order = 1000

    def __init__(self, watch: FirstEpoch) -> None:
        self.watch = watch

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Let it remember how the epoch begins."""
        self.watch.begin()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Let it remember how validation begins."""
        self.watch.begin_validation()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Let it make its last checks."""
        self.watch.finish()


class Moment:
    """What can be seen of a model without running it.

    Attributes:
        training: Each module's mode, by name.
        statistics: For each BatchNorm layer, how often its statistics were changed.
        frozen: Names of parameters that are not trainable.
        buffers: How often buffers other than BatchNorm's were changed, all together.
        weights: Values of each parameter, up to a few thousand of each; empty unless parameters are given.
    """

    def __init__(self, model: nn.Module, parameters: Mapping[str, nn.Parameter] | None = None) -> None:
        self.training = {name: module.training for name, module in model.named_modules()}
        self.statistics = statistics(model)
        self.frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
        norms = {id(one) for module in model.modules() if isinstance(module, _BatchNorm) for one in module.buffers()}
        self.buffers = sum(one._version for one in model.buffers() if id(one) not in norms and not one.is_inference())
        self.weights = {name: sample(one).clone() for name, one in (parameters or {}).items()}


def statistics(model: nn.Module) -> dict[str, int]:
    """Return for each BatchNorm layer how often its statistics were changed: a number that no device is asked for."""
    norms = [(name, one) for name, one in model.named_modules() if isinstance(one, _BatchNorm)]
    tracked = [(name, one.num_batches_tracked) for name, one in norms]  # None with track_running_stats=False
    return {name: one._version for name, one in tracked if one is not None and not one.is_inference()}


def sample(parameter: nn.Parameter) -> Tensor:
    """Return a view of some of a parameter's values, evenly spread over its axes."""
    tensor = parameter.detach()
    if tensor.numel() <= _SAMPLED:
        return tensor
    step = math.ceil((tensor.numel() / _SAMPLED) ** (1 / tensor.ndim))
    return tensor[(slice(None, None, step),) * tensor.ndim]


def _same(parameter: nn.Parameter, before: Tensor) -> bool:
    now = sample(parameter)
    return now.shape == before.shape and torch.equal(now, before.to(now.device))


class AtWork:
    """Sees a step of the user's own at work: updates, gradients that were not cleared, the modes of what is called.

    Whether gradients are cleared shows where one arrives: after an update, the first to arrive finds none before it,
    or zeros. A parameter may also get gradients that nobody uses, as a discriminator does from its generator's loss;
    so only an update counts before which not a single gradient found a clean place.

    Attributes:
        updates: How often each optimizer stepped, by its id.
        stale: Optimizers that updated with gradients of an update before, by id as well.
        modes: Of each watched module, the first modes it was called in with gradients on, repetitions left out.

    Args:
        model: The model, whose parts are watched as they are called.
        optimizers: Those that the user's own step uses; none where the step is ours.
    """

    def __init__(self, model: nn.Module, optimizers: Iterable[Optimizer]) -> None:
        self.updates: Counter[int] = Counter()
        self.stale: set[int] = set()
        self.modes: dict[str, list[bool]] = {}
        self._dirty: dict[int, bool] = {}  # of an optimizer that stepped: gradients came since, and none found it clean
        self._handles: list[Any] = []
        for optimizer in optimizers:
            self._watch_updates(optimizer)
        for name, module in watched_modules(model):
            self._watch_calls(name, module)

    def _watch_updates(self, optimizer: Optimizer) -> None:
        key = id(optimizer)
        trainable = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        own: list[Any] = []

        def before(*_: Any) -> None:
            if self._dirty.get(key):
                self.stale.add(key)
            if key in self._dirty:  # one window says it all
                while own:
                    own.pop().remove()

        def after(*_: Any) -> None:
            self.updates[key] += 1

        def arrives(parameter: nn.Parameter) -> Callable[[Tensor], None]:
            def look(gradient: Tensor) -> None:
                if self.updates[key] and self._dirty.get(key, True):
                    left = parameter.grad
                    self._dirty[key] = left is not None and bool(left._nnz() if left.is_sparse else left.any())

            return look

        ends = dict.fromkeys(trainable[:1] + trainable[-1:])
        own += [parameter.register_hook(arrives(parameter)) for parameter in ends]
        self._handles += [*own, optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]

    def _watch_calls(self, name: str, module: nn.Module) -> None:
        called = _Called()
        self.modes[name] = called.modes
        self._handles.append(module.register_forward_pre_hook(called))

    def remove(self) -> None:
        """Take all hooks away; what was seen stays."""
        for handle in self._handles:
            handle.remove()
        self._handles = []


class _Called:
    """Notes in which modes a module is called; a class, since a model may be copied meanwhile, and pickled."""

    def __init__(self) -> None:
        self.modes: list[bool] = []

    def __call__(self, module: nn.Module, _: Any) -> None:
        modes = self.modes
        if len(modes) < 3 and torch.is_grad_enabled() and modes[-1:] != [module.training]:
            modes.append(module.training)


def watched_modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the model and its largest parts, no single layers: a call costs 10 us more. None of a compiled model."""
    if any(_is_compiled(one) for one in model.modules()):
        return []
    named = [(name, one) for name, one in model.named_modules() if name.count(".") < 2]
    return [(name, one) for name, one in named if one is model or any(one.children())][:_WATCHED_MODULES]


def _is_compiled(module: nn.Module) -> bool:
    kind = type(module).__name__  # importing the class of torch.compile's wrapper takes a second
    compiled = getattr(module, "_compiled_call_impl", None) is not None or kind == "OptimizedModule"
    return compiled or isinstance(module, torch.jit.ScriptModule)
