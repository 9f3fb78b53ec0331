"""Names of tensors and domains: which are taken, which are new, and constants under new ones.

Must never know what quantization is.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper

from ..graph import STANDARD, Array
from ..new_names import NewNames

#: The domain of onnxruntime's operators.
MICROSOFT = "com.microsoft"


def rename_inputs(node: NodeProto, names: dict[str, str]) -> None:
    """Let `node` read `names[x]` wherever it reads an x that is among them."""
    for place, name in enumerate(node.input):
        if name in names:
            node.input[place] = names[name]


def drop_unused_domains(model: ModelProto) -> None:
    """Take away the operator sets of which `model` uses nothing any more; ONNX's own stays."""
    used = {node.domain for node in model.graph.node}
    used.update(entry.domain for function in model.functions for entry in function.opset_import)
    used.update(function.domain for function in model.functions)
    kept = [e for e in model.opset_import if e.domain in STANDARD or e.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


class Names(NewNames):
    """Gives out tensor names that a model does not have yet, and adds constants under them."""

    def __init__(self, model: ModelProto) -> None:
        super().__init__(model)
        self._model = model

    def constant(self, base: str, value: Array) -> str:
        """Add an initializer; returns its name."""
        name = self.fresh(base)
        # ascontiguousarray would make a vector of a scalar, and a scalar scale is per tensor.
        tensor = numpy_helper.from_array(np.array(value, order="C"), name)
        self._model.graph.initializer.append(tensor)
        return name
