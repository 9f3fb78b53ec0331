"""Thousands of damaged logs: none is called equal unless everything that it claims is there."""

import random
import re

import numpy as np
import pytest
from board_log import board_log, tensor_lines
from networks import digits_arrays, library

from tvm_espdl import debug
from tvm_espdl.debug.monitor_log import parse_log
from tvm_espdl.errors import DataError

SEED = 41
MUTATIONS = 3000


class Remembering:
    """A library that computes each input once."""

    def __init__(self, lib):
        self.lib, self.program, self.input_names = lib, lib.program, lib.input_names
        self.seen = {}

    def observe(self, arrays, states=None):
        key = b"".join(array.tobytes() for array in arrays.values())
        if key not in self.seen:
            self.seen[key] = self.lib.observe(arrays, states)
        return self.seen[key]

    def recompute(self, step, arrays):
        return self.lib.recompute(step, arrays)


@pytest.fixture(scope="module")
def network():
    return Remembering(library("digits", "esp32s3"))


@pytest.fixture(scope="module")
def tensors(network):
    return network.lib.run_with_intermediates(digits_arrays()["images"][:1])


@pytest.fixture(scope="module")
def log(network, tensors):
    # Long layers in full would only make most mutations hit the same few lines.
    return board_log(network.program, tensors, with_data=lambda name: tensors[name].size < 300)


# What can happen to a log: each takes its lines and gives other ones.


def cut(lines, rng):
    text = "\n".join(lines)
    return text[: rng.randrange(len(text))].split("\n")


def lose_a_piece(lines, rng):
    text = "\n".join(lines)
    start = rng.randrange(len(text))
    return (text[:start] + text[start + rng.choice([1, 2, 7, 60, 400]) :]).split("\n")


def flip_a_bit(lines, rng):
    text = bytearray("\n".join(lines).encode())
    text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
    return text.decode(errors="replace").split("\n")


def change_a_character(lines, rng):
    text = "\n".join(lines)
    at = rng.randrange(len(text))
    return (text[:at] + rng.choice("0123456789abcxf+-/= \n%@") + text[at + 1 :]).split("\n")


def drop_lines(lines, rng):
    start = rng.randrange(len(lines))
    return lines[:start] + lines[start + rng.choice([1, 1, 2, 5]) :]


def repeat_lines(lines, rng):
    start = rng.randrange(len(lines))
    end = start + rng.choice([1, 1, 2, 5])
    return lines[:end] + lines[start:]


def swap_lines(lines, rng):
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def shuffle_some(lines, rng):
    start = rng.randrange(len(lines))
    piece = lines[start : start + 6]
    rng.shuffle(piece)
    return lines[:start] + piece + lines[start + 6 :]


def change_a_word(lines, rng):
    at = rng.randrange(len(lines))
    words = lines[at].split(" ")
    word = rng.randrange(1, len(words)) if len(words) > 1 else 0
    words[word] = rng.choice(
        [*("0", "1", "2", "13", "14", "64", "-3", "99999999", "int8", "uint8", "int16", "float32"),
         *("1x10", "10", "1x1x8x8", "0", "1x0", "logits", "input", "AAAA", "00000000", "v1", "end")]
    )  # fmt: skip
    lines[at] = " ".join(words)
    return lines


def heads(lines):
    return [
        n
        for n, line in enumerate(lines)
        if re.match(r"@espdl tensor \d+ \S+ \w+ \S+ \S+ \d+ ", line)
    ]


def change_a_head(lines, rng):
    found = heads(lines)
    if not found:
        return lines
    at = rng.choice(found)
    words = lines[at].split(" ")
    field = rng.randrange(2, len(words))
    words[field] = lines[rng.choice(found)].split(" ")[field]
    lines[at] = " ".join(words)
    return lines


def forge_a_tensor(lines, rng):
    """A tensor of other values with a checksum that fits, beside or instead of the right one."""
    found = heads(lines)
    if not found:
        return lines
    at = rng.choice(found)
    index, name = lines[at].split(" ")[2:4]
    values = np.array([[rng.randrange(-128, 128) for _ in range(10)]], np.int8)
    forged = list(tensor_lines(index, name.replace("%", "_"), values, -3))
    end = next((n for n in range(at, len(lines)) if lines[n].startswith("@espdl end")), at)
    return lines[:at] + forged + lines[rng.choice([at, end + 1]) :]


def drop_a_tensor(lines, rng):
    found = heads(lines)
    if not found:
        return lines
    at = rng.choice(found)
    end = next((n for n in range(at, len(lines)) if lines[n].startswith("@espdl end")), at)
    return lines[:at] + lines[end + 1 :]


def append_a_part(lines, rng):
    start = rng.randrange(len(lines))
    return lines + lines[start : start + rng.randrange(1, 40)]


DAMAGE = [
    cut, lose_a_piece, flip_a_bit, change_a_character, drop_lines, repeat_lines, swap_lines,
    shuffle_some, change_a_word, change_a_head, forge_a_tensor, drop_a_tensor, append_a_part,
]  # fmt: skip


def claims(text):
    """What each whole run of a log claims, read in the plainest way; None for one that is not."""
    runs = []
    for piece in text.split("@espdl begin ")[1:]:
        lines = [line.strip() for line in piece.replace("@espdl ", "\n@espdl ").splitlines()]
        head, tensors, data, names = lines[0].split(), {}, {}, {}
        for words in (line.split() for line in lines if line.startswith("@espdl ")):
            if words[1] == "tensor" and len(words) == 9:
                tensors[words[3]] = (*words[4:7], words[7], words[8].lower())
                data[words[3]], names[words[2]] = "", words[3]
            elif words[1] == "data" and words[2] in names:
                data[names[words[2]]] += words[-1].rstrip("=")
            elif words[1] == "done":
                runs.append((head[1:], tensors, data, words[2:]))
                break
    return runs


def is_what_the_board_sent(claimed, sent):
    """Whether a run has all tensors that were sent, with their checksums, and nothing else."""
    head, tensors, data, done = claimed
    right_head, right_tensors, right_data, right_done = sent
    return (
        (head, tensors, done) == (right_head, right_tensors, right_done)
        and all(data[name] in ("", right_data[name]) or _same_bytes(data[name], right_data[name])
                for name in data)
    )  # fmt: skip


def _same_bytes(found, right):
    """Whether base64 texts differ only in bits that stand for nothing."""
    return len(found) == len(right) and found[:-1] == right[:-1] and len(right) % 4 != 0


def test_no_damaged_log_is_called_equal(log, network, tmp_path):
    rng = random.Random(SEED)
    (sent,) = claims(log)
    path = tmp_path / "monitor.log"
    verdicts = {"equal": 0, "not equal": 0, "unreadable": 0}
    for number in range(MUTATIONS):
        lines = log.rstrip("\n").split("\n")
        steps = [rng.choice(DAMAGE) for _ in range(rng.choice([1, 1, 2, 3]))]
        for step in steps:
            lines = step(lines, rng) or [""]
        text = "\n".join(lines) + "\n"
        path.write_text(text, encoding="utf-8")
        where = f"seed {SEED}, mutation {number}: {[step.__name__ for step in steps]}"
        try:
            result = debug.compare(network, path)
        except DataError:
            verdicts["unreadable"] += 1
            continue
        verdicts["equal" if result.ok else "not equal"] += 1
        assert result.ok is bool(result), where
        if result.ok:
            whole = [run for run in claims(text) if is_what_the_board_sent(run, sent)]
            assert whole, f"{where}\n{result}"
            assert len(result.equal) == 14, where
            assert not (result.problems or result.partial or result.differences), where
        else:
            assert result.problems or result.differences, where
    # The test would also pass if nothing were ever equal, or nothing were damaged.
    assert verdicts["equal"] > MUTATIONS // 100, verdicts
    assert verdicts["not equal"] > MUTATIONS // 2, verdicts


def colours(text, rng):
    return "".join(f"\x1b[0;32m{line}\x1b[0m\n" for line in text.splitlines())


def carriage_returns(text, rng):
    return text.replace("\n", "\r\n")


def prefixes(text, rng):
    return "".join(f"I ({rng.randrange(9999)}) dump: {line}\n" for line in text.splitlines())


def other_lines(text, rng):
    return "".join(
        line + rng.choice(["", "W (77) wifi: lost\n", "\ufffd\ufffd@esp\n"])
        for line in text.splitlines(keepends=True)
    )


def reset_before(text, rng):
    return text[: rng.randrange(len(text))] + "ets Jun  8 2016 00:22:57\nrst:0xc\n" + text


def stopped_after(text, rng):
    return text + text[: rng.randrange(text.index("@espdl done"))]


def a_profile(text, rng):
    return text + "@espdl profile 0 conv2d_0 123456\n"


HARMLESS = [
    colours, carriage_returns, prefixes, other_lines, reset_before, stopped_after, a_profile,
]  # fmt: skip


def test_what_a_monitor_does_to_a_log_changes_nothing(log, network, tmp_path):
    rng = random.Random(SEED)
    path = tmp_path / "monitor.log"
    for number in range(200):
        steps = rng.sample(HARMLESS, rng.choice([1, 2]))
        text = log
        for step in steps:
            text = step(text, rng)
        path.write_bytes(text.encode())
        result = debug.compare(network, path)
        assert result.ok, f"seed {SEED}, number {number}, {[s.__name__ for s in steps]}: {result}"
        assert len(result.equal) == 14


def test_a_log_in_utf_16_is_read(log, network, tmp_path):
    (tmp_path / "monitor.log").write_text(log, encoding="utf-16")
    assert debug.compare(network, tmp_path / "monitor.log").ok


def test_the_firmware_writes_the_lines_that_are_mutated_here(
    network, tensors, c_compiler, tmp_path
):
    from tvm_espdl.toolchain.network import build_project

    sample = digits_arrays()["images"][:1]
    project = network.lib.export_project(tmp_path / "project", sample_input=sample)
    build_project(project, tmp_path / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    printed = c_compiler.run(tmp_path / "program")
    lines = [line for line in printed.splitlines() if line.startswith("@espdl")]
    assert lines == board_log(network.program, tensors).splitlines()
    assert len(parse_log(printed).tensors) == 14
