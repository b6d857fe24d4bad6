"""Names and arguments: of the trainer, of ``fit`` and its kin, of callbacks, schedules and metrics."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import neurokit as nk
from bad_inputs.corpus import Case, classifier, labels, regressor, rows
from neurokit import Trainer

MODEL = nn.Linear(4, 3)  # made here: what a case makes draws from the random stream that it may not change
OTHER = nn.Linear(4, 3)
SGD = torch.optim.SGD(MODEL.parameters(), lr=0.1)
TWICE = nk.LambdaCallback()


class EarlyStopper:
    """A callback of another library's."""

    __module__ = "keras.callbacks"

    def __repr__(self) -> str:
        return "<EarlyStopper>"


class EarlyStopping(EarlyStopper):
    """One whose name is known here."""

    __module__ = "lightning.pytorch.callbacks"


class Misspelt(nk.Callback):
    def on_batch_end(self, batch, logs):
        """Nothing calls this."""


class TakesTooFew(nk.Callback):
    def on_epoch_end(self, epoch):
        """Cannot be called with logs."""


def three(y_true, y_pred, threshold):
    return threshold


def make(**arguments: Any) -> Callable[[], Trainer]:
    """The making of a trainer."""
    return lambda: Trainer(MODEL, **{"device": "cpu"} | arguments)


def fit(*data: Any, **arguments: Any) -> Callable[[Trainer], Any]:
    """A call of ``fit``."""
    return lambda trainer: trainer.fit(*(data or (rows(), labels())), **{"verbose": 0} | arguments)


def fit_with(callback: Callable[[], Any], **arguments: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: fit(callbacks=[callback()], **arguments)(trainer)


TRAINER = [
    Case(
        "a misspelt keyword of Trainer",
        make(optimiser="adam"),
        "Trainer", "no argument 'optimiser'", "It takes model, loss, optimizer", "Did you mean 'optimizer'",
        error=TypeError,
    ),
    Case(
        "a keyword of other libraries",
        make(lr=0.1),
        "Trainer", "no argument 'lr'", "It takes model, loss, optimizer, learning_rate", "Did you mean 'learning_rate'",
        error=TypeError,
    ),
    Case(
        "a loss by position",
        lambda: Trainer(MODEL, "cross_entropy"),
        "Trainer", "got 2", "takes 1 argument by position (model)", "such as loss='cross_entropy'", error=TypeError,
    ),
    Case(
        "a misspelt loss",
        make(loss="crossentropi"),
        "no loss named", "'crossentropi'", "Known: bce, bce_with_logits", "Did you mean 'cross_entropy', 'bce' or",
    ),
    Case(
        "Keras's name of a loss",
        make(loss="sparse_categorical_crossentropy"),
        "no loss named", "'sparse_categorical_crossentropy'", "loss also takes a module", "mean 'cross_entropy'?",
    ),
    Case(
        "a misspelt loss of one output",
        make(loss={"kind": "cross_entropy", "age": "mze"}),
        "loss['age']", "'mze'", "Known: bce", "Did you mean 'mse' or 'mae'",
    ),
    Case(
        "the class of a loss",
        make(loss=nn.MSELoss),
        "loss is", "the class MSELoss", "not a loss", "Pass MSELoss()", error=TypeError,
    ),
    Case(
        "a number for a loss",
        make(loss=3),
        "loss is of type", "int: 3", "a function of (predictions, targets)", "Pass a name such as 'cross_entropy'",
        error=TypeError,
    ),
    Case(
        "a list of losses",
        make(loss=["mse", "mae"]),
        "loss is of type", "['mse', 'mae']", "Of several outputs each has its own", "a dict by output name",
        error=TypeError,
    ),
    Case(
        "no losses in a dict",
        make(loss={}),
        "loss is", "an empty dict", "a loss for each output", "such as loss={'kind': 'cross_entropy'}",
    ),
    Case(
        "a loss of three inputs",
        make(loss="triplet_margin"),
        "'triplet_margin'", "takes more than", "(predictions, targets)", "a function of these two that calls it",
    ),
    Case(
        "a loss function of one argument",
        make(loss=lambda predictions: predictions.mean()),
        "loss is called with", "<lambda>(predictions) cannot be", "(predictions, targets)",
        "Write a function of these two", error=TypeError,
    ),
    Case(
        "a misspelt optimizer",
        make(optimizer="adm"),
        "no optimizer named", "'adm'", "Known: adadelta, adafactor", "Did you mean 'adam', 'radam' or 'nadam'",
    ),
    Case(
        "a learning rate for an optimizer",
        make(optimizer=0.1),
        "optimizer is of type", "float: 0.1", "a class or factory, an instance", "learning_rate=0.1", error=TypeError,
    ),
    Case(
        "a scheduler for an optimizer",
        make(optimizer=torch.optim.lr_scheduler.StepLR),
        "optimizer is", "the class StepLR", "one of torch.optim", "callbacks=[nk.LRSchedule(...)]", error=TypeError,
    ),
    Case(
        "a misspelt option of an optimizer",
        make(optimizer=functools.partial(torch.optim.SGD, momentun=0.9)),
        "SGD has no argument", "'momentun'", "It takes lr, momentum", "Did you mean 'momentum'", error=TypeError,
    ),
    Case(
        "a factory that returns nothing",
        make(optimizer=lambda parameters: None),
        "optimizer factory", "returned a NoneType", "of the parameters it gets", "Return a torch.optim.Optimizer",
        error=TypeError,
    ),
    Case(
        "a learning rate beside an instance",
        make(optimizer=SGD, learning_rate=0.1),
        "learning_rate=0.1", "this one is SGD", "an optimizer given by name or class", "Set it there",
    ),
    Case(
        "a learning rate in quotes",
        make(learning_rate="1e-3"),
        "learning_rate", "'1e-3' (str)", "a number of 0 or more", "Pass learning_rate=0.001", error=TypeError,
    ),
    Case(
        "a negative learning rate",
        make(learning_rate=-1),
        "learning_rate", "got -1", "0 or more", "Pass learning_rate=0.001",
    ),
    Case(
        "a learning rate that is NaN",
        make(learning_rate=math.nan),
        "learning_rate", "got nan", "a number of 0 or more", "Pass learning_rate=0.001",
    ),
    Case(
        "one metric, not in a list",
        make(metrics="accuracy"),
        "metrics", "got 'accuracy'", "a list such as", "Pass metrics=['accuracy']", error=TypeError,
    ),
    Case(
        "a misspelt metric",
        make(loss="cross_entropy", metrics=["acuracy"]),
        "no metric", "'acuracy'", "The names are accuracy, top_k_accuracy", "Did you mean 'accuracy'",
    ),
    Case(
        "Keras's short name of a metric",
        make(loss="cross_entropy", metrics=["acc"]),
        "no metric", "'acc'", "a torchmetrics object", "Did you mean 'accuracy'",
    ),
    Case(
        "a number for a metric",
        make(metrics=[3]),
        "metrics takes", "got 3 (int)", "functions (y_true, y_pred) of arrays", "Write metrics=['accuracy']",
        error=TypeError,
    ),
    Case(
        "the class of a metric",
        make(metrics=[nk.Metric]),
        "metrics takes", "the class Metric", "names, objects and functions", "Write Metric(...)", error=TypeError,
    ),
    Case(
        "a metric of one argument",
        make(metrics=[len]),
        "A metric is called with", "len(obj, /) cannot be", "(y_true, y_pred)", "Write a function of these two",
        error=TypeError,
    ),
    Case(
        "a metric of three arguments",
        make(metrics=[three]),
        "metric", "three(y_true, y_pred, threshold)", "called with (y_true, y_pred)", "return three(...)",
        error=TypeError,
    ),
    Case(
        "a metric without a name",
        make(metrics=[lambda y_true, y_pred: 0.0]),
        "metric", "A lambda has no name", "to log its metric under", "nk.Metric(function, name=...)",
    ),
    Case(
        "what a metric needs, misspelt",
        lambda: nk.Metric(max, needs="score"),
        "needs of Metric", "got 'score'", "one of 'labels', 'scores'", "Did you mean 'scores'",
    ),
    Case(
        "another library's name of a device",
        make(device="gpu"),
        "no device", "'gpu'", "This machine has", "Did you mean 'cuda'",
    ),
    Case(
        "a device that is not here",
        make(device="cuda:99"),
        "no device", "'cuda:99'", "This machine has", "Pass 'auto'",
    ),
    Case(
        "no device",
        make(device=None),
        "device", "got None (NoneType)", "a name such as 'cuda:0'", "Pass 'auto'", error=TypeError,
    ),
    Case(
        "numpy's name of a precision",
        make(precision="float16"),
        "precision", "got 'float16'", "one of 'fp32', 'bf16', 'fp16'", "Did you mean 'fp16'",
    ),
    Case(
        "a dtype for a precision",
        make(precision=torch.bfloat16),
        "precision", "got torch.bfloat16", "one of 'fp32', 'bf16', 'fp16'", "Did you mean 'bf16'",
    ),
    Case(
        "compile in quotes",
        make(compile="yes"),
        "compile", "got 'yes' (str)", "True or False", "Pass compile=True", error=TypeError,
    ),
    Case(
        "a misspelt strategy",
        make(strategy="dpp"),
        "no strategy", "'dpp'", "Known: auto, ddp, fsdp, none", "Did you mean 'ddp'",
    ),
    Case("no accumulation", make(accumulate=0), "accumulate", "got 0", "1 or more", "Pass accumulate=4"),
    Case(
        "a gradient norm in quotes",
        make(max_grad_norm="1"),
        "max_grad_norm", "'1' (str)", "a number above 0", "Pass max_grad_norm=1.0", error=TypeError,
    ),
    Case(
        "a gradient norm of 0",
        make(max_grad_norm=0),
        "max_grad_norm", "got 0", "above 0", "Pass max_grad_norm=1.0",
    ),
    Case(
        "LBFGS with accumulation",
        make(optimizer="lbfgs", accumulate=2),
        "LBFGS", "several times a step", "accumulate=1 and precision", "take another optimizer",
    ),
    Case(
        "a public name that does not exist",
        lambda: nk.Trainr,
        "module 'neurokit'", "'Trainr'", "has no attribute", "Did you mean 'Trainer'", error=AttributeError,
    ),
]  # fmt: skip

METHODS = [
    Case("no epochs", fit(epochs=0), "epochs", "got 0", "1 or more", "Pass epochs=10", classifier),
    Case("negative epochs", fit(epochs=-3), "epochs", "got -3", "1 or more", "Pass epochs=3", classifier),
    Case(
        "half an epoch", fit(epochs=1.5), "epochs", "1.5 (float)", "a whole number", "Pass epochs=1", classifier,
        TypeError,
    ),
    Case(
        "epochs in quotes", fit(epochs="3"), "epochs", "'3' (str)", "a whole number", "Pass epochs=3", classifier,
        TypeError,
    ),
    Case("an empty batch", fit(batch_size=0), "batch_size", "got 0", "1 or more", "Pass batch_size=32", classifier),
    Case(
        "a batch size as a float",
        fit(batch_size=32.0),
        "batch_size", "32.0 (float)", "a whole number of 1 or more", "Pass batch_size=32", classifier, TypeError,
    ),
    Case(
        "no steps", fit(steps_per_epoch=0), "steps_per_epoch", "got 0", "1 or more", "Pass steps_per_epoch=32",
        classifier,
    ),
    Case(
        "a misspelt keyword of fit",
        fit(epoch=3),
        "fit has", "no argument 'epoch'", "It takes x, y, batch_size", "Did you mean 'epochs'", classifier, TypeError,
    ),
    Case(
        "the batch size by position",
        fit(rows(), labels(), 32),
        "fit takes", "got 3", "2 arguments by position (x, y)", "such as batch_size=32", classifier, TypeError,
    ),
    Case(
        "shuffle in words",
        fit(shuffle="batch"),
        "shuffle", "'batch' (str)", "True or False", "Pass shuffle=True", classifier, TypeError,
    ),
    Case(
        "a misspelt verbose",
        fit(verbose="atuo"),
        "verbose", "got 'atuo'", "one of 'auto', 0, 1, 2", "Did you mean 'auto'", classifier,
    ),
    Case(
        "verbose as in Keras 1",
        fit(verbose=True),
        "verbose", "got True", "one of 'auto', 0, 1, 2", "Did you mean 1", classifier,
    ),
    Case(
        "a number to resume from",
        fit(resume=3),
        "resume", "got 3 (int)", "is a path", "Pass a str", classifier, TypeError,
    ),
    Case(
        "a file to resume from",
        fit(resume=__file__),
        "resume='", "arguments.py' is a file", "resumed from its folder", "that ModelCheckpoint was given", classifier,
        NotADirectoryError,
    ),
    Case(
        "a misspelt keyword of evaluate",
        lambda trainer: trainer.evaluate(rows(), labels(), batchsize=3),
        "evaluate has", "no argument 'batchsize'", "It takes x, y", "Did you mean 'batch_size'", classifier, TypeError,
    ),
    Case(
        "a word for verbose in evaluate",
        lambda trainer: trainer.evaluate(rows(), labels(), verbose="yes"),
        "verbose", "got 'yes'", "one of 'auto', 0, 1, 2", "Pass one of these", classifier,
    ),
    Case(
        "targets for predict",
        lambda trainer: trainer.predict(rows(), labels()),
        "predict takes", "got 2", "1 argument by position (x)", "Name the others: batch_size", classifier, TypeError,
    ),
    Case(
        "an empty batch for predict",
        lambda trainer: trainer.predict(rows(), batch_size=0),
        "batch_size", "got 0", "1 or more", "Pass batch_size=256", classifier,
    ),
    Case(
        "a misspelt keyword of show_loop",
        lambda trainer: trainer.show_loop(epoch=3),
        "show_loop", "no argument 'epoch'", "It takes x, y", "Did you mean 'epochs'", classifier, TypeError,
    ),
    Case(
        "probabilities of numbers",
        lambda trainer: trainer.predict_proba(rows()),
        "predict_proba", "this task is regression", "says how outputs become probabilities", "Use 'cross_entropy'",
        regressor,
    ),
    Case(
        "labels of numbers",
        lambda trainer: trainer.predict_labels(rows()),
        "class labels", "A regression task", "has no", "Use predict", regressor,
    ),
    Case(
        "the best of a name that was never logged",
        lambda: _history().best("los"),
        "never logged", "'los'", "this history has ['accuracy', 'loss']", "Did you mean 'loss'",
    ),
    Case(
        "the best by a mode that does not exist",
        lambda: _history().best("loss", "mim"),
        "mode", "got 'mim'", "one of 'auto', 'min', 'max'", "Did you mean 'min'",
    ),
]  # fmt: skip

CALLBACKS = [
    Case(
        "the class of a callback",
        fit_with(lambda: nk.EarlyStopping),
        "callbacks holds", "the class EarlyStopping", "not a callback", "Pass EarlyStopping()", classifier, TypeError,
    ),
    Case(
        "a class alone",
        fit(callbacks=nk.EarlyStopping),
        "callbacks holds", "the class EarlyStopping", "not a callback", "Pass EarlyStopping()", classifier, TypeError,
    ),
    Case(
        "a function",
        fit_with(lambda: print),
        "callbacks holds", "the function print", "says when it is called", "LambdaCallback(on_epoch_end=print)",
        classifier, TypeError,
    ),
    Case(
        "a function alone",
        fit(callbacks=print),
        "callbacks holds", "the function print", "says when it is called", "LambdaCallback(on_epoch_end=print)",
        classifier, TypeError,
    ),
    Case(
        "a name of a callback",
        fit_with(lambda: "early_stopping"),
        "callbacks holds", "'early_stopping' (str)", "it is made", "nk.EarlyStopping()", classifier, TypeError,
    ),
    Case(
        "None among callbacks",
        fit_with(lambda: None),
        "callbacks holds", "None (NoneType)", "instances of subclasses of Callback", "such as nk.EarlyStopping()",
        classifier, TypeError,
    ),
    Case(
        "a list in the list",
        fit_with(lambda: [TWICE]),
        "callbacks holds", "(list)", "which is no callback", "Pass one flat list", classifier, TypeError,
    ),
    Case(
        "the same callback twice",
        fit(callbacks=[TWICE, TWICE]),
        "callbacks holds", "the same LambdaCallback twice", "would hear of everything twice",
        "make another: LambdaCallback(...)", classifier,
    ),
    Case(
        "a callback of Keras",
        fit_with(EarlyStopper),
        "callbacks holds", "<EarlyStopper>", "Keras's, whose hooks nothing here calls",
        "your class derive from nk.Callback", classifier, TypeError,
    ),
    Case(
        "a callback of Lightning that exists here",
        fit_with(EarlyStopping),
        "callbacks holds", "(EarlyStopping)", "Lightning's", "Use nk.EarlyStopping", classifier, TypeError,
    ),
    Case(
        "a hook under another name",
        fit_with(Misspelt),
        "Misspelt", "defines on_batch_end", "which nothing calls", "Did you mean 'on_t", classifier, TypeError,
    ),
    Case(
        "a hook with too few parameters",
        fit_with(TakesTooFew),
        "TakesTooFew.on_epoch_end", "on_epoch_end(epoch) cannot be", "is called with (epoch, logs)",
        "Write on_epoch_end(epoch, logs)", classifier, TypeError,
    ),
    Case(
        "a misspelt hook",
        lambda: nk.LambdaCallback(on_epoch_ends=print),
        "no hook", "'on_epoch_ends'", "LambdaCallback takes on_epoch_end", "Did you mean 'on_epoch_end'",
        error=TypeError,
    ),
    Case(
        "a number for a hook",
        lambda: nk.LambdaCallback(on_epoch_end=3),
        "on_epoch_end of LambdaCallback", "got 3 (int)", "takes a function", "such as on_epoch_end=lambda",
        error=TypeError,
    ),
    Case(
        "a misspelt keyword of EarlyStopping",
        lambda: nk.EarlyStopping(patients=3),
        "EarlyStopping", "no argument 'patients'", "It takes monitor, min_delta", "Did you mean 'patience'",
        error=TypeError,
    ),
    Case(
        "the patience by position",
        lambda: nk.EarlyStopping(3),
        "monitor of EarlyStopping", "got 3 (int)", "a name in the epoch logs", "such as monitor='val_loss'",
        error=TypeError,
    ),
    Case(
        "negative patience",
        lambda: nk.EarlyStopping(patience=-1),
        "patience of EarlyStopping", "got -1", "0 or more", "Pass patience=1",
    ),
    Case(
        "patience in quotes",
        lambda: nk.EarlyStopping(patience="3"),
        "patience of EarlyStopping", "'3' (str)", "a whole number of 0 or more", "Pass patience=3", error=TypeError,
    ),
    Case(
        "a baseline that is NaN",
        lambda: nk.EarlyStopping(baseline=math.nan),
        "baseline of EarlyStopping", "got nan", "a number to be beaten", "Pass baseline=0.9",
    ),
    Case(
        "a misspelt mode",
        lambda: nk.EarlyStopping(mode="mim"),
        "EarlyStopping", "mode='mim'", "Pass 'min', 'max', or 'auto'", "Did you mean 'min'",
    ),
    Case(
        "a misspelt monitor",
        fit_with(lambda: nk.EarlyStopping("val_los"), validation_split=0.25),
        "EarlyStopping watches", "'val_los'", "this fit logs ['val_loss', 'loss', 'lr']", "Did you mean 'val_loss'",
        classifier,
    ),
    Case(
        "a monitor of a metric that is not computed",
        fit_with(lambda: nk.EarlyStopping("acc")),
        "EarlyStopping watches", "'acc'", "this fit logs", "pass metrics=['accuracy'] to Trainer", classifier,
    ),
    Case(
        "a monitor of validation without validation",
        fit_with(nk.EarlyStopping),
        "EarlyStopping watches", "'val_loss'", "has no validation data", "Pass validation_data or validation_split",
        classifier,
    ),
    Case(
        "a monitor without a direction",
        fit_with(lambda: nk.EarlyStopping("lr")),
        "EarlyStopping", "'lr'", "cannot tell whether a high or a low", "Pass mode='min'", classifier,
    ),
    Case(
        "the best of a checkpoint by a mode that does not exist",
        lambda: nk.ModelCheckpoint("run", mode="x"),
        "ModelCheckpoint", "mode='x'", "the metric's own direction", "Pass 'min', 'max'",
    ),
    Case(
        "a misspelt keyword of ModelCheckpoint",
        lambda: nk.ModelCheckpoint("run", save_best=True),
        "ModelCheckpoint", "no argument 'save_best'", "It takes folder, monitor", "Did you mean 'save_best_only'",
        error=TypeError,
    ),
    Case(
        "a factor that does not reduce",
        lambda: nk.ReduceLROnPlateau(factor=2),
        "factor of ReduceLROnPlateau", "got 2", "between 0 and 1", "Pass factor=0.1",
    ),
    Case(
        "a negative cooldown",
        lambda: nk.ReduceLROnPlateau(cooldown=-1),
        "cooldown of ReduceLROnPlateau", "got -1", "0 or more", "Pass cooldown=1",
    ),
    Case(
        "a misspelt scheduler",
        lambda: nk.LRSchedule("StpLR"),
        "no scheduler", "'StpLR'", "LRSchedule takes a class as well", "Did you mean 'StepLR'",
    ),
    Case(
        "a misspelt option of a scheduler",
        lambda: nk.LRSchedule("StepLR", stepsize=1),
        "StepLR has", "no argument 'stepsize'", "It takes step_size, gamma", "Did you mean 'step_size'",
        error=TypeError,
    ),
    Case(
        "a scheduler without what it needs",
        lambda: nk.LRSchedule("StepLR", gamma=0.5),
        "LRSchedule('StepLR')", "got {'gamma': 0.5}", "needs step_size", "LRSchedule('StepLR', step_size=...)",
        error=TypeError,
    ),
    Case(
        "an option of a scheduler that torch refuses",
        fit_with(lambda: nk.LRSchedule("OneCycleLR", max_lr="a")),
        "OneCycleLR refused", "'max_lr': 'a'", "torch's documentation", "Pass LRSchedule others", classifier,
        TypeError,
    ),
    Case(
        "a schedule per batch",
        lambda: nk.LRSchedule("StepLR", step_size=1, per="batch"),
        "per of LRSchedule", "got 'batch'", "one of 'step', 'epoch'", "Did you mean 'step'",
    ),
    Case(
        "a schedule of an optimizer that does not exist",
        fit_with(lambda: nk.LRSchedule("StepLR", step_size=1, optimizer="gen")),
        "LRSchedule is for the optimizer", "'gen'", "has one, which needs no name", "Leave optimizer out", classifier,
    ),
    Case(
        "a decay above 1",
        lambda: nk.EMA(decay=2),
        "decay of EMA", "got 2", "a number from 0 to 1", "Pass decay=0.999",
    ),
    Case(
        "an average every 0 updates",
        lambda: nk.EMA(update_every=0),
        "update_every of EMA", "got 0", "1 or more", "Pass update_every=10",
    ),
    Case(
        "a start in words",
        lambda: nk.SWA("half"),
        "start_epoch of SWA", "'half' (str)", "an epoch from 0 on, or a fraction", "Pass start_epoch=0.75",
        error=TypeError,
    ),
    Case(
        "an average that starts after the end",
        fit_with(lambda: nk.SWA(3)),
        "SWA starts at epoch 4", "this fit has 1", "an earlier start_epoch", "a fraction of the epochs such as 0.75",
        classifier,
    ),
    Case(
        "a word for verbose in ProgressBar",
        lambda: nk.ProgressBar("on"),
        "verbose", "got 'on'", "one of 'auto', 0, 1, 2", "Pass one of these",
    ),
]  # fmt: skip

METRICS = [
    Case(
        "a metric of numbers for classes",
        fit(),
        "The metric 'mse'", "this is a multiclass task", "is for regression", "Use one of accuracy",
        lambda: classifier(metrics=["mse"]),
    ),
    Case(
        "a metric of classes for numbers",
        fit(rows(), rows(width=1)),
        "The metric 'accuracy'", "this is a regression task", "is for binary or multiclass", "Use one of mae, mse",
        lambda: regressor(metrics=["accuracy"]),
    ),
    Case(
        "the five likeliest of five classes",
        fit(),
        "The metric 'top_k_accuracy'", "there are only 5", "5 likeliest classes", "Use accuracy",
        lambda: classifier(outputs=5, metrics=["top_k_accuracy"]),
    ),
    Case(
        "a metric twice",
        fit(),
        "The metric name 'accuracy'", "given twice", "nk.Metric(function, name=...)", "Leave one out",
        lambda: classifier(metrics=["accuracy", "accuracy"]),
    ),
]  # fmt: skip


def _history() -> nk.History:
    history = nk.History({"loss": "min", "accuracy": "max"})
    history.append(0, {"loss": 0.5, "accuracy": 0.75})
    return history


CASES = [*TRAINER, *METHODS, *CALLBACKS, *METRICS]
