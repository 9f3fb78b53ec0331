"""For each operator what its arithmetic rests on, besides our reading of ESP-DL's source.

`GOLDEN`: vectors that ESP-DL's own C++ and assembly gave, in `tvm_espdl/data/golden`. A path: a
file of Espressif's with stored outputs, below the folder of models. `SOURCE`: the source alone, so
that a mistake in reading it would not be found here; each such operator is compared with other
means (onnxruntime, float64, plain integers) in its family's tests.
"""

GOLDEN, SOURCE = "golden vectors", "ESP-DL's source"

_STREAMING = (
    "espdl/examples_tutorial_how_to_deploy_streaming_model_test_streaming_model_main_models_"
    "esp32s3_model.espdl"
)
_RESHAPE = "espdl-ops/esp32s3__reshape__reshape_ishape_1_10_32_5_5_shape_320_5_5.espdl"

WITNESSES = {
    "add": GOLDEN,
    "average_pool2d": GOLDEN,
    "clip": GOLDEN,
    "concat": GOLDEN,
    "conv1d": _STREAMING,
    "conv2d": GOLDEN,
    "depth_to_space": SOURCE,
    "depthwise_conv1d": _STREAMING,
    "depthwise_conv2d": GOLDEN,
    "dequantize": GOLDEN,
    "div": GOLDEN,
    "elu": SOURCE,
    "equal": SOURCE,
    "exp": SOURCE,
    "gather": SOURCE,
    "gemm": GOLDEN,
    "greater": SOURCE,
    "greater_equal": SOURCE,
    "gru": SOURCE,
    "hard_sigmoid": GOLDEN,
    "hard_swish": GOLDEN,
    "insert_zeros": SOURCE,
    "layer_norm": SOURCE,
    "leaky_relu": GOLDEN,
    "less": SOURCE,
    "less_equal": SOURCE,
    "log": SOURCE,
    "log_softmax": SOURCE,
    "lp_norm": SOURCE,
    "lstm": SOURCE,
    "lut": GOLDEN,
    "matmul": GOLDEN,
    "max_pool2d": GOLDEN,
    "maximum": SOURCE,
    "minimum": SOURCE,
    "mod": SOURCE,
    "mul": GOLDEN,
    "neg": SOURCE,
    "pad": GOLDEN,
    "pow": SOURCE,
    "prelu": GOLDEN,
    "quantize": GOLDEN,
    "reduce_l1": SOURCE,
    "reduce_l2": SOURCE,
    "reduce_log_sum": SOURCE,
    "reduce_log_sum_exp": SOURCE,
    "reduce_max": GOLDEN,
    "reduce_mean": GOLDEN,
    "reduce_min": SOURCE,
    "reduce_prod": SOURCE,
    "reduce_sum": GOLDEN,
    "reduce_sum_square": SOURCE,
    "relu": GOLDEN,
    "requantize": GOLDEN,
    "reshape": _RESHAPE,
    "resize_linear": GOLDEN,
    "resize_nearest": GOLDEN,
    "reverse_sequence": SOURCE,
    "rms_norm": SOURCE,
    "scatter_nd": SOURCE,
    "sigmoid": GOLDEN,
    "slice": GOLDEN,
    "softmax": GOLDEN,
    "space_to_depth": SOURCE,
    "sqrt": SOURCE,
    "sub": GOLDEN,
    "swish": GOLDEN,
    "tanh": GOLDEN,
    "transpose": GOLDEN,
}
