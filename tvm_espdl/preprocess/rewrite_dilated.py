"""A Conv between SpaceToBatch and BatchToSpace, as TensorFlow spells dilation, in one Conv.

SpaceToBatch cuts an image into its phases, every b-th row and column, and makes a batch of them;
exporters spell it with Pad, Reshape, Transpose, SpaceToDepth and the like. What such a chain of
nodes moves where is not read off the nodes: numbers of elements are sent through them.

Must never touch a chain that pads with anything but zeros, or that something else reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ..onnx_graphs.graph import Array, Graph, attribute, input_of
from ..onnx_graphs.rewriting import fresh_name, opset_of, replace_nodes
from ..onnx_graphs.session import open_session, run_session

#: They move elements, leave some out, or put zeros between them.
_MOVES = ("Pad", "Reshape", "Transpose", "Slice", "SpaceToDepth", "DepthToSpace", "Squeeze",
          "Unsqueeze", "Flatten", "Identity")  # fmt: skip

#: Elements of a tensor that are followed; numbers of elements are exact in float64.
_MOST_ELEMENTS = 1 << 24

#: Phases along an axis; dilations of networks for these chips end far below.
_LARGEST_BLOCK = 256


@dataclass(frozen=True)
class _Phases:
    """An image and the batch of its phases, on one side of a Conv."""

    tensor: str  #: The image.
    channels_last: bool
    blocks: tuple[int, ...]  #: How many phases there are along each axis.
    offset: tuple[int, ...]  #: Rows and columns of the whole before the image's first.
    extents: tuple[int, ...]  #: Of the image.
    chain: tuple[int, ...]  #: The nodes between.


@dataclass(frozen=True)
class _Written:
    """What stands for a Conv and the chains beside it."""

    nodes: tuple[NodeProto, ...]
    gone: tuple[int, ...]  #: The nodes of the chains.


def dilated_conv(model: ModelProto) -> int:
    """Write each Conv over a batch of phases as a dilated Conv over the image."""
    count = 0
    while _write_one(model):
        count += 1
    return count


def _write_one(model: ModelProto) -> bool:
    graph = Graph(model)
    for index, node in enumerate(graph.nodes):
        shape = graph.shape(node.input[0]) if node.op_type == "Conv" else None
        if shape is None or shape[0] < 2 or not _is_plain(node):
            continue
        after = list(_phases(list(_readers(node.output[0], graph)), graph, forward=True))
        before = list(_phases(list(_makers(node.input[0], graph)), graph)) if after else []
        found = (_dilated(node, *pair, graph) for pair in _pairs(before, after))
        if (written := next(filter(None, found), None)) is not None:
            gone = {index, *written.gone}
            kept = [n for i, n in enumerate(graph.nodes) if i not in gone]
            place = sum(i not in gone for i in range(max(gone)))
            replace_nodes(model, [*kept[:place], *written.nodes, *kept[place:]])
            return True
    return False


def _pairs(
    before: Sequence[_Phases], after: Sequence[_Phases]
) -> Iterator[tuple[_Phases, _Phases]]:
    """Images on both sides of a Conv that agree, those with the longest chains first."""
    both = [(a, b) for a in before for b in after if a.blocks == b.blocks]
    yield from sorted(both, key=lambda pair: -len(pair[0].chain) - len(pair[1].chain))


def _is_plain(node: NodeProto) -> bool:
    """Whether a Conv goes over each phase step by step, without a padding of its own."""
    steps, pads = attribute(node, "strides", []), attribute(node, "pads", [])
    automatic = attribute(node, "auto_pad", b"NOTSET")
    return not any(pads) and all(s == 1 for s in steps) and automatic in (b"NOTSET", b"VALID")


def _makers(name: str, graph: Graph) -> Iterator[int]:
    """The nodes that move something to a tensor, back from it; nothing else reads what they do."""
    while (index := graph.producer(name)) is not None:
        if graph.only_consumer(name) is None or not _moves(graph.nodes[index], graph):
            return
        yield index
        name = graph.nodes[index].input[0]


def _readers(name: str, graph: Graph) -> Iterator[int]:
    """The nodes that move a tensor on, which alone read it."""
    while (index := graph.only_consumer(name)) is not None:
        if not _moves(graph.nodes[index], graph):
            return
        yield index
        name = graph.nodes[index].output[0]


def _moves(node: NodeProto, graph: Graph) -> bool:
    if node.op_type not in _MOVES or len(node.output) != 1:
        return False
    if not all(graph.is_constant(name) for name in node.input[1:] if name):
        return False
    value = input_of(node, 2) if node.op_type == "Pad" else ""
    zeros = not value or not np.any(graph.constant(value))
    return zeros and attribute(node, "mode", b"constant") in (b"constant", b"DCR", b"CRD")


def _phases(nodes: Sequence[int], graph: Graph, *, forward: bool = False) -> Iterator[_Phases]:
    """The images along a chain of nodes beside a Conv whose phases are its batch.

    `nodes` lead away from the Conv, which reads the batch, or makes it.
    """
    for count in range(1, len(nodes) + 1):
        chain = nodes[:count] if forward else nodes[count - 1 :: -1]
        first, last = graph.nodes[chain[0]].input[0], graph.nodes[chain[-1]].output[0]
        image, batch = (last, first) if forward else (first, last)
        whole, phases = graph.shape(image), graph.shape(batch)
        if whole is None or phases is None or np.prod(phases) > _MOST_ELEMENTS:
            return
        if len(whole) != len(phases) or whole[0] != 1:
            continue
        moved = _sent_through(chain, first, last, graph)
        for last_axis in (False, True):
            found = _recognized(moved, whole, phases, forward=forward, channels_last=last_axis)
            if found is not None:
                yield _Phases(image, last_axis, *found, tuple(chain))
                break


def _sent_through(chain: Sequence[int], first: str, last: str, graph: Graph) -> Array:
    """What some nodes make of the numbers 1, 2, ... of elements; 0 is padding."""
    shape = graph.shape(first)
    assert shape is not None
    nodes = []
    constants: dict[str, TensorProto] = {}
    for index in chain:
        nodes.append(graph.nodes[index])
        for place, name in enumerate(graph.nodes[index].input):
            if place and name:
                value = graph.constant(name)
                wide = value.astype(np.float64) if value.dtype.kind == "f" else value
                constants[name] = numpy_helper.from_array(wide, name)
    value = helper.make_tensor_value_info(first, TensorProto.DOUBLE, shape)
    result = onnx.ValueInfoProto(name=last)
    alone = helper.make_graph(nodes, "moves", [value], [result], [*constants.values()])
    model = helper.make_model(
        alone,
        ir_version=graph.model.ir_version,
        opset_imports=[helper.make_opsetid("", opset_of(graph.model))],
    )
    numbers = np.arange(1, np.prod(shape) + 1, dtype=np.float64).reshape(shape)
    (moved,) = run_session(open_session(model, "moves"), [last], {first: numbers}, "moves")
    return moved


def _recognized(
    moved: Array,
    image: tuple[int, ...],
    batch: tuple[int, ...],
    *,
    forward: bool,
    channels_last: bool,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Blocks, offset and extents if the numbers lie as phases do; None if they do not."""
    extents = image[1:-1] if channels_last else image[2:]
    channels = image[-1] if channels_last else image[1]
    if channels != batch[1]:
        return None
    for blocks in _factors(batch[0], len(extents)):
        whole = tuple(size * block for size, block in zip(batch[2:], blocks, strict=True))
        # Where each element of the image lies in the whole, by the number of a corner's.
        own = np.arange(1, np.prod(image) + 1, dtype=np.float64).reshape(image)
        own = np.moveaxis(own, -1, 1)[0] if channels_last else own[0]
        if forward:
            numbers = np.arange(1, np.prod(batch) + 1, dtype=np.float64).reshape(batch)
            found = np.moveaxis(moved, -1, 1)[0] if channels_last else moved[0]
            corner = np.argwhere(_joined(numbers, blocks, whole)[0] == found[(0,) * found.ndim])
            offset = tuple(int(at) for at in corner[0]) if len(corner) else None
            if offset is None or not _holds(offset, extents, whole):
                continue
            if np.array_equal(_joined(numbers, blocks, whole)[_part(offset, extents)], found):
                return blocks, offset, extents
        else:
            corner = np.argwhere(_joined(moved, blocks, whole)[0] == own[(0,) * own.ndim])
            offset = tuple(int(at) for at in corner[0]) if len(corner) else None
            if offset is None:
                continue
            sizes = [min(n, w - o) for o, n, w in zip(offset, extents, whole, strict=True)]
            expected = np.zeros((channels, *whole))
            expected[_part(offset, sizes)] = own[_part([0] * len(sizes), sizes)]
            if np.array_equal(_joined(moved, blocks, whole), expected):
                return blocks, offset, extents
    return None


def _part(offset: Sequence[int], sizes: Sequence[int]) -> tuple[slice, ...]:
    """All channels of a part of an image."""
    return (slice(None), *(slice(o, o + n) for o, n in zip(offset, sizes, strict=True)))


def _holds(offset: Sequence[int], extents: Sequence[int], whole: Sequence[int]) -> bool:
    return all(o + n <= w for o, n, w in zip(offset, extents, whole, strict=True))


def _factors(count: int, axes: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a number as a product of so many, none above `_LARGEST_BLOCK`."""
    if axes == 1:
        yield from [(count,)] if count <= _LARGEST_BLOCK else []
        return
    for first in range(1, min(count, _LARGEST_BLOCK) + 1):
        if count % first == 0:
            yield from ((first, *rest) for rest in _factors(count // first, axes - 1))


def _joined(batch: Array, blocks: tuple[int, ...], whole: tuple[int, ...]) -> Array:
    """The whole (channels, ...) of which a batch (phases, channels, ...) holds the phases."""
    count = len(blocks)
    split = batch.reshape(*blocks, *batch.shape[1:])
    order = [count, *(axis for i in range(count) for axis in (count + 1 + i, i))]
    return split.transpose(order).reshape(batch.shape[1], *whole)


def _dilated(node: NodeProto, before: _Phases, after: _Phases, graph: Graph) -> _Written | None:
    """The Conv over the image, between transposes where channels are last; None if it cannot be."""
    kernel = (graph.shape(node.input[1]) or ())[2:]
    own = attribute(node, "dilations", [1] * len(kernel))
    dilations = [d * block for d, block in zip(own, before.blocks, strict=True)]
    begin = [b - a for b, a in zip(before.offset, after.offset, strict=True)]
    end = [
        made - read - start + (size - 1) * step
        for made, read, start, size, step in zip(
            after.extents, before.extents, begin, kernel, dilations, strict=True
        )
    ]
    if not kernel or min(*begin, *end) < 0:
        return None
    conv = NodeProto()
    conv.CopyFrom(node)
    stated = [a for a in node.attribute if a.name not in ("pads", "dilations", "auto_pad")]
    del conv.attribute[:]
    conv.attribute.extend(stated)
    conv.attribute.append(helper.make_attribute("dilations", dilations))
    conv.attribute.append(helper.make_attribute("pads", [*begin, *end]))
    conv.input[0], conv.output[0] = before.tensor, after.tensor
    nodes = [conv]
    rank = len(kernel) + 2
    if before.channels_last:
        first = [0, rank - 1, *range(1, rank - 1)]
        conv.input[0] = fresh_name(graph.model, f"{node.name}_channels_first")
        nodes.insert(0, _transpose(before.tensor, conv.input[0], first))
    if after.channels_last:
        last = [0, *range(2, rank), 1]
        conv.output[0] = fresh_name(graph.model, f"{node.name}_dilated")
        nodes.append(_transpose(conv.output[0], after.tensor, last))
    return _Written(tuple(nodes), (*before.chain, *after.chain))


def _transpose(source: str, target: str, perm: Sequence[int]) -> NodeProto:
    return helper.make_node("Transpose", [source], [target], name=f"{target}_transpose", perm=perm)
