"""Layout: what a bundle's folder holds, and under which names."""

from __future__ import annotations

from typing import Final

FORMAT: Final = 1
MANIFEST: Final = "bundle.json"  # format, versions, program, and the size and SHA-256 of the files below; written last
SIGNATURE: Final = "signature.json"  # what goes in, and what comes out
PREPROCESSING: Final = "preprocessing.json"  # how a table's columns become inputs
BACKGROUND_TABLE: Final = "background.json"  # rows that explanations compare with
BACKGROUND_ARRAYS: Final = "background.safetensors"
PROGRAMS: Final = {  # by their kind
    "architecture": "model.safetensors", "weights": "model.safetensors", "onnx": "model.onnx", "pt2": "model.pt2",
}  # fmt: skip
SEALED: Final = {SIGNATURE, PREPROCESSING, BACKGROUND_TABLE, BACKGROUND_ARRAYS, *PROGRAMS.values()}
RECORD: Final = (
    "run.json"  # the run; beside it the card's pictures. People may change these two: the model stays itself
)
CARD: Final = "README.md"
