"""show_loop: the plain PyTorch program that trains as ``fit`` does. Values in, text out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from neurokit.task import Task

# In a template, "#?" ends a line with the conditions under which it is printed, "!" denying one; {name} alone on a line
# stands for lines, or for another template.
_PROGRAM: Final = """
def train({arguments}):
    {comments}
    model.to("{device}")  #? moves
    {tensors}
    {split}
    {criteria}
    optimizer = {optimizer}
    {set_up}
    history = []
    {train_mode}  #? !validation
    for epoch in range({epochs}):
        {train_mode}  #? validation
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed({epoch_seed}))  #? shuffle
        order = torch.arange(len(x))  #? !shuffle
        batches = list(order.split({batch_size}))  #? lists
        if len(batches) > 1 and len(batches[-1]) == 1:  # BatchNorm needs more than one row  #? joins_lone_row
            batches[-2:] = [torch.cat(batches[-2:])]  #? joins_lone_row
        {zeros}
        for rows in order.split({batch_size}):  #? !lists
        for rows in batches:  #? lists !windows
        for step, rows in enumerate(batches):  #? windows
            {step}
            {measures}
        history.append({logs})  #? !judges
        logs = {logs}  #? judges
        {validates}
        history.append(logs)  #? judges
        {after_epoch}
    {end}
    return history
"""
_SPLIT: Final = """
generator = torch.Generator().manual_seed({seed})
drawn = torch.randperm(len(x), generator=generator)
drawn = drawn[y.flatten().cpu()[drawn].argsort(stable=True)]  # class after class  #? stratified
share = round(len(x) * {validation_split})
places = (torch.arange(share) + torch.rand((), dtype=torch.float64, generator=generator)) * (len(x) / share)
held_out = torch.zeros(len(x), dtype=torch.bool)
held_out[drawn[places.long().clamp(max=len(x) - 1)]] = True
x_val, y_val, x, y = x[held_out], y[held_out], x[~held_out], y[~held_out]
sample_weight_val, sample_weight = sample_weight[held_out], sample_weight[~held_out]  #? sample_weight
"""
_STEP: Final = """
optimizer.zero_grad()
{forward}
loss.backward()
{update}
"""
_STEP_IN_WINDOW: Final = """
if step % {accumulate} == 0:
    optimizer.zero_grad()
    window = 0  # what the losses of this window are means over, together  #? means
{forward}
(loss * {size}).backward()  #? means
window += {size}  #? means
loss.backward()  #? !means
if (step + 1) % {accumulate} == 0 or rows is batches[-1]:
    for parameter in {held}:  #? means
        if parameter.grad is not None:  #? means
            parameter.grad /= window or 1  #? means counts
            parameter.grad /= window  #? means !counts
    {update}
"""
_FORWARD: Final = """
with torch.autocast("{device_type}", torch.{autocast}):  #? autocast
    {compares}  #? autocast
{compares}  #? !autocast
"""
_COMPARES: Final = """
loss = compute_loss(model, x{of}[rows], y{of}[rows])  #? !loss !weighted
loss = compute_loss(model, x{of}[rows], y{of}[rows], sample_weight{of}[rows])  #? !loss weighted
predictions = model(x{of}[rows])  #? named
kept = {targets} != {criterion}.ignore_index  #? ignores
loss = {criterion}({outputs}, {targets}){mean}  #? loss !by_row
losses = {criterion}({outputs}, {targets})  # one for each row  #? by_row
weights = {weights}  #? by_row
count = {shares}.sum()  #? counts
loss = (losses * weights).sum() / count.clamp_min(1e-30)  #? by_row means
loss = (losses * weights).sum()  #? by_row !means
"""
_MEASURES: Final = """
total += loss.item() * count.item()  #? counts
counted += count.item()  #? counts
total += loss.item() * len(rows)  #? means !counts
total += loss.item()  #? !means
correct += ({hits}).sum().item()  #? hits !weighted
correct += (({hits}).flatten() * sample_weight{of}[rows]).sum().item()  #? hits weighted
"""
_VALIDATES: Final = """
model.eval()
{zeros}
with torch.no_grad():
    for rows in torch.arange(len(x_val)).split({batch_size}):
        {forward}
        {measures}
logs |= {logs}
"""
_EARLY_STOPPING: Final = """
if epoch < {start_from_epoch}:  #? start_from_epoch
    continue  #? start_from_epoch
wait += 1
if {better} best:
    best = {value}
    wait = 0  #? !has_baseline
    wait = 0 if {better} {baseline} else wait  #? has_baseline
    best_weights = copy.deepcopy(model.state_dict())  #? restore_best_weights
if wait >= {limit}:
    break
"""
_REDUCE_LR_ON_PLATEAU: Final = """
if pause > 0:  #? cooldown
    pause, flat = pause - 1, 0  #? cooldown
if {better} plateau:
    plateau, flat = {value}, 0
elif pause == 0:  #? cooldown
else:  #? !cooldown
    flat += 1
    if flat >= {patience}:
        flat = 0
        pause = {cooldown}  #? cooldown
        for group in optimizer.param_groups:
            group["lr"] *= {factor}  #? !min_lr
            group["lr"] = max(group["lr"] * {factor}, min(group["lr"], {min_lr}))  #? min_lr
"""
_IMPORTS: Final = ("import copy", "import math", "import torch", "from torch import nn")


@dataclass(frozen=True, kw_only=True)
class LoopPlan:
    """Everything that decides what a fit does to the weights, as values.

    Attributes:
        loss: The module or function of (predictions, targets); ``None`` where there is not one such.
        kind: How it takes its targets, as ``Criterion.kind``.
        optimizer: The call that builds it, as ``optimizer_call`` gives it.
        modes: Whether each submodule was in training mode before the fit, by name.
        seed: The data seed.
        x: The first batch's inputs, of which the dtype is read; ``None`` before there are data.
        y: Its targets, of which dtype and shape are read.
        dtype: The model's floating dtype.
        updates: Updates of the weights in the whole fit; ``None`` when the data do not say.
        task: What is asked; its ``classes`` are the user's own labels.
        ignores: Whether some targets count for nothing.
        class_weight: One weight per class.
        joins_lone_row: Whether a last batch of one row joins the batch before it.
        stratified: Whether ``validation_split`` keeps each class's share.
        left_out: What has no plain form, in words.
    """

    loss: Any
    kind: str | None
    optimizer: str
    modes: Mapping[str, bool]
    epochs: int = 1
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    accumulate: int = 1
    max_grad_norm: float | None = None
    x: Tensor | None = None
    y: Tensor | None = None
    dtype: torch.dtype = torch.float32
    updates: int | None = None
    task: Task | None = None
    metrics: Sequence[str] = ()
    ignores: bool = False
    sample_weight: bool = False
    class_weight: Tensor | None = None
    joins_lone_row: bool = False
    validation: bool = False
    validation_weight: bool = False
    validation_split: float = 0.0
    stratified: bool = False
    callbacks: Sequence[Any] = ()
    left_out: Sequence[str] = ()


def show_loop(plan: LoopPlan) -> str:
    """Return the plain PyTorch program that trains as ``fit`` does, to the same weights, bit for bit.

    It is a function ``train(model, x, y)``, with ``x_val, y_val`` after these where the fit validates on data of its
    own. What else only the user has, such as a loss function, is a keyword argument. What has no plain form is said in
    a comment.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> optimizer = optimizer_call(torch.optim.SGD(model.parameters(), lr=0.1), model)
        >>> plan = LoopPlan(loss=nn.CrossEntropyLoss(), kind="classes", optimizer=optimizer, modes={}, seed=42)
        >>> print(show_loop(plan))
        import torch
        from torch import nn
        <BLANKLINE>
        <BLANKLINE>
        def train(model, x, y):
            x = torch.as_tensor(x)
            y = torch.as_tensor(y)
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            history = []
            model.train()
            for epoch in range(1):
                order = torch.randperm(len(x), generator=torch.Generator().manual_seed(42 + epoch))
                total = 0
                for rows in order.split(32):
                    optimizer.zero_grad()
                    loss = criterion(model(x[rows]), y[rows])
                    loss.backward()
                    optimizer.step()
                    total += loss.item() * len(rows)
                history.append({"loss": total / len(x)})
            return history
    """
    text = "\n".join(_filled(_PROGRAM, _values(plan)))
    imports = [line for line in _IMPORTS if re.search(rf"\b{line.split()[-1]}[.(]", text)]
    return "\n".join([*imports, "", "", text])


def _filled(template: str, values: Mapping[str, Any]) -> list[str]:
    """Return a template's lines, with values for names, without those whose conditions do not hold."""
    lines: list[str] = []
    for line in template.strip().splitlines():
        text, _, conditions = line.partition("  #? ")
        if any(bool(values[name.lstrip("!")]) == name.startswith("!") for name in conditions.split()):
            continue
        if alone := re.fullmatch(r"( *)\{(\w+)\}", text):
            value = values[alone[2]]
            lines += [alone[1] + one for one in (_filled(value, values) if isinstance(value, str) else value)]
        else:
            lines.append(text.format_map(values))
    return lines


def _values(plan: LoopPlan) -> dict[str, Any]:
    """Return what the templates are filled with."""
    loss = _loss(plan)
    beside = _beside(plan, accuracy=bool(loss["hits"]))
    held = "model.parameters()"
    if f"({held}" not in plan.optimizer:
        held = '[p for group in optimizer.param_groups for p in group["params"]]'
    clip = [f"nn.utils.clip_grad_norm_({held}, {plan.max_grad_norm})"] * (plan.max_grad_norm is not None)
    values = vars(plan) | vars(beside) | loss | {
        "arguments": ", ".join(_arguments(plan, beside.set_up)),
        "comments": [f"# Not shown: {one}." for one in (*plan.left_out, *_without_form(plan), *beside.left_out)],
        "moves": plan.device != "cpu",
        "device_type": torch.device(plan.device).type,
        "tensors": list(_tensors(plan)),
        "split": _SPLIT if plan.validation_split else "",
        "train_mode": list(_train_mode(plan.modes)),
        "epoch_seed": f"{plan.seed} + epoch" if plan.seed + plan.epochs <= 2**64 else f"({plan.seed} + epoch) % 2**64",
        "lists": plan.accumulate > 1 or plan.joins_lone_row,
        "windows": plan.accumulate > 1,
        "step": _STEP_IN_WINDOW if plan.accumulate > 1 else _STEP,
        "forward": _FORWARD,
        "autocast": {"bf16": "bfloat16", "fp16": "float16"}.get(plan.precision),
        "compares": _COMPARES,
        "measures": _MEASURES,
        "held": held,
        "update": [*clip, "optimizer.step()", *beside.after_update],
        "judges": plan.validation or bool(beside.after_epoch),
        "validates": [],
    }  # fmt: skip
    if plan.validation:
        apart = replace(plan, class_weight=None, sample_weight=plan.validation_weight)  # only training weighs classes
        same = _criterion(apart) in ("", _criterion(plan))
        judged = _loss(apart, "_val", "criterion" if same else "criterion_val")
        values["validates"] = _filled(_VALIDATES, values | judged)
        values["criteria"] = list(dict.fromkeys([*loss["criteria"], *judged["criteria"]]))
    return values


def _without_form(plan: LoopPlan) -> Iterator[str]:
    """Yield, in words, what of this trainer no line stands for."""
    if plan.precision == "fp16":
        yield "the gradient scaler of fp16"
    if plan.optimizer.startswith("torch.optim.LBFGS"):
        yield "the closure that LBFGS takes"


def _arguments(plan: LoopPlan, set_up: Sequence[str]) -> list[str]:
    """The parameters of ``train``: model and data, then by keyword what else only the user has."""
    data = _columns(plan)
    own = [name for name in data if name.startswith("sample_weight")]
    own += ["compute_loss"] if plan.loss is None else [] if _criterion(plan) else ["criterion"]
    calls = "".join([plan.optimizer, *set_up])
    own += [name for name in ("make_optimizer", "make_scheduler") if f"{name}(" in calls]
    return ["model", *(name for name in data if name not in own), *(["*", *own] if own else [])]


def _columns(plan: LoopPlan) -> list[str]:
    """The names of the user's arrays."""
    names = ["x", "y", *["sample_weight"] * plan.sample_weight]
    if plan.validation and not plan.validation_split:
        names += ["x_val", "y_val", *["sample_weight_val"] * plan.validation_weight]
    return names


def _tensors(plan: LoopPlan) -> Iterator[str]:
    """Yield what makes tensors of the user's arrays, in the dtypes that model and loss take."""
    classes = None if plan.task is None else plan.task.classes
    if classes is not None:
        yield f"classes = {_literal(classes.tolist())}"
    dtypes = {"x": plan.x, "y": plan.y, "s": torch.empty(0, dtype=plan.dtype)}
    for name in _columns(plan):
        example = dtypes[name[0]]
        value = f"[classes.index(label) for label in {name}]" if name[0] == "y" and classes is not None else name
        kind = "" if example is None else f", dtype={example.dtype}"
        place = "" if plan.device == "cpu" else f', device="{plan.device}"'
        yield f"{name} = torch.as_tensor({value}{kind}{place})"


def _train_mode(modes: Mapping[str, bool]) -> Iterator[str]:
    """Yield what puts every submodule in its mode: all train, but for what the user put in ``eval()``."""
    yield "model.train()"
    now = {"": True}
    for name, trains in modes.items() if any(modes.values()) else ():
        now[name] = trains or not name
        if now[name] != now[name.rpartition(".")[0]]:
            yield f"{_module(name)}.{'train' if trains else 'eval'}()"


def _loss(plan: LoopPlan, of: str = "", criterion: str = "criterion") -> dict[str, Any]:
    """How a batch's rows become one number, what that is a mean over, and what is measured.

    Args:
        plan: The plan.
        of: What the names of the arrays end in: ``_val`` for validation.
        criterion: The name of the loss.
    """
    loss, weight, y = plan.loss, plan.class_weight, plan.y
    over_classes, by_row = _is_over_classes(loss), _is_by_row(plan)
    by_index = over_classes and (y is None or not y.is_floating_point())
    weighs = by_index and (weight is not None or loss.weight is not None)
    ignores = by_index and plan.ignores
    reduction = _reduction(loss)
    counts = reduction != "sum" and (by_row or weighs or ignores)
    one_a_row = plan.kind is None or (y is not None and _gives_one_a_row(plan.kind, y))
    targets = f"y{of}[rows]"
    if plan.kind in ("binary", "values") or (plan.task is not None and plan.task.kind == "regression"):
        targets += ".view_as(predictions)"
    elif plan.kind == "classes" and y is not None and y.shape[1:] == (1,):
        targets += ".squeeze(1)"
    hits = _hits(plan, targets) if "accuracy" in plan.metrics and not ignores else ""
    named = bool(hits) or "predictions" in targets
    weight_of_class = f"{criterion}.weight[{targets}{' * kept' * ignores}]"
    shares = " * ".join(["weights"] * by_row + [weight_of_class] * weighs + ["kept"] * ignores)
    mean = "total / counted" if counts else "total" if reduction == "sum" else f"total / len(x{of})"
    everyone = f"sample_weight{of}.sum().item()" if plan.sample_weight else f"len(x{of})"
    prefix = "val_" if of else ""
    accuracy = f', "{prefix}accuracy": correct / {everyone}' if hits else ""
    criteria = [f"{criterion} = {_criterion(plan)}"] if _criterion(plan) else []
    return {
        "of": of,
        "criterion": criterion,
        "criteria": criteria + [f"class_weight = {_literal(weight)}"] * (weight is not None and not over_classes),
        "by_row": by_row,
        "ignores": ignores,
        "means": reduction != "sum",
        "counts": counts,
        "weighted": plan.sample_weight,
        "targets": targets,
        "named": named,
        "outputs": "predictions" if named else f"model(x{of}[rows])",
        "mean": ".mean()" if plan.kind is None or reduction == "none" else "",
        "weights": " * ".join(_weights(plan, of, targets)) or "torch.ones_like(losses)",
        "shares": f"({shares})" if by_row + weighs + ignores > 1 else shares,
        "size": "count" if counts else "len(rows)" if one_a_row else "y[rows].numel()",
        "hits": hits,
        "zeros": [" = ".join(["total", *["counted"] * counts, *["correct"] * bool(hits), "0"])],
        "logs": f'{{"{prefix}loss": {mean}{accuracy}}}',
    }


def _is_over_classes(loss: Any) -> bool:
    return isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss))


def _is_by_row(plan: LoopPlan) -> bool:
    """Whether rows are weighed one by one, so that the loss has to give a value for each."""
    if plan.loss is None or plan.class_weight is None:
        return plan.loss is not None and plan.sample_weight
    return plan.sample_weight or not (_is_over_classes(plan.loss) and bool(plan.class_weight.all()))


def _gives_one_a_row(kind: str, y: Tensor) -> bool:
    """Whether a row is one target: a number, a class, or a share of each class."""
    return y.shape[1:].numel() == 1 or (kind == "classes" and y.ndim == 2 and y.is_floating_point())


def _reduction(loss: Any) -> str:
    return str(getattr(loss, "reduction", "")) if isinstance(loss, nn.Module) else ""


def _criterion(plan: LoopPlan) -> str:
    """The call that builds the loss, as it was given but for what this fit changes in it; empty for a user's own."""
    cls = type(plan.loss)
    if getattr(nn, cls.__name__, None) is not cls:
        return ""
    options = {name: getattr(plan.loss, name, None) for name in inspect.signature(cls).parameters}
    options |= {"reduction": "none"} if _is_by_row(plan) else {}
    options |= {"weight": plan.class_weight} if plan.class_weight is not None and _is_over_classes(plan.loss) else {}
    return _call(cls, options)


def _hits(plan: LoopPlan, targets: str) -> str:
    """Which rows of a batch are right; empty where that is not plain."""
    task = plan.task or Task("multiclass" if plan.kind == "classes" else None)
    if task.kind == "multiclass" and (plan.y is None or plan.y.shape[1:].numel() == 1):
        return f"predictions.argmax(1) == {targets}"
    cut = 0 if task.activation == "sigmoid" else 0.5
    return f"(predictions > {cut}) == ({targets} > 0.5)" if task.kind == "binary" else ""


def _weights(plan: LoopPlan, of: str, targets: str) -> Iterator[str]:
    """Yield the factors of what each of a batch's losses counts, in their shape."""
    if plan.sample_weight:
        widened = ".view(-1, *[1] * (losses.ndim - 1)).expand_as(losses)"
        if plan.kind == "classes":
            flat = plan.y is None or _gives_one_a_row(plan.kind, plan.y)
            widened = "" if flat else ".view(-1, *[1] * (losses.ndim - 1)) * torch.ones_like(losses)"
        yield f"sample_weight{of}[rows]{widened}"
    if plan.class_weight is not None and not _is_over_classes(plan.loss):
        by_index = plan.kind == "classes" or (plan.y is not None and not plan.y.is_floating_point())
        between = f"torch.lerp(class_weight[0], class_weight[1], {targets})"
        yield f"class_weight[{targets}]" if by_index else between


@dataclass
class _Beside:
    """What callbacks do to the weights, as lines; and those of which no lines are known."""

    set_up: list[str] = field(default_factory=list)
    after_update: list[str] = field(default_factory=list)
    after_epoch: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def _beside(plan: LoopPlan, accuracy: bool) -> _Beside:
    beside = _Beside()
    shown = ["loss", *["accuracy"] * accuracy]
    logged = [*shown, *(f"val_{name}" for name in shown if plan.validation)]
    if others := [name for name in plan.metrics if name not in shown]:
        beside.left_out.append(f"the metrics {', '.join(others)}")
    for callback in sorted(plan.callbacks, key=lambda one: type(one).__name__ == "EarlyStopping"):  # last: it breaks
        name, watched = type(callback).__name__, getattr(callback, "monitor", None)
        add = _CALLBACKS.get(name) if type(callback).__module__.startswith("neurokit.") else None
        if add is None:
            beside.left_out.append(name)
        elif watched is not None and watched not in logged:
            beside.left_out.append(f"{name}, which watches {watched}")
        else:
            add(callback, plan, beside)
    return beside


def _observes(callback: Any, plan: LoopPlan, beside: _Beside) -> None:
    """It changes no weights, so there is nothing to show."""


def _early_stopping(callback: Any, plan: LoopPlan, beside: _Beside) -> None:
    judgement = _judgement(callback)
    limit = callback.patience if callback.patience > 1 else "1 and epoch > 0"
    values = vars(callback) | judgement | {"has_baseline": callback.baseline is not None, "limit": limit}
    beside.set_up.append(f"best, wait = {judgement['worst']}, 0")
    beside.after_epoch.extend(_filled(_EARLY_STOPPING, values))
    if callback.restore_best_weights:
        beside.set_up.append("best_weights = None")
        beside.end.extend(["if best_weights is not None:", "    model.load_state_dict(best_weights)"])


def _reduce_lr_on_plateau(callback: Any, plan: LoopPlan, beside: _Beside) -> None:
    judgement = _judgement(callback)
    beside.set_up.append(f"plateau, flat = {judgement['worst']}, 0")
    beside.set_up.extend(["pause = 0"] if callback.cooldown else [])
    beside.after_epoch.extend(_filled(_REDUCE_LR_ON_PLATEAU, vars(callback) | judgement))


def _judgement(callback: Any) -> dict[str, str]:
    """The value a callback watches, how it compares with what is written behind, and what any number improves on."""
    rises = callback.mode == "max" or (callback.mode == "auto" and callback.monitor.endswith("accuracy"))
    value, delta = f'logs["{callback.monitor}"]', abs(callback.min_delta)
    moved = f"{value} {'-' if rises else '+'} {delta}" if delta else value
    return {"value": value, "better": f"{moved} {'>' if rises else '<'}", "worst": "-math.inf" if rises else "math.inf"}


def _lr_schedule(callback: Any, plan: LoopPlan, beside: _Beside) -> None:
    factory, options, length = callback.scheduler, dict(callback.options), callback._fills_in()
    if isinstance(factory, lr_scheduler.LRScheduler):
        beside.left_out.append(f"an instance of {type(factory).__name__}, which is bound to its own optimizer")
        return
    cls = factory if inspect.isclass(factory) else object
    per_update = length is not None or issubclass(cls, (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR))
    if length is not None:
        rows = "(len(x) - 1)" if plan.joins_lone_row else "len(x)"
        updates = f"{plan.epochs} * -(-{rows} // {plan.batch_size * plan.accumulate})"  # rounded up
        options[length] = plan.epochs if callback.per == "epoch" else plan.updates or _Code(updates)
    value = ""
    if issubclass(cls, lr_scheduler.ReduceLROnPlateau):
        watched = callback.monitor or ("val_loss" if plan.validation else "loss")
        value = f'logs["{watched}"]'
        options = {"mode": "max"} | options if watched.endswith("accuracy") else options
    printable = cls is factory and not any(map(callable, options.values()))
    call = _call(factory, options, "optimizer") if printable else "make_scheduler(optimizer)"
    beside.set_up.append(f"scheduler = {call}")
    per = callback.per or ("step" if per_update else callback._per)
    (beside.after_update if per == "step" else beside.after_epoch).append(f"scheduler.step({value})")


_CALLBACKS: Final[dict[str, Callable[[Any, LoopPlan, _Beside], None]]] = {
    "EarlyStopping": _early_stopping, "ReduceLROnPlateau": _reduce_lr_on_plateau, "LRSchedule": _lr_schedule,
    "CSVLogger": _observes, "ModelCheckpoint": _observes, "ProgressBar": _observes, "TensorBoard": _observes,
}  # fmt: skip


def optimizer_call(optimizer: Optimizer, model: nn.Module) -> str:
    """Return the call that builds an optimizer like this one, with the options it has now.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> optimizer_call(torch.optim.Adam(model.parameters(), lr=0.1, fused=True), model)
        'torch.optim.Adam(model.parameters(), lr=0.1, fused=True)'
    """
    cls, groups = type(optimizer), optimizer.param_groups
    held = [_Code(_parameters(group["params"], model)) for group in groups]
    if len(groups) == 1:
        return _call(cls, groups[0], held[0])
    listed = [{"params": own} | _changed(cls, group) for own, group in zip(held, groups, strict=True)]
    return _call(cls, {}, _literal(listed))


def _parameters(held: Sequence[nn.Parameter], model: nn.Module) -> str:
    """An expression for these parameters: a submodule's, those that train, or one by one."""
    wanted = [id(parameter) for parameter in held]
    for name, module in model.named_modules():
        if wanted == [id(parameter) for parameter in module.parameters()]:
            return f"{_module(name)}.parameters()"
    if wanted == [id(parameter) for parameter in model.parameters() if parameter.requires_grad]:
        return "[p for p in model.parameters() if p.requires_grad]"
    names = {parameter: name for name, parameter in model.named_parameters()}
    own = [_Code(f'model.get_parameter("{names[one]}")') for one in held if one in names]
    return _literal(own if len(own) == len(held) else [*own, _Code("*criterion.parameters()")])


def _module(name: str) -> str:
    if all(part.isidentifier() for part in name.split(".")):
        return f"model.{name}"
    return f'model.get_submodule("{name}")' if name else "model"


def _call(cls: type, options: Mapping[str, Any], *given: str) -> str:
    """A constructor call with the options that differ from their defaults."""
    rooms = {"nn": nn, "torch.optim": torch.optim, "torch.optim.lr_scheduler": lr_scheduler}
    names = [f"{room}.{cls.__name__}" for room, module in rooms.items() if getattr(module, cls.__name__, None) is cls]
    own = "make_optimizer" if issubclass(cls, Optimizer) else "make_scheduler"
    changed = [f"{name}={_literal(value)}" for name, value in _changed(cls, options).items()]
    return f"{[*names, own][0]}({', '.join([*given, *changed])})"


def _changed(cls: type, options: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: one.default for name, one in inspect.signature(cls).parameters.items() if name in options}
    known.pop("params", None)
    return {n: options[n] for n, default in known.items() if isinstance(options[n], Tensor) or options[n] != default}


class _Code(str):
    """Text that is an expression already."""


def _literal(value: Any) -> str:
    """A value as a person would write it."""
    if isinstance(value, str):
        return value if isinstance(value, _Code) else f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(one)}' for key, one in value.items())}}}"
    if not isinstance(value, Tensor):
        return repr(value)
    numbers = [float(str(number)) for number in value.detach().cpu().flatten().numpy()]  # 0.1, not 0.10000000149
    kind = "" if value.dtype == torch.float32 else f", dtype={value.dtype}"
    place = "" if value.device.type == "cpu" else f', device="{value.device}"'
    return f"torch.tensor({numbers}{kind}{place})" + ("" if value.ndim == 1 else f".reshape({tuple(value.shape)})")
