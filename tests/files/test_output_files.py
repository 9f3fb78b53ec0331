"""Outputs appear whole or not at all, with the user's permissions, over nothing that exists."""

import errno
import os
from pathlib import Path

import pytest

from tvm_espdl.errors import DataError, OutputError
from tvm_espdl.files import output_files
from tvm_espdl.files.checked_json import read_json
from tvm_espdl.files.output_files import (
    check_apart,
    check_new,
    make_set,
    write_folder,
    write_set,
    write_whole,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield
    os.umask(old)


def test_permissions_are_those_that_umask_leaves(tmp_path, umask):
    write_whole(tmp_path / "file", b"1")
    write_folder(tmp_path / "folder", {Path("a/b"): b"2"})
    modes = {p: (tmp_path / p).stat().st_mode & 0o777 for p in ("file", "folder", "folder/a/b")}
    assert modes == {"file": 0o640, "folder": 0o750, "folder/a/b": 0o640}


def test_a_file_that_came_in_the_meantime_stays(tmp_path):
    target = tmp_path / "file"

    def slow(path):
        path.write_bytes(b"ours")
        target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="exists already"):
        make_set({target: slow})
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["file"]


def test_so_it_is_without_hard_links(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(output_files.os, "link", unsupported)
    write_whole(tmp_path / "file", b"ours")
    with pytest.raises(OutputError, match="exists already"):
        make_set({tmp_path / "other": lambda p: [p.touch(), (tmp_path / "other").touch()]})
    assert (tmp_path / "file").read_bytes() == b"ours"
    assert names(tmp_path) == ["file", "other"]


def test_nor_is_anything_left_where_they_fail_then(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(output_files.os, "link", unsupported)
    monkeypatch.setattr(Path, "replace", unsupported)
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "file", b"ours")
    assert names(tmp_path) == []


def test_a_dangling_link_is_something_that_exists(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        write_whole(tmp_path / "link", b"1")
    with pytest.raises(OutputError):
        write_folder(tmp_path / "link", {Path("a"): b"1"})
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["link"]


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_of_a_set_all_are_written_or_none(tmp_path, bad, problem):
    def make(index):
        def write(path):
            path.write_bytes(b"half")
            if index == bad:
                raise problem

        return write

    expected = OutputError if isinstance(problem, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        make_set({tmp_path / f"m.{i}": make(i) for i in range(3)})
    assert names(tmp_path) == []


def test_of_a_set_whose_last_name_is_taken_late_none_stays(tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        make_set({
            tmp_path / "a": lambda path: path.touch(),
            tmp_path / "b": lambda path: [path.touch(), (tmp_path / "b").write_text("theirs")],
        })  # fmt: skip
    assert names(tmp_path) == ["b"]


def test_two_outputs_in_one_place(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    for paths in (("a", "a"), ("a", "./a"), ("a", "a/b"), ("there/x", "link/x")):
        with pytest.raises(OutputError, match="two outputs in one place"):
            check_apart(*(tmp_path / path for path in paths))
    check_apart(tmp_path / "a", None, tmp_path / "ab", tmp_path / "there/a")
    with pytest.raises(OutputError, match="two outputs"):
        write_set({tmp_path / "there/x": b"", tmp_path / "link/x": b""})


def test_links_that_go_round_in_a_circle(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    output = tmp_path / "loop" / "a"
    check_apart(output, tmp_path / "b")
    with pytest.raises(OutputError, match="the folder of the output does not exist"):
        check_new(output)


def test_names_as_long_as_the_file_system_takes(tmp_path):
    write_whole(tmp_path / ("n" * 255), b"1")
    write_folder(tmp_path / ("f" * 255), {Path("a"): b"1"})
    for write in (lambda p: write_whole(p, b"1"), lambda p: write_folder(p, {Path("a"): b"1"})):
        with pytest.raises(OutputError, match="name"):
            write(tmp_path / ("n" * 256))
    assert len(names(tmp_path)) == 2


def test_a_folder_takes_copies_and_leaves_nothing_where_one_fails(tmp_path):
    (tmp_path / "given").write_bytes(b"g" * 9)
    write_folder(tmp_path / "new", {Path("x"): tmp_path / "given", Path("y"): b"1"})
    assert (tmp_path / "new/x").read_bytes() == b"g" * 9
    with pytest.raises(OutputError, match="cannot be written"):
        write_folder(tmp_path / "other", {Path("x"): tmp_path / "missing"})
    assert names(tmp_path) == ["given", "new"]


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        check_new(tmp_path / "file/x")
    with pytest.raises(OutputError):
        write_folder(tmp_path / "file/x", {Path("a"): b""})


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_of_a_set_that_overwrites_all_are_new_or_all_are_as_they_were(
    tmp_path, monkeypatch, bad, links
):
    """One of the names cannot be given: what was there stands there again, links and modes, too."""
    (tmp_path / "a").write_bytes(b"old a")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "c").symlink_to("a")
    targets = [tmp_path / name for name in "abc"]
    replace = Path.replace

    def refusing(self, target):
        if target == targets[bad] and self.read_bytes() == b"new":
            raise OSError(errno.EIO, "Input/output error")
        return replace(self, target)

    def unsupported(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "replace", refusing)
    if not links:
        monkeypatch.setattr(output_files.os, "link", unsupported)
    with pytest.raises(OutputError, match="cannot be written; found: Input/output error"):
        write_set(dict.fromkeys(targets, b"new"), overwrite=True)
    assert names(tmp_path) == ["a", "c"]
    assert (tmp_path / "a").read_bytes() == b"old a"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "c").is_symlink()
    monkeypatch.undo()
    write_set(dict.fromkeys(targets, b"new"), overwrite=True)
    assert {path.read_bytes() for path in targets} == {b"new"}
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("wrong", [5, None, b"x", ["x"], ""])
def test_what_is_no_path(wrong):
    for write in (check_new, lambda path: write_whole(path, b"")):
        with pytest.raises(OutputError, match=r"the output: (no|an empty) path; "):
            write(wrong)


def test_json_of_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(DataError, match="cannot be read; found: no regular file"):
            read_json(path, "JSON", "another file")
