"""Chooses the layers that compute in int16, else in float: what gains most for its cycles.

Must never report an accuracy as the chip's: gains are measured with the simulation, to compare.
"""

from .goal import AUTO, Goal
from .search import choose_int16
from .tradeoff import Sensitivity, Tradeoff, TradeoffStep

__all__ = ["AUTO", "Goal", "Sensitivity", "Tradeoff", "TradeoffStep", "choose_int16"]
