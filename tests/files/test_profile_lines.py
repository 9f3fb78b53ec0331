"""Cycles of calls in a log, among whatever else stands in it."""

import pytest

from tvm_espdl.errors import DataError
from tvm_espdl.files.profile_lines import ProfiledCall, read_profile

RUN = "@espdl profile 0 x 10\n@espdl profile 2 a%20b/c 4294967295\n"
CALLS = (ProfiledCall(0, "x", 10), ProfiledCall(2, "a b/c", 4294967295))


def read(tmp_path, text):
    log = tmp_path / "monitor.log"
    log.write_bytes(text.encode())
    return read_profile(log)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"I (12) boot: x\n\x1b[0;32m{text}\x1b[0m\nI (13) main_task: done\n",
        lambda text: text.replace("@espdl profile 2", "I (1) wifi: on @espdl profile 2"),
        lambda text: f"@espdl begin v1 id 1\n@espdl done 1\n{text}",
    ],
)
def test_lines_are_found_among_others(change, tmp_path):
    profile = read(tmp_path, change(RUN))
    assert (profile.calls, profile.runs, profile.damaged) == (CALLS, 1, ())


def test_the_last_whole_run_counts(tmp_path):
    earlier = RUN.replace(" 10\n", " 99\n")
    assert read(tmp_path, earlier + RUN).calls == CALLS
    cut = read(tmp_path, f"{earlier}{RUN}@espdl profile 0 x 7\n")
    assert (cut.calls, cut.runs) == (CALLS, 3)


@pytest.mark.parametrize(
    "bad", ["0 x", "0 x -3", "0 x 1.5", "0 x 4294967296", "zero x 1", "0 x 1 2"]
)
def test_damaged_lines_are_told(bad, tmp_path):
    profile = read(tmp_path, f"{RUN}@espdl profile {bad}\n")
    assert (profile.calls, profile.damaged) == (CALLS, (f"profile {bad}",))


@pytest.mark.parametrize("text", ["", "I (12) boot: profile 0 x 1\n", "@espdl profile 0 x y\n"])
def test_a_log_without_cycles_is_refused(text, tmp_path):
    with pytest.raises(DataError, match="no cycles of calls"):
        read(tmp_path, text)
    with pytest.raises(DataError, match="cannot be read"):
        read_profile(tmp_path / "nothing.log")
