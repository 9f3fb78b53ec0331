"""Rules of form: every refusal that a pattern can give is one, and stands in the documentation."""

import ast
from pathlib import Path

import pytest

import tvm_espdl.relay.patterns
from tvm_espdl.ops import operators
from tvm_espdl.relay.patterns.rules import form_rules

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"
SOURCES = sorted(Path(tvm_espdl.relay.patterns.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("rule", form_rules(), ids=lambda rule: rule.name)
def test_rule_is_documented(rule):
    assert rule.sentence.endswith(".")
    assert rule.sentence[0].isupper()
    assert rule.allowed
    assert rule.fix
    row = f"| {rule.sentence} (`{rule.name}`) | {rule.allowed} | {rule.fix} |"
    sections = PAGE.read_text().split("\n## ")
    holding = {section.split("\n")[0] for section in sections if row in section}
    assert holding == (set(rule.operators) or {"# Operators"}), "run python scripts/make_docs.py"
    assert set(rule.operators) <= set(operators())


def test_names_are_unique():
    names = [rule.name for rule in form_rules()]
    assert len(names) == len(set(names))


def calls_of(node, name):
    return [
        call
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == name
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_patterns_refuse_only_by_stated_rules(path):
    """No refusal of its own words, and no rule that is made inside a function."""
    tree = ast.parse(path.read_text())
    assert not calls_of(tree, "Refusal"), f"{path.name}: refuse by a FormRule"
    stated = [s.value for s in tree.body if isinstance(s, ast.Assign)]
    assert len(calls_of(tree, "FormRule")) == sum(
        isinstance(value, ast.Call) and ast.unparse(value.func) == "FormRule" for value in stated
    ), f"{path.name}: state rules at the top level"
    known = {rule.name for rule in form_rules()}
    assert {call.args[0].value for call in calls_of(tree, "FormRule")} <= known
