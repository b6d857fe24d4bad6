from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neurokit.explanations import ExplanationReport, explain, report_of, summarize


def test_a_report_says_how_an_explanation_was_made():
    x = torch.randn(30, 3)

    found = explain(nn.Linear(3, 2), x[:4], background=x, seed=5)

    report = report_of(found)
    assert isinstance(report, ExplanationReport)
    assert (report.method, report.output, report.rows, report.seed) == ("exact", "logit", 4, 5)
    assert (report.background_rows, report.background_source) == (30, "the background given")
    assert report.max_evals == 8
    assert 0 <= report.residual_mean <= report.residual_max < 1e-5
    assert report.scale > 0.01
    assert report.seconds > 0
    assert json.loads(json.dumps(report.to_dict()))["method"] == "exact"


def test_a_summary_ranks_columns_and_is_plain():
    x = torch.randn(50, 3)
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0, 5.0, 1.0], [3.0, 0.0, 1.0]]))

    found = summarize(explain(model, x, background=x, feature_names=["a", "b", "c"]), top=2)

    assert json.loads(json.dumps(found)) == found
    assert [one["name"] for one in found["features"]] == ["b", "a"]
    assert [one["name"] for one in found["by_output"]["output 1"]] == ["a", "c"]
    assert found["method"] == "exact"
    assert found["background"] == {"rows": 50, "source": "the background given", "seed": 0}
    assert found["residual"]["max"] < 1e-4
    assert found["rows"] == 50
    expected = (x[:, 1] - x[:, 1].mean()).abs().mean() * 5 / 2
    np.testing.assert_allclose(found["features"][0]["importance"], expected, rtol=1e-5)


def test_a_summary_of_one_output_has_no_list_by_output():
    found = summarize(explain(nn.Linear(3, 1), torch.randn(5, 3)))

    assert "by_output" not in found
    assert len(found["features"]) == 3


def test_a_summary_takes_a_strangers_explanation(shap):
    plain = summarize(shap.Explanation(np.array([[1.0, -2.0], [3.0, 0.0]])))
    several = summarize(shap.Explanation(np.ones((2, 3, 2)), base_values=np.zeros((2, 2)), output_names=["no", "yes"]))

    assert plain["method"] is None
    assert plain["background"] is None
    assert plain["rows"] == 2
    assert plain["features"][0] == {"name": "Feature 0", "importance": 2.0}
    assert list(several["by_output"]) == ["no", "yes"]
    assert report_of(shap.Explanation(np.ones((2, 2)))) is None


def test_a_slice_can_be_summarized():
    found = explain(nn.Linear(3, 2), torch.randn(5, 3))

    for part, rows in ((found[:, :, 1], 5), (found[0, :, 1], 1), (found[:2], 2), (found[0], 1), (found, 5)):
        summary = summarize(part)
        assert len(summary["features"]) == 3
        assert summary["rows"] == rows
        assert summary["method"] == "exact"
    assert report_of(copy.deepcopy(found)).method == "exact"
    by_hand = np.abs(found.values[0]).mean(axis=1).max()
    np.testing.assert_allclose(summarize(found[0])["features"][0]["importance"], by_hand)


def test_interactions_are_summed_to_their_columns():
    x = torch.randn(20, 3)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))

    pairs = summarize(explain(model, x[:6], background=x, interactions=True))
    single = summarize(explain(model, x[:6], background=x))

    for one, other in zip(pairs["features"], single["features"], strict=True):
        assert one["name"] == other["name"]
        np.testing.assert_allclose(one["importance"], other["importance"], atol=1e-6)


def test_pictures_have_no_columns_to_rank():
    found = summarize(explain(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), torch.rand(5, 1, 4, 4)))

    assert found["features"] == []
    assert found["method"] == "gradient"
    assert found["notes"]


def test_a_summary_of_several_outputs_names_each():
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kind, self.size = nn.Linear(3, 2), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"kind": self.kind(x), "size": self.size(x)}

    found = summarize(explain(Heads(), torch.randn(5, 3)))

    assert list(found["by_output"]) == ["kind.output 0", "kind.output 1", "size"]
    assert len(found["features"]) == 3


@pytest.mark.parametrize("given", ["nonsense", 5, np.zeros((2, 3)), [], {"a": 1}])
def test_what_is_no_explanation_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match=r"An explanation is what nk\.explain"):
        summarize(given)
