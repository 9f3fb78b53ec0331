"""Recurrent layers that no chip has: other gates, lengths, peepholes; TVM computes them as ONNX."""

import numpy as np
import onnxruntime
import pytest
import tvm
from network_in_c import run_network
from onnx import TensorProto, helper
from qdq_builder import QdqBuilder
from qdq_recurrent import HIDDEN, INPUTS, layer
from tvm import relax

from tvm_espdl import relay
from tvm_espdl.errors import ModelError
from tvm_espdl.relay import transform

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
STEPS, BATCH = 5, 2


def network(kind, *, lengths=None, peepholes=False, states=True, seed=7, **attributes):
    """A float layer of which all results leave the network; `lengths` may be "input"."""
    builder, rng = QdqBuilder(), np.random.default_rng(seed)
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[kind] * HIDDEN
    shapes = (directions, rows, INPUTS), (directions, rows, HIDDEN), (directions, 2 * rows)
    constants = [builder.constant(rng.uniform(-1, 1, s).astype(np.float32)) for s in shapes]
    inputs = [builder.input("x", (STEPS, BATCH, INPUTS)), *constants]
    if lengths == "input":
        builder.inputs.append(helper.make_tensor_value_info("n", TensorProto.INT32, (BATCH,)))
        inputs.append("n")
    else:
        inputs.append("" if lengths is None else builder.constant(np.array(lengths, np.int32)))
    state = (directions, BATCH, HIDDEN)
    if states:
        inputs += [builder.input(name, state) for name in ("hc" if kind == "LSTM" else "h")]
    if peepholes:
        inputs += [""] * (7 - len(inputs))
        shape = (directions, 3 * HIDDEN)
        inputs.append(builder.constant(rng.uniform(-1, 1, shape).astype(np.float32)))
    count = 3 if kind == "LSTM" else 2
    for result in builder.node(kind, *inputs, outputs=count, hidden_size=HIDDEN, **attributes):
        builder.output(result)
    return builder.model(opset=14)


def expected(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, inputs)


def arrays(model, seed=19):
    rng = np.random.default_rng(seed)
    found = {}
    for value in model.graph.input:
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == TensorProto.INT32:
            found[value.name] = np.array([STEPS, 2], np.int32)
        else:
            found[value.name] = rng.uniform(-2, 2, shape).astype(np.float32)
    return found


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("LSTM", {"activations": ["Relu", "Relu", "Relu"]}),
        ("LSTM", {"activations": ["Sigmoid", "Relu", "Tanh"] * 2, "direction": "bidirectional"}),
        ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Softsign"], "direction": "reverse"}),
        ("LSTM", {"activations": ["HardSigmoid", "LeakyRelu", "Elu"],
                  "activation_alpha": [0.3, 0.1, 0.7], "activation_beta": [0.4]}),
        ("LSTM", {"lengths": [3, 5]}),
        ("LSTM", {"lengths": "input", "direction": "bidirectional"}),
        ("LSTM", {"lengths": [2, 4], "direction": "reverse", "states": False}),
        ("LSTM", {"peepholes": True}),
        ("LSTM", {"peepholes": True, "lengths": [4, 5], "direction": "bidirectional"}),
        ("LSTM", {"input_forget": 1}),
        ("LSTM", {"clip": 0.75}),
        ("GRU", {"activations": ["Sigmoid", "Relu"], "linear_before_reset": 1}),
        ("GRU", {"activations": ["HardSigmoid", "Softplus"]}),
        ("GRU", {"activations": ["Sigmoid", "ThresholdedRelu"], "activation_alpha": [0.5]}),
        ("GRU", {"lengths": [5, 2], "linear_before_reset": 1, "direction": "bidirectional"}),
        ("GRU", {"clip": 0.5}),
        ("RNN", {}),
        ("RNN", {"activations": ["Relu", "Tanh"], "direction": "bidirectional"}),
        ("RNN", {"activations": ["ScaledTanh"], "activation_alpha": [1.5],
                 "activation_beta": [0.5]}),
        ("RNN", {"activations": ["Affine"], "activation_alpha": [0.3], "activation_beta": [0.1],
                 "direction": "reverse", "lengths": [1, 4]}),
    ],
)  # fmt: skip
def test_layer_is_spelled_out_as_onnx_has_it(kind, given):
    model = network(kind, **given)
    inputs = arrays(model)
    mod = transform.spell_layers(relay.frontend.from_onnx(model)[0])
    machine = relax.VirtualMachine(tvm.compile(mod, "llvm"), tvm.cpu())
    results = machine["main"](*map(tvm.runtime.tensor, inputs.values()))
    for result, wanted in zip(results, expected(model, inputs), strict=True):
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("given", [{"activations": ["Sigmoid", "Relu"]}, {"clip": 3.0}])
def test_quantized_layer_goes_to_tvm_with_the_reason(given, c_compiler):
    model = layer("GRU", steps=2, results=(0, 1), **given)
    library = relay.build(*relay.frontend.from_onnx(model)[:1], target="espressif/esp32p4")
    assert "gru" not in {step.operator.name for step in library.program.steps}
    reasons = [reason.refusal for reason in library.report().reasons]
    assert "gates_are_usual" in {reason.rule for reason in reasons}
    x = np.random.default_rng(3).uniform(-1, 1, (2, 1, INPUTS)).astype(np.float32)
    found = library.run([x])
    for result, wanted in zip(found, expected(model, {"x": x}), strict=True):
        assert np.abs(result - wanted).max() <= 2.0**-7
    in_c = run_network(library.program, [[x]], c_compiler)[0]
    for result, c_result in zip(found, in_c, strict=True):
        np.testing.assert_array_equal(result, c_result)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [({"activations": ["Sigmoid", "Cosh"]}, "no activation cosh"), ({"direction": "up"}, "up")],
)
def test_what_onnx_does_not_have_is_refused(attributes, said):
    model = network("GRU")
    for name, value in attributes.items():
        model.graph.node[0].attribute.append(helper.make_attribute(name, value))
    with pytest.raises(ModelError, match=said):
        relay.frontend.from_onnx(model)
