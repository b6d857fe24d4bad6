"""Arguments: plain checks that say what arrived, what is taken, and what may have been meant."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_OTHER_NAMES: Final = {  # what other libraries call an argument of ours
    "lr": "learning_rate",
    "criterion": "loss",
    "loss_fn": "loss",
    "gpu": "device",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "val_data": "validation_data",
    "clipnorm": "max_grad_norm",
    "layer_decay": "decay",
    "start_lr": "start",
    "min_lr": "start",
    "end_lr": "end",
    "max_lr": "end",
    "num_steps": "steps",
    "num_iter": "steps",
    "out_features": "num_classes",
    "n_classes": "num_classes",
    "min_size": "min_group",
    "random_state": "seed",
    "n_boot": "resamples",
    "sensitive_features": "sensitive",
    "control_features": "control",
    "n_bins": "bins",
    "n_repeats": "repeats",
    "scoring": "metric",
    "target_precision": "precision",
    "target_recall": "recall",
}


def nearest(name: str, choices: Iterable[str], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the names that a misspelt one may have meant, the nearest first; upper and lower case are one.

    Example:
        >>> nearest("Adan", ["sgd", "adam", "nadam"])
        ['adam', 'nadam']
    """
    by_key: dict[str, str] = {}
    for choice in choices:
        by_key.setdefault(choice.lower(), choice)
    return [by_key[key] for key in difflib.get_close_matches(name.lower(), by_key, n=count, cutoff=cutoff)]


def question(names: Iterable[str]) -> str:
    """Return names as the last sentence of a message, " Did you mean 'adam' or 'nadam'?"; "" where there is none."""
    *others, last = map(repr, dict.fromkeys(names)) if names else [""]
    return f" Did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if last else ""


def suggestions(name: str, choices: Iterable[str], count: int = 3, cutoff: float = 0.6) -> str:
    """Return the names that a misspelt one may have meant, as the last sentence of a message; "" where none is near.

    Args:
        name: What the user wrote.
        choices: What exists.
        count: How many to name at most, the nearest first.
        cutoff: How near they have to be, from 0 (anything) to 1 (the same), as ``difflib`` measures it.

    Example:
        >>> suggestions("adan", ["sgd", "adam", "nadam"])
        " Did you mean 'adam' or 'nadam'?"
    """
    return question(nearest(name, choices, count, cutoff))


def check_choice(name: str, value: Any, choices: tuple[Any, ...], **meant: Any) -> None:
    """Refuse a value that is none of the choices, naming the nearest.

    Args:
        name: The argument.
        value: What arrived.
        choices: What is taken.
        **meant: Other spellings, each with the choice that it means.
    """
    plain = isinstance(value, (str, int, np.integer)) and not isinstance(value, bool)
    if plain and value in choices:
        return
    word = str(value).removeprefix("torch.")
    hint = suggestions(word, map(str, choices))
    if word.lower() in meant:
        hint = f" Did you mean {meant[word.lower()]!r}?"
    raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, got {value!r}.{hint or ' Pass one of these.'}")


def check_count(name: str, value: Any, least: int = 1, *, such_as: int = 10) -> None:
    """Refuse what is no whole number of ``least`` or more."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if whole and value >= least:
        return
    mend = f"Pass {name.split()[0]}={_counted(value, least) or such_as}, for instance."
    if whole:
        raise ValueError(f"{name} is {least} or more, got {value}. {mend}")
    raise TypeError(f"{name} is a whole number of {least} or more, got {value!r} ({type(value).__name__}). {mend}")


def _counted(value: Any, least: int) -> int | None:
    """The count that was probably meant: 32 by 32.0, "32" or -32."""
    try:
        count = abs(int(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return count if count >= max(least, 1) and not isinstance(value, bool) else None


def check_number(name: str, value: Any, words: str, fits: Callable[[float], bool], *, such_as: float) -> None:
    """Refuse what is no finite number in a range.

    Args:
        name: The argument.
        value: What arrived.
        words: The range, as in "a number of 0 or more".
        fits: Tells whether a number is in it.
        such_as: One that is.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and fits(float(value)):
        return
    kind = "" if is_number else f" ({type(value).__name__})"
    message = f"{name} is {words}, got {value!r}{kind}. Pass {name.split()[0]}={such_as}, for instance."
    raise ValueError(message) if is_number else TypeError(message)


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither ``True`` nor ``False``: a string such as "no" would count as true."""
    if not isinstance(value, (bool, np.bool_)) and not (isinstance(value, int) and value in (0, 1)):
        raise TypeError(f"{name} is True or False, got {value!r} ({type(value).__name__}). Pass {name}=True.")


def check_path(name: str, path: Any) -> None:
    """Refuse what is no path."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} is a path, got {path!r:.60} ({type(path).__name__}). Pass a str or pathlib.Path.")


def check_model(model: Any) -> None:
    """Refuse what is no module, and one whose parameters have no values or cannot learn."""
    from torch import nn  # loaded here: everything else in this file is asked where there is no torch
    from torch.nn.parameter import is_lazy

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
    from torch import nn

    if "keras" in type(found).__module__:
        return "This one is Keras's: build it of torch.nn's layers."
    if isinstance(found, (list, tuple)) and all(isinstance(one, nn.Module) for one in found) and found:
        return "Pass nn.Sequential(*layers)."
    if isinstance(found, Mapping):
        return "Weights go into one: model.load_state_dict(weights), then Trainer(model)."
    if callable(found):
        return "Pass what it returns, or write it as the forward of a class of nn.Module."
    return "Pass one, such as nn.Linear(4, 3)."


def check_keywords(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a keyword that a function does not take, naming the nearest that it does.

    Args:
        owner: The function or class, as the user calls it.
        given: The keywords of the call.
        known: Those it takes.
    """
    known = list(known)
    for name in given:
        if name not in known:
            other = _OTHER_NAMES.get(name)
            hint = question([other]) if other in known else suggestions(name, known)
            takes = f"It takes {', '.join(known)}." if known else "It takes none."
            raise TypeError(f"{owner} has no argument {name!r}.{hint} {takes}")


def check_binds_two(function: Callable[..., Any], name: str, call: str, mend: str) -> None:
    """Refuse what cannot be called with two arguments, before anything is trained.

    Args:
        function: What is to be called so. A builtin that shows no signature passes.
        name: What it is called.
        call: Who calls it with what, as in "A metric is called with (y_true, y_pred)".
        mend: What to do instead.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise TypeError(f"{call}, and {name}{signature} cannot be: {error}. {mend}") from None


def suggests_arguments(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Answer a misspelt keyword of a method or a function with its nearest, where Python only says it is unexpected.

    Its signature stays what it is, for editors, type checkers and ``inspect``. Costs a microsecond a call.
    """
    every = list(inspect.signature(function).parameters.values())
    before = 1 if every and every[0].name == "self" else 0  # of a method, self comes by position too
    parameters = every[before:]
    known = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
    places = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    takes_any = len(known) < len(parameters)
    owner = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @functools.wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if not takes_any and not kwargs.keys() <= set(known):
            check_keywords(owner, kwargs, known)
        if len(args) > before + len(places):
            raise _too_many(owner, places, known[len(places) :], list(args[before + len(places) :]))
        return function(*args, **kwargs)

    return checked


def _too_many(owner: str, places: list[str], others: list[str], extra: list[Any]) -> TypeError:
    pairs = zip(others, extra, strict=False)
    plain = [f"{name}={value!r}" for name, value in pairs if isinstance(value, (str, int, float))]
    advice = f"Name the others: {', '.join(others)}." if others else "Leave the others out."
    if len(plain) == len(extra):
        advice = f"Name the others, such as {', '.join(plain)}."
    taken = f"{len(places)} argument{'s' if len(places) > 1 else ''} by position ({', '.join(places)})"
    return TypeError(f"{owner} takes {taken if places else 'no argument by position'}, and got "
                     f"{len(places) + len(extra)}. {advice}")  # fmt: skip
