"""What a firmware prints is shown equal, whatever the network; what it leaves out is not."""

import re

import numpy as np
import pytest
from board_log import board_log
from qdq_builder import QdqBuilder

from tvm_espdl import debug, relay
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.program.border.formats import border_of
from tvm_espdl.relay.program import INPUT_NAMES, OUTPUT_NAMES, STATES
from tvm_espdl.toolchain.network import build_project

SHAPE = (1, 4, 2, 2)
RUN = re.compile(r"  if \(run_network\(\) != 0\) \{")


def several(dtype=np.int8):
    """Two inputs and two outputs, of which one is read again."""
    builder = QdqBuilder(dtype)
    a, b = (builder.quantized_input(name, SHAPE) for name in ("@espdl end 1", "100%"))
    total = builder.qdq(builder.node("Add", a, b), -4)
    builder.output(total)
    builder.output(builder.qdq(builder.node("Relu", total), -4))
    return builder.model()


def turned():
    """An output whose elements stand in another order than in what it is made of."""
    builder = QdqBuilder()
    x = builder.qdq(builder.node("Relu", builder.quantized_input("x", SHAPE)), -4)
    flat = builder.constant(np.array([1, -1], np.int64))
    turn = builder.qdq(builder.node("Transpose", x, perm=[0, 2, 3, 1]), -4)
    builder.output(builder.qdq(builder.node("Reshape", turn, flat), -4))
    return builder.model()


def float_parts():
    builder = QdqBuilder()
    x = builder.qdq(builder.node("Cos", builder.input("x", SHAPE)), -6)
    builder.output(builder.node("Cos", builder.qdq(builder.node("Relu", x), -6)))
    return builder.model()


def with_state(chip):
    """y = x + s, and s becomes -y; all is float outside."""
    builder = QdqBuilder()
    x, s = (builder.quantized_input(name, SHAPE) for name in "xs")
    y = builder.qdq(builder.node("Add", x, s), -4)
    builder.output(y)
    builder.output(builder.qdq(builder.node("Neg", y), -4))
    mod, params = relay.frontend.from_onnx(builder.model())
    names = [str(name) for name in mod["main"].attrs[OUTPUT_NAMES]]
    attrs = {INPUT_NAMES: ["x"], OUTPUT_NAMES: names[:1], STATES: [["s", names[1]]]}
    mod["main"] = mod["main"].with_attrs(attrs)
    return relay.build(mod, target=f"espressif/{chip}", params=params)


def sample_of(network):
    source = np.random.default_rng(4)
    types = (network.program.values[name] for name in network.program.inputs)
    return [source.uniform(-9, 9, tensor.shape).astype(tensor.dtype) for tensor in types]


def printed(network, sample, compiler, folder, runs=1, **formats):
    """The log of a firmware that runs a sample several times."""
    project = network.export_project(folder / "project", sample_input=sample, **formats)
    text = (project / "main" / "app_main.c").read_text()
    again = "\n".join(["  (void)run_network();"] * (runs - 1))
    main = folder / "main.c"
    main.write_text(RUN.sub(lambda found: f"{again}\n{found[0]}", text).replace("failed;", "0;"))
    build_project(project, folder / "program", compiler, main=main, defines=["TVM_ESPDL_DUMP"])
    (folder / "monitor.log").write_text(compiler.run(folder / "program"))
    return folder / "monitor.log"


def without_data(log):
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if not line.startswith("@espdl data")))
    return log


@pytest.mark.filterwarnings("ignore::tvm_espdl.errors.EspdlWarning")
@pytest.mark.parametrize(
    ("model", "chip"),
    [
        (several(), "esp32p4"),
        (several(np.int16), "esp32"),
        (several(np.int16), "esp32s3"),
        (turned(), "esp32p4"),
        (float_parts(), "esp32c3"),
    ],
)
def test_what_a_firmware_prints_is_equal(model, chip, c_compiler, tmp_path):
    network = compile_file(model, chip)
    sample = sample_of(network)
    log = printed(network, sample, c_compiler, tmp_path)
    steps = sum(len(step.outputs) for step in network.program.steps)
    result = debug.compare(network, log, sample)
    assert result.ok and len(result.equal) == steps, result
    result = debug.compare(network, without_data(log), sample)
    assert result.ok and len(result.equal) == steps, result


NATIVE = {"input_format": "native", "output_format": "native"}


@pytest.mark.parametrize(
    ("model", "formats"),
    [
        (several(np.int16), NATIVE),
        (several(), {"input_format": {"100%": "native"}}),
        (turned(), {"input_format": "uint8", "layout": "NCHW"}),
    ],
)
def test_a_firmware_without_floats_at_its_border_is_equal(model, formats, c_compiler, tmp_path):
    network = compile_file(model, "esp32s3")
    sample = sample_of(network) if "layout" not in formats else None
    log = printed(network, sample, c_compiler, tmp_path, **formats)
    result = debug.compare(network, log, sample)
    assert result.ok and not result.missing, result
    assert formats is not NATIVE or debug.compare(network, log).ok


@pytest.mark.parametrize("lost", [1, 2])
def test_a_firmware_of_integers_shows_each_output_itself(lost, tmp_path):
    network = compile_file(several(), "esp32s3")
    border = border_of(network.program, "native", "native")
    known = border.program.values
    tensors = network.run_with_intermediates(*sample_of(network))
    tensors = {name: array for name, array in tensors.items() if name in known}
    log = tmp_path / "monitor.log"
    log.write_text(board_log(border.program, tensors))
    assert debug.compare(network, log).ok
    log.write_text(board_log(border.program, dict(list(tensors.items())[:-lost])))
    problems = debug.compare(network, log).problems
    assert f"{border.program.outputs[1]}: this output of the network is not in the dump" in problems


@pytest.mark.parametrize("runs", [1, 2])
def test_a_later_run_begins_with_the_states_that_it_shows(runs, c_compiler, tmp_path):
    network = with_state("esp32s3")
    sample = sample_of(network)
    log = printed(network, sample, c_compiler, tmp_path, runs)
    for inputs in (sample, None):
        result = debug.compare(network, log, inputs)
        assert result.ok and not result.missing and not result.notes, result
    result = debug.compare(network, without_data(log), sample)
    # A run cannot be repeated whose beginning is known by its checksum only: no difference.
    assert result.ok == (runs == 1) and not result.differences, result
    assert any("only its checksum" in problem for problem in result.problems) == (runs > 1)


def test_the_state_alone_shows_nothing():
    network = with_state("esp32s3")
    tensors = network.run_with_intermediates(*sample_of(network))
    given = {name: tensors[name] for name in ("x", "s")}
    problems = debug.compare(network, given).problems
    assert "no tensor that the board has computed is shown to be equal" in problems


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_firmware_shows_each_output_itself(lost, tmp_path):
    network = compile_file(turned(), "esp32s3")
    sample = sample_of(network)
    tensors = network.run_with_intermediates(*sample)
    log = tmp_path / "monitor.log"
    log.write_text(board_log(network.program, tensors))
    assert debug.compare(network, log, sample).ok
    log.write_text(board_log(network.program, dict(list(tensors.items())[:-lost])))
    result = debug.compare(network, log, sample)
    (output,) = network.program.outputs
    assert result.problems == (f"{output}: this output of the network is not in the dump",)


def test_a_firmware_that_computes_nothing_has_printed_a_log(tmp_path):
    builder = QdqBuilder()
    builder.output(builder.node("Identity", builder.input("x", SHAPE)))
    with pytest.warns(EspdlWarning):
        network = compile_file(builder.model(), "esp32s3")
    (tmp_path / "monitor.log").write_text(board_log(network.program, {}))
    result = debug.compare(network, tmp_path / "monitor.log", sample_of(network))
    assert result.problems == ("no tensor that the board has computed is shown to be equal",)
