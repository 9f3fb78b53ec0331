"""Small networks of one recurrent layer: QDQ with exponents like ESP-PPQ's, and in float."""

import numpy as np
from qdq_builder import QdqBuilder

GATES = {"GRU": 3, "LSTM": 4}
STEPS, INPUTS, HIDDEN = 4, 8, 6


def weights(rng, kind, directions, dtype):
    rows, limits = GATES[kind] * HIDDEN, np.iinfo(dtype)
    w, r = (
        (rng.uniform(-0.5, 0.5, (directions, rows, size)) * limits.max).astype(dtype)
        for size in (INPUTS, HIDDEN)
    )
    b = rng.integers(-512, 513, (directions, 2 * rows)).astype(np.int16)
    return w, r, b


def layer(
    kind,
    *,
    seed=3,
    dtype=np.int8,
    direction="forward",
    results=(0, 1),
    states=(),
    bias="quantized",
    batch=1,
    steps=STEPS,
    **attributes,
):
    """The network; `results` are the node's results that leave, quantized."""
    builder = QdqBuilder(dtype)
    rng = np.random.default_rng(seed)
    directions = 2 if direction == "bidirectional" else 1
    exponent = -7 if np.dtype(dtype) == np.int8 else -15
    batch_first = attributes.get("layout", 0)
    shape = (batch, steps, INPUTS) if batch_first else (steps, batch, INPUTS)
    state = (batch, directions, HIDDEN) if batch_first else (directions, batch, HIDDEN)
    w, r, b = weights(rng, kind, directions, dtype)
    inputs = [
        builder.quantized_input("x", shape, exponent),
        *(builder.weights(array, exponent) for array in (w, r)),
    ]
    if bias == "float":
        inputs.append(builder.constant((b * 2.0**-9).astype(np.float32)))
    else:
        inputs.append(builder.weights(b, -9) if bias == "quantized" else "")
    inputs.append("")
    if "h" in states:
        inputs.append(builder.qdq(builder.input("h", state), exponent))
    if "c" in states:
        inputs += [""] * (6 - len(inputs))
        cells = QdqBuilder.quantize
        builder.dtype = np.dtype(np.int16)
        inputs.append(builder.dequantize(cells(builder, builder.input("c", state), -9), -9))
        builder.dtype = np.dtype(dtype)
    if kind == "GRU":
        attributes.setdefault("linear_before_reset", 1)
    count = 2 if kind == "GRU" else 3
    outputs = builder.node(
        kind, *inputs, outputs=count, hidden_size=HIDDEN, direction=direction, **attributes
    )
    for place in results:
        if place == 2:
            builder.dtype = np.dtype(np.int16)
        builder.output(builder.qdq(outputs[place], -9 if place == 2 else exponent))
        builder.dtype = np.dtype(dtype)
    return builder.model(opset=21)


def float_layer(kind, *, direction="forward", states="", batch=1, steps=2, seed=5, **attributes):
    """The network without quantization; all of the node's results leave it."""
    builder, rng = QdqBuilder(), np.random.default_rng(seed)
    directions = 2 if direction == "bidirectional" else 1
    batch_first = attributes.get("layout", 0)
    shape = (batch, steps, INPUTS) if batch_first else (steps, batch, INPUTS)
    state = (batch, directions, HIDDEN) if batch_first else (directions, batch, HIDDEN)
    constants = [array * 2.0**-7 for array in weights(rng, kind, directions, np.int8)]
    inputs = [
        builder.input("x", shape),
        *(builder.constant(c.astype(np.float32)) for c in constants),
    ]
    if states:
        inputs += ["", *(builder.input(name, state) for name in states)]
    for result in builder.node(
        kind,
        *inputs,
        outputs=2 if kind == "GRU" else 3,
        hidden_size=HIDDEN,
        direction=direction,
        **attributes,
    ):
        builder.output(result)
    return builder.model(opset=21)
