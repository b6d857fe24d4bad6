"""Exporting: a module as a program that runs without its code, verified against the module before it is kept."""

from __future__ import annotations

from neurokit.export.programs import Export, to_onnx, to_pt2

__all__ = ["to_onnx", "to_pt2", "Export"]
