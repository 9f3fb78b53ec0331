"""The command line `tvm-espdl`: one module for each command, and what happens around them.

Exit status: 0 done, 1 a check or comparison found differences, 2 the user's input is wrong, 130 the
user has interrupted it.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from ..errors import EspdlError, EspdlWarning
from ..version import __version__
from . import check, compare, demo, export, preprocess, quantize, run, selftest, show

#: The status that shells give a process which the user ends.
INTERRUPTED = 130

#: In the order in which `--help` lists them.
_COMMANDS = (preprocess, quantize, export, run, compare, check, show, selftest, demo)


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
    arguments = _parser().parse_args(given)
    arguments.given = given
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EspdlWarning)
        try:
            status: int = arguments.run(arguments)
            sys.stdout.flush()
        except KeyboardInterrupt:
            print("tvm-espdl: interrupted", file=sys.stderr)
            status = INTERRUPTED
        except EspdlError as error:
            print(f"tvm-espdl: error: {error}", file=sys.stderr)
            status = 2
        except BrokenPipeError:
            # The reader, `head` for example, has seen enough; Python would complain at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = arguments.verdict
    for warning in caught:
        print(f"tvm-espdl: warning: {warning.message}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tvm-espdl", description="Compile neural networks for Espressif chips."
    )
    parser.add_argument("--version", action="version", version=f"tvm-espdl {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        name = command.__name__.rpartition(".")[2]
        sub = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_options(sub)
        # A check sets its verdict before it prints: the status holds for a reader who leaves, too.
        sub.set_defaults(run=command.run, verdict=0)
    return parser
