"""Whose fault a difference is, where that is not only one layer behind its inputs."""

import numpy as np
import pytest
from board_log import board_log
from broken_networks import (
    SEED,
    board_of,
    digits,
    enlarged,
    residual,
    sample_of,
    signals,
    step_of,
    wide,
)
from qdq_builder import QdqBuilder
from test_firmware_logs import with_state

from tvm_espdl import debug
from tvm_espdl.compilation import compile_file
from tvm_espdl.debug import layer_run
from tvm_espdl.debug.scaled import scaled_of
from tvm_espdl.program import Native, reference
from tvm_espdl.program.border.formats import border_of


def one_more(step, inputs, right):
    found = right.copy()
    found.ravel()[3] ^= 1
    return found


@pytest.mark.parametrize("network", [residual, digits, signals, wide, enlarged])
@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_what_is_rounded_gives_the_layer(network, chip):
    """The way that explanations vary is the operator's own one, bit for bit."""
    network = network(chip)
    program, sample = network.program, sample_of(network)
    values = reference.run(program, dict(zip(program.input_names, sample, strict=True)))
    seen = set()
    for step in network.program.steps:
        inputs = [values[name] for name in step.inputs]
        scaled = scaled_of(step.operator, network.chip, inputs, step.constants)
        if scaled is not None:
            seen.add(step.operator.name)
            assert np.array_equal(scaled.result(), values[step.outputs[0]]), step.operator.name
    assert {"conv2d", "conv1d", "resize_nearest"} & seen or chip == "esp32"
    assert "quantize" in seen


def test_the_first_resize_of_a_core_rounds_down():
    """ESP-DL's kernel takes the rounding mode that it finds."""
    network = enlarged("esp32p4")
    sample = sample_of(network)

    def down(step, inputs, right):
        return (inputs[0] >> 2).repeat(2, axis=1).repeat(2, axis=2)

    step = step_of(network, "resize_nearest")
    board = board_of(network, sample, step.outputs[0], down)
    (culprit,) = debug.compare(network, board, sample).culprits
    assert culprit.explanations[0].name == "other_rounding"
    assert "always down" in culprit.explanations[0].detail


def test_a_few_values_by_hand_tell_what_they_can():
    network = digits()
    sample = sample_of(network)
    few = network.observe(sample)["logits"].ravel()[:4] + np.int8(1)
    result = debug.compare(network, {"logits": few}, sample)
    (fault,) = result.faults
    assert fault.verdict == "unknown" and len(fault.suspects) == 13
    assert "it is one of: layer 0, quantize; " in str(result)
    assert "... 9 more ...; layer 12, gemm (/fc/Gemm)" in str(result)


def test_the_state_of_a_run_is_an_input_of_its_layers():
    network = with_state("esp32s3")
    source = np.random.default_rng(SEED)
    sample = [source.uniform(-5, 5, (1, 4, 2, 2)).astype(np.float32)]
    network.run(sample)
    values = network.observe(sample)
    step = step_of(network, "neg")
    wrong = {name: array.copy() for name, array in values.items()}
    wrong[step.inputs[0]].ravel()[2] += 1
    wrong[step.outputs[0]] = -wrong[step.inputs[0]]
    network.reset()
    result = debug.compare(network, wrong, sample)
    assert [fault.tensor for fault in result.culprits] == [step.inputs[0]], result


def test_few_values_are_said_to_be_few():
    network = signals()
    sample = sample_of(network)
    step = step_of(network, "gemm")
    w, b = step.constants

    def fault(step, inputs, right):
        return step.operator.reference(network.chip, *inputs, w, np.zeros_like(b))

    board = board_of(network, sample, step.outputs[0], fault)
    (culprit,) = debug.compare(network, board, sample).culprits
    assert culprit.explanations[0].name == "bias_missing"
    assert culprit.why.endswith("it has 5 values only, which an explanation can fit by chance")


def test_two_faults_are_two_culprits():
    network = residual()
    sample = sample_of(network)
    places = step_of(network, "depthwise_conv2d").outputs[0], step_of(network, "gemm").outputs[0]
    program = network.program
    values = dict(zip(program.inputs, network.feed(sample), strict=True))

    def watch(name, array):
        values[name] = one_more(None, None, array) if name in places else array
        return values[name]

    network.executor.run([values[name] for name in program.inputs], (), watch)
    result = debug.compare(network, values, sample)
    assert tuple(fault.tensor for fault in result.culprits) == places
    assert {f.verdict for f in result.faults} == {"culprit", "inherits"}


def test_the_input_of_a_firmware_of_integers(tmp_path):
    """The integers in the chip's layout are all that it shows; the layer behind is the quantize."""
    network = residual()
    sample = sample_of(network)
    border = border_of(network.program, "native", "native")

    def turned(step, inputs, right):
        return step.operator.reference(network.chip, np.ascontiguousarray(inputs[0][:, ::-1]))

    board = board_of(network, sample, "image", turned)
    known = {name: array for name, array in board.items() if name in border.program.values}
    log = tmp_path / "monitor.log"
    log.write_text(board_log(border.program, known))
    result = debug.compare(network, log, sample)
    assert result.first.tensor == border.program.inputs[0] != "image"
    (culprit,) = result.culprits
    assert culprit.layer.operator == "quantize"
    assert culprit.explanations[0].name == "channel_order", result
    assert debug.compare(network, log).ok


def test_mean_and_deviation_of_the_user_are_tried():
    network = residual()
    sample = sample_of(network)
    mean, std = np.float32([0.11, 0.07, 0.31]), np.float32([0.83, 0.71, 1.3])

    def again(step, inputs, right):
        shape = (1, 3, 1, 1)
        normal = (inputs[0] - mean.reshape(shape)) / std.reshape(shape)
        return step.operator.reference(network.chip, normal)

    board = board_of(network, sample, "image", again)
    (culprit,) = debug.compare(network, board, sample, mean=list(mean), std=list(std)).culprits
    assert culprit.explanations[0].name == "normalized_twice"
    assert "std 0.83, 0.71, 1.3 twice" in culprit.explanations[0].detail
    (culprit,) = debug.compare(network, board, sample).culprits
    assert [one.name for one in culprit.explanations] == ["input_scaled"]


def test_what_is_not_tried_is_said(monkeypatch):
    network = residual()
    sample = sample_of(network)
    step = step_of(network, "conv2d")
    board = board_of(network, sample, step.outputs[0], lambda s, i, r: np.minimum(r, 9))
    (culprit,) = debug.compare(network, board, sample, seconds=0).culprits
    assert "the time for explanations was over before: relu_missing" in culprit.why
    assert culprit.statistics
    monkeypatch.setattr(layer_run, "MOST_PRODUCTS", 100)
    (culprit,) = debug.compare(network, board, sample).culprits
    assert "too large" in culprit.why and culprit.statistics


@pytest.mark.filterwarnings("ignore::tvm_espdl.errors.EspdlWarning")
def test_a_function_of_tvm_can_be_the_culprit():
    builder = QdqBuilder()
    x = builder.qdq(builder.node("Cos", builder.input("x", (1, 4, 2, 2))), -6)
    builder.output(builder.qdq(builder.node("Relu", x), -6))
    network = compile_file(builder.model(), "esp32c3")
    sample = sample_of(network)
    step = next(s for s in network.program.steps if isinstance(s.operator, Native))
    values = network.observe(sample)
    wrong = {name: array.copy() for name, array in values.items()}
    wrong[step.outputs[0]].ravel()[2] += np.float32(0.5)
    result = debug.compare(network, wrong, sample)
    (culprit,) = [fault for fault in result.culprits if fault.tensor == step.outputs[0]]
    assert "TVM compiles it" in culprit.why and culprit.explanations == ()
    assert any("relative differences" in text for text in culprit.statistics)


def test_several_outputs_and_inputs_are_told_apart():
    network = signals()
    sample = sample_of(network, SEED + 1)
    for name in ("v", network.program.steps[-2].outputs[0], "mul_10_0"):
        board = board_of(network, sample, name, one_more)
        result = debug.compare(network, board, sample)
        assert [fault.tensor for fault in result.culprits] == [name], result
        assert result.first.tensor == name


def test_a_network_of_an_espdl_file_names_its_layers(tmp_path):
    sample = sample_of(digits())
    digits().save_espdl(tmp_path / "digits.espdl", test_inputs=sample)
    network = compile_file(tmp_path / "digits.espdl", "esp32s3")
    program = network.program
    given = [np.zeros(program.values[n].shape, program.values[n].dtype) for n in program.inputs]
    given[0].ravel()[:] = np.arange(given[0].size) * 3 - 90
    step = step_of(network, "depthwise_conv2d")
    w, b = step.constants

    def fault(step, inputs, right):
        return step.operator.reference(network.chip, *inputs, w, np.zeros_like(b))

    board = board_of(network, given, step.outputs[0], fault)
    result = debug.compare(network, board, given)
    (culprit,) = result.culprits
    assert culprit.explanations[0].name == "bias_missing"
    assert "/dw/Conv" in str(result.first_layer)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("channel_order", lambda x: x[..., ::-1]),
        ("layout_of_input", lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape)),
        ("input_quantized_twice", lambda x: np.clip(x.astype(np.int64) * 64, -128, 127)),
    ],
)
def test_an_input_of_integers_is_explained_as_well(name, change, tmp_path):
    residual().save_espdl(tmp_path / "residual.espdl", test_inputs=sample_of(residual()))
    network = compile_file(tmp_path / "residual.espdl", "esp32s3")
    (value,) = network.program.inputs
    tensor = network.program.values[value]
    assert tensor.dtype == "int8"
    right = np.random.default_rng(SEED).integers(-90, 90, tensor.shape).astype(np.int8)
    turned = right if tensor.shape[-1] == 3 else right.transpose(0, 2, 3, 1)
    wrong = np.ascontiguousarray(change(turned)).astype(np.int8)
    if turned is not right:
        wrong = np.ascontiguousarray(wrong.transpose(0, 3, 1, 2))
    result = debug.compare(network, network.observe([wrong]), [right])
    (culprit,) = result.culprits
    assert culprit.tensor == value and culprit.layer is None
    assert culprit.explanations[0].name == name, result
    assert "no layer computes it" in str(result)
