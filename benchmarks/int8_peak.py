"""The int8 multiply-accumulates per second that one core can do, measured: dot products alone.

Sums stay in registers; nothing is loaded or stored. `host_inference.py` compares operators with it.
Run: `python benchmarks/int8_peak.py`.
"""

import time

import tvm
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from tvm_espdl.runtime.host import host_target
from tvm_espdl.runtime.host.kernel import registers
from tvm_espdl.runtime.host.products.instructions import instructions_of

CHAINS = 12  # sums that do not wait for each other
ROUNDS = 100_000


def int8_peak():
    """GMAC/s of a core, and the name of the instruction; (None, "portable") without one."""
    target = host_target(None)
    path = instructions_of(target)
    if path is None:
        return None, "portable"
    lanes, group = path.lanes, path.group

    def vector(at, width):
        return T.Ramp(at * width, 1, width)

    with IRBuilder() as builder, T.prim_func():
        T.func_attr({"global_symbol": "peak"})
        image = T.arg("image", T.buffer((lanes * group,), path.element))
        weights = T.arg("weights", T.buffer((lanes * group,), path.weight))
        result = T.arg("result", T.buffer((CHAINS * lanes,), "int32"))
        sums = registers(CHAINS * lanes, "int32")
        for chain in range(CHAINS):
            zero = tirx.Broadcast(T.int32(0), lanes)
            T.buffer_store(sums, zero, [vector(chain, lanes)])
        with T.serial(ROUNDS):
            for chain in range(CHAINS):
                at = vector(chain, lanes)
                operands = image[vector(0, lanes * group)], weights[vector(0, lanes * group)]
                T.buffer_store(sums, path.dot(lanes, sums[at], *operands), [at])
        for chain in range(CHAINS):
            T.buffer_store(result, sums[vector(chain, lanes)], [vector(chain, lanes)])
    module = tvm.tirx.build(tvm.IRModule({"peak": builder.get()}), target=target, pipeline="tirx")
    arrays = [
        tvm.runtime.empty((size,), dtype)
        for size, dtype in (
            (lanes * group, path.element),
            (lanes * group, path.weight),
            (CHAINS * lanes, "int32"),
        )
    ]
    best = float("inf")
    for _ in range(20):
        start = time.thread_time()
        module["peak"](*arrays)
        best = min(best, time.thread_time() - start)
    return CHAINS * ROUNDS * lanes * group / best / 1e9, path.name


if __name__ == "__main__":
    print("{:.1f} GMAC/s, {}".format(*int8_peak()))
