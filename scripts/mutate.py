"""Changes one token of the code at a time and looks whether a test notices.

    python scripts/mutate.py [--changes 20] [--seed 1] [--first 1] [--seconds 300] [ROOM ...]

Rooms are folders of `tvm_espdl`, by default those whose faults would be wrong bits. Each change is
made in a copy of the tree; the tests of its room run until one fails that passes without it, those
first whose names or texts have most to do with the changed file. What lives is printed with its
place: it gets a test, or goes, or changes nothing that counts. Status 1 where something lived. The
changes of a seed are the same whichever of them are made: `--first 101` goes on behind the first
hundred.
"""

from __future__ import annotations

import argparse
import ast
import io
import random
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

from mutated_tree import LIVED, NOTICED, ROOT, UNDECIDED, Change, Known, Tree

#: Which tests are to notice changes of a room.
TESTS = {
    "ops": ("tests/ops", "tests/selftest", "tests/runtime/host", "tests/runtime/c", "tests/relay"),
    "program": ("tests/program", "tests/codegen", "tests/cli"),
    "codegen": ("tests/codegen", "tests/program"),
    "espdl": ("tests/espdl",),
    "debug": ("tests/debug", "tests/cli"),
    "files": ("tests/files", "tests/debug", "tests/estimate", "tests/cli"),
    "runtime/c": ("tests/runtime/c", "tests/runtime"),
    "quantize": ("tests/quantize",),
    "onnx_graphs": ("tests/onnx_graphs", "tests/preprocess"),
    "runtime/host": ("tests/runtime",),
    "estimate": ("tests/estimate", "tests/cli"),
    "relay": ("tests/relay", "tests/onnx_graphs", "tests/espdl"),
}

_OPERATORS = {
    "+": "-", "-": "+", "*": "+", "//": "*", "%": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
    "==": "!=", "!=": "==", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "&&": "||", "||": "&&",
}  # fmt: skip
_NAMES = {
    "and": "or", "or": "and", "True": "False", "False": "True", "min": "max", "max": "min",
    "any": "all", "all": "any", "not": "", "is": "is not", "break": "continue",
}  # fmt: skip


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
    parser.add_argument(
        "--seconds", type=float, default=900, help="of processors, for the tests of one change"
    )
    parser.add_argument("--jobs", type=int, default=1, help="copies of the tree that work at once")
    arguments = parser.parse_args()
    rooms = arguments.rooms or ["ops", "program", "codegen", "espdl", "debug", "files", "runtime/c"]
    if unknown := {*rooms} - {*TESTS}:
        parser.error(f"no such room: {', '.join(sorted(unknown))}")
    counts = {outcome: 0 for outcome in (NOTICED, LIVED, UNDECIDED)}
    begin = arguments.first - 1
    chosen = islice(_chosen(rooms, arguments.seed), begin, begin + arguments.changes)
    with ExitStack() as stack, ThreadPoolExecutor(arguments.jobs) as pool:
        free: SimpleQueue[Tree] = SimpleQueue()
        known = Known()
        for _ in range(arguments.jobs):
            free.put(stack.enter_context(Tree(known=known)))

        def outcome(made: tuple[str, Change]) -> tuple[Change, str]:
            tree = free.get()
            try:
                return made[1], tree.outcome(made[1], TESTS[made[0]], arguments.seconds)
            finally:
                free.put(tree)

        for number, (change, found) in enumerate(pool.map(outcome, chosen), arguments.first):
            counts[found] += 1
            print(f"{number:4} {found:9} {change}", flush=True)
        for test in sorted(known.broken):
            print(f"left out, for it fails without any change: {test}")
    told = ", ".join(f"{count} {outcome.lower()}" for outcome, count in counts.items())
    print(f"seed {arguments.seed}: {sum(counts.values())} made, {told}")
    return 1 if counts[LIVED] else 0


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


if __name__ == "__main__":
    sys.exit(main())
