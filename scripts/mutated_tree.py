"""A copy of the sources in which one token at a time is changed, tested and put back."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forked_pytest import FAILED, LATE, PASSED

ROOT = Path(__file__).parents[1]

NOTICED, LIVED, UNDECIDED = "noticed", "LIVED", "undecided"

#: Slow to import, and none of it changes with a tree; no plugins of pytest, which it has to load.
LIBRARIES = ("numpy", "onnx", "onnxruntime", "jinja2", "tvm", "tvm.relax", "pytest")
#: Of tests that fail without any change; where more do, it is the tree that is broken.
MOST_BROKEN = 20

#: Files of tests that are run before all others are even collected, in turns.
FIRST_FILES = (1, 4)
#: Names of operators above which a file is about all of them.
MOST_NAMES = 4
#: Seconds and times its usual ones after which a test that ends no more has noticed.
_HANGS, _TIMES = 20.0, 5.0


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


@dataclass
class Known:
    """What trees learn about tests: which pass unchanged, and which noticed a file before."""

    sound: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    noticers: dict[Path, set[str]] = field(default_factory=dict)


class Tree:
    """A copy of the sources, and a process that runs its tests.

    Trees of several threads may share what they know.
    """

    def __init__(
        self,
        root: Path = ROOT,
        known: Known | None = None,
        libraries: Sequence[str] = LIBRARIES,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="tvm_espdl_mutant_")
        self.path = Path(self._scratch.name) / "tree"
        self._apart = Path(self._scratch.name) / "apart"
        self._known = known or Known()
        ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "build", "*.egg-info")
        shutil.copytree(root, self.path, ignore=ignored)
        server = [sys.executable, str(ROOT / "scripts" / "forked_pytest.py"), *libraries]
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(server, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        with self._server:
            self._server.stdin.close()
        self._scratch.cleanup()

    def outcome(self, change: Change, tests: Sequence[str], seconds: float) -> str:
        """`noticed`, `LIVED`, or `undecided` where the tests did not end in time.

        It is noticed where a test fails, or ends no more, that passes without the change.
        """
        left = seconds
        for turn in self._turns(change.path, tests):
            found = self._tested_soundly(change, turn, left)
            left -= found["spent"]
            if found["outcome"] == FAILED:
                self._known.noticers.setdefault(change.path, set()).add(_file(found["test"]))
                return NOTICED
            if found["outcome"] == LATE:
                return NOTICED if self._hangs(found) else UNDECIDED
        return LIVED

    def _tested_soundly(self, change: Change, turn: list[str], seconds: float) -> dict[str, Any]:
        """What becomes of the tests of a turn, but for those that fail without the change."""
        while files := [word for word in turn if word not in self._known.broken]:
            if files[0] == "-k":
                break
            if seconds <= 0:
                return {"outcome": LATE, "test": "", "running": 0, "spent": 0}
            found = self._tested(change, files, seconds)
            if found["outcome"] != FAILED:
                return found
            found["test"] = found["test"] or files[0]
            if self._passes_unchanged(found["test"]):
                return found
        return {"outcome": PASSED, "spent": 0}

    def _turns(self, path: Path, tests: Sequence[str]) -> Iterator[list[str]]:
        """Arguments of pytest, one list after the other, what is most likely to notice first."""
        ordered = _ordered(path, tests, self.path)
        before = self._known.noticers.get(path, set())
        ordered.sort(key=lambda file: file not in before)
        of_host = path.suffix == ".py"  # a program of C has all operators in one test
        if of_host and 0 < len(names := _operators(path, self.path)) <= MOST_NAMES:
            yield [*ordered, "-k", " or ".join(sorted(names))]
        for count in FIRST_FILES:
            if first := ordered[:count]:
                yield first
            ordered = ordered[count:]
        if ordered:
            yield ordered

    def _tested(self, change: Change, arguments: Sequence[str], seconds: float) -> dict[str, Any]:
        whole = (self.path / change.path).read_text()
        change.apply(self.path)
        try:
            self._forget_compiled(change.path)
            return self._run(arguments, seconds)
        finally:
            (self.path / change.path).write_text(whole)
            self._forget_compiled(change.path)

    def _passes_unchanged(self, test: str) -> bool:
        """Whether the test passes where nothing is changed; one that does not is left out.

        A file is one that could not be collected.
        """
        known = self._known
        if test not in known.sound | known.broken:
            how = [test] if "::" in test else [test, "--collect-only"]
            passes = self._run(how, 600)["outcome"] == PASSED
            (known.sound if passes else known.broken).add(test)
            if len(known.broken) > MOST_BROKEN:
                raise SystemExit(f"these fail without any change: {' '.join(sorted(known.broken))}")
        return test in known.sound

    def _hangs(self, found: dict[str, Any]) -> bool:
        """Whether the test that ran until the end of the time is a quick one without the change."""
        running = found["running"]
        if running < _HANGS or not found["test"]:
            return False
        return bool(self._run([found["test"]], running / _TIMES)["outcome"] == PASSED)

    def _run(self, arguments: Sequence[str], seconds: float) -> dict[str, Any]:
        shutil.rmtree(self._apart, ignore_errors=True)
        self._apart.mkdir()
        broken = sorted(self._known.broken)
        left_out = [f"--deselect={test}" for test in broken if "::" in test]
        request = {
            "tree": str(self.path),
            "arguments": [*arguments, *left_out],
            "seconds": seconds,
            "apart": str(self._apart),
        }
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def _forget_compiled(self, path: Path) -> None:
        """Python compares sizes and whole seconds only."""
        for compiled in (self.path / path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


def _file(test: str) -> str:
    return test.partition("::")[0]


def _operators(path: Path, tree: Path) -> set[str]:
    """Names of the operators that a file is about, as tests are called after them."""
    known = {p.stem for p in (tree / "tvm_espdl" / "ops").glob("*.py") if p.stem[0] != "_"}
    stems = {path.stem}
    if path.parent.name == "base":
        stems = set(re.findall(r"\b[a-z]\w+", " ".join(_importing(tree / path))))
    return stems & known


def _importing(base: Path) -> list[str]:
    """Stems of the operators' files that import a class of a file of their bases."""
    classes = re.findall(r"^class (\w+)", base.read_text(), re.M)
    pattern = rf"\b(?:{'|'.join(classes)})\b" if classes else r"(?!)"
    files = base.parent.parent.glob("*.py")
    return [file.stem for file in files if re.search(pattern, file.read_text())]


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
            order = (not about, not imports, not mentions, rank, -mentions / len(text))
            first = 0 if path.suffix == ".py" else rank
            ranked.append(((first, *order), str(file.relative_to(tree))))
    return [*dict.fromkeys(file for _, file in sorted(ranked))]
