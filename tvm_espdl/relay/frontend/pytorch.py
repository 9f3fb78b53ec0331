"""PyTorch to Relax: a module or an exported program goes through ONNX to `from_onnx`.

torch is imported only here, and only when asked for.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import onnx
import tvm

from ...errors import ModelError, ToolError
from .onnx import from_onnx

InputInfo = Sequence[tuple[str, Sequence[int]]]


def from_pytorch(
    model: Any, input_infos: InputInfo, default_dtype: str = "float32"
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a PyTorch network.

    Parameters
    ----------
    model : torch.nn.Module or torch.export.ExportedProgram
        In evaluation mode.
    input_infos : list of (str, shape)
        Names and shapes of the inputs, batch 1.
    default_dtype : str
        Type of the inputs.

    Returns
    -------
    (tvm.IRModule, dict)
        As `from_onnx`.

    Raises
    ------
    ToolError
        If torch or onnxscript is not installed.
    ModelError
        If torch cannot export the network to ONNX.
    """
    try:
        import onnxscript  # noqa: F401 - torch.onnx.export needs it
        import torch  # an optional dependency
    except ImportError as error:
        raise ToolError(
            "a package is missing",
            where="from_pytorch",
            found=str(error),
            try_="pip install 'tvm-espdl[torch]'",
        ) from error
    names = [name for name, _ in input_infos]
    samples = tuple(
        torch.zeros(tuple(shape), dtype=getattr(torch, default_dtype)) for _, shape in input_infos
    )
    try:
        program = torch.onnx.export(model, samples, input_names=names, dynamo=True, verbose=False)
    except torch.onnx.OnnxExporterError as error:
        raise ModelError(
            "torch cannot export the network to ONNX",
            where=type(model).__name__,
            found=str(error).strip().splitlines()[0],
            try_="export it to an .onnx file yourself and use from_onnx",
        ) from error
    stream = io.BytesIO()
    program.save(stream)
    model = onnx.load_model_from_string(stream.getvalue())
    return from_onnx(model, dict(input_infos))
