"""Dockerfile: what builds an image that serves a bundle, as text."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from neurokit import __version__
from neurokit.bundle.reading import read_manifest

_ALWAYS = ("numpy", "pandas", "fastapi", "uvicorn", "pydantic")
_TORCH = ("torch", "safetensors")


def dockerfile(folder: str | os.PathLike[str], *, port: int = 8000) -> str:
    """Return a Dockerfile for a bundle: a slim image, a user without rights, pinned versions, a health check.

    A bundle with ONNX gets ONNX Runtime and no torch: some 300 MB in place of gigabytes. Build it beside the bundle:
    ``docker build -f Dockerfile -t model FOLDER``.

    Args:
        folder: The bundle.
        port: Where it listens.

    Raises:
        ValueError: If the folder holds no bundle.

    Example:
        >>> print(dockerfile("runs/titanic"))  # doctest: +SKIP
    """
    kind = read_manifest(Path(folder).expanduser())["program"]["kind"]
    if kind in ("weights", "pt2"):
        raise ValueError(
            f"{folder} holds {'weights without a program' if kind == 'weights' else 'a .pt2 program'}, and a server "
            "does not load it. Save the bundle with format='onnx'."
        )
    names = (*_ALWAYS, *(("onnxruntime",) if kind == "onnx" else _TORCH))
    pinned = " ".join(f'"{name}=={_version(name)}"' for name in names if name != "torch")
    lines = [f"RUN pip install --no-cache-dir {pinned}"]
    if kind != "onnx":
        torch = f'"torch=={_version("torch")}"'
        lines.append(f"RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu {torch}")
    lines.append(f'RUN pip install --no-cache-dir --no-deps "neurokit-torch=={__version__}"')
    python = ".".join(platform.python_version_tuple()[:2])
    check = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/health', timeout=3)"
    return "\n".join(
        [
            f"# A server for this bundle, with {'ONNX Runtime and without torch' if kind == 'onnx' else 'torch'}.",
            "#   docker build -t model .        in the bundle's folder, with this file in it",
            f"#   docker run --rm -p 127.0.0.1:{port}:{port} model",
            f"FROM python:{python}-slim",
            "",
            "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1",
            *lines,
            "",
            "RUN useradd --create-home --uid 10001 model",
            "WORKDIR /bundle",
            "COPY --chown=root:root --chmod=755 . /bundle",
            "USER model",
            "",
            f"EXPOSE {port}",
            f'HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "{check}"]',
            f'CMD ["neurokit", "serve", "/bundle", "--host", "0.0.0.0", "--port", "{port}"]',
            "",
        ]
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name).partition("+")[0]  # 2.14.1+cu130 is 2.14.1 elsewhere
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError(
            f"A Dockerfile pins the versions that are installed here, and {name} is not: pip install "
            f'"neurokit-torch[serve,export]".',
            name=name,
        ) from None
