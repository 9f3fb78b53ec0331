"""Weights in a file: filters and matrices in each chip's own layout, biases in their register.

8-bit weights of 16-bit data widen; which operator reads them is said in `families`.
Source of the layouts: ESP-PPQ `parser/espdl/export_patterns.py`, ResetParamLayoutPattern.
"""

from __future__ import annotations

import numpy as np

from ..ops import Tensor
from ..ops.base.packing import pack_filter
from ..ops.base.rounding import Array
from ..ops.base.weighted import BIAS_DTYPE
from .node_view import NodeView
from .step_view import StepView
from .types import Shape

# As records and as nodes have them.
ACTIVATIONS = {"linear": "Linear", "relu": "Relu"}

# -- order ----------------------------------------------------------------------------------------


def stored_order(shape: Shape, lanes: int, *, depthwise: bool) -> Array:
    """Where in OIHW each stored element belongs.

    Parameters
    ----------
    shape : tuple of int
        Output channels, input channels of a group, rows, columns.
    lanes : int
        Output channels in a block; 0 on chips without vectors.
    depthwise : bool
        Whether the convolution has groups, of whatever size: the exporter stores all alike.

    Returns
    -------
    numpy.ndarray
        For each element in stored order its index in the flat OIHW filter.
    """
    places = np.arange(int(np.prod(shape))).reshape(shape)
    full = shape[0] // lanes * lanes if lanes else 0
    blocks = places[:full].reshape(full // lanes if lanes else 0, lanes or 1, *shape[1:])
    grouped = (1, 2, 3, 0) if lanes else (2, 3, 1, 0)
    rest = places[full:].transpose(grouped if depthwise else (0, 2, 3, 1))
    return np.concatenate([blocks.transpose(0, 3, 4, 2, 1).ravel(), rest.ravel()])


def unpack_filter(stored: Array, shape: Shape, lanes: int, *, depthwise: bool) -> Array:
    """A filter in OIHW from its elements in stored order, 1-D; the rest as in `stored_order`."""
    filter_ = np.empty(stored.size, stored.dtype.newbyteorder("="))
    filter_[stored_order(shape, lanes, depthwise=depthwise)] = stored
    return filter_.reshape(shape)


def unpack_matrices(stored: Array, shape: Shape, lanes: int) -> Array:
    """Matrices `(..., K, N)`, each stored like the filter of a 1x1 convolution."""
    return stored[matrix_order(shape, lanes)].reshape(shape)


def matrix_order(shape: Shape, lanes: int) -> Array:
    """For each element of the matrices `(..., K, N)` in row-major order its stored index."""
    depth, columns = shape[-2:]
    order = stored_order((columns, depth, 1, 1), lanes, depthwise=False)
    of_filter = np.empty_like(order)
    of_filter[order] = np.arange(order.size)
    one = of_filter.reshape(columns, depth).T.ravel()
    matrices = int(np.prod(shape[:-2]))
    return (np.arange(matrices)[:, None] * one.size + one).ravel()


# -- read -----------------------------------------------------------------------------------------


def activation_of(node: NodeView) -> str:
    """The activation that a node has fused."""
    activation = node.string("activation", "Linear")
    if activation not in ACTIVATIONS.values():
        node.refuse("a fused activation", activation, ", ".join(ACTIVATIONS.values()))
    return next(ours for ours, theirs in ACTIVATIONS.items() if theirs == activation)


def lanes_of(node: NodeView) -> int:
    """Output channels in a block of a filter: by the data's width, not the filter's."""
    # The exporter has quantized the node to `S8`, `S16` or `W8A16`.
    return node.chip.lanes("int8" if node.string("quant_type", "S8") == "S8" else "int16")


def filter_of(node: NodeView, spatial: int, channels: int, groups: int) -> Array:
    """The filter in OIHW (OIW), of the data's type."""
    stored = node.stored(1)
    dims = stored.dims
    if len(dims) != spatial + 2 or min(dims) < 1:
        node.refuse("a filter of other dimensions", dims, f"{spatial + 2} dimensions")
    # Nominal: rows, columns, input channels, output channels; in groups: ..., outputs, inputs.
    inputs, outputs = (dims[-1], dims[-2]) if groups > 1 else (dims[-2], dims[-1])
    if inputs * groups != channels or outputs % groups:
        node.refuse("a filter that does not fit the data", dims, f"{channels} channels")
    shape = (outputs, inputs, *(1, *dims[:spatial])[-2:])  # a signal has one row
    filter_ = unpack_filter(stored.flat(), shape, lanes_of(node), depthwise=groups > 1)
    return widened(filter_.reshape(outputs, inputs, *dims[:spatial]), node.tensor().dtype)


def matrices_of(node: NodeView, shape: Shape, *, packed: bool = True) -> Array:
    """Matrices `(..., K, N)`, of the data's type."""
    stored = node.stored(1).flat()
    matrices = unpack_matrices(stored, shape, lanes_of(node)) if packed else stored.reshape(shape)
    return widened(matrices.astype(matrices.dtype.newbyteorder("=")), node.tensor().dtype)


def widened(weights: Array, dtype: str) -> Array:
    """8-bit weights of 16-bit data (W8A16) as 16-bit ones: the same products."""
    return weights.astype(dtype) if (str(weights.dtype), dtype) == ("int8", "int16") else weights


def bias_of(node: NodeView, outputs: int) -> tuple[list[Array], Tensor | None]:
    """The bias, none or one, and its type; as wide as the data's biases are."""
    if not node.has(2):
        return [], None
    stored = node.stored(2)
    bias = stored.flat().astype(stored.dtype)
    if bias.size != outputs:
        node.refuse("a bias that does not fit the filter", stored.dims, f"({outputs},)")
    if bias.dtype.kind == "i":
        dtype = node.tensor().dtype
        wide = np.promote_types(bias.dtype, BIAS_DTYPE.get(dtype, "int32"))
        if dtype == "int16" and bias.dtype != wide:
            # Files of January 2025 and before: ESP-DL asserts the type and stops.
            node.warn(
                f"ESP-DL wants a bias of {wide} for data of int16, and stops at one of "
                f"{bias.dtype}. Here it is widened. Try: export the model again."
            )
        bias = bias.astype(wide)
    return [bias], node.type_of(bias, 2)


# -- written --------------------------------------------------------------------------------------


def add_filter(step: StepView, filter_: Array, *, depthwise: bool) -> str:
    """A filter OIHW (OIW); its dimensions in the file are nominal."""
    channels = (len(filter_), 1) if depthwise else (filter_.shape[1], len(filter_))
    image_filter = filter_.reshape(*filter_.shape[:2], -1, filter_.shape[-1])
    return step.constant(
        "filter",
        pack_filter(step.chip, image_filter, depthwise=depthwise),
        (*filter_.shape[2:], *channels),
        step.operator.w.exponent,
        layout=_layout_name(step, filter_, depthwise=depthwise),
    )


def add_matrices(step: StepView, matrices: Array, dims: Shape, tensor: Tensor) -> str:
    """Matrices `(..., K, N)`, each stored like the filter of a 1x1 convolution."""
    depth, columns = matrices.shape[-2:]
    filters = np.swapaxes(matrices, -1, -2).reshape(-1, columns, depth, 1, 1)
    packed = [pack_filter(step.chip, filter_, depthwise=False) for filter_ in filters]
    layout = _layout_name(step, filters[0], depthwise=False)
    return step.constant("matrix", np.concatenate(packed), dims, tensor.exponent, layout=layout)


def _layout_name(step: StepView, filter_: Array, *, depthwise: bool) -> str:
    """The name of a filter's layout: by it, people and readers know the family of chips."""
    space = "HW" if filter_.ndim == 4 else "W"
    lanes = step.chip.lanes(str(filter_.dtype))
    if not lanes:
        return f"{space}CN" if depthwise else f"N{space}C"
    aligned = "" if len(filter_) % lanes == 0 else "_UNALIGNED"
    return f"(N/{lanes}){space}C{lanes}{aligned}"


def add_bias(step: StepView, *, depthwise: bool) -> list[str]:
    """The bias' name, where there is one.

    A value that needs more bits than the kernel keeps of it, and would wrap around, is refused.
    """
    operator = step.operator
    if operator.b is None:
        return []
    bias, dtype = step.constants[1], operator.x.dtype
    lanes = step.chip.lanes(dtype)
    full = len(bias) if depthwise else len(bias) // lanes * lanes if lanes else 0
    for part, in_lanes in ((bias[:full], True), (bias[full:], False)):
        bits = step.chip.bias_bits(dtype, in_lanes=in_lanes)
        limit = 1 << (bits - 1)
        if part.size and not -limit <= int(part.min()) <= int(part.max()) < limit:
            widest = max(part.tolist(), key=abs)
            step.refuse(
                "a bias does not fit the register that the chip keeps it in",
                found=widest,
                allowed=f"{bits} bits: {-limit} to {limit - 1}",
            )
    return [step.constant("bias", bias, None, operator.b.exponent)]
