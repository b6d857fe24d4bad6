"""Program: a function that ``torch.compile`` made fast, and what is looked at before it runs."""

from __future__ import annotations

import dis
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

import torch
from torch._C._dynamo.eval_frame import _debug_get_cache_entry_list
from torch._dynamo import eval_frame
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from neurokit.callbacks.callback import Callback
from neurokit.compiling.refusals import ReadsOptimizerError
from neurokit.compiling.rewriting import InKernels
from neurokit.history import History
from neurokit.means import RunningMeans
from neurokit.metrics import MetricSet
from neurokit.state import TrainingState

_NOBODY_CHANGES = ("G['__import_torch", "G['__import_neurokit", "G['__builtins")
_WE_CHANGE = (TrainingState, RunningMeans, MetricSet, History, Callback, LRScheduler)  # in every step
_PROGRAM = "__compiled_fn_"
_READ = {  # what torch's code may name, and change nothing: where tensors are, and its own helpers that read
    "__self__", "model", "_modules", "_parameters", "_buffers", "runtime", "_window_weight", "criterion", "_reduced",
    "function", "x", "y", "weight", "state", "param_groups", "grad", "__import_torch_dot__dynamo_dot_utils",
    "dict_keys_getitem", "record_pregraph_bytecode_enter", "record_pregraph_bytecode_exit",
    "torch", "_as_tensor_fullprec",
}  # fmt: skip


class Program:
    """Calls a function as one program of ``torch.compile``.

    Before each call torch looks at all that the program relies on, which are 200 things for a small net, and enters
    and leaves its compiler: as long as the program itself takes. Nothing of that is needed where nothing can have
    changed: where no code of the user's has run since the last look, which the caller must know, the program changes
    tensors only, and it relies on nothing that this library changes in every step. Such a call is ``again``.

    Args:
        function: What is compiled; it refers to what it works on by its closure.
        options: For the compiler, besides our own.

    Raises:
        torch._dynamo.exc.Unsupported: In a call, before anything is computed, if it cannot be one program.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        function.__code__ = function.__code__.replace()  # torch keeps programs by code: each has its own
        self._function = function
        options = {
            "guard_filter_fn": self._watched,
            "size_asserts": False,  # of sizes that guards have seen to
            "post_grad_custom_post_pass": InKernels(),
            "fallback_random": torch.are_deterministic_algorithms_enabled(),  # the dropout that eager steps draw
            **options,
        }
        self._relies_on_steps = False  # on what changes in every one
        self._guarded = torch.compile(function, fullgraph=True, options=options)
        self._latest: CodeType | None = None
        self._without_look: Callable[..., Any] | None = None  # the latest code, where it changes tensors only
        self._looked = False

    def __call__(self, *arguments: Any) -> Any:
        """Call it, after a look at what it relies on; compile it where that has changed."""
        return self._guarded(*arguments)

    def again(self, *arguments: Any) -> Any:
        """Call it, without a look where one was taken since the last ``forget`` and nothing else can have changed.

        Args:
            arguments: As in the call before: of tensors only the numbers may differ.
        """
        if self._looked and self._without_look is not None:
            return self._without_look(*arguments)
        result = self._guarded(*arguments)
        entries = _debug_get_cache_entry_list(self._function.__code__)  # the first is what ran last
        if not entries or eval_frame._stance.stance != "default" or self._relies_on_steps:
            self._latest = self._without_look = None  # it ran as it is, or may have; or has to be looked at each time
        elif entries[0].code is not self._latest:
            self._latest = code = entries[0].code
            self._without_look = _function_of(code, self._function) if changes_tensors_only(code) else None
        self._looked = True
        return result

    def forget(self) -> None:
        """Take another look before the next call: somebody's code has run."""
        self._looked = False

    def _watched(self, guards: Sequence[Any]) -> list[bool]:
        """Tell which of the things a program relies on are looked at: all but libraries and our code.

        Raises:
            ReadsOptimizerError: If one of them is an optimizer, of which torch makes something else inside a program.
        """
        for guard in guards:
            if isinstance(guard.value, Optimizer):
                raise ReadsOptimizerError(guard.orig_guard.user_stack)
        self._relies_on_steps |= any(isinstance(guard.value, _WE_CHANGE) for guard in guards)
        return [not (guard.is_global and guard.name.startswith(_NOBODY_CHANGES)) for guard in guards]


def _function_of(code: CodeType, function: Any) -> Callable[..., Any]:
    return FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)


def changes_tensors_only(code: CodeType) -> bool:
    """Tell whether what torch made of a function writes to nothing in Python but gradients.

    It calls the program, and what it has to do in Python besides stands in its own code: to set attributes, or to add
    to lists and dicts. So all that code is looked through, and where it names anything but what is known to be read,
    it is taken to write.

    Example:
        >>> changes_tensors_only((lambda batch: batch.x).__code__)
        True
        >>> changes_tensors_only((lambda batch: batch.seen.append(1)).__code__)
        False
    """
    return all(map(_is_known, dis.get_instructions(code)))


def _is_known(one: dis.Instruction) -> bool:
    if one.opname.startswith(("STORE_", "DELETE_")) and "FAST" not in one.opname:
        return one.opname == "STORE_ATTR" and one.argval == "grad"
    return one.opcode not in dis.hasname or one.argval in _READ or one.argval.startswith(_PROGRAM)
