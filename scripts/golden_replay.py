"""Replays all that the compiler writes for the tests' networks, and compares it with what it was.

    golden_replay.py                     compare the hashes with those of tests/golden_replay.json
    golden_replay.py --update            write that file anew
    golden_replay.py --write DIR         write the artefacts themselves, for diff -r
    golden_replay.py --diff REV [REV2]   how the artefacts of two commits differ

Without REV2 a commit is compared with the working tree. --all takes every network, also the large
ones; --only TEXT those with the text in their names. Exit status 1: something differs.
"""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import json
import multiprocessing
import os
import platform
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from replay_artefacts import ACCOUNT, RESULTS, hashes, write_artefacts
from replay_networks import Entry, entries, find_test_modules, make, models_folder

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "tests" / "golden_replay.json"
#: Lines of difference that are shown of one file.
LINES = 200

Hashes = dict[str, dict[str, str]]


@dataclass
class Replay:
    """Hashes by network and kind.

    Attributes
    ----------
    exact : dict
        Of what is the same on every computer.
    measured : dict
        Of what may depend on the CPU and on libraries: results in which TVM's own float functions
        or those of the C library take part, and all that follows from sums in onnxruntime. They
        are compared only where `environment` is the same.
    failed : dict
        Tracebacks by network.
    environment : str
        What `measured` depends on.
    """

    exact: Hashes = field(default_factory=dict)
    measured: Hashes = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    environment: str = ""

    def to_json(self) -> str:
        """One line for each network, so that a difference between commits is readable."""
        parts = [
            f'"{name}": {{\n'
            + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(table.items()))
            + "\n}"
            for name, table in (("exact", self.exact), ("measured", self.measured))
        ]
        return "{\n" + ",\n".join([f'"environment": "{self.environment}"', *parts]) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Replay:
        """What `to_json` has written."""
        return cls(**json.loads(text))


def environment() -> str:
    """What decides the last bit of float sums: instruction sets and libraries."""
    import numpy
    import onnxruntime
    import tvm

    cpuinfo, sets = Path("/proc/cpuinfo"), ""
    if cpuinfo.is_file():
        flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
        words = flags.group(1).split() if flags else []
        sets = " ".join(sorted(w for w in words if re.match(r"avx|fma|amx|sve|asimd", w)))
    libraries = (("numpy", numpy), ("onnxruntime", onnxruntime), ("tvm", tvm))
    versions = ", ".join(f"{name} {module.__version__}" for name, module in libraries)
    return f"{platform.machine()} {sets}, {' '.join(platform.libc_ver())}, {versions}"


def compare(committed: Replay, found: Replay, names: Iterable[str]) -> tuple[list[str], int, int]:
    """Differences between what is committed and what was found.

    Parameters
    ----------
    committed, found : Replay
        `names` says which networks were meant to be replayed.
    names : iterable of str

    Returns
    -------
    list of str, int, int
        One line for each difference; how many hashes were equal, and how many could not be
        compared in this environment.
    """
    differences, equal, skipped = [], 0, 0
    same_environment = committed.environment == found.environment
    for name in names:
        if name in found.failed:
            differences.append(f"{name}: failed\n{found.failed[name]}")
            continue
        wanted = committed.exact.get(name, {}) | committed.measured.get(name, {})
        made = found.exact.get(name, {}) | found.measured.get(name, {})
        measured = committed.measured.get(name, {}).keys() | found.measured.get(name, {}).keys()
        if not wanted:
            differences.append(f"{name}: not in {COMMITTED.name}; --update")
            continue
        for kind in sorted(wanted.keys() | made.keys()):
            if kind in measured and not same_environment:
                skipped += 1
            elif kind not in made or kind not in wanted:
                differences.append(f"{name}: {kind} is {'new' if kind in made else 'missing'}")
            elif made[kind] != wanted[kind]:
                differences.append(f"{name}: {kind} differs")
            else:
                equal += 1
    return differences, equal, skipped


def replay_one(job: tuple[Entry, Path, Path | None, Path | None]) -> tuple[str, Any, Any, str]:
    """One network in a process of its own: its key, exact and measured hashes, and a traceback."""
    entry, root, models, target = job
    with tempfile.TemporaryDirectory() as temporary:
        folder = (Path(temporary) if target is None else target) / entry.folder
        folder.mkdir(parents=True)
        try:
            inexact = write_artefacts(entry, make(entry, root, models), folder)
            found = hashes(folder)
        except Exception:
            told = traceback.format_exc()
            (folder / "failed.txt").write_text(told.splitlines()[-1] + "\n")
            return entry.key, {}, {}, told
    kinds = found.keys() if entry.measured else {ACCOUNT, *(RESULTS if inexact else ())}
    measured = {kind: value for kind, value in found.items() if kind in kinds}
    return entry.key, {k: v for k, v in found.items() if k not in measured}, measured, ""


def replay(chosen: list[Entry], root: Path, target: Path | None, jobs: int) -> Replay:
    """Compile networks side by side; artefacts are kept in `target` if there is one."""
    models, found = models_folder(ROOT), Replay(environment=environment())
    # Sums have one order whatever the number of cores, and processes do not wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    todo = [(entry, root, models, target) for entry in chosen]
    with ProcessPoolExecutor(jobs, context, initializer=prepare, initargs=(root,)) as pool:
        futures = [pool.submit(replay_one, job) for job in todo]
        for place, future in enumerate(futures):
            try:
                key, exact, measured, failure = future.result()
            except BrokenProcessPool as error:
                near = ", ".join(entry.key for entry in chosen[place : place + 2 * jobs])
                raise SystemExit(f"a process has died in one of: {near}") from error
            if exact:
                found.exact[key] = exact
            if measured:
                found.measured[key] = measured
            if failure:
                found.failed[key] = failure
    return found


def prepare(root: Path) -> None:
    """Make a tree's package and its tests' networks the ones that are imported."""
    sys.path.insert(0, str(root))
    find_test_modules(root)
    import tvm_espdl

    warnings.simplefilter("ignore")  # few samples on purpose; what a build says is written
    assert Path(tvm_espdl.__file__).is_relative_to(root), "another tvm_espdl is imported"


def check(found: Replay, chosen: list[Entry]) -> int:
    """Print how a replay differs from the committed one."""
    committed = Replay.from_json(COMMITTED.read_text())
    differences, equal, skipped = compare(committed, found, [entry.key for entry in chosen])
    if skipped:
        print(
            f"{skipped} not compared: float results may differ here\n"
            f"  committed: {committed.environment}\n  here:      {found.environment}"
        )
    for line in differences:
        print(line)
    print(f"{len(differences)} differ, {equal} equal" if differences else f"{equal} equal")
    return 1 if differences else 0


def update(found: Replay, chosen: list[Entry]) -> int:
    """Write the committed file; networks that were not replayed keep their hashes."""
    if found.failed:
        print("\n".join(f"{key}: failed\n{told}" for key, told in found.failed.items()))
        return 1
    merged = Replay.from_json(COMMITTED.read_text()) if COMMITTED.is_file() else Replay()
    if merged.environment != found.environment:
        merged.measured.clear()
    merged.environment = found.environment
    for entry in chosen:
        merged.exact.pop(entry.key, None)
        merged.measured.pop(entry.key, None)
    merged.exact |= found.exact
    merged.measured |= found.measured
    known = {entry.key for entry in entries(models_folder(ROOT))}
    if models_folder(ROOT) is not None:
        for table in (merged.exact, merged.measured):
            for gone in table.keys() - known:
                del table[gone]
    COMMITTED.write_text(merged.to_json())
    print(f"{len(chosen)} networks written to {COMMITTED.relative_to(ROOT)}")
    return 0


def difference(one: Path, other: Path) -> Iterator[str]:
    """Unified difference of two folders of artefacts; of binary files names and sizes.

    What is the same in many networks, such as in a file that all projects hold, is said once.
    """
    names = {
        path.relative_to(folder).as_posix()
        for folder in (one, other)
        for path in folder.rglob("*")
        if path.is_file()
    }
    places: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(names):
        before, after = (_content(folder / name) for folder in (one, other))
        if before != after:
            places.setdefault(tuple(_file_difference(name, before, after)), []).append(name)
    for lines, alike in places.items():
        yield f"{alike[0]}{f' and {len(alike) - 1} more like it' if alike[1:] else ''}:"
        yield from lines[:LINES]
        if len(lines) > LINES:
            yield f"... {len(lines) - LINES} more lines"
        yield ""


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _file_difference(name: str, before: bytes | None, after: bytes | None) -> list[str]:
    last = name.rsplit("/", maxsplit=1)[-1]
    if before is None or after is None:
        return [f"{last}: only {'after' if before is None else 'before'}"]
    try:
        texts = [content.decode().splitlines() for content in (before, after)]
    except UnicodeDecodeError:
        return [f"{last}: binary, {len(before)} bytes before, {len(after)} after"]
    sides = f"before/{last}", f"after/{last}"
    # Without the numbers of lines: alike where a change stands further down.
    lines = list(difflib.unified_diff(*texts, *sides, lineterm=""))
    return ["@@" if line.startswith("@@") else line for line in lines]


def show_difference(revisions: list[str], arguments: argparse.Namespace) -> int:
    """Replay two trees, each with its own package and networks; nothing stays behind."""
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        written = []
        for number, revision in enumerate([*revisions, None][:2]):
            tree = ROOT
            if revision is not None:
                tree = temporary / f"tree{number}"
                git = ["git", "-C", str(ROOT), "worktree"]
                add = [*git, "add", "--quiet", "--detach", str(tree), revision]
                subprocess.run(add, check=True)
                remove = [*git, "remove", "--force", str(tree)]
                stack.callback(subprocess.run, remove, check=True)
            written.append(temporary / f"written{number}")
            _replay_tree(tree, written[-1], arguments)
        lines = 0
        for line in difference(*written):
            lines += 1
            print(line)
    print("no difference" if not lines else f"{lines} lines of difference")
    return 1 if lines else 0


def _replay_tree(tree: Path, target: Path, arguments: argparse.Namespace) -> None:
    """What this script writes in a process that imports the package of another tree."""
    options = ["--root", str(tree), "--write", str(target), "-j", str(arguments.jobs)]
    options += ["--all"] if arguments.all else []
    options += ["--only", arguments.only] if arguments.only else []
    models = models_folder(ROOT)
    surroundings = {**os.environ, "PYTHONPATH": str(tree)}
    if models is not None:
        surroundings["TVM_ESPDL_MODELS"] = str(models)
    # A network that one of both cannot compile is a difference like another.
    command = [sys.executable, __file__, *options]
    run = subprocess.run(command, check=False, env=surroundings, stdout=subprocess.PIPE, text=True)
    if not target.is_dir():
        raise SystemExit(f"nothing was written for {tree.name}\n{run.stdout}")


def select(arguments: argparse.Namespace) -> list[Entry]:
    """The networks that are replayed."""
    models = models_folder(ROOT)
    if models is None:
        print("skipped: float, quantized, espdl, espdl-ops; set TVM_ESPDL_MODELS", flush=True)
    chosen = [entry for entry in entries(models) if arguments.all or entry.quick]
    return [entry for entry in chosen if fnmatch.fnmatch(entry.key, f"*{arguments.only}*")]


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", metavar="DIR", type=Path, help="a folder that is made")
    what: Mapping[str, Any] = {
        "--check": {"action": "store_true", "help": "compare with the committed hashes (default)"},
        "--update": {"action": "store_true", "help": "write the committed hashes"},
        "--diff": {"metavar": "REV", "nargs": "+", "help": "one commit or two"},
    }
    group = parser.add_mutually_exclusive_group()
    for name, options in what.items():
        group.add_argument(name, **options)
    parser.add_argument("--all", action="store_true", help="every network")
    parser.add_argument("--only", default="", metavar="TEXT", help="part of the name, * allowed")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("-j", "--jobs", type=int, default=cores, help="processes (all cores)")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.diff and len(arguments.diff) > 2:
        parser.error("--diff takes one commit or two")
    if arguments.write is not None and arguments.write.exists():
        parser.error(f"{arguments.write} exists")
    return arguments


def main() -> int:
    """Do what the command line says; the exit status."""
    arguments = parsed()
    if arguments.diff:
        return show_difference(arguments.diff, arguments)
    prepare(arguments.root)
    chosen = select(arguments)
    found = replay(chosen, arguments.root, arguments.write, arguments.jobs)
    if arguments.write is not None and not (arguments.update or arguments.check):
        for key, told in found.failed.items():
            print(f"{key}: failed\n{told}")
        print(f"{len(chosen)} networks written to {arguments.write}")
        return 1 if found.failed else 0
    return update(found, chosen) if arguments.update else check(found, chosen)


if __name__ == "__main__":
    sys.exit(main())
