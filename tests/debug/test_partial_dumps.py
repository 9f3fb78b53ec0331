"""Dumps of people: sixteen numbers of a layer, printed or typed, and what ESP-DL prints."""

import random

import numpy as np
import pytest
from networks import library
from test_firmware_logs import sample_of, several

from tvm_espdl import debug
from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.debug import read_dump
from tvm_espdl.errors import DataError

LAYER = "/Relu_output_0"


def by_c(values):
    """As the old guide has users print them: `printf("%d,", out[i])`."""
    return "".join(f"{value}," for value in values)


def by_numpy(values):
    return str(np.asarray(values))


@pytest.fixture(scope="module")
def sixteen(tensors):
    return [int(value) for value in tensors[LAYER].ravel()[:16]]


FORMS = {
    "a list": list,
    "the guide's printf": by_c,
    "NumPy's print": by_numpy,
    "a tuple": tuple,
    "with spaces": lambda values: " ".join(map(str, values)),
    "a list in text": str,
}


@pytest.mark.parametrize("form", FORMS)
def test_sixteen_numbers_are_compared_as_far_as_they_go(form, sixteen, network, sample):
    result = debug.compare(network, {LAYER: FORMS[form](sixteen)}, sample)
    assert [(part.tensor, part.compared) for part in result.partial] == [(LAYER, 16)]
    assert not result.ok and not result.differences, result
    wrong = [*sixteen[:7], sixteen[7] + 1, *sixteen[8:]]
    result = debug.compare(network, {LAYER: FORMS[form](wrong)}, sample)
    assert (result.first.tensor, result.first.first) == (LAYER, 7)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[], (), [float("nan")] * 3, [float("inf")], [1e308, -1e308]])
def test_what_cannot_be_values_of_a_tensor_is_said(values, network, sample):
    for name in (LAYER, "logits_float"):
        result = debug.compare(network, {name: values}, sample)
        assert not result.ok and not result.equal and not result.partial
        assert any(problem.startswith(f"{name}: ") for problem in result.problems), result


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text + "\n",
        lambda text: f"I (321) main_task: Calling app_main()\n{text}\nI (400) app: done\n",
        lambda text: f"I (321) app: {text}\r\n",
        lambda text: "".join(f"{part},\n" for part in text.rstrip(",").split(",")),
    ],
)
def test_numbers_in_a_text_are_named_by_the_user(wrap, sixteen, network, sample, tmp_path):
    path = tmp_path / "values.txt"
    path.write_bytes(wrap(by_c(sixteen)).encode())
    result = debug.compare(network, path, sample, tensors=[LAYER])
    assert [(part.tensor, part.compared) for part in result.partial] == [(LAYER, 16)], result


def test_each_group_of_numbers_has_a_name(sixteen, network, tensors, sample, tmp_path):
    path = tmp_path / "values.txt"
    logits = by_c(int(value) for value in tensors["logits"].ravel())
    path.write_text(f"first layer\n{by_c(sixteen)}\nlogits\n{logits}\n")
    result = debug.compare(network, path, sample, tensors=[LAYER, "logits"])
    assert result.equal == ("logits",) and len(result.partial) == 1
    with pytest.raises(DataError, match=r"1 names; 2 groups: 16 numbers in line 2, 10 numbers"):
        debug.compare(network, path, sample, tensors=[LAYER])
    with pytest.raises(DataError, match="--tensor NAME"):
        debug.compare(network, path, sample)


def test_names_are_for_what_has_none(network, tensors, sample, tmp_path):
    np.savez(tmp_path / "dump.npz", **tensors)
    for dump in (tmp_path / "dump.npz", tensors):
        with pytest.raises(DataError, match="names of tensors are for a log"):
            debug.compare(network, dump, sample, tensors=[LAYER])


def test_a_dump_may_be_compared_twice(sixteen, network, sample):
    dump = read_dump({LAYER: sixteen})
    first, second = (debug.compare(network, dump, sample) for _ in range(2))
    assert first.partial == second.partial != ()
    assert list(dump.typed) == [LAYER] and not dump.tensors


def test_real_values_are_integers_at_their_scale(network, tensors, sample):
    exponent = network.program.values[LAYER].exponent
    real = tensors[LAYER].ravel()[:40] * 2.0**exponent
    for values in (list(real), "".join(f"{value:f}," for value in real)):
        result = debug.compare(network, {LAYER: values}, sample)
        assert result.partial and not result.differences, result
        assert any("times 2^" in note for note in result.notes)
    odd = [*real[:3], real[3] + 2.0**exponent / 3]
    result = debug.compare(network, {LAYER: odd}, sample)
    assert not result.partial and any("no multiples" in problem for problem in result.problems)


def test_numbers_that_are_none_of_the_tensor_are_problems(network, sample):
    for values, said in (
        ([1, 2, 300], "none of int8"),
        (["x"], "no numbers"),
        ("none here", "no numbers"),
        ([[1], [2, 3]], "no array"),
    ):
        try:
            result = debug.compare(network, {LAYER: values}, sample)
        except DataError as error:
            assert said in str(error)
        else:
            assert not result.ok and any(said in problem for problem in result.problems)
    result = debug.compare(network, {"nobody": [1, 2]}, sample)
    assert "nobody: no such tensor in the network" in result.problems


def esp_dl_print(array, exponent, head="I (1234) print: "):
    """What `TensorBase::print(true)` of ESP-DL 3.3 prints."""
    dtype = {"float32": "float", "float64": "double"}.get(str(array.dtype), str(array.dtype))
    shape = ", ".join(map(str, array.shape))
    yield f"{head}shape: [{shape}], dtype: {dtype}, exponent: {exponent}, auto_free: 1, data: 0x3c0"
    yield f"{head}The data of TensorBase is:"
    form = "{:f}, " if array.dtype.kind == "f" else "{:d}, "
    line = ""
    for number, value in enumerate(array.ravel().tolist(), 1):
        line += form.format(value)
        if number % 16 == 0:
            yield line
            line = ""
    yield line


@pytest.fixture(scope="module")
def espdl(network, sample, tmp_path_factory):
    """The digits network as a file of ESP-DL's runtime, and what that computes."""
    path = tmp_path_factory.mktemp("espdl") / "digits.espdl"
    network.save_espdl(path, test_inputs=sample)
    return path


@pytest.fixture(scope="module")
def of_file(espdl, sample):
    lib = compile_file(espdl)
    (name,) = lib.program.inputs
    integers = library("digits", "esp32s3").run_with_intermediates(sample)["input"]
    x = integers.reshape(lib.program.values[name].shape)
    return lib, lib.run_with_intermediates(x)


def board_prints(lib, tensors, named=True, names=None):
    lines = ["I (30) boot: ESP-IDF v5.5", "I (446) FbsLoader: The storage free size is 32"]
    for name in names or [lib.program.inputs[0], lib.program.outputs[0]]:
        if named:
            lines.append(f"I (1233) app: {name}:")
        lines += esp_dl_print(tensors[name], lib.program.values[name].exponent)
        lines.append("W (1300) wifi: lost")
    return "\n".join(lines) + "\n"


def test_what_esp_dl_prints_of_input_and_output_is_compared(of_file, tmp_path):
    lib, tensors = of_file
    path = tmp_path / "monitor.log"
    path.write_text(board_prints(lib, tensors))
    result = debug.compare(lib, path)
    assert result.ok, result
    assert set(result.equal) == {lib.program.inputs[0], lib.program.outputs[0]}
    wrong = dict(tensors)
    (output,) = lib.program.outputs
    wrong[output] = tensors[output].copy()
    wrong[output].ravel()[4] += 1
    path.write_text(board_prints(lib, wrong))
    result = debug.compare(lib, path)
    assert (result.first.tensor, result.first.first) == (output, 4)


def test_names_come_from_the_user_or_from_the_only_shape(of_file, tmp_path):
    lib, tensors = of_file
    path = tmp_path / "monitor.log"
    names = [lib.program.inputs[0], lib.program.outputs[0]]
    path.write_text(board_prints(lib, tensors, named=False))
    assert debug.compare(lib, path, tensors=names).ok
    result = debug.compare(lib, path)
    told = [*result.notes, *result.problems]
    assert any("no other one is like that" in text or "print its name" in text for text in told)
    assert not result.differences
    with pytest.raises(DataError, match="2 printed tensors, 1 names"):
        debug.compare(lib, path, tensors=names[:1])


def test_hidden_layers_of_int16_networks_too(tmp_path):
    lib = compile_file(several(np.int16), "esp32p4")
    sample = sample_of(lib)
    tensors = lib.run_with_intermediates(*sample)
    names = [name for name, array in tensors.items() if array.dtype == np.int16]
    path = tmp_path / "monitor.log"
    path.write_text(board_prints(lib, tensors, named=False, names=names))
    result = debug.compare(lib, path, sample, tensors=names)
    assert set(result.equal) == set(names), result


def test_values_that_are_lost_are_missed(of_file, tmp_path):
    lib, tensors = of_file
    lines = board_prints(lib, tensors).splitlines()
    (first,) = [n for n, line in enumerate(lines) if f"{lib.program.inputs[0]}:" in line]
    path = tmp_path / "monitor.log"
    path.write_text("\n".join(lines[: first + 4] + lines[first + 5 :]))
    result = debug.compare(lib, path)
    assert not result.ok
    assert any("values came" in problem for problem in result.problems), result


@pytest.mark.parametrize("seed", range(4))
def test_damaged_prints_of_esp_dl_have_an_account(seed, of_file, tmp_path):
    lib, tensors = of_file
    text = board_prints(lib, tensors)
    path = tmp_path / "monitor.log"
    alphabet = "0123456789-,. []abfnx\n"
    rng = random.Random(seed)
    equal = 0
    for number in range(100):
        at = rng.randrange(len(text))
        new = "".join(rng.choice(alphabet) for _ in range(rng.randrange(4)))
        path.write_text(text[:at] + new + text[at + rng.choice([0, 1, 5, 200]) :])
        try:
            result = debug.compare(lib, path, seconds=0)
        except DataError:
            continue
        equal += result.ok
        assert result.ok or result.problems or result.differences, f"seed {seed}, {number}"
        assert set(result.equal) <= {*lib.program.inputs, *lib.program.outputs}
    assert 0 < equal < 90, f"seed {seed}"  # some damage is in lines that say nothing


def test_floats_that_are_printed_show_no_bits(network, tensors, sample, tmp_path):
    path = tmp_path / "monitor.log"
    path.write_text("logits_float\n" + "\n".join(esp_dl_print(tensors["logits_float"], 0)))
    result = debug.compare(network, path, sample)
    assert not result.ok
    assert any("do not show the bits" in problem for problem in result.problems)


def test_a_failed_test_of_esp_dl_says_what_the_pc_has(of_file, tmp_path):
    lib, tensors = of_file
    (output,) = lib.program.outputs
    value = int(tensors[output][0, 1])
    path = tmp_path / "monitor.log"

    def log(stored, board):
        return (
            f"I (446) dl::Model: Testing output {output}.\n"
            f"E (446) compare_elements: Inconsistent values, ground truth: {stored:.10f}, "
            f"infer: {board:.10f}, epsilon:0.0000200000\n"
            "E (446) compare_elements: The position is: [0, 1]\n"
            f"E (456) dl::Model: Test output {output} does not match\n\n"
        )

    path.write_text(log(value, value + 3))
    fed = {lib.input_names[0]: tensors[lib.program.inputs[0]]}
    result = debug.compare(lib, path, fed)
    assert not result.ok
    text = str(result)
    assert "Model::test() failed on the board at (0, 1)" in text
    assert f"there the PC computes {value}, as the file" in text
    path.write_text(log(value - 2, value))
    assert f"computes {value}, as the board" in str(debug.compare(lib, path, fed))
    assert read_dump(path).tested == [output]


def test_the_command_knows_what_esp_dl_was_tested_with(espdl, of_file, tmp_path, capsys):
    lib, tensors = of_file
    (output,) = lib.program.outputs
    value = int(tensors[output][0, 1])
    path = tmp_path / "monitor.log"
    path.write_text(
        f"I (446) dl::Model: Testing output {output}.\n"
        f"E (446) compare_elements: Inconsistent values, ground truth: {value}.0, "
        f"infer: {value + 3}.0, epsilon:0.0000200000\n"
        "E (446) compare_elements: The position is: [0, 1]\n"
    )
    assert main(["compare", "--model_path", str(espdl), "--dump", str(path)]) == 1
    assert f"there the PC computes {value}, as the file" in capsys.readouterr().out
    path.write_text(board_prints(lib, tensors, named=False))
    names = [lib.program.inputs[0], output]
    given = [word for name in names for word in ("--tensor", name)]
    assert main(["compare", "--model_path", str(espdl), "--dump", str(path), *given]) == 0
    assert "2 tensors equal, 0 differ" in capsys.readouterr().out
