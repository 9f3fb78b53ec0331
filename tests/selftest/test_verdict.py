"""What a log of the self-test's firmware proves: real monitors' logs, and whatever can go wrong."""

import numpy as np
import pytest
from firmware_logs import begin, checked, done, log_of, value_lines, vector_lines
from golden_folders import folder_of_names

from tvm_espdl.chips import CHIPS
from tvm_espdl.cli import main
from tvm_espdl.errors import ChipError, DataError
from tvm_espdl.selftest.firmware import firmware_of
from tvm_espdl.selftest.firmware_log import read_runs
from tvm_espdl.selftest.verdict import judge_log, judge_runs

BOOT = """\
ESP-ROM:esp32s3-20210327
rst:0x1 (POWERON),boot:0x8 (SPI_FAST_FLASH_BOOT)
I (261) main_task: Started on CPU0
\x1b[0;32mI (271) main_task: Calling app_main()\x1b[0m
""".splitlines()
PANIC = """\
Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.
Backtrace: 0x4200a1b2:0x3fc9f5d0
Rebooting...
""".splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of_names(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def firmware(folder):
    return firmware_of(CHIPS["esp32s3"], folder)


def index_of(firmware, name):
    return [vector.trial.name for vector in firmware.vectors].index(name)


def judged(firmware, lines):
    return judge_runs(read_runs(lines), firmware)


def counts(verdict):
    return verdict.passed, len(verdict.failures), len(verdict.skipped)


def other(array, *places):
    """An output that differs at some places, by one."""
    changed = array.copy()
    for place in places:
        changed.reshape(-1)[place] += 1
    return changed


def test_all_right(firmware):
    verdict = judged(firmware, log_of(firmware))
    assert verdict.ok and counts(verdict) == (9, 0, 0)
    assert verdict.problems == () and "9 by portable" in verdict.notes[0]


@pytest.mark.parametrize(
    "worn",
    [
        lambda lines: [*BOOT, *lines, "I (912) main_task: Returned from app_main()"],
        lambda lines: [f"I (1234) selftest: {line}\r" for line in lines],
        lambda lines: [f"2026-01-01 12:00:00.123 \x1b[0;32m{line}\x1b[0m \t" for line in lines],
        lambda lines: [one for line in lines for one in (line, "W (77) wifi: lost @espdl", "")],
        lambda lines: [*lines[:4], lines[4][:30], *BOOT, *lines],  # a reset in the middle
        lambda lines: [*lines[:4], lines[4][:30] + lines[0], *lines[1:]],
        lambda lines: [*lines, *BOOT, *lines[:5]],  # the monitor was stopped in the second run
        lambda lines: [*lines, *BOOT, lines[0][:30]],
        lambda lines: [*lines, *BOOT, *lines],
        lambda lines: [*lines, *PANIC],  # whatever comes afterwards is none of this firmware's
        lambda lines: [*lines, "@espdl begin v1 0123456789abcdef 1", "@espdl done 1"],
    ],
)
def test_logs_of_real_monitors(firmware, worn):
    verdict = judged(firmware, worn(log_of(firmware)))
    assert verdict.ok and counts(verdict) == (9, 0, 0), verdict


def test_a_log_as_a_windows_shell_writes_it(firmware, folder, tmp_path):
    log = tmp_path / "monitor.log"
    log.write_bytes("\r\n".join([*BOOT, *log_of(firmware)]).encode("utf-16"))
    assert judge_log(log, folder).ok


@pytest.mark.parametrize("with_values", [True, False])
def test_a_difference_is_named(firmware, with_values):
    index = index_of(firmware, "conv2d_int8_3x3_same")
    expected = firmware.vectors[index].trial.expected
    wrong = other(expected, 17, 40)
    lines = list(vector_lines(firmware, index, wrong))
    verdict = judged(firmware, log_of(firmware, {index: lines if with_values else lines[-1:]}))
    assert not verdict.ok and counts(verdict) == (8, 1, 0)
    (failure,) = verdict.failures
    assert (failure.case, failure.chip) == ("conv2d_int8_3x3_same", "esp32s3")
    if with_values:
        values = f"{wrong.ravel()[17]} instead of {expected.ravel()[17]}"
        assert failure.failure == (
            f"conv2d by portable: 2 of {expected.size} values differ, first at 17: {values}"
        )
    else:
        assert failure.failure.startswith("conv2d by portable: checksum ")


def test_values_that_are_not_those_of_the_checksum_are_not_shown(firmware):
    index = index_of(firmware, "add_int8_same")
    expected = firmware.vectors[index].trial.expected
    (*_, line) = vector_lines(firmware, index, other(expected, 3))
    forged = [*value_lines(index, "add_int8_same", expected), line]
    verdict = judged(firmware, log_of(firmware, {index: forged}))
    assert counts(verdict) == (8, 1, 0) and "checksum" in verdict.failures[0].failure


def test_other_results_in_place_and_outside(firmware):
    index = index_of(firmware, "add_int8_same")
    expected = firmware.vectors[index].trial.expected
    given = {
        index: list(vector_lines(firmware, index, in_place={1: other(expected, 5)})),
        index + 1: list(vector_lines(firmware, index + 1, untouched=False)),
    }
    verdict = judged(firmware, log_of(firmware, given))
    in_place, outside = (failure.failure for failure in verdict.failures)
    assert in_place.startswith("add by portable: over its input 1: 1 of ")
    assert "first at 5" in in_place
    assert outside.endswith("it wrote outside its output")
    assert not verdict.ok and counts(verdict) == (7, 2, 0)


def test_runs_in_place_have_to_be_there(firmware):
    index = index_of(firmware, "add_int8_same")
    (line,) = vector_lines(firmware, index)
    words = line.removeprefix("@espdl ").rpartition(" *")[0].split(" ")
    words[6] = "-"
    verdict = judged(firmware, log_of(firmware, {index: [checked(" ".join(words))]}))
    assert counts(verdict) == (8, 1, 0)
    assert "0 runs in place, 2 expected" in verdict.failures[0].failure


@pytest.mark.parametrize("steps", [1, 2])
def test_one_step_is_allowed_where_a_c_library_decides(firmware, steps):
    index = index_of(firmware, "sigmoid_int16_spread")
    near = firmware.vectors[index].trial.expected + np.int16(steps)
    lines = list(vector_lines(firmware, index, near))
    verdict = judged(firmware, log_of(firmware, {index: lines}))
    assert verdict.ok == (steps == 1) and counts(verdict) == (10 - steps, steps - 1, 0)
    # Without the values nobody knows how far away it is.
    verdict = judged(firmware, log_of(firmware, {index: lines[-1:]}))
    assert not verdict.ok and counts(verdict) == (8, 0, 1)


@pytest.mark.parametrize("verdict", ["equal", "differs"])
def test_the_firmware_s_own_word_proves_nothing(firmware, verdict):
    index = index_of(firmware, "relu_int8_d1")
    expected = firmware.vectors[index].trial.expected
    output = other(expected, 0) if verdict == "equal" else expected
    lines = list(vector_lines(firmware, index, output, verdict=verdict))
    assert counts(judged(firmware, log_of(firmware, {index: lines}))) == (8, 1, 0)


@pytest.mark.parametrize(
    ("damage", "passed", "problem"),
    [
        (lambda lines: lines[:5], 4, "did not end: 4 of 9 vectors came"),
        (lambda lines: lines[:-1], 0, "did not end: 9 of 9 vectors came"),
        (lambda lines: lines[1:], 0, "first line of a run is missing"),
        (lambda lines: [lines[0], *lines[2:]], 8, "8 of 9 vectors came"),
        (lambda lines: [*lines[:3], lines[3].replace("portable", "portoble"), *lines[4:]], 8,
         "damaged line: @espdl vector"),
        (lambda lines: [*lines[:3], lines[3], *lines[3:]], 8, "stands twice"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 8, "out of order"),
        (lambda lines: [*lines[:3], "@espdl vecto", *lines[3:]], 0, "damaged line: @espdl vecto"),
        (lambda lines: [*lines, *lines[:3], *lines[4:]], 0, "one: 8 of 9 vectors came"),
        (lambda lines: [*lines, *lines[3:]], 0, "behind the last whole one: the first line"),
        (lambda lines: [*lines, *lines[:4], *PANIC], 8, "firmware stopped: Guru Meditation"),
        (lambda lines: [*lines, lines[0][:40], *lines[1:3]], 0, "damaged line"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_not_passed(firmware, damage, passed, problem):
    verdict = judged(firmware, damage(log_of(firmware)))
    assert not verdict.ok and verdict.passed == passed, verdict
    assert sum(counts(verdict)) == 9 and verdict.passed < 9
    assert any(problem in one for one in verdict.problems), verdict.problems


def by(kernel, line):
    return checked(line[7:-10].replace(" portable ", f" {kernel} "))


def test_kernels_are_counted(firmware):
    lines = log_of(firmware)
    conv2d, relu = (
        index_of(firmware, f"{name}") + 1 for name in ("conv2d_int8_3x3_same", "relu_int8_d1")
    )
    notes = judged(firmware, lines).notes
    assert notes[0].endswith(": 9 vectors; 9 by portable in the log")
    assert notes[1].startswith("4 of them are ESP-DL's by default")
    lines[conv2d] = by("esp-dl", lines[conv2d])
    verdict = judged(firmware, lines)
    assert verdict.ok and "1 by esp-dl, 8 by portable" in verdict.notes[0]
    # No project calls ESP-DL's relu, and none has a kernel of another name.
    for forged in (by("esp-dl", lines[relu]), by("magic", lines[relu])):
        verdict = judged(firmware, [*lines[:relu], forged, *lines[relu + 1 :]])
        assert not verdict.ok and "which is no kernel of it" in verdict.problems[0]


def test_the_vector_in_which_the_board_stops_has_failed(firmware):
    lines = log_of(firmware)
    verdict = judged(firmware, [*lines[:4], *PANIC])
    assert counts(verdict) == (3, 1, 5)
    assert verdict.failures[0].case == firmware.vectors[3].trial.name
    assert "the board stopped in it" in verdict.failures[0].failure
    assert any("LoadProhibited" in problem for problem in verdict.problems)
    # It may come through the next time: that is no proof.
    again = judged(firmware, [*lines[:4], *PANIC, *BOOT, *lines])
    assert not again.ok and counts(again) == (8, 1, 0)


def test_what_differed_once_is_not_forgotten(firmware):
    index = index_of(firmware, "relu_int8_d1")
    wrong = list(vector_lines(firmware, index, other(firmware.vectors[index].trial.expected, 0)))
    verdict = judged(firmware, [*log_of(firmware, {index: wrong}), *log_of(firmware)])
    assert not verdict.ok and counts(verdict) == (8, 1, 0)


def test_other_firmware(firmware, folder, tmp_path):
    """Of other vectors, another chip, and mixed with this one."""
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    foreign = firmware_of(firmware.chip, folder_of_names(fewer, ["add_int8_same"]))
    verdict = judged(firmware, log_of(foreign))
    assert not verdict.ok and counts(verdict) == (0, 0, 9)
    assert foreign.identity in verdict.problems[0] and "write the project again" in str(verdict)
    chip = firmware_of(CHIPS["esp32p4"], folder)
    assert counts(judged(firmware, log_of(chip))) == (0, 0, 9)
    for mixed in (log_of(firmware) + log_of(foreign), log_of(firmware)[:5] + log_of(foreign)[1:]):
        assert not judged(firmware, mixed).ok
    # What was flashed before this firmware says nothing of it.
    assert judged(firmware, log_of(foreign) + log_of(firmware)).ok


def test_a_newer_form_of_the_log(firmware):
    lines = [checked(line[7:-10].replace(" v1 ", " v2 ")) for line in log_of(firmware)]
    verdict = judged(firmware, lines)
    assert not verdict.ok and "version v2, this package reads v1" in verdict.problems[0]


def test_wrong_numbers_in_whole_lines(firmware):
    """What no firmware prints, with checksums that fit."""
    lines, count = log_of(firmware), len(firmware.vectors)
    short = [checked(f"selftest v1 done {firmware.identity} {count - 1}")]
    assert "8 vectors by the last line, 9 by the first" in str(judged(firmware, lines[:-1] + short))
    head = [checked(f"selftest v1 begin {firmware.identity} {count - 1} 9")]
    both = judged(firmware, head + lines[1:-1] + short)
    assert not both.ok and "8 vectors announced, 9 expected" in both.problems
    extra = lines[1].replace(" 0 ", " 9 ")[7:-10]
    verdict = judged(firmware, [*lines[:-1], checked(extra), lines[-1]])
    assert not verdict.ok and "vector 9 is called" in str(verdict.problems)


@pytest.fixture
def log(firmware, tmp_path):
    """Writes a log, and judges it by the command."""

    def write(lines, *arguments):
        path = tmp_path / "monitor.log"
        path.write_text("\n".join(lines))
        return main(["selftest", "--log", str(path), *map(str, arguments)])

    return write


def test_command(firmware, folder, log, capsys):
    index = index_of(firmware, "relu_int8_d1")
    wrong = list(vector_lines(firmware, index, other(firmware.vectors[index].trial.expected, 0)))
    for lines, status, last in [
        (log_of(firmware), 0, "9 passed, 0 failed, 0 skipped"),
        (log_of(firmware, {index: wrong}), 1, "8 passed, 1 failed, 0 skipped"),
        (log_of(firmware)[:-3], 1, "7 passed, 0 failed, 2 skipped"),
    ]:
        assert log(lines, "--golden", folder) == status
        printed = capsys.readouterr().out.splitlines()
        assert printed[-1] == last
        named = any(line.startswith("relu_int8_d1 on esp32s3: relu by") for line in printed)
        assert named == ("1 failed" in last)
    # The package's own vectors are others; so is another chip's firmware.
    assert log(log_of(firmware)) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 passed, 0 failed, 57")
    assert log(log_of(firmware), "--golden", folder, "--chip", "esp32c3") == 1


def test_control_characters_are_not_sent_to_the_terminal(firmware, folder, log, capsys):
    lines = log_of(firmware)
    assert log([*lines[:3], "@espdl vector \x07\x1b]0;title", *lines[3:]], "--golden", folder) == 1
    out = capsys.readouterr().out
    assert "\\x07\\x1b]0;title" in out and "\x07" not in out


@pytest.mark.parametrize(
    "lines",
    [[], BOOT, ["@espdl begin v1 0123456789abcdef 3", "@espdl done 3"], ["@espdl vectors are"]],
)
def test_no_log_is_one_error(folder, lines, log, capsys):
    assert log(lines, "--golden", folder) == 2
    assert capsys.readouterr().err.startswith("tvm-espdl: error: ")


def test_unreadable_input(firmware, folder, tmp_path):
    with pytest.raises(DataError, match="No such file"):
        judge_log(tmp_path / "none.log", folder)
    with pytest.raises(DataError, match="no regular file"):
        judge_log(tmp_path, folder)
    path = tmp_path / "monitor.log"
    path.write_text("\n".join([begin(firmware)[:-1], done(firmware)[:-1]]))
    with pytest.raises(DataError, match=r"which chip it is of.*damaged lines only"):
        judge_log(path, folder)
    assert counts(judge_log(path, folder, "esp32s3")) == (0, 0, 9)
    with pytest.raises(ChipError):
        judge_log(path, folder, "esp8266")
