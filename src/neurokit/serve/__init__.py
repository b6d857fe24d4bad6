"""Serving: a bundle behind an address, with a page to try it. No torch here: the bundle's program needs it or not."""

from __future__ import annotations

from importlib.util import find_spec

if missing := [name for name in ("fastapi", "uvicorn", "pydantic") if find_spec(name) is None]:
    raise ModuleNotFoundError(
        f'Serving needs {", ".join(missing)}, not installed here: pip install "neurokit-torch[serve]".', name=missing[0]
    )

from neurokit.serve.app import create_app
from neurokit.serve.dockerfile import dockerfile
from neurokit.serve.limits import ServeLimits
from neurokit.serve.running import run

__all__ = ["create_app", "run", "dockerfile", "ServeLimits"]
