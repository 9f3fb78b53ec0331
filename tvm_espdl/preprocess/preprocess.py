"""Brings a float network to the form that quantization expects: batch 1, static, layers folded.

Must never change the model it is given, nor what the network computes beyond float rounding.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

from ..errors import ModelError
from ..onnx_graphs.constant_folding import fold_constants
from ..onnx_graphs.halves import half_to_float
from ..onnx_graphs.model import fix_batch, input_signature, load_model
from ..onnx_graphs.opset import raise_opset
from ..onnx_graphs.option_names import as_names
from ..onnx_graphs.plain_forms import plain_forms
from ..onnx_graphs.rewriting import infer, name_nodes
from ..onnx_graphs.samples_of_a_batch import batch_above_one, with_batch_of_one
from ..onnx_graphs.stored_weights import float_weights
from .check import SAMPLES, Deviation, Original, PreprocessReport, Ranges
from .cutting import cut
from .input_options import check_ranges, fix_input_shapes, fix_input_values, shapes_by_name
from .rewrite_unused import remove_listed_constants
from .steps import STEPS, Step, select_steps

#: The first ONNX operator set in which QuantizeLinear and DequantizeLinear know an axis.
LOWEST_OPSET = 13

#: Where a preprocessed model keeps which steps were switched, so that quantizing it heeds that.
CHOICE_KEY = "espdl.preprocess"

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}

# Every step makes the network smaller or brings it nearer to a form that none of them touches.
_MOST_ROUNDS = 20


def preprocess_onnx(
    model: str | os.PathLike[str] | ModelProto,
    *,
    skip: str | Collection[str] = (),
    enable: str | Collection[str] = (),
    input_shapes: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
    input_values: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    inputs: str | Collection[str] = (),
    outputs: str | Collection[str] = (),
    check: bool = True,
) -> ModelProto:
    """Prepare a float network for quantization.

    Fixes the batch to 1, raises the operator set to 13 where it is
    lower, and runs the steps of `steps.STEPS` until none of them finds anything to do.
    onnxruntime's own optimizer is not used: it would take HardSwish apart and wrap each product in
    Reshape nodes.

    Parameters
    ----------
    model : path or ModelProto
        A float network; left as it is.
    skip : str or collection of str
        Names of steps that are left out; a str is one name. The result remembers them in its
        metadata: preprocessing it again, as quantizing does, leaves them out as well.
    enable : str or collection of str
        Names of steps to run that do not run by default; remembered likewise, but for
        `clear_shapes`.
    input_shapes : dict of str to sequence of int, or sequence of int, optional
        Whole shapes, batch included, of inputs with dynamic dimensions; a shape alone is that of
        the only input.
    input_values : dict of str to number or array, optional
        Values of inputs that are constants from now on, such as the rate of an audio network.
    ranges : dict of str to (float, float), optional
        The smallest and the largest value of real data by input, for the comparison of the result
        with the original; the random inputs otherwise lie around -1 to 1.
    inputs, outputs : str or collection of str
        Tensors between which the network is cut out, before anything else; none for its own.
    check : bool
        Whether the result is compared with the original on random inputs.

    Returns
    -------
    ModelProto
        A new network with the same inputs and outputs, or those it is cut at, every tensor's shape
        inferred (unless `clear_shapes` was asked for) and every node named. Of several samples at
        once it is the network of one.

    Raises
    ------
    ModelError
        If the model cannot be read, has other dynamic dimensions than the batch, is quantized, or
        has weights that are not finite; if there is no such step, or no such input; or if the
        result deviates from the original by more than rounding, which the message blames on one
        step.
    """
    prepared, _ = preprocess_with_report(
        model,
        skip=skip,
        enable=enable,
        input_shapes=input_shapes,
        ranges=ranges,
        inputs=inputs,
        outputs=outputs,
        check=check,
        input_values=input_values,
    )
    return prepared


def preprocess_with_report(
    model: str | os.PathLike[str] | ModelProto,
    *,
    skip: str | Collection[str] = (),
    enable: str | Collection[str] = (),
    input_shapes: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
    input_values: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    inputs: str | Collection[str] = (),
    outputs: str | Collection[str] = (),
    check: bool = True,
) -> tuple[ModelProto, PreprocessReport]:
    """Prepare a float network, and tell what was done; see `preprocess_onnx`.

    Returns
    -------
    (ModelProto, PreprocessReport)
        The network; the steps that changed something, and the largest deviation from the original.
    """
    loaded = float_weights(load_model(model))
    _refuse_quantized(loaded)
    choice = _choice(loaded, as_names(skip, "skip"), as_names(enable, "enable"))
    steps = select_steps(*choice)
    part = cut(loaded, as_names(inputs, "inputs"), as_names(outputs, "outputs"))
    shapes = shapes_by_name(part, input_shapes or {})
    valued = fix_input_values(part, input_values or {})
    shaped, widened = _widened(fix_input_shapes(valued, shapes), steps)
    shaped = _one_sample(fix_batch(shaped), shapes)
    start = raise_opset(shaped, LOWEST_OPSET)
    if any(step.rewrite is fold_constants for step in steps):
        start = plain_forms(start)
    name_nodes(start)
    check_ranges(ranges or {}, input_signature(start))
    prepared, counts = _run_steps(start, steps)
    counts |= widened
    _check_weights(prepared)
    _note_choice(prepared, steps)
    counts |= {step.name: step.rewrite(prepared) for step in steps if step.last}
    applied = tuple((step.name, counts[step.name]) for step in steps if counts[step.name])
    if not applied or not check:
        return prepared, PreprocessReport(applied)
    original = Original(shaped, input_signature(start), ranges or {})
    deviation = original.deviation_of(prepared)
    if not deviation.is_rounding:
        raise _blame(original, start, steps, deviation)
    report = PreprocessReport(applied, deviation.absolute, deviation.relative, SAMPLES)
    return prepared, report


def _run_steps(
    start: ModelProto, steps: Sequence[Step], most: int | None = None
) -> tuple[ModelProto, dict[str, int]]:
    """Run `steps` over a copy of `start` until nothing changes, or until `most` of them did."""
    prepared = onnx.ModelProto()
    prepared.CopyFrom(start)
    remove_listed_constants(prepared)
    counts = {step.name: 0 for step in steps}
    changes = 0
    for _ in range(_MOST_ROUNDS):
        infer(prepared)
        before = changes
        for step in (step for step in steps if not step.last):
            found = step.rewrite(prepared) if most is None or changes < most else 0
            counts[step.name] += found
            changes += bool(found)
        if changes == before:
            break
    # From IR version 4 on, initializers need not be listed among the inputs; 7 is operator set 13.
    prepared.ir_version = max(prepared.ir_version, 7)
    return prepared, counts


def _widened(model: ModelProto, steps: Sequence[Step]) -> tuple[ModelProto, dict[str, int]]:
    """The network without halves, before anything else and before it is compared with anything.

    And in how many places it had some, by the step that takes them away, unless it is left out.
    """
    step = next((step for step in steps if step.rewrite is half_to_float), None)
    if step is None:
        return model, {}
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    return wide, {step.name: half_to_float(wide)}


def _blame(
    original: Original, start: ModelProto, steps: Sequence[Step], deviation: Deviation
) -> ModelError:
    """Find the step that moved the outputs: the first one after which they are off."""
    done: dict[str, int] = dict.fromkeys((step.name for step in steps), 0)
    culprit, most = "", 0
    while True:
        prepared, counts = _run_steps(start, steps, most)
        changed = [name for name, count in counts.items() if count != done[name]]
        if changed:
            culprit = changed[0]
        if not original.deviation_of(prepared).is_rounding or (most and not changed):
            break
        done, most = counts, most + 1
    return ModelError(
        "preprocessing changes what the network computes",
        where=f"step {culprit or 'batch 1'}, output {deviation.output!r}",
        found=f"a deviation of {deviation.absolute:.3g}, {deviation.relative:.3g} of the output's "
        "largest value",
        allowed="float rounding",
        try_=f"skip={culprit!r} (--skip {culprit}); if the network magnifies rounding, "
        "ranges={input: (low, high)} of real data"
        if culprit
        else "export the model with batch 1",
    )


def _choice(
    model: ModelProto, skip: Collection[str], enable: Collection[str]
) -> tuple[set[str], set[str]]:
    """The steps to skip and to enable: those asked for now and, else, when it was made."""
    stored = next((p.value for p in model.metadata_props if p.key == CHOICE_KEY), "")
    known = {step.name for step in STEPS}
    words = [word for word in stored.split() if word[1:] in known]
    before = {sign: {word[1:] for word in words if word[0] == sign} for sign in "-+"}
    select_steps(skip, enable)  # what is asked for now must make sense on its own
    return (
        set(skip) | (before["-"] - set(enable)),
        set(enable) | (before["+"] - set(skip)),
    )


def _note_choice(model: ModelProto, steps: Sequence[Step]) -> None:
    for place in reversed(range(len(model.metadata_props))):
        if model.metadata_props[place].key == CHOICE_KEY:
            del model.metadata_props[place]
    switched = [step for step in STEPS if step.on != (step in steps) and not step.last]
    if switched:
        words = [f"{'-' if step.on else '+'}{step.name}" for step in switched]
        model.metadata_props.add(key=CHOICE_KEY, value=" ".join(words))


def _refuse_quantized(model: ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type in _QUANTIZED or node.op_type.startswith("QLinear"):
            raise ModelError(
                "the model is quantized already",
                where=f"node {node.name or node.output[0]!r}",
                found=node.op_type,
                allowed="a float model",
                try_="give the float model it was made from",
            )


def _one_sample(
    model: ModelProto, asked: Mapping[str, Sequence[int]] | Sequence[int]
) -> ModelProto:
    """The network of static shapes for one sample of its batch, which must not be asked for."""
    batch = batch_above_one(model)
    if batch == 1:
        return model
    if asked:
        raise ModelError(
            "the input has a fixed batch above 1",
            where="option input_shape",
            found=asked,
            allowed="a batch of 1: the chips' kernels process one sample at a time",
            try_="1 as the first dimension",
        )
    return with_batch_of_one(model)


def _check_weights(model: ModelProto) -> None:
    """Refuse weights and biases that hold NaN or infinity: what is measured of them means nothing.

    Other constants are not looked at: infinite bounds of a Clip, for example, are in order. So is
    minus infinity in a bias, which may be a mask.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        for place, name in enumerate(node.input if node.op_type in _WEIGHTED else ()):
            values = numpy_helper.to_array(constants[name]) if name in constants else np.empty(0)
            if place == 2 and values.dtype.kind == "f":
                values = values[values != -np.inf]
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise ModelError(
                    "the weights of the float network are not finite",
                    where=f"node {node.name!r} ({node.op_type}), tensor {name!r}",
                    found=f"{int(np.isnan(values).sum())} NaN and {int(np.isinf(values).sum())} "
                    f"infinite of {values.size} values",
                    allowed="finite numbers",
                    try_="look whether training diverged, or batch normalization has variances "
                    "below zero; export the network again",
                )
