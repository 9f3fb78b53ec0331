"""Espressif's own files: which chip each was made for, and what it is run on."""

import numpy as np

from tvm_espdl.espdl.vectors import inputs_of


def chip_of_path(path):
    """The folder or the name of a file says it; the file itself may not."""
    scheme, name = path.parent.name, path.name
    if "_w" in scheme:
        return {"c": "esp32"}.get(scheme.split("_")[0], scheme.split("_")[0])
    if "__" in name:
        return name.split("__")[0]
    return "esp32p4" if "p4_" in name else "esp32s3"


def inputs_for(file):
    """The stored test inputs, else those that `expected.json` was made with."""
    graph = file.model.graph
    if graph.test_inputs:
        return inputs_of(file)
    return {
        v.name: np.clip(
            np.rint(np.random.default_rng(1000 + number).normal(0, 45, v.shape)), -128, 127
        ).astype(v.dtype)
        for number, v in enumerate(graph.inputs)
    }
