"""How the benchmarks measure: alternating, in one process, minimum and median of many runs."""

import platform
import time
from pathlib import Path


def alternating(runs, seconds=1.0, least=5):
    """For each of `runs`, functions by name: minimum and median of its milliseconds.

    They take turns, so that what slows the machine slows all of them.
    """
    times = {name: [] for name in runs}
    for run in runs.values():
        run()
    begin = time.perf_counter()
    while (
        time.perf_counter() - begin < seconds * len(runs) or len(next(iter(times.values()))) < least
    ):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: (min(found), median(found)) for name, found in times.items()}


def median(values):
    """The middle one."""
    return sorted(values)[len(values) // 2]


def cpu_name():
    """What the CPU calls itself."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
