"""No check of the tests and scripts throws its result away, or could never fail."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [f for folder in ("tests", "scripts", "benchmarks") for f in (ROOT / folder).rglob("*.py")]
CALLS_WITH_A_STATUS = {"main", "cli.main", "subprocess.call", "os.system"}


def faults(source):
    """What in a file is computed and not looked at, with its line."""
    tree = ast.parse(source)
    expected_to_raise = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.With)
        and any("pytest.raises" in ast.unparse(item.context_expr) for item in block.items)
        for inner in ast.walk(block)
    }
    from_our_command = "from tvm_espdl.cli import main" in source
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple | ast.GeneratorExp):
            yield node.lineno, "is always true"
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant):
            yield node.lineno, "is a constant"
        if not isinstance(node, ast.Expr) or id(node) in expected_to_raise:
            continue
        if isinstance(node.value, ast.Compare | ast.BoolOp):
            yield node.lineno, "is not asserted"
        if isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            checked = any(word.arg == "check" and word.value.value for word in node.value.keywords)
            if called == "subprocess.run" and not checked:
                yield node.lineno, "is run, and its status thrown away"
            if called in CALLS_WITH_A_STATUS and (called != "main" or from_our_command):
                yield node.lineno, "gives a status that is thrown away"


def test_nothing_that_is_computed_is_thrown_away():
    assert len(FILES) > 100
    found = {file.relative_to(ROOT).as_posix(): list(faults(file.read_text())) for file in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from tvm_espdl.cli import main\nmain(['compare'])",
        "assert (x == y, 'message')",
        "assert 1",
        "x == y",
        "subprocess.run(['false'])",
        "subprocess.run(['false'], check=False)",
    ],
)
def test_faults_are_seen(line):
    assert len(list(faults(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from tvm_espdl.cli import main\nassert main(['compare']) == 0",
        "from tvm_espdl.cli import main\nwith pytest.raises(SystemExit):\n    main([])",
        "done = subprocess.run(['false'], check=False)",
        "subprocess.run(['true'], check=True)",
    ],
)
def test_checks_that_can_fail_are_taken(line):
    assert list(faults(line)) == []
