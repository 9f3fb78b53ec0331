"""`tvm-espdl show`: what stands in an .espdl file."""

from __future__ import annotations

import argparse

from .options import add_espdl_options, key_of, option

HELP = "What stands in an .espdl file, and which chip it is for."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    parser.add_argument("file", help=".espdl file or package")
    option(parser, "target_chip", "chip that the file is for (default: found in the file)")
    add_espdl_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the summary of one model, or of every one in a package."""
    from ..espdl import load, load_package
    from ..espdl.summary import summary_of

    names: list[str | None] = list(load_package(arguments.file).images)
    if arguments.package_model is not None:
        names = [arguments.package_model]
    key = key_of(arguments)
    summaries = [
        summary_of(load(arguments.file, model=name, key=key), arguments.target_chip)
        for name in names
    ]
    if arguments.json:
        texts = [summary.to_json() for summary in summaries]
        print(texts[0] if len(texts) == 1 else "[" + ",\n".join(texts) + "]")
    else:
        print("\n\n".join(map(str, summaries)))
    return 0
