"""Thousands of damaged logs: none is passed unless everything that it claims is there."""

import random
import re

import pytest
from firmware_logs import checked, log_of, vector_lines
from golden_folders import folder_of_names

from tvm_espdl.chips import CHIPS
from tvm_espdl.errors import EspdlError
from tvm_espdl.selftest.firmware import firmware_of
from tvm_espdl.selftest.firmware_log import read_runs
from tvm_espdl.selftest.verdict import judge_log, judge_runs

SEED = 11
MUTATIONS = 6000
HARMLESS = 600
NOISE = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of_names(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def firmware(folder):
    return firmware_of(CHIPS["esp32p4"], folder)


@pytest.fixture(scope="module")
def logs(folder, firmware):
    """A run that is right, one with differences, and one of another firmware."""
    wrong = {}
    for index in (0, 3):
        output = firmware.vectors[index].trial.expected.copy()
        output.reshape(-1)[-1] ^= 1
        wrong[index] = list(vector_lines(firmware, index, output))
    foreign = firmware_of(CHIPS["esp32s3"], folder)
    return log_of(firmware), log_of(firmware, wrong), log_of(foreign)


def cut(lines, rng, logs):
    text = "\n".join(lines)
    return text[: rng.randrange(len(text) + 1)].split("\n")


def cut_the_head(lines, rng, logs):
    text = "\n".join(lines)
    return text[rng.randrange(len(text) + 1) :].split("\n")


def lose_a_piece(lines, rng, logs):
    text = "\n".join(lines)
    start = rng.randrange(len(text) + 1)
    return (text[:start] + text[start + rng.choice([1, 2, 9, 80, 500]) :]).split("\n")


def flip_bits(lines, rng, logs):
    text = bytearray("\n".join(lines).encode())
    for _ in range(rng.choice([1, 1, 2, 5])):
        if text:
            text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
    return text.decode(errors="replace").split("\n")


def drop_lines(lines, rng, logs):
    start = rng.randrange(len(lines) + 1)
    return lines[:start] + lines[start + rng.choice([1, 1, 2, 4]) :]


def repeat_lines(lines, rng, logs):
    start = rng.randrange(len(lines) + 1)
    end = start + rng.choice([1, 1, 2, 4, 99])
    return lines[:end] + lines[start:]


def swap_lines(lines, rng, logs):
    if lines:
        a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
    return lines


def splice(lines, rng, logs):
    """Lines of another log in front, behind, or in the place of some."""
    other = rng.choice(logs)
    start, at = rng.randrange(len(other)), rng.randrange(len(lines) + 1)
    piece = other[start : start + rng.choice([1, 3, len(other)])]
    return lines[:at] + piece + lines[at + rng.choice([0, len(piece), 99]) :]


def interrupt(lines, rng, logs):
    """Another task's line, or a panic, in the middle of one."""
    at = rng.randrange(len(lines) + 1)
    line = lines[at] if at < len(lines) else ""
    column = rng.randrange(len(line) + 1)
    words = ["I (77) wifi: up", "Guru Meditation Error: Core  0 panic'ed (x). ", "@espdl ", "\x1b["]
    return [*lines[:at], line[:column] + rng.choice(words), line[column:], *lines[at + 1 :]]


def forge(lines, rng, logs):
    """A line whose word is changed, with a checksum that fits."""
    found = [n for n, line in enumerate(lines) if re.match(r"@espdl (vector|selftest) .* \*", line)]
    if found:
        at = rng.choice(found)
        words = lines[at].removeprefix("@espdl ").rpartition(" *")[0].split(" ")
        words[rng.randrange(len(words))] = rng.choice(
            [*("0", "1", "8", "99", "999999999", "00000000", "-", "touched", "differs", "v2"),
             *("begin", "done", "vector", "selftest", "esp32s3-0123456789abcdef")]
        )  # fmt: skip
        lines[at] = checked(" ".join(words))
    return lines


DAMAGE = [
    *(cut, cut_the_head, lose_a_piece, flip_bits, drop_lines, repeat_lines, swap_lines, splice),
    *(interrupt, forge),
]


def printed(text):
    """What firmwares of ours have printed in a log, read in the plainest way."""
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    return [part.rstrip() for line in plain.split("\n") for part in line.split("@espdl ")[1:]]


def proves(text, logs):
    """Whether the whole run that is right stands in a log, and nothing that differs."""
    found = printed(text)
    right, wrong = (printed("\n".join(log)) for log in logs[:2])
    starts = [n for n, line in enumerate(found) if line == right[0]]
    whole = any(found[n : n + len(right)] == right for n in starts)
    differing = {line for line in wrong if line.startswith("vector")} - set(right)
    return whole and not differing & set(found)


def test_no_damaged_log_is_passed(firmware, logs):
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    verdicts = {True: 0, False: 0}
    for number in range(MUTATIONS):
        lines = list(logs[rng.choice([0, 0, 0, 1, 2])])
        steps = [rng.choice(DAMAGE) for _ in range(rng.choice([1, 1, 2, 3, 4]))]
        for step in steps:
            lines = step(lines, rng, logs)
        text = "\n".join(lines)
        runs = read_runs(text.split("\n"))
        if not runs:
            continue
        verdict = judge_runs(runs, firmware)
        counts = verdict.passed, len(verdict.failures), len(verdict.skipped)
        label = f"mutation {number} of seed {SEED}: {[step.__name__ for step in steps]}"
        assert min(counts) >= 0 and sum(counts) == len(firmware.vectors), label
        assert verdict.ok == (verdict.passed == len(firmware.vectors)), label
        assert not verdict.ok or proves(text, logs), label
        verdicts[verdict.ok] += 1
    # Some damage hits what does not matter; most of it does.
    assert 50 < verdicts[True] < verdicts[False]


def test_what_surrounds_a_run_does_not_matter(firmware, logs):
    """Other lines, prefixes, colours, ends of lines, runs that did not end."""
    rng = random.Random(SEED)
    others = ["I (12) boot: ESP-IDF v5.5", "", "\x1b[0;33mW (5) x: y\x1b[0m", "\xff\x00", "@espd"]
    for number in range(HARMLESS):
        lines = list(logs[0])
        if rng.random() < 0.5:
            lines = logs[0][: rng.randrange(1, len(lines))] + lines
        if rng.random() < 0.3:
            lines += logs[0][: rng.randrange(1, len(logs[0]))]
        for _ in range(rng.randrange(6)):
            at = rng.randrange(len(lines) + 1)
            lines.insert(at, rng.choice(others))
        prefix = rng.choice(["", "I (123) main: ", "2026-01-01 10:00:00 ", "\x1b[0;32m", "@"])
        end = rng.choice(["", "\r", " ", "\x1b[0m\r"])
        verdict = judge_runs(read_runs(f"{prefix}{line}{end}" for line in lines), firmware)
        assert verdict.ok, f"log {number} of seed {SEED}: {verdict}"


def test_no_noise_is_a_crash(folder, tmp_path):
    """Bytes without a sense, and words of the log in any order."""
    rng = random.Random(SEED)
    words = [
        *("@espdl", "selftest", "vector", "tensor", "data", "end", "begin", "done", "v1", "v2"),
        *("*", "*00000000", "0", "999999999", "-1", "1x1", "int8", "AAAA", "deadbeef", "equal"),
        *("esp32s3-0123456789abcdef", "touched", "-", ",", "%", "%zz", "\x1b[", "\n", "\n", "\n"),
    ]
    path = tmp_path / "monitor.log"
    for number in range(NOISE):
        texts = [rng.choice(words) for _ in range(rng.randrange(200))]
        for at, text in enumerate(texts):
            if text == "\n" and rng.random() < 0.5:  # whole lines of nonsense, too
                line = " ".join(rng.choice(words) for _ in range(8)).replace("\n", "")
                texts[at] = f"\n{checked(f'vector {line}')}\n"
        data = " ".join(texts).encode() if rng.random() < 0.7 else rng.randbytes(300)
        path.write_bytes(rng.choice([b"", b"\xff\xfe", b"\xef\xbb\xbf"]) + data)
        try:
            verdict = judge_log(path, folder, rng.choice([None, "esp32s3"]))
        except EspdlError:
            continue
        assert not verdict.ok, f"noise {number} of seed {SEED}"
