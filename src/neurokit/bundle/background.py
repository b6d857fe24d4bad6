"""Background: the rows that travel with a bundle, for explanations to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurokit.bundle.layout import BACKGROUND_ARRAYS, BACKGROUND_TABLE
from neurokit.storage import CheckpointError, Limits, read_json


def background_of(folder: Path, files: Mapping[str, Any], limits: Limits) -> Any:
    """Return the rows that explanations compare with: a table, or tensors in the order of inputs; else ``None``.

    Raises:
        CheckpointError: If they are no such rows.
    """
    if BACKGROUND_ARRAYS in files:
        from neurokit import checkpoint

        path = folder / BACKGROUND_ARRAYS
        found = checkpoint.read_tensors(path, limits)
        if found.keys() != {str(place) for place in range(len(found))}:
            raise CheckpointError(f"{path} holds no rows: its tensors are named {', '.join(found)!s:.80}.")
        return [found[str(place)] for place in range(len(found))]
    if BACKGROUND_TABLE not in files:
        return None
    import pandas as pd

    told = read_json(folder / BACKGROUND_TABLE, limits)
    try:
        return pd.DataFrame(told["rows"], columns=told["columns"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / BACKGROUND_TABLE} holds no table: {error}.") from error
