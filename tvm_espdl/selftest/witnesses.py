"""What each operator's arithmetic rests on, besides that our own engines agree with each other.

Vectors are counted from the index of those that the package ships. Files are Espressif's, which
are not part of it; the tests read their stored outputs where they are at hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..chips import FAMILIES
from ..ops import operators
from .builders import trials_of
from .golden import load

_STREAMING = (
    "espdl/examples_tutorial_how_to_deploy_streaming_model_test_streaming_model_main_models_"
    "esp32s3_model"
)
#: Files of Espressif's that hold an operator with its outputs: paths below the folder of models.
STORED: Mapping[str, str] = {
    name: f"{path if '/' in path else f'espdl-ops/{path}'}.espdl"
    for name, path in {
        "add": "esp32p4__add4d__add4d_broadcast_to_2_5_1_s8",
        "average_pool2d": "esp32s3__average_pooling__average_pooling_ishap_1_96_5_5_kshape_2_2_s8",
        "clip": "esp32s3__clip__clip_ishape_1_10_5_5_min_0_max_6",
        "concat": "esp32s3__concat__concat_ishape_1_5_10_10_1_5_10_31",
        "conv1d": _STREAMING,
        "conv2d": "esp32s3__conv__conv2d_ishap_1_48_19_29_kshap_16_48_3_3_s8",
        "depthwise_conv1d": _STREAMING,
        "depthwise_conv2d": "esp32p4__conv__depthwise_conv2d_ishap_1_16_3_3_kshap_16_1_3_3_relu_s8",
        "gather": "esp32p4__matmul__matmul_ishape0_3_10_ishape1_10_32_s8",
        "gemm": "esp32p4__gemm__linear_ishap_1_16_kshap_16_16_relu_s8",
        "lut": "esp32p4__tanh__tanh_ishap_1_355",
        "matmul": "esp32p4__matmul__matmul_ishape0_5_32_10_ishape1_7_1_10_32_s8",
        "max_pool2d": "esp32p4__max_pooling__max_pooling_ishap_1_51_5_5_kshape_3_1_s8",
        "mul": "esp32p4__mul4d__mul4d_broadcast_to_5_1_s8",
        "pad": "esp32s3__pad__pad_ishap_64_pads_3_3_constant_1_s8",
        "reshape": "esp32s3__flatten__flatten_ishape_1_10_32_5_5_start_0_end__2",
        "resize_nearest": "esp32s3__resize2d__resize2d_s8_conv_ishap_1_16_8_8",
        "sigmoid": "esp32p4__sigmoid__sigmoid_ishap_1_30_40",
        "slice": "esp32s3__slice__slice_ishap_15_133_s8",
        "softmax": "esp32s3__softmax__softmax_ishape_1_33_dim_-1_s8",
        "sub": "esp32p4__sub4d__sub4d_broadcast_to_2_5_2_1_s8",
        "transpose": "esp32s3__transpose__transpose_ishape_1_10_20_40_perm_0_2_1_3",
    }.items()
}

Kind = Literal["vectors", "files", "reading", "own"]
_FILE = "outputs stored in a file of Espressif's"
_SENTENCES: Mapping[Kind, str] = {
    "vectors": "vectors computed by ESP-DL's own code: {detail}",
    "files": _FILE,
    "reading": "reading ESP-DL's source alone, which shows no mistake in reading",
    "own": "this package's own definition; ESP-DL has no such kernel",
}


@dataclass(frozen=True)
class Witness:
    """Why an operator's arithmetic is thought to be the chip's.

    Attributes
    ----------
    kind : str
        `vectors`, `files`, `reading` or `own`: the first of them that there is.
    detail : str
        How many vectors of which types.
    file : str
        The path of a file, "" where there is none.
    """

    kind: Kind
    detail: str = ""
    file: str = ""

    def __str__(self) -> str:
        sentence = _SENTENCES[self.kind].format(detail=self.detail)
        return f"{sentence}; {_FILE}" if self.kind == "vectors" and self.file else sentence


def witnesses() -> dict[str, Witness]:
    """The witness of every operator by its name, in alphabetical order."""
    counts: dict[str, Counter[str]] = {}
    for case in load():
        trials = [trial for family in FAMILIES for trial in trials_of(case, family) or ()]
        for name in {trial.operator.name for trial in trials}:
            counts.setdefault(name, Counter())[str(case.entry["dtype"])] += 1
    return {name: _witness(name, counts.get(name, Counter())) for name in operators()}


def _witness(name: str, counted: Counter[str]) -> Witness:
    file = STORED.get(name, "")
    if counted:
        listed = ", ".join(f"{n} of {dtype}" for dtype, n in sorted(counted.items()))
        return Witness("vectors", listed, file)
    if file:
        return Witness("files", file=file)
    # An operator says so itself where ESP-DL has no kernel for it.
    return Witness("reading" if operators()[name].in_esp_dl() else "own")
