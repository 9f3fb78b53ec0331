"""The table of preprocessing steps, in the order they run: name, one sentence, function.

Must never run a step itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from ..errors import ModelError
from ..onnx_graphs.constant_folding import fold_constants
from ..onnx_graphs.constant_nodes import constants_to_initializers
from ..onnx_graphs.halves import half_to_float
from ..onnx_graphs.rewriting import Rewrite
from .rewrite_activations import hard_sigmoid, hard_swish, merge_clips
from .rewrite_channels import batch_norm_to_conv, fold_arithmetic, fold_batch_norm
from .rewrite_dilated import dilated_conv
from .rewrite_functions import gelu, layer_norm
from .rewrite_gemm import matmul_to_gemm, normalize_gemm
from .rewrite_no_ops import cancel_transposes, remove_no_ops
from .rewrite_operands import constants_second, pair_up
from .rewrite_softmax import softmax
from .rewrite_unused import clear_descriptions, clear_shapes, drop_unread_outputs, remove_unused
from .rewrite_windows import average_pool_to_conv, fuse_pads, mean_to_pool


@dataclass(frozen=True)
class Step:
    """One step of preprocessing."""

    #: What it is switched on and off by.
    name: str
    #: What it does.
    sentence: str
    #: Takes a model, changes it in place, returns in how many places it did so.
    rewrite: Rewrite
    #: Whether it runs without being asked for.
    on: bool = True
    #: Whether it may change what the network costs.
    changes_cost: bool = True
    #: Whether it runs once, behind the others: they need what it takes away.
    last: bool = False


_SENTENCES: dict[Rewrite, str] = {
    half_to_float: "float16 and bfloat16 become float32, in inputs and outputs as well.",
    constants_to_initializers: "Constant nodes become initializers.",
    fold_constants: "Nodes that depend on constants and static shapes only are computed.",
    remove_no_ops: "Identity, Dropout, casts to the same type, reshapes to the same shape, padding "
    "by nothing, + 0 and * 1 are removed.",
    drop_unread_outputs: "Optional outputs that nothing reads are dropped, such as the indices of "
    "MaxPool.",
    dilated_conv: "A Conv between SpaceToBatch and BatchToSpace, however they are spelled, becomes "
    "one dilated Conv.",
    cancel_transposes: "Two Transpose nodes in a row become one, or none.",
    constants_second: "c + x and c * x are written x + c and x * c.",
    pair_up: "Sum, Max and Min of more than two tensors become Add, Max and Min of two.",
    merge_clips: "Chains of Relu, Clip, Min and Max with constants become one Relu or Clip.",
    hard_sigmoid: "clip(a * x + b, 0, h) / h becomes HardSigmoid.",
    hard_swish: "x * HardSigmoid(x) and x * clip(x + 3, 0, 6) / 6 become HardSwish.",
    gelu: "x * (1 + erf(x / sqrt(2))) / 2 and its form by tanh, however they are spelled, become "
    "Gelu.",
    layer_norm: "(x - mean) / sqrt(variance + e) * s + b over the last axes, or with the variance "
    "as E[x^2] - E[x]^2 over one axis, becomes LayerNormalization.",
    softmax: "exp(x - c) / sum(exp(x - c)) along an axis becomes Softmax.",
    mean_to_pool: "ReduceMean over all axes behind the channels becomes GlobalAveragePool.",
    fuse_pads: "Padding with zeros becomes part of the Conv behind it.",
    matmul_to_gemm: "MatMul of a matrix with constant weights, and the Add of a bias, become Gemm.",
    normalize_gemm: "Gemm gets transposed weights, no factors, and a bias with one axis.",
    fold_batch_norm: "BatchNormalization is folded into the Conv, ConvTranspose or Gemm before it.",
    fold_arithmetic: "Mul, Div, Add and Sub with one constant per channel are folded into the "
    "layer before.",
    batch_norm_to_conv: "BatchNormalization that no layer took in becomes a depthwise 1x1 Conv.",
    average_pool_to_conv: "AveragePool becomes a depthwise Conv.",
    remove_unused: "Nodes and constants that no output depends on are removed; inputs stay.",
    clear_descriptions: "Texts that exporters write beside a network and its parts are removed.",
    clear_shapes: "Types and shapes of inner tensors are removed; readers infer them again.",
}
_LAST = (clear_shapes,)
_OF_NO_COST = (clear_descriptions, clear_shapes)
_OFF = (average_pool_to_conv, *_OF_NO_COST)

STEPS = tuple(
    Step(
        rewrite.__name__,
        sentence,
        rewrite,
        on=rewrite not in _OFF,
        changes_cost=rewrite not in _OF_NO_COST,
        last=rewrite in _LAST,
    )
    for rewrite, sentence in _SENTENCES.items()
)


def select_steps(skip: Collection[str], enable: Collection[str]) -> tuple[Step, ...]:
    """The steps that run, in order, but for those to `skip`; `enable` those off by default.

    Raises
    ------
    ModelError
        If there is no step of such a name, or one is both skipped and enabled.
    """
    known = [step.name for step in STEPS]
    for option, names in (("skip", skip), ("enable", enable)):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3)
                raise ModelError(
                    "there is no such preprocessing step",
                    where=f"option {option}",
                    found=repr(name),
                    allowed=", ".join(known),
                    try_=" or ".join(near) if near else "tvm-espdl preprocess --list_steps",
                )
    both = sorted(set(skip).intersection(enable))
    if both:
        raise ModelError(
            "a preprocessing step is both switched off and on",
            where="options skip and enable",
            found=", ".join(map(repr, both)),
            allowed="one of the two",
        )
    return tuple(
        step for step in STEPS if (step.on or step.name in enable) and step.name not in skip
    )
