"""Pictures: PNG files beside a card. What they are is in the record; those that its numbers tell are drawn from it.

A record that was read back from ``run.json`` has no history and no rows, so that curves over them cannot be drawn
again: these are copied from beside the ``run.json``.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from neurokit.arguments import check_path
from neurokit.cards.evaluation import places
from neurokit.cards.markdown import picture, plain
from neurokit.cards.numbers import counted, metric_name, number
from neurokit.cards.training import is_rate
from neurokit.plots import learning_curves
from neurokit.record import RunRecord
from neurokit.storage import check_exists

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS: Final = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp")
_MOST_CELLS = 30
_MOST_BARS = 15


class Picture(NamedTuple):
    """A picture of a card.

    Attributes:
        file: Its name beside the card.
        title: What it shows, for those who do not see it.
        section: Where it stands.
        content: Gives the bytes of the file, when the card is saved.
    """

    file: str
    title: str
    section: str
    content: Callable[[], bytes]

    def entry(self) -> dict[str, str]:
        """What the record keeps of it."""
        return {"file": self.file, "title": self.title, "section": self.section}


def pictures_of(record: RunRecord) -> Iterator[dict[str, str]]:
    """Yield file, title, section and Markdown of each picture in a record that is a file beside the card."""
    kept = record.answers.get("card")
    entries = kept.get("plots") if isinstance(kept, Mapping) else None
    for one in entries if isinstance(entries, list) else []:
        known = isinstance(one, Mapping) and all(isinstance(one.get(key), str) for key in ("file", "title", "section"))
        if known and is_beside(one["file"]):
            yield {**one, "markdown": picture(one["file"], one["title"])}


def is_beside(file: str) -> bool:
    """Tell whether a name is that of a picture in the card's own folder, and leads nowhere else."""
    return file == plain(file, 255) and not re.search(r"[/\\:]", file) and Path(file).suffix.lower() in KINDS


def told_by(record: RunRecord) -> list[Picture]:
    """Return the pictures that a record's own numbers tell: confusion matrices, and what counts most."""
    found = []
    for name, place in places(record).items():
        confusion = record.assessments[name].get("confusion") or {}
        labels, counts = confusion.get("labels") or [], confusion.get("counts") or []
        if 2 <= len(labels) <= _MOST_CELLS:
            title = f"Confusion matrix on {name}, n = {number(record.assessments[name].get('n'))}"
            draw = _drawing(partial(_confusion, counts=counts, labels=labels), 1.5 + 0.5 * len(labels))
            found.append(Picture(_file(name, "confusion_matrix"), title, f"{place}/Confusion matrix", draw))
    features = [one for one in record.explanation.get("features") or [] if one.get("importance") is not None]
    if features:
        rows = record.explanation.get("rows")
        over = "" if rows is None else f", over {number(rows)} rows"
        draw = _drawing(partial(_importance, features=features[:_MOST_BARS], label=importance_of(record)), 4.8)
        found.append(Picture(_file("importance"), f"What counts most in the answers{over}", "Explanation", draw))
    return found


def importance_of(record: RunRecord) -> str:
    """Return what the importance of an input is: its attributions, or what a metric loses without it."""
    metric = record.explanation.get("metric")
    return f"what {metric_name(str(metric))} loses when it is shuffled" if metric else "mean absolute attribution"


def of_history(history: Any, of: str = "") -> list[Picture]:
    """Return the learning curves of a history that holds some; ``of`` says of what, where that is not the whole run."""
    held = {name: list(values) for name, values in history.history.items() if not is_rate(name)}
    epochs = list(history.epoch)
    if not held or not epochs:
        return []
    count = len({name.removeprefix("val_") for name in held})

    def draw(figure: Figure) -> None:
        learning_curves(held, epochs, figure.subplots(1, count, squeeze=False).ravel())

    title = f"Learning curves over {counted(len(epochs), 'epoch')}{of}"
    return [Picture(_file("learning_curves"), title, "Training/Results", lambda: _png(draw, (4.2 * count, 3.4)))]


def of_assessment(name: str, place: str, assessment: Any) -> list[Picture]:
    """Return the pictures of an assessment that need its rows: curves of two classes, predictions of numbers."""
    wanted = {"roc": "ROC curve", "calibration": "Calibration"} if assessment.kind == "binary" else {}
    if assessment.kind == "multiclass":
        wanted = {"calibration": "Calibration"}
    if assessment.kind == "regression":
        wanted = {"predicted_actual": "Actual against predicted values", "residuals": "Residuals"}
    suited = assessment.plots.suited()
    sections = {"roc": place, "calibration": f"{place}/Calibration"}
    return [
        Picture(
            _file(name, plot),
            f"{title} on {name}, n = {number(assessment.n)}",
            sections.get(plot, f"{place}/Residuals"),
            _drawing(getattr(assessment.plots, plot), 4.4),
        )
        for plot, title in wanted.items()
        if plot in suited and (plot != "roc" or len(np.unique(assessment.y_true)) > 1)  # else there is no curve
    ]


def given(plots: Any) -> list[Picture]:
    """Return the pictures that a user passed: files, figures or axes, alone, in a list, or in a dict by their titles.

    Raises:
        FileNotFoundError: If a file is not there.
        TypeError: If something is no picture.
        ValueError: If a file is none that a page shows.
    """
    if isinstance(plots, Mapping):
        named = [(str(title), one) for title, one in plots.items()]
    else:
        several = isinstance(plots, Iterable) and not isinstance(plots, (str, np.ndarray))
        named = [("", one) for one in (plots if several else [plots])]
    return [_given(title, one, place) for place, (title, one) in enumerate(named, 1)]


def _given(title: str, one: Any, place: int) -> Picture:
    figure = _figure_of(one)
    if figure is not None:
        content = _saved(figure)  # now: it may be changed or closed before the card is saved
        title = title or f"Plot {place}"
        return Picture(_file(title), title, "Plots", lambda: content)
    check_path("plots", one)
    source = Path(one).expanduser()
    check_exists(source)
    if source.suffix.lower() not in KINDS:
        raise ValueError(f"plots are pictures that a page shows ({', '.join(KINDS)}), got {source.name!r}. Save a PNG.")
    file = re.sub(r"[^\w.-]+", "_", plain(source.name, 200))
    return Picture(file, title or plain(source.stem).replace("_", " "), "Plots", source.read_bytes)


def _figure_of(one: Any) -> Figure | None:
    if isinstance(one, np.ndarray) and one.size:
        one = one.ravel()[0]
    if hasattr(one, "get_figure"):  # axes, whose figure may lie in another
        one = one.get_figure()
    return one if hasattr(one, "savefig") else None


def _file(*words: str) -> str:
    """A name that no other tool gives its files, so that nothing of the user's is written over."""
    slug = re.sub(r"[^a-z0-9]+", "_", " ".join(words).lower()).strip("_")
    return f"card_{slug[:80] or 'plot'}.png"


def _drawing(draw: Callable[[Axes], Any], side: float) -> Callable[[], bytes]:
    size = max(4.4, min(side, 16.0))
    return lambda: _png(lambda figure: draw(figure.subplots()), (size, min(size, 9.0)))


def _png(draw: Callable[[Figure], Any], size: tuple[float, float]) -> bytes:
    """Draw on a figure of its own, which no window and no notebook shows."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"text.parse_math": False}):  # a name may hold a dollar sign
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        return _saved(figure)


def _saved(figure: Figure) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # the tables have the name
        figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()


def _confusion(axes: Axes, counts: list[list[float]], labels: list[Any]) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    matrix, names = np.asarray(counts), [plain(label, 24) for label in labels]
    whole = bool((matrix == matrix.round()).all())
    display = ConfusionMatrixDisplay(matrix.astype(np.int64) if whole else matrix, display_labels=names)
    display.plot(
        ax=axes, cmap="Blues", colorbar=False, values_format="d" if whole else ".2f",
        xticks_rotation="vertical" if max(map(len, names)) > 4 else "horizontal",
    )  # fmt: skip
    axes.set(xlabel="predicted", ylabel="actual")


def _importance(axes: Axes, features: list[Mapping[str, Any]], label: str) -> None:
    axes.barh(range(len(features)), [one["importance"] for one in features], color="C0")
    axes.set_yticks(range(len(features)), [plain(one.get("name"), 32) for one in features])
    axes.invert_yaxis()  # the first on top
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
