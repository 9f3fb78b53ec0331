"""`tvm-espdl selftest`: this installation against vectors of ESP-DL's own code."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import DataError
from .options import option

HELP = "Compare this installation with vectors of ESP-DL's own code."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "golden", "folder of vectors (default: those of the package)")
    option(parser, "engine", "numpy, host or c (default: %(default)s)", default="host")
    option(parser, "chip", "one chip (default: one of each family)")


def run(arguments: argparse.Namespace) -> int:
    """Print what failed, and the counts in the last line."""
    from ..selftest.golden import GOLDEN
    from ..selftest.run import run_selftest

    folder = Path(arguments.golden) if arguments.golden is not None else GOLDEN
    outcomes = run_selftest(arguments.engine, folder, arguments.chip)
    if not outcomes:
        raise DataError("no vector says what such a chip computes", where=str(folder))
    failed = [outcome for outcome in outcomes if outcome.failure]
    arguments.verdict = 1 if failed else 0
    for outcome in failed:
        print(f"{outcome.case} on {outcome.chip}: {outcome.failure}")
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed, 0 skipped")
    return int(arguments.verdict)
