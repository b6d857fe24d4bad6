"""Parser: the command line, which answers wrong usage in one sentence."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from neurokit.cli.exits import MEANINGS, Exit


def failed(command: str, code: Exit, sentence: str, as_json: bool) -> int:
    """Say what went wrong where errors are read; return the code."""
    sentence = " ".join(sentence.split())
    if as_json:
        error = {"command": command, "error": sentence, "exit_code": int(code), "meaning": MEANINGS[code]}
        print(json.dumps(error), file=sys.stderr)
    else:
        print(f"neurokit {command}: {sentence}".replace(" :", ":"), file=sys.stderr)
    return int(code)


class Parser(argparse.ArgumentParser):
    """A parser that answers wrong usage in one sentence, with the nearest of what there is."""

    _as_json = False

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        from neurokit.arguments import suggestions

        commands = [
            one for action in self._actions if isinstance(action.choices, dict) for one in action.choices.values()
        ]
        parsers = [self, *commands]
        known = [option for parser in parsers for action in parser._actions for option in action.option_strings]
        known += [str(choice) for action in self._actions for choice in action.choices or ()]
        words = sorted(message.split(), key=lambda word: word[0] not in "'-")  # first what was typed, as it is quoted
        wrong = [word.strip("',:()") for word in words if word.strip("',:()") not in known]
        hint = next(filter(None, (suggestions(word, known) for word in wrong if len(word) > 2)), "")
        command = self.prog.removeprefix("neurokit").strip()
        sys.exit(failed(command, Exit.USAGE, f"{message}.{hint} See {self.prog} --help.", self._as_json))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class does; what is left over is an error here, of the subcommand it was given to."""
        self._as_json = "--json" in (sys.argv if args is None else args)
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest


class Commands:
    """The commands of a parser, each with what all of them take."""

    def __init__(self, parser: Parser) -> None:
        self._commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], summary: str, description: str, example: str
    ) -> Any:
        """Return the parser of a new command.

        Args:
            name: What is typed.
            run: What it does; returns the exit code.
            summary: What ``neurokit --help`` says of it.
            description: What its own help says.
            example: A line to type.
        """
        command = self._commands.add_parser(
            name, help=summary, description=description, epilog=f"example: {example}", allow_abbrev=False
        )
        command.add_argument("--json", action="store_true", help="print one JSON object, for scripts; errors too")
        command.set_defaults(run=run)
        return command


def number_that(fits: Callable[[float], bool], wanted: str) -> Callable[[str], float]:
    """Return what reads an option's value as a number that fits, or says what is wanted."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan  # which fits nothing
        if not fits(number):
            raise argparse.ArgumentTypeError(f"takes {wanted}, got {text!r}")
        return number

    return read


def positive(text: str) -> int:
    """Return a whole number of 1 or more, as an option's value."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number of 1 or more, got {text!r}")
    return number
