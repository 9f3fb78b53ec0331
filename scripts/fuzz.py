"""Feeds damaged files to every reader under coverage guidance, until something else than an error.

    python scripts/fuzz.py [TARGET ...] [--seconds 60] [--corpus DIR]
    python scripts/fuzz.py [TARGET ...] --executions 1e7 [--workers 2] [--seed 1] [--corpus DIR]

A target may raise an `EspdlError`, and nothing else; it has 10 seconds and 1 GB, the libraries
included. What breaks that is written as `crash-*`, `timeout-*` or `oom-*` beside the corpus, and
the status is 1. Executions are made in rounds, each a process with a seed of its own that goes on
with what earlier ones found interesting, so that nothing adds up in memory. Needs the extra `fuzz`.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS_PER_INPUT = 10
MEGABYTES = 1024
TARGETS_FILE = Path(__file__).parents[1] / "tests" / "fuzzing" / "targets.py"
sys.path.insert(0, str(TARGETS_FILE.parent))

from targets import TARGETS  # noqa: E402


def main() -> int:
    """Run each target in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", default=[*TARGETS], help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, help="for each target (default: 60)")
    parser.add_argument("--executions", type=float, help="of each target, in place of a time")
    parser.add_argument("--round", type=float, default=1e5, help="executions of one process")
    parser.add_argument("--workers", type=int, default=1, help="processes at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="folder to keep what was found in")
    arguments = parser.parse_args()
    if unknown := {*arguments.targets} - {*TARGETS}:
        known = ", ".join(TARGETS)
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {known}")
    failed = [name for name in arguments.targets if _run(name, arguments) != 0]
    print("nothing but errors of ours" if not failed else f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(name: str, arguments: argparse.Namespace) -> int:
    """All rounds of a target; the status of the first that failed, else 0."""
    with tempfile.TemporaryDirectory(prefix="tvm_espdl_fuzz_") as scratch:
        corpus = (arguments.corpus or Path(scratch)) / name
        corpus.mkdir(parents=True, exist_ok=True)
        for index, seed in enumerate(TARGETS[name].seeds()):
            (corpus / f"seed-{index}").write_bytes(seed)
        wanted = arguments.executions
        if wanted is None or arguments.seconds is not None:
            limits = [f"-max_total_time={arguments.seconds or 60}"]
        else:
            limits = []
        if wanted is not None:
            limits.append(f"-runs={int(min(wanted, arguments.round))}")
        rounds = 1 if wanted is None else max(1, math.ceil(wanted / arguments.round))
        with ThreadPoolExecutor(arguments.workers) as pool:
            seeds = range(arguments.seed, arguments.seed + rounds)
            done = [*pool.map(lambda seed: _round(name, corpus, seed, limits), seeds)]
        failed = [one for one in done if one.returncode]
        count = sum(map(_executions, done))
        print(
            f"{name}: {count:,} executions, {rounds} rounds of seed {arguments.seed}, "
            f"{len(failed)} failed",
            flush=True,
        )
        for one in failed[:3]:
            print(one.stderr[-4000:])
    return failed[0].returncode if failed else 0


def _round(
    name: str, corpus: Path, seed: int, limits: list[str]
) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, str(TARGETS_FILE), name, str(corpus), *limits),
        f"-seed={seed}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={corpus.parent}/{name}-",
        "-print_final_stats=1",
    ]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


def _executions(done: subprocess.CompletedProcess[str]) -> int:
    told = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    return int(told[-1].split()[-1]) if told else 0


if __name__ == "__main__":
    sys.exit(main())
