"""Reads ONNX files: opens and checks a network, fixes its batch to 1, states its inputs.

Must never change the model or the file it was given, nor know anything about quantization.
It loads onnx: whoever wants a quick start imports this module only when there is a model.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, helper

from ..errors import ModelError
from ..files.output_files import write_whole
from .structure import check_structure

Signature = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]


def load_model(model: str | os.PathLike[str] | ModelProto) -> ModelProto:
    """Read a network, external data included, and check that it is valid ONNX.

    A model that is in memory already is returned as it is, but for outputs that state no shape:
    these get the one that follows.

    Raises
    ------
    ModelError
        If it is neither, the file is missing, is no ONNX file, or fails ONNX's own checker.
    """
    if isinstance(model, onnx.ModelProto):
        proto, where = model, "the model in memory"
    elif isinstance(model, (str, os.PathLike)):
        proto, where = _read(model), str(model)
    else:
        raise ModelError(
            "the model is of an unknown kind",
            where="argument model",
            found=type(model).__name__,
            allowed="the path of an .onnx file, or an onnx.ModelProto",
            try_="onnx.load_from_string(model) for bytes; export networks of other frameworks to "
            "ONNX first",
        )
    if not proto.graph.node:
        raise ModelError(
            "the file holds no network",
            where=where,
            found="an ONNX graph without nodes",
            allowed="an ONNX model with at least one node",
            try_="export the network again",
        )
    try:
        check_structure(proto)
        proto = _with_output_shapes(proto)
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as problem:
        raise ModelError(
            "the model is not valid ONNX",
            where=where,
            found=_first_line(problem),
            allowed="what onnx.checker.check_model accepts",
            try_="export the network again, with a current exporter",
        ) from problem
    return proto


def _with_output_shapes(model: ModelProto) -> ModelProto:
    """The model with a shape for each output that states none, as onnxruntime takes it."""
    bare = [v.name for v in model.graph.output if not _has_shape(v)]
    if not bare:
        return model
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return model
    found = {value.name: value for value in inferred.graph.output}
    stated = onnx.ModelProto()
    stated.CopyFrom(model)
    for value in stated.graph.output:
        if value.name in bare and _has_shape(found[value.name]):
            value.CopyFrom(found[value.name])
    return stated


def _has_shape(value: Any) -> bool:
    kind = value.type
    return not kind.HasField("tensor_type") or kind.tensor_type.HasField("shape")


def _read(path: str | os.PathLike[str]) -> ModelProto:
    file = Path(path)
    if not file.is_file():
        there = "a pipe or device" if file.exists() else "nothing"
        raise ModelError(
            "there is no such model file",
            where=str(path),
            found="a folder" if file.is_dir() else there,
            allowed="the path of an .onnx file",
            try_="check the path; relative paths start at the current folder",
        )
    try:
        return onnx.load(str(file))
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as problem:
        raise ModelError(
            "the file cannot be read as ONNX",
            where=str(path),
            found=_first_line(problem),
            allowed="an ONNX file in binary form, its external data beside it",
            try_="export the network again, or look whether the download was complete",
        ) from problem


def _first_line(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].strip() if lines else type(problem).__name__


def _real_inputs(model: ModelProto) -> list[Any]:
    # Before IR version 4 every initializer was listed among the inputs as well.
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]


def fix_batch(model: ModelProto) -> ModelProto:
    """Return a copy of a checked `model` for batch 1, all shapes static and inferred anew.

    A symbolic or missing first dimension of an input or output is 1 in it, and so is every other
    dimension of the same symbol, or of one that is called a batch, as in states
    `(layers, batch, size)`. A first dimension that is a number stays: it may be no batch at all.

    Raises
    ------
    ModelError
        If an input has no shape, or another dynamic dimension than these; or if the shapes
        contradict each other at batch 1.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    inputs = _real_inputs(fixed)
    symbols = _batch_symbols(inputs)
    lowest = 1 if _has_layers(fixed) else 0
    for value in inputs:
        _fix_input(value, symbols, lowest)
    # What was inferred for another batch would contradict; all of it is inferred anew.
    del fixed.graph.value_info[:]
    for value in fixed.graph.output:
        for dimension in value.type.tensor_type.shape.dim:
            # Paddle's exporter writes -1 for what is not known.
            if dimension.dim_value < 0 or not dimension.HasField("dim_value"):
                dimension.Clear()
    fixed = _infer_shapes(fixed)
    for value in fixed.graph.output:
        shape = value.type.tensor_type.shape
        if shape.dim and not shape.dim[0].HasField("dim_value"):
            shape.dim[0].dim_value = 1
    return fixed


def _batch_symbols(inputs: list[Any]) -> set[str]:
    """What the model calls its batch: dynamic first dimensions, and names that say so."""
    dimensions = [value.type.tensor_type.shape.dim for value in inputs]
    first = {shape[0].dim_param for shape in dimensions if shape}
    others = {dim.dim_param for shape in dimensions for dim in shape}
    named = {name for name in others if "batch" in name.lower() or name in ("N", "n", "bs", "B")}
    return (first | named) - {""}


def _has_layers(model: ModelProto) -> bool:
    """Whether it is a network: something reads a matrix or filters that are constant."""
    constants = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) > 1}
    makers = {"Constant", "DequantizeLinear"}
    constants.update(n for node in model.graph.node if node.op_type in makers for n in node.output)
    return any(name in constants for node in model.graph.node for name in node.input)


def _infer_shapes(model: ModelProto) -> ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError:
        # The outputs may state another batch than the inputs now have; without them it must fit.
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as problem:
        raise ModelError(
            "the shapes contradict each other at batch 1",
            where="shape inference",
            found=" ".join(str(problem).split()),
            allowed="shapes that fit for one sample",
            try_="export the model with batch 1, and without reshapes to a fixed larger batch",
        ) from problem


def _fix_input(value: Any, symbols: set[str], lowest: int) -> None:
    """Make an input static; a first dimension below `lowest` is a dynamic batch."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        raise ModelError(
            "the shape of the input is unknown",
            where=f"input {value.name!r}",
            found="no shape",
            allowed="a tensor with a static shape; only the first dimension may be dynamic",
            try_="export the model with a fixed input shape",
        )
    dimensions = value.type.tensor_type.shape.dim
    shape = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in dimensions]
    for index, dimension in enumerate(dimensions):
        # Some exporters write 0 for a dynamic batch; what has no layers has no elements then.
        least = lowest if index == 0 else 0
        static = dimension.HasField("dim_value") and dimension.dim_value >= least
        if not static and (index == 0 or dimension.dim_param in symbols):
            dimension.dim_value = 1
        elif not static:
            raise ModelError(
                f"dimension {index} of the input is dynamic",
                where=f"input {value.name!r}",
                found=shape,
                allowed="static dimensions; only the first, the batch, may be dynamic",
                try_="export the model with a fixed input shape, or fix it: "
                f"tvm-espdl preprocess --input_shape {value.name}:{_example(shape)}",
            )


def _example(shape: list[Any]) -> str:
    """A static shape that fits, batch 1, the dynamic dimensions only by way of example."""
    known = (str(length) if isinstance(length, int) and length > 0 else "96" for length in shape)
    return ",".join(["1", *list(known)[1:]])


def input_signature(model: ModelProto) -> Signature:
    """Shapes and dtypes of the inputs that a user has to give, in the model's order.

    Initializers are excluded; input shapes have to be static, as in what `fix_batch` returns.

    Raises
    ------
    ModelError
        If an input is not a tensor or its shape is not static.
    """
    signature: Signature = {}
    for value in _real_inputs(model):
        tensor = value.type.tensor_type
        dimensions = tensor.shape.dim
        if not value.type.HasField("tensor_type") or not all(
            dimension.HasField("dim_value") for dimension in dimensions
        ):
            raise ModelError(
                "the input has no static shape",
                where=f"input {value.name!r}",
                found=[dimension.dim_value or dimension.dim_param for dimension in dimensions],
                allowed="a tensor whose dimensions are all known",
                try_="fix_batch(model) first",
            )
        shape = tuple(dimension.dim_value for dimension in dimensions)
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        signature[value.name] = (shape, dtype)
    return signature


def output_names(model: ModelProto) -> list[str]:
    """Names of the outputs, in the model's order."""
    return [value.name for value in model.graph.output]


def save_model(model: ModelProto, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a network; the same network gives the same bytes.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.
    """
    write_whole(path, model.SerializeToString(deterministic=True), overwrite=overwrite)
