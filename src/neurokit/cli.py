"""The ``neurokit`` command: a first trained network, and what this machine can do."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from importlib import metadata
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurokit import Assessment, Trainer


class Exit(IntEnum):
    """What the command's exit code says, the same for every subcommand."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DATA = 3
    TRAINING = 4
    INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended: 128 + SIGINT
    TERMINATED = 143  # 128 + SIGTERM: the system reports it, as the signal itself ends the process


MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "failed for another reason, such as a full disk; doctor: something is wrong",
    Exit.USAGE: "wrong usage: an unknown command or option, or a value it does not take",
    Exit.DATA: "the data cannot be read, or cannot be used",
    Exit.TRAINING: "training failed: the loss became NaN or infinite",
    Exit.INTERRUPTED: "interrupted by Ctrl-C, after a checkpoint where one is kept",
    Exit.TERMINATED: "ended by SIGTERM, after a checkpoint where one is kept",
}


class CommandError(Exception):
    """The end of a command, with its exit code and the sentence that says why."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def ending_with(code: Exit) -> Iterator[None]:
    """Let what is wrong with the user's files and values in this block end the command with a code of its own."""
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(code, str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, as ``Exit`` and ``neurokit --help`` list them.

    What went wrong is said on stderr in one sentence, or with ``--json`` as one JSON object.

    Args:
        arguments: What follows ``neurokit`` on the command line; ``None`` takes it from there.

    Example:
        >>> main(["doctor", "--help"])
        Traceback (most recent call last):
        SystemExit: 0
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return _failed(options.command, Exit.INTERRUPTED, "interrupted", options.json)
    except CommandError as error:
        return _failed(options.command, error.code, str(error), options.json)
    except ArithmeticError as error:  # neurokit.NonFiniteLoss, without importing torch to say so
        return _failed(options.command, Exit.TRAINING, str(error), options.json)
    except (OSError, ValueError) as error:
        return _failed(options.command, Exit.FAILED, str(error), options.json)


def _failed(command: str, code: Exit, sentence: str, as_json: bool) -> int:
    """Say what went wrong where errors are read; return the code."""
    sentence = " ".join(sentence.split())
    if as_json:
        error = {"command": command, "error": sentence, "exit_code": int(code), "meaning": MEANINGS[code]}
        print(json.dumps(error), file=sys.stderr)
    else:
        print(f"neurokit {command}: {sentence}".replace(" :", ":"), file=sys.stderr)
    return int(code)


class _Parser(argparse.ArgumentParser):
    """A parser that answers wrong usage in one sentence, with the nearest of what there is."""

    _as_json = False

    def error(self, message: str) -> NoReturn:
        from neurokit.arguments import suggestions

        commands = [
            one for action in self._actions if isinstance(action.choices, dict) for one in action.choices.values()
        ]
        parsers = [self, *commands]
        known = [option for parser in parsers for action in parser._actions for option in action.option_strings]
        known += [str(choice) for action in self._actions for choice in action.choices or ()]
        wrong = [word.strip("',:()") for word in message.split() if word.strip("',:()") not in known]
        hint = next(filter(None, (suggestions(word, known) for word in wrong if len(word) > 2)), "")
        command = self.prog.removeprefix("neurokit").strip()
        sys.exit(_failed(command, Exit.USAGE, f"{message}.{hint} See {self.prog} --help.", self._as_json))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class does; what is left over is an error here, of the subcommand it was given to."""
        self._as_json = "--json" in (sys.argv if args is None else args)
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest


def _parser() -> argparse.ArgumentParser:
    from neurokit import __version__

    codes = "\n".join(f"  {int(code):<4} {meaning}" for code, meaning in MEANINGS.items())
    parser = _Parser(
        prog="neurokit",
        description="Train and examine neural networks with PyTorch.",
        epilog=f"exit codes:\n{codes}\n\nErrors are one sentence on stderr, with --json one JSON object there.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(json=False)
    parser.add_argument("--version", action="version", version=f"neurokit {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], summary: str, description: str, example: str) -> Any:
        """Return the parser of one command, with what all of them take."""
        command = commands.add_parser(
            name, help=summary, description=description, epilog=f"example: {example}", allow_abbrev=False
        )
        command.add_argument("--json", action="store_true", help="print one JSON object, for scripts; errors too")
        command.set_defaults(run=run)
        return command

    quickstart = add(
        "quickstart",
        _quickstart,
        "train a small network on scikit-learn's digits and keep everything about the run",
        "Train a small convolutional network on scikit-learn's handwritten digits, which need no download. "
        "A folder that is already there is kept, and a new one is made beside it.",
        "neurokit quickstart --epochs 10 --folder runs/first",
    )
    quickstart.add_argument(
        "--folder", type=Path, default=Path("runs/quickstart"), help="where the run goes (%(default)s)"
    )
    quickstart.add_argument("--epochs", type=_positive, default=30, help="epochs in all (%(default)s)")
    quickstart.add_argument("--seed", type=int, default=0, help="seed of data split, weights and order (%(default)s)")
    quickstart.add_argument("--resume", action="store_true", help="continue the newest run from its last checkpoint")

    add(
        "doctor",
        _doctor,
        "show versions, the device and its speed, and what is wrong with the installation",
        "Show versions, the device and how fast it multiplies matrices beside the CPU, and what is wrong "
        "with the installation. Exits with 1 when something is.",
        "neurokit doctor --json > machine.json",
    )
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number of 1 or more, got {text!r}")
    return number


def _save(axes: Axes, path: Path) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None  # only axes that were removed have none
    figure.savefig(path, dpi=150)


def _quickstart(options: argparse.Namespace) -> int:
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
    folder = _run_folder(options.folder, options.resume, say)
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


def _run_folder(wanted: Path, resume: bool, say: Callable[..., None] = print) -> Path:
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


def _doctor(options: argparse.Namespace) -> int:
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
    problems, notes = _installation()
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


def _installation() -> tuple[list[str], list[str]]:
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


if __name__ == "__main__":
    sys.exit(main())
