"""Functions: a trainer, a module or any function of the user's as one function from rows to columns of numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurokit import probe
from neurokit.data.arrays import is_array, is_table, map_leaves, to_tensor
from neurokit.data.batch import Batch
from neurokit.data.inputs import Known
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader, make_loader
from neurokit.explanations.untouched import untouched
from neurokit.losses import Criterion
from neurokit.outputs import describe_outputs, find_prediction, output_fields, prediction
from neurokit.predictions import probabilities
from neurokit.runtime import floating_dtype
from neurokit.task import Task
from neurokit.trainer import Trainer
from neurokit.tree import map_tensors

Array = np.ndarray[Any, Any]

_CLASSES = ("binary", "multiclass", "multilabel")
_ROWS_AT_ONCE = 2048
_NUMBERS_AT_ONCE = 2**20  # of inputs: a batch of pictures is one of few rows


@dataclass(frozen=True)
class Output:
    """One output of what is explained.

    Attributes:
        name: Its name among several; ``""`` for the only one.
        columns: How many numbers it is a row.
        names: What they are called: class names where there are classes.
        kind: ``"probability"``, or ``"logit"`` for the model's own numbers.
        is_single: It is one number a row, so that no axis of outputs is wanted.
    """

    name: str
    columns: int
    names: tuple[str, ...]
    kind: str
    is_single: bool


@dataclass
class Explained:
    """What is explained: a function of rows, and what there is to know of it.

    Attributes:
        call: From rows, in the structure of x, to one array ``(rows, columns)`` for each output.
        read: What a user calls rows as a structure of tensors, or of arrays and tables for a function of the user's.
        known: What a fit remembers of the inputs.
        background: Rows of the training data, where somebody kept them.
        module: The module behind it, for gradients; ``None`` for a function of the user's.
        as_module: The same function as a module of floating tensors, on a copy of the user's.
        place: Brings rows to the module, in the dtypes it takes.
        tasks: What a trainer's outputs are asked for, once the function was called.
        output_of: Tells of an output what there is to know, by its name and number of columns.
        notes: What a reader should know.
    """

    call: Callable[[Any], dict[str, Array]]
    read: Callable[[Any, str], Any]
    known: Mapping[str, Known] = field(default_factory=dict)
    background: Any = None
    module: nn.Module | None = None
    as_module: Callable[[Any], nn.Module] | None = None
    place: Callable[[Any], Any] = lambda x: x
    tasks: Mapping[str, Task] = field(default_factory=dict)
    output_of: Callable[[str, int], Output] = lambda name, columns: Output(name, columns, (), "logit", columns == 1)
    notes: list[str] = field(default_factory=list)

    def __call__(self, x: Any) -> dict[str, Array]:
        """Return every output for rows, float64 ``(rows, columns)``, some rows at a time."""
        parts = [self.call(part) for part in _in_parts(x)]
        return {name: np.concatenate([part[name] for part in parts]).astype(np.float64) for name in parts[0]}

    def untouched(self) -> Any:
        """Return the context in which the model is asked."""
        return untouched(*([] if self.module is None else [self.module]))


def rows_of(x: Any) -> int:
    """Return how many rows inputs have."""
    first: list[int] = []
    map_leaves(lambda value, _: first.append(len(value)), x, "")
    return first[0]


def take(x: Any, rows: Any) -> Any:
    """Return some rows of inputs."""
    return map_leaves(lambda value, _: value.iloc[rows] if is_table(value) else value[rows], x, "")


def _in_parts(x: Any) -> list[Any]:
    numbers: list[int] = []
    map_leaves(lambda value, _: numbers.append(int(np.prod(value.shape[1:]))), x, "")
    size = int(np.clip(_NUMBERS_AT_ONCE // max(1, sum(numbers)), 8, _ROWS_AT_ONCE))
    rows = rows_of(x)
    return [x] if rows <= size else [take(x, slice(first, first + size)) for first in range(0, rows, size)]


def explained(model: Any, output: str) -> Explained:
    """Return what is explained as a function of rows.

    Args:
        model: A trainer, a module, an estimator of scikit-learn's kind, or a function of rows.
        output: ``"auto"``, ``"probability"`` or ``"logit"``.

    Raises:
        TypeError: If it is none of these.
        ValueError: If it has no such output.
    """
    if isinstance(model, Trainer):
        return _of_trainer(model, output)
    if isinstance(model, nn.Module):
        return _of_module(model, output)
    if isinstance(model, type) or not (callable(model) or hasattr(model, "predict")):
        called = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        raise TypeError(
            f"explain takes a Trainer, an nn.Module or a function of rows, and got {called}. Pass "
            "explain(trainer, x), or explain(lambda rows: ..., x) for anything else that answers rows."
        )
    return _of_function(model, output)


# ------------------------------------------------------------------------------------------------------------- trainers


def _of_trainer(trainer: Trainer, output: str) -> Explained:
    model = trainer.model
    _refuse_lazy(model)
    reading = trainer.reading(trainer.state.seed)
    casts: dict[torch.dtype, torch.dtype] = dict(trainer.conversion.casts)
    kinds: dict[str, str] = {}
    tasks: dict[str, Task] = {}

    def place(x: Any) -> Any:
        placed = trainer.place(Batch(x, None, None)).x
        casts.update(probe.casts_for(model, placed, trainer.conversion.dtype, casts))
        return map_tensors(lambda tensor: tensor.to(casts.get(tensor.dtype, tensor.dtype)), placed)

    def answers(outputs: Any) -> dict[str, Tensor]:
        if isinstance(trainer.criterion, dict):
            fields = output_fields(outputs)
            return {name: fields[name] for name in trainer.criterion}
        return {"": prediction(outputs)}

    def call(x: Any) -> dict[str, Array]:
        with torch.no_grad():
            outputs = trainer.predict_step(Batch(place(x), None, None))
        found = {}
        for name, tensor in answers(outputs).items():
            if name not in tasks:
                tasks[name] = _task(trainer, name, tensor, reading.targets)
                kinds[name] = _kind(tasks[name], output)
            as_told = probabilities(tasks[name], tensor) if kinds[name] == "probability" else _host(tensor)
            found[name] = _in_columns(as_told, name)
        return found

    def output_of(name: str, columns: int) -> Output:
        names = _class_names(tasks[name], columns, kinds[name])
        return Output(name, columns, names, kinds[name], columns == 1)

    def as_module(columns: Any) -> nn.Module:
        heads = {name: _head(task) for name, task in tasks.items() if kinds[name] == "probability"}
        return _Differentiable(model, answers, heads, columns)

    def read(x: Any, name: str) -> Any:
        _refuse_words(x, name)
        how = reading._asdict() | {"batch_size": None, "default_batch_size": 256, "names": (name, "y", "sample_weight")}
        return all_rows(make_loader(x, None, None, **how)).x

    return Explained(
        call, read, reading.inputs, getattr(trainer, "background", None), model, as_module, place, tasks, output_of
    )


def _task(trainer: Trainer, name: str, tensor: Tensor, targets: Any) -> Task:
    """What one output of a trainer is asked for."""
    if isinstance(trainer.criterion, dict):
        task = trainer.task.get(name) if isinstance(trainer.task, Mapping) else None
        criterion: Criterion | None = trainer.criterion[name]
        targets = targets[name]
    else:
        task = trainer.task if isinstance(trainer.task, Task) else None
        criterion = trainer.criterion
    if task is not None:
        return task
    return Task() if criterion is None else probe.infer_task(criterion, tensor, None, targets)


def _kind(task: Task, output: str) -> str:
    """Whether an output is explained as a probability, or as the number it is."""
    has_classes = task.kind in _CLASSES and not (task.activation == "identity" and task.kind == "multiclass")
    if output == "probability" and not has_classes:
        raise ValueError(
            f"output='probability' needs a loss that says how outputs become probabilities, and this task is "
            f"{task.describe()}. Leave output out, or pass output='logit' for the numbers themselves."
        )
    return "probability" if has_classes and output in ("auto", "probability") else "logit"


def _class_names(task: Task, columns: int, kind: str) -> tuple[str, ...]:
    if columns == 1:
        return ()
    if task.kind in _CLASSES:
        if task.classes is not None and len(task.classes) == columns:
            return tuple(map(str, task.classes))
        return tuple(f"{'label' if task.kind == 'multilabel' else 'class'} {index}" for index in range(columns))
    return tuple(f"output {index}" for index in range(columns))


def _head(task: Task) -> nn.Module:
    """The layers that turn outputs into probabilities: modules, which DeepExplainer can follow."""
    layers: list[nn.Module] = []
    if task.activation == "softmax":
        layers.append(nn.Softmax(dim=1))
    if task.activation == "sigmoid":
        layers.append(nn.Sigmoid())
    if task.activation == "exp":
        layers.append(_Exp())
    return nn.Sequential(*layers, *[_BothClasses()] * (task.kind == "binary"))


class _Exp(nn.Module):
    def forward(self, tensor: Tensor) -> Tensor:
        return tensor.exp()


class _BothClasses(nn.Module):
    """The probabilities of both classes, from that of the second."""

    def forward(self, tensor: Tensor) -> Tensor:
        positive = tensor.reshape(len(tensor), 1)
        return torch.cat([1 - positive, positive], dim=1)


# -------------------------------------------------------------------------------------------------------------- modules


def _of_module(model: nn.Module, output: str) -> Explained:
    _refuse_lazy(model)
    if output == "probability":
        raise ValueError(
            "output='probability' asks what the outputs mean, and a bare module does not say: it is explained on its "
            "raw output. Pass the trainer, or nn.Sequential(model, nn.Softmax(dim=1)) for classes."
        )
    dtype = floating_dtype(model)
    parameter = next((one for one in [*model.parameters(), *model.buffers()]), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    casts: dict[torch.dtype, torch.dtype] = {}

    def place(x: Any) -> Any:
        placed = map_tensors(lambda one: one.to(device, dtype if one.is_floating_point() else None), x)
        casts.update(probe.casts_for(model, placed, dtype, casts))
        return map_tensors(lambda tensor: tensor.to(casts.get(tensor.dtype, tensor.dtype)), placed)

    def call(x: Any) -> dict[str, Array]:
        placed = place(x)
        try:
            with torch.no_grad():
                outputs = probe.call(model, placed)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise probe.explain_refusal(error, model, placed)  # noqa: B904  it has its own cause
        return {name: _in_columns(_host(tensor), name) for name, tensor in _answers(outputs).items()}

    def output_of(name: str, columns: int) -> Output:
        names = () if columns == 1 else tuple(f"output {index}" for index in range(columns))
        return Output(name, columns, names, "logit", columns == 1)

    def as_module(columns: Any) -> nn.Module:
        return _Differentiable(model, _answers, {}, columns)

    def read(x: Any, name: str) -> Any:
        _refuse_words(x, name)
        return _tensors(x, name)

    return Explained(call, read, module=model, as_module=as_module, place=place, output_of=output_of)


def _answers(outputs: Any) -> dict[str, Tensor]:
    """The prediction of a bare module; every output by its name, where there is no telling which one it is."""
    found, _ = find_prediction(outputs)
    if found is not None:
        return {"": found}
    fields = {name: one for name, one in output_fields(outputs).items() if isinstance(one, Tensor) and one.ndim}
    return fields or {"": prediction(outputs)}


def _refuse_lazy(model: nn.Module) -> None:
    if probe.has_lazy_parameters(model):
        raise ValueError(
            "The model has lazy parameters, which have no values before it has seen data, so there is nothing to "
            "explain. Fit it first, or call it once on a few rows."
        )


def _refuse_words(x: Any, name: str) -> None:
    """Refuse a table with text for a model that takes numbers, and say how it is explained all the same."""

    def look(value: Any, path: str) -> None:
        if not is_table(value):
            return
        words = [column for column, dtype in zip(value.columns, value.dtypes, strict=True) if dtype.kind not in "biuf"]
        if words:
            raise TypeError(
                f"The column {words[0]!r} of {path} holds {value[words[0]].dtype}, and a network takes numbers. To "
                "explain by the table's own columns, pass the function that encodes and predicts: "
                f"explain(lambda table: trainer.predict_proba(encode(table)), {path}, background=table_of_training)."
            )

    map_leaves(look, x, name)


def _tensors(x: Any, name: str) -> Any:
    if isinstance(x, (tuple, Mapping, Tensor, list)) or is_array(x):
        return map_leaves(to_tensor, x, name)
    if hasattr(x, "__iter__"):
        from neurokit.data.targets import Targets

        names = (name, "y", "sample_weight")
        return all_rows(make_loader(x, targets=Targets(), dtype=torch.float32, batch_size=None, names=names)).x
    raise _no_rows(x, name)


def _no_rows(x: Any, name: str) -> TypeError:
    return TypeError(
        f"{name} is a {type(x).__name__}, and explain takes rows: an array, a tensor, a DataFrame, several inputs as a "
        "tuple or a dict, or a DataLoader. Pass such as x_test[:100]."
    )


def all_rows(loader: Loader) -> Batch:
    """Return the rows of all batches as one."""
    if isinstance(loader, InMemoryLoader):
        return loader.rows_at(torch.arange(loader.num_rows))
    try:
        batches = list(loader.batches())
    finally:
        loader.close()
    return Batch(*(None if parts[0] is None else _joined(parts) for parts in zip(*batches, strict=True)))


def _joined(parts: Sequence[Any]) -> Any:
    leaves: list[list[Tensor]] = []
    for part in parts:
        found: list[Tensor] = []
        map_leaves(lambda value, _: found.append(value), part, "")  # noqa: B023
        leaves.append(found)
    joined = iter([torch.cat(column) for column in zip(*leaves, strict=True)])
    return map_leaves(lambda *_: next(joined), parts[0], "")


def _host(tensor: Tensor) -> Array:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def _in_columns(answer: Any, name: str) -> Array:
    """One output as ``(rows, columns)``."""
    array = np.asarray(answer)
    if array.ndim == 1:
        return array[:, None]
    if array.ndim == 2:
        return array
    what = f"The output {name!r}" if name else "The output"
    if array.ndim == 0:
        raise ValueError(
            f"{what} is a single number, and an explanation needs one, or one for each class, for every row. Return "
            "one row per sample."
        )
    raise ValueError(
        f"{what} has the shape {array.shape}, and what is explained is one number a row, or one for each class. Choose "
        "what is meant in a module around it, such as the mean over a region or the logits of one position: "
        "outputs[:, :, row, column]."
    )


class _Differentiable(nn.Module):
    """What is explained as a module of floating tensors, on a single-precision copy that is nobody else's."""

    def __init__(
        self,
        model: nn.Module,
        answers: Callable[[Any], dict[str, Tensor]],
        heads: Mapping[str, nn.Module],
        columns: Any,
    ) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).float().eval().requires_grad_(False)
        for module in self.model.modules():
            module._backward_hooks.clear()  # the user's listen to training, and would not stand work in place
            module._backward_pre_hooks.clear()
            if hasattr(module, "inplace"):
                setattr(module, "inplace", False)  # noqa: B010  its type is not known
        self.answers = answers
        self.names = list(heads)
        self.heads = nn.ModuleList(heads.values())
        self.columns = columns  # from leaves to the structure of x
        self.chosen: Sequence[int] | None = None

    def forward(self, *leaves: Tensor) -> Tensor:
        found = []
        for name, tensor in self.answers(probe.call(self.model, self.columns(leaves))).items():
            told = self.heads[self.names.index(name)](tensor) if name in self.names else tensor
            found.append(told.reshape(len(told), -1))
        answers = torch.cat(found, dim=1)
        if self.chosen is not None:
            answers = answers[:, list(self.chosen)]
        if any(leaf.requires_grad for leaf in leaves) and not answers.requires_grad:
            raise RuntimeError("the output has no gradient")
        # an input that the model leaves alone has no gradient, and torch.autograd.grad calls that an error
        unused = torch.stack([(leaf * 0).flatten(1).sum(1) for leaf in leaves]).sum(0)
        return answers + unused[:, None]


# ------------------------------------------------------------------------------------------------ functions of the user


def _of_function(function: Any, output: str) -> Explained:
    answer = answer_of(function, output)
    is_proba = answer == getattr(function, "predict_proba", None)
    names = tuple(map(str, getattr(function, "classes_", ()))) if is_proba else ()
    # whoever passes a function knows what it returns
    kind = "probability" if is_proba or output == "probability" else "logit"

    def call(x: Any) -> dict[str, Array]:
        found = answer(x)
        if isinstance(found, Mapping):
            return {str(name): _numbers(one, x) for name, one in found.items()}
        return {"": _numbers(found, x)}

    def output_of(name: str, columns: int) -> Output:
        own = names if len(names) == columns and columns > 1 else ()
        if columns > 1 and not own:
            own = tuple(f"{'class' if kind == 'probability' else 'output'} {index}" for index in range(columns))
        return Output(name, columns, own, kind, columns == 1)

    def read(x: Any, name: str) -> Any:
        if not (isinstance(x, (tuple, Mapping, Tensor, list)) or is_array(x)):
            raise _no_rows(x, name)
        return map_leaves(_as_it_is, x, name)

    return Explained(call, read, output_of=output_of)


def answer_of(function: Any, output: str = "auto") -> Callable[[Any], Any]:
    """Return what answers rows: an estimator's ``predict_proba``, else its ``predict``, or the function itself."""
    if hasattr(function, "predict_proba") and output != "logit":
        answer: Callable[[Any], Any] = function.predict_proba
        return answer
    return function if callable(function) else function.predict  # type: ignore[no-any-return]


def _as_it_is(value: Any, name: str) -> Any:
    """Rows for a function of the user's: tables, arrays and tensors stay what they are."""
    if is_table(value) or isinstance(value, Tensor):
        return value
    array = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
    if array.ndim == 0:
        raise ValueError(f"{name} is a single value, {value!r:.60}. Pass rows: an array of one row per sample.")
    return array


def _numbers(found: Any, x: Any) -> Array:
    """What a function of the user's returned, as ``(rows, columns)`` of numbers."""
    array = _host(found) if isinstance(found, Tensor) else np.asarray(found)
    rows = rows_of(x)
    if array.dtype.kind not in "biuf" or array.ndim == 0 or len(array) != rows:
        raise ValueError(
            f"The function returned {describe_outputs(array)} of {array.dtype} for {rows} rows, and what is explained "
            "is a number, or one for each class, for every row. Return such as predict_proba(rows)."
        )
    return _in_columns(array, "")
