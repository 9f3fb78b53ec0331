"""One call for a network at every stage: float, quantized, compiled; and the axes of images.

It chooses who computes; it computes nothing itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto

from .compilation import compile_file
from .errors import DataError
from .espdl.file import is_espdl
from .library import Library
from .onnx_graphs.graph import Array
from .onnx_graphs.model import input_signature, load_model
from .onnx_graphs.session import open_session, run_session
from .quantize.preview import is_float


def inference(
    inputs: Any,
    model: str | os.PathLike[str] | ModelProto | Library,
    input_names: Sequence[str] | None = None,
    *,
    chip: str | None = None,
) -> list[Array]:
    """Run a network once, whatever stage it is at: the same list in, the same list out.

    Parameters
    ----------
    inputs : array, sequence of arrays, or mapping of str to array
        The inputs, in order or by name, in the model's own types and layouts.
    model : path, ModelProto or Library
        A float ONNX model, which onnxruntime computes; a quantized one or an `.espdl` file, which
        is compiled and computed with the chip's bits; or a library that is compiled already,
        which saves that time.
    input_names : sequence of str, optional
        What `inputs` are, where they are a sequence in another order than the model's.
    chip : str, optional
        For a quantized model, where it is not the model's own.

    Returns
    -------
    list of numpy.ndarray
        The outputs, in the model's order.

    Raises
    ------
    EspdlError
        If the model cannot be read or compiled, or the inputs do not fit it.
    """
    if isinstance(model, Library):
        return model.run(_by_name(inputs, input_names, model.input_names))
    if is_espdl(model) or not is_float(model):
        return inference(inputs, compile_file(model, chip), input_names)
    network = load_model(model)
    names = [*input_signature(network)]
    feed = _by_name(inputs, input_names, names)
    if set(feed) != set(names):
        raise DataError(
            "these are not the network's inputs",
            where="inputs",
            found=", ".join(map(repr, feed)),
            allowed=", ".join(map(repr, names)),
        )
    arrays = {name: np.asarray(array) for name, array in feed.items()}
    return run_session(open_session(network, "inference"), None, arrays, "inference")


def _by_name(inputs: Any, names: Sequence[str] | None, own: Sequence[str]) -> Mapping[str, Any]:
    if isinstance(inputs, Mapping):
        return inputs
    arrays = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    names = own if names is None else names
    if len(arrays) != len(names):
        raise DataError(
            "as many inputs as names are wanted",
            where="inputs",
            found=f"{len(arrays)}",
            allowed=f"{len(names)}: {', '.join(map(repr, names))}",
        )
    return dict(zip(names, arrays, strict=True))


def channel_last_to_first(image: Any) -> Array:
    """Images `(…, H, W, C)` as `(…, C, H, W)`.

    Raises
    ------
    DataError
        If there are less than three axes.
    """
    return np.ascontiguousarray(np.moveaxis(_image(image), -1, -3))


def channel_first_to_last(image: Any) -> Array:
    """Images `(…, C, H, W)` as `(…, H, W, C)`.

    Raises
    ------
    DataError
        If there are less than three axes.
    """
    return np.ascontiguousarray(np.moveaxis(_image(image), -3, -1))


def _image(image: Any) -> Array:
    array = np.asarray(image)
    if array.ndim < 3:
        raise DataError("no image", found=f"shape {array.shape}", allowed="three axes or more")
    return array
