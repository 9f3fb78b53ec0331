"""Convolutions whose filter a cache keeps in slices only: how many channels come at a time.

ESP-DL's kernels in vectors read the whole filter for each pixel. Which layers are in slices is
decided here, for C and for estimates; results are the same, in every bit.
"""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from ..chips.external import Kept
from ..ops import Operator
from ..ops.base.weighted import Weighted
from ..ops.conv1d import Conv1d
from ..ops.conv2d import Conv2d
from ..ops.gemm import Gemm
from .kernels import Kernel

#: What sums over all input channels; a depthwise convolution goes through its channels anyway.
_SUMMING = (Conv1d, Conv2d, Gemm)


def slice_channels(
    operator: Operator, chip: Chip, kernel: Kernel, pitch_bytes: int | None = None
) -> int:
    """How many output channels a call computes for all pixels before the next ones; 0 for all.

    Parameters
    ----------
    kernel : str
        Whose kernel computes it: `esp-dl`, `portable` or `tvm`.
    pitch_bytes : int, optional
        From one pixel of the result to the next, where they lie apart.
    """
    memory = chip.external_memory
    if kernel != "esp-dl" or not memory.kept or not isinstance(operator, _SUMMING):
        return 0
    lanes, channels = chip.lanes(operator.x.dtype), operator.y.shape[-1]
    positions = operator.y.size // channels
    if positions < 2 or channels <= lanes or not _stores_slices(operator, chip, pitch_bytes):
        return 0
    nbytes = sum(tensor.nbytes for tensor in operator.constants)
    blocks, block = -(-channels // lanes), -(-nbytes * lanes // channels)
    fitting = (kept for kept in memory.kept if _pays(kept, nbytes, block))
    kept = next(fitting, None)
    if kept is None:
        return 0
    slices = -(-blocks // max(1, kept.slice_bytes // block))
    return -(-blocks // slices) * lanes


def _pays(kept: Kept, nbytes: int, block: int) -> bool:
    """Whether a filter is too large for a cache, and a vector of channels of it is not."""
    return nbytes > kept.whole_bytes >= block


def _stores_slices(operator: Weighted, chip: Chip, pitch_bytes: int | None) -> bool:
    """Whether a slice is stored where it belongs.

    ESP-DL v3.3.9 looks at the channels in and out, and at the first pixel, whether all of them
    begin at multiples of a vector: in slices, of an odd number of channels, others do not.
    """
    y = operator.y
    pitch = pitch_bytes or y.shape[-1] * np.dtype(y.dtype).itemsize
    return pitch % chip.vector_bytes == 0 or bool(operator.x.shape[-1] % chip.lanes(y.dtype))
