"""The self-test: every vector of a folder through an engine, compared with what ESP-DL computed.

An operator that this package does not know counts as failed, never as skipped. Skipped is only
what differs by a rule: where ESP-DL's kernel goes wrong, this package's kernels take its place, and
mean to give another result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..chips import FAMILIES, Chip, find_chip
from ..errors import ChipError
from ..ops.base.operator import Refusal
from ..ops.base.packing import pack_filter
from ..ops.base.rounding import Array, round_float, saturate, shift_and_round
from . import golden
from .builders import trials_of
from .golden import Case
from .trial import Trial, difference


@dataclass(frozen=True, eq=False)
class Work:
    """One call to run on a chip."""

    trial: Trial
    chip: Chip


@dataclass(frozen=True)
class Outcome:
    """How one vector came out on one chip, by their names.

    Attributes
    ----------
    failure : str
        What is wrong, "" where nothing is.
    skipped : str
        Why a difference is none that counts, "" where there is none.
    """

    case: str
    chip: str
    failure: str
    skipped: str = ""


Engine = Callable[[Sequence[Work]], list[Array]]


def run_selftest(
    engine: str = "host", folder: Path = golden.GOLDEN, chip: str | None = None
) -> list[Outcome]:
    """Run all vectors of a folder: `index.json` and the `.npz` files it names.

    The engine is `numpy`, `host` (LLVM) or `c` (gcc); without a chip, one of each family is taken.
    There is an outcome for each vector on each chip, whatever number of results and runs it has.

    Raises
    ------
    ChipError
        If there is no such chip or engine.
    DataError
        If the folder cannot be read, or a vector lacks what its operator needs.
    ToolError
        If the C engine lacks its compiler.
    """
    if engine not in ENGINES:
        raise ChipError("unknown engine", found=repr(engine), allowed=", ".join(ENGINES))
    chips = [find_chip(name) for name in ([chip] if chip else FAMILIES.values())]
    cases = golden.load(folder)
    outcomes: list[Outcome] = []
    planned: list[tuple[int, list[Work]]] = []
    for one in chips:
        for case in cases:
            expected = case.expected(one.family)
            if expected is None:
                continue
            trials, failure = trials_of(case, one.family), ""
            if case.operator in PRIMITIVES:
                failure = difference(PRIMITIVES[case.operator](case, one), expected)
            elif trials is None:
                failure = "unknown operator"
            else:
                failure = "; ".join(dict.fromkeys(map(str, _forbidden(trials, one))))
                if not failure:
                    planned.append((len(outcomes), [Work(trial, one) for trial in trials]))
            outcomes.append(Outcome(case.name, one.name, failure))
    work = [one for _, works in planned for one in works]
    results = iter(ENGINES[engine](work) if work else [])
    for place, works in planned:
        outcomes[place] = _outcome(works, [next(results) for _ in works])
    return outcomes


def _forbidden(trials: Sequence[Trial], chip: Chip) -> list[Refusal]:
    """Rules without which an operator is none that an engine can run."""
    return [
        refusal
        for trial in trials
        for refusal in trial.operator.refusals(chip)
        if refusal.otherwise == "refused"
    ]


def _outcome(works: Sequence[Work], results: Sequence[Array]) -> Outcome:
    """What differs of all results of a vector, and whether a rule says that it does."""
    found: list[str] = []
    reasons: list[str] = []
    for work, result in zip(works, results, strict=True):
        trial = work.trial
        text = trial.difference(result)
        if not text:
            continue
        broken = [r for r in trial.operator.refusals(work.chip) if r.otherwise == "portable"]
        label = f"{trial.label}: " if trial.label else ""
        (reasons if broken else found).append(f"{label}{broken[0] if broken else text}")
    case, chip = works[0].trial.case, works[0].chip
    return Outcome(case.name, chip.name, "; ".join(found), "; ".join(reasons))


def _host(work: Sequence[Work]) -> list[Array]:
    from ..runtime.host import run_operators

    return run_operators([(w.trial.operator, w.chip, w.trial.arrays) for w in work])


def _c(work: Sequence[Work]) -> list[Array]:
    from .c_engine import Item, run_c

    trials = [(w.trial, w.chip) for w in work]
    return run_c([Item(t.operator, chip, t.constants, t.inputs) for t, chip in trials])


ENGINES: dict[str, Engine] = {
    "numpy": lambda work: [w.trial.operator.reference(w.chip, *w.trial.arrays) for w in work],
    "host": _host,
    "c": _c,
}


def _filter_layout(case: Case, chip: Chip) -> Array:
    filter_ = case.arrays["w"]
    depthwise = case.entry["attrs"]["group"] != 1
    packed = pack_filter(chip, filter_, depthwise=depthwise)
    return packed.reshape(case.entry["output_shape"])


#: Golden cases that are no operators; the very functions that all engines use compute them.
PRIMITIVES: dict[str, Callable[[Case, Chip], Array]] = {
    "filter_layout": _filter_layout,
    "round": lambda case, chip: saturate(round_float(case.arrays["x"], chip), "int32"),
    "shift_and_round": lambda case, chip: shift_and_round(
        case.arrays["x"], case.arrays["shift"], chip
    ),
}
