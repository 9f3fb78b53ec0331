"""Ten thousand damaged logs of a tiny network: no crash, no false “equal”, always an account.

`TVM_ESPDL_FUZZ_SEEDS=A-B` takes other seeds, of which each makes one log.
"""

import os
import random
import time

import numpy as np
import pytest
from board_log import board_log
from qdq_builder import QdqBuilder
from test_mutated_logs import DAMAGE, Remembering, claims, is_what_the_board_sent

from tvm_espdl import debug
from tvm_espdl.compilation import compile_file
from tvm_espdl.debug.monitor_log import parse_pieces
from tvm_espdl.errors import DataError

SEEDS = os.environ.get("TVM_ESPDL_FUZZ_SEEDS", "0-9999")
RESET = "ESP-ROM:esp32s3-20210327\nrst:0xc (RTC_SW_CPU_RST),boot:0x8 (SPI)\n"
TROUBLE = (
    RESET,
    "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\n" + RESET,
    "E (9) task_wdt: Task watchdog got triggered.\nE (9) task_wdt:  - IDLE0 (CPU 0)\n",
    "Brownout detector was triggered\n\n",
    "***ERROR*** A stack overflow in task main has been detected.\n",
)


@pytest.fixture(scope="module")
def network():
    """Two inputs, two outputs, int8 and int16, few values."""
    builder = QdqBuilder()
    a, b = (builder.quantized_input(name, (1, 3, 1, 5)) for name in ("a/0", "b b"))
    total = builder.qdq(builder.node("Add", a, b), -4)
    builder.output(total)
    builder.dtype = np.dtype(np.int16)
    builder.output(builder.qdq(builder.node("Relu", builder.qdq(total, -9)), -9))
    return Remembering(compile_file(builder.model(opset=21), "esp32s3"))


@pytest.fixture(scope="module")
def log(network):
    rng = np.random.default_rng(0)
    sample = [rng.uniform(-8, 8, (1, 3, 1, 5)).astype(np.float32) for _ in range(2)]
    return board_log(network.program, network.lib.run_with_intermediates(*sample))


def interleaved(text, rng):
    """Lines of another task between ours and inside of them, which need not hide anything."""
    for _ in range(rng.choice([1, 3, 10])):
        at = rng.randrange(len(text) + 1)
        text = f"{text[:at]}{rng.choice('EWI')} (12) task: ~{rng.randrange(99)}~\n{text[at:]}"
    return text


def two_boards(text, rng):
    """Two runs that print at the same time, some lines of one and some lines of the other."""
    queues = [text.splitlines(keepends=True) for _ in range(2)]
    mixed = []
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        count = rng.choice([1, 1, 2, 9])
        mixed += queue[:count]
        del queue[:count]
    return "".join(mixed)


def trouble(text, rng):
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(TROUBLE) + text[rng.choice([at, 0]) :]


def damaged(log, rng):
    """A log with some damage, and how it was made."""
    lines, steps = log.rstrip("\n").split("\n"), []
    for _ in range(rng.choice([1, 1, 2, 3])):
        steps.append(rng.choice(DAMAGE))
        lines = steps[-1](lines, rng)
        if not "".join(lines):
            return "\n", [step.__name__ for step in steps]
    text = "\n".join(lines) + "\n"
    for change, chance in ((two_boards, 0.05), (trouble, 0.15)):
        if rng.random() < chance:
            steps.append(change)
            text = change(text, rng)
    return text, [step.__name__ for step in steps]


def as_bytes(text, rng):
    """As some terminal has saved it."""
    encoding = rng.choice(["utf-8"] * 8 + ["utf-16", "utf-8-sig"])
    return text.replace("\n", rng.choice(["\n", "\n", "\r\n"])).encode(encoding)


def verdict(network, texts, data, sent):
    """What `compare` says, after what it must not say has been ruled out.

    `texts` are the log before other tasks printed into it, for what they part may be put together
    again, and after that, for they may hide what was one too many.
    """
    try:
        result = debug.compare(network, parse_pieces([data]), seconds=0)
    except DataError:
        return "unreadable"
    if result.ok:
        assert any(is_what_the_board_sent(run, sent) for text in texts for run in claims(text))
        assert len(result.equal) == len(sent[1])
        assert not (result.problems or result.partial or result.differences)
        return "equal"
    assert result.problems or result.differences, "no account of it"
    assert str(result).strip()
    return "not equal"


def test_no_damaged_log_crashes_or_is_called_equal(network, log):
    first, _, last = SEEDS.partition("-")
    (sent,) = claims(log)
    verdicts = {"equal": 0, "not equal": 0, "unreadable": 0}
    seeds = range(int(first), int(last or first) + 1)
    for seed in seeds:
        rng = random.Random(seed)
        text, steps = damaged(log, rng)
        texts = [text, interleaved(text, rng) if rng.random() < 0.4 else text]
        data = as_bytes(texts[1], rng)
        begin = time.monotonic()
        try:
            verdicts[verdict(network, texts, data, sent)] += 1
        except BaseException:
            print(f"seed {seed}: {steps}\n{data!r}")
            raise
        assert time.monotonic() - begin < 20, f"seed {seed}: {steps}"
    # The test would also pass if nothing were ever equal, or nothing were damaged.
    if len(seeds) >= 1000:
        assert verdicts["equal"] > len(seeds) // 100, verdicts
        assert verdicts["not equal"] > len(seeds) // 2, verdicts


def test_bytes_of_any_kind_are_read():
    rng = random.Random(18)
    alphabet = [b"@espdl ", b"begin v1 ", b"tensor 1 ", b"data 1 0 ", b"end 1", b"done 1", b"\n"]
    alphabet += [b"\r", b"\0", b"\xff\xfe", b"\x1b[0m", b"AAAA", b"rst:0x1 (", b"I (1) a: ", b"9"]
    for _ in range(2000):
        data = b"".join(rng.choice(alphabet) for _ in range(rng.randrange(60)))
        cut = rng.randrange(len(data) + 1)
        dump = parse_pieces([data[:cut], data[cut:]])
        assert not dump.tensors and not dump.checksums
