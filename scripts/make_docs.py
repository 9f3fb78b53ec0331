"""Writes docs/operators.md from the code; a test fails when the file is not current."""

from pathlib import Path

from tvm_espdl.ops.base.documentation import operators_markdown
from tvm_espdl.relay.patterns.rules import form_rules
from tvm_espdl.selftest.witnesses import witnesses

PAGE = Path(__file__).parents[1] / "docs" / "operators.md"

if __name__ == "__main__":
    PAGE.write_text(operators_markdown(form_rules(), witnesses()))
