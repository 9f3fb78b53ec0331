"""`tvm.contrib.debugger.debug_executor`, as scripts of the old flow know it: all tensors of a run.

Nodes are called as the model's tensors are, not as TVM's fused functions once were.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..ops.base.rounding import Array
from ..program.graph_json import graph_of
from .debug_dump import remove_dump, write_dump
from .graph_executor import GraphModule, given, session_of

#: How TVM's fused functions begin, by which the published guide calls nodes.
_OLD_NAMES = ("tvmgen_", "fused_")
#: Names that an error lists.
_MOST_LISTED = 20


class GraphModuleDebug(GraphModule):
    """A `GraphModule` that keeps every intermediate tensor of a run.

    Parameters
    ----------
    module : Session
        As `lib["debug_create"]("default", device)` returns it.
    device : list, optional
        Not used; it is the CPU.
    graph_json_str : str, optional
        Not used: it is the library's own `graph_json`.
    dump_root : str, optional
        A folder for `_tvmdbg_graph_dump.json`, with the name, operator, shape and dtype of every
        node; each run adds `output_tensors.params`, as TVM's debugger writes it, and `<name>.npy`
        for each tensor. An earlier dump in it is replaced.

    Raises
    ------
    OutputError
        If the folder holds something else than a dump, or cannot be written.
    """

    def __init__(
        self,
        module: Any,
        device: Any = None,
        graph_json_str: str = "",
        dump_root: str | None = None,
    ) -> None:
        del device, graph_json_str
        super().__init__(module)
        self.dump_root = dump_root
        self.intermediates: dict[str, Array] = {}
        self.graph = graph_of(self.library.program)
        self._dump()

    def _dump(self) -> None:
        if self.dump_root is not None:
            write_dump(Path(self.dump_root), self.graph, self._entries(), self.intermediates)

    def _entries(self) -> list[tuple[str, ...]]:
        """The results of each node."""
        program = self.library.program
        entering = (*program.inputs, *(s.value for s in program.states), *program.constants)
        return [*((name,) for name in entering), *(step.outputs for step in program.steps)]

    def run(self, **inputs: Any) -> None:
        """Run the network and keep, and dump, all of its tensors.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes.
        OutputError
            If the dump cannot be written.
        """
        self.set_input(**inputs)
        self.intermediates = self.library.observe(self._inputs) | dict(
            self.library.program.constants
        )
        super().run()
        self._dump()

    def debug_get_output(self, node: str | int, out: Any = None) -> Any:
        """A tensor of the last run, by its name in the model or its node's number in the graph.

        Parameters
        ----------
        node : str or int
            Which; the number stands for the first result of its node.
        out : tvm.runtime.Tensor, optional
            Where to copy it.

        Raises
        ------
        DataError
            Before the first run; if there is no such tensor; if `out` is of another shape or type.
        """
        entries = self._entries()
        if isinstance(node, int) and 0 <= node < len(entries):
            node = entries[node][0]
        if not self.intermediates:
            raise DataError("nothing was run yet", where="debug_get_output", try_="run() first")
        if not isinstance(node, str) or node not in self.intermediates:
            raise self._unknown(node)
        array = self.intermediates[node]
        if out is not None and (tuple(out.shape), str(out.dtype)) != (
            array.shape,
            str(array.dtype),
        ):
            raise DataError(
                "the array for it is of another type",
                where=f"debug_get_output({node!r})",
                found=f"{out.dtype} of shape {tuple(out.shape)}",
                allowed=f"{array.dtype} of shape {array.shape}",
            )
        return given(array, out)

    def _unknown(self, node: object) -> DataError:
        names = list(self.intermediates)
        shown = ", ".join(names[:_MOST_LISTED])
        more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
        if not str(node).startswith(_OLD_NAMES):
            return DataError("no such tensor", found=node, allowed=shown + more)
        steps = self.library.program.steps
        layers = [step.outputs[0] for step in steps if "conv" in step.operator.name]
        layers = layers or [step.outputs[0] for step in steps]
        return DataError(
            "TVM's fused functions have no names here: a tensor is called as in the model",
            found=node,
            allowed=shown + more,
            try_=f"debug_get_output({layers[0]!r}), of the first layer, or another name of "
            "_tvmdbg_graph_dump.json"
            if layers
            else "a name of _tvmdbg_graph_dump.json",
        )

    def run_individual(self, number: int, repeat: int = 1, min_repeat_ms: float = 0) -> list[float]:
        """Seconds of each node on this PC, in the order of the graph: 0 for what enters.

        Parameters
        ----------
        number, repeat : int
            The best of so many means of so many runs; states do not advance.
        min_repeat_ms : float
            Least time of all runs of a repetition together.

        Raises
        ------
        DataError
            For inputs that were not set.
        """
        arrays, program = self.library.feed(self._inputs), self.library.program
        states = [
            np.zeros(program.values[s.value].shape, program.values[s.value].dtype)
            for s in program.states
        ]
        best = np.full(len(program.steps), np.inf)
        for _ in range(max(1, repeat)):
            total, count = np.zeros(len(program.steps)), 0
            while count < max(1, number) or 1e3 * total.sum() < min_repeat_ms:
                total += self._seconds(arrays, states)
                count += 1
            best = np.minimum(best, total / count)
        entering = len(self._entries()) - len(program.steps)
        return [0.0] * entering + [float(seconds) for seconds in best]

    def _seconds(self, arrays: list[Array], states: list[Array]) -> Array:
        """Of each step in one run."""
        steps = self.library.program.steps
        number = {name: n for n, step in enumerate(steps) for name in step.outputs}
        seconds = np.zeros(len(steps))
        last = time.perf_counter()

        def watch(name: str, array: Array) -> None:
            nonlocal last
            del array
            now = time.perf_counter()
            seconds[number[name]] += now - last
            last = time.perf_counter()

        self.library.executor.run(arrays, states, watch)
        return seconds

    def exit(self) -> None:
        """Remove what was dumped, and the folder where nothing else is in it."""
        if self.dump_root is not None:
            remove_dump(Path(self.dump_root))


def create(
    graph_json_str: Any, libmod: Any, device: Any, dump_root: str | None = None
) -> GraphModuleDebug:
    """The old way to a `GraphModuleDebug`: of what `relay.build` returns, or of its session.

    Raises
    ------
    DataError
        For anything else.
    """
    del graph_json_str
    return GraphModuleDebug(session_of(libmod, device), device, dump_root=dump_root)
