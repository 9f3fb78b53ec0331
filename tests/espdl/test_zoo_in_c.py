"""Espressif's networks as generated C on this PC: every node is that of ESP-DL's own code.

By default two small networks; TVM_ESPDL_ALL=1 takes all that `expected.json` has.
"""

import hashlib
import json
import os

import numpy as np
import pytest
from network_in_c import build_with_double
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
        check_tensors(name, file, model, c_compiler.run(program))
        compared += 1
    assert compared >= 2


def check_tensors(name, file, model, log):
    """Every tensor of a dump is the one that ESP-DL's own code has computed."""
    dump = parse_log(log)
    assert not dump.problems
    moved = {n.outputs[0] for n in file.model.graph.nodes if n.op_type in ("Transpose", "Flatten")}
    for tensor, dtype, _, _, size, digest in model["tensors"]:
        # Two moves that cancel each other are not in the C.
        if tensor in moved and tensor not in dump.tensors:
            continue
        array = np.ascontiguousarray(dump.tensors[tensor])
        assert (str(array.dtype), array.nbytes) == (dtype, size), f"{name}: {tensor}"
        found = hashlib.sha256(array.tobytes()).hexdigest()[:16]
        assert found == digest, f"{name}: {tensor}"


@pytest.mark.parametrize("chip", ["s3", *(["p4"] if ALL else [])])
@pytest.mark.parametrize("network", ["mobilenetv2_0_5_128", *(["cls_mobilenetv2"] if ALL else [])])
def test_layers_in_slices_are_those_of_esp_dl(models_dir, tmp_path, c_compiler, network, chip):
    """With the double in place of ESP-DL's kernels, which is called for one slice after another."""
    (path,) = (models_dir / "espdl").glob(f"*_{chip}_*{network}*.espdl")
    file, folder, program = load(path), tmp_path / "network", tmp_path / "program"
    library = compile_espdl(file, chip_of_path(path))
    library.export_project(folder, inputs_for(file))
    (code,) = folder.rglob("default_lib1.c")
    assert code.read_text().count(".slice_channels = ") > 1
    (switches,) = folder.rglob("crt_config.h")
    text = switches.read_text()
    switches.write_text(text.replace("/* #define TVM_ESPDL_DUMP 1 */", "#define TVM_ESPDL_DUMP 1"))
    main = folder / "main" / "app_main.c"
    build_with_double(folder, program, c_compiler, main, library.chip.family)
    log = c_compiler.run(program)
    assert log.splitlines()[-1] == "PASS"  # the outputs of the library of the PC
    expected = json.loads((models_dir / "espdl" / "expected.json").read_text())["models"]
    if path.name in expected:
        check_tensors(path.name, file, expected[path.name], log)
