"""How long a network takes on a chip, how much memory it needs, and what would change that.

Figures come from shapes alone, through counts of instructions and of fetched bytes. It runs and
compiles nothing, and it does not know model files: it must never say a figure without its error.
"""

from .estimate import Estimate, evaluate
from .machine import Settings
from .verdict import Limits

__all__ = ["Estimate", "Limits", "Settings", "evaluate"]
