"""Decides what is quantized: which tensors get integers, which lie inside one kernel, the layers.

Must never choose an exponent or write a node: it only reads the graph and the table of rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from onnx import NodeProto

from ..onnx_graphs.graph import Graph
from .masks import is_mask
from .recurrent import BIAS, CELLS, INITIAL_C, STATES
from .rule import Rule
from .rules import clip_limits, data_inputs, is_relu, rule_of, select_rules, why_float

#: A constant operand, by the index of its node and its position among the inputs.
Operand = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """An operator with constant weights, and what its kernel computes along with it."""

    node: int  #: Index of the operator.
    weight: str  #: Name of the float weights.
    channel_axis: int | None  #: Of the weights: may have an exponent per index; None: only one.
    bias: Operand | None  #: The node and input position that hold the bias.
    output: str  #: The tensor that the kernel writes, after bias and Relu.


@dataclass(frozen=True)
class Plan:
    """What is quantized in a graph."""

    graph: Graph  #: The preprocessed float network.
    rules: dict[int, Rule]  #: The quantized nodes.
    inner: frozenset[str]  #: Exist only inside a kernel, as between Conv and Relu: not quantized.
    relus: frozenset[int] = frozenset()  #: Clip nodes that are written as Relu.
    wide: frozenset[int] = frozenset()  #: Nodes that compute in int16; all others do in int8.
    #: Inputs of the network, and what is computed in float, that only such nodes read, and that are
    #: int16 themselves.
    wide_inputs: frozenset[str] = frozenset()
    #: Nodes that were asked to compute in int16 and do not, by name, each with the reason.
    kept_int8: tuple[tuple[str, str], ...] = ()
    #: Nodes that stay float although a rule would quantize them, each with the reason.
    kept_float: Mapping[int, str] = field(default_factory=dict)
    #: Nodes that compute in int16 whatever is asked for: in int8 they would overflow.
    only_wide: frozenset[int] = frozenset()
    #: Operands that do not join the exponent of the result: they are requantized to it.
    apart: frozenset[Operand] = frozenset()
    #: Softmaxes of which not all that they read counts: masks make the rest 0.
    masked: frozenset[int] = frozenset()
    #: Widths that were asked for of the network's inputs, and of its outputs and what makes them.
    input_bits: int | None = None
    output_bits: int | None = None

    def bits(self, index: int) -> int:
        """Width of the integers that node `index` computes with."""
        return 16 if index in self.wide else 8

    def tensor_bits(self, tensor: str) -> int:
        """Width of the integers of a quantized activation."""
        if tensor in self.cells:
            return 16
        maker = self.graph.producer(tensor)
        if maker is None or not self.makes_integers(maker):
            return 16 if tensor in self.wide_inputs else 8
        return self.bits(maker)

    def operand_bits(self, index: int, place: int) -> int:
        """Width of the integers that node `index` reads at an input."""
        inner = self.rules[index].kind == "recurrent" and place in (BIAS, INITIAL_C)
        return 16 if inner else self.bits(index)

    @cached_property
    def cells(self) -> frozenset[str]:
        """Cells that recurrent layers make, and inputs of the network that are nothing else."""
        layers = [i for i, rule in self.rules.items() if rule.kind == "recurrent"]
        made = {name for i in layers for name in self.graph.nodes[i].output[CELLS:]}
        read = {
            name
            for name in self.graph.inputs
            if (readers := self.graph.consumers(name))
            and all(
                i in layers and (*self.graph.nodes[i].input,).index(name) == INITIAL_C
                for i in readers
            )
        }
        return frozenset((made | read) - {""})

    @cached_property
    def unread_states(self) -> tuple[str, ...]:
        """Hidden states of recurrent layers that are measured for their exponent only."""
        return tuple(
            name
            for index, rule in self.rules.items()
            if rule.kind == "recurrent"
            and (name := self.graph.nodes[index].output[STATES])
            and not self.graph.consumers(name)
            and name not in self.graph.visible
        )

    def why_float(self, index: int) -> str:
        """Why a node stays float that has no rule here."""
        return self.kept_float.get(index) or why_float(index, self.graph)

    def operands(self, index: int) -> Iterator[tuple[int, str]]:
        """Position and name of each data input of a quantized node."""
        yield from data_inputs(self.graph.nodes[index], self.rules[index])

    def is_operand(self, index: int, place: int, name: str) -> bool:
        """Whether node `index` is quantized and reads data, `name`, at an input."""
        return index in self.rules and (place, name) in self.operands(index)

    def kernel_output(self, index: int) -> str:
        """The tensor that the kernel of node `index` writes: past all inner tensors."""
        name: str = self.graph.nodes[index].output[0]
        while name in self.inner:
            name = self.graph.nodes[self.graph.consumers(name)[0]].output[0]
        return name

    def makes_integers(self, index: int) -> bool:
        """Whether node `index` has results in integers."""
        return index in self.rules and self.rules[index].gives_integers

    def is_integer(self, tensor: str) -> bool:
        """Whether a quantized operator makes `tensor`, so that the chip has integers only."""
        maker = self.graph.producer(tensor)
        return maker is not None and self.makes_integers(maker) and tensor not in self.inner

    def tensors(self) -> list[str]:
        """The activations that are quantized, in the order of the graph, inputs first."""
        read = {name for index in self.rules for _, name in self.operands(index)}
        ordered = [*self.graph.inputs, *(n for node in self.graph.nodes for n in node.output if n)]
        return [
            name
            for name in ordered
            if name not in self.inner
            and name not in self.unread_states
            and (name in read or self.is_integer(name))
        ]

    def constants(self, index: int) -> list[tuple[int, str]]:
        """Constant operands of node `index`, weights and biases excluded."""
        if self.rules[index].kind in ("filter", "bias"):
            return []
        return [(p, name) for p, name in self.operands(index) if self.graph.is_constant(name)]

    def layers(self) -> list[Layer]:
        """The operators with constant weights, in the order of the graph."""
        return [self._layer(i) for i, rule in self.rules.items() if rule.kind == "filter"]

    def _layer(self, index: int) -> Layer:
        node = self.graph.nodes[index]
        bias: Operand | None = (index, 2) if len(node.input) > 2 and node.input[2] else None
        follower = self.graph.only_consumer(node.output[0])
        if follower is not None and node.output[0] in self.inner:
            bias = (follower, 1) if self.rules[follower].kind == "bias" else bias
        axis = 0 if node.op_type in ("Conv", "Gemm") else None
        return Layer(index, node.input[1], axis, bias, self.kernel_output(index))

    def sum_tensor(self, layer: Layer) -> str:
        """The tensor that holds a layer's sum with the bias, before any activation."""
        output: str = self.graph.nodes[layer.node].output[0]
        if layer.bias is not None and layer.bias[0] != layer.node:
            output = self.graph.nodes[layer.bias[0]].output[0]
        return output

    def objective(self) -> list[str]:
        """The tensors by which the network's outputs are judged while searching.

        The outputs, but what a final Softmax, comparison or ArgMax reads in its place:
        probabilities near 0 and 1 hide what happens before them, as truth values and indices do.
        Not where that holds masks, which may become any number that is small enough. And the parts
        of a Concat that was kept float for their sake, each of which counts as much as the others.
        """
        names = []
        for name in (part for output in self.graph.outputs for part in self._parts(output)):
            maker = self.graph.producer(name)
            sources = [name]
            decides = maker in self.rules and not self.rules[maker].gives_integers
            if maker is not None and decides and maker not in self.masked:
                sources = [n for _, n in self.operands(maker) if self.graph.is_float(n)] or [name]
            names += [self._float_source(source) or source for source in sources]
        return list(dict.fromkeys(names))

    def _parts(self, name: str) -> list[str]:
        """What an output was put together from in float although integers could have been."""
        maker = self.graph.producer(name)
        if maker is None or maker not in self.kept_float:
            return [name]
        rule = rule_of(self.graph.nodes[maker], self.graph)
        if not isinstance(rule, Rule) or not rule.moves:
            return [name]
        sources = [n for _, n in data_inputs(self.graph.nodes[maker], rule)]
        computed = [n for n in sources if not self.graph.is_constant(n)]
        return [part for source in computed for part in self._parts(source)]

    def _float_source(self, name: str) -> str | None:
        """The tensor itself if it is float, else the first float one that it was decided from."""
        while not self.graph.is_float(name):
            maker = self.graph.producer(name)
            read = () if maker is None else self.graph.nodes[maker].input
            computed = [n for n in read if n and not self.graph.is_constant(n)]
            if not computed:
                return None
            name = computed[0]
        return name

    def absorb_clips(self, exponents: dict[str, int]) -> Plan:
        """Return the plan in which a Clip that saturation makes superfluous is a Relu.

        By the exponents of all quantized activations. A Clip from 0 to what its integers can hold,
        or above, is a Relu then, and joins the kernel before it where that computes one.
        """
        relus, inner = set(self.relus), set(self.inner)
        for index in self.rules:
            node = self.graph.nodes[index]
            if node.op_type != "Clip":
                continue
            low, high = clip_limits(node, self.graph)
            largest = (1 << (self.bits(index) - 1)) - 1
            if low != 0.0 or high < largest * 2.0 ** exponents[node.output[0]]:
                continue
            relus.add(index)
            maker = self.graph.producer(node.input[0])
            fuses = maker in self.rules and self.rules[maker].takes_relu
            if fuses and self.graph.only_consumer(node.input[0]) == index:
                inner.add(node.input[0])
        return replace(self, relus=frozenset(relus), inner=frozenset(inner))


def make_plan(graph: Graph, kept_float: Mapping[int, str] | None = None) -> Plan:
    """Decide what is quantized in `graph`, a preprocessed float network.

    The nodes of `kept_float` are not, for the reasons given there.
    """
    kept_float = kept_float or {}
    rules = select_rules(graph, kept_float)
    inner = set()
    for index in list(rules):
        tensor = graph.nodes[index].output[0]
        follower = graph.only_consumer(tensor)
        if follower is None or follower not in rules:
            continue
        if _adds_bias(index, follower, graph, rules):
            rules[follower] = Rule("bias", 1, takes_relu=True)
            inner.add(tensor)
        elif rules[index].takes_relu and is_relu(graph.nodes[follower]):
            inner.add(tensor)
        elif _makes_swish(graph.nodes[index], graph.nodes[follower]):
            rules[follower] = Rule("own", 2)
            inner.add(tensor)
    return Plan(graph, rules, frozenset(inner), kept_float=kept_float)


def _makes_swish(sigmoid: NodeProto, product: NodeProto) -> bool:
    """Whether the two are `x * sigmoid(x)`, which the chip looks up in one table."""
    operands = {sigmoid.input[0], sigmoid.output[0]}
    types = (sigmoid.op_type, product.op_type)
    return types == ("Sigmoid", "Mul") and set(product.input) == operands


def _adds_bias(index: int, follower: int, graph: Graph, rules: dict[int, Rule]) -> bool:
    product, add = graph.nodes[index], graph.nodes[follower]
    if add.op_type == "Add" and is_mask(add.input[1], graph):
        return False  # a sum cannot saturate before the bias is added
    if product.op_type != "MatMul" or rules[index].kind != "filter" or add.op_type != "Add":
        return False
    weight = graph.shape(product.input[1]) or ()
    return (
        len(weight) == 2
        and graph.is_constant(add.input[1])
        and graph.shape(add.input[1]) == weight[1:]
    )
