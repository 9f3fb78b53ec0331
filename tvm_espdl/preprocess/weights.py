"""Refuses networks whose weights are no numbers: nothing that is measured of them would mean much.

Must never look at other constants: infinite bounds of a Clip, for example, are in order.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, numpy_helper

from ..errors import ModelError

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def check_weights(model: ModelProto) -> None:
    """Refuse weights and biases that hold NaN or infinity.

    Raises
    ------
    ModelError
        For the first such tensor, in the order of the nodes.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        for name in node.input if node.op_type in _WEIGHTED else ():
            if name not in constants:
                continue
            values = numpy_helper.to_array(constants[name])
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise ModelError(
                    "the weights of the float network are not finite",
                    where=f"node {node.name!r} ({node.op_type}), tensor {name!r}",
                    found=f"{int(np.isnan(values).sum())} NaN and {int(np.isinf(values).sum())} "
                    f"infinite of {values.size} values",
                    allowed="finite numbers",
                    try_="look whether training diverged, or batch normalization has variances "
                    "below zero; export the network again",
                )
