"""Espressif's networks as generated C on this PC: every node is that of ESP-DL's own code.

By default two small networks; TVM_ESPDL_ALL=1 takes all that `expected.json` has.
"""

import hashlib
import json
import os

import numpy as np
import pytest
from published import chip_of_path, inputs_for

from tvm_espdl.compilation import compile_espdl
from tvm_espdl.debug.monitor_log import parse_log
from tvm_espdl.espdl import load
from tvm_espdl.toolchain.network import build_project

ALL = os.environ.get("TVM_ESPDL_ALL") == "1"
SMALL = 40_000


# Two networks for the P4 have a PReLU whose products wrap, as they do on the chip.
@pytest.mark.filterwarnings("ignore:.*PC follows the chip:tvm_espdl.errors.EspdlWarning")
def test_every_node_in_c_is_that_of_esp_dl(models_dir, tmp_path, c_compiler):
    expected = json.loads((models_dir / "espdl" / "expected.json").read_text())["models"]
    compared = 0
    for name, model in expected.items():
        path = models_dir / "espdl" / name
        repeated = "load_test_profile" in name
        if not ALL and (path.stat().st_size > SMALL or repeated):
            continue
        file = load(path)
        library = compile_espdl(file, chip_of_path(path))
        folder = tmp_path / f"network_{compared}"
        library.export_project(folder, inputs_for(file))
        program = tmp_path / f"program_{compared}"
        build_project(folder, program, c_compiler, defines=["TVM_ESPDL_DUMP"])
        dump = parse_log(c_compiler.run(program))
        assert not dump.problems
        moved = {
            n.outputs[0] for n in file.model.graph.nodes if n.op_type in ("Transpose", "Flatten")
        }
        for tensor, dtype, _, _, size, digest in model["tensors"]:
            # Two moves that cancel each other are not in the C.
            if tensor in moved and tensor not in dump.tensors:
                continue
            array = np.ascontiguousarray(dump.tensors[tensor])
            assert (str(array.dtype), array.nbytes) == (dtype, size), f"{name}: {tensor}"
            found = hashlib.sha256(array.tobytes()).hexdigest()[:16]
            assert found == digest, f"{name}: {tensor}"
        compared += 1
    assert compared >= 2
