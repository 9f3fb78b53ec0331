"""Outputs of ESP-PPQ's int8 simulation of a network, and the milliseconds of one sample.

`quantize_peers.py` and `host_inference.py` run it; it prints JSON, last line.

With the interpreter of an environment that has ESP-PPQ and torch. The folder holds `float.onnx`,
`calibrated.npz` and `judged.npz` with an array (N, *shape) `x0`, `x1` ... for each input; it gets
`outputs.npz` with `y0`, `y1` ... alike. ESP-PPQ's defaults, one thread.

Run: `python benchmarks/esp_ppq_outputs.py FOLDER TARGET`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from esp_ppq.api import espdl_quantize_onnx
from esp_ppq.executor import TorchExecutor


def main(folder, target):
    """Quantize, run the simulation and write what it gives."""
    torch.set_num_threads(1)
    batches, judged = (_read(Path(folder) / f"{name}.npz") for name in ("calibrated", "judged"))
    # It writes into the file that it reads, and wants two batches at least.
    graph = espdl_quantize_onnx(
        onnx_import_file=str(Path(folder) / "float.onnx"),
        espdl_export_file=str(Path(folder) / "model.espdl"),
        calib_dataloader=[one[0] if len(one) == 1 else one for one in batches],
        calib_steps=len(batches),
        input_shape=[list(tensor.shape) for tensor in batches[0]],
        inputs=None,
        target=target,
        num_of_bits=8,
        device="cpu",
        error_report=False,
        skip_export=True,
        export_test_values=False,
        verbose=0,
    )
    executor = TorchExecutor(graph=graph, device="cpu")
    executor.forward(judged[0])
    found, times = [], []
    for one in judged:
        start = time.perf_counter()
        found.append(executor.forward(one))
        times.append((time.perf_counter() - start) * 1000)
    arrays = [np.stack([row[i].detach().numpy() for row in found]) for i in range(len(found[0]))]
    np.savez(Path(folder) / "outputs.npz", **{f"y{i}": array for i, array in enumerate(arrays)})
    print(json.dumps({"ms": sorted(times)[len(times) // 2]}))


def _read(path):
    with np.load(path) as stored:
        arrays = [stored[f"x{place}"] for place in range(len(stored.files))]
    return [list(map(torch.from_numpy, row)) for row in zip(*arrays, strict=True)]


if __name__ == "__main__":
    main(*sys.argv[1:])
