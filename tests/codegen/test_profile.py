"""Firmware with TVM_ESPDL_PROFILE: the cycles of every call, after every run."""

import json

import pytest
from networks import digits_arrays, library

from tvm_espdl.files.profile_lines import read_profile
from tvm_espdl.toolchain.network import build_project


@pytest.mark.parametrize(("compiler", "name"), [("c_compiler", "digits"), ("rv32", "default")])
def test_every_call_is_counted(compiler, name, tmp_path, request):
    compiler = request.getfixturevalue(compiler)
    sample = digits_arrays()["images"][:1]
    project = library("digits", "esp32p4").export_project(
        tmp_path / "project", sample_input=sample, name=name
    )
    build_project(project, tmp_path / "program", compiler, defines=["TVM_ESPDL_PROFILE"])
    log = tmp_path / "monitor.log"
    log.write_text(compiler.run(tmp_path / "program"))
    metadata = json.loads(next(project.rglob("metadata.json")).read_text())
    profile = read_profile(log)
    assert (profile.runs, profile.damaged) == (1, ())
    made = [call["outputs"][0] for call in metadata["calls"]]
    assert [call.name for call in profile.calls] == [made[call.index] for call in profile.calls]
    # A reshape is a view of another tensor, no call.
    left_out = set(range(len(made))) - {call.index for call in profile.calls}
    assert {metadata["calls"][index]["operator"] for index in left_out} <= {"reshape"}
    convolutions = [
        c.cycles for c in profile.calls if "conv" in metadata["calls"][c.index]["operator"]
    ]
    # The emulated chip counts instructions or time; a PC's clock stands still meanwhile.
    assert compiler.counter is None or min(convolutions) > 1000
