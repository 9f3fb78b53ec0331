"""What each operator's arithmetic rests on, besides that our own engines agree with each other.

Vectors are counted from the index of those that the package ships. Files are Espressif's, which
are not part of it; the tests read their stored outputs where they are at hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..ops import operators
from .builders import operator_of
from .golden import load

#: Where vectors are missing but files of Espressif's hold the operator with its outputs: their
#: paths below the folder of models.
STORED: Mapping[str, str] = {
    **dict.fromkeys(
        ("conv1d", "depthwise_conv1d"),
        "espdl/examples_tutorial_how_to_deploy_streaming_model_test_streaming_model_main_models_"
        "esp32s3_model.espdl",
    ),
    "reshape": "espdl-ops/esp32s3__reshape__reshape_ishape_1_10_32_5_5_shape_320_5_5.espdl",
}

Kind = Literal["vectors", "stored outputs", "source", "own"]
_SENTENCES: Mapping[Kind, str] = {
    "vectors": "vectors computed by ESP-DL's own kernels: {detail}",
    "stored outputs": "outputs stored in a file of Espressif's",
    "source": "reading ESP-DL's source; no vector of ESP-DL's would show a mistake in reading",
    "own": "this package's own definition; ESP-DL has no such kernel",
}


@dataclass(frozen=True)
class Witness:
    """Why an operator's arithmetic is thought to be the chip's."""

    #: `vectors`, `stored outputs`, `source` or `own`.
    kind: Kind
    #: How many vectors of which types, or the file's path.
    detail: str = ""

    def __str__(self) -> str:
        return _SENTENCES[self.kind].format(detail=self.detail)


def witnesses() -> dict[str, Witness]:
    """The witness of every operator by its name, in alphabetical order."""
    counts: dict[str, Counter[str]] = {}
    for case in load():
        built = operator_of(case)
        if built is not None:
            counts.setdefault(built[0].name, Counter())[str(case.entry["dtype"])] += 1
    found = {}
    for name, operator in operators().items():
        # An operator says so itself where ESP-DL has no kernel for it.
        if name in counts:
            listed = ", ".join(f"{n} of {dtype}" for dtype, n in sorted(counts[name].items()))
            found[name] = Witness("vectors", listed)
        elif name in STORED:
            found[name] = Witness("stored outputs", STORED[name])
        else:
            found[name] = Witness("source" if operator.in_esp_dl() else "own")
    return found
