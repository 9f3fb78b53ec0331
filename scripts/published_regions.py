"""What the tables of published networks do not say, from their `.espdl` files.

Writes columns of `benchmarks/latency/*.csv.gz`: `shift`, of calls that bring integers to another
exponent, how far right, and from which type where it is another; `reads` and `writes`, for each
call bytes of ESP-DL's arena as `start+bytes`: inputs that are no constants, and results, in their
order. For these it repeats what ESP-DL's own greedy memory manager does
(`dl/model/src/dl_memory_manager_greedy.cpp`): the smallest gap that is large enough, and results
over inputs where the module says so.

Run: `python scripts/published_regions.py FOLDER`, with a checkout of ESP-DL.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from latency_rows import FOLDER

from tvm_espdl.espdl import load
from tvm_espdl.espdl.schema import Graph, Node

#: The manager's alignment.
_ALIGNMENT = 16
#: Modules whose result is over an input, whose bytes they change, or leave as they are.
_CHANGED = re.findall(
    r"\w+",
    """
Add And Clip Elu Equal Exp Gelu Greater GreaterOrEqual HardSigmoid HardSwish LayerNormalization
LeakyRelu Less LessOrEqual Log LpNormalization LUT Max Min Mod Neg Not Or PRelu ReduceL1 ReduceL2
ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
Relu RequantizeLinear ReverseSequence RMSNormalization ScatterND Sigmoid Sqrt Swish Tanh Xor
""",
)
_UNCHANGED = ["Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"]


@dataclass(eq=False)
class _Value:
    """A tensor: its bytes, its life (ends count from the step after), and who shares its bytes."""

    nbytes: int
    begin: int
    end: int = -1
    leader: _Value | None = None
    dirty: _Value | None = None
    clean: _Value | None = None
    start: int = 0

    def live_until(self, step: int) -> None:
        if self.leader is not None:
            self.leader.live_until(step)
            self.end = self.leader.end
        else:
            self.end = -1 if step == -1 else max(self.end, step)

    def follow(self, leader: _Value | None) -> None:
        self.leader = leader
        if leader is not None and (leader.end < self.end or self.end == -1):
            leader.live_until(self.end)

    @property
    def place(self) -> int:
        """Where it begins."""
        return self.start if self.leader is None else self.leader.place


@dataclass(eq=False)
class _Chunk:
    """Bytes that lie together: of a value, or free."""

    start: int
    nbytes: int
    value: _Value | None


@dataclass
class _Manager:
    """What is where, by address, and the gaps by size, as the manager's lists have them."""

    chunks: list[_Chunk] = field(default_factory=list)
    gaps: list[_Chunk] = field(default_factory=list)

    def free(self, value: _Value) -> None:
        at = next((n for n, chunk in enumerate(self.chunks) if chunk.value is value), None)
        if at is None:
            return
        chunk = self.chunks[at]
        chunk.value = None
        for beside in (at + 1, at - 1):
            if 0 <= beside < len(self.chunks) and self.chunks[beside].value is None:
                other = self.chunks[beside]
                chunk.nbytes += other.nbytes
                chunk.start = min(chunk.start, other.start)
                self.chunks.remove(other)
                self.gaps.remove(other)
        self.gaps.append(chunk)
        self.gaps.sort(key=lambda gap: gap.nbytes)

    def place(self, value: _Value) -> None:
        size = -(-value.nbytes // _ALIGNMENT) * _ALIGNMENT
        chunk = next((gap for gap in self.gaps if gap.nbytes >= value.nbytes), None)
        if chunk is not None:
            self.gaps.remove(chunk)
            if chunk.nbytes > size:
                rest = _Chunk(chunk.start + size, chunk.nbytes - size, None)
                self.chunks.insert(self.chunks.index(chunk) + 1, rest)
                self.gaps.append(rest)
                self.gaps.sort(key=lambda gap: gap.nbytes)
        elif self.chunks and self.chunks[-1].value is None:
            chunk = self.chunks[-1]
            self.gaps.remove(chunk)
        else:
            end = self.chunks[-1].start + self.chunks[-1].nbytes if self.chunks else 0
            chunk = _Chunk(end, size, value)
            self.chunks.append(chunk)
        chunk.nbytes, chunk.value, value.start = size, value, chunk.start


def _sizes(graph: Graph) -> dict[str, int]:
    return {
        name: math.prod(info.shape or ()) * np.dtype(info.dtype).itemsize
        for name, info in graph.values.items()
    }


def _values(graph: Graph) -> dict[str, _Value]:
    """All tensors in the order of the runtime's numbers, with their lives."""
    sizes, leaving = _sizes(graph), {value.name for value in graph.outputs}
    values: dict[str, _Value] = {}
    entering = {value.name: _Value(sizes[value.name], 0) for value in graph.inputs}
    for step, node in enumerate(graph.nodes):
        read = [name for name in node.inputs if name and name not in graph.initializers]
        for name in read:
            value = values.setdefault(name, entering.get(name, _Value(0, 0)))
            if value.dirty is not None:  # What was to be written over it is read again.
                value.dirty.follow(None)
                value.dirty = None
            if name not in leaving:
                value.live_until(step + 1)
        made = [_Value(sizes[name], step) for name in node.outputs]
        values |= dict(zip(node.outputs, made, strict=True))
        if len(made) == 1 and node.op_type in [*_CHANGED, *_UNCHANGED]:
            chosen = _leader(read, values, made[0], leaving)
            if chosen is not None:
                _share(made[0], chosen, changed=node.op_type in _CHANGED)
    return values


def _leader(
    read: list[str], values: dict[str, _Value], made: _Value, leaving: set[str]
) -> _Value | None:
    return next(
        (
            values[name]
            for name in read
            if values[name].nbytes >= made.nbytes and name not in leaving
        ),
        None,
    )


def _share(made: _Value, leader: _Value, *, changed: bool) -> None:
    if leader.dirty is not None:
        leader.dirty.follow(None)
        leader.dirty = None
    made.follow(leader)
    if not changed:
        leader.clean = made
    elif leader.clean is not None:
        made.follow(None)
    else:
        leader.dirty = made


def regions(graph: Graph) -> list[tuple[str, str, str]]:
    """For each node the columns `shift`, `reads` and `writes`."""
    values, manager = _values(graph), _Manager()
    apart = [value for value in values.values() if value.leader is None]
    for step in range(len(graph.nodes)):
        for value in apart:
            if value.end == step:
                manager.free(value)
        for value in apart:
            if value.begin == step:
                manager.place(value)

    def text(names: tuple[str, ...]) -> str:
        found = [values[name] for name in names if name in values]
        return " ".join(f"{value.place}+{value.nbytes}" for value in found)

    def shift(node: Node) -> str:
        if node.op_type != "RequantizeLinear":
            return ""
        before, after = (graph.values[name] for name in (node.inputs[0], node.outputs[0]))
        distance = after.exponents[0] - before.exponents[0]
        return f"{distance}" + (f" from {before.dtype}" if before.dtype != after.dtype else "")

    return [(shift(node), text(node.inputs), text(node.outputs)) for node in graph.nodes]


def _name(path: Path) -> str:
    """What `benchmarks/latency` calls the network of a file of ESP-DL's `models` folder."""
    chip = path.parent.name
    name = re.sub(r"^(coco_\w+?|human_face_\w+?|imagenet_cls|pedestrian_detect|person_reid_feat)_"
                  r"(?=yolo|m|pico_s8|osn)", "", path.stem)  # fmt: skip
    if name.startswith("espdet"):
        name += "_s8"
    name = name.replace("mobilenetv2_0_5_128_128_gesture", "mobilenetv2_0_5_s8_v1")
    return name if name.startswith("sv_") or name.endswith(f"_{chip}") else f"{name}_{chip}"


def main(folder: str) -> None:
    """Write the columns."""
    for chip in ("esp32s3", "esp32p4"):
        found = {}
        for path in sorted(Path(folder).glob(f"models/*/models/{chip[-2:]}/*.espdl")):
            graph = load(path).model.graph
            found[_name(path)] = [n.op_type for n in graph.nodes], regions(graph)
        file = FOLDER / f"{chip}.csv.gz"
        lines = list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode())))
        for line in lines:
            line["shift"] = line["reads"] = line["writes"] = ""
            if not line["model"] or line["model"] not in found:
                continue
            kinds, places = found[line["model"]]
            number = int(line["node"])
            if kinds[number] != line["op"].removeprefix("Depthwise"):
                sys.exit(f"{line['model']} {number}: {kinds[number]}, not {line['op']}")
            line["shift"], line["reads"], line["writes"] = places[number]
        missing = {line["model"] for line in lines} - found.keys()
        print(f"{chip}: {len(found)} files; no file: {', '.join(sorted(missing))}")
        text = io.StringIO()
        writer = csv.DictWriter(text, [*lines[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        file.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
