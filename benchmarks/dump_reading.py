"""How fast a serial monitor's log is read, beside plain iteration over its lines in Python.

    python benchmarks/dump_reading.py [--megabytes 200]

It writes logs of that size and reads them with `read_log`, in the same run as the peer: a loop over
the lines of the file, opened as text, that only counts those of a dump. Seconds are those of the
CPU: what else a machine does costs none. Memory is the largest that Python's own allocations took
while the log was read, in a second pass.
"""

import argparse
import base64
import sys
import tempfile
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np

from tvm_espdl.debug.monitor_log import read_log

SIZE = 150_000


def tensor(index, values):
    data = values.tobytes()
    yield f"@espdl tensor {index} layer{index} int8 {values.size} -5 {len(data)} " + (
        f"{zlib.crc32(data):08x}"
    )
    for offset in range(0, len(data), 48):
        text = base64.b64encode(data[offset : offset + 48]).decode()
        yield f"@espdl data {index} {offset} {text}"
    yield f"@espdl end {index}"


def run(tensors, source):
    yield f"@espdl begin v1 0123456789abcdef {tensors}"
    for index in range(tensors):
        yield from tensor(index, source.integers(-128, 128, SIZE, dtype=np.int8))
    yield f"@espdl done {tensors}"


def as_printed(lines):
    return "\n".join(lines) + "\n"


def with_other_tasks(lines):
    every = "I ({}) wifi: new:<6,0>, old:<1,0>, ap:<255,255>, sta:<6,0>, prof:1\n"
    return "".join(
        f"{line}\n{every.format(n) if n % 20 == 0 else ''}" for n, line in enumerate(lines)
    )


def with_a_watchdog(lines):
    """As often as the watchdog of 5 seconds barks at 115200 baud."""
    bark = (
        "E (10303) task_wdt: Task watchdog got triggered. The following tasks/users did not reset "
        "the watchdog in time:\nE (10303) task_wdt:  - IDLE0 (CPU 0)\n"
        "E (10303) task_wdt: Tasks currently running:\nE (10303) task_wdt: CPU 0: main\n"
    )
    return "".join(f"{line}\n{bark if n % 640 == 0 else ''}" for n, line in enumerate(lines))


def by_a_monitor(lines):
    return "".join(f"2026-11-30 08:15:12.123 \x1b[0;32m{line}\x1b[0m\r\n" for line in lines)


SHAPES = {
    "as printed": as_printed,
    "lines of other tasks between": with_other_tasks,
    "the task watchdog's lines": with_a_watchdog,
    "timestamps, colours, CR/LF": by_a_monitor,
}


def plain_iteration(path):
    with path.open(encoding="utf-8", errors="replace") as text:
        return sum(1 for line in text if "@espdl " in line)


def seconds(function, *arguments):
    begin = time.process_time()
    function(*arguments)
    return time.process_time() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=200)
    wanted = parser.parse_args().megabytes * 1_000_000
    source = np.random.default_rng(0)
    slowest = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            piece = shape(run(10, source)).encode()
            path = Path(folder) / "monitor.log"
            with path.open("wb") as file:
                for _ in range(-(-wanted // len(piece))):
                    file.write(piece)
            size = path.stat().st_size / 1e6
            peer = size / seconds(plain_iteration, path)
            ours = size / seconds(read_log, path)
            tracemalloc.start()
            read_log(path)
            memory = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
            slowest = min(slowest, ours)
            print(
                f"{name}: {size:.0f} MB at {ours:.0f} MB/s; iteration over lines {peer:.0f} MB/s, "
                f"ratio {ours / peer:.2f}; at most {memory:.0f} MB of memory"
            )
    return 0 if slowest >= 50 else 1


if __name__ == "__main__":
    sys.exit(main())
