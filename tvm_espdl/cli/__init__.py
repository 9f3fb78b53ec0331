"""The command line `tvm-espdl`: one module for each command, and what happens around them.

Exit status: 0 done, 1 a check or comparison found differences, 2 the user's input is wrong, 130 the
user has interrupted it.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from ..errors import EspdlWarning
from ..version import __version__
from . import (
    check,
    compare,
    demo,
    evaluate,
    export,
    opt_and_eval,
    preprocess,
    quantize,
    run,
    selftest,
    show,
)
from .edge import complain, guarded

#: In the order in which `--help` lists them.
_COMMANDS = (
    preprocess,
    quantize,
    export,
    run,
    compare,
    check,
    evaluate,
    opt_and_eval,
    show,
    selftest,
    demo,
)

_TRACEBACK: dict[str, Any] = {
    "action": "store_true",
    "help": "where an error was raised, with its message",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit status.
    """
    given = sys.argv[1:] if argv is None else [*argv]
    # A check sets its verdict before it prints: the status holds for a reader who leaves, too.
    arguments = argparse.Namespace(given=given, traceback="--traceback" in given, verdict=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EspdlWarning)
        status = guarded(_run, arguments)
    for warning in caught:
        complain(f"warning: {warning.message}")
    return status


def _run(arguments: argparse.Namespace) -> int:
    # What is printed by the parser itself may meet a closed pipe, too.
    _parser().parse_args(arguments.given, arguments)
    return int(arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tvm-espdl", description="Compile neural networks for Espressif chips."
    )
    parser.add_argument("--version", action="version", version=f"tvm-espdl {__version__}")
    parser.add_argument("--traceback", **_TRACEBACK)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        name = command.__name__.rpartition(".")[2]
        sub = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_options(sub)
        sub.set_defaults(run=command.run)
        sub.add_argument("--traceback", **{**_TRACEBACK, "default": argparse.SUPPRESS})
    return parser
