"""Large layers on TVM's threads: the same bits, one caller at a time, never after a fork."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tvm_espdl.runtime.threads import Chooser, Pool

SCRIPT = """
import os, sys, threading
import numpy as np
from host_networks import conv
from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor
from tvm_espdl.program import Program, Step
from tvm_espdl.runtime.executor import build
from tvm_espdl.runtime.threads import POOL, thread_count

rng = np.random.default_rng(5)
x = Tensor("int8", (1, 61, 67, 32), -4)
operator, y, constants = conv(rng, x, 67, kernel=1)
step = Step(operator, ("x",), ("y",), constants)
(executor,) = build([Program(find_chip(sys.argv[1]), {"x": x, "y": y}, ("x",), ("y",), (step,))])
array = rng.integers(-128, 128, x.shape).astype(np.int8)
wanted = operator.reference(find_chip(sys.argv[1]), array, *constants)

def right():
    return np.array_equal(executor.run([array])[0][0], wanted)

def threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

before = threads()
assert thread_count() == min(2, os.cpu_count())
assert executor.segments[0].uses_threads
assert right()
assert not before or threads() == before + thread_count() - 1, (before, threads())
assert np.array_equal(executor.values([array])["y"], wanted)
found = []
callers = [threading.Thread(target=lambda: found.append(right())) for _ in range(5)]
[caller.start() for caller in callers]
[caller.join() for caller in callers]
assert found == [True] * 5
assert all(right() for _ in range(30))
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        os._exit(0 if right() else 1)
    assert os.waitpid(child, 0)[1] == 0
POOL.stay_out()
assert right()
"""


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_pool_and_single_thread_agree(chip):
    here = Path(__file__).parent
    path = os.pathsep.join([str(here / "host"), str(here.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, chip],
        env={**os.environ, "TVM_NUM_THREADS": "2", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_faster_way_is_taken_and_the_other_tried_again():
    chooser, ways = Chooser(), []

    def pool():
        ways.append("pool")
        time.sleep(0.01)

    for _ in range(100):
        chooser.run(pool, lambda: ways.append("alone"))
    assert ways[:6] == ["pool", "alone"] * 3
    assert 4 <= ways.count("pool") <= 8


def test_one_caller_at_a_time():
    pool = Pool()
    assert pool.enter()
    assert not pool.enter()
    pool.leave()
    assert pool.enter()
