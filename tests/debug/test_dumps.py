"""Board dumps: every form is read, damage is reported, the first difference is named."""

import random

import numpy as np
import pytest

from tvm_espdl import debug
from tvm_espdl.debug.monitor_log import parse_log
from tvm_espdl.errors import DataError, OutputError
from tvm_espdl.toolchain.network import build_project

SEED = 7


@pytest.fixture(scope="module")
def log(network, sample, c_compiler, tmp_path_factory):
    """What the firmware prints."""
    folder = tmp_path_factory.mktemp("board")
    project = network.export_project(folder / "project", sample_input=sample)
    build_project(project, folder / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    return c_compiler.run(folder / "program")


def noisy(text, rng):
    """The log as a monitor shows it: colours, other lines, CR/LF."""
    lines = []
    for line in text.splitlines():
        lines.append(rng.choice(["", "I (123) wifi: connected\r\n"]))
        lines.append(f"\x1b[0;32m{line}\x1b[0m\r\n")
    return "".join(lines)


def test_log_is_read_through_noise(log, network, sample, tmp_path):
    path = tmp_path / "monitor.log"
    path.write_bytes(noisy(log, random.Random(SEED)).encode() + b"\xff\xfe line noise\n")
    result = debug.compare(network, path, inputs=sample)
    assert result, result
    assert not result.problems


def test_input_is_taken_from_the_dump(log, network, tmp_path):
    (tmp_path / "monitor.log").write_text(log)
    assert debug.compare(network, tmp_path / "monitor.log")


def test_last_complete_run_wins(log):
    cut = log[: len(log) // 2]
    for text in (cut + log, log + cut, cut + log + cut):
        dump = parse_log(text)
        assert not dump.problems
        assert len(dump.tensors) == len(parse_log(log).tensors)


def test_cut_log_is_reported(log):
    dump = parse_log(log[: len(log) // 2])
    assert any("not complete" in problem for problem in dump.problems)
    assert dump.tensors


def test_flipped_character_is_found(log):
    rng = random.Random(SEED)
    lines = log.splitlines()
    at = rng.choice([n for n, line in enumerate(lines) if line.startswith("@espdl data")])
    head, data = lines[at].rsplit(" ", 1)
    lines[at] = f"{head} {'B' if data[0] != 'B' else 'C'}{data[1:]}"
    dump = parse_log("\n".join(lines))
    assert any("checksum" in problem for problem in dump.problems), f"seed {SEED}, line {at}"
    assert len(dump.tensors) == len(parse_log(log).tensors) - 1


def test_lost_line_is_found(log):
    lines = log.splitlines()
    at = [n for n, line in enumerate(lines) if line.startswith("@espdl data")][5]
    dump = parse_log("\n".join(lines[:at] + lines[at + 1 :]))
    assert any("missing" in problem for problem in dump.problems)


def test_folder_npz_and_mapping(network, sample, tensors, tmp_path):
    debug.save_folder(tmp_path / "dump", tensors)
    np.savez(tmp_path / "dump.npz", **tensors)
    assert debug.compare(network, tmp_path / "dump", inputs=sample)
    assert debug.compare(network, tmp_path / "dump.npz", inputs=sample)
    assert debug.compare(network, tensors, inputs=sample)
    with pytest.raises(OutputError, match="holds a dump already"):
        debug.save_folder(tmp_path / "dump", tensors)


def test_first_difference_is_named(network, sample, tensors):
    names = [name for name, array in tensors.items() if array.dtype == np.int8]
    wrong = {name: array.copy() for name, array in tensors.items()}
    for name in names[3:]:
        wrong[name].ravel()[-1] ^= 1
    result = debug.compare(network, wrong, inputs=sample)
    assert not result
    assert result.first.tensor == names[3]
    assert result.first.first == tensors[names[3]].size - 1
    assert result.first.count == 1
    assert f"first difference: {names[3]}" in str(result)


def test_first_values_of_a_tensor_are_compared(network, sample, tensors):
    few = {"logits": tensors["logits"].ravel()[:4]}
    assert debug.compare(network, few, inputs=sample).partial
    few["logits"] = few["logits"] + np.int8(1)
    assert debug.compare(network, few, inputs=sample).first.count == 4


def test_wrong_shape_dtype_and_name_are_problems(network, sample, tensors):
    dump = {
        "logits": tensors["logits"].astype(np.int16),
        "/Relu_output_0": tensors["/Relu_output_0"][:, :4],
        "nobody": np.zeros(3, np.int8),
        "input": tensors["input"],
    }
    result = debug.compare(network, dump, inputs=sample)
    assert [problem.partition(":")[0] for problem in result.problems[:3]] == [
        *("/Relu_output_0", "logits", "nobody")
    ]
    assert result.equal == ("input",)
    assert "no tensor that the board has computed" in result.problems[3]


def test_missing_input_and_missing_dump_are_errors(network, tmp_path):
    with pytest.raises(DataError, match="lacks the network's input"):
        debug.compare(network, {"logits": np.zeros((1, 10), np.int8)})
    with pytest.raises(DataError, match="no such dump"):
        debug.read_dump(tmp_path / "nowhere.log")
    (tmp_path / "empty.log").write_text("boot: ok\n")
    with pytest.raises(DataError, match="TVM_ESPDL_DUMP"):
        debug.read_dump(tmp_path / "empty.log")


@pytest.mark.parametrize(
    "line", ["@espdl _class__ 1 2", "@espdl take x", "@espdl tensor 0 x nonsense 1 0 1 00"]
)
def test_nonsense_lines_are_reported(log, line):
    head, begin, rest = log.partition("@espdl begin")
    dump = parse_log(head + begin + rest.replace("\n", f"\n{line}\n", 1))
    assert any("damaged line" in problem for problem in dump.problems)
    assert len(dump.tensors) == len(parse_log(log).tensors)


@pytest.mark.parametrize("name", ["dump.npz", "dump/logits.npy"])
def test_damaged_array_files_are_one_error(name, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no array at all")
    with pytest.raises(DataError, match="cannot be read as an array"):
        debug.read_dump(path if path.suffix == ".npz" else path.parent)


def test_how_many_runs_were_begun_is_told_where_none_ended():
    begun = "@espdl begin v1 0123456789abcdef 2\n@espdl tensor 0 a int8 4 -3 4 00000000\n"
    notes = [parse_log(begun * count).notes for count in (1, 2, 3)]
    assert notes == [[], *([f"none of {n} runs is complete, the last is taken"] for n in (2, 3))]
