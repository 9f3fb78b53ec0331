"""The JSON report of `quantize`, as far as other reports show it: how exact a network is.

Must never show a figure that was not measured.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DataError
from .checked_json import Node, read_json

_KIND = "what quantize --report FILE.json writes"
_HINT = "tvm-espdl quantize ... --report FILE.json"

#: Share of a report's tensors that the network has. Of its own it is nearly all, for a node that
#: computes nothing on the chip may be gone. Others share what all exporters call alike, up to 60 %.
_LEAST_SHARED = 0.8

#: Where a tensor stands that is computed, and not a constant.
_ACTIVATIONS = ("input", "activation", "output")


@dataclass(frozen=True)
class OutputRow:
    """One output: its signal-to-noise ratio in dB, None where undefined; equal classes."""

    name: str
    snr: float | None
    top1: int | None


@dataclass(frozen=True)
class AccuracyReport:
    """How exact a quantized network is, with the chip's bits.

    Attributes
    ----------
    chip : str
        The chip that it was quantized for.
    network : str
        Which network was measured, by its content, as `program.identity` names it.
    snr, own : dict of str to float
        In dB, of tensors in their order: of all that adds up to there, and of each layer alone.
    outputs : tuple of OutputRow
        Of the network.
    samples : int
        How many were compared.
    in_sample : bool
        Whether they took part in calibration.
    """

    chip: str
    network: str
    snr: dict[str, float]
    own: dict[str, float]
    outputs: tuple[OutputRow, ...]
    samples: int
    in_sample: bool

    @property
    def sentence(self) -> str:
        """What was measured, of all outputs."""
        kind = "which took part in calibration" if self.in_sample else "held out of calibration"
        found = [output.snr for output in self.outputs if output.snr is not None]
        level = f"{min(found):.1f} dB at least" if found else "no output with signal and noise"
        return f"accuracy of the outputs on {self.samples} samples, {kind}: {level}"

    def check_network(
        self, chip: str, networks: Sequence[str], tensors: set[str], where: str
    ) -> None:
        """Refuse a report of another chip, network or quantization: DataError.

        Parameters
        ----------
        chip : str
            Of the model that is evaluated.
        networks : sequence of str
            Its identity, and that of what it was written from.
        tensors : set of str
            Of this model; they tell another network from another quantization of the same.
        where : str
            For the message.
        """
        if chip == self.chip and self.network and self.network in networks:
            return
        known = {*self.snr, *self.own, *(output.name for output in self.outputs)}
        shared = len(known & tensors) >= max(_LEAST_SHARED * len(known), 1)
        if chip != self.chip:
            what, found, allowed = "chip", self.chip, chip
        elif shared:
            what, found = "quantization of the same network", self.network
            allowed = ", ".join(filter(None, networks))
        else:
            what, found = "network", ", ".join(sorted(known - tensors)[:3]) or "no tensor"
            allowed = "tensors of the model that is evaluated"
        raise DataError(
            f"the report is about another {what}",
            where=where,
            found=found,
            allowed=allowed,
            try_="give the report of the quantization that made the model",
        )


def read_accuracy(path: str | os.PathLike[str]) -> AccuracyReport:
    """Read the JSON report of a quantization that was measured.

    Raises DataError if it cannot be read, is another file, or holds no measurement.
    """
    root = read_json(path, _KIND, _HINT)
    entries = root.entries()
    for name in ("chip", "network", "accuracy", "tensors"):
        if name not in entries:
            root.refuse("no report of a quantization", _KIND, f"no {name!r}")
    accuracy = entries["accuracy"]
    if accuracy.value is None:
        accuracy.refuse("the accuracy was not measured", "a report without --no_measure", "null")
    found = accuracy.entries()
    for name in ("samples", "in_sample", "outputs"):
        if name not in found:
            accuracy.refuse("no report of a quantization", _KIND, f"no {name!r}")
    rows = [row.entries() for row in entries["tensors"].items()]
    return AccuracyReport(
        entries["chip"].text(),
        entries["network"].text(),
        _along(rows, "cumulative"),
        _along(rows, "own"),
        tuple(_output(one) for one in found["outputs"].items()),
        found["samples"].integer(0, 1 << 40),
        found["in_sample"].boolean(),
    )


def _output(node: Node) -> OutputRow:
    fields = node.entries()
    if "name" not in fields:
        node.refuse("no report of a quantization", _KIND, "no 'name'")
    top1 = fields.get("top1")
    count = None if top1 is None or top1.value is None else top1.integer(0, 1 << 40)
    return OutputRow(fields["name"].text(), _snr(fields.get("deviation")), count)


def _along(rows: list[dict[str, Node]], kind: str) -> dict[str, float]:
    found = {}
    for row in rows:
        if "name" in row and "role" in row and row["role"].value in _ACTIVATIONS:
            snr = _snr(row.get(kind))
            if snr is not None:
                found[row["name"].text()] = snr
    return found


def _snr(node: Node | None) -> float | None:
    if node is None or node.value is None:
        return None
    snr = node.entries().get("snr")
    return None if snr is None or snr.value is None else snr.number()
