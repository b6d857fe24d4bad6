"""Tabular: from a table to a model that is judged and saved, in seven steps that can each be inspected and undone."""

from __future__ import annotations

from neurokit.tabular.evaluation import Evaluation
from neurokit.tabular.pipeline import TabularPipeline
from neurokit.tabular.step import Step

__all__ = ["TabularPipeline", "Step", "Evaluation"]
