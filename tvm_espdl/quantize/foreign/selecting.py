"""Operators whose results lie within the range of their data inputs, and how many those are.

Must never say how wide the results are: what is selected may be the smallest value.
"""

from __future__ import annotations

#: The output holds values of the data inputs, and nothing else but zeros; None: all are data.
MOVING: dict[str, int | None] = {
    **dict.fromkeys(("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity"), 1),
    **dict.fromkeys(("Slice", "Split", "Gather", "Expand", "Tile", "MaxPool", "Dropout"), 1),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth", "GlobalMaxPool", "ReduceMax", "ReduceMin"), 1),
    "Concat": None,
}
#: The output lies between the data's extremes, as a rule well inside.
AVERAGING = ("AveragePool", "GlobalAveragePool", "ReduceMean")

#: The result lies between the smallest and the largest value of the data inputs.
SELECTING = {**MOVING, **dict.fromkeys(AVERAGING, 1), **dict.fromkeys(("Max", "Min"), None)}
