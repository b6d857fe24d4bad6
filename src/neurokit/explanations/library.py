"""Library: shap, imported where it is used and without what its import says."""

from __future__ import annotations

import warnings
from typing import Any

from neurokit.seeding import preserved_cpu_rng


def load_shap() -> Any:
    """Return shap's module. The first import takes seconds: it compiles.

    Raises:
        ImportError: If shap is not installed.
    """
    with warnings.catch_warnings(), preserved_cpu_rng():
        warnings.simplefilter("ignore")  # it calls what newer versions of its own libraries deprecate
        try:
            import shap
        except ImportError as error:
            raise ImportError(
                f"explain is built on shap, which cannot be imported: {error}. Install it: pip install shap."
            ) from error
    return shap
