"""A result that several calls read: quantized once, quantized differently, or read in float."""

import numpy as np
import onnxruntime
import pytest
from qdq_builder import QdqBuilder

from tvm_espdl import relay
from tvm_espdl.ops.conv2d import Conv2d


def convolution(readers):
    """A convolution and those that read it: exponents of quantize calls, or "float"."""
    builder, rng = QdqBuilder(), np.random.default_rng(5)
    x = builder.quantized_input("x", (1, 8, 5, 5), -5)
    w = builder.weights(rng.integers(-100, 100, (8, 8, 3, 3)).astype(np.int8), -7)
    y = builder.node("Conv", x, w, pads=[1, 1, 1, 1])
    for reader in readers:
        if reader == "float":
            builder.output(builder.node("Sin", y))
        else:
            builder.output(builder.qdq(y, reader))
    return builder.model()


@pytest.mark.parametrize(
    ("readers", "is_taken"), [((-3, -3, -3), True), ((-3, -4), False), ((-3, "float"), False)]
)
def test_each_reader_gets_its_own(readers, is_taken):
    model = convolution(readers)
    library = relay.build(*relay.frontend.from_onnx(model)[:1], target="espressif/esp32s3")
    assert any(isinstance(step.operator, Conv2d) for step in library.program.steps) == is_taken
    rules = {reason.refusal.rule for reason in library.report().reasons}
    assert ("result_is_only_quantized" in rules) == (not is_taken)
    x = np.random.default_rng(7).uniform(-4, 4, (1, 8, 5, 5)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for found, wanted, reader in zip(
        library.run([x]), session.run(None, {"x": x}), readers, strict=True
    ):
        step = 1e-4 if reader == "float" else 2.0**reader
        np.testing.assert_allclose(found, wanted, rtol=0, atol=step)
