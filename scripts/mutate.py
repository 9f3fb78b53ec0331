"""Changes one token of the code at a time and looks whether a test notices.

    python scripts/mutate.py [--changes 20] [--seed 1] [ROOM ...]

Rooms are folders of `tvm_espdl`, by default those whose faults would be wrong bits. Each change is
made in a copy of the tree; the tests of its room run until one fails. What lives is printed with
its place: it gets a test, or goes, or changes nothing that counts. Status 1 where something lived.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Which tests are to notice changes of a room.
TESTS = {
    "ops": ("tests/ops", "tests/selftest"),
    "program": ("tests/program", "tests/codegen"),
    "codegen": ("tests/codegen", "tests/program"),
    "espdl": ("tests/espdl",),
    "debug": ("tests/debug", "tests/cli"),
    "files": ("tests/files", "tests/debug", "tests/cli"),
    "runtime/c": ("tests/runtime",),
    "quantize": ("tests/quantize",),
    "onnx_graphs": ("tests/onnx_graphs", "tests/preprocess"),
}

_OPERATORS = {
    "+": "-", "-": "+", "*": "+", "//": "*", "%": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
    "==": "!=", "!=": "==", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "&&": "||", "||": "&&",
}  # fmt: skip
_NAMES = {
    "and": "or", "or": "and", "True": "False", "False": "True", "min": "max", "max": "min",
    "any": "all", "all": "any", "not": "", "is": "is not", "break": "continue",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One token of a file, and what stands there instead."""

    path: Path
    line: int
    column: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column + 1}: {self.old} -> {self.new or 'nothing'}"

    def apply(self, tree: Path) -> None:
        """Make it in a tree."""
        lines = (tree / self.path).read_text().splitlines(keepends=True)
        line = lines[self.line - 1]
        end = self.column + len(self.old)
        lines[self.line - 1] = line[: self.column] + self.new + line[end:]
        (tree / self.path).write_text("".join(lines))


def changes_of(path: Path, root: Path = ROOT) -> list[Change]:
    """Every change that can be made in a Python or C file, in its order."""
    text = (root / path).read_text()
    tokens = _python_tokens(text) if path.suffix == ".py" else _c_tokens(text)
    return [
        Change(path, line, column, old, new)
        for line, column, old in tokens
        if (new := _instead_of(old)) is not None
    ]


def _python_tokens(text: str) -> Iterator[tuple[int, int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            yield *token.start, token.string


def _c_tokens(text: str) -> Iterator[tuple[int, int, str]]:
    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found.group())

    skipped = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|^\s*#[^\n]*'
    code = re.sub(skipped, blank, text, flags=re.S | re.M)
    pattern = r"\w+|->|[<>=!+*/&|-]=|<<=?|>>=?|&&|\|\||\+\+|--|\S"
    for line, words in enumerate(code.splitlines(), 1):
        for found in re.finditer(pattern, words):
            yield line, found.start(), found.group()


def _instead_of(token: str) -> str | None:
    if token.isdecimal():
        return str(int(token) + 1)
    return _OPERATORS.get(token, _NAMES.get(token))


def main() -> int:
    """Make changes and print what becomes of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rooms", nargs="*", help=", ".join(TESTS))
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=900, help="for the tests of one change")
    arguments = parser.parse_args()
    rooms = arguments.rooms or ["ops", "program", "codegen", "espdl", "debug", "files", "runtime/c"]
    if unknown := {*rooms} - {*TESTS}:
        parser.error(f"no such room: {', '.join(sorted(unknown))}")
    source = random.Random(arguments.seed)
    files = {room: _files(room) for room in rooms}
    lived = 0
    for number in range(arguments.changes):
        room = source.choice(rooms)
        change = source.choice(changes_of(source.choice(files[room])) or [None])
        if change is None:
            continue
        noticed = _noticed(change, TESTS[room], arguments.seconds)
        lived += not noticed
        print(f"{number + 1:4} {'noticed' if noticed else 'LIVED  '} {change}", flush=True)
    print(f"seed {arguments.seed}: {lived} of {arguments.changes} lived")
    return 1 if lived else 0


def _files(room: str) -> list[Path]:
    folder = ROOT / "tvm_espdl" / room
    found = sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".c", ".h"))
    return [p.relative_to(ROOT) for p in found if p.name != "__init__.py"]


def _noticed(change: Change, tests: tuple[str, ...], seconds: int, root: Path = ROOT) -> bool:
    with tempfile.TemporaryDirectory(prefix="tvm_espdl_mutant_") as name:
        tree = Path(name) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "build", "*.egg-info")
        shutil.copytree(root, tree, ignore=ignored)
        change.apply(tree)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True  # it hangs where it did not before
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
