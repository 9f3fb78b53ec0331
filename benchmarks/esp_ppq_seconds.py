"""Seconds that ESP-PPQ takes from a float ONNX network to its written files, and what it was.

Run by `benchmarks/quantize.py` with the interpreter of an environment that has ESP-PPQ: it needs
torch, which must not be in the environment of what it is compared with. One thread, 8 bits, its
defaults but for the error report, which is left out.

Run: `python benchmarks/esp_ppq_seconds.py MODEL.onnx SAMPLES.npy TARGET`; prints JSON, last line.
"""

import json
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from esp_ppq.api import espdl_quantize_onnx


def main(model, samples, target):
    """Quantize and export; prints the seconds."""
    torch.set_num_threads(1)
    batches = [torch.from_numpy(sample[np.newaxis]) for sample in np.load(samples)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.onnx"  # it simplifies the file that it is given in place
        shutil.copy(model, copy)
        start = time.perf_counter()
        espdl_quantize_onnx(
            onnx_import_file=str(copy),
            espdl_export_file=str(Path(folder) / "model.espdl"),
            calib_dataloader=batches,
            calib_steps=len(batches),
            input_shape=list(batches[0].shape),
            target=target,
            num_of_bits=8,
            device="cpu",
            error_report=False,
            export_test_values=True,
            verbose=0,
        )
        took = time.perf_counter() - start
    print(json.dumps({"seconds": took, "version": version("esp-ppq")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
