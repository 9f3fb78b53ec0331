"""`tvm.contrib.graph_executor` and its debugging twin, as scripts of the old flow know them.

Thin faces over `Library`: inputs are set one by one, then run, then read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tvm

from ..errors import DataError
from ..library import Session
from ..ops.base.rounding import Array


class GraphModule:
    """Runs a library step by step: `set_input`, `run`, `get_output`.

    States belong to the library: all modules of one library share them.

    Parameters
    ----------
    module : Session
        As `lib["default"](device)` returns it.
    """

    def __init__(self, module: Session) -> None:
        self.library = module.library
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
        names = self.library.input_names
        if isinstance(key, int) and 0 <= key < len(names):
            return names[key]
        if key not in names:
            raise DataError("no such input", found=repr(key), allowed=", ".join(names))
        return str(key)

    def run(self, **inputs: Any) -> None:
        """Run the network on what was set.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes.
        """
        self.set_input(**inputs)
        self._outputs = self.library.run(self._inputs)

    def get_num_inputs(self) -> int:
        """Number of inputs."""
        return len(self.library.input_names)

    def get_num_outputs(self) -> int:
        """Number of outputs."""
        return len(self.library.output_names)

    def get_input(self, index: int | str) -> Any:
        """What was set for an input."""
        return tvm.runtime.tensor(np.asarray(self._inputs[self._name(index)]))

    def get_output(self, index: int, out: Any = None) -> Any:
        """An output of the last run as a `tvm.runtime.Tensor`; copied into `out` if given.

        Raises
        ------
        DataError
            Before the first run.
        """
        if self._outputs is None:
            raise DataError("nothing was run yet", where="get_output", try_="run() first")
        return _given(self._outputs[index], out)


class GraphModuleDebug(GraphModule):
    """A `GraphModule` that keeps every intermediate tensor of a run.

    Parameters
    ----------
    module : Session
        As `lib["debug_create"]("default", device)` returns it.
    device, graph_json_str
        Not used; part of the old interface.
    dump_root : str, optional
        A folder; each run writes its tensors there as `<name>.npy`.
    """

    def __init__(
        self,
        module: Session,
        device: Any = None,
        graph_json_str: str = "",
        dump_root: str | None = None,
    ) -> None:
        super().__init__(module)
        self.dump_root = dump_root
        self.intermediates: dict[str, Array] = {}

    def run(self, **inputs: Any) -> None:
        """Run the network and keep, and dump, all of its tensors."""
        self.set_input(**inputs)
        self.intermediates = self.library.observe(self._inputs)
        super().run()
        if self.dump_root is not None:
            from ..debug import save_folder  # only for dumps

            save_folder(Path(self.dump_root), self.intermediates)

    def debug_get_output(self, node: str, out: Any = None) -> Any:
        """A tensor of the last run, by its name in the model.

        Raises
        ------
        DataError
            If there is no tensor of that name.
        """
        if node not in self.intermediates:
            raise DataError(
                "no such tensor", found=node, allowed=", ".join(self.intermediates) or "run first"
            )
        return _given(self.intermediates[node], out)


def _given(array: Array, out: Any) -> Any:
    result = tvm.runtime.tensor(array)
    return result if out is None else result.copyto(out)
