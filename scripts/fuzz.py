"""Feeds damaged files to every reader under coverage guidance, until something else than an error.

    python scripts/fuzz.py [TARGET ...] [--seconds 60] [--executions N] [--corpus DIR]

A target may raise an `EspdlError`, and nothing else; it has 10 seconds and 1 GB for one input. What
breaks that is written as `crash-*`, `timeout-*` or `oom-*` beside the corpus, and the status is 1.
Needs the extra `fuzz`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS_PER_INPUT = 10
#: The libraries themselves take a third of it.
MEGABYTES = 1400
TARGETS_FILE = Path(__file__).parents[1] / "tests" / "fuzzing" / "targets.py"
sys.path.insert(0, str(TARGETS_FILE.parent))

from targets import TARGETS  # noqa: E402


def main() -> int:
    """Run each target in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", default=[*TARGETS], help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--executions", type=int, default=-1, help="stop after so many")
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
    with tempfile.TemporaryDirectory(prefix="tvm_espdl_fuzz_") as scratch:
        corpus = (arguments.corpus or Path(scratch)) / name
        corpus.mkdir(parents=True, exist_ok=True)
        for index, seed in enumerate(TARGETS[name].seeds()):
            (corpus / f"seed-{index}").write_bytes(seed)
        command = [
            *(sys.executable, str(TARGETS_FILE), name, str(corpus)),
            f"-max_total_time={arguments.seconds}",
            f"-runs={arguments.executions}",
            f"-seed={arguments.seed}",
            f"-timeout={SECONDS_PER_INPUT}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-artifact_prefix={corpus.parent}/{name}-",
            "-print_final_stats=1",
        ]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        told = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        count = told[-1].split()[-1] if told else "unknown"
        print(f"{name}: {count} executions, seed {arguments.seed}, status {done.returncode}")
        if done.returncode:
            print(done.stderr[-4000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
