"""Numbers in text: the forms that people print, and no others, in any time but a long one."""

import time

import pytest

from tvm_espdl.files.number_text import number_groups, numbers_in_line


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("1,2,-3,", [1, 2, -3]),
        ("[  0  12\t-3", [0, 12, -3]),
        ("I (321) app: 4, 5", [4, 5]),
        ("12:01:02.123 -> 6,7,\r", [6, 7]),
        ("2026-11-30 08:15:12.123 I (5) a: 8", [8]),
        ("{1.5, -2.25e-1, 3};", [1.5, -0.225, 3]),
        ("7", [7]),
    ],
)
def test_numbers_alone_in_a_line_are_read(line, values):
    found = numbers_in_line(line)
    assert found.values == values
    assert found.real == any(isinstance(value, float) for value in values)


@pytest.mark.parametrize(
    "line",
    ["", " ", ",,,", "x 1", "1 x", "12:30", "rst:0x1", "1-2", "1..2", "--1", "9" * 19, "0x10"],
)
def test_anything_else_is_no_number(line):
    assert numbers_in_line(line) is None


def test_lines_that_follow_one_another_belong_together():
    groups = number_groups(["a", "1, 2,", "3,", "", "4", "b", "5.0", "6"])
    assert [(group.line, group.values) for group in groups] == [
        (2, [1, 2, 3]), (5, [4]), (7, [5.0, 6]),
    ]  # fmt: skip
    assert [group.real for group in groups] == [False, False, True]


@pytest.mark.parametrize(
    "line", [",", "1", "1,", "1.", "- ", "[ ", "1e5", "(", "I (1", "1 ", "-> ", "nan,"]
)
def test_no_line_takes_long(line):
    begin = time.process_time()
    for end in ("", "x", ")"):
        numbers_in_line(line * 20_000 + end)
    assert time.process_time() - begin < 2
