"""Filters from each chip's own layout back to OIHW, the inverse of `ops.base.packing.pack_filter`.

Source: ESP-PPQ `parser/espdl/export_patterns.py`, ResetParamLayoutPattern. Positions only: no
value is changed.
"""

from __future__ import annotations

import numpy as np

from ..ops.base.rounding import Array


def stored_order(shape: tuple[int, ...], lanes: int, *, depthwise: bool) -> Array:
    """Where in OIHW each stored element belongs.

    Parameters
    ----------
    shape : tuple of int
        Output channels, input channels (1 for depthwise), rows, columns.
    lanes : int
        Output channels in a block; 0 on chips without vectors.

    Returns
    -------
    numpy.ndarray
        For each element in stored order its index in the flat OIHW filter.
    """
    places = np.arange(int(np.prod(shape))).reshape(shape)
    full = shape[0] // lanes * lanes if lanes else 0
    blocks = places[:full].reshape(full // lanes if lanes else 0, lanes or 1, *shape[1:])
    rest = places[full:].transpose((2, 3, 1, 0) if depthwise else (0, 2, 3, 1))
    return np.concatenate([blocks.transpose(0, 3, 4, 2, 1).ravel(), rest.ravel()])


def unpack_filter(stored: Array, shape: tuple[int, ...], lanes: int, *, depthwise: bool) -> Array:
    """A filter in OIHW from its elements in stored order.

    Parameters
    ----------
    stored : numpy.ndarray
        1-D.
    shape, lanes, depthwise
        As in `stored_order`.
    """
    filter_ = np.empty(stored.size, stored.dtype.newbyteorder("="))
    filter_[stored_order(shape, lanes, depthwise=depthwise)] = stored
    return filter_.reshape(shape)


def unpack_matrices(stored: Array, shape: tuple[int, ...], lanes: int) -> Array:
    """Matrices `(..., K, N)`, each stored like the filter of a 1x1 convolution."""
    return stored[matrix_order(shape, lanes)].reshape(shape)


def matrix_order(shape: tuple[int, ...], lanes: int) -> Array:
    """For each element of the matrices `(..., K, N)` in row-major order its stored index."""
    depth, columns = shape[-2:]
    order = stored_order((columns, depth, 1, 1), lanes, depthwise=False)
    of_filter = np.empty_like(order)
    of_filter[order] = np.arange(order.size)
    one = of_filter.reshape(columns, depth).T.ravel()
    matrices = int(np.prod(shape[:-2]))
    return (np.arange(matrices)[:, None] * one.size + one).ravel()
