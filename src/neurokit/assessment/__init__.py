"""Assessment: from predictions to what can be said of a model, and done with it.

``assess`` collects what is true and what the model says, once. The ``Assessment`` answers: metrics with intervals and a
baseline, where it is wrong, whether its probabilities mean what they say, how it treats groups, what to decide, and a
report.
"""

from __future__ import annotations

from neurokit.assessment.assessment import Assessment
from neurokit.assessment.collecting import assess
from neurokit.assessment.decisions import Decisions
from neurokit.assessment.intervals import Estimate
from neurokit.assessment.policies import Policy
from neurokit.assessment.protected import SensitiveFeatureWarning, check_features

__all__ = ["assess", "Assessment", "Policy", "Decisions", "Estimate", "check_features", "SensitiveFeatureWarning"]
