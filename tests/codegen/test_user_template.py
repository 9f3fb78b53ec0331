"""A user's template: its files stand in the project, and what cannot be used is told."""

import os

import pytest
from networks import library, quantized_digits

from tvm_espdl.cli import main
from tvm_espdl.errors import EspdlError


def export(tmp_path, template):
    return library("digits", "esp32").export_project(tmp_path / "p", template=template)


@pytest.fixture
def template(tmp_path):
    (tmp_path / "mine" / "main").mkdir(parents=True)
    return tmp_path / "mine"


def test_files_replace_and_are_added(tmp_path, template):
    (template / "main" / "app_main.c").write_bytes(b"/* mine */\xff\n")
    (template / "main" / "extra").mkdir()
    (template / "main" / "extra" / ".hidden").write_text("")
    (template / "linked.txt").symlink_to(template / "main" / "app_main.c")
    project = export(tmp_path, template)
    assert (project / "main" / "app_main.c").read_bytes() == b"/* mine */\xff\n"
    assert (project / "main" / "extra" / ".hidden").read_bytes() == b""
    assert (project / "linked.txt").read_bytes() == b"/* mine */\xff\n"
    assert not (project / "linked.txt").is_symlink()
    assert (project / "main" / "output_data.h").is_file()


def unusable(template, kind):
    path = template / "main" / "x"
    match kind:
        case "a file":
            path.write_text("")
            return path
        case "nothing there":
            return template / "absent"
        case "empty":
            return template
        case "dangling link":
            path.symlink_to(template / "absent")
        case "unreadable":
            path.symlink_to("/proc/self/mem")
        case "pipe":
            os.mkfifo(path)
        case "link to a folder":
            path.symlink_to(template)
        case "file for a folder":
            (template / "components").write_text("")
        case "folder for a file":
            (template / "partitions.csv").mkdir()
            (template / "partitions.csv" / "x").write_text("")
    return template


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("a file", "no folder; found: a file"),
        ("nothing there", "no folder; found: nothing"),
        ("empty", "holds no file"),
        ("dangling link", "cannot be read; found: No such file"),
        ("unreadable", "cannot be read; found: Input/output error"),
        ("pipe", "no ordinary file"),
        ("link to a folder", "a link to a folder"),
        ("file for a folder", "a file where the project has a folder"),
        ("folder for a file", "a folder where the project has a file"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_written(kind, told, tmp_path, template):
    with pytest.raises(EspdlError, match=told):
        export(tmp_path, unusable(template, kind))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    model = tmp_path / "m.onnx"
    model.write_bytes(quantized_digits("esp32").SerializeToString())
    for out in (tmp_path / "file", tmp_path / "file" / "p"):
        assert main(["export", "--model_path", str(model), "--out_path", str(out)]) == 2
        assert str(out) in capsys.readouterr().err
