"""Arrays as NumPy's `repr` writes them, in time that grows with their size only.

NumPy takes minutes for a few million numbers; here each value is looked up or formatted once.
Only the speed differs: the text is the same, character by character.
"""

from __future__ import annotations

import numpy as np

from ..ops.base.rounding import Array

LINE = 75
PREFIX = "array(["
FEW = 1000  # up to here NumPy's own text is soon done


def array_text(array: Array) -> str:
    """`repr(array)` of a 1-D array, all elements printed.

    Integers are formatted here, floats and short arrays by NumPy.
    """
    if array.size <= FEW or array.dtype.kind not in "iu":
        with np.printoptions(threshold=max(array.size, 1)):
            return repr(array)
    words = _words(array)
    width = len(words[0])
    # A line ends with a comma, which has to fit; the last one with a bracket.
    per_line = (LINE - 1 - len(")") - len(PREFIX) - width) // (width + 2) + 1
    indent = ",\n" + " " * len(PREFIX)
    lines = [", ".join(words[at : at + per_line]) for at in range(0, len(words), per_line)]
    text = f"{PREFIX}{indent.join(lines)}]"
    ending = f"dtype={array.dtype})" if array.dtype != np.int64 else ""
    if not ending:
        return f"{text})"
    last = len(PREFIX) + len(lines[-1]) + 1
    fits = last + len(ending) + 1 < LINE
    return f"{text}, {ending}" if fits else f"{text},\n      {ending}"


def _words(array: Array) -> list[str]:
    """Each number, all of the width that the widest one has."""
    low, high = int(array.min()), int(array.max())
    width = max(len(str(low)), len(str(high)))
    if high - low < 1 << 16:
        table = [f"{value:>{width}}" for value in range(low, high + 1)]
        return [table[place] for place in (array.astype(np.int64) - low).tolist()]
    return [f"{value:>{width}}" for value in array.tolist()]
