"""`.espdl` to Relax: a module of operators that are lowered already, in the file's own layouts.

Names, layouts and integer inputs stay those of the file. It decides nothing about operators: what
a node means is said in `tvm_espdl.espdl`.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from ...chips import Chip
from ...espdl import File, load
from ...espdl.evidence import chip_of
from ...espdl.file import Source
from ...espdl.network import Call, FloatCall, Network, network_of
from ...espdl.schema import Node
from ..ir import named
from ..program import INPUT_NAMES, NODES, OUTPUT_NAMES, STATES
from ..transform.composite import composite_of
from ..transform.lowered import Placed

SILENT = ("QuantizeLinear", "DequantizeLinear")


def from_espdl(
    model: Source,
    chip: str | None = None,
    *,
    name: str | None = None,
    key: bytes | None = None,
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a network of ESP-DL.

    Parameters
    ----------
    model : path or bytes
        An `.espdl` file (EDL1, EDL2) or a package of several (PDL1, PDL2, PDL3).
    chip : str, optional
        The chip it was made for; found in the file where absent.
    name : str, optional
        Which model of a package.
    key : bytes, optional
        16 bytes, for an encrypted model.

    Returns
    -------
    (tvm.IRModule, dict)
        A module whose `main` takes the network's inputs as the file has them, and the parameters
        to pass on to `relay.build`: an empty dict, for the weights are constants. Build it for
        the same chip. What the network keeps between runs is explicit: after the inputs `main`
        takes the states, zeros at first, and after the outputs it gives the next ones;
        `relay.build`'s library keeps them itself.

    Raises
    ------
    ModelError
        For a missing or damaged file, a chip that the file contradicts or does not tell, or an
        operator that this package does not have.
    """
    file = load(model, model=name, key=key)
    return module_of(file, chip_of(file, chip)), {}


def module_of(file: File, chip: Chip) -> tvm.IRModule:
    """The module of a model that is read already.

    Raises
    ------
    ModelError
        For a node that this package does not have, or one that contradicts its tensors.
    """
    network = network_of(file, chip)
    mod = _Emitter(network).module()
    nodes = file.model.graph.nodes
    attrs: dict[str, Any] = {
        INPUT_NAMES: list(network.inputs),
        OUTPUT_NAMES: list(network.outputs),
        NODES: [_described(node) for node in nodes if node.op_type not in SILENT],
    }
    if network.states:
        attrs[STATES] = [[state.name, state.next] for state in network.states]
    mod["main"] = mod["main"].with_attrs(attrs)
    return mod


def _described(node: Node) -> list[str]:
    """Name, type and first result, for the report."""
    first = next((output for output in node.outputs if output), "")
    return [node.name or first, node.op_type, first]


class _Emitter:
    """Writes `main`, call by call; `values` knows what each name has become."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.builder = relax.BlockBuilder()
        parameters = {**network.inputs, **{state.name: state.tensor for state in network.states}}
        self.values: dict[str, Any] = {
            name: relax.Var(name, relax.TensorType(tensor.shape, tensor.dtype))
            for name, tensor in parameters.items()
        }

    def module(self) -> tvm.IRModule:
        """The whole module."""
        with self.builder.function("main", params=list(self.values.values())):
            with self.builder.dataflow():
                for call in self.network.calls:
                    self.values[call.output] = self.builder.emit(self._call(call), call.output)
                leaving = (*self.network.outputs, *(s.next for s in self.network.states))
                results = [self.values[name] for name in leaving]
                whole = results[0] if len(results) == 1 else relax.Tuple(results)
                output = self.builder.emit_output(whole)
            self.builder.emit_func_output(output)
        return self.builder.get()

    def _call(self, call: Call) -> Any:
        inputs = [self.values[i] if isinstance(i, str) else relax.const(i) for i in call.inputs]
        operator = call.operator
        if isinstance(operator, FloatCall):
            function: Any = relax.op
            for part in operator.name.split("."):
                function = getattr(function, part)
            axis = () if operator.axis is None else (operator.axis,)
            return named(function(*inputs, *axis), call.output)
        chip = self.network.chip
        broken = tuple(refusal.rule for refusal in operator.refusals(chip))
        placed = Placed(operator, call.constants, call.output, call.covers, admits=broken)
        function = composite_of(placed, chip.name)
        return tvm.ir.Call(self.builder.add_func(function, f"espdl_{operator.name}"), inputs)
