"""Drawing: an assessment's pictures, drawn by scikit-learn's displays where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurokit.assessment.curves import events

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes

    from neurokit.assessment.assessment import Assessment

_MOST_CURVES = 10  # of more classes the ones told apart worst are drawn
_NAMES = (
    "metrics", "confusion_matrix", "roc", "precision_recall", "calibration", "residuals", "predicted_actual", "errors"
)  # fmt: skip


class Picture:
    """One picture of an assessment: called, it draws; ``data`` gives the numbers that it shows."""

    def __init__(self, plots: Plots, draw: Callable[..., Axes]) -> None:
        self._plots, self._draw = plots, draw
        self.__name__, self.__doc__ = draw.__name__, draw.__doc__

    def __call__(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw into the axes given, or into a figure of its own, and return the axes."""
        return self._draw(self._plots, ax, **options)

    def data(self, **options: Any) -> pd.DataFrame:
        """Return the numbers that it shows, as a table."""
        return self._plots.data(self.__name__, **options)


class picture:  # noqa: N801  (a decorator, as property is one)
    """Makes a method that draws a ``Picture`` of its object."""

    def __init__(self, draw: Callable[..., Axes]) -> None:
        self._draw = draw
        self.__doc__ = draw.__doc__

    def __get__(self, plots: Plots, owner: type) -> Picture:
        return Picture(plots, self._draw)


class Plots:
    """Pictures of an assessment: each takes ``ax``, returns the Axes and shows nothing; its ``data()`` has the numbers.

    Without ``ax`` a figure is made through ``matplotlib.pyplot``, so that a notebook shows it.

    Args:
        assessment: What is drawn.

    Example:
        >>> from neurokit.assessment import Assessment
        >>> assessment = Assessment.from_arrays([0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9], kind="binary")
        >>> axes = assessment.plots.roc()
        >>> list(assessment.plots.roc.data().columns)
        ['false_positive_rate', 'true_positive_rate', 'threshold']
    """

    def __init__(self, assessment: Assessment) -> None:
        self._of = assessment

    def __dir__(self) -> list[str]:
        return [*_NAMES, "data", "suited"]

    def suited(self) -> list[str]:
        """Return the names of the pictures that this task has."""
        if self._of.kind == "regression":
            return ["metrics", "predicted_actual", "residuals", "errors"] if self._of.y_true.ndim == 1 else ["metrics"]
        curves = ["roc", "precision_recall", "calibration", "errors"]
        return ["metrics", *curves] if self._of.kind == "multilabel" else ["metrics", "confusion_matrix", *curves]

    def data(self, name: str, **options: Any) -> pd.DataFrame:
        """Return the numbers that a picture shows, as a table.

        Args:
            name: The picture's, such as ``"roc"``.
            **options: Of the picture, ``ax`` aside.

        Raises:
            ValueError: If there is no such picture, or the task does not have it.
        """
        from neurokit.arguments import check_choice

        check_choice("name", name, _NAMES)
        if name == "metrics":
            return self._of.to_frame()
        if name == "calibration":
            return self._of.calibration(**options).table
        if name == "predicted_actual":
            return self._of.residuals()[["actual", "predicted"]]
        if name == "errors":
            return self._errors()
        table: pd.DataFrame = getattr(self._of, name)(**options)
        return table

    @picture
    def metrics(self, ax: Axes | None = None) -> Axes:
        """Draw every metric between 0 and 1 with its interval, beside the baseline's; of numbers, the errors."""
        table = self._of.to_frame()
        table = table.drop(index=list(self._of.own))  # whose scale nobody knows
        if self._of.kind == "regression":
            table = table.drop(index=["r2", "mean_error", "mse"])  # on scales of their own
        else:
            table = table.drop(index=[name for name in table.index if name in ("log_loss",)])
        table = table[::-1]
        axes = _axes(ax, (5.6, 0.36 * len(table) + 1.2))
        places = np.arange(len(table))
        ends = np.abs(table[["low", "high"]].to_numpy().T - table["value"].to_numpy())
        axes.errorbar(table["value"], places, xerr=np.nan_to_num(ends), fmt="o", color="C0", capsize=3, label="model")
        axes.plot(table["baseline"], places, "x", color="0.45", label="baseline")
        axes.set_yticks(places, [str(name).replace("_", " ") for name in table.index])
        axes.set_xlabel(f"value and {100 * self._of.confidence:g} % interval, n = {self._of.n}")
        axes.grid(axis="x", alpha=0.3)
        axes.legend()
        return axes

    @picture
    def confusion_matrix(self, ax: Axes | None = None, normalize: Literal["true", "pred", "all"] | None = None) -> Axes:
        """Draw how often each class was taken for each other: actual down, predicted across."""
        from sklearn.metrics import ConfusionMatrixDisplay

        self._of.ask("confusion_matrix", "binary", "multiclass")
        counted = self._of.confusion_matrix(normalize)
        side = max(4.0, 1.5 + 0.5 * len(counted))
        axes = _axes(ax, (side, side))
        whole = normalize is None and (counted == counted.round()).all(axis=None)
        shown = counted.to_numpy().round().astype(np.int64) if whole else counted.to_numpy()
        display = ConfusionMatrixDisplay(shown, display_labels=self._of.names)
        display.plot(ax=axes, cmap="Blues", colorbar=False, values_format="d" if whole else ".2f",
                     xticks_rotation="vertical" if max(map(len, self._of.names)) > 4 else "horizontal")  # fmt: skip
        axes.set(xlabel="predicted", ylabel="actual")
        return axes

    @picture
    def roc(self, ax: Axes | None = None) -> Axes:
        """Draw true against false positive rate over all thresholds, a curve for each class where there are more."""
        from sklearn.metrics import RocCurveDisplay

        self._of.roc()
        axes = _axes(ax, (4.6, 4.4))
        self._curves(RocCurveDisplay, axes)
        axes.plot([0, 1], [0, 1], "--", color="0.45", label="chance")
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        axes.legend(loc="lower right", fontsize="small")
        return axes

    @picture
    def precision_recall(self, ax: Axes | None = None) -> Axes:
        """Draw precision against recall over all thresholds, a curve for each class where there are more."""
        from sklearn.metrics import PrecisionRecallDisplay

        self._of.precision_recall()
        axes = _axes(ax, (4.6, 4.4))
        self._curves(PrecisionRecallDisplay, axes)
        axes.set(xlabel="recall", ylabel="precision", ylim=(-0.02, 1.05))
        axes.legend(loc="lower left", fontsize="small")
        return axes

    def _curves(self, display: Any, axes: Axes) -> None:
        """Draw one curve for each class that gets one, by a display of scikit-learn's."""
        for name, happened, score in self._drawn():
            display.from_predictions(
                happened, score, name=name, ax=axes, sample_weight=self._of.weight, plot_chance_level=False
            )

    def _drawn(self) -> list[tuple[str, Any, Any]]:
        """The classes that get a curve: all, or those with the smallest area under theirs."""
        found = events(self._of.answers, self._of.names)
        if len(found) <= _MOST_CURVES:
            return found
        from sklearn.metrics import roc_auc_score

        found.sort(key=lambda event: roc_auc_score(event[1], event[2], sample_weight=self._of.weight))
        return found[:_MOST_CURVES]

    @picture
    def calibration(self, ax: Axes | None = None, bins: int = 10) -> Axes:
        """Draw how often answers come true against the probability they were given, with intervals and rows."""
        found = self._of.calibration(bins)
        axes, table = _axes(ax, (4.6, 4.4)), found.table
        ends = np.abs(table[["low", "high"]].to_numpy().T - table["rate"].to_numpy())
        axes.plot([0, 1], [0, 1], "--", color="0.45", label="perfectly calibrated")
        axes.errorbar(table["probability"], table["rate"], yerr=np.nan_to_num(ends), fmt="o-", capsize=3,
                      label=f"expected calibration error {found.error:.3f}")  # fmt: skip
        axes.set(xlabel=f"predicted probability: {found.event}", ylabel="how often it is so", xlim=(-0.02, 1.02),
                 ylim=(-0.02, 1.05))  # fmt: skip
        axes.legend(loc="upper left", fontsize="small")
        axes.grid(alpha=0.3)
        return axes

    @picture
    def residuals(self, ax: Axes | None = None) -> Axes:
        """Draw what is predicted too much or too little, against the predicted value."""
        return self._of_predictions(ax, "residual_vs_predicted")

    @picture
    def predicted_actual(self, ax: Axes | None = None) -> Axes:
        """Draw actual against predicted values; on the diagonal they are the same."""
        return self._of_predictions(ax, "actual_vs_predicted")

    def _of_predictions(self, ax: Axes | None, kind: Literal["residual_vs_predicted", "actual_vs_predicted"]) -> Axes:
        from sklearn.metrics import PredictionErrorDisplay

        table = self._single()
        axes = _axes(ax, (4.6, 4.4))
        PredictionErrorDisplay.from_predictions(
            table["actual"], table["predicted"], kind=kind, ax=axes, random_state=self._of.seed,
            scatter_kwargs={"alpha": 0.5, "s": 14},
        )  # fmt: skip
        across = kind == "residual_vs_predicted"
        axes.set(xlabel="predicted", ylabel="actual less predicted" if across else "actual")
        return axes

    @picture
    def errors(self, ax: Axes | None = None) -> Axes:
        """Draw how errors are spread: the likeliest class's probability where it is right and wrong, or residuals."""
        table = self._errors()
        axes = _axes(ax, (4.8, 3.6))
        if self._of.kind == "regression":
            axes.hist(table["error"], bins="auto", color="C0")
            axes.axvline(0, color="0.3", linewidth=1)
            axes.set(xlabel="predicted less actual", ylabel="rows")
            return axes
        bins = np.linspace(0, 1, 21)
        right = table["right"].to_numpy(dtype=bool)
        groups = [table["probability"].to_numpy()[right], table["probability"].to_numpy()[~right]]
        labels = [f"right ({len(groups[0])})", f"wrong ({len(groups[1])})"]
        axes.hist(groups, bins=list(bins), stacked=True, label=labels, color=["C0", "C1"])
        for bar in axes.containers[-1]:
            bar.set_hatch("///")  # so that colour is not all that tells them apart
        axes.set(xlabel="probability of the answer", ylabel="rows", yscale="log" if len(table) > 200 else "linear")
        axes.legend()
        return axes

    def _errors(self) -> pd.DataFrame:
        import pandas as pd

        of = self._of
        if of.kind == "regression":
            return pd.DataFrame({"error": np.ravel(of.scores - of.y_true)})
        if of.kind == "multilabel":
            told = np.where(of.y_pred == 1, of.scores, 1 - of.scores)
            return pd.DataFrame({"probability": told.ravel(), "right": (of.y_true == of.y_pred).ravel()})
        return pd.DataFrame({"probability": of.scores[np.arange(of.n), of.y_pred], "right": of.y_true == of.y_pred})

    def _single(self) -> pd.DataFrame:
        table = self._of.residuals()
        if self._of.y_true.ndim > 1:
            raise ValueError(
                f"These pictures are of one number a row, and there are {self._of.y_true.shape[1]}. Draw one of them: "
                "Assessment.from_arrays(a.y_true[:, 0], a.scores[:, 0], kind='regression')."
            )
        return table


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]
