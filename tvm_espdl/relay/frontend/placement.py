"""ONNX ScatterND and ReverseSequence of constant indices as single calls that patterns find.

TVM's importer works out indices when the network runs, and does not know ReverseSequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tvm import relax

from ..ir import array_of, is_constant, shape_of

Attributes = Mapping[str, Any]


def _scatter_nd(inputs: list[Any], attrs: Attributes) -> Any:
    data, indices, updates = inputs
    if not is_constant(indices):
        return None
    array = array_of(indices).astype(np.int64)
    extents = np.array(shape_of(data)[: array.shape[-1]], np.int64)
    counted = np.where(array < 0, array + extents, array)
    reduction = attrs.get("reduction", "none")
    name = reduction.decode("utf-8") if isinstance(reduction, bytes) else str(reduction)
    return relax.op.scatter_nd(
        data, relax.const(counted), updates, "update" if name == "none" else name
    )


def _reverse_sequence(inputs: list[Any], attrs: Attributes) -> Any:
    """Each element is taken from its place in the reversed sequence.

    Raises
    ------
    NotImplementedError
        For lengths that are known only at run time.
    """
    x, lengths = inputs
    if not is_constant(lengths):
        raise NotImplementedError("ReverseSequence needs constant sequence_lens")
    shape = shape_of(x)
    batch, time = (
        int(attrs.get(name, default)) % len(shape)
        for name, default in (("batch_axis", 1), ("time_axis", 0))
    )
    along = np.ones(len(shape), np.int64)
    along[batch] = shape[batch]
    reversed_steps = array_of(lengths).astype(np.int64).reshape(along)
    along[batch], along[time] = 1, shape[time]
    steps = np.arange(shape[time]).reshape(along)
    source = np.where(steps < reversed_steps, reversed_steps - 1 - steps, steps)
    places = np.ascontiguousarray(np.broadcast_to(source, shape))
    return relax.op.gather_elements(x, relax.const(places), time)


CONVERTERS = {"ScatterND": _scatter_nd, "ReverseSequence": _reverse_sequence}
