"""Draws networks until so many outputs have been compared bit for bit: NumPy = host = C.

    python scripts/campaign.py [--outputs 1e6] [--minutes M] [--seed 1] [--record FILE]

Every round draws networks of the pattern table's nodes (`tests/relay/drawn_graphs.py`), for every
family of chips, and runs each on many inputs: C by GCC and the host's LLVM on all of them, the
operators' NumPy references on the first ones. Where two differ, hypothesis looks for the smallest
network in which they do; it is printed and kept as `campaign-failure.onnx`, and the status is 1.
A seed repeats its rounds. Needs the extra `test`, and GCC.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "relay")]

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from drawn_graphs import Drawn, graphs  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from witnesses import Record, compare, inputs_of, program_of  # noqa: E402

#: Networks of a round.
ROUND = 10
PAIR = "host = C"


def main() -> int:
    """Rounds of drawn networks, until there are outputs enough or the time is over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--outputs", type=float, default=1e6, help="elements (default: 1e6)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="at most so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--of_each", type=float, default=1e5, help="elements of each network")
    parser.add_argument("--references", type=int, default=10, help="inputs that NumPy runs on")
    parser.add_argument("--record", type=Path, help="JSON file to write after each round")
    arguments = parser.parse_args()
    record, begin, number = Record(), time.monotonic(), 0
    print(f"seed {arguments.seed}; {', '.join(versions())}", flush=True)
    while record.elements[PAIR] < arguments.outputs:
        if time.monotonic() - begin > 60 * arguments.minutes:
            break
        number += 1
        failed = _round([arguments.seed, number], record, arguments)
        told = ", ".join(f"{count:,} {pair}" for pair, count in sorted(record.elements.items()))
        print(f"round {number}: {record.networks} networks, {told}", flush=True)
        if arguments.record is not None:
            arguments.record.write_text(json.dumps(_account(arguments.seed, number, record)))
        if failed:
            return 1
    print(f"{len(record.operators)} operators by type; every compared output is equal")
    return 0


def _round(seeds: list[int], record: Record, arguments: argparse.Namespace) -> bool:
    """Networks of one seed; whether one of them is computed in two ways."""
    last: list[Drawn] = []

    def agree(network: Drawn) -> None:
        last[:] = [network]
        program = program_of(network.model, network.chip)
        rng = np.random.default_rng(network.seed)
        size = sum(program.values[name].size for name in program.outputs)
        count = int(np.clip(arguments.of_each / max(size, 1), 3, 20_000))
        samples = [inputs_of(program, rng) for _ in range(count)]
        compare(program, samples, record, references=arguments.references)

    run: Callable[[], Any] = seed(int.from_bytes(bytes(str(seeds), "ascii"), "big"))(
        settings(
            max_examples=ROUND,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(graphs())(agree))
    )
    try:
        run()
    except Exception as error:  # Whatever it is, its smallest network is what matters.
        onnx.save(last[0].model, "campaign-failure.onnx")
        print(f"{type(error).__name__}: {error}\n{last[0]!r}\nkept: campaign-failure.onnx")
        return True
    return False


def versions() -> list[str]:
    """What takes part."""
    told = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    names = ("numpy", "apache-tvm", "onnx", "hypothesis")
    return [
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in names),
        told.stdout.splitlines()[0],
    ]


def _account(first: int, rounds: int, record: Record) -> dict[str, object]:
    return {
        "seed": first,
        "rounds": rounds,
        "versions": versions(),
        "networks": record.networks,
        "outputs left out": record.left_out,
        "elements": dict(sorted(record.elements.items())),
        "calls": dict(sorted(record.operators.items())),
    }


if __name__ == "__main__":
    sys.exit(main())
