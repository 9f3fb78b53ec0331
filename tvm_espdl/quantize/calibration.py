"""Runs a float network over calibration samples and measures the range of every tensor.

Must never keep more than one sample's activations, nor depend on the number of CPU cores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto

from ..errors import DataError
from .graph import Array, Graph
from .samples import Sample
from .session import open_session, run_session


@dataclass(frozen=True)
class TensorRange:
    """What calibration saw of one tensor.

    Attributes
    ----------
    low, high : float
        Smallest and largest value over all samples.
    """

    low: float
    high: float


def measure_ranges(model: ModelProto, samples: Iterable[Sample]) -> dict[str, TensorRange]:
    """Measure the range of every float32 tensor that depends on an input.

    Parameters
    ----------
    model : ModelProto
        A preprocessed float network; left as it is.
    samples : iterable of dict
        One array per input, as `read_samples` yields them; they are read once.

    Returns
    -------
    dict of str to TensorRange
        In the order of the graph, inputs first.

    Raises
    ------
    DataError
        If a tensor holds NaN or infinity for a sample.
    ModelError
        If onnxruntime cannot run the network.
    """
    graph = Graph(model)
    watched = [
        name
        for node in graph.nodes
        for name in node.output
        if name and graph.is_float(name) and name not in graph.outputs
    ]
    wanted = watched + [name for name in graph.outputs if graph.is_float(name)]
    session = open_session(_with_outputs(model, watched), "calibration")
    names = [name for name in graph.inputs if graph.is_float(name)] + wanted
    low = dict.fromkeys(names, np.inf)
    high = dict.fromkeys(names, -np.inf)
    for number, sample in enumerate(samples):
        results = run_session(session, wanted, sample, f"calibration sample {number}")
        seen = {**sample, **dict(zip(wanted, results, strict=True))}
        for name in names:
            _check_finite(seen[name], name, number)
            if seen[name].size:
                low[name] = min(low[name], float(seen[name].min()))
                high[name] = max(high[name], float(seen[name].max()))
    return {
        # Adding 0.0 makes a negative zero an ordinary one; a tensor without values has no range.
        name: TensorRange(low[name] + 0.0, high[name] + 0.0)
        if low[name] <= high[name]
        else TensorRange(0.0, 0.0)
        for name in names
    }


def _with_outputs(model: ModelProto, names: list[str]) -> ModelProto:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    return watched


def _check_finite(values: Array, name: str, number: int) -> None:
    if not np.isfinite(values).all():
        raise DataError(
            "a tensor of the float network is not finite",
            where=f"tensor {name!r}, calibration sample {number}",
            found=f"{int(np.isnan(values).sum())} NaN and {int(np.isinf(values).sum())} infinite "
            f"of {values.size} values",
            allowed="finite numbers",
            try_="look whether the sample is scaled as in training; replace infinite masks and "
            "paddings in the model by large finite numbers",
        )
