"""PyTorch to Relax: a module, a traced one or an exported program goes through ONNX to `from_onnx`.

torch is imported only here, and only when asked for.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import tvm

from ...errors import ModelError, ToolError
from .onnx import from_onnx

Shape = Sequence[int]
InputInfo = Sequence[tuple[str, "Shape | tuple[Shape, str]"]]

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# The operator set that torch's exporter of traced modules writes most operators in.
_TRACED_OPSET = 17


def from_pytorch(
    model: Any, input_infos: InputInfo, default_dtype: str = "float32"
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a PyTorch network.

    Parameters
    ----------
    model : torch.nn.Module, torch.export.ExportedProgram or torch.jit.ScriptModule
        In evaluation mode; the last is what `torch.jit.trace` returns.
    input_infos : list of (str, shape) or of (str, (shape, dtype))
        Names, shapes and dtypes of the inputs, batch 1.
    default_dtype : str
        Type of the inputs for which none is given.

    Returns
    -------
    (tvm.IRModule, dict)
        As `from_onnx`.

    Raises
    ------
    ToolError
        If torch, or for modules and exported programs onnxscript, is not installed.
    ModelError
        If torch cannot export the network to ONNX; or for a description of an input that is none.
    """
    try:
        import torch  # an optional dependency

        is_traced = isinstance(model, torch.jit.ScriptModule)
        if not is_traced:
            import onnxscript  # noqa: F401 - torch.onnx.export needs it
    except ImportError as error:
        raise ToolError(
            "a package is missing",
            where="from_pytorch",
            found=str(error),
            try_="pip install 'tvm-espdl[torch]'",
        ) from error
    inputs = [_input(info, default_dtype) for info in input_infos]
    names = [name for name, _, _ in inputs]
    samples = tuple(torch.zeros(shape, dtype=_dtype(torch, dtype)) for _, shape, dtype in inputs)
    stream = io.BytesIO()
    try:
        if is_traced:
            options = {"input_names": names, "opset_version": _TRACED_OPSET, "verbose": False}
            torch.onnx.export(model, samples, stream, dynamo=False, **options)
        else:
            options = {"input_names": names, "verbose": False}
            torch.onnx.export(model, samples, dynamo=True, **options).save(stream)
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            "torch cannot export the network to ONNX",
            where=type(model).__name__,
            found=_cause(error),
            try_="export it to an .onnx file yourself and use from_onnx",
        ) from error
    proto = onnx.load_model_from_string(stream.getvalue())
    return from_onnx(proto, {name: shape for name, shape, _ in inputs})


def _input(info: Any, default: str) -> tuple[str, tuple[int, ...], Any]:
    """Name, shape and dtype of an input, of either form of description."""
    try:
        name, rest = info
        if len(rest) == 2 and not isinstance(rest[0], int):
            shape, dtype = rest
        else:
            shape, dtype = rest, default
        return str(name), tuple(int(extent) for extent in shape), dtype
    except (TypeError, ValueError):
        raise ModelError(
            "an input is not described",
            where="input_infos",
            found=repr(info),
            allowed='("name", (1, 3, 8, 8)) or ("name", ((1, 3, 8, 8), "float32"))',
        ) from None


def _dtype(torch: Any, dtype: Any) -> Any:
    """A dtype of torch, given as such or by its name."""
    if isinstance(dtype, torch.dtype):
        return dtype
    found = getattr(torch, str(dtype).rpartition(".")[2], None)
    if not isinstance(found, torch.dtype):
        raise ModelError("torch has no such dtype", where="input_infos", found=str(dtype))
    return found


def _cause(error: BaseException) -> str:
    """What the innermost of the errors behind one another says, in one line, without colours."""
    seen: Mapping[int, BaseException] = {id(error): error}
    while error.__cause__ is not None and id(error.__cause__) not in seen:
        error = error.__cause__
        seen = {**seen, id(error): error}
    lines = (line.strip() for line in _ESCAPE.sub("", str(error)).splitlines())
    text = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
