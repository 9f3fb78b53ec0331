"""What CPU the code needs: readable in a library, and an error instead of a dead process."""

import os
import sys

import numpy as np
import pytest
import tvm
from host_networks import expected, image, residual
from tvm.target import Target

from tvm_espdl.runtime.host import build_regions, cpu, host_target
from tvm_espdl.runtime.host.products.instructions import instructions_of

X86, LINUX, MACOS = "x86_64-linux-gnu", "aarch64-linux-gnu", "arm64-apple-macosx"
pytestmark = pytest.mark.skipif(
    not cpu.needed(host_target(None)), reason="a CPU whose features are not asked for"
)


def run(module):
    program = residual("esp32s3")
    result = tvm.runtime.empty((1, 7), "float32")
    module["net"](tvm.runtime.tensor(image()), result)
    np.testing.assert_array_equal(result.numpy(), expected(program, image())["h"])


def test_features_of_cpus():
    def of(name):
        return {*cpu.needed(Target({"kind": "llvm", "mcpu": name, "mtriple": X86}))}

    assert not of("x86-64")
    assert {"avx2", "fma", "bmi2"} <= of("haswell")
    assert "avx512f" not in of("haswell")
    assert {"avx512vnni", "avx512vl"} <= of("icelake-server")
    assert of("sapphirerapids") <= cpu.BITS.keys()


def test_features_of_aarch64():
    def of(name, triple=LINUX):
        return Target({"kind": "llvm", "mcpu": name, "mtriple": triple})

    assert cpu.llvm_text(of("generic")) == cpu.llvm_text(of("cortex-a72")) == ""
    assert cpu.needed(of("cortex-a76")) == ("dotprod", "fullfp16", "rdm")
    assert {"sve", "i8mm", "bf16"} <= {*cpu.needed(of("neoverse-v1"))}
    assert {"sve2", "mops"} <= {*cpu.needed(of("c1-ultra"))}
    assert "call i64 @getauxval(i64 16)" in cpu.llvm_text(of("cortex-a76"))
    apple = cpu.llvm_text(of("apple-m1", MACOS))  # who is asked there does not matter yet
    assert cpu.MARK + "apple-m1: " in apple
    assert "call" not in apple
    assert [cpu.architecture(of("generic", t)) for t in (LINUX, MACOS)] == ["aarch64"] * 2


def test_a_pc_with_aarch64_is_what_linux_says_of_it(monkeypatch):
    """Not what LLVM knows of its name: nothing, or what a hypervisor keeps from programs."""
    monkeypatch.setattr(cpu, "llvm_get_system_triple", lambda: LINUX)
    for name, told, has in (("generic", 1 << 20, True), ("neoverse-v1", 0, False)):
        monkeypatch.setattr(cpu, "llvm_get_system_cpu", lambda name=name: name)
        monkeypatch.setattr(cpu, "_auxiliary", {16: told, 26: 0}.__getitem__)
        target = Target({"kind": "llvm", "mtriple": LINUX, **cpu.of_this_pc()})
        assert target.attrs["mcpu"] == name
        assert cpu.needed(target) == (("dotprod",) if has else ())
        assert instructions_of(target).name == ("dotprod" if has else "neon")
    monkeypatch.setattr(cpu, "llvm_get_system_triple", lambda: MACOS)
    assert cpu.of_this_pc() == {"mcpu": "neoverse-v1"}


def test_the_auxiliary_vector():
    if not sys.platform.startswith("linux"):
        pytest.skip("no Linux")
    page_size = 6
    assert cpu._auxiliary(page_size) == os.sysconf("SC_PAGE_SIZE")


def test_it_runs_where_the_cpu_has_all():
    run(build_regions({"net": residual("esp32s3")}, host_target(None)))


@pytest.mark.skipif(cpu.architecture(Target("llvm")) != "x86", reason="it asks otherwise")
@pytest.mark.parametrize("place", [(1, 0, 3, 10), (1, 0, 3, 20)])
def test_it_says_so_where_the_cpu_lacks_one(monkeypatch, place):
    monkeypatch.setitem(cpu.BITS, "sse3", place)  # a bit that no CPU sets
    monkeypatch.setattr(cpu, "needed", lambda target: ("popcnt", "sse3"))
    module = build_regions({"net": residual("esp32s3")}, host_target(None))
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"needs the CPU .*: popcnt sse3; .* lacks"):
            run(module)


def test_an_exported_library_says_it(tmp_path, c_compiler):
    target = host_target(None)
    module = build_regions({"net": residual("esp32s3")}, target)
    module.export_library(str(tmp_path / "a.so"))
    name, _, features = cpu.cpu_of(tmp_path / "a.so").partition(": ")
    assert name == target.attrs["mcpu"]
    assert tuple(features.split()) == cpu.needed(target)
    run(tvm.runtime.load_module(str(tmp_path / "a.so")))
    (tmp_path / "b.so").write_bytes(b"nothing of it")
    assert cpu.cpu_of(tmp_path / "b.so") is None
