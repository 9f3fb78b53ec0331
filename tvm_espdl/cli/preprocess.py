"""`tvm-espdl preprocess`: a float ONNX model, cleaned up."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .edge import say
from .options import option, real_number, whole_number

HELP = "Clean a float ONNX model up and fix its batch to 1."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "input", "float ONNX model", required=True)
    option(parser, "output", "file to write", required=True)
    repeated = {"action": "append", "default": []}
    option(parser, "skip", "leave a step out; may be repeated", metavar="NAME", **repeated)
    option(
        parser, "enable", "run a step that is off by default; repeated", metavar="NAME", **repeated
    )
    option(
        parser,
        "input_shape",
        "whole shape of an input with dynamic dimensions, without a name of the only one; repeated",
        metavar="[NAME:]1,3,96,96",
        type=input_shape,
        **repeated,
    )
    option(
        parser,
        "input_value",
        "value of an input that is a constant from now on; may be repeated",
        metavar="NAME:16000",
        type=_input_value,
        **repeated,
    )
    for name, end in (("inputs", "begins"), ("outputs", "ends")):
        option(
            parser,
            name,
            f"tensors where the part {end} that is cut out",
            metavar="T1,T2",
            type=names,
            default=(),
        )
    option(parser, "no_check", "do not compare with the original", action="store_true")
    option(parser, "list_steps", "print the steps in their order and exit", action=_ListSteps)


def run(arguments: argparse.Namespace) -> int:
    """Write the model and print what each step did."""
    from ..files.output_files import check_new
    from ..onnx_graphs.model import save_model
    from ..preprocess import preprocess_with_report

    check_new(arguments.output)
    model, report = preprocess_with_report(
        arguments.input,
        skip=arguments.skip,
        enable=arguments.enable,
        input_shapes=shapes_of(arguments.input_shape),
        inputs=arguments.inputs,
        outputs=arguments.outputs,
        check=not arguments.no_check,
        input_values=dict(arguments.input_value),
    )
    save_model(model, arguments.output)
    print(report)
    say(f"wrote {arguments.output}")
    return 0


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


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them; a comma in a name is written twice."""
    parts = text.replace(",,", "\0").split(",")
    found = tuple(part.strip().replace("\0", ",") for part in parts if part.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"no name in {text!r}")
    return found


def shapes_of(
    given: Sequence[tuple[str, tuple[int, ...]]],
) -> dict[str, tuple[int, ...]] | tuple[int, ...]:
    """Shapes by name; the shape alone where one came without."""
    if len(given) == 1 and not given[0][0]:
        return given[0][1]
    return dict(given)


def input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """A name and a shape; no name for that of the only input."""
    # The last colon parts name and shape: names from TensorFlow hold one themselves.
    name, colon, shape = text.rpartition(":")
    try:
        dimensions = tuple(whole_number(part.strip()) for part in shape.split(","))
    except argparse.ArgumentTypeError:
        dimensions = ()
    if not dimensions or (colon and not name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME:1,3,96,96")
    return name, dimensions


def _input_value(text: str) -> tuple[str, list[float]]:
    name, colon, value = text.rpartition(":")
    try:
        numbers = [real_number(part.strip()) for part in value.split(",")]
    except argparse.ArgumentTypeError:
        numbers = []
    if not (name and colon and numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME:16000")
    return name, numbers
