"""What CPU the code needs: readable in a library, and an error instead of a dead process."""

import numpy as np
import pytest
import tvm
from host_networks import expected, image, residual
from tvm.target import Target

from tvm_espdl.runtime.host import build_regions, cpu, host_target

X86 = "x86_64-linux-gnu"
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
    arm = Target({"kind": "llvm", "mtriple": "aarch64-linux-gnu"})
    assert cpu.llvm_text(arm) == ""


def test_it_runs_where_the_cpu_has_all():
    run(build_regions({"net": residual("esp32s3")}, host_target(None)))


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
