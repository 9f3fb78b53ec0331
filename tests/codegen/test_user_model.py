"""The user's own number and version of a network: in header, metadata and `.espdl` file."""

import json
import subprocess

import networks
import pytest

from tvm_espdl.cli import main
from tvm_espdl.codegen.network_name import NetworkName
from tvm_espdl.errors import DataError
from tvm_espdl.espdl import load
from tvm_espdl.program.user_model import LARGEST_ID, UserModel


@pytest.fixture(scope="module")
def library():
    return networks.library("digits", "esp32s3")


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}  # fmt: skip


def test_header_and_metadata(library, tmp_path, c_compiler):
    plain = contents(library.export_project(tmp_path / "a" / "p"))
    folder = library.export_project(
        tmp_path / "b" / "p", user_model_id=LARGEST_ID, user_model_version="0001-rc.2"
    )
    named = contents(folder)
    changed = {path.name for path in named if named[path] != plain[path]}
    assert named.keys() == plain.keys()
    assert changed == {"metadata.json", "tvmgen_default.h"}
    (path,) = folder.glob("components/*/model/metadata.json")
    metadata = json.loads(path.read_text())
    assert (metadata["user_model_id"], metadata["user_model_version"]) == (LARGEST_ID, "0001-rc.2")
    header = next(folder.rglob("tvmgen_default.h"))
    assert metadata["model_id"] in header.read_text()
    program = tmp_path / "main.c"
    program.write_text(
        '#include <stdio.h>\n#include "tvmgen_default.h"\nint main(void) { printf("%u %s", '
        "(unsigned)TVMGEN_DEFAULT_USER_MODEL_ID, TVMGEN_DEFAULT_USER_MODEL_VERSION); return 0; }\n"
    )
    subprocess.run(
        ["gcc", "-Wall", "-Werror", f"-I{header.parent}", program, "-o", tmp_path / "main"],
        check=True,
    )
    shown = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"{LARGEST_ID} 0001-rc.2"


@pytest.mark.parametrize(("version", "number"), [("0042", 42), ("1.0", 0), (None, 0)])
def test_espdl(library, tmp_path, version, number):
    path = tmp_path / "m.espdl"
    library.save_espdl(path, user_model_id=0, user_model_version=version)
    model = load(path).model
    assert model.metadata["user_model_id"] == "0"
    assert model.metadata.get("user_model_version") == version
    assert model.model_version == number
    library.save_espdl(tmp_path / "plain.espdl")
    plain = load(tmp_path / "plain.espdl").model
    assert plain.metadata["model_id"] == model.metadata["model_id"]
    assert "user_model_id" not in plain.metadata


def test_from_a_file_to_a_file(library, tmp_path):
    """What the old file says stays, but for what is given anew."""
    library.save_espdl(tmp_path / "m.espdl", user_model_id=7, user_model_version="3")
    way = ["export", "--format", "espdl", "--model_path", str(tmp_path / "m.espdl"), "--out_path"]
    assert main([*way, str(tmp_path / "n.espdl")]) == 0
    kept = load(tmp_path / "n.espdl").model
    assert (kept.metadata["user_model_id"], kept.model_version) == ("7", 3)
    assert main([*way, str(tmp_path / "o.espdl"), "--user-model-id", "0x8001"]) == 0
    assert load(tmp_path / "o.espdl").model.metadata["user_model_id"] == str(0x8001)


HOSTILE = ["", "1 0", 'a"b', "a\\n", "*/", "ü", "x" * 65, "a\0", "%s", "\n"]


@pytest.mark.parametrize("version", [*HOSTILE, 1, b"1"])
def test_hostile_versions_are_refused(version):
    with pytest.raises(DataError, match="no version of a model"):
        UserModel(None, version)


@pytest.mark.parametrize("number", [-1, LARGEST_ID + 1, True, 1.0, "7"])
def test_hostile_numbers_are_refused(number):
    with pytest.raises(DataError, match="no number of a model"):
        UserModel(number)


def test_nothing_is_written_of_what_is_refused(library, tmp_path, capsys):
    with pytest.raises(DataError):
        library.export_project(tmp_path / "p", user_model_version="*/")
    with pytest.raises(DataError):
        library.save_espdl(tmp_path / "m.espdl", user_model_id=-1)
    library.save_espdl(tmp_path / "m.espdl")
    way = ["export", "--model_path", str(tmp_path / "m.espdl"), "--out_path", str(tmp_path / "p")]
    assert main([*way, "--user_model_version", "a b"]) == 2
    assert "no version of a model" in capsys.readouterr().err
    for number in ("one", "1_0", " 1", "٣", "0b1", "1.0", "", "9" * 5000):
        with pytest.raises(SystemExit) as stopped:
            main([*way, "--user_model_id", number])
        assert stopped.value.code == 2, number
    assert {path.name for path in tmp_path.iterdir()} == {"m.espdl"}
    assert NetworkName("face").user == UserModel()
