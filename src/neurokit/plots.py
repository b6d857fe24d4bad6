"""Pictures of a run: learning curves, confusion matrix, samples. Values in, Axes out.

Every function draws into the axes or the figure it is given. Without one it makes a figure through
``matplotlib.pyplot``, so that a notebook shows it and a script can call ``plt.show()`` or
``axes.figure.savefig(path)``. Backend and style stay what they are, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from neurokit.arguments import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Array = np.ndarray[Any, Any]
    ArrayLike = Sequence[Any] | Array | torch.Tensor

MOST_IMAGES = 400  # a grid of more takes minutes to draw and nobody can read it


def learning_curves(
    history: Mapping[str, Sequence[float]],
    epochs: Sequence[int],
    ax: Axes | Sequence[Axes] | Array | None = None,
) -> Array:
    """Draw each logged number over the epochs, validation beside training in the same colour, dashed.

    Args:
        history: Values by name, as ``History.history`` holds them; ``val_loss`` is drawn with ``loss``. A learning
            rate that never changed is left out.
        epochs: The epochs they belong to, counted from 0; people are shown them from 1.
        ax: ``None`` for one axes a name, several to draw into, or a single one that takes every curve.

    Returns:
        The axes drawn into, a NumPy array of shape ``(names,)``, or ``(1,)`` where a single one was given.

    Raises:
        ValueError: If there is nothing to draw, or fewer axes than names.

    Example:
        >>> axes = learning_curves({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]}, epochs=[0, 1])
        >>> [line.get_label() for line in axes[0].lines]
        ['training', 'validation']
    """
    names = [name for name in _paired(history) if not _constant_rate(name, history.get(name, ()))]
    if not names or not len(epochs):
        raise ValueError("There is nothing to draw: the history is empty. Call fit first.")
    if ax is None:
        from matplotlib import pyplot as plt

        size = (4.2 * len(names), 3.4)
        axes = plt.subplots(1, len(names), figsize=size, squeeze=False, layout="constrained")[1].ravel()
    else:
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    single = len(axes) == 1 and len(names) > 1
    if len(axes) < len(names) and not single:
        raise ValueError(f"Pass one axes, or {len(names)}: one each for {', '.join(names)}. Got {len(axes)}.")

    for position, name in enumerate(names):
        axis = axes[0] if single else axes[position]
        for key, role, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            if key in history:
                label = f"{name} ({role})" if single else role
                axis.plot(np.asarray(epochs) + 1, history[key], style, marker=".", color=f"C{position}", label=label)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_ylabel("" if single else name)
        axis.grid(alpha=0.3)
        axis.legend()
    return np.asarray(axes[: 1 if single else len(names)])


def _paired(history: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the names without their validation twins, in the order in which they were logged."""
    return list(dict.fromkeys(name.removeprefix("val_") for name in history))


def _constant_rate(name: str, values: Sequence[float]) -> bool:
    return (name == "lr" or name.startswith("lr_")) and len(set(values)) == 1


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    normalize: Literal["true", "pred", "all"] | None = None,
) -> Axes:
    """Draw how often each class was taken for each other: true classes down, predicted ones across.

    Args:
        y_true: True labels ``(n,)``: class indices, or the class names themselves.
        y_pred: Predicted labels ``(n,)``.
        class_names: What to write at the ticks, in the order of the indices; a class without a row is drawn too.
        ax: Where to draw; ``None`` makes a figure.
        normalize: Shares in place of counts: of the ``"true"`` class (rows), the ``"pred"`` one (columns) or ``"all"``.

    Raises:
        ValueError: If the lengths differ, or a label is none of ``class_names``.

    Example:
        >>> axes = confusion_matrix([0, 1, 1], [0, 1, 0], class_names=["cat", "dog"])
        >>> [tick.get_text() for tick in axes.get_xticklabels()]
        ['cat', 'dog']
    """
    if normalize is not None:
        check_choice("normalize", normalize, ("true", "pred", "all"))
    from sklearn.metrics import ConfusionMatrixDisplay

    true, predicted = _to_numpy(y_true).ravel(), _to_numpy(y_pred).ravel()
    if len(true) != len(predicted):
        raise ValueError(f"Every row has a true and a predicted label, got {len(true)} and {len(predicted)} of them.")
    seen = np.unique(np.concatenate([true, predicted]))
    labels = seen
    if class_names is not None:
        labels = np.asarray(class_names) if seen.dtype.kind in "OSUT" else np.arange(len(class_names))
        if strange := sorted(set(seen.tolist()) - set(labels.tolist())):
            raise ValueError(f"class_names has {len(class_names)} names, and these labels are none of them: {strange}.")
    if ax is None:
        from matplotlib import pyplot as plt

        side = max(4.0, 1.5 + 0.5 * len(labels))
        ax = plt.subplots(figsize=(side, side), layout="constrained")[1]
    shown = labels if class_names is None else class_names
    ConfusionMatrixDisplay.from_predictions(
        true,
        predicted,
        labels=labels,
        display_labels=shown,
        normalize=normalize,
        values_format="d" if normalize is None else ".2f",
        xticks_rotation="horizontal" if max(len(str(name)) for name in shown) <= 3 else 45,
        cmap="Blues",
        colorbar=False,  # the numbers are in the cells
        ax=ax,
    )
    return ax


def images(
    x: ArrayLike,
    labels: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    *,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    columns: int = 8,
    figure: Figure | None = None,
) -> Array:
    """Draw a grid of samples as a person sees them, with their labels.

    Args:
        x: Pictures: ``(n, height, width)``, or with 1, 3 or 4 channels ``(n, channels, height, width)`` or
            ``(n, height, width, channels)``. A tensor on any device, or an array.
        labels: True labels ``(n,)``, written above the pictures.
        predictions: Predicted labels ``(n,)``. With ``labels``, right ones are green and wrong ones red.
        mean: What was subtracted in preprocessing: a number, or one for each channel.
        std: What was divided by, likewise. ``x * std + mean`` is drawn.
        columns: Pictures in a row.
        figure: Where to draw; ``None`` makes a figure.

    Returns:
        The axes, a NumPy array of shape ``(rows, columns)``. Values are drawn on the scale of 0 to 1 (0 to 255 for
        bytes), or on their own scale where they lie outside it and no ``mean`` or ``std`` was given.

    Raises:
        ValueError: If ``x`` has another shape, lengths differ, or there are more than 400 pictures.

    Example:
        >>> axes = images(np.zeros((3, 28, 28)), labels=[7, 2, 1])
        >>> axes.shape
        (1, 3)
    """
    pictures = _channels_last(_to_numpy(x))
    titles = _titles(len(pictures), labels, predictions)
    if not 0 < len(pictures) <= MOST_IMAGES:
        raise ValueError(f"images draws 1 to {MOST_IMAGES} pictures, got {len(pictures)}. Pass some of them: x[:64].")
    if mean is not None or std is not None:
        pictures = pictures * np.asarray(1.0 if std is None else std) + np.asarray(0.0 if mean is None else mean)
        pictures = np.clip(pictures, 0.0, 1.0)
    low, high = (0, 255) if pictures.dtype == np.uint8 else (0.0, 1.0)
    if pictures.min() < low or pictures.max() > high:
        low, high = pictures.min(), pictures.max()

    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    if figure is None:
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=(1.2 * columns, (1.2 if titles is None else 1.45) * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for position, (axis, picture) in enumerate(zip(axes.ravel(), pictures, strict=False)):
        drawn = (picture.astype(np.float64) - low) / max(high - low, 1e-12)  # imshow clips colour to this scale
        axis.imshow(drawn.squeeze(-1) if drawn.shape[-1] == 1 else drawn, cmap="gray", vmin=0.0, vmax=1.0)
        if titles is not None:
            text, colour = titles[position]
            axis.set_title(text, color=colour, fontsize="medium")
    return axes


def _channels_last(x: Array) -> Array:
    """Return pictures as ``(n, height, width, channels)``."""
    channels = (1, 3, 4)
    if x.ndim == 3:
        return x[..., np.newaxis]
    if x.ndim == 4 and x.shape[1] in channels:  # torch's layout first, where both would do
        return np.moveaxis(x, 1, -1)
    if x.ndim == 4 and x.shape[3] in channels:
        return x
    raise ValueError(
        "images needs (n, height, width), or 1, 3 or 4 channels on the second or the last axis; "
        f"got {x.shape}. A single picture is x[None]; flat rows are x.reshape(-1, 28, 28)."
    )


def _titles(rows: int, labels: ArrayLike | None, predictions: ArrayLike | None) -> list[tuple[str, str]] | None:
    """Return text and colour for each picture, or ``None`` when there is nothing to write."""
    given = {"labels": labels, "predictions": predictions}
    written = {name: _to_numpy(values).ravel() for name, values in given.items() if values is not None}
    for name, values in written.items():
        if len(values) != rows:
            raise ValueError(f"images got {rows} pictures and {len(values)} {name}. Pass one for each picture.")
    if not written:
        return None
    if len(written) == 1:
        return [(str(value), "black") for value in next(iter(written.values()))]
    pairs = zip(written["labels"], written["predictions"], strict=True)
    return [(str(true), "green") if true == guess else (f"{guess}, not {true}", "red") for true, guess in pairs]


def _to_numpy(values: ArrayLike) -> Array:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
