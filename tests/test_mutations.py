"""The script that changes one token of the code, and looks whether a test notices."""

import ast
import sys
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from mutate import TESTS, _chosen, _files, changes_of  # noqa: E402
from mutated_tree import LIVED, NOTICED, UNDECIDED, Known, Tree  # noqa: E402

PYTHON = '''"""1 + 1 in words."""

def f(a, b):
    return a + 1 if a < b and b != 3 else "2 < 3"  # a + b
'''
C = """/* 1 + 1
 * in words */
#define TWO (1 + 1)
static int f(int a, int b) { return a >> 2 && b->x <= 7 ? a + b : -1; } // 1 + 1
const char *text = "1 + 1";
"""


def test_every_token_of_interest_and_no_word_of_prose(tmp_path):
    for name, text, expected in (
        ("a.py", PYTHON, ["+ -", "1 2", "< <=", "and or", "!= ==", "3 4"]),
        ("a.c", C, [">> <<", "2 3", "&& ||", "<= <", "7 8", "+ -", "- +", "1 2"]),
    ):
        (tmp_path / name).write_text(text)
        changes = changes_of(Path(name), tmp_path)
        found = [f"{c.old} {c.new}" for c in changes if c.old != "*"]
        assert found == expected
        for change in changes:
            (tmp_path / name).write_text(text)
            change.apply(tmp_path)
            changed = (tmp_path / name).read_text()
            assert changed != text
            assert changed.count("\n") == text.count("\n")
            if name == "a.py":
                ast.parse(changed)


def test_rooms_and_their_tests_are_there():
    for room, tests in TESTS.items():
        assert _files(room), room
        assert all((ROOT / test).is_dir() for test in tests), room


def test_a_change_that_counts_is_noticed(tmp_path):
    """Of a small tree: what a test looks at is noticed, and what nobody looks at lives."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "a.py").write_text("def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x + 1\n")
    (tmp_path / "tests/test_a.py").write_text(
        "from a import f\n\n\ndef test_f():\n    assert f(1) == 2\n"
    )
    with Tree(tmp_path, libraries=()) as tree:
        seen = {
            change.line: tree.outcome(change, ("tests",), 60)
            for change in changes_of(Path("a.py"), tmp_path)
        }
        assert seen == {2: NOTICED, 6: LIVED}
        assert (tree.path / "a.py").read_text() == (tmp_path / "a.py").read_text()
        (tree.path / "tests/test_a.py").write_text("while True:\n    pass\n")
        change = changes_of(Path("a.py"), tmp_path)[0]
        assert tree.outcome(change, ("tests",), 2) == UNDECIDED


def test_only_tests_that_pass_without_the_change_notice_it(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "a.py").write_text("def f(x):\n    return x + 1\n")
    broken = "def test_broken():\n    assert False\n"
    (tmp_path / "tests/test_a.py").write_text(broken)
    (tmp_path / "tests/test_b.py").write_text("import nothing_like_it\n")
    (change, _) = changes_of(Path("a.py"), tmp_path)
    known = Known()
    with Tree(tmp_path, known, libraries=()) as tree:
        assert tree.outcome(change, ("tests",), 60) == LIVED
        assert known.broken == {"tests/test_a.py::test_broken", "tests/test_b.py"}
        (tree.path / "tests/test_c.py").write_text(
            "import os\nfrom a import f\n\n\ndef test_crash():\n    f(1) == 2 or os.abort()\n"
        )
        assert tree.outcome(change, ("tests",), 60) == NOTICED


def test_annotations_and_decorators_are_no_changes(tmp_path):
    (tmp_path / "a.py").write_text(
        "@d(frozen=True, n=1)\ndef f(a: int | None = 1, *, b: X[2] = None, **c) -> int | str:\n"
        "    g: int | None = a * 2\n    return h(*a, **c)\n"
    )
    found = [(c.line, c.old) for c in changes_of(Path("a.py"), tmp_path)]
    assert found == [(2, "1"), (3, "*"), (3, "2")]


def test_a_seed_repeats_its_changes():
    first, again = (list(islice(_chosen(["files", "debug"], 3), 20)) for _ in range(2))
    assert first == again
    assert len(set(first)) > 10
