"""Advice on single layers: filters over the cache, uneven channels, int16, operators off ESP-DL.

Each gain is that of the layer as it would be, against the layer as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ...ops import Operator
from ...report.text import counted, visible
from ..counting import esp_dl_instructions, portable_instructions
from ..evaluation import Figures
from ..traffic import Fills
from ..work import Work, work_of
from .entry import Advice
from .gains import WEIGHTED, gained

#: Bytes of a filter that leave room in the cache for what else a position reads, as a part of it.
_PART_OF_CACHE = 0.75
#: Layers that one piece of advice names.
_MOST_NAMED = 4

#: A layer: its step, what its kernel has to do, and milliseconds that are gained.
_Gain = tuple[int, Work, float]


def of_layers(figures: Figures) -> Iterator[Advice]:
    """Advice on the model itself."""
    works = {
        index: work_of(step.operator)
        for index, step in enumerate(figures.program.steps)
        if isinstance(step.operator, Operator) and figures.counts[index].runs
    }
    esp_dl = {i: work for i, work in works.items() if figures.counts[i].kernel == "esp-dl"}
    yield from _parted_filters(figures, esp_dl)
    yield from _even_channels(figures, esp_dl)
    yield from _int16(figures, esp_dl)


def _named(figures: Figures, gains: Sequence[_Gain]) -> str:
    names = [figures.nodes[index].tensor for index, _, _ in gains[:_MOST_NAMED]]
    more = len(gains) - _MOST_NAMED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _sum(gains: Sequence[_Gain]) -> float:
    return sum(gain for _, _, gain in gains)


def _sorted(gains: Sequence[_Gain]) -> list[_Gain]:
    return sorted((one for one in gains if one[2] > 0), key=lambda one: -one[2])


def _parted_filters(figures: Figures, works: dict[int, Work]) -> Iterator[Advice]:
    """Convolutions whose filter is fetched again for each position, in parts that stay."""
    cache = figures.machine.caches[0][0]
    gains = []
    for index, work in works.items():
        own = figures.counts[index]
        size = work.weight_bytes
        if work.kernel != "conv2d" or size <= cache * _PART_OF_CACHE:
            continue
        if own.slices > 1 or figures.machine.filters == "whole":
            continue  # It is in parts already, or would be.
        if not _channels(work, cache * _PART_OF_CACHE, figures.chip.lanes(work.dtype)):
            continue
        levels = len(figures.machine.caches) - 1
        joined = dataclasses.replace(work, kernel="concat", macs=0, window=None)
        copied = portable_instructions(joined, figures.chip).instructions
        counts = dataclasses.replace(
            own,
            instructions=own.instructions + copied,
            fills=Fills(size, own.fills.activation, min(own.fills.inner, 2.0 * size * levels)),
        )
        gains.append((index, work, gained(figures, index, counts)))
    gains = _sorted(gains)
    if not gains:
        return
    first = gains[0][1]
    channels = _channels(first, cache * _PART_OF_CACHE, figures.chip.lanes(first.dtype))
    parts = -(-first.channels_out // channels)
    yield Advice(
        f"compute {counted(len(gains), 'convolution')} in parts of the output channels: the "
        f"filters do not stay in {cache // 1024} KB of cache and are fetched again for each "
        f"position: {_named(figures, gains)}",
        "",
        _sum(gains),
        "model",
        f"{visible(figures.nodes[gains[0][0]].tensor)}: {parts} convolutions of at most {channels} "
        "output channels and a Concat",
    )


def _channels(work: Work, nbytes: float, lanes: int) -> int:
    """Output channels of a part that stays, in whole vectors; 0 where one vector is too much."""
    return int(nbytes / (work.weight_bytes / work.channels_out)) // lanes * lanes


def _even_channels(figures: Figures, works: dict[int, Work]) -> Iterator[Advice]:
    """Channels that fill their vectors."""
    gains = []
    for index, work in works.items():
        if work.kernel not in WEIGHTED or not work.dtype.startswith("int"):
            continue
        lanes = figures.chip.lanes(work.dtype)
        whole = dataclasses.replace(
            work,
            channels_in=-(-work.channels_in // lanes) * lanes,
            channels_out=-(-work.channels_out // lanes) * lanes,
        )
        if whole == work:
            continue
        own = figures.counts[index]
        found = esp_dl_instructions(whole, figures.chip).instructions
        counts = dataclasses.replace(own, instructions=found)
        gains.append((index, whole, gained(figures, index, counts)))
    gains = _sorted(gains)
    if gains:
        index, whole, _ = gains[0]
        yield Advice(
            f"give {counted(len(gains), 'layer')} channels in whole vectors, with filters of "
            f"zeros: {_named(figures, gains)}",
            "the tensors become larger",
            _sum(gains),
            "model",
            f"{visible(figures.nodes[index].tensor)}: {whole.channels_in} channels in, "
            f"{whole.channels_out} out",
        )


def _int16(figures: Figures, works: dict[int, Work]) -> Iterator[Advice]:
    """Layers of int16, and what they would take in int8."""
    gains = []
    for index, work in works.items():
        if work.dtype != "int16":
            continue
        own = figures.counts[index]
        bytes_ = dataclasses.replace(work, dtype="int8", weight_bytes=work.weight_bytes // 2)
        fills = own.fills
        counts = dataclasses.replace(
            own,
            instructions=esp_dl_instructions(bytes_, figures.chip).instructions,
            fills=Fills(fills.filter / 2, fills.activation / 2, fills.inner / 2),
        )
        gains.append((index, work, gained(figures, index, counts)))
    gains = _sorted(gains)
    if gains:
        yield Advice(
            f"quantize layers to int8, {len(gains)} of them, that compute in int16: "
            + _named(figures, gains),
            "accuracy: int16 may be there for a reason",
            _sum(gains),
            "command",
            "tvm-espdl quantize without --int16",
        )
