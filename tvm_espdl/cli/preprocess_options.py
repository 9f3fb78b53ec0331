"""Options about preprocessing: which steps run, and the shapes of dynamic inputs.

Must never import more than argparse when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .options import option


def add_preprocess_options(parser: argparse.ArgumentParser) -> None:
    """Which steps of preprocessing run, and the shapes of dynamic inputs."""
    repeated = {"action": "append", "default": []}
    option(parser, "skip", "leave a step out; may be repeated", metavar="NAME", **repeated)
    option(
        parser, "enable", "run a step that is off by default; repeated", metavar="NAME", **repeated
    )
    option(
        parser,
        "input_shape",
        "whole shape of an input with dynamic dimensions; may be repeated",
        metavar="NAME:1,3,96,96",
        type=_input_shape,
        **repeated,
    )
    option(parser, "list_steps", "print the steps in their order and exit", action=_ListSteps)


class _ListSteps(argparse.Action):
    """Prints the table of steps, as --version prints the version: nothing else is needed."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help, default=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from ..preprocess.steps import STEPS

        width = max(len(step.name) for step in STEPS)
        for step in STEPS:
            print(f"{step.name:{width}}  {step.sentence}{'' if step.on else ' Off by default.'}")
        parser.exit()


def _input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    # The last colon parts name and shape: names from TensorFlow hold one themselves.
    name, colon, shape = text.rpartition(":")
    try:
        dimensions = tuple(int(part) for part in shape.split(","))
    except ValueError:
        dimensions = ()
    if not (name and colon and dimensions):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME:1,3,96,96")
    return name, dimensions
