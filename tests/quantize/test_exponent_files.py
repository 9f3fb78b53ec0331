"""Files of exponents: the same network again without data, and every way a file can be wrong."""

import base64
import copy
import json
import zlib

import numpy as np
import onnx
import pytest
from coverage_cases import CASES
from networks import DATA, digits_arrays
from qdq_networks import Quantized, floats, network, node
from test_coverage import drawn, network_of

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ChipError, DataError, EspdlError, ModelError, OutputError
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.exponent_files import exponents_text, parse_exponents

QUICK = {"recover": (), "hold_out": 0, "measure": False}


def again(model, result, tmp_path, chip="esp32s3", **options):
    """What the file of `result` makes of the float network."""
    result.save_exponents(tmp_path / "e.json")
    made = quantize_onnx(model, None, chip, exponents=tmp_path / "e.json", **options)
    assert exponents_text(made.exponents) == (tmp_path / "e.json").read_text()
    return made


@pytest.mark.parametrize(("chip", "int16"), [("esp32s3", ()), ("esp32p4", "*")])
def test_every_rule_is_made_again(chip, int16, tmp_path):
    model, samples = network_of(list(CASES)), drawn(list(CASES))
    result = quantize_onnx(model, samples, chip, int16=int16, **QUICK)
    made = again(model, result, tmp_path, chip)
    assert made.model.SerializeToString() == result.model.SerializeToString()


@pytest.mark.parametrize(
    ("chip", "options"),
    [
        ("esp32s3", {"recover": "all"}),
        ("esp32p4", {}),
        ("esp32s3", {"int16": "auto", "budget": 0.1}),
        ("esp32s3", {"float": "/fc/Gemm", "int16": "/c1/*", "activations": "kl"}),
    ],
)
def test_what_was_recovered_is_made_again(chip, options, tmp_path):
    model, data = DATA / "digits_cnn.onnx", digits_arrays()["calibration"]
    result = quantize_onnx(model, data, chip, measure=False, **options)
    made = again(model, result, tmp_path, chip)
    assert made.model.SerializeToString() == result.model.SerializeToString()
    assert bool(result.exponents.channels) == ("float" not in options)  # equalization took part
    assert result.exponents.integers
    assert "no data were looked at" in " ".join(str(made.report).split())
    assert made.report.accuracy is None


def small():
    nodes = [
        node("Conv", "x w b", "t"),
        node("Relu", "t", "u"),
        node("Add", "u c", "a", name="add"),
        node("Conv", "a v", "d"),
        node("Flatten", "d", "f"),
        node("Softmax", "f", "y"),
    ]
    constants = {
        "w": floats(4, 3, 3, 3),
        "b": floats(4),
        "c": floats(1, 4, 1, 1),
        "v": floats(2, 4, 3, 3, scale=0.02),
    }
    return network(nodes, {"x": (3, 3, 8, 8)}, {"y": (3, 32)}, constants)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The small network, three samples at once, and the content of its file."""
    path = tmp_path_factory.mktemp("exponents") / "e.json"
    result = quantize_onnx(
        small(), floats(24, 3, 8, 8), measure=False, recover="rounding", save_exponents=path
    )
    return result, json.loads(path.read_text())


def test_a_batch_is_made_again(saved, tmp_path):
    result, _ = saved
    made = again(small(), result, tmp_path)
    assert made.model.SerializeToString() == result.model.SerializeToString()
    assert made.model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 3


def test_the_numbers_in_the_file_decide(saved, tmp_path):
    """An exponent that is changed in the file is that of the tensor; the integers follow."""
    _, content = saved
    changed = copy.deepcopy(content)
    changed["tensors"]["x"]["exponent"] += 1
    del changed["integers"]  # they were chosen for the other exponent
    (tmp_path / "e.json").write_text(json.dumps(changed))
    made = Quantized(quantize_onnx(small(), None, exponents=tmp_path / "e.json").model)
    (first,) = [n for n in made.all("QuantizeLinear") if n.input[0] == "x"]
    assert made.constants[first.input[1]] == 2.0 ** changed["tensors"]["x"]["exponent"]


def edited(content, path, value):
    changed = copy.deepcopy(content)
    *parents, last = path
    place = changed
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


BAD = [
    ((("version",), 2), "another version of the format"),
    ((("version",), None), "no 'version'"),
    ((("format",), "x"), "no file of exponents"),
    ((("chip",), 3), "not a text"),
    ((("chip",), "esp32s4"), "no such chip|unknown chip"),
    ((("chip",), "esp32p4"), "for another chip"),
    ((("more",), 1), "an unknown entry; found: 'more'"),
    ((("weights",), None), "no 'weights'"),
    ((("weights",), []), "not an object"),
    ((("weights", "t"), 3), "not a list"),
    ((("weights", "t"), [-7, -7]), "not one exponent for each output channel"),
    ((("weights", "t"), [-50]), "the bias does not fit|integers were chosen"),
    ((("weights", "t"), None), "lacks a layer of the network; found: nothing of 't'"),
    ((("weights", "nobody"), [-7]), "no such layer with weights; found: 'nobody'"),
    ((("tensors", "x", "exponent"), 31), "whole numbers from -30 to 30"),
    ((("tensors", "x", "exponent"), 1.0), "whole numbers"),
    ((("tensors", "x", "exponent"), True), "whole numbers"),
    ((("tensors", "x", "exponent"), 10**400), "a huge number"),
    ((("tensors", "x", "exponent"), "-7"), "whole numbers"),
    ((("tensors", "x", "exponent"), None), "no 'exponent'"),
    ((("tensors", "x", "bits"), 12), "no such width"),
    ((("tensors", "x", "bits"), 16), "lacks a constant or requantized input.*'input 0 of t'"),
    ((("tensors", "u", "bits"), 16), "the width is not that of the node"),
    ((("tensors", "x"), None), "nothing of 'x'"),
    ((("tensors", "nobody"), {"bits": 8, "exponent": 0}), "no such quantized tensor"),
    ((("tensors", "a", "exponent"), 20), "holds it and tensor 'u' at one exponent"),
    ((("tensors", "d", "exponent"), -30), "are coarser|holds it and"),
    ((("operands", "a", "1", "exponent"), 20), "holds it and tensor"),
    ((("operands", "a", "7"), {"bits": 8, "exponent": 0}), "no quantized input of that node"),
    ((("operands", "a", "x"), {"bits": 8, "exponent": 0}), "not the place of an input"),
    ((("operands", "a"), None), "nothing of 'input 1 of a'"),
    ((("int16",), ["nobody"]), "no such node; found: 'nobody'"),
    ((("int16",), "t"), "not a list"),
    ((("float",), ["t"]), "no such quantized tensor|lacks a|holds it"),
    ((("opset",), 12), "another ONNX operator set"),
    ((("opset",), 999), "cannot be converted to ONNX operator set 999"),
    ((("per_channel",), 1), "neither true nor false"),
    ((("per_channel",), True), "one weight exponent per tensor only"),
    ((("channels",), {"nobody": [1.0]}), "no such set of channels"),
    ((("channels",), {"t": [0.0]}), "not a factor of channels"),
    ((("integers", "t", "1", "check"), "00000000"), "chosen for other numbers"),
    ((("integers", "t", "1", "check"), "xyz"), "not a CRC-32"),
    ((("integers", "t", "1", "type"), "int64"), "no such type"),
    ((("integers", "t", "1", "count"), 7), "not as many integers as announced"),
    ((("integers", "t", "1", "offsets"), "%%%%"), "not packed integers"),
    ((("integers", "t", "1", "offsets"), "eJw="), "not as many integers|not packed"),
    ((("integers", "t", "9"), {"check": "0" * 8, "type": "int8", "count": 0,
      "offsets": base64.b64encode(zlib.compress(b"")).decode()}), "no such constant"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), BAD, ids=[str(edit)[:50] for edit, _ in BAD])
def test_what_does_not_fit_is_refused(saved, tmp_path, edit, message):
    _, content = saved
    path = tmp_path / "e.json"
    path.write_text(json.dumps(edited(content, *edit)))
    with pytest.raises(EspdlError, match=message) as caught:
        quantize_onnx(small(), None, exponents=path, save_to=tmp_path / "q.onnx")
    assert str(path) in str(caught.value) or "chip" in str(edit) or "999" in str(edit)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "cannot be read as JSON"),
        (b"[1]", "not an object"),
        (b"\xff\xfe{}", "cannot be read as JSON"),
        (b'{"format": NaN}', "NaN is no number"),
        (b'{"format": 1e999}', "no file of exponents"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": {"b": {}, "b": {}}}', "'b' stands twice"),
        (b"[" * 100000, "nested too deeply|cannot be read"),
        (b'{"a": ' + b"9" * 5000 + b"}", "cannot be read as JSON"),
    ],
)
def test_what_is_no_file_of_exponents_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        parse_exponents(text, "e.json")


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tvm_espdl.files.checked_json.LARGEST_FILE", 100)
    (tmp_path / "e.json").write_bytes(b" " * 101)
    with pytest.raises(DataError, match="too large"):
        quantize_onnx(small(), None, exponents=tmp_path / "e.json")
    with pytest.raises(DataError, match="cannot be read"):
        quantize_onnx(small(), None, exponents=tmp_path / "missing.json")


def test_packed_integers_do_not_grow(saved):
    _, content = saved
    bomb = base64.b64encode(zlib.compress(b"\0" * (1 << 24))).decode()
    changed = edited(content, ("integers", "t", "1", "offsets"), bomb)
    with pytest.raises(DataError, match="not as many integers as announced"):
        parse_exponents(json.dumps(changed).encode())


HOSTILE = [
    None,
    True,
    -1,
    10**30,
    1e308,
    -0.5,
    "",
    "x",
    "a\0b\n",
    [],
    {},
    [[]],
    {"": 1},
    2**63,
    "9" * 50,
]


def _leaves(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _leaves(value[key], (*path, key))


def test_random_damage_is_refused_or_still_a_file(saved, tmp_path):
    """Whatever a value or a byte becomes, there is an error of ours or a network."""
    seed, path = 20261130, tmp_path / "e.json"
    rng = np.random.default_rng(seed)
    _, content = saved
    places = [path for path in _leaves(content) if path]
    refused = 0
    for number in range(300):
        changed = copy.deepcopy(content)
        *parents, last = places[rng.integers(len(places))]
        place = changed
        for name in parents:
            place = place[name]
        place[last] = HOSTILE[rng.integers(len(HOSTILE))]
        data = bytearray(json.dumps(changed).encode())
        if number % 3 == 0:
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data)
        try:
            found = quantize_onnx(small(), None, exponents=path).model
            assert found.graph.node, seed
        except EspdlError:
            refused += 1
    assert refused > 200, seed


def test_options_that_the_file_leaves_no_room_for(saved, tmp_path):
    result, _ = saved
    result.save_exponents(tmp_path / "e.json")
    data = floats(24, 3, 8, 8)
    for calibration, options, named in (
        (data, {}, "calibration"),
        (None, {"int16": "t"}, "int16"),
        (None, {"activations": "kl", "float": "t"}, "activations, float"),
        (None, {"per_channel": False, "requantize": True}, "per_channel, requantize"),
        (None, {"hold_out": 4, "measure": "all"}, "hold_out, measure"),
    ):
        with pytest.raises(EspdlError, match=f"decides alone.*{named}"):
            quantize_onnx(small(), calibration, exponents=tmp_path / "e.json", **options)
    with pytest.raises(EspdlError, match="quantized already: its exponents are its own"):
        quantize_onnx(result.model, None, exponents=tmp_path / "e.json")
    with pytest.raises(ChipError, match="for another chip"):
        quantize_onnx(small(), None, "esp32p4", exponents=tmp_path / "e.json")
    with pytest.raises(ModelError, match="no exponents to save"):
        quantize_onnx(result.model, None).save_exponents(tmp_path / "f.json")
    with pytest.raises(OutputError):
        result.save_exponents(tmp_path / "e.json")


def test_other_weights_of_the_same_network(saved, tmp_path):
    """Integers that were chosen for others are not taken; without them all is well."""
    _, content = saved
    model = small()
    model.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(floats(4, 3, 3, 3, seed=3), "w")
    )
    (tmp_path / "e.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="chosen for other numbers"):
        quantize_onnx(model, None, exponents=tmp_path / "e.json")


def in_esp_ppq_form(saved):
    """What ESP-PPQ would write of the small network, by the exponents that a file of ours has."""
    tensors = {name: held["exponent"] for name, held in saved["tensors"].items()}
    tensors |= {"w": saved["weights"]["t"][0], "v": saved["weights"]["d"][0]}
    tensors |= {"c": saved["operands"]["a"]["1"]["exponent"]}
    operators = {"Conv_0": "x w u", "add": "u c a", "Conv_1": "a v d", "Flatten": "d f",
                 "Softmax": "f y"}  # fmt: skip
    codes = {name: 1000 + place for place, name in enumerate([*tensors, "y"])}

    def config(name, bits=8):
        state = "FP32" if name == "y" else "ACTIVATED"
        return {"bit_width": bits, "state": state, "hash": codes[name] + 5000,
                "dominator": codes[name]}  # fmt: skip

    configs = {key: {n: config(n) for n in names.split()} for key, names in operators.items()}
    configs["Conv_0"]["b"] = {**config("x", 20), "state": "PASSIVE"}
    configs["Conv_0"]["u"] = configs["Conv_0"].pop("u")  # what is made comes last
    values = {str(codes[n]): {"scale": 2.0**e, "zero_point": 0.0} for n, e in tensors.items()}
    return {"configs": configs, "dispatchings": {}, "values": values}


def test_esp_ppq_form(saved, tmp_path):
    """The exponents are those of the file, weights are rounded to the nearest."""
    _, content = saved
    (tmp_path / "p.json").write_text(json.dumps(in_esp_ppq_form(content)))
    result = quantize_onnx(small(), None, exponents=tmp_path / "p.json")
    assert {row.operator: row.reason for row in result.report.left_float} == {
        "Softmax": "ESP-PPQ left it float"
    }
    found = result.exponents
    for name, held in content["tensors"].items():
        if name != "y":
            assert found.tensors[name].exponent == held["exponent"], name
    assert {name: [*e] for name, e in found.weights.items()} == content["weights"]
    assert not found.integers
    again(small(), result, tmp_path)


PPQ = [
    (("values", "1000", "scale"), 0.3, "powers of two"),
    (("values", "1000", "scale"), -1.0, "powers of two"),
    (("values", "1000", "scale"), 2.0**-40, "does not have; found"),
    (("values", "1000", "scale"), [], "no scale"),
    (("values", "1000", "scale"), None, "its scale is missing"),
    (("values", "1000", "zero_point"), 3, "a zero point that is not 0"),
    (("values", "1000"), None, "lacks a tensor of the network; found: nothing of 'x'"),
    (("values", "1000", "scale"), "x", "not a number"),
    (("configs", "Conv_0", "x", "bit_width"), None, "no 'bit_width'"),
    (("configs", "Conv_0"), 7, "not an object"),
    (("configs",), {}, "no such tensor"),
]


@pytest.mark.parametrize(("path", "value", "message"), PPQ)
def test_what_esp_ppq_does_not_write(saved, tmp_path, path, value, message):
    _, content = saved
    bad = edited(in_esp_ppq_form(content), path, value)
    (tmp_path / "p.json").write_text(json.dumps(bad))
    with pytest.raises(DataError, match=message):
        quantize_onnx(small(), None, exponents=tmp_path / "p.json")


def test_data_say_what_esp_ppq_leaves_open(saved, tmp_path):
    _, content = saved
    bad = edited(in_esp_ppq_form(content), ("values", "1000"), None)
    (tmp_path / "p.json").write_text(json.dumps(bad))
    data = floats(24, 3, 8, 8)
    result = quantize_onnx(small(), data, exponents=tmp_path / "p.json", measure=False)
    assert result.exponents.tensors["x"].bits == 8
    for name in ("u", "d"):
        assert result.exponents.tensors[name].exponent == content["tensors"][name]["exponent"]


@pytest.mark.parametrize(("target", "step"), [("esp32s3_w8a8", 0.0), ("esp32p4_w8a16", 2.0**-11)])
def test_esp_ppqs_own_files_give_its_own_integers(models_dir, target, step):
    """The outputs that ESP-PPQ stored, on four samples: int8 bit for bit, its float int16 to 1."""
    folder = models_dir / "quantized" / "digits_cnn"
    path = folder / target / "digits_cnn.json"
    chip = target.split("_")[0]
    result = quantize_onnx(folder / "digits_cnn.onnx", None, chip, exponents=path)
    library = compile_file(result.model)
    with np.load(path.with_suffix(".npz")) as stored:
        for k in range(4):
            (found,) = library.run([stored[f"s{k}.in_float"]])
            expected = stored[f"s{k}.out_float.logits"]
            assert np.abs(found.reshape(-1) - expected.reshape(-1)).max() <= step


def test_command(tmp_path, capsys):
    np.save(tmp_path / "c.npy", floats(24, 3, 8, 8))
    onnx.save(small(), tmp_path / "m.onnx")
    way = ["quantize", "--input_model", str(tmp_path / "m.onnx"), "--no_measure"]
    first, second = str(tmp_path / "q.onnx"), str(tmp_path / "r.onnx")
    exponents = str(tmp_path / "e.json")
    assert main([*way, "--output_model", first, "--calibrate_dataset", str(tmp_path / "c.npy"),
                 "--save-exponents", exponents]) == 0  # fmt: skip
    assert f"wrote {exponents}" in capsys.readouterr().out
    assert main([*way, "--output_model", second, "--exponents", exponents]) == 0
    out = capsys.readouterr().out
    assert "quantized for esp32s3 as the file of exponents states" in out
    assert (tmp_path / "q.onnx").read_bytes() == (tmp_path / "r.onnx").read_bytes()
    third = str(tmp_path / "s.onnx")
    for option in (("--int16", "t"), ("--hold_out", "8")):
        assert main([*way, "--output_model", third, "--exponents", exponents, *option]) == 2
        assert "decides alone" in capsys.readouterr().err
    assert main([*way, "--output_model", third, "--save_exponents", third]) == 2
    assert not (tmp_path / "s.onnx").exists()
