"""Pictures: explanations of images in the layout that shap draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurokit.explanations.library import load_shap
from neurokit.explanations.report import attach, report_of


def channels_last(explanation: Any) -> Any:
    """Return an explanation of pictures with channels on the last axis, as ``shap.plots.image`` draws them.

    torch puts channels first, and values have the layout of x; shap would draw rows of pixels for colours. Data that
    are no colours between 0 and 1 are stretched to that for the picture.

    Args:
        explanation: One of pictures ``(N, channels, height, width)``.

    Raises:
        ValueError: If it is none of pictures.

    Example:
        >>> from neurokit.explanations.library import load_shap
        >>> shap = load_shap()
        >>> found = shap.Explanation(np.zeros((2, 3, 8, 8)), base_values=np.zeros(2), data=np.zeros((2, 3, 8, 8)))
        >>> channels_last(found).values.shape
        (2, 8, 8, 3)
    """
    shap = load_shap()
    data = np.asarray(explanation.data)
    if data.ndim != 4 or data.shape[1] not in (1, 3, 4):
        raise ValueError(
            f"channels_last takes an explanation of pictures (N, channels, height, width) with 1, 3 or 4 channels, and "
            f"this one is of data {data.shape}. Take whole pictures: explanation[:4], not explanation[0]."
        )
    shown = np.moveaxis(data, 1, -1)
    low, high = float(shown.min()), float(shown.max())
    if low < 0.0 or high > 1.0:
        shown = (shown - low) / max(high - low, 1e-12)
    found = shap.Explanation(
        np.moveaxis(explanation.values, 1, 3), base_values=explanation.base_values, data=shown,
        output_names=explanation.output_names, compute_time=explanation.compute_time,
    )  # fmt: skip
    if (report := report_of(explanation)) is not None:
        attach(report, found)
    return found
