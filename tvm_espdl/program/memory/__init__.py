"""The memory planner, one for the host and for the chip: what shares bytes, and where all goes.

It reads programs and what kernels ask of memory; it never changes a program or moves data.
"""

from .plan import ALIGNMENT, Arena, Block, Place, Plan, Pool
from .planner import Planner, plan

__all__ = ["ALIGNMENT", "Arena", "Block", "Place", "Plan", "Planner", "Pool", "plan"]
