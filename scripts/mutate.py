"""Changes one token of the code at a time and looks whether a test notices.

    python scripts/mutate.py [--changes 20] [--seed 1] [--first 1] [--seconds 300] [ROOM ...]

Rooms are folders of `tvm_espdl`, by default those whose faults would be wrong bits. Each change is
made in a copy of the tree; the tests of its room run until one fails, those first whose names or
texts have most to do with the changed file. What lives is printed with its place: it gets a test,
or goes, or changes nothing that counts. Status 1 where something lived. The changes of a seed are
the same whichever of them are made: `--first 101` goes on behind the first hundred.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Which tests are to notice changes of a room.
TESTS = {
    "ops": ("tests/ops", "tests/selftest", "tests/runtime/host", "tests/runtime/c", "tests/relay"),
    "program": ("tests/program", "tests/codegen", "tests/cli"),
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


NOTICED, LIVED, UNDECIDED = "noticed", "LIVED", "undecided"

#: Files of tests that are run before all others are even collected.
FIRST_FILES = 4


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
    told = _told_only(text) if path.suffix == ".py" else set()
    return [
        Change(path, line, column, old, new)
        for line, column, old in tokens
        if (new := _instead_of(old)) is not None and (line, column) not in told
    ]


def _python_tokens(text: str) -> Iterator[tuple[int, int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            yield *token.start, token.string


def _told_only(text: str) -> set[tuple[int, int]]:
    """Places that compute nothing: annotations, decorators, and the bare star of a signature."""
    nodes: list[ast.AST] = []
    for node in ast.walk(ast.parse(text)):
        nodes += [getattr(node, name, None) for name in ("annotation", "returns")]
        nodes += getattr(node, "decorator_list", [])
    found: set[tuple[int, int]] = set()
    lines = text.splitlines()
    for node in filter(None, nodes):
        for line in range(node.lineno, node.end_lineno + 1):
            first = node.col_offset if line == node.lineno else 0
            last = node.end_col_offset if line == node.end_lineno else len(lines[line - 1])
            found |= {(line, column) for column in range(first, last)}
    for number, line in enumerate(lines, 1):
        found |= {
            (number, m.start(1)) for m in re.finditer(r"(?:^\s*|[(,] ?)(\*{1,2})(?=,|\w)", line)
        }
    return found


def _c_tokens(text: str) -> Iterator[tuple[int, int, str]]:
    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found.group())

    skipped = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|^\s*#[^\n]*'
    code = re.sub(skipped, blank, text, flags=re.S | re.M)
    pattern = r"\w+|->|[<>=!+*/&|-]=|<<=?|>>=?|&&|\|\||\+\+|--|\S"
    for line, words in enumerate(code.splitlines(), 1):
        for found in re.finditer(pattern, words):
            pointer = found.group() == "*" and words[found.end() : found.end() + 1] != " "
            if not pointer:
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
    parser.add_argument("--first", type=int, default=1, help="number of the first one to make")
    parser.add_argument("--seconds", type=int, default=900, help="for the tests of one change")
    arguments = parser.parse_args()
    rooms = arguments.rooms or ["ops", "program", "codegen", "espdl", "debug", "files", "runtime/c"]
    if unknown := {*rooms} - {*TESTS}:
        parser.error(f"no such room: {', '.join(sorted(unknown))}")
    lived, slow, made = 0, 0, 0
    with Tree() as tree:
        for number, (room, change) in enumerate(_chosen(rooms, arguments.seed, tree.path), 1):
            if number < arguments.first:
                continue
            if number >= arguments.first + arguments.changes:
                break
            found = tree.outcome(change, TESTS[room], arguments.seconds)
            made += 1
            lived += found == LIVED
            slow += found == UNDECIDED
            print(f"{number:4} {found:9} {change}", flush=True)
    noticed = made - lived - slow
    print(f"seed {arguments.seed}: {made} made, {noticed} noticed, {lived} lived, {slow} undecided")
    return 1 if lived else 0


def _chosen(rooms: Sequence[str], seed: int, root: Path = ROOT) -> Iterator[tuple[str, Change]]:
    """Changes without end, the same for one seed."""
    source = random.Random(seed)
    files = {room: _files(room, root) for room in rooms}
    while True:
        room = source.choice(rooms)
        if found := changes_of(source.choice(files[room]), root):
            yield room, source.choice(found)


def _files(room: str, root: Path = ROOT) -> list[Path]:
    folder = root / "tvm_espdl" / room
    found = sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".c", ".h"))
    return [p.relative_to(root) for p in found if p.name != "__init__.py"]


class Tree:
    """A copy of the sources in which one change at a time is made, tested and taken back."""

    def __init__(self, root: Path = ROOT) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="tvm_espdl_mutant_")
        self.path = Path(self._scratch.name) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "build", "*.egg-info")
        shutil.copytree(root, self.path, ignore=ignored)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def outcome(self, change: Change, tests: Sequence[str], seconds: int) -> str:
        """`noticed`, `LIVED`, or `undecided` where the tests did not end in time."""
        whole = (self.path / change.path).read_text()
        ordered = _ordered(change.path, tests, self.path)
        change.apply(self.path)
        try:
            self._forget_compiled(change.path)
            first, others = ordered[:FIRST_FILES], ordered[FIRST_FILES:]
            found = self._tested(first, seconds)
            return self._tested(others, seconds) if found == LIVED and others else found
        finally:
            (self.path / change.path).write_text(whole)
            self._forget_compiled(change.path)

    def _forget_compiled(self, path: Path) -> None:
        """Python compares sizes and whole seconds only."""
        for compiled in (self.path / path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def _tested(self, tests: Sequence[str], seconds: int) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(self.path), "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            command,
            cwd=self.path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return LIVED if process.wait(seconds) == 0 else NOTICED
            except subprocess.TimeoutExpired:
                return UNDECIDED
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # compilers and emulators of its own


def _ordered(path: Path, tests: Sequence[str], tree: Path) -> list[str]:
    """The files of tests, those first that say most of a changed file: module, names, stem."""
    stem = path.stem.removeprefix("espdl_")
    module = rf"\b{path.parent.name}\.{stem}\b|\b{path.parent.name} import [^\n]*\b{stem}\b"
    names = [stem]
    if path.suffix == ".py":
        top = ast.parse((tree / path).read_text()).body
        made = [node.name for node in top if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        names += [name for name in made if not name.startswith("_")]
    pattern = rf"\b(?:{'|'.join(map(re.escape, names))})\b"
    ranked = []
    for rank, folder in enumerate(tests):
        for file in (tree / folder).rglob("test_*.py"):
            text = f"{file.name}\n{file.read_text()}"
            imports, mentions = (len(re.findall(words, text)) for words in (module, pattern))
            about = stem in file.stem
            known = (not about, not imports, not mentions, rank, -mentions / len(text))
            ranked.append((known, str(file.relative_to(tree))))
    return [file for _, file in sorted(ranked)]


if __name__ == "__main__":
    sys.exit(main())
