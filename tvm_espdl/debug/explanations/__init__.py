"""Known mistakes of boards, one file each: what a layer's values would be if it had been made.

None claims a layer of which it does not give every bit. They read the layer's own inputs and
constants, and never another tensor of the PC.
"""

from __future__ import annotations

from ..layer_run import LayerRun, OutOfTimeError
from ..rows import Explained
from .bias_after_shift import BiasAfterShift
from .bias_exponent import BiasExponent
from .bias_missing import BiasMissing
from .bias_truncated import BiasTruncated
from .channel_exponents import ChannelExponents
from .channel_order import ChannelOrder
from .dump_cut import DumpCut
from .dump_shifted import DumpShifted
from .explanation import Explanation
from .exponent_off import ExponentOff
from .filter_layout import FilterLayout
from .input_not_quantized import InputNotQuantized
from .input_overwritten import InputOverwritten
from .input_quantized_twice import InputQuantizedTwice
from .input_scaled import InputScaled
from .lane_saturation import LaneSaturation
from .layout_of_input import LayoutOfInput
from .normalized_twice import NormalizedTwice
from .other_chip import OtherChip
from .other_rounding import OtherRounding
from .previous_run import PreviousRun
from .relu_added import ReluAdded
from .relu_missing import ReluMissing
from .stale_buffer import StaleBuffer
from .tail_channels import TailChannels
from .tail_values import TailValues
from .wrapped import Wrapped

#: The most specific first: what says more about the mistake, and could fit less by chance.
EXPLANATIONS: tuple[Explanation, ...] = (
    ReluMissing(),
    ReluAdded(),
    BiasMissing(),
    OtherRounding(),
    Wrapped(),
    BiasTruncated(),
    BiasExponent(),
    BiasAfterShift(),
    LaneSaturation(),
    ChannelExponents(),
    InputQuantizedTwice(),
    InputNotQuantized(),
    NormalizedTwice(),
    ExponentOff(),
    FilterLayout(),
    ChannelOrder(),
    LayoutOfInput(),
    InputScaled(),
    PreviousRun(),
    StaleBuffer(),
    InputOverwritten(),
    TailChannels(),
    TailValues(),
    DumpShifted(),
    DumpCut(),
    OtherChip(),
)


def explained(run: LayerRun) -> tuple[list[Explained], str]:
    """Every known mistake that gives all values of a layer, and what could not be tried."""
    if run.too_large:
        return [], "it is too large to be computed again and again, so that nothing is tried"
    found: list[Explained] = []
    for number, explanation in enumerate(EXPLANATIONS):
        try:
            detail = explanation.found(run)
        except OutOfTimeError:
            names = ", ".join(one.name for one in EXPLANATIONS[number:])
            return found, f"the time for explanations was over before: {names}"
        if detail is not None:
            found.append(explanation.explained(detail))
    return found, ""


__all__ = ["EXPLANATIONS", "Explanation", "explained"]
