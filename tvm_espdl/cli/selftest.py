"""`tvm-espdl selftest`: this installation, or a board, against vectors of ESP-DL's own code."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..chips import DEFAULT_CHIP, find_chip
from ..errors import DataError
from ..program.kernels import PREFERENCES
from .options import option

HELP = "Compare this installation, or a board, with vectors of ESP-DL's own code."

#: Names of skipped vectors that are printed.
MOST_NAMES = 8
FOLDER, FILE = {"metavar": "DIR"}, {"metavar": "FILE"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "golden", "folder of vectors (default: those of the package)")
    option(parser, "engine", "numpy, host or c (default: host)")
    option(
        parser,
        "chip",
        f"one chip (default: one of each family; for --project {DEFAULT_CHIP}; for --log its own)",
    )
    option(
        parser,
        "kernels",
        "whose kernels a project calls: auto, esp-dl or portable, as in export (default: auto)",
        choices=PREFERENCES,
    )
    option(parser, "project", "write a firmware that runs the vectors on your own board", **FOLDER)
    option(parser, "log", "judge what that firmware has printed: its monitor's log", **FILE)


def run(arguments: argparse.Namespace) -> int:
    """Run the vectors here, write the firmware, or judge its log."""
    _check_options(arguments)
    if arguments.project is not None:
        return _write_project(arguments)
    if arguments.log is not None:
        return _judge_log(arguments)
    return _run_here(arguments)


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that the others would ignore."""
    given = [f"--{n}" for n in ("project", "log", "engine") if getattr(arguments, n) is not None]
    if len(given) > 1:
        raise DataError(
            "options of different uses",
            where="tvm-espdl selftest",
            found=" with ".join(given),
            allowed="one of --project, --log and --engine",
        )
    if arguments.kernels is not None and arguments.project is None:
        raise DataError(
            "an option of another use",
            where="tvm-espdl selftest",
            found="--kernels",
            allowed="--kernels with --project",
        )


def _folder(arguments: argparse.Namespace) -> Path:
    from ..selftest.golden import GOLDEN

    return Path(arguments.golden) if arguments.golden is not None else GOLDEN


def _run_here(arguments: argparse.Namespace) -> int:
    """Print what failed, and the counts in the last line."""
    from ..selftest.run import run_selftest

    folder = _folder(arguments)
    engine = "host" if arguments.engine is None else arguments.engine
    outcomes = run_selftest(engine, folder, arguments.chip)
    if not outcomes:
        raise DataError("no vector says what such a chip computes", where=str(folder))
    failed = [outcome for outcome in outcomes if outcome.failure]
    skipped = [outcome for outcome in outcomes if outcome.skipped and not outcome.failure]
    arguments.verdict = 1 if failed else 0
    for outcome in failed:
        print(f"{outcome.case} on {outcome.chip}: {outcome.failure}")
    for outcome in skipped:
        print(
            f"{outcome.case} on {outcome.chip}: skipped, for it means to differ: {outcome.skipped}"
        )
    passed = len(outcomes) - len(failed) - len(skipped)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return int(arguments.verdict)


def _write_project(arguments: argparse.Namespace) -> int:
    """Write the firmware, and say what it takes and how it is used."""
    from ..selftest.firmware import firmware_of
    from ..selftest.firmware_project import write_firmware

    chip = find_chip(DEFAULT_CHIP if arguments.chip is None else arguments.chip)
    firmware = firmware_of(chip, _folder(arguments), arguments.kernels or "auto")
    texts = write_firmware(firmware, arguments.project)
    kernels = [vector.chosen.kernel for vector in firmware.vectors]
    print(
        f"{len(kernels)} vectors for {chip.name}: {kernels.count('esp-dl')} by ESP-DL's kernels, "
        f"{kernels.count('portable')} by portable ones"
    )
    if firmware.left_out:
        print(f"{len(firmware.left_out)} more are for engines on the PC alone")
    print(
        f"{len(texts.data)} bytes of constants, {texts.ram_bytes} bytes of static memory\n"
        f"next: idf.py set-target {chip.name} flash monitor | tee monitor.log\n"
        f"then: tvm-espdl selftest --log monitor.log\nwrote {arguments.project}"
    )
    return 0


def _judge_log(arguments: argparse.Namespace) -> int:
    """Print what the log does not prove, and the counts in the last line."""
    from ..report.text import visible
    from ..selftest.verdict import judge_log

    verdict = judge_log(Path(arguments.log), _folder(arguments), arguments.chip)
    arguments.verdict = 0 if verdict.ok else 1
    lines = [*verdict.notes, *verdict.problems]
    lines += [f"{one.case} on {one.chip}: {one.failure}" for one in verdict.failures]
    if verdict.skipped:
        more = len(verdict.skipped) - MOST_NAMES
        names = [*verdict.skipped[:MOST_NAMES], *([f"and {more} more"] if more > 0 else [])]
        lines.append(f"not shown: {', '.join(names)}")
    for line in lines:
        print(visible(line))
    failed, skipped = len(verdict.failures), len(verdict.skipped)
    print(f"{verdict.passed} passed, {failed} failed, {skipped} skipped")
    return int(arguments.verdict)
