"""Runs a piece of C on this PC and reads what it leaves in an array."""

from pathlib import Path

import numpy as np


def c_result(compiler, folder, definitions, statement, array, *, count, dtype):
    """The bytes of `array` after `statement`, as an array of `count` elements of `dtype`."""
    source, program = Path(folder) / "main.c", Path(folder) / "program"
    source.write_text(
        "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n#include <stdio.h>\n"
        f"{definitions}\nint main(void) {{\n  {statement}\n"
        f'  FILE *const to = fopen("result.bin", "wb");\n'
        f"  if (to == NULL || fwrite({array}, sizeof {array}[0], {count}, to) != {count}) {{\n"
        "    return 1;\n  }\n  return fclose(to) != 0;\n}\n"
    )
    compiler.build([source], program)
    compiler.run(program)
    return np.frombuffer((Path(folder) / "result.bin").read_bytes(), dtype)
