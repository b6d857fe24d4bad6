"""Explanations: why a model answers as it does, row by row, and which inputs it cannot do without.

explanation = nk.explain(trainer, x_test[:100])
shap.plots.beeswarm(explanation[:, :, 1])
nk.permutation_importance(trainer, x_test, y_test).plot()
"""

from __future__ import annotations

from neurokit.explanations.explaining import explain
from neurokit.explanations.importance import PermutationImportance, permutation_importance
from neurokit.explanations.pictures import channels_last
from neurokit.explanations.report import ExplanationReport, report_of, summarize
from neurokit.explanations.sequences import as_words

__all__ = [
    "explain",
    "permutation_importance",
    "ExplanationReport",
    "PermutationImportance",
    "as_words",
    "channels_last",
    "report_of",
    "summarize",
]
