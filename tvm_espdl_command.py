"""The program `tvm-espdl`, outside of the package, so that Ctrl-C meets no traceback in its import.

Importing the package takes TVM's import with it, seconds on a slow machine.
"""

import sys

#: The status that shells give a process which the user ends.
INTERRUPTED = 130


def main() -> int:
    """Run the command line; see `tvm_espdl.cli.main`."""
    try:
        from tvm_espdl import cli
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("tvm-espdl: interrupted", file=sys.stderr)
        return INTERRUPTED
    return cli.main()
