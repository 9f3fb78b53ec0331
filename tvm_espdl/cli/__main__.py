"""`python -m tvm_espdl.cli` is `tvm-espdl`."""

import sys

from . import main

sys.exit(main())
