"""What the inputs of convolutions and matrix products look like, for weighing errors of weights.

An error dW of the weights changes a layer's output by dW·x, so its mean square over the data is
dW·E[xx']·dW': the second moments of the input patches are all that is needed, in fixed memory.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..onnx_graphs.graph import Array, Graph, attribute
from .plan import Layer, Plan

Moments = npt.NDArray[np.float64]

#: Patches with more values than this have no second moments: they would take over 40 MB.
LARGEST_PATCH = 2304

#: Numbers that one sample may add to a layer's moments; more patches than fit are thinned out.
SAMPLE_VALUES = 1 << 16

#: Patches that are used even when they hold more.
LEAST_PATCHES = 64


class LayerStatistics:
    """The second moments and the mean of the input patches of each layer of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._views = {
            layer.node: view
            for layer in plan.layers()
            if (view := _view_of(layer, plan.graph)) is not None
        }
        self._moments: dict[int, npt.NDArray[np.float32]] = {}
        self._means: dict[int, Moments] = {}
        self._patches: dict[int, int] = dict.fromkeys(self._views, 0)
        self._waiting: dict[int, list[Array]] = {node: [] for node in self._views}

    def observe(self, tensors: Mapping[str, Array]) -> None:
        """Add the inputs of one sample, {tensor name: array}."""
        for node, view in self._views.items():
            rows = np.ascontiguousarray(self.patches(node, tensors[view.tensor]), dtype=np.float32)
            waiting = self._waiting[node]
            waiting.append(rows)
            # A product of few rows would cost less than adding it up.
            if sum(part.shape[1] for part in waiting) >= rows.shape[2]:
                self._add_up(node)

    def patch_size(self, node: int) -> int | None:
        """K, the values that a patch of layer `node` holds; None if there are no moments of it."""
        return self._views[node].size if node in self._views else None

    def patches(self, node: int, values: Array) -> Array:
        """The patches (groups, patches, K) of the input of layer `node`, thinned out."""
        patches = self._views[node].patches(values)
        return patches[:, :: _stride(*patches.shape)]

    def _add_up(self, node: int) -> None:
        waiting = self._waiting[node]
        if not waiting:
            return
        rows = waiting[0] if len(waiting) == 1 else np.concatenate(waiting, axis=1)
        waiting.clear()
        moments = np.matmul(rows.transpose(0, 2, 1), rows)
        means = rows.sum(axis=1, dtype=np.float64)
        if node in self._moments:
            self._moments[node] += moments
            self._means[node] += means
        else:
            self._moments[node], self._means[node] = moments, means
        self._patches[node] += rows.shape[1]

    def moments(self, node: int) -> Moments | None:
        """E[x x'] of the patches of layer `node`: (groups, K, K), or None if not measured."""
        measured = self._measured(node)
        return self._moments[node].astype(np.float64) / self._patches[node] if measured else None

    def means(self, node: int) -> Moments | None:
        """E[x] of the patches of layer `node`: (groups, K), or None if not measured."""
        return self._means[node] / self._patches[node] if self._measured(node) else None

    def _measured(self, node: int) -> bool:
        if node in self._views:
            self._add_up(node)
        return bool(self._patches.get(node))

    def divided(self, factors: Mapping[int, Moments]) -> LayerStatistics:
        """Those of inputs whose patches are divided by `factors` (groups, K), by layer node."""
        for node in self._views:
            self._add_up(node)
        found = copy.copy(self)
        found._moments, found._means = dict(self._moments), dict(self._means)
        for node, factor in factors.items():
            if node in self._moments:
                across = self._moments[node] / outer(factor, factor)
                found._moments[node] = across.astype(np.float32)
                found._means[node] = self._means[node] / factor
        return found


def outer(one: Moments, other: Moments) -> Moments:
    """The products (G, K, K) of all values of each group of two (G, K)."""
    return one[:, :, np.newaxis] * other[:, np.newaxis, :]


def _stride(groups: int, count: int, size: int) -> int:
    """k, where every k-th of so many patches of `size` values each is as many as may be added."""
    wanted = max(LEAST_PATCHES, SAMPLE_VALUES // max(groups * size, 1))
    return -(-count // wanted) if count > wanted else 1


class _MatrixView:
    """The rows that a Gemm or MatMul multiplies."""

    def __init__(self, tensor: str, size: int) -> None:
        self.tensor, self.size = tensor, size

    def patches(self, values: Array) -> Array:
        """(1, rows, K)."""
        return values.reshape(1, -1, values.shape[-1])


class _ConvolutionView:
    """The patches that a convolution multiplies, zero padding included."""

    def __init__(self, layer: Layer, graph: Graph) -> None:
        node = graph.nodes[layer.node]
        self.tensor: str = node.input[0]
        weight = graph.constant(layer.weight)
        self.kernel, self.size = weight.shape[2:], int(np.prod(weight.shape[1:]))
        rank = len(self.kernel)
        self.groups = int(attribute(node, "group", 1))
        self.strides = tuple(attribute(node, "strides", [1] * rank))
        self.dilations = tuple(attribute(node, "dilations", [1] * rank))
        self.pads = tuple(attribute(node, "pads", [0] * 2 * rank))
        self.auto = attribute(node, "auto_pad", b"NOTSET").decode()

    def patches(self, values: Array) -> Array:
        """(groups, patches, K) of one sample (1, C, ...); K runs over C/groups and the kernel."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        padded = np.pad(values[0], [(0, 0), *self._padding(values.shape[2:], reach)])
        axes = tuple(range(1, padded.ndim))
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=axes)
        steps = tuple(slice(None, None, stride) for stride in self.strides)
        inside = tuple(slice(None, None, dilation) for dilation in self.dilations)
        every = (slice(None), *steps, *inside)
        windows = windows[every]
        spots = windows.shape[1 : 1 + len(axes)]
        channels, count = windows.shape[0] // self.groups, math.prod(spots)
        size = channels * math.prod(windows.shape[1 + len(axes) :])
        # (C, patches, kernel), thinned before the copy that brings the channels inside.
        chosen = np.arange(0, count, _stride(self.groups, count, size))
        places: tuple[Any, ...] = (slice(None), *np.unravel_index(chosen, spots))
        picked = windows[places].reshape(self.groups, channels, len(chosen), -1)
        return picked.transpose(0, 2, 1, 3).reshape(self.groups, len(chosen), size)

    def _padding(self, sizes: tuple[int, ...], reach: list[int]) -> list[tuple[int, int]]:
        rank = len(reach)
        if self.auto in ("NOTSET", "VALID"):
            pads = self.pads if self.auto == "NOTSET" else (0,) * 2 * rank
            return [(pads[axis], pads[axis + rank]) for axis in range(rank)]
        total = [
            max((-(-size // stride) - 1) * stride + extent - size, 0)
            for size, stride, extent in zip(sizes, self.strides, reach, strict=True)
        ]
        first = [pad // 2 if self.auto == "SAME_UPPER" else pad - pad // 2 for pad in total]
        return [(before, pad - before) for before, pad in zip(first, total, strict=True)]


def _view_of(layer: Layer, graph: Graph) -> _MatrixView | _ConvolutionView | None:
    node, weight = graph.nodes[layer.node], graph.constant(layer.weight)
    if node.op_type == "Conv":
        fits = int(np.prod(weight.shape[1:])) <= LARGEST_PATCH
        return _ConvolutionView(layer, graph) if fits else None
    if node.op_type in ("Gemm", "MatMul") and weight.ndim == 2:
        size = weight.shape[1 if node.op_type == "Gemm" else 0]
        return _MatrixView(node.input[0], size) if size <= LARGEST_PATCH else None
    return None


def patch_rows(layer: Layer, graph: Graph, weight: Array) -> Array:
    """Weights of a layer as float64 (groups, outputs of a group, K), in the order of its patches.

    The layer is a Conv, Gemm or MatMul; `weight` has the shape of its weights.
    """
    node, weight = graph.nodes[layer.node], weight.astype(np.float64)
    groups = attribute(node, "group", 1)
    if node.op_type == "MatMul":
        weight = weight.T
    return weight.reshape(groups, weight.shape[0] // groups, -1)


def weights_of_rows(layer: Layer, graph: Graph, rows: Array, shape: tuple[int, ...]) -> Array:
    """What `patch_rows` made `rows` of: weights of `shape`, as the layer has them."""
    if graph.nodes[layer.node].op_type == "MatMul":
        return rows.reshape(shape[::-1]).T
    return rows.reshape(shape)
