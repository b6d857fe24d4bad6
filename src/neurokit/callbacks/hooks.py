"""Hooks: which callback hears of which event, found out once a run, so that what nobody overrides costs nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch.optim import lr_scheduler

from neurokit.arguments import nearest, suggestions
from neurokit.callbacks.callback import Callback
from neurokit.processes import Group

Hook = Callable[..., None]

EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class Hooks:
    """The callbacks of one run, in the order in which they see its events.

    Args:
        callbacks: The user's and our own; sorted by ``order``, equal ones as given.
        trainer: Handed to each of them.

    Raises:
        TypeError: If something is not a callback instance.
        ValueError: If the same instance is given twice.
    """

    def __init__(self, callbacks: Iterable[Any], trainer: Any) -> None:
        given = list(callbacks)
        for position, callback in enumerate(given):
            _check(callback, given[:position])
        self._group: Group = getattr(trainer, "group", None) or Group()
        if not self._group.is_first:
            given = [callback for callback in given if not callback.for_one]
        self.callbacks: list[Callback] = sorted(given, key=lambda callback: callback.order)
        for callback in self.callbacks:
            callback.trainer = trainer
        self._hooks = {event: [getattr(c, event) for c in self.callbacks if _overrides(c, event)] for event in EVENTS}

    def hears(self, event: str) -> bool:
        """Tell whether anyone overrides an event's hook."""
        return bool(self._hooks[event])

    def hearing(self, *events: str) -> list[Callback]:
        """Return the callbacks that override a hook of one of these events."""
        return [one for one in self.callbacks if any(_overrides(one, event) for event in events)]

    def begin(self, logs: Any) -> None:
        """Call ``on_train_begin``: of those that may refuse the run, then of those that make files.

        What the first of several processes runs alone may fail in it alone; then it fails in all of them.
        """
        for makes_files in (False, True):
            begin = [one for one in self.callbacks if bool(one.makes_files) is makes_files]
            with self._group.as_one():
                self.fire("on_train_begin", logs, to=[one for one in begin if one.for_one])
            self.fire("on_train_begin", logs, to=[one for one in begin if not one.for_one])

    def fire(self, event: str, *arguments: Any, to: Sequence[Callback] | None = None) -> None:
        """Call an event's hooks, or those of some callbacks.

        An exception goes on as it is, with a note that names callback and hook.
        """
        for hook in self._hooks[event] if to is None else [getattr(one, event) for one in to if _overrides(one, event)]:
            try:
                hook(*arguments)
            except Exception as error:
                error.add_note(f"Raised by {self._name(event, hook)}.")
                raise

    def close(self, event: str, logs: Any, failure: BaseException | None) -> None:
        """Call an event's hooks to the last one, whatever they raise; then raise the first failure, if there is any.

        Args:
            event: The event that ends a run.
            logs: What the hooks get.
            failure: What went wrong before; what the hooks raise becomes a note on it.
        """
        for hook in self._hooks[event]:
            try:
                hook(logs)
            except BaseException as error:
                error.add_note(f"Raised by {self._name(event, hook)}.")
                if failure is None:
                    failure = error
                else:
                    name = self._name(event, hook)
                    failure.add_note(f"While closing, {name} raised {type(error).__name__}: {error}")
        if failure is not None:
            raise failure

    def _name(self, event: str, hook: Hook) -> str:
        owner = next(callback for callback in self.callbacks if getattr(callback, event) == hook)
        return f"{type(owner).__name__}.{event}"

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of every callback that remembers anything, with its class."""
        states = []
        for callback in self._remembering():
            with _naming(callback, "state_dict"):
                states.append({"class": type(callback).__name__, "state": callback.state_dict()})
        return states

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> list[str]:
        """Give each state to the callback of its class, in order; return the classes that have no taker."""
        takers = self._remembering()
        without: list[str] = []
        for state in states:
            taker = next((callback for callback in takers if type(callback).__name__ == state["class"]), None)
            if taker is None:
                without.append(state["class"])
                continue
            takers.remove(taker)
            with _naming(taker, "load_state_dict"):
                taker.load_state_dict(state["state"])
        return without

    def _remembering(self) -> list[Callback]:
        return [callback for callback in self.callbacks if type(callback).state_dict is not Callback.state_dict]


@contextmanager
def _naming(callback: Callback, method: str) -> Iterator[None]:
    """Let an exception say in which callback's method it was raised."""
    try:
        yield
    except Exception as error:
        error.add_note(f"Raised by {type(callback).__name__}.{method}.")
        raise


def _check(callback: Any, before: Sequence[Any]) -> None:
    if not isinstance(callback, Callback):
        raise _no_callback(callback)
    name = type(callback).__name__
    if any(callback is other for other in before):
        raise ValueError(
            f"callbacks holds the same {name} twice: it was given twice, and would hear of everything twice. Leave one "
            f"out, or make another: {name}(...)."
        )
    _check_hook_names(type(callback))
    for event in EVENTS:
        if _overrides(callback, event):
            _check_parameters(callback, event)


def _no_callback(found: Any) -> TypeError:
    """What to say of something that is no callback, and what was probably meant."""
    if isinstance(found, type) and issubclass(found, Callback):
        return TypeError(f"callbacks holds the class {found.__name__}, not a callback. Pass {found.__name__}().")
    if callable(found) and not isinstance(found, type):
        name = getattr(found, "__name__", type(found).__name__)
        if name == "<lambda>":
            name = "lambda epoch, logs: ..."
        return TypeError(
            f"callbacks holds the function {name}, and a callback says when it is called. Pass "
            f"LambdaCallback(on_epoch_end={name})."
        )
    kind = found if isinstance(found, type) else type(found)
    origin = next((_OTHER_LIBRARIES[root] for base in kind.__mro__ if (root := _root(base)) in _OTHER_LIBRARIES), None)
    mend = "Pass instances of subclasses of Callback, such as nk.EarlyStopping()."
    if origin is not None:
        from neurokit import __all__ as ours

        same = f"Use nk.{kind.__name__}, or let" if kind.__name__ in ours else "Let"
        mend = f"It is {origin}'s, whose hooks nothing here calls. {same} your class derive from nk.Callback."
    elif isinstance(found, lr_scheduler.LRScheduler):
        mend = "Pass nk.LRSchedule(scheduler)."
    elif isinstance(found, (list, tuple)):
        mend = "Pass one flat list: [*these, *others]."
    elif isinstance(found, str):
        from neurokit import __all__ as ours

        near = nearest(found.replace("_", ""), ours) or ["EarlyStopping"]
        mend = f"A callback goes by no name, it is made: nk.{near[0]}()."
    return TypeError(f"callbacks holds {found!r:.60} ({kind.__name__}), which is no callback. {mend}")


_OTHER_LIBRARIES = {
    "keras": "Keras", "tensorflow": "Keras", "tf_keras": "Keras", "lightning": "Lightning",
    "pytorch_lightning": "Lightning", "transformers": "Hugging Face", "skorch": "skorch", "fastai": "fastai",
}  # fmt: skip


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def listed(callbacks: Any) -> list[Callback]:
    """Return the callbacks as a list, also where there is one or none."""
    if callbacks is None:
        return []
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, (Callback, str, Mapping, type))
    return list(callbacks) if several else [callbacks]  # of one that is no callback Hooks says what it is


def _check_parameters(callback: Callback, event: str) -> None:
    """Refuse a hook that could not be called as its event is."""
    if is_ours(vars(callback).get(event) or getattr(type(callback), event)):  # a signature costs 30 us
        return
    code = getattr(Callback, event).__code__
    needed = code.co_varnames[1 : code.co_argcount]
    try:
        signature = inspect.signature(getattr(callback, event))
    except (TypeError, ValueError):  # a builtin that shows none
        return
    try:
        signature.bind(*needed)
    except TypeError as error:
        raise TypeError(
            f"{type(callback).__name__}.{event} is called with ({', '.join(needed)}), and {event}{signature} cannot "
            f"be: {error}. Write {event}({', '.join(needed)})."
        ) from None


def is_ours(value: Any) -> bool:
    """Tell whether a class or a function was defined in this library."""
    return str(getattr(value, "__module__", "")).startswith("neurokit.")


def _overrides(callback: Callback, event: str) -> bool:
    return getattr(type(callback), event) is not getattr(Callback, event) or event in vars(callback)


def _check_hook_names(kind: type[Callback]) -> None:
    """Refuse a method that was meant to be a hook: under another name nothing would ever call it."""
    own = {name for base in kind.__mro__ if base is not Callback for name in vars(base) if name.startswith("on_")}
    for name in sorted(own - set(EVENTS)):
        if hint := suggestions(name, EVENTS, cutoff=0.75):
            raise TypeError(f"{kind.__name__} defines {name}, which nothing calls.{hint} Rename it.")
