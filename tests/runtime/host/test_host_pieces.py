"""Constants and the promises about floating point."""

import re

import numpy as np
import pytest
import tvm
from random_operators import GENERATORS

from tvm_espdl.chips import find_chip
from tvm_espdl.runtime.host.constants import llvm_ir
from tvm_espdl.runtime.host.module import build_regions
from tvm_espdl.runtime.host.run import program_of

# Fused or not: every product that meets a sum is one with a power of two.
EXACT_PRODUCTS = {"sigmoid", "tanh"}

# The host's exponential may fuse its doubles: the float32 is the same (test_exponential.py).
OF_EXPONENTIALS = {"swish", "elu", "exp", "softmax", "log_softmax", "reduce_log_sum_exp"}


def test_constants_as_text():
    text = llvm_ir("net", [np.array([1, -1, 10, 34, 92], np.int8), np.array([258], np.int16)])
    assert '@net_constant_0 = internal constant [5 x i8] c"\\01\\FF\\0A\\22\\5C", align 64' in text
    assert '@net_constant_1 = internal constant [2 x i8] c"\\02\\01", align 64' in text
    assert "define linkonce_odr hidden ptr @net_constant_address_1() alwaysinline" in text


#: By the CPU: fused operations, and those of float32.
FUSED = {
    "haswell": (r"\bvfn?m(add|sub)\w*", r"\bvfn?m(add|sub)\w*[ps]s\b"),
    "neoverse-v1": (
        r"\bf(n?m(add|sub|sb)|n?ml[as]|n?mad)\b",
        r"\bf(n?m(add|sub|sb)|n?ml[as]|n?mad)\s+(s\d|[vz]\d+\.[24]?s)",
    ),
}
KINDS = {"haswell": "x86_64-linux-gnu", "neoverse-v1": "aarch64-linux-gnu"}


@pytest.mark.parametrize(
    ("cpu", "chip"),
    [("haswell", "esp32s3"), ("haswell", "esp32p4"), ("neoverse-v1", "esp32p4")],
)
def test_no_fused_or_fast_floats(cpu, chip):
    """Also where the processor could: each float operation rounds on its own."""
    rng = np.random.default_rng(6)
    target = tvm.target.Target({"kind": "llvm", "mcpu": cpu, "mtriple": KINDS[cpu]})
    strict = GENERATORS.keys() - EXACT_PRODUCTS - OF_EXPONENTIALS
    for names, fused in zip((strict, OF_EXPONENTIALS), FUSED[cpu], strict=True):
        programs = {}
        for name in sorted(names):
            operator, _, constants = GENERATORS[name](rng, find_chip(chip))
            programs[name] = program_of(operator, find_chip(chip), constants)
        module = build_regions(programs, target=target)
        code = module.inspect_source("ll")
        assert not re.search(r"\b(fadd|fmul|fdiv|fcmp)[^%]*\b(fast|reassoc|contract|nnan)\b", code)
        assert "llvm.fma" not in code
        assert not re.search(fused, module.inspect_source("asm"))
