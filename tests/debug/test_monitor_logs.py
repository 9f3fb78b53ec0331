"""Real-world logs: whatever a monitor, a terminal or the board itself does to what it prints."""

import itertools
import random

import numpy as np
import pytest
from board_log import board_log, tensor_lines

from tvm_espdl import debug
from tvm_espdl.debug.monitor_log import PIECE, parse_log, parse_pieces, read_log
from tvm_espdl.errors import DataError

SEED = 18
WATCHDOG = """\
E (10303) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the \
watchdog in time:
E (10303) task_wdt:  - IDLE0 (CPU 0)
E (10303) task_wdt: Tasks currently running:
E (10303) task_wdt: CPU 0: main
E (10303) task_wdt: CPU 1: IDLE1
"""
PANIC = """\
Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.

Core  0 register dump:
PC      : 0x4200a1b2  PS      : 0x00060330  A0      : 0x8200a0f4  A1      : 0x3fc9b0d0

Backtrace: 0x4200a1af:0x3fc9b0d0 0x4200a0f1:0x3fc9b100

ELF file SHA256: 4f1c2a9b3

Rebooting...
"""
RESET = "ESP-ROM:esp32s3-20210327\nBuild:Mar 27 2021\nrst:0xc (RTC_SW_CPU_RST),boot:0x8 (SPI)\n"


@pytest.fixture(scope="module")
def log(network, tensors):
    return board_log(network.program, tensors)


def written(tmp_path, data):
    path = tmp_path / "monitor.log"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def middle(log):
    """A place inside a line of data, in the middle of a run."""
    lines = log.splitlines(keepends=True)
    at = [n for n, line in enumerate(lines) if line.startswith("@espdl data")][9]
    return len("".join(lines[:at])) + 40


WRAPPED = {
    "idf.py monitor --timestamps": lambda line: f"2026-11-30 08:15:12.123456 {line}\n",
    "PlatformIO's time filter": lambda line: f"08:15:12.123 > {line}\n",
    "Arduino's monitor": lambda line: f"08:15:12.123 -> {line}\r\n",
    "ESP_LOGI": lambda line: f"\x1b[0;32mI (4711) dump: {line}\x1b[0m\r\n",
    "a line of another task after each": lambda line: f"{line}\nW (5) wifi:lost\n",
    "two carriage returns": lambda line: f"{line}\r\r\n",
    "carriage returns only": lambda line: f"{line}\r",
}


@pytest.mark.parametrize("name", WRAPPED)
def test_what_stands_around_lines_does_not_matter(name, log, network, tmp_path):
    path = written(tmp_path, "".join(map(WRAPPED[name], log.splitlines())))
    result = debug.compare(network, path)
    assert result.ok and not result.notes, result


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "bom-le", "bom-be"]
)
def test_any_encoding_of_a_terminal_is_read(encoding, log, network, tmp_path):
    text = f"größer → 0\n{log}"
    if encoding.startswith("bom"):
        data = ("\ufeff" + text).encode(f"utf-16-{encoding[4:]}")
    else:
        data = text.encode(encoding)
    assert debug.compare(network, written(tmp_path, data)).ok


def test_nuls_of_a_line_that_is_switched_on_are_dropped(log, network, tmp_path):
    data = b"\0\0\xff\0" + log.encode().replace(b"@espdl end 3", b"@espdl\0 end\0 3\0")
    assert debug.compare(network, written(tmp_path, data)).ok


def test_a_log_is_the_same_wherever_it_is_cut_into_pieces(log):
    rng = random.Random(SEED)
    text = (log[: middle(log)] + RESET + log).encode().replace(b"\n", b"\r\n")
    whole = parse_pieces([text])
    for data in (text, ("\ufeff" + text.decode()).encode("utf-16-le")):
        for _ in range(20):
            cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice([1, 3, 200])))
            edges = [0, *cuts, len(data)]
            pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
            dump = parse_pieces(pieces)
            assert (dump.problems, dump.notes) == (whole.problems, whole.notes), f"seed {SEED}"
            assert dump.tensors.keys() == whole.tensors.keys()
            for name, array in dump.tensors.items():
                np.testing.assert_array_equal(array, whole.tensors[name])


def test_fast_and_slow_reading_agree_on_damaged_lines():
    rng = random.Random(SEED)
    values = np.random.default_rng(SEED).integers(-128, 128, 5000, np.int8)
    lines = ["@espdl begin v1 0123456789abcdef 1", *tensor_lines(0, "x", values), "@espdl done 1"]
    for number in range(300):
        damaged = list(lines)
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(len(damaged))
            place = rng.randrange(len(damaged[at]) + 1)
            changed = rng.choice(["", "*", "A", "@", " ", "=", "@espdl data 0 "])
            damaged[at] = damaged[at][:place] + changed + damaged[at][place + rng.choice([0, 1]) :]
        text = "\n".join(damaged) + "\n"
        fast = parse_pieces([text.encode()])
        # A note of another task behind each line keeps lines apart, for the slow way.
        slow = parse_pieces([line.encode() + b"\n" for line in damaged])
        where = f"seed {SEED}, number {number}: {text!r}"
        assert bool(fast.problems) == bool(slow.problems), where
        assert fast.tensors.keys() == slow.tensors.keys(), where
        for name, array in fast.tensors.items():
            np.testing.assert_array_equal(array, values, err_msg=f"{where}: {name}")


def test_another_task_may_print_into_a_line(log, network, tmp_path):
    at = middle(log)
    for other in ("I (4711) wifi: connected\n", "W wifi: lost\n", "I (1) a: b\nI (2) c: d\n"):
        result = debug.compare(network, written(tmp_path, log[:at] + other + log[at:]))
        assert result.ok, result
    unlike = log[:at] + "hello, I am no log line\n" + log[at:]
    result = debug.compare(network, written(tmp_path, unlike))
    assert not result.ok and result.problems


def test_what_only_looks_like_the_other_half_is_not_taken(log, network, tmp_path):
    at = middle(log)
    end = log.index("\n", at)
    wrong = "A" * (end - at)
    assert wrong != log[at:end]
    damaged = f"{log[:at]}I (1) wifi: on\n{wrong}\n{log[end:]}"
    problems = debug.compare(network, written(tmp_path, damaged)).problems
    assert any("checksum" in problem for problem in problems)


EVENTS = {
    "panic": (PANIC + RESET, "Guru Meditation Error: Core 0 panic'ed (LoadProhibited)"),
    "abort": ("abort() was called at PC 0x4200 on core 0\n" + RESET, "abort() was called at PC"),
    "stack": ("***ERROR*** A stack overflow in task main has been detected.\n", "in task main"),
    "heap": ("CORRUPT HEAP: Bad head at 0x3fca1b2c.\n", "CORRUPT HEAP: Bad head"),
    "assert": ("assert failed: xQueueSemaphoreTake queue.c:1713 (pxQueue->u)\n", "queue.c:1713"),
    "brownout": ("Brownout detector was triggered\n\n" + RESET, "Brownout detector"),
    "reset": (RESET, "the board was reset: rst:0xc (RTC_SW_CPU_RST)"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_why_a_run_did_not_end_is_said(name, log, network, tmp_path):
    printed, said = EVENTS[name]
    cut = log[: middle(log)]
    result = debug.compare(network, written(tmp_path, f"{cut}\n{printed}"))
    assert not result.ok
    assert any(said in problem for problem in result.problems), result
    # The firmware starts again and ends this time: the whole run counts, the first is told of.
    result = debug.compare(network, written(tmp_path, cut + printed + log))
    assert result.ok, result
    assert any("run 1 of the log" in note and said in note for note in result.notes), result


def test_a_watchdog_says_which_task_got_no_time(log, network, tmp_path):
    lines = log.splitlines(keepends=True)
    lines.insert(20, WATCHDOG)
    result = debug.compare(network, written(tmp_path, "".join(lines)))
    assert result.ok, result
    assert result.notes == (
        "during the run the task watchdog was triggered: IDLE0 (CPU 0) got no time while main, "
        "IDLE1 ran",
    )


def test_a_start_before_the_run_is_no_trouble(log, network, tmp_path):
    result = debug.compare(network, written(tmp_path, RESET + log))
    assert result.ok and not result.notes
    result = debug.compare(network, written(tmp_path, log + PANIC))
    assert result.ok
    assert result.notes[0].startswith("after run 1 of the log: the firmware stopped: Guru")


def test_nothing_before_a_reset_belongs_to_what_is_behind_it(log):
    lines = log.splitlines(keepends=True)
    dump = parse_log("".join([*lines[:40], RESET, *lines[40:]]))
    assert "the first line of a run is missing" in dump.problems


def test_a_log_without_a_dump_says_what_else_it_holds(tmp_path):
    with pytest.raises(DataError, match=r"Guru Meditation Error: Core 0 .*TVM_ESPDL_DUMP"):
        read_log(written(tmp_path, RESET + PANIC))


def test_noise_does_not_fill_the_memory(tmp_path):
    noise = b"".join(b"@espdl nonsense %d\n" % number for number in range(20_000))
    dump = read_log(written(tmp_path, noise))
    assert len(dump.problems) < 100
    assert any("problems more" in problem for problem in dump.problems)
    dump = parse_pieces([b"x" * PIECE] * 3 + [b"\n@espdl begin v1 0123456789abcdef 0\n"])
    assert dump.model_id == "0123456789abcdef"


def test_a_bar_is_drawn_on_a_terminal_only(log, tmp_path, capsys):
    path = written(tmp_path, log)
    read_log(path)
    assert capsys.readouterr() == ("", "")
    read_log(path, progress=True)
    captured = capsys.readouterr()
    assert captured.out == "" and "reading monitor.log" in captured.err


def test_of_two_networks_the_last_run_is_taken_and_the_other_one_named(
    log, network, sample, tmp_path
):
    own = log.split()[3]
    other = "".join(
        ["@espdl begin v1 0123456789abcdef 1\n"]
        + [f"{line}\n" for line in tensor_lines(1, "another", np.arange(8, dtype=np.int8))]
        + ["@espdl done 1\n"]
    )
    result = debug.compare(network, written(tmp_path, other + log))
    assert result.ok
    assert any(
        "run 1 of the log is of another network, 0123456789abcdef" in n for n in result.notes
    )
    for inputs in (None, sample):
        result = debug.compare(network, written(tmp_path, log + other), inputs)
        assert not result.ok
        assert result.problems[0].startswith("the firmware holds network 0123456789abcdef")
        assert any(f"run 1 of the log is of another network, {own}" in n for n in result.notes)
    assert not debug.compare(network, written(tmp_path, log + log)).notes[1:]


def test_networks_without_end_in_a_log_take_no_memory(tmp_path):
    runs = "".join(f"@espdl begin v1 {number:064x} 0\n@espdl done 0\n" for number in range(500))
    dump = read_log(written(tmp_path, runs))
    assert len(dump.notes) < 20
    damaged = parse_log("@espdl begin v1 " + "x" * 5000 + " 0\n@espdl done 0\n")
    assert damaged.problems and max(map(len, damaged.problems)) < 200


def test_the_run_before_is_the_last_whole_one_of_the_same_network(log):
    other = log.replace("@espdl begin v1 ", "@espdl begin v1 0")
    cut = log[: middle(log)]
    first = parse_log(log)
    assert not first.earlier and not parse_log(other + log).earlier
    for text in (log + log, log + cut + log, log + log + log, log + log + cut):
        dump = parse_log(text)
        assert dump.earlier.keys() == dump.tensors.keys()
        assert dump.earlier["input"] is not dump.tensors["input"]
        assert np.array_equal(dump.earlier["input"], first.tensors["input"])
    # A run of another network in between ends it.
    assert not parse_log(log + other + log).earlier
