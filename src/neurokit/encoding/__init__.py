"""Encoding: a table's columns as numbers, fitted once on training rows, kept as JSON. No torch here."""

from __future__ import annotations

from neurokit.encoding.field import Field
from neurokit.encoding.inferring import Inferred, infer_fields
from neurokit.encoding.ratios import Ratio
from neurokit.encoding.table import TableEncoding
from neurokit.encoding.target import Target, infer_kind

__all__ = ["Field", "Inferred", "Ratio", "TableEncoding", "Target", "infer_fields", "infer_kind"]
