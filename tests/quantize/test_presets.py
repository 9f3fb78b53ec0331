"""Widths in one word, and those of inputs and outputs; contradictions are refused."""

import numpy as np
import pytest
from networks import DATA, digits_arrays
from qdq_networks import Quantized, floats, network, node, run

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlError
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.presets import BUDGETS

QUICK = {"recover": (), "measure": False}
MAPS = (1, 16, 8, 8)
SAMPLES = floats(16, *MAPS[1:])


def chain(count=3, *, last="Flatten", shape=(1, 1024)):
    """Convolutions behind each other, then something that moves values."""
    nodes = [node("Conv", f"t{i} w{i}", f"t{i + 1}", name=f"c{i}") for i in range(count)]
    nodes.append(node(last, f"t{count}", "y"))
    weights = {f"w{i}": floats(16, 16, 1, 1, seed=i, scale=0.2) for i in range(count)}
    for one in nodes:
        one.input[:] = ["x" if name == "t0" else name for name in one.input]
    return network(nodes, {"x": MAPS}, {"y": shape}, weights)


def widths(result):
    """The width of each quantized tensor, by name; `x` and `y` are input and output."""
    made, found = Quantized(result.model), {}
    for one in made.all("QuantizeLinear"):
        name = one.output[0].removesuffix("_quantized")
        found[name] = made.constants[one.input[2]].dtype.itemsize * 8
    return found


def test_one_word_is_what_it_stands_for():
    model = chain()
    for word, options in {
        "int8": {},
        "int16": {"int16": "*"},
        "mix_light": {"int16": "auto", "budget": BUDGETS["mix_light"]},
        "mix_balance": {"int16": "auto", "budget": BUDGETS["mix_balance"]},
    }.items():
        by_word = quantize_onnx(model, SAMPLES, precision=word, **QUICK)
        assert by_word.model == quantize_onnx(model, SAMPLES, **options, **QUICK).model, word
    found = {w: quantize_onnx(model, SAMPLES, precision=w, **QUICK) for w in ("int8", "int16")}
    assert {*widths(found["int8"]).values()} == {8}
    assert {*widths(found["int16"]).values()} == {16}


def test_a_mixed_word_keeps_within_its_budget_and_stops_at_the_wanted_accuracy():
    model, data = DATA / "digits_cnn.onnx", digits_arrays()["calibration"]
    light, balance = (
        quantize_onnx(model, data, precision=word, **QUICK).report.tradeoff
        for word in ("mix_light", "mix_balance")
    )
    assert light.steps[light.chosen].extra_cycles <= 0.1 * light.cycles
    spent = balance.steps[balance.chosen].extra_cycles / balance.cycles
    assert 0.1 < spent <= 0.5
    early = quantize_onnx(model, data, precision="mix_balance", wanted_snr=1.0, **QUICK)
    assert early.report.tradeoff.chosen == 0


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
@pytest.mark.parametrize(
    ("options", "inputs", "outputs", "middle"),
    [
        ({}, 8, 8, 8),
        ({"input_bits": 16}, 16, 8, 8),
        ({"output_bits": 16}, 8, 16, 8),
        ({"input_bits": 16, "output_bits": 16}, 16, 16, 8),
        ({"precision": "int16", "input_bits": 8}, 8, 16, 16),
        ({"precision": "int16", "output_bits": 8}, 16, 8, 16),
        ({"precision": "int16", "input_bits": 8, "output_bits": 8}, 8, 8, 16),
        ({"int16": "c1", "input_bits": 8, "output_bits": 8}, 8, 8, 16),
    ],
)
def test_widths_of_inputs_and_outputs(chip, options, inputs, outputs, middle):
    result = quantize_onnx(chain(), SAMPLES, chip, **options, **QUICK)
    found = widths(result)
    assert (found["x"], found["y"], found["t2"]) == (inputs, outputs, middle)


@pytest.mark.parametrize(("first", "last"), [(8, 16), (16, 8)])
def test_the_library_has_these_widths(first, last):
    widths_ = {"input_bits": first, "output_bits": last}
    result = quantize_onnx(chain(), SAMPLES, "esp32p4", **widths_, **QUICK)
    library = compile_file(result.model)
    program = library.program
    ends = [
        program.values[program.steps[0].outputs[0]],
        program.values[program.steps[-1].inputs[0]],
    ]
    assert [value.dtype for value in ends] == [f"int{first}", f"int{last}"]
    for sample in SAMPLES[:4]:
        (found,) = library.run([sample[np.newaxis]])
        (expected,) = run(result.model, {"x": sample[np.newaxis]}).values()
        np.testing.assert_array_equal(found, expected)


def test_several_inputs_and_outputs_and_one_that_is_only_moved():
    nodes = [
        node("Conv", "x w", "a"),
        node("Add", "z a", "y"),
        node("Flatten", "v", "u"),
        node("Sigmoid", "y", "s"),
    ]
    model = network(nodes, {"x": MAPS, "z": MAPS, "v": (1, 4, 2)},
                    {"y": MAPS, "u": (1, 8), "s": MAPS},
                    {"w": floats(16, 16, 1, 1)})  # fmt: skip
    data = {"x": SAMPLES, "z": SAMPLES, "v": floats(16, 4, 2)}
    for bits in (8, 16):
        result = quantize_onnx(model, data, precision="int16" if bits == 8 else None,
                               input_bits=bits, output_bits=bits, **QUICK)  # fmt: skip
        found = widths(result)
        assert [found[name] for name in ("x", "z", "y", "s")] == [bits] * 4
        assert not found.keys() & {"v", "u"}  # nothing computes with them: they stay float


def test_a_width_that_the_chip_does_not_have():
    nodes = [node("Conv", "x w", "a"), node("Resize", "a  s", "y", mode="nearest")]
    nodes[1].input[:] = ["a", "", "s"]
    constants = {"w": floats(16, 16, 1, 1), "s": np.array([1, 1, 2, 2], np.float32)}
    model = network(nodes, {"x": MAPS}, {"y": (1, 16, 16, 16)}, constants)
    with pytest.raises(EspdlError, match=r"option output_bits, tensor 'y'.*Resize in int8"):
        quantize_onnx(model, SAMPLES, output_bits=16, **QUICK)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"precision": "int8", "int16": "c1"}, "int16"),
        ({"precision": "int8", "input_bits": 16, "output_bits": 16}, "input_bits, output_bits"),
        ({"precision": "int16", "budget": 0.1}, "budget"),
        ({"precision": "int16", "wanted_snr": 30.0}, "wanted_snr"),
        ({"precision": "int16", "int16": "*"}, "int16"),
        ({"precision": "mix_light", "int16": "auto"}, "int16"),
        ({"precision": "mix_light", "budget": 0.3}, "budget"),
        ({"precision": "int4"}, "no such precision.*int8, int16, mix_light, mix_balance"),
        ({"input_bits": 4}, "no such width"),
        ({"output_bits": True}, "no such width"),
    ],
)
def test_contradictions(options, named):
    with pytest.raises(EspdlError, match=f"option .*{named}"):
        quantize_onnx(chain(), SAMPLES, **options, **QUICK)


def test_command(tmp_path, capsys):
    import onnx

    onnx.save(chain(), tmp_path / "m.onnx")
    np.save(tmp_path / "c.npy", SAMPLES)
    way = ["quantize", "--input_model", str(tmp_path / "m.onnx"), "--no_measure",
           "--calibrate_dataset", str(tmp_path / "c.npy"), "--output_model"]  # fmt: skip
    assert main([*way, str(tmp_path / "q.onnx"), "--precision", "int16", "--input-bits", "8"]) == 0
    assert onnx.load(tmp_path / "q.onnx") == quantize_onnx(
        chain(), SAMPLES, precision="int16", input_bits=8, measure=False
    ).model  # fmt: skip
    assert main([*way, str(tmp_path / "r.onnx"), "--precision", "int8", "--int16", "c1"]) == 2
    error = capsys.readouterr().err
    assert "say different things" in error
    assert not (tmp_path / "r.onnx").exists()
