"""Who imports whom inside the package: read from the sources by `ast`, nothing is run.

Imports inside functions and those for types only count as much as those at the top of a file. A
name that a package lends (`from ..ops import Operator`) is followed to the file that defines it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: Names that the package lends to TVM, and the module that stands behind each.
LENT = {
    "tvm.relay": "relay",
    "tvm.nd": "legacy",
    "tvm.contrib.graph_executor": "legacy",
    "tvm.contrib.debugger": "legacy",
}

#: What reads a module by its name.
IMPORTERS = {"import_module", "__import__", "importlib.import_module", "builtins.__import__"}
#: By which a file can reach another one without saying which; `importlib` with all but what it
#: knows of installed packages.
MACHINERY = IMPORTERS | {
    *("importlib", "runpy", "pydoc", "imp", "sys.modules", "pkgutil.resolve_name"),
    *("exec", "eval", "builtins.exec", "builtins.eval"),
}
HARMLESS = ("importlib.metadata", "importlib.resources")

#: By the identity of an expression: the expression, and its absolute dotted name.
_Names = dict[int, tuple[ast.expr, str]]


@dataclass(frozen=True, order=True)
class Arrow:
    """One import of one file of the package by another.

    Attributes
    ----------
    importer, imported : str
        Dotted names below the package, `ops.conv2d` or `ops` for its `__init__`; the package's
        own `__init__` is the empty name.
    line : int
        Where it stands in the importer's file.
    """

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer or '__init__'}:{self.line} imports {self.imported or '__init__'}"


@dataclass(frozen=True, eq=False)
class ImportGraph:
    """The files of a package and the imports between them.

    Attributes
    ----------
    package : str
        Name of the package.
    sources : dict of str to str
        Path of each file below the package's folder, such as `ops/conv2d.py`, and its text.
    """

    package: str
    sources: Mapping[str, str]
    trees: dict[str, ast.Module] = field(init=False, repr=False)
    paths: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        paths = {_module_of(path): path for path in sorted(self.sources)}
        trees = {name: ast.parse(self.sources[path], path) for name, path in paths.items()}
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "trees", trees)

    @cached_property
    def arrows(self) -> tuple[Arrow, ...]:
        """Every import of one file by another, in the order of names and lines, each once."""
        found = {
            Arrow(module, target, line)
            for module in self.trees
            for line, written in self._written(module)
            for target in self._files_of(written)
            if target != module
        }
        return tuple(sorted(found))

    @cached_property
    def foreign(self) -> dict[str, dict[str, int]]:
        """Per file the top names it imports from elsewhere, each with its first line."""
        found: dict[str, dict[str, int]] = {}
        for module in self.trees:
            names = found.setdefault(module, {})
            for line, written in sorted(self._written(module)):
                top = written.split(".")[0]
                if top != self.package:
                    names.setdefault(top, line)
        return found

    def lines(self, module: str) -> int:
        """Number of lines of a file."""
        return self.sources[self.paths[module]].count("\n")

    def is_package(self, module: str) -> bool:
        """Whether a name stands for the `__init__` of a folder."""
        return Path(self.paths[module]).name == "__init__.py"

    def circles(self) -> list[list[str]]:
        """Groups of files that reach each other: empty when data flows one way."""
        return [sorted(group) for group in _components(self.below) if len(group) > 1]

    @cached_property
    def below(self) -> dict[str, set[str]]:
        """Per file those that it imports."""
        found: dict[str, set[str]] = {name: set() for name in self.trees}
        for arrow in self.arrows:
            found[arrow.importer].add(arrow.imported)
        return found

    def reached(self, start: str, without: frozenset[str] = frozenset()) -> set[str]:
        """The files that a file needs, itself and lazy imports included.

        Parameters
        ----------
        without : frozenset of str
            Files that no way leads through.
        """
        found, waiting = {start}, [start]
        while waiting:
            fresh = self.below[waiting.pop()] - found - without
            found |= fresh
            waiting += sorted(fresh)
        return found

    def computed(self) -> list[tuple[str, int]]:
        """File and line of everything that imports, or could, without a written name."""
        found = []
        for module, tree in self.trees.items():
            names = self._names[module]
            calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
            read = {id(call.func) for call in calls if _literal(call, names)}
            found += [
                (module, node.lineno)
                for node, name in names.values()
                if _is_machinery(name) and id(node) not in read
            ]
        return found

    @cached_property
    def _names(self) -> dict[str, _Names]:
        """Per file each name that is read, with all its dots."""
        return {module: _dotted(tree, self._bound(module)) for module, tree in self.trees.items()}

    def _bound(self, module: str) -> dict[str, str]:
        """The names that a file's imports bind, and the absolute dotted name of each."""
        names = {}
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(module, node)
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{origin}.{alias.name}"
        return names

    def _origin(self, module: str, node: ast.ImportFrom) -> str:
        """The absolute name of what names are imported from."""
        folder = self._folder(module)
        above = folder[: len(folder) - node.level + 1] if node.level else ()
        return ".".join((*above, *filter(None, (node.module,))))

    def _written(self, module: str) -> Iterator[tuple[int, str]]:
        """Line and absolute dotted name of everything that a file imports, or reaches by dots."""
        folder, names = self._folder(module), self._names[module]
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(module, node)
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Call) and (name := _literal(node, names)):
                dots = len(name) - len(name.lstrip("."))
                above = folder[: len(folder) - dots + 1] if dots else ()
                yield node.lineno, ".".join((*above, name.lstrip(".")))
        # `import tvm_espdl.ops` also gives `tvm_espdl.relay`, and `import tvm` gives `tvm.relay`.
        yield from (
            (node.lineno, name)
            for node, name in names.values()
            if name.startswith(f"{self.package}.") or _begins(name, LENT)
        )

    def _folder(self, module: str) -> tuple[str, ...]:
        parts = (self.package, *filter(None, module.split(".")))
        return parts if self.is_package(module) else parts[:-1]

    def _files_of(self, written: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """The files that a dotted name loads: the one it names, and the origin of a lent name."""
        for lent, module in LENT.items():
            if written == lent or written.startswith(f"{lent}."):
                written = f"{self.package}.{module}{written[len(lent) :]}"
        parts = written.split(".")
        if parts[0] != self.package:
            return
        for length in range(len(parts), 0, -1):
            module = ".".join(parts[1:length])
            if module in self.trees:
                yield module
                if length < len(parts) and self.is_package(module) and module not in seen:
                    origin = self._lent[module].get(parts[length], "")
                    yield from self._files_of(origin, seen | {module})
                return

    @cached_property
    def _lent(self) -> dict[str, dict[str, str]]:
        """Per folder the names that its `__init__` imports, and where each comes from."""
        found: dict[str, dict[str, str]] = {}
        for module in filter(self.is_package, self.trees):
            names = found.setdefault(module, {})
            folder = self._folder(module)
            for node in ast.walk(self.trees[module]):
                if isinstance(node, ast.ImportFrom):
                    base = folder[: len(folder) - node.level + 1] if node.level else ()
                    for alias in node.names:
                        whole = (*base, *filter(None, (node.module,)), alias.name)
                        names[alias.asname or alias.name] = ".".join(whole)
        return found


def read_package(folder: Path) -> ImportGraph:
    """The graph of the package in a folder."""
    files = {file.relative_to(folder).as_posix(): file.read_text() for file in _python(folder)}
    return ImportGraph(folder.name, files)


def _python(folder: Path) -> Iterable[Path]:
    return sorted(file for file in folder.rglob("*.py") if "__pycache__" not in file.parts)


def _module_of(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _dotted(tree: ast.AST, bound: Mapping[str, str]) -> _Names:
    """Each name that is read, with all its dots, and what it stands for by a file's imports."""
    found: _Names = {}
    inner: set[int] = set()
    for node in ast.walk(tree):  # What is outside comes first.
        parts: list[str] = []
        root = node
        while isinstance(root, ast.Attribute):
            parts.append(root.attr)
            root = root.value
            inner.add(id(root))
        if id(node) not in inner and isinstance(node, ast.expr) and isinstance(root, ast.Name):
            name = ".".join((bound.get(root.id, root.id), *reversed(parts)))
            found[id(node)] = node, name
    return found


def _begins(name: str, with_one_of: Collection[str]) -> bool:
    """Whether a dotted name is one of some, or lies below it."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in with_one_of for length in range(1, len(parts) + 1))


def _is_machinery(name: str) -> bool:
    return _begins(name, MACHINERY) and not _begins(name, HARMLESS)


def _literal(call: ast.Call, names: _Names) -> str:
    """The written name of a module that a call imports, empty where it does not say it whole."""
    _, function = names.get(id(call.func), (call, ""))
    if function not in IMPORTERS or not call.args or call.keywords:
        return ""
    given, anchor = call.args[0], [getattr(argument, "id", "") for argument in call.args[1:]]
    written = given.value if isinstance(given, ast.Constant) else ""
    return written if isinstance(written, str) and anchor in ([], ["__package__"]) else ""


def _components(below: Mapping[str, set[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan), without recursion over deep graphs."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    found: list[list[str]] = []
    for root in sorted(below):
        if root in order:
            continue
        work = [(root, iter(sorted(below[root])))]
        order[root] = lowest[root] = len(order)
        path.append(root)
        on_path.add(root)
        while work:
            name, rest = work[-1]
            fresh = next((other for other in rest if other not in order or other in on_path), None)
            if fresh is None:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[name])
                if lowest[name] == order[name]:
                    group = path[path.index(name) :]
                    del path[path.index(name) :]
                    on_path -= set(group)
                    found.append(group)
            elif fresh in order:
                lowest[name] = min(lowest[name], order[fresh])
            else:
                order[fresh] = lowest[fresh] = len(order)
                path.append(fresh)
                on_path.add(fresh)
                work.append((fresh, iter(sorted(below[fresh]))))
    return found
