"""Whole networks: ESP-DL's own code and ESP-PPQ's stored tensors say what every node computes.

By default the largest networks are only read and translated; TVM_ESPDL_ALL=1 compiles all.
"""

import functools
import hashlib
import json
import os
import warnings

import numpy as np
import pytest
from network_in_c import run_network
from published import chip_of_path, inputs_for

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.espdl import load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import difference, differences, outputs_of

LARGEST_FILE = 200_000
ALL = os.environ.get("TVM_ESPDL_ALL") == "1"


@functools.cache
def library_of(path):
    chip = chip_of_path(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EspdlWarning)  # wrapping PReLUs
        mod, params = relay.frontend.from_espdl(path, chip)
    return relay.build(mod, target=f"espressif/{chip}", params=params)


def published(models_dir):
    paths = sorted((models_dir / "espdl").glob("*.espdl"))
    assert paths
    return paths


def quantized(models_dir):
    paths = sorted((models_dir / "quantized").glob("*/*/*.espdl"))
    assert paths
    return paths


def test_all_networks_are_understood(models_dir):
    for path in [*published(models_dir), *quantized(models_dir)]:
        file, chip = load(path), chip_of_path(path)
        assert find_chip(chip).name in find(file).candidates
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EspdlWarning)
            program = program_of(file, find_chip(chip))
        assert len(program.steps) >= len(file.model.graph.nodes)


def test_published_networks_compile_and_run(models_dir):
    for path in published(models_dir):
        if path.stat().st_size > LARGEST_FILE and not ALL:
            continue
        file, library = load(path), library_of(path)
        results = library.run(inputs_for(file))
        assert len(results) == len(file.model.graph.outputs)
        if file.model.graph.test_outputs:
            computed = dict(zip(library.output_names, results, strict=True))
            assert differences(outputs_of(file), computed) == [], path.name


def test_every_node_is_that_of_esp_dl(models_dir):
    expected = json.loads((models_dir / "espdl" / "expected.json").read_text())["models"]
    for name, model in expected.items():
        path = models_dir / "espdl" / name
        if path.stat().st_size > LARGEST_FILE and not ALL:
            continue
        assert chip_of_path(path) == model["chip"]
        file = load(path)
        values = library_of(path).run_with_intermediates(**inputs_for(file))
        for tensor, dtype, _, _, size, digest in model["tensors"]:
            array = np.ascontiguousarray(_value(tensor, values, file.model.graph.nodes))
            assert (str(array.dtype), array.nbytes) == (dtype, size), f"{name}: {tensor}"
            found = hashlib.sha256(array.tobytes()).hexdigest()[:16]
            assert found == digest, f"{name}: {tensor}"


def _value(tensor, values, nodes):
    """A value; where the compiler needs no transpose, it has the value in front of it instead."""
    if tensor in values:
        return values[tensor]
    (node,) = [node for node in nodes if tensor in node.outputs]
    assert node.op_type == "Transpose", f"{tensor}: {node.op_type}"
    source = _value(node.inputs[0], values, nodes)
    return source.transpose(node.attributes["perm"].value)


@pytest.mark.parametrize("model", ["digits_cnn", "dscnn_kws_49x10", "seed_resnet8"])
def test_every_tensor_is_that_of_esp_ppq(models_dir, model):
    for path in quantized(models_dir):
        if path.stem != model:
            continue
        library, nodes = library_of(path), load(path).model.graph.nodes
        (name,) = library.input_names
        compared = 0
        with np.load(path.with_suffix(".npz")) as stored:
            for sample in range(4):
                given = stored[f"s{sample}.in_q"].astype(library.program.values[name].dtype)
                values = library.run_with_intermediates(**{name: given})
                for tensor, array in _tensors(stored, sample):
                    own = _value(tensor, values, nodes)
                    found = difference(tensor, array.astype(own.dtype), own)
                    assert found is None, f"{path.parent.name}, sample {sample}: {found}"
                    compared += 1
        assert compared > 10


def _tensors(stored, sample):
    for key in stored.files:
        for prefix in ("act", "out_q"):
            if key.startswith(f"s{sample}.{prefix}."):
                yield key.split(".", 2)[2].replace("|", "/"), stored[key]


def test_the_c_of_a_published_network_is_exact(models_dir, c_compiler):
    name = "examples_tutorial_how_to_run_model_main_models_p4_model.espdl"
    path = models_dir / "espdl" / name
    file = load(path)
    for given in (path, models_dir / "quantized/digits_cnn/esp32s3_w8a8/digits_cnn.espdl"):
        file, library = load(given), library_of(given)
        sample = library.feed(inputs_for(file))
        ((computed,),) = run_network(library.program, [sample], c_compiler)
        (stored,) = outputs_of(file).values()
        assert difference("output", stored, computed) is None
