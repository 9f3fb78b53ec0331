"""The generated table of operators is current and complete."""

from pathlib import Path

from tvm_espdl.ops import operators
from tvm_espdl.ops.base.documentation import operators_markdown
from tvm_espdl.ops.base.operator import rules_of, sentence_of
from tvm_espdl.relay.patterns.rules import form_rules
from tvm_espdl.selftest.witnesses import witnesses

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_page_is_current():
    page = operators_markdown(form_rules(), witnesses())
    assert PAGE.read_text() == page, "run python scripts/make_docs.py"


def test_page_says_of_every_operator_what_it_rests_on():
    found = witnesses()
    assert list(found) == list(operators())
    for name, witness in found.items():
        assert f"| [{name}](#{name}) | {witness} |\n" in PAGE.read_text()


def test_every_rule_is_one_sentence_for_users():
    for name, operator in operators().items():
        for rule in rules_of(operator):
            sentence = sentence_of(rule)
            assert sentence.endswith("."), f"{name}.{rule.__name__}: {sentence}"
            assert sentence[0].isupper()
            assert all(rule.espdl_rule), f"{name}.{rule.__name__} says what is allowed and to try"
