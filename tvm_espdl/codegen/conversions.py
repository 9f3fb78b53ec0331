"""The functions of a network's interface that turn floats into its integers, and back.

There is one for each input and output that firmware exchanges as integers where the model has
floats; what they compute is stated by the border's records.
"""

from __future__ import annotations

from ..chips import Chip
from ..ops import Operator
from ..ops.base.ccall import CCall
from ..program.border.ports import Border, Port
from .identifiers import comment, identifiers
from .literals import c_type, descriptor_definition
from .network_name import NetworkName


class Conversions:
    """Declarations and definitions; `kernels` has the calls, as `Calls` collects them."""

    def __init__(self, border: Border, chip: Chip, network: NetworkName) -> None:
        self.network, self.chip = network, chip
        self.kernels: list[tuple[Operator, CCall]] = []
        self.declarations: list[str] = []
        self.definitions: list[str] = []
        for ports, kind in ((border.inputs, "input"), (border.outputs, "output")):
            for port, member in zip(ports, identifiers(p.name for p in ports), strict=True):
                if port.is_quantized:
                    self._add(port, kind, "" if len(ports) == 1 else f"_{member}")

    def _add(self, port: Port, kind: str, ending: str) -> None:
        entering = kind == "input"
        operator: Operator = port.quantize if entering else port.dequantize
        call = operator.call(self.chip)
        self.kernels.append((operator, call))
        name = f"{self.network.prefix}_{operator.name}{ending}"
        real, integers = c_type(port.model.dtype), c_type(port.own.dtype)
        parameters = (
            f"const {real} *real, {integers} *integers"
            if entering
            else f"const {integers} *integers, {real} *real"
        )
        shape = "x".join(map(str, port.model.shape)) or "scalar"
        what = (
            f"The integers of {comment(port.name)}, of floats {shape} in the model's own layout,"
            "\n * rounded as the chip does."
            if entering
            else f"The floats of {comment(port.name)}, {shape} in the model's own layout."
        )
        self.declarations += [f"/* {what} */", f"void {name}({parameters});", ""]
        arguments = "real, integers" if entering else "integers, real"
        self.definitions.append(
            self.network.own(
                f"{descriptor_definition(f'{name}_call', call, {})}\n"
                f"void {name}({parameters}) {{\n"
                f"  {call.function}(&{name}_call, {arguments});\n}}\n"
            )
        )
