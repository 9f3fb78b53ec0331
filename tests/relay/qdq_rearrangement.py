"""Networks of one operator, and what must hold for them: shared by the tests of three families.

It builds, compiles and compares; which operator must come out is the tests' business.
"""

import numpy as np
import onnxruntime
from networks import by_reference
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native

IMAGE = (1, 16, 6, 5)
INPUT_EXPONENT = -4


def one(operator, *constants, shape=IMAGE, exponent=INPUT_EXPONENT, **attributes):
    """A model of one node: its constants come behind the input, None for one that is left out."""
    outputs = attributes.pop("outputs", 1)
    opset, dtype = attributes.pop("opset", None), attributes.pop("dtype", np.int8)
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", shape, INPUT_EXPONENT)
    given = ["" if c is None else builder.constant(c) for c in constants]
    results = builder.node(operator, x, *given, outputs=outputs, **attributes)
    for result in [results] if outputs == 1 else results:
        builder.output(builder.qdq(result, exponent))
    return builder.model(opset)


def axes(*values):
    return np.array(values, np.int64)


def compiled(model, chip="esp32s3"):
    return compile_file(model, chip=chip)


def operators_of(library):
    """What runs on ESP-DL, and what does not, in order."""
    steps = library.program.steps
    return [s.operator.name for s in steps if not isinstance(s.operator, Native)]


def natives_of(library):
    return [s.operator.name for s in library.program.steps if isinstance(s.operator, Native)]


def feed(library, seed=3):
    """Random inputs; a model's own extremes saturate."""
    rng = np.random.default_rng(seed)
    program = library.program
    shapes = [program.values[name].shape for name in program.inputs]
    return [rng.normal(0, 3, shape).astype(np.float32) for shape in shapes]


def assert_reference(library):
    """The library gives the bits of the operators' references; returns inputs and outputs."""
    inputs = feed(library)
    values = by_reference(library.program, inputs)
    results = library.run(inputs)
    for name, result in zip(library.program.outputs, results, strict=True):
        np.testing.assert_array_equal(result, values[name])
    return inputs, results


def onnx_results(model, library, inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = library.program.input_names
    return session.run(None, dict(zip(names, inputs, strict=True)))


def assert_onnx(model, library, tolerance=0.0):
    """The library agrees with onnxruntime on the QDQ model: exactly, or within a rounding step."""
    inputs, results = assert_reference(library)
    for expected, result in zip(onnx_results(model, library, inputs), results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


def rules_of(library):
    return [reason.refusal.rule for reason in library.report().reasons]


def assert_left_to_tvm(model, rule, chip="esp32s3"):
    """The node runs on TVM, the report names the rule, and the result is the model's own."""
    library = compiled(model, chip)
    assert rule in rules_of(library), str(library.report())
    assert natives_of(library), str(library.report())
    inputs = feed(library)
    step = 2.0**INPUT_EXPONENT
    for expected, result in zip(
        onnx_results(model, library, inputs), library.run(inputs), strict=True
    ):
        assert np.mean(np.abs(result - expected) > 1.01 * step) < 0.01
    return library
