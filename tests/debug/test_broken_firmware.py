"""Firmware with a broken kernel, built by GCC, prints its dump: layer and mistake are named.

What computes here is no part of the package's Python: the project's own C, with a line changed.
"""

import numpy as np
import pytest
from broken_networks import digits, residual, sample_of, signals, wide

from tvm_espdl import debug
from tvm_espdl.codegen.project import project_files
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

RUNTIME = "components/tvm_model/model/runtime"


def firmware_log(network, sample, folder, changes=(), compiler=None):
    """What a firmware prints whose runtime has lines changed: (file, old, new)."""
    library_inputs = network.feed(sample)
    expected = network.first_run(library_inputs)
    files = project_files(network.program, "project", library_inputs, expected, "portable")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for file, old, new in changes:
        path = folder / RUNTIME / file
        text = path.read_text()
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new))
    main = folder / "main" / "app_main.c"
    main.write_text(main.read_text().replace("return failed;", "return 0;"))
    compiler = compiler or Compiler.host("-O0")
    build_project(folder, folder / "program", compiler, defines=["TVM_ESPDL_DUMP"])
    (folder / "monitor.log").write_text(compiler.run(folder / "program"))
    return folder / "monitor.log"


BODY, HEADER = "espdl_accumulate_body.h", "espdl_accumulate.h"
BOTH_ROUNDED = "const int64_t rounded = espdl_shift_and_round(sum, shift, d->half_even);"

#: The explanation that comes first, and the lines that are changed.
MISTAKES = {
    "rounds down": (
        "other_rounding",
        (BODY, "= (1 << (b->shifts[i] - 1)) - b->offset;", "= 0 - b->offset;"),
        (BODY, "if (half_even && (uint32_t)sum << (32 - shift) == 0)", "if (half_even < 0)"),
        (HEADER, BOTH_ROUNDED, "const int64_t rounded = sum >> shift;"),
    ),
    "no bias": (
        "bias_missing",
        (BODY, "if (d->bias == NULL) {", "if (d->bias == NULL || d->output_channels > 0) {"),
    ),
    "no ReLU": (
        "relu_missing",
        (BODY, "lowest = d->relu ? 0 : INT8_MIN;", "lowest = INT8_MIN;"),
        (HEADER, "return d->relu && rounded < 0 ? 0 : rounded;", "return rounded;"),
    ),
    "bits are lost": (
        "wrapped",
        (BODY, "result = result < lowest ? lowest : INT8_MAX;",
         "result = d->relu && result < lowest ? lowest : (int8_t)result;"),
        ("espdl_arithmetic.h",
         "return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);",
         "return (int16_t)value;"),
    ),
    "an exponent": (
        "exponent_off",
        (BODY, "b->shifts[i] = shifts == NULL ? d->shift : shifts[b->first + i];",
         "b->shifts[i] = 1 + (shifts == NULL ? d->shift : shifts[b->first + i]);"),
    ),
}  # fmt: skip

NETWORKS = {
    "digits": digits,
    "residual": lambda: residual("esp32p4", per_channel=True),
    "signals": signals,
}


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_kernel_is_named(mistake, model, c_compiler, tmp_path):
    network = NETWORKS[model]()
    name, *changes = MISTAKES[mistake]
    sample = sample_of(network)
    result = debug.compare(network, firmware_log(network, sample, tmp_path, changes))
    weighted = [s for s in network.program.steps if hasattr(s.operator, "product_exponents")]
    assert not result.problems or not result.equal, result
    assert result.first.tensor in [step.outputs[0] for step in weighted], result
    assert result.culprits, result
    for culprit in result.culprits:
        assert [one.name for one in culprit.explanations][:1] == [name], result


@pytest.mark.parametrize("chip", ["rv32", "xtensa"])
def test_an_emulated_chip_with_a_broken_kernel_is_told_so(chip, request, tmp_path):
    name, *changes = MISTAKES["no bias"]
    network = residual("esp32p4" if chip == "rv32" else "esp32s3")
    sample = sample_of(network)
    log = firmware_log(network, sample, tmp_path, changes, request.getfixturevalue(chip))
    result = debug.compare(network, log, sample)
    assert result.first.tensor == "relu_5_0" and len(result.culprits) == 4, result
    assert {fault.explanations[0].name for fault in result.culprits} == {name}, result


#: Mistakes that only some networks can show.
ELSEWHERE = {
    "nothing saturates in lanes": (
        "lane_saturation", wide,
        (BODY, "if (!d->ordered || b->kept.per_clamp == 0 || largest < room_kept) {",
         "if (d->ordered >= 0 || b->kept.per_clamp == 0 || largest < room_kept) {"),
    ),
    "half even": (
        "other_rounding", digits,
        (BODY, "const int32_t half_even = d->half_even;", "const int32_t half_even = 1;"),
    ),
    "a packed filter is read plainly": (
        "filter_layout", residual,
        ("espdl_conv2d_body.h", "  if (first < in_vectors) {", "  if (first < 0 * in_vectors) {"),
    ),
    "a packed filter is read plainly on the P4": (
        "filter_layout", lambda: residual("esp32p4"),
        ("espdl_conv2d_body.h",
         "d->lanes == 0 ? 0 : d->output_channels / ESPDL_LANES * ESPDL_LANES;",
         "d->lanes >= 0 ? 0 : d->output_channels / ESPDL_LANES * ESPDL_LANES;"),
    ),
    "a tail is not written": (
        "tail_channels", residual,
        ("espdl_conv2d_body.h", "first < d->output_channels; first += ESPDL_CHANNELS",
         "first < (in_vectors ? in_vectors : d->output_channels); first += ESPDL_CHANNELS"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", ELSEWHERE)
def test_a_mistake_of_some_networks_is_named(mistake, c_compiler, tmp_path):
    name, network, change = ELSEWHERE[mistake]
    network = network()
    result = debug.compare(network, firmware_log(network, sample_of(network), tmp_path, [change]))
    assert result.culprits[0].tensor == result.first.tensor
    assert result.culprits[0].explanations[0].name == name, result


def channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape)


FED = {
    "channels last": ("layout_of_input", channels_last),
    "BGR": ("channel_order", lambda x: x[:, ::-1].copy()),
    "pixels that were normalized again": ("normalized_twice", lambda x: (x - 0.5) / 0.5),
    "pixels of another range": ("input_scaled", lambda x: x * np.float32(0.7) + np.float32(0.2)),
    "integers": ("input_quantized_twice", lambda x: np.clip(np.floor(x * 64 + 0.5), -128, 127)),
}


@pytest.mark.parametrize("mistake", FED)
def test_a_wrong_input_is_named(mistake, c_compiler, tmp_path):
    name, change = FED[mistake]
    network = residual()
    right = sample_of(network)
    log = firmware_log(network, [change(right[0]).astype(np.float32)], tmp_path)
    result = debug.compare(network, log, right)
    assert result.first.tensor == "image" and len(result.culprits) == 1, result
    assert result.culprits[0].explanations[0].name == name, result
    # Of the dump's own input all is right: nothing tells that it is the wrong one.
    assert debug.compare(network, log).ok


def test_an_unbroken_firmware_is_equal(c_compiler, tmp_path):
    for number, network in enumerate((residual(), signals(), wide())):
        sample = sample_of(network)
        folder = tmp_path / str(number)
        assert debug.compare(network, firmware_log(network, sample, folder), sample).ok
