"""Bundles: a folder that predicts without the code that trained, and without pickle.

What leaves the project is a program (weights in an architecture of neurokit's, or ONNX), what goes in and comes out,
the preprocessing of a table as data, the run's record and the model card. A bundle whose program is ONNX is read and
runs where there is no torch.
"""

from __future__ import annotations

from neurokit.bundle.bundle import Answer, Bundle
from neurokit.bundle.reading import load_bundle
from neurokit.bundle.saving import save_bundle

__all__ = ["save_bundle", "load_bundle", "Bundle", "Answer"]
