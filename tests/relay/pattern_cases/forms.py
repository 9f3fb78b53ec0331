"""What a case of the pattern table is, and the pieces that cases are made of.

A near miss is, where nothing else is said, the same network with its result left in float: nearly
every operator ends in a quantize call.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from qdq_builder import QdqBuilder
from tvm import relax

IMAGE, SIGNAL, ROW = (1, 4, 6, 5), (1, 4, 7), (1, 8)
OPSET = 21
RNG = np.random.default_rng(71)


@dataclass(frozen=True, eq=False)
class Form:
    """A small network.

    Attributes
    ----------
    build : callable
        From builder and dequantized input to the result, which is quantized behind it.
    shape : tuple of int
        Of the input; None where `build` takes the builder only and makes inputs and outputs, or
        where it takes nothing and gives a module that ONNX cannot express.
    exponent : int or None
        Of the result; None to leave it in float.
    rule : str
        By which the chip refuses it, "" for none.
    chip : str
        The chip for which it is looked at.
    importable : bool
        False where `build` gives a module.
    unified : bool
        False where other passes would bring it into another form before patterns see it.
    """

    build: Any
    shape: Any = IMAGE
    exponent: int | None = -4
    rule: str = ""
    chip: str = "esp32s3"
    importable: bool = True
    unified: bool = True

    def model(self):
        builder = QdqBuilder()
        if self.shape is None:
            self.build(builder)
        else:
            result = self.build(builder, builder.quantized_input("x", self.shape))
            floats = self.exponent is None
            builder.output(result if floats else builder.qdq(result, self.exponent))
        return builder.model(OPSET)


@dataclass(frozen=True, eq=False)
class Case:
    """Attributes: the network that matches, the near miss, and whether both are only to refuse."""

    positive: Form
    near: Form
    only_refuses: bool = False


def case(build, near=None, rule="", near_shape=None, only_refuses=False, **form):
    """A case; `near` is the build function of the near miss, `rule` what refuses that."""
    positive = Form(build, **form)
    if near is None:
        return Case(positive, dataclasses.replace(positive, exponent=None), only_refuses)
    shape = near_shape or positive.shape
    missed = dataclasses.replace(positive, build=near, rule=rule, shape=shape)
    return Case(positive, missed, only_refuses)


def integers(*shape, low=-128, high=128, dtype=np.int8):
    return RNG.integers(low, high, shape).astype(dtype)


def numbers(*values):
    return np.array(values, np.int64)


def number(b, value):
    return b.constant(np.float32(value))


def node(kind, *constants, **attributes):
    """One node, with constants behind its input; None is an input that is left out."""

    def build(b, x):
        given = ["" if c is None else b.constant(c) for c in constants]
        return b.node(kind, x, *given, **attributes)

    return build


def shaped(*shape):
    return node("Reshape", numbers(*shape))


def chain(*builds):
    def build(b, x):
        for one in builds:
            x = one(b, x)
        return x

    return build


def requantized(exponent):
    return lambda b, x: b.qdq(x, exponent)


def pair(kind, **attributes):
    """Two quantized inputs."""

    def build(b, x):
        return b.node(kind, x, b.quantized_input("other", IMAGE), **attributes)

    return build


def with_float(kind, **attributes):
    """The second input is not quantized."""
    return lambda b, x: b.node(kind, x, b.input("other", IMAGE), **attributes)


def module(body, exponent=-4, rule="", *, unified=True):
    """A form of a Relax module: a quantized input, `body` of it, and a quantize call if wanted."""

    def scale(power):
        return relax.const(np.float32(2.0**power)), relax.const(np.int8(0))

    def build():
        builder, x = relax.BlockBuilder(), relax.Var("x", relax.TensorType(IMAGE, "float32"))
        with builder.function("main", [x]):
            with builder.dataflow():
                q = builder.emit(relax.op.quantize(x, *scale(-4), out_dtype="int8"))
                value = builder.emit(relax.op.dequantize(q, *scale(-4)))
                value = builder.emit(body(value))
                if exponent is not None:
                    q = builder.emit(relax.op.quantize(value, *scale(exponent), out_dtype="int8"))
                    value = relax.op.dequantize(q, *scale(exponent))
                output = builder.emit_output(value)
            builder.emit_func_output(output)
        return builder.get()

    return Form(build, None, exponent, rule, importable=False, unified=unified)
