"""Writes the pages of docs that are made from the code; tests fail where they are not current."""

from pathlib import Path

from tvm_espdl.ops.base.documentation import operators_markdown
from tvm_espdl.relay.patterns.rules import form_rules
from tvm_espdl.report.kernel_page import kernels_markdown
from tvm_espdl.report.settings_page import settings_markdown
from tvm_espdl.selftest.witnesses import witnesses

DOCS = Path(__file__).parents[1] / "docs"

if __name__ == "__main__":
    (DOCS / "operators.md").write_text(operators_markdown(form_rules(), witnesses()))
    (DOCS / "kernels.md").write_text(kernels_markdown())
    (DOCS / "settings.md").write_text(settings_markdown())
