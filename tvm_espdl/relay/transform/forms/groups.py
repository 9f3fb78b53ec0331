"""Convolutions in groups, which ESP-DL has not: one convolution for each group, and their joint.

A group's channels are cut out of the integers, and its results are the integers that the whole
would have given: the sums are the same products. With a multiplier, where every channel has
several filters, there is one depthwise convolution for each filter of a channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from tvm import relax

from ....ops import Tensor
from ....ops.base.rounding import Array
from ... import qdq
from ...ir import array_of, is_constant, name_of, shape_of
from .convolutions import CONVOLUTIONS
from .graph import ADD, RELU, Graph, Site, dequantized_constant, form

NAMES = ("relax.nn.conv1d", "relax.nn.conv2d")


@form(qdq.QUANTIZE)
def split_groups(site: Site) -> Any:
    """`quantize(relu(conv(x, w) + b))` of several groups, in parts that are concatenated."""
    found = _Grouped.of(site)
    if found is None:
        return None
    if found.filters_of_channel:
        return found.interleaved()
    return found.concatenated()


class _Grouped:
    """A convolution of several groups, what is added to it, and its ReLU."""

    def __init__(self, site: Site, conv: Any, x: Any, w: Any) -> None:
        self.site, self.conv, self.x, self.w = site, conv, x, w
        self.groups = int(conv.attrs.groups)
        self.channels = shape_of(conv.args[0])[1]
        self.filters: Array = array_of(site.graph.value(w.args[0]))
        self.bias: Any = None
        self.add: Any = None
        self.relu: Any = None
        #: Whose names the first part takes over: the model's nodes are found by them.
        self.unnamed = True

    @classmethod
    def of(cls, site: Site) -> _Grouped | None:
        """That which a quantize call ends, where all of it is known and nobody else reads it."""
        graph = site.graph
        result = site.value.args[0]
        relu = graph.call(result, RELU)
        inner = result if relu is None else relu.args[0]
        add = graph.call(inner, ADD)
        product = inner if add is None else add.args[0]
        conv = graph.call(product, *NAMES)
        if conv is None or any(graph.only_reader(v) is None for v in (result, inner, product)):
            return None
        x, w = graph.dequantized(conv.args[0]), graph.weights(conv.args[1])
        if x is None or w is None:
            return None
        found = cls(site, conv, x, w)
        found.relu = relu
        exponent = qdq.exponent_of(w)
        if isinstance(exponent, tuple) and int(w.attrs.axis) % found.filters.ndim != 0:
            return None
        if add is not None:
            found.add = add
            found.bias = _vector(graph, add.args[1], len(found.filters))
            if found.bias is None:
                return None
        is_depthwise = found.groups == found.channels == len(found.filters)
        return found if found.groups > 1 and not is_depthwise else None

    @property
    def filters_of_channel(self) -> int:
        """How many filters each channel has, where each is a group of its own; else 0."""
        return len(self.filters) // self.groups if self.groups == self.channels else 0

    def concatenated(self) -> Any:
        """One convolution for each group."""
        size, count = self.channels // self.groups, len(self.filters) // self.groups
        parts = []
        for group in range(self.groups):
            begin = group * size
            image = self.site.dequantized(self.site.expr(self.x.args[0]), self.x)
            cut = relax.op.strided_slice(image, [1], [begin], [begin + size], [1])
            image = self._moved(self.site.emit(cut), self.x, f"channels_{group}")
            rows = range(group * count, (group + 1) * count)
            parts.append(self._part(image, rows, 1, f"group_{group}"))
        return self.site.quantized(self.site.emit(relax.op.concat(parts, 1)), self.site.value)

    def interleaved(self) -> Any:
        """One depthwise convolution for each filter of a channel; then channels come first."""
        count, site, value = self.filters_of_channel, self.site, self.site.value
        parts = []
        for place in range(count):
            image = site.dequantized(site.expr(self.x.args[0]), self.x)
            rows = range(place, len(self.filters), count)
            parts.append(self._part(image, rows, self.groups, f"filter_{place}"))
        joined = self._moved(site.emit(relax.op.concat(parts, 1)), value, "joined")
        batch, _, *size = shape_of(value)
        flat = site.emit(relax.op.reshape(joined, (batch, count, self.channels, -1)))
        flat = self._moved(flat, value, "filters")
        turned = site.emit(relax.op.permute_dims(flat, (0, 2, 1, 3)))
        turned = self._moved(turned, value, "turned")
        whole = (batch, len(self.filters), *size)
        return site.quantized(site.emit(relax.op.reshape(turned, whole)), value)

    def _part(self, image: Any, rows: Iterable[int], groups: int, what: str) -> Any:
        """The convolution with some of the filters, quantized and dequantized."""
        site, picked = self.site, list(rows)
        w = site.emit(_picked(site.graph, self.w, picked))
        rank = self.filters.ndim
        attributes = {
            name: [int(n) for n in getattr(self.conv.attrs, name)]
            for name in ("strides", "padding", "dilation")
        }
        first, self.unnamed = self.unnamed, False

        def named(call: Any, like: Any) -> Any:
            return site.emit(call, like=like) if first else site.emit(call)

        result = named(CONVOLUTIONS[rank](image, w, groups=groups, **attributes), self.conv)
        if self.bias is not None:
            if is_constant(self.bias):
                vector = relax.const(np.ascontiguousarray(array_of(self.bias).ravel()[picked]))
            else:
                vector = site.emit(_picked(site.graph, self.bias, picked))
            shaped = site.emit(relax.op.reshape(vector, (1, -1, *[1] * (rank - 2))))
            result = named(relax.op.add(result, shaped), self.add)
        if self.relu is not None:
            result = named(relax.op.nn.relu(result), self.relu)
        return self._moved(result, site.value, what)

    def _moved(self, real: Any, like: Any, what: str) -> Any:
        name = f"{name_of(self.site.value)}_{what}"
        integers = self.site.quantized(real, like, name, by_compiler=True)
        return self.site.dequantized(integers, like)


def _vector(graph: Graph, bias: Any, channels: int) -> Any:
    """The constant, or the dequantize call of one, that holds a value for each channel."""
    value = graph.unshaped(bias)
    array = value if is_constant(value) else graph.weights(value)
    if array is None:
        return None
    constant = array if is_constant(array) else graph.value(array.args[0])
    shape = array_of(constant).shape
    is_vector = len(shape) == 1 or shape[1:2] == (channels,)
    return array if is_vector and array_of(constant).size == channels else None


def _picked(graph: Graph, dequantize: Any, rows: list[int]) -> Any:
    """A dequantize call of some indices of the first axis, with their exponents."""
    array = np.ascontiguousarray(array_of(graph.value(dequantize.args[0]))[rows])
    exponent = qdq.exponent_of(dequantize)
    if isinstance(exponent, tuple):
        exponent = tuple(exponent[row] for row in rows)
    return dequantized_constant(array, Tensor(str(array.dtype), array.shape, exponent))
