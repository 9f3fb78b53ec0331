"""What `import tvm_espdl` costs on top of `import tvm`, in milliseconds: the median of fresh runs.

The goal is less than 100 ms. Run: `python benchmarks/import_time.py [runs]`.
"""

import statistics
import subprocess
import sys

CODE = """
import time
start = time.perf_counter()
import tvm
middle = time.perf_counter()
import tvm_espdl
print(middle - start, time.perf_counter() - middle)
"""


def main(runs=9):
    times = []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        )
        times.append([float(part) * 1000 for part in done.stdout.split()])
    tvm, ours = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"import tvm {tvm:.0f} ms, import tvm_espdl {ours:.0f} ms more (ratio {ours / tvm:.3f})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
