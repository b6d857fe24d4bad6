"""Probe: one look at the first batch before training, to tell the task, choose dtypes and refuse what cannot work."""

from __future__ import annotations

import inspect
import math
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from neurokit import modes
from neurokit.arguments import suggestions
from neurokit.data.batch import Batch
from neurokit.data.finite import NotFinite
from neurokit.data.inputs import one_sample
from neurokit.data.memory import InMemoryLoader
from neurokit.data.targets import Targets
from neurokit.losses import NUMBERS, Criterion
from neurokit.outputs import (
    IGNORED_LABEL,
    answers_classes,
    describe_outputs,
    find_prediction,
    output_fields,
    own_answers,
    prediction,
)
from neurokit.seeding import preserved_rng
from neurokit.task import Activation, Task
from neurokit.tree import map_tensors

_TORCH = os.path.dirname(torch.__file__)


class FirstLook(NamedTuple):
    """What the first batch told.

    Attributes:
        task: The kind of question, by output name where the loss has several.
        chosen: Where in the model's outputs the prediction is, in words; empty when it is the output itself.
        casts: How inputs of whole numbers are cast, for each of their dtypes; to itself where the model takes it.
        batch: The batch itself; ``None`` where nothing was looked at.
    """

    task: Task | dict[str, Task]
    chosen: str
    casts: Mapping[torch.dtype, torch.dtype]
    batch: Batch | None


def look(
    model: nn.Module,
    criterion: Criterion | dict[str, Criterion] | None,
    batch: Batch,
    targets: Any,
    dtype: torch.dtype,
    names: tuple[str, str] = ("x", "y"),
) -> FirstLook:
    """Run the model once in eval mode, without gradients, and leave it and every random stream as they were.

    Args:
        model: The user's module; lazy parameters take their shapes here.
        criterion: The loss, one per output name, or ``None`` for a model that returns its own.
        batch: The first batch, on the model's device.
        targets: How the loss takes its targets, as ``data.Targets``, by output name where it has several.
        dtype: The model's floating dtype.
        names: What the user calls inputs and targets, for messages.

    Raises:
        ValueError: If the model refuses the batch, or its outputs and the targets cannot belong together.
        TypeError: If there is no telling which output is the prediction.
    """
    if criterion is not None and batch.y is None:
        raise _no_targets(batch.x, names)
    try:
        outputs, casts = forward_once(model, batch.x, dtype, names[0])
    except ValueError as error:
        raise _swapped(model, batch, dtype, names) or error  # noqa: B904  it has its own cause
    if criterion is None:
        return FirstLook(_own_task(outputs, batch.x), "", casts, batch)
    if isinstance(criterion, Criterion):
        chosen = "" if isinstance(outputs, Tensor) else find_prediction(outputs)[1]
        task = _told_by(criterion, prediction(outputs), batch, targets, names[1])
        return FirstLook(task, chosen, casts, batch)
    fields = output_fields(outputs)
    missing = [name for name in criterion if not isinstance(fields.get(name), Tensor)]
    if missing:
        raise ValueError(
            f"The loss is a dict for {list(criterion)}, and the model returned {describe_outputs(outputs)}: no tensor "
            f"named {missing[0]!r}. Name the losses as the outputs are named."
        )
    if not isinstance(batch.y, Mapping) or not criterion.keys() <= batch.y.keys():
        raise ValueError(
            f"The loss is a dict for {list(criterion)}, and the targets are {describe_outputs(batch.y)}. Pass "
            f"{names[1]} as a dict by the same names."
        )
    tasks = {
        name: _told_by(one, fields[name], batch._replace(y=batch.y[name]), targets[name], f"{names[1]}[{name!r}]")
        for name, one in criterion.items()
    }
    return FirstLook(tasks, "", casts, batch)


def _swapped(model: nn.Module, batch: Batch, dtype: torch.dtype, names: tuple[str, str]) -> ValueError | None:
    """What to say where the model takes the targets as inputs, and not the inputs."""
    x, y = batch.x, batch.y
    if not isinstance(x, Tensor) or not isinstance(y, Tensor) or x.ndim >= y.ndim or y.numel() == len(y):
        return None
    try:
        forward_once(model, y, dtype)
    except Exception:  # what the model says of x is what counts
        return None
    return ValueError(
        f"{names[0]} and {names[1]} look swapped: {names[0]} has the shape {tuple(x.shape)}, {names[1]} "
        f"{tuple(y.shape)}, and the model takes what came as {names[1]}. Inputs come first: fit(x, y)."
    )


def _no_targets(x: Any, names: tuple[str, str]) -> ValueError:
    """What to say where a loss has nothing to compare with: a mapping may hold the targets under another key."""
    if not isinstance(x, Mapping):
        hint = ""
        if isinstance(x, tuple):
            hint = " A tuple is several inputs: if its last entry is the targets, pass it as y, fit(x, y)."
        return ValueError(
            f"The loss compares with targets and there are none. Pass {names[1]}, which is None, or, from a loader, "
            f"yield (x, y): a batch of {names[0]} is {describe_outputs(x)}.{hint} A model that returns its own loss "
            "takes Trainer(model, loss=None)."
        )
    usual = ("y", "label", "labels", "target", "targets", "class", "classes")
    label = next((key for key in x if str(key).lower() in usual), "label")
    inputs = [key for key in x if key != label]
    first = f"batch[{inputs[0]!r}]" if len(inputs) == 1 else "{" + ", ".join(f"{k!r}: ..." for k in inputs[:4]) + "}"
    return ValueError(
        f"The loss compares with targets and there are none: {names[0]} is a mapping with the keys "
        f"{', '.join(map(repr, list(x)[:8]))}, all of which go to forward. Targets are found under the key 'y', "
        f"weights under 'weight': yield {{'x': {first}, 'y': batch[{label!r}]}}, or the pair ({first}, "
        f"batch[{label!r}]); for data in memory pass {names[1]}."
    )


def _told_by(criterion: Criterion, predictions: Tensor, batch: Batch, how: Targets, name: str) -> Task:
    """The task that one loss, its predictions and targets tell, once torch's loss has taken them."""
    task = infer_task(criterion, predictions, batch.y, how, name)
    if criterion.kind is not None:  # a function of the user's may keep count of its calls
        with torch.no_grad():
            criterion(predictions, batch.y, batch.weight)
    return task


def has_lazy_parameters(model: nn.Module) -> bool:
    """Tell whether some parameters take their shapes from the first batch, and have seen none."""
    return any(is_lazy(parameter) for parameter in model.parameters())


def call(model: nn.Module, x: Any) -> Any:
    """Call a model with inputs by position (a tuple), by keyword (a dict) or alone."""
    return model(*x) if type(x) is tuple else model(**x) if type(x) is dict else model(x)


def forward_once(
    model: nn.Module, x: Any, dtype: torch.dtype, name: str = "x", rows: Sequence[int] = ()
) -> tuple[Any, dict[torch.dtype, torch.dtype]]:
    """Return outputs for one batch, and how its whole numbers had to be cast for the model to take them.

    They go in as they are (token ids, or images that the model scales itself); where the model refuses that, as the
    indices or the floats that its layers take.

    Args:
        model: The user's module.
        x: The batch's inputs.
        dtype: The model's floating dtype.
        name: What the user calls the inputs, for messages.
        rows: Which rows of the data these are, where not the first.

    Raises:
        ValueError: If one of torch's layers refuses its input, naming the layer and what arrived.
    """
    refusals: list[Exception] = []
    with modes.evaluating(model), torch.no_grad(), preserved_rng():
        for casts in _ways_to_cast(_whole_dtypes(x), dtype):
            try:
                return call(model, map_tensors(lambda tensor: tensor.to(casts.get(tensor.dtype)), x)), casts  # noqa: B023
            except (RuntimeError, TypeError, ValueError, IndexError) as refusal:
                refusals.append(refusal)
    # what is left once the numbers are of a kind the layers take; the first where it is all about kinds
    error = next((refusal for refusal in refusals if "type" not in str(refusal)), refusals[0])
    raise explain_refusal(error, model, x, name, rows)


def outputs_with_graph(model: nn.Module, x: Any) -> Any:
    """Return outputs for one batch in eval mode, with the graph that made them; nothing else is left behind."""
    with modes.evaluating(model), torch.enable_grad(), preserved_rng():
        return call(model, x)


def casts_for(
    model: nn.Module, x: Any, dtype: torch.dtype, known: Mapping[torch.dtype, torch.dtype]
) -> Mapping[torch.dtype, torch.dtype]:
    """Return the known casts, and those for whole numbers that were not seen before, at the price of one forward pass.

    Args:
        model: The user's module.
        x: A batch's inputs, as the known casts leave them.
        dtype: The model's floating dtype.
        known: How whole numbers are cast, for each dtype seen so far.
    """
    if known.keys() >= set(_whole_dtypes(x)):
        return known
    return {**forward_once(model, x, dtype)[1], **known}


def _whole_dtypes(x: Any) -> list[torch.dtype]:
    found: dict[torch.dtype, None] = {}
    map_tensors(lambda tensor: found.setdefault(tensor.dtype), x)
    return [dtype for dtype in found if not (dtype.is_floating_point or dtype.is_complex)]


def _ways_to_cast(whole: list[torch.dtype], dtype: torch.dtype) -> Iterator[dict[torch.dtype, torch.dtype]]:
    """The ways to give whole numbers to a model, the plainest first, no two of them the same."""
    as_they_are = {one: one for one in whole}
    ids = as_they_are | {one: torch.int64 for one in whole if one not in (torch.bool, torch.int32, torch.int64)}
    pixels = ids | {one: dtype for one in whole if one in (torch.bool, torch.uint8)}
    ways = [as_they_are, ids, pixels, dict.fromkeys(whole, dtype)]
    return (way for index, way in enumerate(ways) if way not in ways[:index])


def explain_refusal(error: Exception, model: nn.Module, x: Any, name: str = "x", rows: Sequence[int] = ()) -> Exception:
    """Return what to raise where a model raised: which layer of torch's refused what, or the user's own error itself.

    Args:
        error: What was raised.
        model: The user's module.
        x: The batch's inputs.
        name: What the user calls them.
        rows: Which rows of the data these are, where not the first.
    """
    explained = _call_refusal(error, model, x, name) or _layer_refusal(error, model, x, name, rows)
    if explained is None:
        return error
    explained.__cause__ = error
    return explained


def _call_refusal(error: Exception, model: nn.Module, x: Any, name: str) -> Exception | None:
    """Inputs that ``forward`` has no parameters for."""
    frame = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
    if not isinstance(error, TypeError) or frame.f_code.co_name != "_call_impl" or frame.f_locals["self"] is not model:
        return None
    parameters = inspect.signature(model.forward).parameters
    hint = ""
    if isinstance(x, Mapping):
        unknown = [str(key) for key in x if key not in parameters]
        missing = [key for key, one in parameters.items() if one.default is one.empty and key not in x]
        hint = f" It has no {unknown[0]!r}.{suggestions(unknown[0], missing or parameters)}" if unknown else ""
    elif isinstance(x, tuple) and len(x) == 2 and len(parameters) == 1:
        hint = f" If the second entry is the targets, pass it on its own: {name}, y."
    return TypeError(
        f"{type(model).__name__}.forward{inspect.signature(model.forward)} was called with "
        f"{describe_outputs(x)} as {name}.{hint} Several inputs are a tuple by position, ((a, b), y), or a dict by "
        f"keyword. Python says: {error}"
    )


def _layer_refusal(error: Exception, model: nn.Module, x: Any, name: str, rows: Sequence[int]) -> Exception | None:
    """An input that one of torch's own layers cannot take; an error from the user's own code is none."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        layer, arrived = frame.f_locals.get("self"), frame.f_locals.get("input")
        if not frame.f_code.co_filename.startswith(_TORCH) or (isinstance(layer, nn.Module) and any(layer.children())):
            return None
        if isinstance(layer, nn.Module) and isinstance(arrived, Tensor):
            where = next((f"{name!r}, " for name, module in model.named_modules() if module is layer and name), "")
            mend = _mend(layer, arrived, x, name, rows) or "Change the layer or the data."
            return ValueError(
                f"The layer {where}{layer}, cannot take what arrived: {tuple(arrived.shape)} of {arrived.dtype}. "
                f"{name} came as {describe_outputs(x)}. {mend} torch says: {error}"
            )
    return None


def _mend(layer: nn.Module, arrived: Tensor, x: Any, name: str, numbers: Sequence[int]) -> str:
    """What one of torch's layers takes, and how the data or the layer become so; empty where there is no telling."""
    shape, as_it_came = tuple(arrived.shape), isinstance(x, Tensor) and x.shape == arrived.shape
    if isinstance(layer, nn.Linear):
        return _mend_linear(layer, shape, name if as_it_came else "")
    if isinstance(layer, nn.modules.conv._ConvNd):
        return _mend_convolution(layer, shape, name if as_it_came else "")
    if isinstance(layer, nn.Embedding) and not arrived.is_floating_point() and arrived.numel():
        low, high, rows = int(arrived.min()), int(arrived.max()), layer.num_embeddings
        if low < 0 or high >= rows:
            wrong = int(((arrived < 0) | (arrived >= rows)).flatten(1 if arrived.ndim > 1 else 0).nonzero()[0][0])
            wrong = numbers[wrong] if len(numbers) == len(arrived) else wrong
            mend = "Ids start at 0." if low < 0 else f"Make it nn.Embedding({high + 1}, {layer.embedding_dim})."
            came = f"{low} to {high}" if low < high else f"{low}"
            return f"It has ids 0 to {rows - 1}, and {came} came, first out of range in row {wrong}. {mend}"
    wanted = getattr(layer, "input_size", None) if isinstance(layer, nn.RNNBase) else None
    if wanted is not None and shape and shape[-1] != wanted:
        return (
            f"It takes {wanted} numbers a step on the last axis, and {shape[-1]} came. Make it "
            f"nn.{type(layer).__name__}({shape[-1]}, ...), or pass {name} of shape (rows, steps, {wanted})."
        )
    wanted = getattr(layer, "num_features", None) if isinstance(layer, nn.modules.batchnorm._BatchNorm) else None
    if wanted is not None and len(shape) > 1 and shape[1] != wanted:
        return (
            f"It takes {wanted} features on axis 1, and {shape[1]} came. Make it nn.{type(layer).__name__}({shape[1]})."
        )
    return ""


def _mend_linear(layer: nn.Linear, shape: tuple[int, ...], name: str) -> str:
    wanted = layer.in_features
    if len(shape) == 1 and name:
        told = f"It takes {wanted} number{'s' * (wanted > 1)} a row, and {name} has one axis: {shape[0]} rows of one. "
        if wanted == shape[0]:
            return f"{told}One sample of {wanted} is {name}.reshape(1, -1)."
        columns = "Make it a column" if wanted == 1 else f"Pass {wanted} columns; one column is"
        return f"{told}{columns}: {name}.reshape(-1, 1)."
    got = shape[-1] if shape else 0
    if len(shape) > 2 and math.prod(shape[1:]) == wanted:
        return f"It takes {wanted} numbers, all that a row holds. Put nn.Flatten() before it."
    columns = f", or pass {name} with {wanted} columns" if name and len(shape) == 2 else ""
    mend = f"Make it nn.Linear({got}, {layer.out_features}){columns}."
    return f"It takes {wanted} numbers on the last axis, and {got} came. {mend}"


def _mend_convolution(layer: Any, shape: tuple[int, ...], name: str) -> str:
    wanted, axes = layer.in_channels, len(layer.kernel_size)
    told = f"It takes {wanted} channel{'s' * (wanted > 1)} on axis 1 of {axes + 2}"
    if len(shape) == axes + 1 and wanted == 1 and name:
        return f"{told}, and there is no such axis. Add it: {name}[:, None]."
    if len(shape) == axes + 2 and shape[-1] == wanted and name:
        return f"{told}, and they came last. Move them: numpy.moveaxis({name}, -1, 1)."
    if len(shape) == axes + 2:
        return f"{told}, and {shape[1]} came. Make it nn.{type(layer).__name__}({shape[1]}, {layer.out_channels}, ...)."
    return f"{told}, and {len(shape)} axes came."


def check_ids(model: nn.Module, loader: InMemoryLoader, place: Callable[[Batch], Batch], dtype: torch.dtype) -> None:
    """Try the smallest and largest whole numbers in memory on a model that looks vectors up by them.

    Args:
        model: The user's module.
        loader: The data.
        place: Brings a batch to the device, in the dtypes the model takes.
        dtype: The model's floating dtype.

    Raises:
        ValueError: If the model refuses them, as an embedding does an id that it has no vector for.
    """
    if not any(isinstance(module, (nn.Embedding, nn.EmbeddingBag)) for module in model.modules()):
        return
    rows = loader.extreme_rows()
    if rows:
        forward_once(model, place(loader.at(torch.tensor(rows))).x, dtype, loader.labels[0].name, rows)


def refuse_one_sample(model: nn.Module, x: Any) -> None:
    """Refuse one sample that came without the axis of rows, from which a model without one makes one answer.

    Args:
        model: The user's module.
        x: All of a call's inputs, as the model takes them.

    Raises:
        ValueError: If the answer does not have a row for each row of x, and one row for x as a sample.
    """
    if not isinstance(x, Tensor) or not 1 <= x.ndim <= 3 or not len(x):
        return
    with modes.evaluating(model), torch.no_grad(), preserved_rng():
        try:
            outputs, alone = call(model, x), call(model, x[None])
        except Exception:  # the call itself says what is wrong
            return
    both = isinstance(outputs, Tensor) and isinstance(alone, Tensor)
    if both and outputs.shape[:1] != x.shape[:1] and alone.shape[:1] == (1,):
        raise one_sample("x", tuple(x.shape))


def refuse_not_finite(found: list[NotFinite], outputs: Any, loss: Tensor | None, dtype: torch.dtype) -> None:
    """Refuse NaN and infinity in the data, unless the model and the loss know what to do with them.

    Args:
        found: What is NaN or infinite.
        outputs: What the model makes of a batch with some of it.
        loss: The loss of that batch.
        dtype: The model's floating dtype.

    Raises:
        ValueError: If an output or the loss is NaN or infinite.
    """
    sums: list[Tensor] = [] if loss is None else [loss.detach().sum()]
    map_tensors(lambda tensor: sums.append(tensor.detach().float().sum()), outputs)
    if all(bool(torch.isfinite(one)) for one in sums):
        return
    raise not_finite_error(found, dtype)


def not_finite_error(found: list[NotFinite], dtype: torch.dtype) -> ValueError:
    """Return the error for data that are NaN or infinite: what, where, and how to mend it."""
    large = f" Infinite is also what is too large for {dtype}: scale it." if any(one.infinite for one in found) else ""
    return ValueError(
        f"{'; '.join(map(str, found))}. A network takes finite numbers: one such row makes the loss NaN, and then "
        f"every weight.{large} {found[0].label.mend}."
    )


def infer_task(criterion: Criterion, predictions: Tensor, targets: Any, how: Targets, name: str = "y") -> Task:
    """Tell the task from the loss, and from shapes and dtypes where the loss is the user's own function.

    Args:
        criterion: The loss.
        predictions: What the model gave for one batch.
        targets: What is true, or ``None`` where only predictions are to be read.
        how: How the loss takes its targets.
        name: What the user calls them.

    Raises:
        ValueError: If torch's loss would be wrong or meaningless: fewer outputs than classes, no row per sample,
            targets or probabilities out of range.
    """
    if criterion.kind is None:
        return _told_by_shapes(criterion, predictions, targets, how)
    rows = len(targets) if isinstance(targets, Tensor) else None
    if predictions.ndim == 0 or (rows is not None and len(predictions) != rows):
        raise ValueError(
            f"The model gave {describe_outputs(predictions)} for {'one batch' if rows is None else f'{rows} rows'}. A "
            f"prediction has one row per sample on its first axis. {_row_mend(predictions, rows)}"
        )
    if not predictions.is_floating_point():
        whole = "Return the scores themselves, without argmax() or long(): predict_labels picks the class."
        raise ValueError(
            f"The model gave {predictions.dtype} of shape {tuple(predictions.shape)}, and {criterion.name!r} learns "
            "from floating numbers. "
            + ("Return real numbers, such as outputs.abs()." if predictions.is_complex() else whole)
        )
    _check_columns(criterion, predictions, targets, name)
    if criterion.kind == "classes":
        return _class_task(criterion, predictions, targets, how, name)
    if criterion.kind == "binary":
        return _binary_task(criterion, predictions, targets, how, name)
    tells_rates = isinstance(criterion.function, nn.PoissonNLLLoss) and criterion.function.log_input
    return Task("regression") if isinstance(criterion.function, NUMBERS) and not tells_rates else Task()


def _row_mend(predictions: Tensor, rows: int | None) -> str:
    """What to do where rows are not on the first axis."""
    if predictions.ndim == 0:
        return "Leave out the mean in forward; a model that returns its own loss takes loss=None."
    where = "for a mean, reshape or squeeze() without its axis in forward"
    if rows is not None and predictions.ndim > 1 and predictions.shape[1] == rows:
        where = "whether they are on the second (return outputs.transpose(0, 1), or build layers with batch_first=True)"
    return f"Look {where}, and whether x and y of a batch have as many rows as each other."


def _check_columns(criterion: Criterion, predictions: Tensor, targets: Any, name: str) -> None:
    """Refuse targets with another number of columns than the model has outputs, where both are tables."""
    if not isinstance(targets, Tensor) or not targets.ndim == predictions.ndim == 2:
        return
    columns, outputs = targets.shape[1], predictions.shape[1]
    if columns == outputs or (columns == 1 and criterion.kind == "classes") or outputs < 1:
        return
    expected = "one class index a row or of shape" if criterion.kind == "classes" else "of shape"
    mend = f"Give the last layer {columns} output{'s' * (columns > 1)}"
    if criterion.kind == "classes":
        mend += f", or pass class indices: {name}.argmax(1) if it is one-hot."
    else:
        mend += f", or pass the columns that are meant: {name}[:, :{outputs}]." if columns > outputs else "."
    raise ValueError(
        f"The model gives {tuple(predictions.shape)}, for which {criterion.name!r} takes targets {expected} "
        f"{tuple(predictions.shape)}, and {name} has {tuple(targets.shape)}. {mend}"
    )


def _class_task(criterion: Criterion, predictions: Tensor, targets: Any, how: Targets, name: str) -> Task:
    if predictions.ndim < 2 or predictions.shape[1] < 2:
        raise ValueError(
            f"{criterion.name!r} compares the outputs of two classes or more, and the model gives "
            f"{tuple(predictions.shape)}: its loss would be 0 whatever it says. Give the last layer one output per "
            "class, or use 'bce_with_logits'."
        )
    outputs = int(predictions.shape[1])
    if how.classes is not None and len(how.classes) > outputs:
        raise ValueError(
            f"{name} holds {len(how.classes)} classes, {how.classes[:8].tolist()}, and the model has {outputs} "
            f"outputs. Give its last layer {len(how.classes)}, one for each class."
        )
    activation: Activation = "softmax" if isinstance(criterion.function, nn.CrossEntropyLoss) else "identity"
    if isinstance(criterion.function, nn.NLLLoss):
        activation = "exp"
    task = Task("multiclass", activation, outputs, how.classes, criterion.ignore_index)
    check_targets(criterion, task, targets, name)
    return task


def _binary_task(criterion: Criterion, predictions: Tensor, targets: Any, how: Targets, name: str) -> Task:
    says_probabilities = isinstance(criterion.function, nn.BCELoss)
    if says_probabilities:
        criterion.check_probabilities(predictions)
    single = predictions.ndim == 1 or predictions.shape[1] == 1
    classes = 2 if single else int(predictions.shape[1])
    activation: Activation = "identity" if says_probabilities else "sigmoid"
    task = Task("binary" if single else "multilabel", activation, classes, how.classes)
    check_targets(criterion, task, targets, name)
    return task


def _told_by_shapes(criterion: Criterion, predictions: Tensor, targets: Any, how: Targets) -> Task:
    """The task of a function of the user's, from the look of what it compares."""
    own_parameters = isinstance(criterion.function, nn.Module) and any(True for _ in criterion.function.parameters())
    if not isinstance(targets, Tensor) or own_parameters:  # with parameters it compares embeddings, not answers
        return Task()
    if targets.is_floating_point():
        return Task("regression" if targets.numel() == predictions.numel() else None)
    if answers_classes(predictions, targets):
        return Task("multiclass", "identity", int(predictions.shape[1]), how.classes)
    return Task()


def _own_task(outputs: Any, x: Any) -> Task:
    """The task of a model that returns its own loss, when it also returns logits and got labels."""
    logits, labels = own_answers(outputs, x)
    if logits is None or labels is None:
        return Task()
    if answers_classes(logits, labels):
        last = logits.ndim > 2 and prediction(outputs).shape[:-1] == x["labels"].shape
        return Task("multiclass", "softmax", int(logits.shape[1]), None, IGNORED_LABEL, classes_last=last)
    if labels.is_floating_point() and labels.shape == logits.shape and logits.ndim == 2 and logits.shape[1] > 1:
        return Task("multilabel", "sigmoid", int(logits.shape[1]))
    return Task("regression") if labels.is_floating_point() else Task()


def checked_targets(criterion: Criterion, task: Task, y: Any, name: str = "y") -> Task:
    """Check every target in memory against the outputs; return the task, without ``ignore_index`` where none is."""
    ignored = check_targets(criterion, task, y, name)
    return task if ignored or task.ignore_index is None else replace(task, ignore_index=None)


def check_targets(criterion: Criterion, task: Task, y: Any, name: str = "y") -> bool:
    """Refuse targets that the outputs have no room for; tell whether some may be of ``ignore_index``.

    Args:
        criterion: The loss.
        task: What it asks.
        y: Targets, all that are in memory; of others nothing is known.
        name: What the user calls them.

    Raises:
        ValueError: Naming the range, the first row out of it and, where there is one, the mend.
    """
    if not isinstance(y, Tensor):
        return criterion.ignore_index is not None
    if criterion.kind == "binary":
        _check_shares(y, name)
    if criterion.kind != "classes" or y.is_floating_point() or task.num_classes is None:
        return False
    counted = torch.ones_like(y, dtype=torch.bool)
    if criterion.ignore_index is not None:
        counted = torch.ne(y, criterion.ignore_index)
    wrong = ((y < 0) | (y >= task.num_classes)) & counted
    if bool(wrong.any()):
        raise _out_of_range(y, int(wrong.nonzero()[0][0]), task.num_classes, name)
    return not bool(counted.all())


def _out_of_range(y: Tensor, row: int, outputs: int, name: str) -> ValueError:
    low, high = int(y.min()), int(y.max())
    mend = f"Number the classes from 0: numpy.unique({name}, return_inverse=True)[1]."
    if high < 20 * outputs:
        mend = f"Give it {high + 1} outputs, or n{mend[1:]}"
    if low == 1 and high == outputs:
        mend = f"Labels look 1-based: use {name} - 1."
    if low == -1 and high == 1 and not bool((y == 0).any()):
        mend = f"For -1 and 1 as two classes, use ({name} + 1) // 2."
    elif low < 0:
        mend = f"To leave out the rows of {low}, pass loss=nn.CrossEntropyLoss(ignore_index={low})."
    return ValueError(
        f"{name} holds classes from {low} to {high} (first out of range in row {row}), and the model has outputs for 0 "
        f"to {outputs - 1}. {mend}"
    )


def _check_shares(y: Tensor, name: str) -> None:
    wrong = (y < 0) | (y > 1)  # the loss of such a target can become negative
    if bool(wrong.any()):
        position = wrong.nonzero()[0]
        mend = "For classes 0, 1, 2, ... use 'cross_entropy'; for numbers, 'mse'."
        values = y.unique().tolist()
        if values in ([-1, 1], [1, 2], [0, 255], [0, 100]):
            mend = {-1: f"For -1 and 1 use ({name} + 1) / 2.", 1: f"For 1 and 2 use {name} - 1."}.get(
                int(values[0]), f"Use {name} / {int(values[1])}."
            )
        raise ValueError(
            f"{name} holds {y[tuple(position)].item():g} in row {int(position[0])}, and this loss takes targets from 0 "
            f"to 1. {mend}"
        )


def class_weights(given: Any, task: Any, criterion: Any) -> Tensor | None:
    """Return one weight per class index from what the user passed: a dict by label, or one for each class in order.

    Raises:
        ValueError: If a class is missing or unknown, a weight is negative or not finite, all are 0, or the run has no
            classes to weigh.
        TypeError: If it is neither a dict nor a sequence.
    """
    if given is None:
        return None
    if not isinstance(criterion, Criterion) or not isinstance(task, Task) or task.kind not in ("binary", "multiclass"):
        raise ValueError(
            f"class_weight weighs the classes of one loss, and this run has none; got {given!r:.40}. Leave it out, or "
            "use sample_weight."
        )
    if (own := getattr(criterion.function, "weight", None)) is not None:
        raise ValueError(
            f"class_weight was given, and the loss has class weights of its own, {criterion.name}(weight="
            f"{own.tolist()!s:.60}). Keep one of them."
        )
    labels = list(range(task.num_classes or 2)) if task.classes is None else task.classes.tolist()
    by_label = _by_label(given, labels)
    missing = [label for label in labels if label not in by_label]
    unknown = [label for label in by_label if label not in labels]
    if missing or unknown:
        hint = suggestions(str(unknown[0]), map(str, missing)) if unknown else ""
        raise ValueError(
            f"class_weight needs one weight for each class {labels}; missing {missing}, unknown {unknown}.{hint} Pass "
            f"class_weight={dict.fromkeys(labels[:4], 1.0)}{' and so on' if len(labels) > 4 else ''}, changed."
        )
    for label, weight in by_label.items():
        if isinstance(weight, str) or not hasattr(weight, "__float__"):
            raise TypeError(
                f"class_weight[{label!r}] is {weight!r} ({type(weight).__name__}), and a weight is a number. Pass one, "
                f"such as {{{label!r}: 2.0}}."
            )
    weights = torch.tensor([float(by_label[label]) for label in labels])
    if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()) or not bool(weights.any()):
        raise ValueError(
            f"class_weight holds finite weights of 0 or more, some above 0, got {by_label}. "
            "Pass 1.0 for a class that counts as it is, and 0 for one that is not to be learnt."
        )
    return weights


def _by_label(given: Any, labels: list[Any]) -> dict[Any, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise TypeError(
            f"class_weight is a dict by label or a sequence in the classes' order, got {given!r:.60}. Pass such as "
            "class_weight={0: 1.0, 1: 5.0}; for balanced ones, sklearn.utils.class_weight.compute_class_weight."
        )
    if len(given) != len(labels):
        raise ValueError(
            f"class_weight holds {len(given)} weights, and the classes are {labels}; got {given!s:.60}. Pass one each."
        )
    return dict(zip(labels, given, strict=True))
