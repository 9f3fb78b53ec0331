"""The static program of a network: values, calls, states; its memory, its identity, its truth.

C, host library, `.espdl` files, reports and estimates are all made from it. Plain data: no module
of TVM carries anything here.
"""

from .program import Native, Node, Origin, Program, State, Step, Turn

__all__ = ["Native", "Node", "Origin", "Program", "State", "Step", "Turn"]
