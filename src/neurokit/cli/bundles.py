"""card: what is written about a bundle's model, and what people add to it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.cli.parser import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    card = commands.add(
        "card",
        run,
        "show a bundle's model card, and answer what only a person knows",
        "Print the model card of a bundle. --missing lists what only a person can say, and --set says it: the card is "
        "written anew, and the model and its version stay as they are.",
        "neurokit card runs/titanic --set license=mit owner='The data team'",
    )
    card.add_argument("bundle", type=Path, help="the bundle's folder")
    card.add_argument("--missing", action="store_true", help="list the questions that nobody has answered")
    card.add_argument("--set", nargs="+", default=[], metavar="NAME=ANSWER", help="answer some of them")


def run(options: argparse.Namespace) -> int:
    """Print or fill the card."""
    from neurokit.bundle.reading import read_manifest
    from neurokit.cards import ModelCard

    with ending_with(Exit.DATA):
        read_manifest(options.bundle)
        card = ModelCard.from_record(options.bundle)
    answers = dict(_pair(text) for text in options.set)
    if answers:
        with ending_with(Exit.USAGE):
            card.fill(answers)
        card.save(options.bundle)
    missing = card.missing()
    if options.json:
        questions = {str(one): one.asks for one in missing}
        print(
            json.dumps(
                {"bundle": str(options.bundle), "set": answers, "missing": questions, "card": card.text}, indent=2
            )
        )
    elif options.missing:
        print("\n".join(f"{one!s:<20} {one.asks}" for one in missing) or "Everything is answered.")
    elif answers:
        print(f"{', '.join(answers)} answered in {options.bundle}/README.md; {len(missing)} questions are open.")
    else:
        print(card.text, end="")
    return Exit.DONE


def _pair(text: str) -> tuple[str, str]:
    name, equals, answer = text.partition("=")
    if not equals or not name:
        raise CommandError(Exit.USAGE, f"--set takes NAME=ANSWER, got {text!r}, such as --set license=mit.")
    return name.strip(), answer
