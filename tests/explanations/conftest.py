from __future__ import annotations

from typing import Any

import pytest

from neurokit.explanations.library import load_shap


@pytest.fixture(scope="session")
def shap() -> Any:
    return load_shap()
