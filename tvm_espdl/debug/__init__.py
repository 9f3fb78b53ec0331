"""Board against PC: reads what a board has dumped, and names the layer that computes it wrong.

This folder owns the dump formats and the comparison; it runs the network only through a `Host`.
"""

from .compare import compare
from .dump import Dump
from .dump_files import read_dump, save_folder
from .result import Comparison
from .serial_capture import capture

__all__ = ["Comparison", "Dump", "capture", "compare", "read_dump", "save_folder"]
