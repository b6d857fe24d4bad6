"""Estimators: a network as scikit-learn's own are, around the Trainer. ``nk.sklearn.NeuralNetClassifier`` and more.

They go where scikit-learn's estimators go: pipelines, searches, ensembles, calibration. What they do not do themselves
is scikit-learn's: cross-validation, searching, preprocessing.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from torch import Tensor, nn

from neurokit.architectures import MLP
from neurokit.callbacks import Callback, EarlyStopping
from neurokit.history import History
from neurokit.seeding import preserved_rng, seeded
from neurokit.trainer import Trainer

Array = np.ndarray[Any, Any]
Module = nn.Module | type[nn.Module] | Callable[[int, int], nn.Module]

_BATCH = 200  # rows at most, as in scikit-learn's MLPClassifier: of fewer, all of them


class Standardize(nn.Module):
    """Inputs with mean 0 and deviation 1, by statistics of the training rows.

    Args:
        mean: Of each column, ``(D,)``.
        deviation: Likewise; 0, of a column that is the same in every row, counts as 1.

    Example:
        >>> Standardize(np.array([1.0]), np.array([2.0]))(torch.tensor([[5.0]], dtype=torch.float64))
        tensor([[2.]], dtype=torch.float64)
    """

    def __init__(self, mean: Array, deviation: Array) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("deviation", torch.as_tensor(np.where(deviation > 0, deviation, 1.0)))
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return rows ``(N, D)`` on the scale of the training rows."""
        return (x - self.mean) / self.deviation


class _NeuralNet(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What both estimators share: parameters, fitting, and asking the trainer."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012  read by scikit-learn under this name
        "hidden": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "learning_rate": [None, Interval(Real, 0, None, closed="neither")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "patience": [None, Interval(Integral, 1, None, closed="left")],
        "max_grad_norm": [None, Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        module: Module | None = None,
        *,
        hidden: Iterable[int] = (64, 32),
        dropout: float = 0.0,
        standardize: bool = True,
        loss: Any = None,
        optimizer: Any = "adam",
        learning_rate: float | None = 0.003,
        epochs: int = 100,
        batch_size: int | Literal["auto"] = "auto",
        validation_split: float = 0.0,
        patience: int | None = None,
        max_grad_norm: float | None = None,
        callbacks: Iterable[Callback] = (),
        warm_start: bool = False,
        random_state: Any = None,
        device: Any = "auto",
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        verbose: int = 0,
    ) -> None:
        self.module = module
        self.hidden = hidden
        self.dropout = dropout
        self.standardize = standardize
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.patience = patience
        self.max_grad_norm = max_grad_norm
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---------------------------------------------------------------------------------------------------------- fitting

    def _fit(self, x: Any, y: Array, weight: Array | None, *, epochs: int, goes_on: bool) -> None:
        """Train the network, a new one unless this goes on with the one there is."""
        rows = x.shape[0]
        if not goes_on:
            self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            self.n_iter_, self.t_ = 0, 0
        with preserved_rng(), seeded(self._seed + self.t_):
            if not goes_on:
                self.trainer_ = self._make_trainer(x, y, weight)
                self.module_ = self.trainer_.model
            history = self.trainer_.fit(
                x, y,
                epochs=epochs,
                batch_size=min(_BATCH, rows) if self.batch_size == "auto" else self.batch_size,
                validation_split=self.validation_split,
                sample_weight=weight,
                callbacks=[*self._early(), *copy.deepcopy(list(self.callbacks))],
                checks=self.module is not None,  # those look for mistakes in a module, and ours is known
                verbose=self.verbose,
            )  # fmt: skip
        self.history_: History = history
        self.n_iter_ += len(history.epoch)
        self.t_ += rows * len(history.epoch)
        if history.epoch:
            self.loss_ = float(history.history["loss"][-1])
        if history.stop_reason == "interrupted":
            warnings.warn(f"Training was interrupted after {len(history.epoch)} epochs.", stacklevel=3)

    def _early(self) -> list[Callback]:
        if self.patience is None:
            return []
        monitor = "val_loss" if self.validation_split else "loss"
        return [EarlyStopping(monitor=monitor, patience=self.patience, restore_best_weights=True)]

    def _make_trainer(self, x: Any, y: Array, weight: Array | None) -> Trainer:
        model = self._make_module(x, weight, self._outputs_for(y))
        return Trainer(
            model, loss=self._loss_for(y), optimizer=self.optimizer, learning_rate=self._rate(), device=self.device,
            precision=self.precision, max_grad_norm=self.max_grad_norm,
        )  # fmt: skip

    def _rate(self) -> float | None:
        return self.learning_rate if isinstance(self.optimizer, (str, type)) else None

    def _make_module(self, x: Any, weight: Array | None, outputs: int) -> nn.Module:
        features = x.shape[1]
        if isinstance(self.module, nn.Module):
            return copy.deepcopy(self.module)
        if self.module is not None:
            made = self.module(features, outputs)
            if not isinstance(made, nn.Module):
                raise TypeError(
                    f"module(n_features, n_outputs) returned a {type(made).__name__}, and what trains is an nn.Module. "
                    "Pass a module, or a function that makes one of these two numbers."
                )
            return made
        net = MLP(features, outputs, hidden=tuple(self.hidden), dropout=float(self.dropout)).to(_dtype(x))
        return nn.Sequential(Standardize(*_statistics(x, weight)), net).to(_dtype(x)) if self.standardize else net

    # ----------------------------------------------------------------------------------------------------------- asking

    def _rows(self, x: Any, *, reset: bool = False) -> Any:
        """Rows as numbers, as scikit-learn checks them; of any number of axes for a module of one's own."""
        own = self.module is not None
        return validate_data(
            self, x, reset=reset, accept_sparse="csr", ensure_2d=not own, allow_nd=own,
            dtype="numeric" if own else (np.float64, np.float32),
        )  # fmt: skip

    def _ask(self, method: str, x: Any) -> Array:
        check_is_fitted(self, "trainer_")
        with preserved_rng():
            found: Array = getattr(self.trainer_, method)(self._rows(x))
        return found

    def _outputs_for(self, y: Array) -> int:
        raise NotImplementedError

    def _loss_for(self, y: Array) -> Any:
        raise NotImplementedError


class NeuralNetClassifier(ClassifierMixin, _NeuralNet):  # type: ignore[misc]
    """A network that classifies, as an estimator of scikit-learn.

    Without a module it is a multi-layer perceptron on standardised columns, of the size of the data; a
    ``Pipeline`` with encoders before it takes tables with text. A module of your own gets the columns as they are.

    Args:
        module: ``None`` for that network; a module, which is copied and stays as it is; or a class or function called
            with the numbers of features and of outputs.
        hidden: The widths of the network's hidden layers.
        dropout: The share of hidden units left out in each step.
        standardize: Scale each column for the network: the statistics are those of the training rows.
        loss: As ``Trainer`` takes it; ``None`` is ``"cross_entropy"``, for several labels a row ``"bce_with_logits"``.
        optimizer: As ``Trainer`` takes it.
        learning_rate: Of an optimizer given by name or class; ``None`` is torch's default.
        epochs: Passes over the rows.
        batch_size: ``"auto"`` is 200, or all rows where they are fewer.
        validation_split: A share of rows that validate; their loss is in ``history_``, and ``patience`` watches it.
        patience: Epochs without a lower loss before training ends, with the best weights; ``None`` never ends it.
        max_grad_norm: Clip gradients to this norm.
        class_weight: A weight by class, or ``"balanced"``, for the loss.
        callbacks: Of ``Trainer.fit``; each fit gets copies of its own.
        warm_start: Go on with the network of the last fit.
        random_state: Of weights, order, dropout and split. The global random streams are left as they are.
        device: As ``Trainer`` takes it.
        precision: As ``Trainer`` takes it.
        verbose: As ``Trainer.fit`` takes it.

    Attributes:
        classes_: The labels in the order of the columns of ``predict_proba``; a list of them for several labels a row.
        trainer_: The trainer, for everything that neurokit does with one.
        module_: The trained module.
        history_: What each epoch of the last fit gave.
        n_iter_: Epochs in all.
        loss_: The last epoch's.
        n_features_in_: Columns of the training rows.
        feature_names_in_: Their names, where they had some.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True)
        >>> NeuralNetClassifier(random_state=0).fit(x, y).score(x, y) > 0.95
        True
    """

    _parameter_constraints = {  # noqa: RUF012
        **_NeuralNet._parameter_constraints,
        "class_weight": [None, dict, StrOptions({"balanced"})],
    }

    def __init__(
        self,
        module: Module | None = None,
        *,
        hidden: Iterable[int] = (64, 32),
        dropout: float = 0.0,
        standardize: bool = True,
        loss: Any = None,
        optimizer: Any = "adam",
        learning_rate: float | None = 0.003,
        epochs: int = 100,
        batch_size: int | Literal["auto"] = "auto",
        validation_split: float = 0.0,
        patience: int | None = None,
        max_grad_norm: float | None = None,
        class_weight: Any = None,
        callbacks: Iterable[Callback] = (),
        warm_start: bool = False,
        random_state: Any = None,
        device: Any = "auto",
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            module, hidden=hidden, dropout=dropout, standardize=standardize, loss=loss, optimizer=optimizer,
            learning_rate=learning_rate, epochs=epochs, batch_size=batch_size, validation_split=validation_split,
            patience=patience, max_grad_norm=max_grad_norm, callbacks=callbacks, warm_start=warm_start,
            random_state=random_state, device=device, precision=precision, verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NeuralNetClassifier:  # noqa: N803
        """Train on rows ``(N, D)``, dense or sparse, and their labels ``(N,)`` or ``(N, L)`` of 0 and 1.

        Args:
            X: The rows.
            y: Their labels.
            sample_weight: One weight per row.

        Raises:
            ValueError: If rows or labels cannot be learnt from; says why.
        """
        self._validate_params()
        goes_on = self.warm_start and hasattr(self, "trainer_")
        x, y, weight = self._checked(X, y, sample_weight, reset=not goes_on)
        if not goes_on:
            self._learn_classes(y)
        self._fit(x, *self._encoded(y, weight), epochs=self.epochs, goes_on=goes_on)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> NeuralNetClassifier:  # noqa: N803
        """Train for one epoch on these rows, going on from where the last call ended.

        Columns are scaled by the statistics of the first call's rows.

        Args:
            X: The rows.
            y: Their labels.
            classes: All labels there will be; needed in the first call.
            sample_weight: One weight per row.

        Raises:
            ValueError: If the first call names no classes, or y has one that was not named.
        """
        self._validate_params()
        first = not hasattr(self, "trainer_")
        if first and classes is None and type_of_target(y) != "multilabel-indicator":
            raise ValueError("classes must be passed on the first call to partial_fit: y may not have them all.")
        x, y, weight = self._checked(X, y, sample_weight, reset=first)
        if first:
            self._learn_classes(y if classes is None else np.asarray(classes))
        self._fit(x, *self._encoded(y, weight), epochs=1, goes_on=not first)
        return self

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return the most probable label of each row; 0 or 1 for each of several labels."""
        probabilities = self.predict_proba(X)
        if self._is_multilabel:
            return (probabilities > 0.5).astype(np.int64)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """Return probabilities ``(N, C)`` in the order of ``classes_``, or ``(N, L)``."""
        return self._ask("predict_proba", X)

    def _checked(self, x: Any, y: Any, weight: Any, *, reset: bool) -> tuple[Any, Array, Array | None]:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        x = self._rows(x, reset=reset)
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        else:
            y = column_or_1d(y, warn=True)
        if x.shape[0] != len(y):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[x.shape[0], len(y)]}. Pass one label "
                "per row."
            )
        return x, y, None if weight is None else _check_sample_weight(weight, x, ensure_non_negative=True)

    def _learn_classes(self, y: Array) -> None:
        self._is_multilabel = y.ndim == 2
        if self._is_multilabel:
            self.classes_: Any = [np.array([0, 1])] * y.shape[1]
            return
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"This classifier needs samples of at least 2 classes, but y contains only one class: "
                f"{self.classes_[0]!r}."
            )

    def _encoded(self, y: Array, weight: Array | None) -> tuple[Array, Array | None]:
        """Labels as the loss takes them, and the weights of rows with those of their classes."""
        if self._is_multilabel:
            return y.astype(np.float64), weight
        places = np.searchsorted(self.classes_, y).clip(0, len(self.classes_) - 1)
        if (unknown := self.classes_[places] != y).any():
            raise ValueError(
                f"y has the label {y[unknown].tolist()[0]!r}, which is none of the classes {self.classes_}."
            )
        if self.class_weight is None:
            return places, weight
        from sklearn.utils.class_weight import compute_class_weight

        by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y, sample_weight=weight)
        return places, by_class[places] * (1.0 if weight is None else weight)

    def _outputs_for(self, y: Array) -> int:
        return y.shape[1] if self._is_multilabel else len(self.classes_)

    def _loss_for(self, y: Array) -> Any:
        if self.loss is not None:
            return self.loss
        return "bce_with_logits" if self._is_multilabel else "cross_entropy"


class NeuralNetRegressor(RegressorMixin, _NeuralNet):  # type: ignore[misc]
    """A network that predicts numbers, one or several a row, as an estimator of scikit-learn.

    It learns standardised targets, and predictions are given back in the targets' own units.

    Args:
        module: As in ``NeuralNetClassifier``.
        hidden: As in ``NeuralNetClassifier``.
        dropout: As in ``NeuralNetClassifier``.
        standardize: As in ``NeuralNetClassifier``.
        loss: As ``Trainer`` takes it; ``None`` is ``"mse"``.
        optimizer: As in ``NeuralNetClassifier``.
        learning_rate: As in ``NeuralNetClassifier``.
        epochs: As in ``NeuralNetClassifier``.
        batch_size: As in ``NeuralNetClassifier``.
        validation_split: As in ``NeuralNetClassifier``.
        patience: As in ``NeuralNetClassifier``.
        max_grad_norm: As in ``NeuralNetClassifier``.
        scale_target: Learn targets of mean 0 and deviation 1; ``False`` for a loss that needs them as they are.
        callbacks: As in ``NeuralNetClassifier``.
        warm_start: As in ``NeuralNetClassifier``.
        random_state: As in ``NeuralNetClassifier``.
        device: As in ``NeuralNetClassifier``.
        precision: As in ``NeuralNetClassifier``.
        verbose: As in ``NeuralNetClassifier``.

    Attributes:
        trainer_: The trainer, which speaks of standardised targets.
        module_: The trained module.
        target_mean_: What predictions are moved by, ``(K,)``.
        target_scale_: What they are multiplied by before, ``(K,)``.
        history_: What each epoch of the last fit gave.
        n_iter_: Epochs in all.
        loss_: The last epoch's, of standardised targets.
        n_features_in_: Columns of the training rows.
        feature_names_in_: Their names, where they had some.

    Example:
        >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
        >>> NeuralNetRegressor(random_state=0).fit(x, 1000 * x[:, 0] ** 2).score(x, 1000 * x[:, 0] ** 2) > 0.95
        True
    """

    _parameter_constraints = {**_NeuralNet._parameter_constraints, "scale_target": ["boolean"]}  # noqa: RUF012

    def __init__(
        self,
        module: Module | None = None,
        *,
        hidden: Iterable[int] = (64, 32),
        dropout: float = 0.0,
        standardize: bool = True,
        loss: Any = None,
        optimizer: Any = "adam",
        learning_rate: float | None = 0.003,
        epochs: int = 100,
        batch_size: int | Literal["auto"] = "auto",
        validation_split: float = 0.0,
        patience: int | None = None,
        max_grad_norm: float | None = None,
        scale_target: bool = True,
        callbacks: Iterable[Callback] = (),
        warm_start: bool = False,
        random_state: Any = None,
        device: Any = "auto",
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            module, hidden=hidden, dropout=dropout, standardize=standardize, loss=loss, optimizer=optimizer,
            learning_rate=learning_rate, epochs=epochs, batch_size=batch_size, validation_split=validation_split,
            patience=patience, max_grad_norm=max_grad_norm, callbacks=callbacks, warm_start=warm_start,
            random_state=random_state, device=device, precision=precision, verbose=verbose,
        )  # fmt: skip
        self.scale_target = scale_target

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NeuralNetRegressor:  # noqa: N803
        """Train on rows ``(N, D)``, dense or sparse, and their numbers ``(N,)`` or ``(N, K)``.

        Args:
            X: The rows.
            y: What is true of them.
            sample_weight: One weight per row.

        Raises:
            ValueError: If rows or numbers cannot be learnt from; says why.
        """
        self._validate_params()
        goes_on = self.warm_start and hasattr(self, "trainer_")
        return self._learn(X, y, sample_weight, epochs=self.epochs, goes_on=goes_on)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NeuralNetRegressor:  # noqa: N803
        """Train for one epoch on these rows, going on from where the last call ended.

        Columns and targets are scaled by the statistics of the first call's rows.

        Args:
            X: The rows.
            y: What is true of them.
            sample_weight: One weight per row.
        """
        self._validate_params()
        return self._learn(X, y, sample_weight, epochs=1, goes_on=hasattr(self, "trainer_"))

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return a number for each row, ``(N,)``, or ``(N, K)`` where targets had several."""
        found = self._ask("predict", X)
        found = found.reshape(len(found), -1) * self.target_scale_ + self.target_mean_
        return found if self._is_table else found[:, 0]

    def _learn(self, x: Any, y: Any, weight: Any, *, epochs: int, goes_on: bool) -> NeuralNetRegressor:
        own = self.module is not None
        x, y = validate_data(
            self, x, y, reset=not goes_on, accept_sparse="csr", ensure_2d=not own, allow_nd=own, multi_output=True,
            y_numeric=True, dtype="numeric" if own else (np.float64, np.float32),
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weight = None if weight is None else _check_sample_weight(weight, x, ensure_non_negative=True)
        table = y.reshape(len(y), -1).astype(np.float64)
        if not goes_on:
            self._is_table = y.ndim == 2
            mean, deviation = _statistics(table, weight)
            scale = np.where(deviation > 0, deviation, 1.0)
            self.target_mean_ = mean if self.scale_target else np.zeros_like(mean)
            self.target_scale_ = scale if self.scale_target else np.ones_like(scale)
        self._fit(x, (table - self.target_mean_) / self.target_scale_, weight, epochs=epochs, goes_on=goes_on)
        return self

    def _outputs_for(self, y: Array) -> int:
        return len(self.target_mean_)

    def _loss_for(self, y: Array) -> Any:
        return "mse" if self.loss is None else self.loss


def _dtype(x: Any) -> torch.dtype:
    return torch.float32 if x.dtype == np.float32 else torch.float64


def _statistics(x: Any, weight: Array | None) -> tuple[Array, Array]:
    """Mean and deviation of each column, ``(D,)``, every row counting as often as its weight says."""
    if sparse.issparse(x):
        mean, variance = mean_variance_axis(x, axis=0, weights=weight)[:2]
    else:
        mean = np.average(x, axis=0, weights=weight)
        variance = np.average((x - mean) ** 2, axis=0, weights=weight)
    return np.asarray(mean, dtype=np.float64), np.sqrt(np.asarray(variance, dtype=np.float64))
