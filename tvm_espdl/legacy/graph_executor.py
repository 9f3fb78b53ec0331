"""`tvm.contrib.graph_executor`, as scripts of the old flow know it.

A thin face over `Library`: inputs are set one by one, then run, then read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm

from ..errors import DataError
from ..library import Library, Session
from ..ops.base.rounding import Array
from ..runtime.feeding import as_array


@dataclass(frozen=True)
class BenchmarkResult:
    """Seconds of runs on this PC: the mean of each repetition, and figures of these."""

    results: tuple[float, ...]

    mean = property(lambda self: float(np.mean(self.results)))
    median = property(lambda self: float(np.median(self.results)))
    min = property(lambda self: float(np.min(self.results)))
    max = property(lambda self: float(np.max(self.results)))
    std = property(lambda self: float(np.std(self.results)))

    def __str__(self) -> str:
        names = ("mean", "median", "max", "min", "std")
        figures = (f"{name} {1e3 * getattr(self, name):.4f}" for name in names)
        return f"milliseconds on this PC: {', '.join(figures)}"


class GraphModule:
    """Runs a library step by step: `set_input`, `run`, `get_output`.

    States belong to the library: all modules of one library share them.

    Parameters
    ----------
    module : Session
        As `lib["default"](device)` returns it.
    """

    def __init__(self, module: Session) -> None:
        self.library = session_of(module, None).library
        self._inputs: dict[str, Any] = {}
        self._outputs: list[Array] | None = None

    def set_input(self, key: str | int | None = None, value: Any = None, **params: Any) -> None:
        """Set one input by name or position, or several by keyword.

        Raises
        ------
        DataError
            If there is no such input.
        """
        given = params if key is None else {**params, self._name(key): value}
        self._inputs.update((self._name(name), array) for name, array in given.items())

    def _name(self, key: str | int) -> str:
        return self.library.input_names[_index(key, self.library.input_names, "input")]

    def run(self, **inputs: Any) -> None:
        """Run the network on what was set.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes.
        """
        self.set_input(**inputs)
        self._outputs = self.library.run(self._inputs)

    def set_input_zero_copy(self, key: str | int, value: Any = None, **params: Any) -> None:
        """As `set_input`; the array is read when the network runs."""
        self.set_input(key, value, **params)

    def get_input_index(self, name: str) -> int:
        """The position of an input; -1 where there is none of that name."""
        names = self.library.input_names
        return names.index(name) if name in names else -1

    def get_output_index(self, name: str) -> int:
        """The position of an output; -1 where there is none of that name."""
        names = self.library.output_names
        return names.index(name) if name in names else -1

    def get_input_info(self) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
        """Shapes and dtypes of the inputs, by name."""
        values, names = self.library.program.values, self.library.program.inputs
        tensors = dict(zip(self.library.input_names, (values[n] for n in names), strict=True))
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        return shapes, {name: str(tensor.dtype) for name, tensor in tensors.items()}

    def benchmark(
        self,
        device: Any,
        func_name: str = "run",
        repeat: int = 5,
        number: int = 5,
        min_repeat_ms: float | None = None,
        **options: Any,
    ) -> BenchmarkResult:
        """How long a run takes on this PC: for the chip's time, `tvm-espdl evaluate`.

        Parameters
        ----------
        device
            Not used: it is the CPU.
        func_name : str
            Only `run`.
        repeat, number : int
            So many times the mean of so many runs, on what was set.
        min_repeat_ms : float, optional
            Least time of a repetition; the number of runs grows to reach it.
        **options
            Those of the old interface, `end_to_end` and others, which are not used here.

        Raises
        ------
        DataError
            For another function, or inputs that were not set.
        """
        del device, options
        if func_name != "run":
            raise DataError("no such function", where="benchmark", found=func_name, allowed="run")
        arrays = self.library.feed(self._inputs)
        self.library.first_run(arrays)
        results = []
        for _ in range(repeat):
            count, elapsed = 0, 0.0
            while count < number or 1e3 * elapsed < (min_repeat_ms or 0.0):
                begin = time.perf_counter()
                self.library.first_run(arrays)
                elapsed += time.perf_counter() - begin
                count += 1
            results.append(elapsed / count)
        return BenchmarkResult(tuple(results))

    def load_params(self, params_bytes: Any) -> None:
        """Not needed: weights are constants of the library. Bytes of any length are left alone."""
        del params_bytes

    def share_params(self, other: Any, params_bytes: Any) -> None:
        """As `load_params`."""
        del other, params_bytes

    def debug_get_output(self, node: Any, out: Any = None) -> Any:
        """Only the debugging executor keeps tensors.

        Raises
        ------
        DataError
            Always.
        """
        del out
        raise DataError(
            "this executor keeps outputs only",
            where="debug_get_output",
            found=node,
            try_="tvm.contrib.debugger.debug_executor, or lib.run_with_intermediates(x)",
        )

    def __getitem__(self, key: str) -> Any:
        """A function of the old interface by its name.

        Raises
        ------
        DataError
            If there is none of that name.
        """
        if key not in _FUNCTIONS:
            raise DataError("no such function", found=repr(key), allowed=", ".join(_FUNCTIONS))
        return getattr(self, key)

    def get_num_inputs(self) -> int:
        """Number of inputs."""
        return len(self.library.input_names)

    def get_num_outputs(self) -> int:
        """Number of outputs."""
        return len(self.library.output_names)

    def get_input(self, index: int | str) -> Any:
        """What was set for an input.

        Raises
        ------
        DataError
            If there is no such input, or nothing was set.
        """
        name = self._name(index)
        if name not in self._inputs:
            raise DataError("nothing was set", where=f"input {name}", try_="set_input first")
        return tvm.runtime.tensor(as_array(self._inputs[name], name))

    def get_output(self, index: int | str, out: Any = None) -> Any:
        """An output of the last run as a `tvm.runtime.Tensor`; copied into `out` if given.

        Raises
        ------
        DataError
            Before the first run; if there is no such output.
        """
        number = _index(index, self.library.output_names, "output")
        if self._outputs is None:
            raise DataError("nothing was run yet", where="get_output", try_="run() first")
        return given(self._outputs[number], out)


def _index(key: Any, names: Sequence[str], kind: str) -> int:
    """The place of what is named, or numbered from 0 on."""
    if isinstance(key, (int, np.integer)) and 0 <= key < len(names):
        return int(key)
    if isinstance(key, str) and key in names:
        return names.index(key)
    allowed = ", ".join(names) + f"; 0 to {len(names) - 1}"
    raise DataError(f"no such {kind}", found=repr(key), allowed=allowed)


_FUNCTIONS = (
    *("set_input", "set_input_zero_copy", "run", "get_input", "get_output", "get_num_inputs"),
    *("get_num_outputs", "get_input_index", "get_output_index", "get_input_info"),
    *("benchmark", "load_params", "share_params"),
)


def create(graph_json_str: Any, libmod: Any, device: Any) -> GraphModule:
    """The old way to a `GraphModule`: of what `relay.build` returns, or of its session.

    Raises
    ------
    DataError
        For anything else.
    """
    del graph_json_str
    return GraphModule(session_of(libmod, device))


def session_of(libmod: Any, device: Any) -> Session:
    """What executors run, of a library or of what it gives: a DataError for anything else."""
    if isinstance(libmod, Session):
        return libmod
    if isinstance(libmod, Library):
        return Session(libmod, device)
    raise DataError(
        "there is no graph executor for it",
        where="graph_executor.create",
        found=type(libmod).__name__,
        allowed="what relay.build returns",
        try_="relax.VirtualMachine for a module of tvm.runtime.load_module",
    )


def given(array: Array, out: Any) -> Any:
    """An array as a tensor of TVM, or copied into one."""
    result = tvm.runtime.tensor(array)
    return result if out is None else result.copyto(out)
