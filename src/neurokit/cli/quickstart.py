"""quickstart: a first trained network, with everything about its run."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.cli.parser import Commands, positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurokit import Assessment, Trainer


def add(commands: Commands) -> None:
    """Add the command."""
    quickstart = commands.add(
        "quickstart",
        run,
        "train a small network on scikit-learn's digits and keep everything about the run",
        "Train a small convolutional network on scikit-learn's handwritten digits, which need no download. "
        "A folder that is already there is kept, and a new one is made beside it.",
        "neurokit quickstart --epochs 10 --folder runs/first",
    )
    quickstart.add_argument(
        "--folder", type=Path, default=Path("runs/quickstart"), help="where the run goes (%(default)s)"
    )
    quickstart.add_argument("--epochs", type=positive, default=30, help="epochs in all (%(default)s)")
    quickstart.add_argument("--seed", type=int, default=0, help="seed of data split, weights and order (%(default)s)")
    quickstart.add_argument("--resume", action="store_true", help="continue the newest run from its last checkpoint")


def run(options: argparse.Namespace) -> int:
    """Train, evaluate on rows the network never saw, and leave pictures, numbers and a checkpoint in the folder."""
    os.environ.setdefault("MPLBACKEND", "agg")  # the pictures go to files, also where there is no screen
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from torch import nn

    import neurokit as nk

    say = (lambda *_, **__: None) if options.json else print
    with ending_with(Exit.USAGE):
        nk.seed_everything(options.seed)
    folder = run_folder(options.folder, options.resume, say)
    started = time.perf_counter()
    with ending_with(Exit.DATA):
        pixels, labels = load_digits(return_X_y=True)
    images = (pixels / pixels.max()).reshape(-1, 1, 8, 8).astype("float32")
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=options.seed
    )
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * 4 * 4, 10),
    )
    trainer = nk.Trainer(model, loss="cross_entropy", optimizer="adam", metrics=["accuracy"])
    say(f"Training on {len(x_train)} digits of 8 x 8 pixels with torch {torch.__version__} on {trainer.runtime.device}")
    history = trainer.fit(
        x_train,
        y_train,
        epochs=options.epochs,
        validation_split=0.2,
        callbacks=[nk.ModelCheckpoint(folder, keep=1)],
        resume=folder if options.resume else None,
        verbose=0 if options.json else "auto",
    )
    if history.stop_reason == "interrupted":
        advice = f"`neurokit quickstart --resume` continues {folder} from its last checkpoint."
        raise CommandError(Exit.INTERRUPTED, f"interrupted. {advice}")

    test = trainer.evaluate(x_test, y_test)
    assessment = nk.assess(trainer, x_test, y_test)
    _save(history.plot()[0], folder / "learning_curves.png")
    _save(assessment.plots.confusion_matrix(), folder / "confusion_matrix.png")
    history.to_frame().to_csv(folder / "history.csv")
    (folder / "classification_report.txt").write_text(assessment.classification_report(digits=3))
    _explained(trainer, assessment, x_test, folder)

    if options.json:
        print(json.dumps({"folder": str(folder), "epochs": len(history.epoch), "test": test}, indent=2))
    say(f"\nTest accuracy {test['accuracy']:.1%} on {len(x_test)} digits it never saw, after {_seconds(started)}.")
    say(f"In {folder}:")
    for name, what in _QUICKSTART_FILES.items():
        say(f"  {name:<26} {what}")
    return Exit.DONE


def _explained(trainer: Trainer, assessment: Assessment, images: Any, folder: Path) -> None:
    """Leave what the network looks at, the model card and the report."""
    import shap
    from matplotlib import pyplot as plt

    import neurokit as nk
    from neurokit.explanations import channels_last

    explanation = nk.explain(trainer, images[:5])
    pictures = channels_last(explanation)
    shap.plots.image(pictures, labels=[[f"for {name}" for name in assessment.names]] * len(pictures), show=False)
    plt.gcf().savefig(folder / "explanation.png", dpi=150, bbox_inches="tight")
    nk.ModelCard.from_trainer(trainer, assessment, explanation).save(folder / "README.md")
    assessment.to_html(folder / "report.html", explanation=explanation)


_QUICKSTART_FILES = {
    "learning_curves.png": "loss and accuracy by epoch, training and validation",
    "confusion_matrix.png": "which digits were taken for which, on the test rows",
    "classification_report.txt": "precision, recall and F1 of each digit",
    "explanation.png": "what speaks for each digit (red) and against it (blue), in five pictures",
    "README.md": "the model card: data, training, results with intervals, limits",
    "report.html": "the report, for somebody who decides: one page that needs nothing else",
    "history.csv": "every number of every epoch",
    "run.json": "the run's manifest: versions, seed, parameters, data, hardware, timings",
    "step-*": "the checkpoint: weights, optimizer and everything needed to go on",
}


def _seconds(started: float) -> str:
    return f"{time.perf_counter() - started:.0f} seconds"


def run_folder(wanted: Path, resume: bool, say: Callable[..., None] = print) -> Path:
    """Return the folder of this run and say which it is: a new one, or the newest there is when resuming."""
    taken: list[Path] = []
    for folder in chain([wanted], (wanted.with_name(f"{wanted.name}-{number}") for number in count(2))):
        if not _in_use(folder):
            break
        taken.append(folder)
    if resume and taken:
        say(f"Continuing the run in {taken[-1]}")
        return taken[-1]
    if resume:
        say(f"There is no run in {wanted} to continue.", end=" ")
    elif taken:
        say(f"{taken[-1]} holds a run (--resume continues it).", end=" ")
    say(f"Starting a new run in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _in_use(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _save(axes: Axes, path: Path) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None  # only axes that were removed have none
    figure.savefig(path, dpi=150)
