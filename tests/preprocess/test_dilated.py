"""Convolutions over phases of an image, however SpaceToBatch is spelled: one dilated Conv."""

import numpy as np
import pytest
from qdq_networks import floats, network, node, run

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.graph import attribute
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx


def ints(*values):
    return np.array(values, np.int64)


def spelled(form, channels, sizes, kernel, *, blocks, pads, crops, groups=1, layout="NHWC"):
    """A network: pad, phases, Conv, phases joined, cropped.

    `sizes`, `kernel`, `blocks` are of each axis; `pads` and `crops` of its begin and end.
    """
    count, made = len(sizes), channels if groups > 1 else 5
    padded = [n + sum(p) for n, p in zip(sizes, pads, strict=True)]
    small = [n // b for n, b in zip(padded, blocks, strict=True)]
    left = [n - k + 1 for n, k in zip(small, kernel, strict=True)]
    whole = [n * b for n, b in zip(left, blocks, strict=True)]
    result = [n - sum(c) for n, c in zip(whole, crops, strict=True)]
    phases = int(np.prod(blocks))
    constants = {"w": floats(made, channels // groups, *kernel), "b": floats(made)}
    ends = [c[0] for c in crops], [n - c[1] for n, c in zip(whole, crops, strict=True)]
    constants |= {"from": ints(*ends[0]), "to": ints(*ends[1])}
    steps = []

    def add(operator, *values, **attributes):
        source = f"t{len(steps)}" if steps else "x"
        names = []
        for place, value in enumerate(values):
            names.append(value if isinstance(value, str) else f"k{len(steps)}_{place}")
            if not isinstance(value, str):
                constants[names[-1]] = value
        made = node(operator, " ".join([source, *names]), f"t{len(steps) + 1}", **attributes)
        steps.append(made)

    last = layout == "NHWC"
    axes = list(range(1, count + 1)) if last else list(range(2, count + 2))
    if form == "reshape":  # as tf2onnx spells blocks of any size: channels last throughout
        if not last:
            add("Transpose", perm=[0, *range(2, count + 2), 1])
        begin, end = ([0, *(p[i] for p in pads), 0] for i in (0, 1))
        add("Pad", ints(*begin, *end))
        split = [v for n, b in zip(small, blocks, strict=True) for v in (n, b)]
        add("Reshape", ints(1, *split, channels))
        halves = [2 * i + 2 for i in range(count)], [2 * i + 1 for i in range(count)]
        add("Transpose", perm=[*halves[0], 0, *halves[1], 2 * count + 1])
        add("Reshape", ints(phases, *small, channels))
        add("Transpose", perm=[0, count + 1, *range(1, count + 1)])
        add("Conv", "w", "b", group=groups)
        add("Transpose", perm=[0, *range(2, count + 2), 1])
        add("Reshape", ints(*blocks, 1, *left, made))
        order = [v for i in range(count) for v in (count + 1 + i, i)]
        add("Transpose", perm=[count, *order, 2 * count + 1])
        add("Reshape", ints(1, *whole, made))
        add("Slice", "from", "to", ints(*range(1, count + 1)))
        if not last:
            add("Transpose", perm=[0, count + 1, *range(1, count + 1)])
    else:  # square blocks of an image
        add("Transpose", perm=[3, 0, 1, 2] if last else [1, 0, 2, 3])
        add("Pad", ints(0, 0, pads[0][0], pads[1][0], 0, 0, pads[0][1], pads[1][1]))
        add("SpaceToDepth", blocksize=blocks[0])
        add("Transpose", perm=[1, 0, 2, 3])
        add("Conv", "w", "b", group=groups)
        add("Transpose", perm=[1, 0, 2, 3])
        add("DepthToSpace", blocksize=blocks[0])
        add("Transpose", perm=[1, 2, 3, 0] if last else [1, 0, 2, 3])
        add("Slice", "from", "to", ints(*axes))
    steps[-1].output[0] = "y"
    shapes = [(1, *sizes, channels), (1, *result, made)] if last else [
        (1, channels, *sizes), (1, made, *result)]  # fmt: skip
    return network(steps, {"x": shapes[0]}, {"y": shapes[1]}, constants)


def drawn(seed):
    """One network by chance; its Conv stands for a dilated one if crops do not exceed pads."""
    rng = np.random.default_rng(seed)
    form = ["reshape", "space to depth"][seed % 2]
    count = 2 if form == "space to depth" else int(rng.integers(1, 3))
    blocks = [int(b) for b in rng.integers(2, 4, count)]
    if form == "space to depth":
        blocks = blocks[:1] * 2
    kernel = [int(k) for k in rng.integers(1, 4, count)]
    sizes, pads, crops = [], [], []
    for block, size in zip(blocks, kernel, strict=True):
        begin = int(rng.integers(0, 4))
        wanted = int(rng.integers(7, 12)) + (size - 1) * block
        end = -(wanted + begin) % block
        sizes.append(wanted)
        pads.append((begin, end))
        crops.append((int(rng.integers(0, begin + 1)), int(rng.integers(0, end + 1))))
    depthwise = bool(rng.integers(2))
    layout = ["NHWC", "NCHW"][int(rng.integers(2))]
    groups = 4 if depthwise else 1
    options = {"groups": groups, "layout": layout, "pads": pads, "crops": crops}
    return spelled(form, 4, sizes, kernel, blocks=blocks, **options), blocks


@pytest.mark.parametrize("seed", range(24))
def test_one_dilated_convolution(seed):
    model, blocks = drawn(seed)
    prepared = preprocess_onnx(model)
    kinds = [one.op_type for one in prepared.graph.node]
    assert [kind for kind in kinds if kind != "Transpose"] == ["Conv"], seed
    (conv,) = [one for one in prepared.graph.node if one.op_type == "Conv"]
    assert attribute(conv, "dilations", None) == blocks
    x = floats(*[d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim], seed=seed)
    expected, found = (run(one, {"x": x})["y"] for one in (model, prepared))
    assert expected.shape == found.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=str(seed))


CROPPED = {"channels": 4, "sizes": [9, 9], "kernel": [2, 2], "blocks": [2, 2]}


@pytest.mark.parametrize(
    ("pads", "crops"),
    [
        ([(1, 0), (1, 0)], [(2, 0), (2, 0)]),  # a Conv would begin inside of the image
        ([(0, 1), (0, 1)], [(0, 3), (0, 3)]),  # or end there
    ],
)
def test_a_crop_that_no_padding_expresses_stays(pads, crops):
    model = spelled("reshape", pads=pads, crops=crops, **CROPPED)
    prepared = preprocess_onnx(model)
    kinds = [one.op_type for one in prepared.graph.node if one.op_type != "Transpose"]
    assert kinds == ["Conv", "Slice"]
    x = floats(1, 9, 9, 4)
    np.testing.assert_allclose(run(prepared, {"x": x})["y"], run(model, {"x": x})["y"], rtol=1e-4)


PLAIN = {"blocks": [2, 2], "pads": [(0, 0)] * 2, "crops": [(0, 0)] * 2}


def test_phases_in_another_order_stay():
    """Rows for columns: the same nodes with a Transpose that no dilation has."""
    model = spelled("reshape", 4, [8, 8], [3, 3], **PLAIN)
    model.graph.node[2].attribute[0].ints[:] = [4, 2, 0, 1, 3, 5]
    prepared = preprocess_onnx(model)
    assert "Reshape" in [one.op_type for one in prepared.graph.node]
    x = floats(1, 8, 8, 4)
    np.testing.assert_allclose(run(prepared, {"x": x})["y"], run(model, {"x": x})["y"], rtol=1e-4)


def test_the_chip_computes_it():
    """Quantized, it is one convolution of the chip's, with these dilations."""
    options = {**PLAIN, "pads": [(2, 2)] * 2}
    model = spelled("reshape", 16, [12, 12], [3, 3], **options)
    result = quantize_onnx(model, floats(16, 12, 12, 16), measure=False)
    library = compile_file(result.model)
    (conv,) = [s.operator for s in library.program.steps if s.operator.name == "conv2d"]
    assert tuple(conv.dilations) == (2, 2)
    assert not [s for s in library.program.steps if s.operator.name in ("reshape", "pad")]
