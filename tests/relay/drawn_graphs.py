"""Quantized networks that hypothesis draws, so that one that fails shrinks to the least one.

Their nodes are those of the pattern table's cases: whatever stands there is joined here with
everything else, in both widths, with branches, several inputs and outputs, and any names.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from hypothesis import strategies as st
from pattern_cases import CASES, forms
from qdq_builder import QdqBuilder

from tvm_espdl.chips import find_chip

OPSET = 21
#: One chip of each family that computes other bits.
CHIPS = ("esp32", "esp32s3", "esp32p4")

#: What has broken C, files, pages and terminals of others.
HOSTILE = (
    *("int", "for", "out", "in", "log", "index", "main", "NULL", "a", "A", "x", "x_in", "x_out"),
    *("INT_MAX", "class", "template", "self", "file", "tvmgen_default_run", "espdl_run", "__x"),
    *("a b", "a/b", "a.b", "a:0", "a[0]", "../../etc", "*/ int y; /*", "//", "%s%n", '"', "\\"),
    *(
        "<script>",
        "&amp;",
        "$(id)",
        "`id`",
        "\n",
        "\x1b[2J",
        "\u202e",
        "ä",
        "变",
        "🦆",
        " ",
        "0",
        "-",
    ),
    "n" * 300,
)


def usable(form):
    """Whether a case can stand in a larger network of ONNX."""
    return form.importable and form.build is not None


KINDS = sorted(name for name, case in CASES.items() if usable(case.positive))


@cache
def result_shape(kind):
    """Of a case's result; None where it makes its outputs itself."""
    form = CASES[kind].positive
    if form.shape is None:
        return None
    (output,) = form.model().graph.output
    return tuple(d.dim_value for d in output.type.tensor_type.shape.dim)


@dataclass(frozen=True)
class Value:
    """A dequantized tensor."""

    name: str
    shape: tuple
    dtype: np.dtype
    exponent: int


@dataclass
class Drawn:
    """A network, and what it is to run on.

    Attributes
    ----------
    chip, model, seed
        The chip's name, the network, and the seed of its inputs.
    kinds : list of str
        The cases that it consists of.
    """

    chip: str
    model: object
    seed: int
    kinds: list = field(default_factory=list)

    def __repr__(self):
        nodes = [f"{n.op_type}({', '.join(n.input)}) -> {', '.join(n.output)}"
                 for n in self.model.graph.node]  # fmt: skip
        told = "\n  ".join((f"{self.chip}, inputs of seed {self.seed}: {self.kinds}", *nodes))
        return told.encode("ascii", "backslashreplace").decode()


class DrawnBuilder(QdqBuilder):
    """A builder whose further inputs may be values that are there, and whose width changes."""

    def __init__(self, draw, dtype):
        super().__init__(dtype)
        self.draw, self.values = draw, []

    def input(self, name, shape):
        return super().input(f"{name}_{len(self.inputs)}", shape)

    def quantized_input(self, name, shape, exponent=-4):
        return self.value(tuple(shape), name, exponent).name

    def value(self, shape, name="x", exponent=-4):
        """One of that shape and the present width: of the network, or a new input."""
        alike = [v for v in self.values if v.shape == shape]
        if alike and self.draw(st.integers(0, 3)):
            found = self.draw(st.sampled_from(alike))
            if found.dtype == self.dtype:
                return found
            return self.keep(self.qdq(found.name, found.exponent), shape, found.exponent)
        return self.keep(super().quantized_input(name, shape, exponent), shape, exponent)

    def keep(self, name, shape, exponent):
        self.values.append(Value(name, shape, self.dtype, exponent))
        return self.values[-1]

    def weights(self, integers, exponent, **attributes):
        array = np.asarray(integers)
        wide = self.dtype == np.int16 and array.dtype == np.int8
        return super().weights(array.astype(np.int16) if wide else array, exponent, **attributes)

    def add(self, kind):
        """The nodes of a case behind a value, or beside all others."""
        form = CASES[kind].positive
        if form.shape is None:
            form.build(self)
            return
        x = self.value(tuple(form.shape))
        result = form.build(self, x.name)
        if form.exponent is None:
            self.output(result)
            return
        exponent = form.exponent + self.draw(st.sampled_from((0, 0, 0, -1, 1, 3)))
        self.keep(self.qdq(result, exponent), result_shape(kind), exponent)


@st.composite
def graphs(draw, chips=CHIPS, most=8, kinds=tuple(KINDS)):
    """A network of at most so many cases, for one of the chips."""
    chip = draw(st.sampled_from(chips))
    builder = DrawnBuilder(draw, draw(st.sampled_from((np.int8, np.int16))))
    forms.RNG = np.random.default_rng(draw(st.integers(0, 1 << 16)))  # of the cases' weights
    added = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=most))
    for kind in added:
        if not draw(st.integers(0, 4)):
            builder.dtype = np.dtype(draw(st.sampled_from((np.int8, np.int16))))
        builder.add(kind)
    read = {name for node in builder.nodes for name in node.input}
    for value in builder.values:
        wanted = value.name not in read or not draw(st.integers(0, 4))
        if wanted and value.name not in builder.outputs:  # A case may have made it one.
            builder.output(value.name)
    model = builder.model(OPSET)
    renamed(model, draw(names(model)))
    return Drawn(chip, model, draw(st.integers(0, 1 << 16)), added)


@st.composite
def names(draw, model):
    """Other names for some tensors of a model."""
    own = [v.name for v in (*model.graph.input, *model.graph.output)]
    own += [name for node in model.graph.node for name in node.output if name not in own]
    name = st.sampled_from(HOSTILE) | st.text(
        st.characters(exclude_categories=("Cs",)), min_size=1, max_size=9
    )
    wanted = draw(st.lists(name, max_size=6, unique=True))
    taken = {*own, *(t.name for t in model.graph.initializer)}
    pairs = zip(own, (n for n in wanted if n not in taken), strict=False)
    return dict(pairs)


def renamed(model, other):
    """Rename tensors of a model, in place."""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = other.get(value.name, value.name)
    for node in model.graph.node:
        for place in (node.input, node.output):
            place[:] = [other.get(name, name) for name in place]


class DrawnRandom:
    """What `RandomGraph` asks of NumPy's generator, from hypothesis: arrays are of a drawn seed."""

    def __init__(self, draw):
        self._draw = draw

    def _arrays(self):
        return np.random.default_rng(self._draw(st.integers(0, 1 << 16)))

    def random(self):
        return self._draw(st.integers(0, 99)) / 100

    def integers(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        if size is not None and np.prod(size) > 2:
            return self._arrays().integers(low, high, size)
        found = st.integers(low, high - 1)
        if size is None:
            return self._draw(found)
        return np.array([self._draw(found) for _ in range(size)])

    def uniform(self, low, high):
        return low + (high - low) * self.random()


@st.composite
def evaluated_graphs(draw, chips=CHIPS):
    """A `RandomGraph`, which can be evaluated node by node, with the seed of its inputs."""
    from random_graphs import RandomGraph

    chip = draw(st.sampled_from(chips))
    graph = RandomGraph(DrawnRandom(draw), find_chip(chip))
    outputs = graph.outputs()
    model = graph.net.model(*(value.name for value in outputs))
    return Drawn(chip, model, draw(st.integers(0, 1 << 16))), graph, outputs
