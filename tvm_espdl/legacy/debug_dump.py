"""The folder that TVM's debugger writes: the graph, and every node's results."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tvm

from ..errors import OutputError
from ..files.array_files import npy
from ..files.dump_names import file_stem
from ..files.output_files import write_folder
from ..ops.base.rounding import Array

GRAPH = "_tvmdbg_graph_dump.json"
TENSORS = "output_tensors.params"


def write_dump(
    folder: Path,
    graph: Mapping[str, Any],
    entries: Sequence[Sequence[str]],
    tensors: Mapping[str, Array],
) -> None:
    """Write the folder whole, in the place of an earlier dump.

    Parameters
    ----------
    graph : mapping
        As `graph_of` gives it.
    entries : sequence of sequence of str
        The tensors of each of its nodes.
    tensors : mapping of str to numpy.ndarray
        Those that are known; none before the first run.

    Raises
    ------
    OutputError
        If something else is in the folder, or it cannot be written.
    """
    _check(folder)
    files: dict[Path, bytes | Path] = {Path(GRAPH): _graph(graph, entries).encode()}
    if tensors:
        files[Path(TENSORS)] = _params(entries, tensors)
        files |= {Path(f"{file_stem(name)}.npy"): npy(array) for name, array in tensors.items()}
    remove_dump(folder)
    write_folder(folder, files)


def _graph(graph: Mapping[str, Any], entries: Sequence[Sequence[str]]) -> str:
    """The graph with types in its nodes and inputs by name, as TVM's debugger has it.

    `results` is ours: the tensors of each node, whose files lie beside it.
    """
    shown = copy.deepcopy(dict(graph)) | {"results": [list(names) for names in entries]}
    names = [node["name"] for node in graph["nodes"]]
    for number, node in enumerate(shown["nodes"]):
        entry = graph["node_row_ptr"][number]
        attributes = node.setdefault("attrs", {})
        node["op"] = attributes.get("func_name", "param")
        attributes["T"] = f"type: {graph['attrs']['dltype'][1][entry]}"
        node["inputs"] = [names[place] for place, *_ in node["inputs"]]
        node["shape"] = graph["attrs"]["shape"][1][entry]
    return json.dumps(shown, indent=4)


def _params(entries: Sequence[Sequence[str]], tensors: Mapping[str, Array]) -> bytes:
    """Every node's results under the keys of TVM's debugger."""
    named = {
        f"{results[0]}____topo-index:{number}____output-num:{index}": tensors[name]
        for number, results in enumerate(entries)
        for index, name in enumerate(results)
    }
    return bytes(
        tvm.runtime.save_param_dict({key: tvm.runtime.tensor(a) for key, a in named.items()})
    )


def _is_dump(folder: Path) -> bool:
    """Whether there is nothing but a dump of ours in it."""
    try:
        results = json.loads((folder / GRAPH).read_bytes())["results"]
        own = {f"{file_stem(name)}.npy" for names in results for name in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return {entry.name for entry in folder.iterdir()} <= {GRAPH, TENSORS, *own}


def _check(folder: Path) -> None:
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not _is_dump(folder))
    ):
        raise OutputError(
            "the folder for the dump holds something else",
            where=str(folder),
            allowed="a new or empty folder, or an earlier dump",
        )


def remove_dump(folder: Path) -> None:
    """Remove a dump with its folder; leave anything else alone."""
    if folder.is_dir() and _is_dump(folder):
        shutil.rmtree(folder)
