"""export: a bundle's weights as a program."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.cli.parser import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    export = commands.add(
        "export",
        run,
        "turn a bundle's weights into an ONNX program, or torch's own",
        "Write the bundle anew with its weights turned into a program, verified against them on two numbers of rows: "
        "as ONNX it predicts and serves where there is no torch. With a file as --output only the program is written.",
        "neurokit export runs/titanic --to onnx --output runs/titanic-onnx",
    )
    export.add_argument("bundle", type=Path, help="the bundle's folder")
    export.add_argument("--to", choices=["onnx", "pt2"], default="onnx", help="which program (%(default)s)")
    export.add_argument("--output", type=Path, help="a folder, or a .onnx or .pt2 file; BUNDLE-onnx when left out")
    export.add_argument("--overwrite", action="store_true", help="replace a bundle or a program that is there")


def run(options: argparse.Namespace) -> int:
    """Write the bundle, or the program alone."""
    from neurokit.bundle import load_bundle
    from neurokit.bundle.layout import MANIFEST, PROGRAMS
    from neurokit.bundle.reading import read_manifest
    from neurokit.cli.tables import check_overwrite
    from neurokit.storage import replace_file

    with ending_with(Exit.DATA):
        bundle = load_bundle(options.bundle)
    whole = options.bundle.expanduser().resolve()  # "." has no name
    place = options.output or whole.with_name(f"{whole.name}-{options.to}")
    is_program = place.suffix.lower() in (".onnx", ".pt2")
    if is_program and place.suffix.lower() != f".{options.to}":
        raise CommandError(Exit.USAGE, f"--output {place} is no .{options.to}, which --to asks for.")
    check_overwrite(place, place if is_program else place / MANIFEST, options.overwrite)
    with ending_with(Exit.DATA):
        if is_program:
            with tempfile.TemporaryDirectory(prefix="neurokit-") as folder:
                made = bundle.export(Path(folder) / "bundle", options.to)
                program = read_manifest(made)["program"]
                content = (made / PROGRAMS[options.to]).read_bytes()
            replace_file(place, [content], len(content))
        else:
            program = read_manifest(bundle.export(place, options.to))["program"]
    if options.json:
        print(json.dumps({"output": str(place), **program}, indent=2))
        return Exit.DONE
    print(f"{place}: {options.to}, at most {program['largest_difference']:.2g} from the weights' own answers.")
    return Exit.DONE
