"""One tensor given as several outputs, and inputs given back: on the PC and in C."""

import numpy as np
import pytest
from network_in_c import run_network
from onnx import TensorProto, helper
from qdq_builder import QdqBuilder

from tvm_espdl import relay

SHAPE = (1, 32)
STEP = 2.0**-4


def network(quantized, given):
    """The network whose outputs are `given`, by the keys of `expected`."""
    builder = QdqBuilder()
    x = builder.input("x", SHAPE)
    real = builder.qdq(x, -4) if quantized else x
    y = builder.node("Relu", real)
    y = builder.qdq(y, -4) if quantized else y
    tensors = {"x": x, "real": real, "y": y}
    if "same" in given:
        tensors["same"] = builder.node("Identity", y)
    if "negative" in given:
        negative = builder.node("Neg", y)
        tensors["negative"] = builder.qdq(negative, -4) if quantized else negative
    builder.output(y)
    model = builder.model()
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(tensors[name], TensorProto.FLOAT, SHAPE) for name in given
    )
    return model


def expected(x):
    """By hand; `x` holds whole steps, which quantization keeps as they are."""
    positive = np.maximum(x, 0)
    return {"x": x, "real": x, "y": positive, "same": positive, "negative": -positive}


@pytest.mark.parametrize(
    ("quantized", "given"),
    [
        (True, "y y"),
        (True, "y same x"),
        (True, "y x x real"),
        (True, "negative y y real real"),
        (False, "y y x"),
        (False, "same negative x x"),
    ],
)
@pytest.mark.filterwarnings("ignore:no part of the network:tvm_espdl.errors.EspdlWarning")
def test_each_output_is_given(quantized, given, c_compiler):
    names = given.split()
    model = network(quantized, names)
    library = relay.build(*relay.frontend.from_onnx(model)[:1])
    assert library.output_names == tuple(output.name for output in model.graph.output)
    x = (np.random.default_rng(7).permutation(256)[:32] - 128).astype(np.float32).reshape(SHAPE)
    x *= np.float32(STEP)
    on_host = library.run([x])
    ((*in_c,),) = run_network(library.program, [[x]], c_compiler)
    for name, host, c in zip(names, on_host, in_c, strict=True):
        np.testing.assert_array_equal(host, expected(x)[name], err_msg=f"{name} on the PC")
        np.testing.assert_array_equal(c, expected(x)[name], err_msg=f"{name} in C")
