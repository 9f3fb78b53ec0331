"""Some of the package's vectors in a folder of their own."""

import json
import shutil

from tvm_espdl.selftest.golden import GOLDEN

#: One of each kind that a firmware treats differently: floats, an `expf` of a C library's, one and
#: two inputs that the output may be written over, int16, constants, and a case without kernel.
FEW = (
    *("conv2d_int8_3x3_same", "add_int8_same", "add_int16_channel", "relu_int8_d1", "lut_int8_all"),
    *("dequantize_int8_em4", "softmax_int8_axis1", "sigmoid_int16_spread", "concat_int8_c"),
    "filter_layout_int8_conv_n5_c8",
)
#: One of each of ESP-DL's kernels that are called where the chip has vectors.
BY_ESP_DL = (
    *("conv2d_int8_3x3_c3_o8", "conv2d_int16_3x3_same_relu", "gemm_int8_m4_k33_n10_relu"),
    *("depthwise_conv2d_int8_3x3_c17_nobias", "depthwise_conv2d_int16_3x3_c8_same"),
    *("add_int16_same_c5", "sub_int8_channel", "mul_int8_bcast_mix_shift2", "prelu_int16_d1"),
    *("maxpool_int8_3x2_asym", "lut_int16_step256", "requantize_int16_to_int8_d4"),
    *("resize_nearest_int8_2x_c5_d1", "matmul_int8_b3_m4_k20_n7"),
)


def folder_of(path, chosen):
    """The vectors whose entry of the index is `chosen`; how many there are."""
    index = json.loads((GOLDEN / "index.json").read_text())
    index["cases"] = [case for case in index["cases"] if chosen(case)]
    (path / "index.json").write_text(json.dumps(index))
    for case in index["cases"]:
        shutil.copy(GOLDEN / case["file"], path)
    return len(index["cases"])


def folder_of_names(path, names=FEW):
    """The vectors of these names, one file each; gives the folder."""
    assert folder_of(path, lambda case: case["file"].removesuffix(".npz") in names) == len(names)
    return path
