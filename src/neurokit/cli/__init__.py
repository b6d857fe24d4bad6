"""The ``neurokit`` command: from a CSV to a service, a first trained network, and what this machine can do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from neurokit.cli import bundles, doctor, exporting, judging, predicting, quickstart, runs, serving, training
from neurokit.cli.exits import MEANINGS, CommandError, Exit, ending_with
from neurokit.cli.parser import Commands, Parser, failed

__all__ = ["main", "Exit", "MEANINGS", "CommandError", "ending_with"]


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
        return failed(options.command, Exit.INTERRUPTED, "interrupted", options.json)
    except CommandError as error:
        return failed(options.command, error.code, str(error), options.json)
    except ArithmeticError as error:  # neurokit.NonFiniteLoss, without importing torch to say so
        return failed(options.command, Exit.TRAINING, str(error), options.json)
    except ModuleNotFoundError as error:
        told = f"this needs {error.name}, which is not installed here: pip install {error.name}"
        sentence = str(error) if "pip install" in str(error) else told
        return failed(options.command, Exit.FAILED, sentence, options.json)
    except (OSError, ValueError) as error:
        return failed(options.command, Exit.FAILED, str(error), options.json)


def _parser() -> Parser:
    from neurokit import __version__

    codes = "\n".join(f"  {int(code):<4} {meaning}" for code, meaning in MEANINGS.items())
    parser = Parser(
        prog="neurokit",
        description="From a table to a model behind an address, and everything about neural networks with PyTorch.",
        epilog=f"exit codes:\n{codes}\n\nErrors are one sentence on stderr, with --json one JSON object there.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(json=False)
    parser.add_argument("--version", action="version", version=f"neurokit {__version__}")
    commands = Commands(parser)
    for room in (quickstart, doctor, runs, training, judging, predicting, bundles, exporting, serving):
        room.add(commands)
    return parser
