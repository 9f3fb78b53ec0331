"""Steps that recover accuracy without training; each is kept only if held-out samples gain.

Must never apply a step on the strength of the samples that it was searched with.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from ...errors import EspdlError
from ..candidate import Candidate
from ..multiply_accumulates import network_multiply_accumulates
from ..plan import Plan
from ..workbench import Workbench
from .bias import bias
from .compensation import compensation
from .equalization import equalization
from .exponents import exponents
from .judging import judge
from .methods import methods

__all__ = ["QUICK_STEPS", "STEPS", "Trial", "default_steps", "recover", "select_steps"]

Step = Callable[[Workbench, Candidate], Candidate]

#: In the order in which they run.
STEPS: dict[str, Step] = {
    "methods": methods,
    # Each layer's output errs least by the second moments of its inputs; biases take up the mean.
    "rounding": lambda bench, candidate: replace(candidate, rounded=True),
    "equalization": equalization,
    "exponents": exponents,
    "compensation": compensation,
    "bias": bias,
}

#: Multiply-accumulates of the largest network that is equalized by default: the search of larger
#: ones would take longer than all else together.
LARGEST_EQUALIZED = 100_000_000

#: The method that is no choice of the user's.
DEFAULT_METHOD = "mse"

#: Those that cost next to nothing, and are run to judge a network that may not be the last one.
QUICK_STEPS = ("rounding", "bias")


@dataclass(frozen=True)
class Trial:
    """What became of one step."""

    step: str
    candidate: Candidate  #: The network with it and all steps before it that were kept.
    applied: bool  #: Whether it was kept.
    #: Noise over signal that it was judged by: of the network before it, and with it.
    before: float
    after: float


def default_steps(plan: Plan, activations: str = DEFAULT_METHOD) -> tuple[str, ...]:
    """The steps that run where none are asked for: those that take a second or two.

    Other methods for the exponents of `activations` are tried only if the user named none.
    """
    small = network_multiply_accumulates(plan) <= LARGEST_EQUALIZED
    steps = ("rounding", "equalization", "bias") if small else QUICK_STEPS
    return ("methods", *steps) if activations == DEFAULT_METHOD else steps


def select_steps(names: Collection[str]) -> tuple[str, ...]:
    """The steps of `names` in the order in which they run; "all" is every one, "none" is none.

    Raises EspdlError if there is no such step.
    """
    wanted = set(names)
    if wanted == {"none"}:
        return ()
    for name in sorted(wanted - {"all", *STEPS}):
        near = difflib.get_close_matches(name, STEPS, n=1)
        raise EspdlError(
            "unknown step of recovery" if name != "none" else "steps of recovery, and none",
            where="option recover",
            found=repr(name) if name != "none" else ", ".join(map(repr, sorted(wanted))),
            allowed=", ".join(map(repr, ("all", *STEPS))) + "; 'none' alone",
            try_=f"{near[0]!r}?" if near else "leave it out",
        )
    if "all" in wanted:
        wanted = set(STEPS)
    return tuple(step for step in STEPS if step in wanted)


def recover(bench: Workbench, steps: Collection[str]) -> tuple[Candidate, tuple[Trial, ...]]:
    """Run `steps` in order, and keep each that lowers the noise on the samples held out.

    Where the network holds out no samples, those to search with judge. Where it ends in a Softmax,
    the noise of what that reads has to fall, and that of the probabilities must not rise. Returns
    the best candidate, and what became of each step.
    """
    best = Candidate()
    if not steps:
        return best, ()
    bench.progress.stage("search")
    noise = judge(bench, best)
    trials = []
    for number, step in enumerate(steps, 1):
        bench.progress.stage(f"search: {step} ({number} of {len(steps)})")
        candidate = STEPS[step](bench.of(best), best)
        found = judge(bench, candidate)
        applied = found[0] < noise[0] and found[1] <= noise[1]
        trials.append(Trial(step, candidate, applied, noise[0], found[0]))
        if applied:
            best, noise = candidate, found
    return best, tuple(trials)
