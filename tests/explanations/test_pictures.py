from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from neurokit.explanations import channels_last, explain, report_of


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("outputs", [1, 2])
def test_shap_draws_pictures_with_channels_last(channels, outputs, shap):
    x = torch.randn(6, channels, 6, 6)
    found = explain(nn.Sequential(nn.Flatten(), nn.Linear(channels * 36, outputs)), x[:2], background=x, max_evals=20)

    shown = channels_last(found)

    assert shown.values.shape[:4] == (2, 6, 6, channels)
    np.testing.assert_array_equal(np.moveaxis(shown.values, 3, 1), found.values)
    assert shown.data.min() == 0.0
    assert shown.data.max() == 1.0
    assert report_of(shown) is report_of(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shap.plots.image(shown, show=False)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match=r"of data \(4, 3\)"):
        channels_last(explain(nn.Linear(3, 1), torch.randn(4, 3)))
