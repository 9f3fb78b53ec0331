"""Raises a model's ONNX operator set.

Must never lower one, nor change a model that is high enough.
"""

from __future__ import annotations

import onnx
from onnx import ModelProto, version_converter

from ..errors import ModelError
from .rewriting import opset_of

#: The first operator set whose Resize says where its points lie.
_RESIZE_HAS_COORDINATES = 11

#: The first IR version that an operator set belongs to.
_IR_VERSION = {13: 7, 17: 8, 20: 9, 21: 10}


def raise_opset(model: ModelProto, lowest: int) -> ModelProto:
    """The model in standard operator set `lowest` or above, every tensor's shape inferred.

    Raises
    ------
    ModelError
        If ONNX's converter cannot do it.
    """
    version = opset_of(model)
    if version >= lowest:
        return model
    try:
        raised = version_converter.convert_version(model, lowest)
    except (version_converter.ConvertError, RuntimeError) as problem:
        raise ModelError(
            f"the model cannot be converted to ONNX operator set {lowest}",
            where="operator set",
            found=f"operator set {version}: {' '.join(str(problem).split())}",
            allowed=f"operator set {lowest} or above",
            try_=f"export the model again with opset_version={lowest}",
        ) from problem
    if version < _RESIZE_HAS_COORDINATES:
        _state_coordinates(raised)
    raised.ir_version = max(raised.ir_version, model.ir_version, _IR_VERSION.get(lowest, 7))
    return onnx.shape_inference.infer_shapes(raised, data_prop=True)


def _state_coordinates(model: ModelProto) -> None:
    """Write down what Resize and Upsample meant when there was one meaning; ONNX leaves it out."""
    old = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    for node in model.graph.node:
        if node.op_type == "Resize":
            new = old.keys() - {entry.name for entry in node.attribute}
            node.attribute.extend(
                onnx.helper.make_attribute(name, old[name]) for name in old if name in new
            )
