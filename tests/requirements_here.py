"""What a test needs of this machine: without it the test is skipped with the reason.

It fails instead where the environment variable TVM_ESPDL_REQUIRE_TOOLS is 1, as in continuous
integration.
"""

import os
import tempfile
from pathlib import Path

import pytest

from tvm_espdl.errors import ToolError


def unavailable(reason):
    if os.environ.get("TVM_ESPDL_REQUIRE_TOOLS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def installed(compiler):
    """A compiler that makes programs here, with the C library that it needs."""
    missing = compiler.missing()
    if missing:
        unavailable(f"no {', no '.join(missing)}: apt-get install {compiler.packages}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "main.c"
        source.write_text(
            "#include <math.h>\n#include <stdio.h>\n\nint main(void) {\n  return 0;\n}\n"
        )
        try:
            compiler.build([source], source.with_suffix(""))
        except ToolError as error:
            unavailable(f"{error}: apt-get install {compiler.packages}")
    return compiler
