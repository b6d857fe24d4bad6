from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from neurokit.explanations import as_words, explain, report_of

WORDS = ["<pad>", "the", "film", "was", "not", "good", "bad"]


def test_shap_writes_a_sequence_in_words(shap):
    model = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(20, 2))
    tokens = torch.randint(0, 7, (6, 5))
    found = explain(model, tokens, background=torch.zeros(1, 5, dtype=torch.int64))

    for vocabulary in (WORDS, dict(enumerate(WORDS)), WORDS.__getitem__):
        shown = as_words(found, vocabulary)
        assert [word.strip() for word in shown.data[0]] == [WORDS[token] for token in tokens[0]]
    html = shap.plots.text(shown[0, :, 1], display=False)
    whole = shap.plots.text(shown[:2, :, 1], display=False)

    assert shown.data[0, 0].strip().replace("<", "&lt;").replace(">", "&gt;") in html
    assert len(whole) > len(html)
    assert report_of(shown) is report_of(found)
    np.testing.assert_array_equal(shown.values, found.values)


def test_what_is_no_sequence_of_ids_is_refused():
    found = explain(nn.Linear(3, 1), torch.randn(4, 3))

    with pytest.raises(ValueError, match="no whole numbers"):
        as_words(found, WORDS)
    with pytest.raises(ValueError, match="no word for the id 9, in row 1"):
        as_words(explain(nn.Linear(1, 1), torch.tensor([[0], [9]])), WORDS)
