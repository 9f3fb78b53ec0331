"""Writing `.espdl` files: milliseconds, and the ratio to building the same bytes one by one.

ResNet-18's constants (11.7 million weights) and a folder of files, each written in one piece and,
as the peer in the same run, with the weights pushed byte by byte, which is how `flatbuffers` is
used by ESP-PPQ. Run: `python benchmarks/espdl_writing.py [FOLDER]`.
"""

import sys
import time
from pathlib import Path

import numpy as np

from tvm_espdl.espdl import Graph, Model, Node, Tensor, ValueInfo, load
from tvm_espdl.espdl.building import BLOCK, TableBuilder
from tvm_espdl.espdl.info import info_of
from tvm_espdl.espdl.writing import file_of

LAYERS = (
    *((3, 3, c, n) for c, n in [(64, 64)] * 4 + [(64, 128)] + [(128, 128)] * 3),
    *((3, 3, c, n) for c, n in [(128, 256)] + [(256, 256)] * 3 + [(256, 512)] + [(512, 512)] * 3),
    *((1, 1, c, n) for c, n in [(64, 128), (128, 256), (256, 512), (512, 1000)]),
    (7, 7, 3, 64),
)


class ByteBuilder(TableBuilder):
    """The peer: blocks pushed byte by byte."""

    def blocks(self, data):
        count = -(-len(data) // BLOCK)
        self._builder.StartVector(BLOCK, count, BLOCK)
        for byte in reversed(data.ljust(count * BLOCK, b"\0")):
            self._builder.PrependByte(byte)
        return self._builder.EndVector()


def resnet18():
    """A model with the constants of ResNet-18 and a node for each."""
    source = np.random.default_rng(1)
    tensors, nodes = {}, []
    for number, shape in enumerate(LAYERS):
        name = f"layer{number}"
        data = source.integers(-128, 128, shape).astype(np.int8).tobytes()
        tensors[name] = Tensor(name, "int8", shape, data, (-7,), "layout ==> (N/16)HWC16")
        nodes.append(Node("Conv", (f"x{number}", name), (f"x{number + 1}",), {}, name))
    values = {f"x{i}": ValueInfo(f"x{i}", "int8", (1, 8, 8, 64), (-3,)) for i in range(30)}
    ends = (values["x0"],), (values["x21"],)
    return Model(Graph(tuple(nodes), tensors, *ends, values, name="resnet18"))


def milliseconds(work):
    """The best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def by_bytes(tensors):
    """Only the constants: the rest of a file is small."""
    builder = ByteBuilder(1 << 16)
    for tensor in tensors:
        builder.blocks(tensor.data)


def measure(name, model):
    size = len(file_of(model))
    ours = milliseconds(lambda: file_of(model))
    text = milliseconds(lambda: info_of(model))
    sample, total = [], 0
    for tensor in model.graph.initializers.values():
        if total < 1 << 20:
            sample.append(tensor)
            total += len(tensor.data)
    start = time.perf_counter()
    by_bytes(sample)
    everything = sum(len(tensor.data) for tensor in model.graph.initializers.values())
    theirs = (time.perf_counter() - start) * 1000 * everything / max(total, 1)
    print(f"{name:28.28} {size:9} {ours:9.1f} {text:9.1f} {theirs:12.0f} {theirs / ours:7.0f}")


def main(folder=None):
    print(
        f"{'model':28} {'bytes':>9} {'file ms':>9} {'.info ms':>9} {'by bytes ms':>12} {'ratio':>7}"
    )
    measure("ResNet-18's constants", resnet18())
    for path in sorted(Path(folder).glob("*.espdl")) if folder else []:
        measure(path.stem[-28:], load(path).model)


if __name__ == "__main__":
    main(*sys.argv[1:])
