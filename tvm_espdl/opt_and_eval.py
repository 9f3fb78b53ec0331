"""`python -m tvm_espdl.opt_and_eval esp32s3 model.onnx`, as `tvm-espdl opt_and_eval`.

It hands its arguments to the command line, and does nothing else.
"""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(["opt_and_eval", *sys.argv[1:]]))
