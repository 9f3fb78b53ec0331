"""`tvm-espdl demo`: the whole way on a small real model."""

from __future__ import annotations

import argparse

HELP = "The whole way on a small real model, without any argument."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: this command has no options."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration."""
    from ..demo import run_demo

    del arguments
    return run_demo()
