"""Assessment: what is true of some rows and what a model says of them, collected once and asked every question."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurokit.arguments import check_choice, check_count, check_number, suggestions, suggests_arguments
from neurokit.assessment import decisions as deciding
from neurokit.assessment.baseline import constant_answers
from neurokit.assessment.calibration import Calibration, calibration, fit_temperature, with_temperature
from neurokit.assessment.checking import check_arrays, checked_names
from neurokit.assessment.curves import precision_recall, roc, told_events
from neurokit.assessment.decisions import Decisions
from neurokit.assessment.drawing import Plots
from neurokit.assessment.intervals import RESAMPLES, Estimate, bootstrap, check_confidence
from neurokit.assessment.measures import Answers, Statistic, lift, measure
from neurokit.assessment.own_metrics import OWN_RESAMPLES
from neurokit.assessment.policies import Policy, choose_policy
from neurokit.assessment.rows import columns_of, rows_at
from neurokit.assessment.verdict import main_metric, verdict
from neurokit.diagnostics.finding import Finding
from neurokit.record import RunRecord
from neurokit.task import Kind

if TYPE_CHECKING:
    import pandas as pd

    from neurokit.assessment.groups import GroupReport
    from neurokit.assessment.protected import ProtectedColumn

Array = np.ndarray[Any, Any]

logger = logging.getLogger("neurokit")


class Assessment:
    """Answers every question about a model's answers to some rows. ``nk.assess`` makes one.

    Numbers equal scikit-learn's. Rates have Wilson's interval, the others one of a seeded bootstrap. Tables come as
    data frames; ``plots`` draws the same.

    Args:
        answers: What is true, and what the model says.
        class_names: Names of the classes, or of the labels; ``None`` for regression.
        name: What the rows are to the model: ``"test"``, ``"validation"``.
        rows: The inputs, as the user passed them; ``None`` where they cannot be read again.
        numbers: The number of each answer's row in them, ``(N,)``.
        record: The run that made the model.
        training: How the targets of training were distributed, as ``record.balance`` has it; told from the record when
            ``None``.
        sensitive: What groups are made of, by name; see ``by_group``.
        confidence: How often an interval holds the true value.
        seed: Of the resamples.
        findings: What was noticed.
        protected: Columns that say who a row is about, as ``check_features`` found them.
        own: Further metrics by name, each of how often every row counts.

    Example:
        >>> assessment = Assessment.from_arrays([0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9], kind="binary")
        >>> assessment.metrics["accuracy"]
        0.75 (0.301 to 0.954, n = 4)
    """

    def __init__(
        self,
        answers: Answers,
        *,
        class_names: Sequence[str] | None = None,
        name: str = "test",
        rows: Any = None,
        numbers: Array | None = None,
        record: RunRecord | None = None,
        training: Mapping[str, Any] | None = None,
        sensitive: Any = None,
        confidence: float = 0.95,
        seed: int = 0,
        findings: Sequence[Finding] = (),
        protected: Sequence[ProtectedColumn] = (),
        own: Mapping[str, Statistic] = MappingProxyType({}),
    ) -> None:
        check_confidence(confidence)
        self.answers = answers
        self.class_names = None if class_names is None else [str(one) for one in class_names]
        self.name, self.rows, self.record, self.sensitive = name, rows, record, sensitive
        self.numbers = np.arange(len(answers)) if numbers is None else numbers
        self.confidence, self.seed = confidence, seed
        self.own = dict(own)
        self.training = dict(_training(record) if training is None else training)
        self.temperature_applied = 1.0
        self.findings, self.protected = list(findings), list(protected)
        self.decisions: Decisions | None = None
        self.description = ""  # of a baseline, which answer it gives
        self.resamples = RESAMPLES
        self._lifts: dict[str, Estimate] = {}

    @classmethod
    def from_arrays(
        cls,
        y_true: Any,
        scores: Any,
        *,
        kind: Kind,
        class_names: Sequence[str] | None = None,
        sample_weight: Any = None,
        x: Any = None,
        **options: Any,
    ) -> Assessment:
        """Return the assessment of any model's scores: one of scikit-learn beside the network, for instance.

        Args:
            y_true: Class indices ``(N,)``, labels of 0 and 1 ``(N, L)``, or values ``(N,)`` or ``(N, K)``.
            scores: Probabilities ``(N, C)``, for two classes also ``(N,)`` of the second; ``(N, L)`` for labels; the
                predicted values for regression.
            kind: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
            class_names: Names, in the order of the indices; else the indices.
            sample_weight: One weight per row.
            x: The rows themselves, for ``top_losses``.
            **options: ``name``, ``record``, ``sensitive``, ``confidence`` and ``seed``, as the class takes them.

        Raises:
            ValueError: If shapes do not fit, or a score is no probability.
        """
        check_choice("kind", kind, ("binary", "multiclass", "multilabel", "regression"))
        true, told = np.asarray(y_true), np.asarray(scores)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if kind == "binary" and (told.ndim == 1 or told.shape[1:] == (1,)):
            positive = told.reshape(-1)
            told = np.stack([1 - positive, positive], axis=1)
        if kind == "regression":
            true, told = (one.reshape(-1) if one.shape[1:] == (1,) else one for one in (true, told))
        check_arrays(kind, true, told, weight)
        if kind == "regression":
            predicted = told
        else:
            true = true.astype(np.int64)
            predicted = (told > 0.5).astype(np.int64) if kind == "multilabel" else told.argmax(1)
        if kind != "regression":
            class_names = checked_names(class_names, told.shape[1])
        return cls(Answers(kind, true, predicted, told, weight), class_names=class_names, rows=x, **options)

    # ------------------------------------------------------------------------------------ what it is about

    @property
    def kind(self) -> Kind:
        """``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``."""
        return self.answers.kind

    @property
    def n(self) -> int:
        """How many rows were assessed."""
        return len(self.answers)

    @property
    def y_true(self) -> Array:
        """What is true: class indices ``(N,)``, labels ``(N, L)`` or values."""
        return self.answers.y_true

    @property
    def y_pred(self) -> Array:
        """What the model says, as ``y_true`` has it."""
        return self.answers.y_pred

    @property
    def scores(self) -> Array:
        """Probabilities ``(N, C)`` or ``(N, L)``; for regression the predicted values."""
        return self.answers.scores

    @property
    def weight(self) -> Array | None:
        """One weight per row, ``(N,)``, or ``None``."""
        return self.answers.weight

    @property
    def positive(self) -> str | None:
        """The name of the second of two classes, which rates and curves are about."""
        return self.names[1] if self.kind == "binary" else None

    @property
    def names(self) -> list[str]:
        """The names of classes or labels; none for regression."""
        return self.class_names or []

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the rows' columns, where they have names."""
        return list(map(str, self.rows.columns)) if hasattr(self.rows, "columns") else None

    # ------------------------------------------------------------------------------------ how good

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """Every metric of the task with its interval, by name, and those of the trainer. A rate of no cases is NaN."""
        found = measure(self.answers, confidence=self.confidence, seed=self.seed, resamples=self.resamples)
        draws = min(self.resamples, OWN_RESAMPLES)
        own = bootstrap(self.own, self.n, seed=self.seed, confidence=self.confidence, resamples=draws)
        return found | own

    @property
    def main(self) -> str:
        """The metric that the verdict is about: accuracy, its mean over classes where one is most rows, or MAE."""
        return main_metric(self)

    @cached_property
    def baseline(self) -> Assessment:
        """The assessment of one answer for all rows: the most frequent class, or the mean, of training.

        Its ``description`` says which answer it is.
        """
        answers, description = constant_answers(self.answers, self.names, self.training)
        made = self._with(answers)
        made.description, made.resamples = description, 0
        return made

    @suggests_arguments
    def lift(self, metric: str | None = None) -> Estimate:
        """Return by how much the model is better than the baseline, resampled in pairs; above 0 is better.

        Args:
            metric: A name in ``metrics``; the verdict's when ``None``.

        Raises:
            ValueError: If there is no such metric.
        """
        name = self.main if metric is None else metric
        if name not in self.baseline.metrics:
            known = list(self.baseline.metrics)
            raise ValueError(f"There is no metric {name!r} here.{suggestions(name, known)} It has {', '.join(known)}.")
        if name not in self._lifts:
            other = self.baseline.answers
            self._lifts[name] = lift(self.answers, other, name, confidence=self.confidence, seed=self.seed)
        return self._lifts[name]

    def verdict(self) -> str:
        """Return what somebody who decides needs to know, in a sentence or two, with interval and baseline."""
        return verdict(self)

    def __getitem__(self, metric: str) -> Estimate:
        """Return a metric by its name."""
        return self.metrics[metric]

    def to_frame(self) -> pd.DataFrame:
        """Return the metrics as a table: value, interval, rows, method, and the baseline's value."""
        import pandas as pd

        columns = ["value", "low", "high", "n", "method"]
        table = pd.DataFrame(
            [[float(one), one.low, one.high, one.n, one.method] for one in self.metrics.values()],
            index=pd.Index(list(self.metrics), name="metric"), columns=columns,
        )  # fmt: skip
        table["baseline"] = [float(self.baseline.metrics.get(name, math.nan)) for name in self.metrics]
        return table

    # ------------------------------------------------------------------------------------ where it is wrong

    @suggests_arguments
    def confusion_matrix(self, normalize: Literal["true", "pred", "all"] | None = None) -> pd.DataFrame:
        """Return how often each class (down) was taken for each other (across); weights count where there are some.

        Of several labels it is that of each, under one another: two rows and two columns for a label.

        Args:
            normalize: Shares in place of counts: of the ``"true"`` class, the ``"pred"`` one or ``"all"``.

        Raises:
            ValueError: If the task has no classes.
        """
        if self.kind == "multilabel":
            import pandas as pd

            parts = {name: self.one_vs_rest(name).confusion_matrix(normalize) for name in self.names}
            whole = [part.set_axis([0, 1], axis=0).set_axis([0, 1], axis=1) for part in parts.values()]
            stacked = pd.concat(whole, keys=list(parts), names=["label", "actual"])
            return stacked.rename_axis(columns="predicted")
        self.ask("confusion_matrix", "binary", "multiclass", "multilabel")
        if normalize is not None:
            check_choice("normalize", normalize, ("true", "pred", "all"))
        import pandas as pd
        from sklearn.metrics import confusion_matrix

        counted = confusion_matrix(
            self.y_true, self.y_pred, labels=range(len(self.names)), normalize=normalize, sample_weight=self.weight
        )
        actual, predicted = pd.Index(self.names, name="actual"), pd.Index(self.names, name="predicted")
        return pd.DataFrame(counted, index=actual, columns=predicted)

    @suggests_arguments
    def classification_report(self, *, output_dict: bool = False, digits: int = 2) -> Any:
        """Return precision, recall, F1 and rows of each class as scikit-learn's text, or as a dict.

        Args:
            output_dict: A dict in place of text.
            digits: Of the numbers in the text.

        Raises:
            ValueError: If the task has no classes.
        """
        self.ask("classification_report", "binary", "multiclass", "multilabel")
        from sklearn.metrics import classification_report

        return classification_report(
            self.y_true, self.y_pred, labels=range(len(self.names)), target_names=self.names, output_dict=output_dict,
            digits=digits, sample_weight=self.weight, zero_division=0.0,
        )  # fmt: skip

    @suggests_arguments
    def most_confused(self, k: int | None = None, *, min_count: int = 1) -> pd.DataFrame:
        """Return the pairs of classes that are taken for each other most often: actual, predicted, count, share.

        Args:
            k: How many pairs; all when ``None``.
            min_count: Leave out pairs that occur less often.

        Raises:
            ValueError: If the task has no single class a row.
        """
        self.ask("most_confused", "binary", "multiclass")
        import pandas as pd

        check_count("min_count", min_count)
        if k is not None:
            check_count("k", k)
        counts = np.zeros((len(self.names),) * 2, dtype=np.int64)
        np.add.at(counts, (self.y_true, self.y_pred), 1)
        totals = counts.sum(1)
        pairs = [
            (self.names[true], self.names[told], int(counts[true, told]), counts[true, told] / totals[true])
            for true, told in zip(*np.nonzero(counts), strict=True)
            if true != told and counts[true, told] >= min_count
        ]
        pairs.sort(key=lambda pair: -pair[2])
        return pd.DataFrame(pairs[:k], columns=["actual", "predicted", "count", "share"])

    @suggests_arguments
    def top_losses(self, k: int = 9) -> pd.DataFrame:
        """Return the rows the model is most wrong about, the worst first, with what they hold.

        Args:
            k: How many.

        Returns:
            A row for each, under its number in the data: ``loss`` (minus the log-probability of what is true, or the
            squared error), ``actual``, ``predicted``, for classes the ``probability`` of what is true, and the row's
            own columns where it is a row of a table. ``assessment.row(number)`` gives any other, a picture for
            instance.
        """
        import pandas as pd

        check_count("k", k)
        losses = self.answers.losses()
        worst = np.argsort(-losses, kind="stable")[:k]
        columns: dict[str, Any] = {
            "loss": losses[worst], "actual": self._said(self.y_true[worst]), "predicted": self._said(self.y_pred[worst])
        }  # fmt: skip
        if self.kind in ("binary", "multiclass"):
            columns["probability"] = self.scores[worst, self.y_true[worst]]
        table = pd.DataFrame(columns, index=pd.Index(self.numbers[worst], name="row"))
        own = columns_of(self.rows, self.numbers[worst])
        if own is None:
            return table
        own.columns = [f"{name} (column)" if name in table.columns else name for name in own.columns]
        whole: pd.DataFrame = pd.concat([table, own.set_axis(table.index)], axis=1)
        return whole

    def row(self, number: int) -> Any:
        """Return a row of the data as the user passed them.

        Raises:
            ValueError: If they cannot be read again, as those of a stream, or there is no such row.
        """
        return rows_at(self.rows, number)

    def residuals(self) -> pd.DataFrame:
        """Return actual and predicted values with their residual, actual less predicted, a row for each.

        Raises:
            ValueError: If the task is no regression of one number.
        """
        self.ask("residuals", "regression")
        import pandas as pd

        columns = {"actual": self.y_true, "predicted": self.scores, "residual": self.y_true - self.scores}
        index = pd.Index(self.numbers, name="row")
        if self.y_true.ndim == 1:
            return pd.DataFrame(columns, index=index)
        tables = {name: pd.DataFrame(values, index=index) for name, values in columns.items()}
        return pd.concat(tables, axis=1)

    # ------------------------------------------------------------------------------------ scores and curves

    def roc(self) -> pd.DataFrame:
        """Return the ROC curve: false and true positive rate at each threshold, for each class where there are more.

        Raises:
            ValueError: If the task has no classes.
        """
        self.ask("roc", "binary", "multiclass", "multilabel")
        return roc(self.answers, self.names)

    def precision_recall(self) -> pd.DataFrame:
        """Return precision and recall at each threshold, for each class where there are more.

        Raises:
            ValueError: If the task has no classes.
        """
        self.ask("precision_recall", "binary", "multiclass", "multilabel")
        return precision_recall(self.answers, self.names)

    @suggests_arguments
    def calibration(self, bins: int = 10) -> Calibration:
        """Compare probabilities with how often they come true: of the second of two classes, else of the likeliest.

        Args:
            bins: Of equal width.

        Raises:
            ValueError: If the task has no classes.
        """
        self.ask("calibration", "binary", "multiclass", "multilabel")
        check_count("bins", bins)
        happened, score, event = told_events(self.answers, self.names)
        weight = self.weight
        if weight is not None and self.kind == "multilabel":
            weight = np.repeat(weight, len(self.names))
        return calibration(
            happened, score, event, bins=bins, weight=weight, confidence=self.confidence,
            independent=self.kind != "multilabel",
        )  # fmt: skip

    def temperature(self) -> float:
        """Return the temperature that makes the probabilities fit these rows best. Learn it on validation rows.

        Raises:
            ValueError: If the task has no single class a row.
        """
        self.ask("temperature", "binary", "multiclass")
        return fit_temperature(self.scores, self.y_true, self.weight)

    @suggests_arguments
    def calibrated(self, temperature: float | Policy) -> Assessment:
        """Return the same assessment with probabilities at a temperature that was learnt on other rows.

        Args:
            temperature: A number above 0, or the policy that holds one.

        Example:
            >>> validation = Assessment.from_arrays([0, 1, 1, 0], [0.01, 0.99, 0.01, 0.02], kind="binary")
            >>> test = Assessment.from_arrays([0, 1], [0.01, 0.99], kind="binary")
            >>> test.calibrated(validation.temperature()).scores.round(2)[:, 1]
            array([0.25, 0.75])
        """
        self.ask("calibrated", "binary", "multiclass")
        value = temperature.temperature if isinstance(temperature, Policy) else temperature
        check_number("temperature", value, "a number above 0", lambda number: number > 0, such_as=1.5)
        scores = with_temperature(self.scores, value)
        made = self._with(Answers(self.kind, self.y_true, self.y_pred, scores, self.weight))
        made.temperature_applied = self.temperature_applied * value
        made.digest = self.digest
        return made

    @suggests_arguments
    def one_vs_rest(self, name: str | int) -> Assessment:
        """Return the assessment of one class, or one label, against all else: a binary one, which can have a threshold.

        Args:
            name: The class's name, or its index.

        Raises:
            ValueError: If there is no such class.
        """
        self.ask("one_vs_rest", "binary", "multiclass", "multilabel")
        known = self.names
        if isinstance(name, (int, np.integer)) and not isinstance(name, bool) and 0 <= name < len(known):
            name = known[name]
        if name not in known:
            raise ValueError(f"There is no class {name!r}.{suggestions(str(name), known)} Classes: {', '.join(known)}.")
        index = known.index(str(name))
        chosen = self.scores[:, index]
        true = self.y_true[:, index] if self.kind == "multilabel" else (self.y_true == index).astype(np.int64)
        told = self.y_pred[:, index] if self.kind == "multilabel" else (self.y_pred == index).astype(np.int64)
        part = self._with(Answers("binary", true, told, np.stack([1 - chosen, chosen], axis=1), self.weight))
        part.class_names = [f"not {name}", str(name)]
        part.training = self._share_of_training(index, part.class_names)
        part.digest = hashlib.sha256(f"{self.digest} {index}".encode()).hexdigest()
        if self.kind == "multiclass":
            part.temperature_applied = 1.0  # that of many classes is none of two
        return part

    def _share_of_training(self, index: int, names: list[str]) -> dict[str, Any]:
        """How often one class or label was true in training, as two classes."""
        rows, counts = self.training.get("rows") or 0, list((self.training.get("counts") or {}).values())
        if len(counts) != len(self.names):
            return {}
        return {"rows": rows, "counts": dict(zip(names, (rows - counts[index], counts[index]), strict=True))}

    # ------------------------------------------------------------------------------------ decisions, groups

    @suggests_arguments
    def threshold(
        self,
        costs: Any = None,
        *,
        precision: float | None = None,
        recall: float | None = None,
        abstain: float | tuple[float, float] | None = None,
        calibrate: bool = True,
    ) -> Policy:
        """Choose a threshold on these rows, for decisions about others: those of validation, never those of the test.

        Probabilities are calibrated first, by a temperature that is learnt here too.

        Args:
            costs: What each outcome costs: a dict by ``false_positive``, ``false_negative`` and, if need be,
                ``true_positive``, ``true_negative`` and ``abstain``, or a table ``[[tn, fp], [fn, tp]]``.
            precision: In place of costs: the lowest threshold that reaches this.
            recall: In place of costs: the highest threshold that reaches this.
            abstain: The half width of a band around the threshold in which nobody decides but a person, or its two
                ends. With costs, a cost of ``"abstain"`` makes the band that pays.
            calibrate: Learn a temperature.

        Raises:
            ValueError: If the task is not one of two classes, one of them is missing here, none or several goals are
                given, or no threshold reaches it.

        Example:
            >>> validation = Assessment.from_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], kind="binary")
            >>> policy = validation.threshold(costs={"false_positive": 1, "false_negative": 5}, calibrate=False)
            >>> print(policy.rule)
            1 from a probability of 0.225 on, else 0
        """
        self.ask("threshold", "binary")
        return choose_policy(
            self.answers, self.names, costs=costs, precision=precision, recall=recall, abstain=abstain,
            calibrate=calibrate, temperature=self.temperature_applied, chosen_on=self._told_apart(),
        )  # fmt: skip

    @suggests_arguments
    def decide(self, policy: Policy) -> Decisions:
        """Apply a policy to these rows: actions, calibrated probabilities, margins, counts and cost.

        Args:
            policy: What ``threshold`` chose on other rows.

        Raises:
            TypeError: If it is no policy.
            ValueError: If it is about other classes.
        """
        self.ask("decide", "binary")
        if not isinstance(policy, Policy):
            raise TypeError(
                f"decide takes a policy, got {policy!r:.60} ({type(policy).__name__}). Choose one on validation rows: "
                "policy = nk.assess(trainer, x_val, y_val).threshold(costs={'false_positive': 1, 'false_negative': 5})."
            )
        if [policy.negative, policy.positive] != self.names:
            raise ValueError(
                f"The policy tells {policy.negative!r} from {policy.positive!r}, and these rows are of {self.names}. "
                "Choose it on rows of the same classes."
            )
        left = policy.temperature / self.temperature_applied  # of one that was applied by calibrated, nothing
        probability = with_temperature(self.scores, left)[:, 1]
        same_rows = policy.chosen_on.get("sha256") == self.digest
        if same_rows:
            logger.warning(
                "The policy was chosen on these very rows, so that counts and cost look better than they are. Choose "
                "it on validation rows: nk.assess(trainer, x_val, y_val, name='validation').threshold(...)."
            )
        self.decisions = deciding.decide(
            policy, self.y_true, probability, weight=self.weight, confidence=self.confidence, seed=self.seed,
            same_rows=same_rows,
        )  # fmt: skip
        return self.decisions

    def _told_apart(self) -> dict[str, Any]:
        """What tells these rows from others."""
        return {"name": self.name, "n": self.n, "sha256": self.digest}

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of what is true and said of these rows; that of a calibrated assessment is the original's."""
        content = hashlib.sha256(self.y_true.tobytes())
        content.update(np.ascontiguousarray(self.scores).tobytes())
        return content.hexdigest()

    def by_group(self, sensitive: Any = None, **options: Any) -> GroupReport:
        """Return metrics for each group, with sizes, intervals, gaps and the worst group named.

        Args:
            sensitive: What makes the groups: one value per row (an array or Series; a DataFrame or dict of several,
                whose intersections are told too), or the name or names of columns of the rows. What was passed to
                ``nk.assess`` when ``None``.
            **options: Of ``groups.by_group``: ``metrics``, ``min_group``, ``control``.

        Raises:
            ValueError: If there is nothing to group by, or lengths differ.
            ImportError: If fairlearn is not installed: ``pip install "neurokit-torch[fairness]"``.
        """
        from neurokit.assessment.groups import by_group

        given = self.sensitive if sensitive is None else self._sensitive(sensitive)
        if given is None:
            raise ValueError(
                "by_group needs to know the groups. Pass sensitive=, one value for each row, or the name of a column."
            )
        self.__dict__["groups"] = found = by_group(
            self.kind, self.y_true, self.y_pred, self.scores, given, class_names=self.class_names,
            sample_weight=self.weight, confidence=self.confidence, seed=self.seed, **options,
        )  # fmt: skip
        return found

    def _sensitive(self, given: Any) -> Any:
        """Values for each assessed row: columns by name, others as they came, less the rows that count for nothing."""
        from neurokit.assessment.rows import sensitive_values

        return sensitive_values(given, self.rows, self.numbers)

    @cached_property
    def groups(self) -> GroupReport | None:
        """The latest report of ``by_group``, else that by the groups that ``nk.assess`` was told of; ``None`` without.

        Card and HTML report show it.
        """
        return None if self.sensitive is None else self.by_group()

    # ------------------------------------------------------------------------------------ told on

    @property
    def plots(self) -> Plots:
        """Pictures: each takes ``ax``, returns the Axes, shows nothing, and has a twin in ``plots.data``."""
        return Plots(self)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values: what ``run.json`` keeps, and a model card is written from."""
        from neurokit.assessment.summary import summary

        return summary(self)

    def to_html(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write a report for somebody who decides: one file that needs nothing else. Return its path.

        Args:
            path: The file.
            **options: Of ``report.to_html``: ``explanation``, ``decisions``, ``title``, ``good_for``, ``not_for``,
                ``notes`` and ``figures``.
        """
        from neurokit.assessment.report import to_html

        return to_html(self, path, **options)

    def __repr__(self) -> str:
        return f"<Assessment of {self.n} {self.name} rows, {self.kind}>"

    def __str__(self) -> str:
        return f"{self.verdict()}\n\n{self.to_frame().round(4).to_string()}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.verdict())}</p>{self.to_frame().round(4).to_html()}"

    # ------------------------------------------------------------------------------------ inside

    def ask(self, question: str, *kinds: Kind) -> None:
        """Refuse a question that the task has no answer to.

        Args:
            question: What is asked for.
            *kinds: The tasks that have an answer.
        """
        if self.kind not in kinds:
            mend = "See metrics, residuals and top_losses."
            if "binary" in kinds and self.names:
                mend = f"Ask it of one class or label: assessment.one_vs_rest({self.names[-1]!r}).{question}(...)."
            raise ValueError(f"{question} is for {' and '.join(kinds)} tasks, and this one is {self.kind}. {mend}")

    def _said(self, answers: Array) -> Any:
        """Class indices as names, labels as the names that hold; values as they are."""
        if self.kind == "regression":
            return answers if answers.ndim == 1 else list(map(list, answers.tolist()))
        if self.kind == "multilabel":
            return [", ".join(name for name, holds in zip(self.names, row, strict=True) if holds) for row in answers]
        return np.asarray(self.names, dtype=object)[answers]

    def _with(self, answers: Answers) -> Assessment:
        """The same rows with other answers."""
        made = copy.copy(self)
        for computed in ("metrics", "baseline", "groups", "digest"):
            made.__dict__.pop(computed, None)
        made.answers, made.decisions, made.findings, made._lifts = answers, None, list(self.findings), {}
        made.own = {}  # they are of the model's outputs as they were
        return made


def _training(record: RunRecord | None) -> Mapping[str, Any]:
    """How the targets of a run's training were distributed."""
    return {} if record is None else record.balance.get("train") or {}
