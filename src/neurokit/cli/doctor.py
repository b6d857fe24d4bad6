"""doctor: what this machine can do, and what is wrong with the installation."""

from __future__ import annotations

import argparse
import json
import platform
from contextlib import suppress
from importlib import metadata
from typing import Any

from neurokit.cli.exits import Exit
from neurokit.cli.parser import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    commands.add(
        "doctor",
        run,
        "show versions, the device and its speed, and what is wrong with the installation",
        "Show versions, the device and how fast it multiplies matrices beside the CPU, and what is wrong "
        "with the installation. Exits with 1 when something is.",
        "neurokit doctor --json > machine.json",
    )


def run(options: argparse.Namespace) -> int:
    """Look at the machine and the installation; print findings for people, or as JSON."""
    from dataclasses import asdict

    report = _examine()
    print(json.dumps(report, indent=2, default=asdict) if options.json else _as_text(report))
    return Exit.FAILED if report["problems"] else Exit.DONE


def _examine() -> dict[str, Any]:
    import torch

    import neurokit as nk
    from neurokit.devices import time_matmul

    size = 1024
    best = nk.select_device("auto")
    timed = ["cpu"] if best.type == "cpu" else ["cpu", str(best)]
    problems, notes = installation()
    return {
        "versions": {"python": platform.python_version(), "neurokit": nk.__version__, **_versions()},
        "platform": platform.platform(),
        "device": nk.describe_device(best),
        "accelerator": None if best.type == "cpu" else str(best),
        "threads": {"within": torch.get_num_threads(), "between": torch.get_num_interop_threads()},
        "matmul": {"size": size, "seconds": {device: time_matmul(device, size) for device in timed}},
        "problems": problems,
        "notes": notes,
    }


def _versions() -> dict[str, str | None]:
    """Return the version of each package neurokit needs, ``None`` for one that is missing."""
    needed = ("torch", "torchvision", "numpy", "pandas", "scikit-learn", "shap", "tqdm", "matplotlib",
              "safetensors", "jinja2", "pyyaml")  # fmt: skip
    found: dict[str, str | None] = dict.fromkeys(needed)
    for name in needed:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def installation() -> tuple[list[str], list[str]]:
    """Return what is wrong with the installation, each with what to do about it, and what is only worth knowing."""
    problems = [f"{name} is not installed: pip install {name}" for name, version in _versions().items() if not version]
    notes: list[str] = []
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] or ""
        said = f"{name} {distribution.version} is installed and has nothing to do with this library"
        if name == "neurokit-torch":
            continue
        if name == "neurokit" or "\nneurokit/" in f"\n{distribution.read_text('RECORD')}":
            repair = f"pip uninstall {name}, then pip install --force-reinstall --no-deps neurokit-torch"
            problems.append(f"{said}, but writes to the same import name: {repair}")
        elif name == "neurokit2":
            notes.append(f"{said}: it is for biosignals, and imported as neurokit2")
    return problems, notes


def _as_text(report: dict[str, Any]) -> str:
    rows = [(name, version or "not installed") for name, version in report["versions"].items()]
    rows += [("platform", report["platform"]), ("device", str(report["device"]))]
    rows.append(("threads", "{within} within an operation, {between} between operations".format(**report["threads"])))

    size, seconds = report["matmul"]["size"], report["matmul"]["seconds"]
    for device, taken in seconds.items():
        speed = f"{taken * 1e3:.3g} ms, {2 * size**3 / taken / 1e9:,.0f} GFLOP/s"
        rows.append(("matrices", f"{size} x {size} by {size} x {size} on {device}: {speed}"))
    accelerator = report["accelerator"]
    if accelerator is None:
        rows.append(("accelerator", "none: training runs on the CPU"))
    else:
        rows.append(
            ("accelerator", f"{accelerator}: {seconds['cpu'] / seconds[accelerator]:.1f} times as fast as the CPU")
        )
    rows += [("problem", problem) for problem in report["problems"]] or [("problems", "none found")]
    rows += [("note", note) for note in report["notes"]]
    return "\n".join(f"{name:<13} {value}" for name, value in rows)
