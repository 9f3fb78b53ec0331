"""A comparison is true only where equality is shown: each way to be damaged makes it false."""

import re

import numpy as np
import onnx
import pytest
from board_log import board_log, tensor_lines
from networks import quantized_digits

from tvm_espdl import debug
from tvm_espdl.cli import main

OUTPUTS = ("logits", "logits_float")


@pytest.fixture(scope="module")
def log(network, tensors):
    return board_log(network.program, tensors)


def block(log, name):
    """The lines of one tensor."""
    return re.search(rf"@espdl tensor (\d+) {name} .*?@espdl end \1\n", log, re.DOTALL)[0]


def without(log, *names):
    """The log of a firmware that does not dump some tensors: its counts say so."""
    for name in names:
        log = log.replace(block(log, name), "")
    count = log.count("@espdl end")
    log = re.sub(r"(@espdl begin v1 \w+) \d+", rf"\1 {count}", log)
    return re.sub(r"@espdl done \d+", f"@espdl done {count}", log)


def replaced(log, name, array, exponent=-3):
    old = block(log, name)
    index = old.split()[2]
    return log.replace(old, "\n".join([*tensor_lines(index, name, array, exponent), ""]))


LOGITS = np.arange(10, dtype=np.int8)[None]
FAULTS = {
    "the output fails its checksum": lambda log: log.replace(
        block(log, "logits"), re.sub(r"[0-9a-f]{8}\n", "00000000\n", block(log, "logits"), count=1)
    ),
    "the output is lost": lambda log: log.replace(block(log, "logits_float"), ""),
    "the output is not dumped": lambda log: without(log, *OUTPUTS),
    "another dtype": lambda log: replaced(log, "logits", LOGITS.astype(np.int16)),
    "an unsigned dtype": lambda log: log.replace(" logits int8 ", " logits uint8 "),
    "no dtype": lambda log: log.replace(" logits int8 ", " logits i4,, "),
    "no elements": lambda log: replaced(log, "logits", LOGITS[:, :0]),
    "one of ten elements": lambda log: replaced(log, "logits", LOGITS[0, :1]),
    "another shape": lambda log: log.replace(" int8 1x10 ", " int8 10 "),
    "another exponent": lambda log: log.replace(" int8 1x10 -3 ", " int8 1x10 -4 "),
    "twice, and different": lambda log: log.replace(
        block(log, "logits"), "\n".join(tensor_lines(13, "logits", LOGITS)) + "\n"
        + block(log, "logits"),
    ),
    "twice, and the same": lambda log: log.replace(
        block(log, "logits"), 2 * block(log, "logits")
    ),
    "no last line": lambda log: re.sub("@espdl done.*", "", log),
    "no first line": lambda log: re.sub("@espdl begin.*", "", log),
    "another count in the first line": lambda log: re.sub(r"(begin v1 \w+) 14", r"\1 15", log),
    "another count in the last line": lambda log: log.replace("done 14", "done 13"),
    "another format": lambda log: log.replace("begin v1", "begin v2"),
    "another network": lambda log: re.sub(r"begin v1 \w+", "begin v1 0123456789abcdef", log),
    "only what was fed": lambda log: without(
        log, *(name for name in re.findall(r"@espdl tensor \d+ (\S+)", log) if name != "input")
    ),
    "an unknown tensor": lambda log: log.replace(" /Relu_output_0 ", " /Relu_output_9 "),
    "too much data": lambda log: log.replace(
        "@espdl end 13", "@espdl data 13 10 AAAA\n@espdl end 13"
    ),
}  # fmt: skip


def test_the_undamaged_log_is_equal(log, network, tmp_path):
    (tmp_path / "monitor.log").write_text(log)
    result = debug.compare(network, tmp_path / "monitor.log")
    assert result.ok is True and bool(result) is True
    assert result.problems == () and len(result.equal) == 14
    assert str(result).endswith("14 tensors equal, 0 differ")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_log_is_not_equal(fault, log, network, tmp_path):
    damaged = FAULTS[fault](log)
    assert damaged != log
    (tmp_path / "monitor.log").write_text(damaged)
    result = debug.compare(network, tmp_path / "monitor.log")
    assert result.ok is False and bool(result) is False
    assert result.problems
    assert str(result).endswith("not shown equal")


def test_a_later_run_that_ended_is_not_passed_over(log, network, tmp_path):
    flipped = replaced(log, "logits", LOGITS).replace("@espdl end 13", "@espdl ende 13")
    (tmp_path / "monitor.log").write_text(log + flipped)
    result = debug.compare(network, tmp_path / "monitor.log")
    assert not result.ok
    assert any(problem.startswith("run 2 of the log is damaged") for problem in result.problems)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "quantized.onnx"
    onnx.save(quantized_digits("esp32s3"), path)
    return path


@pytest.mark.parametrize(
    "fault", ["the output fails its checksum", "one of ten elements", "another network",
              "twice, and different", "no last line", "only what was fed"]
)  # fmt: skip
def test_the_command_says_so_in_its_status(fault, log, model, tmp_path, capsys):
    (tmp_path / "monitor.log").write_text(FAULTS[fault](log))
    command = ["compare", "--model_path", str(model), "--dump", str(tmp_path / "monitor.log")]
    assert main(command) == 1
    assert capsys.readouterr().out.endswith("not shown equal\n")


def test_the_command_ends_with_0_only_for_an_equal_log(log, model, tmp_path, capsys):
    (tmp_path / "monitor.log").write_text(log)
    assert (
        main(["compare", "--model_path", str(model), "--dump", str(tmp_path / "monitor.log")]) == 0
    )
    own, *others = capsys.readouterr().out.splitlines()
    assert own.startswith("the network was fed with the dump's own input")
    assert others == ["14 tensors equal, 0 differ"]


def test_arrays_that_show_nothing(network, sample, tensors):
    few = {
        "nothing at all": {},
        "no values": {**tensors, "logits": tensors["logits"][:, :0]},
        "four of ten values": {**tensors, "logits": tensors["logits"].ravel()[:4]},
        "another dtype": {**tensors, "logits": tensors["logits"].astype(np.int16)},
        "one value": {**tensors, "logits": tensors["logits"][0, 0]},
        "what was fed": {name: tensors[name] for name in ("input", "input_float")},
        "no outputs": {name: tensors[name] for name in tensors if name not in OUTPUTS},
        "an unknown one": {**tensors, "elsewhere": np.zeros(3, np.int8)},
    }
    for what, arrays in few.items():
        assert not debug.compare(network, arrays, inputs=sample).ok, what
    for arrays in (tensors, {"logits": tensors["logits"]}, {"logits": tensors["logits"].ravel()}):
        assert debug.compare(network, arrays, inputs=sample).ok


def test_a_part_is_reported_as_a_part(network, sample, tensors):
    result = debug.compare(network, {"logits": tensors["logits"].ravel()[:4]}, inputs=sample)
    assert [(part.tensor, part.compared, part.elements) for part in result.partial] == [
        ("logits", 4, 10)
    ]
    assert result.equal == () and not result.differences
    assert "logits: equal as far as it goes, first 4 of 10" in str(result)


@pytest.mark.parametrize("with_input", [False, True])
def test_checksums_count_as_compared(with_input, network, sample, tensors, tmp_path):
    def data(name):
        return with_input and name == "input"

    path = tmp_path / "monitor.log"
    path.write_text(board_log(network.program, tensors, with_data=data))
    inputs = None if with_input else sample
    result = debug.compare(network, path, inputs=inputs)
    assert result.ok and len(result.equal) == 14
    wrong = dict(tensors)
    wrong["/Relu_output_0"] = tensors["/Relu_output_0"] ^ 1
    path.write_text(board_log(network.program, wrong, with_data=data))
    result = debug.compare(network, path, inputs=inputs)
    assert not result.ok and result.first.tensor == "/Relu_output_0"
    assert [difference.tensor for difference in result.differences] == ["/Relu_output_0"]
    assert "checksum" in str(result.first)


def test_checksums_of_another_shape_or_dtype_are_problems(network, sample, tensors, tmp_path):
    log = board_log(network.program, tensors, with_data=lambda name: False)
    for damaged in (
        log.replace(" int8 1x10 ", " int8 10x1 "),
        log.replace("int8 1x10", "uint8 1x10"),
    ):
        (tmp_path / "monitor.log").write_text(damaged)
        result = debug.compare(network, tmp_path / "monitor.log", inputs=sample)
        assert not result.ok and len(result.problems) == 1


def test_names_cannot_draw_on_the_terminal(log, network, tmp_path):
    word = "x%0A14%20tensors%20equal,%200%20differ%1B[2J"
    (tmp_path / "monitor.log").write_text(
        log.replace(" /Relu_output_0 ", f" {word} ") + "@espdl done \x1b]0;pwn\x07\n"
    )
    printed = str(debug.compare(network, tmp_path / "monitor.log"))
    assert "\x1b" not in printed and "\x07" not in printed
    assert "14 tensors equal, 0 differ" not in printed.splitlines()


def test_a_reader_who_leaves_gets_the_true_status(log, model, tmp_path, monkeypatch):
    def gone(*given, **named):
        raise BrokenPipeError

    (tmp_path / "monitor.log").write_text(FAULTS["no last line"](log))
    monkeypatch.setattr("builtins.print", gone)
    monkeypatch.setattr("os.dup2", lambda *numbers: None)
    command = ["compare", "--model_path", str(model), "--dump", str(tmp_path / "monitor.log")]
    assert main(command) == 1
