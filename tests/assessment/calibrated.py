"""What the tests of policies and of decisions share: answers whose probabilities are right."""

from __future__ import annotations

import numpy as np

from neurokit.assessment import Assessment


def calibrated_assessment(rows: int = 400, seed: int = 0, name: str = "validation", **options: object) -> Assessment:
    """Calibrated probabilities, with labels drawn from them."""
    generator = np.random.default_rng(seed)
    p = generator.beta(0.7, 1.2, rows)
    y = (generator.uniform(size=rows) < p).astype(int)
    return Assessment.from_arrays(y, p, kind="binary", class_names=["no", "yes"], name=name, **options)
