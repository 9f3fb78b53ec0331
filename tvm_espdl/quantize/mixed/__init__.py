"""Chooses the layers that compute in int16: where the network gains most for the cycles it costs.

Must never report an accuracy as the chip's: gains are measured with the simulation, to compare.
"""

from .goal import AUTO, Goal
from .search import choose_int16
from .tradeoff import Sensitivity, Tradeoff, TradeoffStep

__all__ = ["AUTO", "Goal", "Sensitivity", "Tradeoff", "TradeoffStep", "choose_int16"]
