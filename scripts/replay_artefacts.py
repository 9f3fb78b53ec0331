"""Writes all that the compiler makes of one network, as plain files, and their hashes.

Must never import a module of the package other than its public interface.
"""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from replay_networks import Entry, Network, generator

#: Fields of a row of the report that have always been there: this table stays the same when the
#: report gets another column.
ROW = ("tensor", "operator", "defined_by", "shape", "dtype", "exponent", "macs", "bytes")

#: Operators whose host kernels call a function of the C library.
INEXACT = {"pow", "softmax", "log_softmax", "reduce_log_sum", "reduce_log_sum_exp"}

KINDS = ("quantized", "quantization", "c", "espdl", "report", "rows", "bits")

#: Kinds that hold the network's results.
RESULTS = ("bits", "espdl")

#: The quantizer's account: the ranges in it are onnxruntime's sums, to the last digit.
ACCOUNT = "quantization"

#: The part of the project that holds results: it is hashed as `bits`.
EXPECTED = "project/main/output_data.h"

DIGITS = 16


def kind_of(name: str) -> str:
    """The kind that a file belongs to, by its path in the network's folder."""
    if name == EXPECTED:
        return "bits"
    first = name.split("/", maxsplit=1)[0].split(".", maxsplit=1)[0]
    return {"project": "c", "model": "espdl"}.get(first, first)


def write_artefacts(entry: Entry, network: Network, folder: Path) -> bool:
    """Write everything that is made of a network.

    Parameters
    ----------
    entry : Entry
        Name and chip.
    network : Network
        What is compiled.
    folder : Path
        An empty folder that exists.

    Returns
    -------
    bool
        Whether functions of the C library or of TVM take part in the results, which then may
        depend on the CPU.
    """
    from tvm_espdl import relay

    if network.quantization is not None:
        _write_quantization(network.quantization, folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        library = relay.build(
            network.module, target=f"espressif/{entry.chip}", params=dict(network.params)
        )
        inputs = _inputs(entry, network, library)
        values = library.run_with_intermediates(**inputs)
        outputs = library.run(inputs)
    (folder / "bits.txt").write_text(_bits(values, library.output_names, outputs))
    report = library.report()
    (folder / "report.txt").write_text(f"{report}\n")
    (folder / "report.json").write_text(report.to_json())
    report.to_html(folder / "report.html")
    said = sorted({f"{w.category.__name__}: {w.message}" for w in caught})
    (folder / "report.warnings.txt").write_text("".join(f"{line}\n" for line in said))
    (folder / "rows.txt").write_text(_rows(report.rows))
    _write_or_tell(folder / "project", lambda p: library.export_project(p, sample_input=inputs))
    _write_or_tell(
        folder / "model.espdl",
        lambda p: library.save_espdl(p, test_inputs=inputs, info=True, json=True),
    )
    return any(_field(row, "defined_by") == "TVM" or row.operator in INEXACT for row in report.rows)


def hashes(folder: Path) -> dict[str, str]:
    """The start of a SHA-256 for each kind of file in a network's folder, over names and bytes."""
    sums: dict[str, Any] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        # What is written must not say where: it would differ for each user.
        assert str(folder).encode() not in content, f"{name} holds the path of its folder"
        found = sums.setdefault(kind_of(name), hashlib.sha256())
        found.update(f"{name}\0{len(content)}\0".encode() + content)
    return {kind: sums[kind].hexdigest()[:DIGITS] for kind in KINDS if kind in sums}


def _write_or_tell(path: Path, write: Callable[[Path], object]) -> None:
    """Write, or in the same place why the package does not; a crash is replayed like a refusal."""
    try:
        write(path)
    except Exception as error:
        told = path.with_name(f"{path.name.split('.')[0]}.refused.txt")
        told.write_text(f"{type(error).__name__}: {error}\n")


def _write_quantization(result: Any, folder: Path) -> None:
    (folder / "quantized.onnx").write_bytes(result.model.SerializeToString(deterministic=True))
    (folder / "quantized.txt").write_text("".join(_lines_of(result.model)))
    report = result.report
    timeless = dataclasses.replace(report, seconds={})
    (folder / "quantization.txt").write_text(f"{timeless}\n")
    (folder / "quantization.json").write_text(timeless.to_json())
    (folder / "quantization.html").write_text(timeless.to_html())


def _lines_of(model: Any) -> Iterator[str]:
    """An ONNX model as text, its constants by type, shape, ends and hash."""
    from onnx import helper, numpy_helper

    for node in model.graph.node:
        yield f"{helper.printable_node(node)}\n"
    for tensor in model.graph.initializer:
        yield f"{tensor.name}: {_array_line(numpy_helper.to_array(tensor))}\n"


def _inputs(entry: Entry, network: Network, library: Any) -> dict[str, np.ndarray]:
    """What is known of a sample; the rest is drawn."""
    parameters = network.module["main"].params
    inputs = {}
    for name, parameter in zip(library.input_names, parameters, strict=False):
        if name in network.inputs:
            inputs[name] = np.asarray(network.inputs[name])
            continue
        shape, dtype = [int(n) for n in parameter.ty.shape], np.dtype(str(parameter.ty.dtype))
        rng = generator(entry.case, name)
        if dtype.kind == "f":
            inputs[name] = rng.normal(0, 2, shape).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            drawn = np.rint(rng.normal(0, limits.max / 3, shape))
            inputs[name] = np.clip(drawn, limits.min, limits.max).astype(dtype)
    return inputs


def _bits(values: Mapping[str, Any], names: Any, outputs: Any) -> str:
    """Every tensor by name, then the outputs in their own order."""
    lines = [f"{name}: {_array_line(values[name])}\n" for name in sorted(values)]
    return "".join(
        lines
        + [
            f"output {name}: {_array_line(array)}\n"
            for name, array in zip(names, outputs, strict=True)
        ]
    )


def _array_line(array: Any) -> str:
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(array.tobytes()).hexdigest()[:DIGITS]
    first = ", ".join(str(v) for v in array.ravel()[:4])
    return f"{array.dtype} {'x'.join(map(str, array.shape))} {digest} [{first}, ...]"


def _rows(rows: Any) -> str:
    return "".join(" ".join(str(_field(row, name)) for name in ROW) + "\n" for row in rows)


def _field(row: Any, name: str) -> Any:
    """Of a row, by its name of today; commits are compared that have the older one."""
    return getattr(row, "runs_on" if name == "defined_by" and hasattr(row, "runs_on") else name)
