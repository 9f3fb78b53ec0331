"""Fits the tables of `tvm_espdl/estimate/data` to `benchmarks/latency`, and says how well they do.

Instructions are fitted kernel by kernel to counts of single instructions; cycles to Espressif's
published latencies, through the instructions and fetched bytes that the estimator itself finds.
Every family of networks is predicted once by a fit that has not seen it: that error is the one
which reports state.

Run: `python scripts/fit_estimate.py`, and with `--write` to replace the tables.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from latency_rows import Published, Row, published, rows
from published_networks import fetched, networks
from scipy.optimize import nnls

from tvm_espdl.chips import Chip, find_chip
from tvm_espdl.estimate.counting import esp_dl_instructions
from tvm_espdl.estimate.features import features, shape_class
from tvm_espdl.estimate.traffic import Caches

DATA = Path(__file__).parents[1] / "tvm_espdl" / "estimate" / "data"
CHIPS = ("esp32s3", "esp32p4")
#: Clocks of the published figures.
CLOCKS = {"esp32s3": 240, "esp32p4": 360}
#: Kernels without a window in the tables are not what their name says.
WINDOWED = ("conv2d", "depthwise_conv2d", "max_pool2d", "average_pool2d")
#: Coefficients that are found; the bytes of filters have the price of the bus.
TERMS = ("instructions", "activation", "call", "transposed", "other")
#: Single operators are known to be off on these chips, for a reason that the tables do not hold.
MODELS_ONLY = ("esp32p4",)

#: A class of fewer shapes has a coefficient of its work alone: the first of these that it has.
LEAST_SHAPES = 3
WORK = (
    "taps blocks vectors",
    "taps blocks",
    "taps remaining vectors",
    "taps remaining",
    "rows blocks vectors",
    "rows remaining vectors",
    "rows blocks",
    "rows remaining",
)

#: Chips without vectors: no latency of these kernels is published, so their prices are assumed.
UNFITTED = {
    "cycles per instruction": 1.5,
    "activation bytes": 1.0,
    "cycles per call": 2000.0,
    "chips": [],
    "networks": 0,
    "mean error in percent": 50.0,
    "largest error in percent": 50.0,
    "worst": "",
}


def fitted(table: np.ndarray, wanted: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Coefficients, none negative, with about the smallest sum of errors relative to `of`."""
    weights = 1 / of
    found = np.zeros(table.shape[1])
    for _ in range(30):
        scaled = table * weights[:, None]
        size = np.maximum(np.abs(scaled).max(axis=0), 1e-12)
        found = nnls(scaled / size, wanted * weights, maxiter=10_000)[0] / size
        errors = np.abs(table @ found - wanted) / of
        weights = 1 / of / np.sqrt(np.maximum(errors, 1e-3))
    return found


def classes(chip: Chip) -> dict[str, list[tuple[Row, dict[str, float]]]]:
    """The counted calls of each kernel and class of shapes, with what they grow with."""
    groups: dict[str, list[tuple[Row, dict[str, float]]]] = defaultdict(list)
    for row in rows(chip.name):
        odd = row.work.window is None and row.work.kernel in WINDOWED
        if row.slice_bytes or not row.instructions or odd:
            continue
        lanes = chip.lanes(row.work.dtype) if row.work.dtype.startswith("int") else 16
        name = shape_class(row.work, lanes)
        groups[name].append((row, features(row.work, lanes)))
    return groups


def few_shapes(chip: Chip) -> list[str]:
    """Classes of which few shapes were counted."""
    shapes = {
        name: {(row.source, row.result) for row, _ in group}
        for name, group in classes(chip).items()
    }
    return sorted(name for name, counted in shapes.items() if len(counted) < LEAST_SHAPES)


def instruction_table(chip: Chip) -> dict[str, dict[str, float]]:
    """Coefficients of each kernel and class of shapes."""
    result, few = {}, few_shapes(chip)
    for name, group in sorted(classes(chip).items()):
        columns = list(group[0][1])
        if name in few:
            work = ("elements",) if "elements" in columns else WORK
            if " uneven " in name:  # Channels that are read are not all in vectors.
                work = tuple(c for c in work if "vectors" not in c)
            columns = [c for c in work if all(counts.get(c) for _, counts in group)][:1]
        table = np.array([[counts[column] for column in columns] for _, counts in group], float)
        wanted = np.array([row.instructions for row, _ in group], float)
        found = fitted(table, wanted, wanted)
        result[name] = {
            c: round(float(v), 4) for c, v in zip(columns, found, strict=True) if v > 1e-4
        }
    for dtype in ("int8", "int16"):
        # Only short pieces that are no whole vectors were counted; longer ones take more than that.
        even, uneven = (result[f"concat {dtype} {name}"] for name in ("even", "uneven"))
        uneven.setdefault("elements", even["elements"])
        for shape in ("even", "uneven"):
            result[f"clip {dtype} {shape}"] = _limiting(result, dtype)
    return result


def _limiting(table: dict[str, dict[str, float]], dtype: str) -> dict[str, float]:
    """What `espdl_clip.cpp` takes: extremes where there are vectors for them, else four sums.

    What fills no vector is assumed to take as much as in portable C.
    """
    names = ("maximum", "minimum") if f"maximum {dtype} even" in table else ("add",) * 4
    rows_ = [table[f"{name} {dtype} even"] for name in names]
    made = {column: round(sum(row[column] for row in rows_), 4) for column in ("call", "vectors")}
    return made | {"remaining": 12.0}


def instruction_errors(chip: Chip) -> dict[str, np.ndarray]:
    """Relative errors of the committed tables, by kernel and type."""
    errors: dict[str, list[float]] = defaultdict(list)
    for row in rows(chip.name):
        odd = row.work.window is None and row.work.kernel in WINDOWED
        if not row.slice_bytes and row.instructions and not odd:
            found = esp_dl_instructions(row.work, chip).instructions
            errors[f"{row.work.kernel} {row.work.dtype}"].append(found / row.instructions - 1)
    return {name: np.array(values) for name, values in sorted(errors.items())}


def own_counts(chip: Chip) -> dict[str, Counter[str]]:
    """What the estimator itself finds for each published network."""
    found = {}
    for name, network in networks(chip.name).items():
        counts: Counter[str] = Counter()
        for row in network:
            if row.instructions:
                counts["instructions"] += esp_dl_instructions(row.work, chip).instructions
            _add_elements(counts, row)
        for _, fills in fetched(
            network, Caches(chip.external_memory.caches, chip.external_memory.line_bytes)
        ):
            counts["filter"] += fills.filter
            counts["activation"] += fills.activation
            counts["inner"] += fills.inner
        found[name] = counts
    return found


def simulated_counts(chip: Chip) -> dict[str, Counter[str]]:
    """What the simulation of each published network has counted."""
    found = {}
    for name, network in networks(chip.name).items():
        counts: Counter[str] = Counter()
        for row in network:
            counts["instructions"] += row.instructions
            counts["filter"] += row.filter_fill
            counts["activation"] += row.activation_fill
            counts["inner"] += row.inner_fill
            _add_elements(counts, row)
        found[name] = counts
    return found


def _add_elements(counts: Counter[str], row: Row) -> None:
    counts["call"] += 1
    counts["transposed" if row.operator == "Transpose" else "other"] += row.elements


class Fit:
    """Coefficients for one chip, and the errors in sample and on families that were not seen."""

    def __init__(self, chip: Chip, counts: dict[str, Counter[str]]) -> None:
        only = chip.name in MODELS_ONLY
        self.rows = [
            row
            for row in published(chip.name)
            if row.model in counts and not (only and row.model.startswith("pub"))
        ]
        self.terms = TERMS
        self._cycles = np.array([row.cycles for row in self.rows], float)
        self._table = np.array([[counts[r.model][t] for t in TERMS] for r in self.rows], float)
        self._fixed = np.array([_fixed(chip, row, counts[row.model]) for row in self.rows])
        everything = np.arange(len(self.rows))
        self.coefficients = self._of(everything)
        self.errors = self._predicted(everything, self.coefficients) / self._cycles - 1
        self.unseen = np.zeros(len(self.rows))
        families = np.array([row.family for row in self.rows])
        for family in set(families):
            at = np.flatnonzero(families == family)
            own = self._of(np.flatnonzero(families != family))
            self.unseen[at] = self._predicted(at, own) / self._cycles[at] - 1

    def _of(self, at: np.ndarray) -> np.ndarray:
        return fitted(self._table[at], self._cycles[at] - self._fixed[at], self._cycles[at])

    def _predicted(self, at: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        return self._table[at] @ coefficients + self._fixed[at]

    def summary(self) -> str:
        """Both errors in one line."""
        seen, unseen = 100 * np.abs(self.errors), 100 * np.abs(self.unseen)
        return (
            f"in sample mean {seen.mean():.1f} %, median {np.median(seen):.1f} %; families that "
            f"were left out mean {unseen.mean():.1f} %, median {np.median(unseen):.1f} %, "
            f"worst {unseen.max():.1f} %"
        )


def _fixed(chip: Chip, row: Published, counts: Counter[str]) -> float:
    """Cycles of what has the price of a bus."""
    memory = chip.external_memory
    bus = memory.psram if row.weights == "psram" else memory.flash
    rate = CLOCKS[chip.name] / bus.megabytes_per_second(memory.line_bytes)
    return counts["filter"] * rate + counts["inner"] * memory.inner_cycles


def cycle_table(chip: Chip, fit: Fit) -> dict[str, object]:
    """What the estimator reads: coefficients, and the errors that it states."""
    memory = chip.external_memory
    bus = memory.psram.megabytes_per_second(memory.line_bytes)
    found = dict(zip(fit.terms, map(float, fit.coefficients), strict=True))
    unseen = np.abs(fit.unseen)
    return {
        "cycles per instruction": round(found["instructions"], 4),
        "activation bytes": round(found["activation"] * bus / CLOCKS[chip.name], 4),
        "cycles per call": round(found["call"], 1),
        "chips": [chip.name],
        "networks": len(fit.rows),
        "mean error in percent": round(float(100 * unseen.mean()), 1),
        "largest error in percent": round(float(100 * unseen.max()), 1),
        "worst": _in_words(chip, fit.rows[int(unseen.argmax())].model),
    }


def _in_words(chip: Chip, model: str) -> str:
    """The name of a network; what a published single operator is."""
    if not model.startswith("pub"):
        return model
    (row,) = networks(chip.name)[model]
    shapes = ("x".join(map(str, shape)) for shape in (row.source, row.result))
    return f"a single {row.operator}, {' to '.join(shapes)}"


def main(arguments: Sequence[str]) -> None:
    """Print the fits; replace the tables with `--write`."""
    write = "--write" in arguments
    path = DATA / "instructions.json"
    if write:
        tables = json.loads(path.read_text()) if path.exists() else {}
        chips = [find_chip(name) for name in CHIPS]
        tables["esp-dl"] = {chip.family: instruction_table(chip) for chip in chips}
        tables["few shapes"] = {
            family: [kind for kind in few if "elements" not in tables["esp-dl"][family][kind]]
            for family, few in ((chip.family, few_shapes(chip)) for chip in chips)
        }
        path.write_text(json.dumps(tables, indent=1, sort_keys=True) + "\n")
    cycles = {"c": dict(UNFITTED)}
    for name in CHIPS:
        chip = find_chip(name)
        errors = np.abs(np.concatenate(list(instruction_errors(chip).values())))
        print(
            f"{name}: instructions of {errors.size} calls, mean error {100 * errors.mean():.2f} %"
        )
        print(f"  simulated counts: {Fit(chip, simulated_counts(chip)).summary()}")
        fit = Fit(chip, own_counts(chip))
        print(f"  estimated counts: {fit.summary()}")
        found = dict(zip(fit.terms, fit.coefficients, strict=True))
        print("  " + ", ".join(f"{term} {value:.4g}" for term, value in found.items()))
        cycles[chip.family] = cycle_table(chip, fit)
    if write:
        text = json.dumps(cycles, indent=1, sort_keys=True) + "\n"
        (DATA / "cycles.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
