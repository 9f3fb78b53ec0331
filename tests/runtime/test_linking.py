"""A shared object appears whole or not at all, and says what is missing."""

import pytest
from tvm.support import cc

from tvm_espdl.errors import OutputError, ToolError
from tvm_espdl.runtime.linking import write_shared_object


class Executable:
    """Stands for TVM's: writes a half, and may fail then."""

    def __init__(self, problem=None):
        self.problem, self.names = problem, []

    def export_library(self, name):
        self.names.append(name)
        with open(name, "wb") as file:  # noqa: PTH123
            file.write(b"half")
        if self.problem is not None:
            raise self.problem


def test_it_gets_its_name_when_it_is_whole(tmp_path):
    executable = Executable()
    write_shared_object(executable, tmp_path / "a.so")
    assert (tmp_path / "a.so").read_bytes() == b"half"
    (name,) = executable.names
    assert name != str(tmp_path / "a.so")
    assert name.endswith(".so")  # TVM chooses the format by it


@pytest.mark.parametrize("problem", [RuntimeError("ld: x\nNo space left"), KeyboardInterrupt()])
def test_nothing_is_left_of_one_that_failed(tmp_path, problem):
    expected = ToolError if isinstance(problem, RuntimeError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_shared_object(Executable(problem), tmp_path / "a.so")
    assert not [*tmp_path.iterdir()]
    if expected is ToolError:
        assert "No space left" in str(caught.value)


def test_without_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setattr(cc, "get_cc", lambda: None)
    with pytest.raises(ToolError, match="apt-get install gcc"):
        write_shared_object(Executable(), tmp_path / "a.so")
    write_shared_object(Executable(), tmp_path / "a.tar")


def test_what_exists_stays(tmp_path):
    (tmp_path / "a.so").write_bytes(b"theirs")
    with pytest.raises(OutputError, match="exists already"):
        write_shared_object(Executable(), tmp_path / "a.so")
    assert (tmp_path / "a.so").read_bytes() == b"theirs"
