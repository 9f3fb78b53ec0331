"""Plans against the optimum, which a solver proves, and against the bound in real networks."""

from itertools import combinations

import numpy as np
import pytest
from networks import library
from program_drawings import drawn_program
from scipy.optimize import Bounds, LinearConstraint, milp

from tvm_espdl.espdl import load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.program.kernels import kernel_of_step
from tvm_espdl.program.memory import Pool, plan
from tvm_espdl.program.memory.placement import Area, Piece, Placement, lower_bound
from tvm_espdl.program.memory.planner import parts_of, sharing_of
from tvm_espdl.program.memory.pools import distribute

SEED = 41
MOST_TENSORS = 40


def apart(one, other):
    """Open intervals in which the distance from one piece to another must not be."""
    for a in one.areas:
        for b in other.areas:
            if max(a.first, b.first) <= min(a.last, b.last):
                yield a.begin - b.end, a.end - b.begin


def optimum(pieces):
    """The height of the lowest array that holds pieces: mixed-integer programming.

    Variables: the height, where each piece begins, and for each interval whether the distance is
    above it.
    """
    pairs = [
        (n, m, low, high)
        for n, m in combinations(range(len(pieces)), 2)
        for low, high in apart(pieces[n], pieces[m])
    ]
    tops = [max(area.end + area.behind for area in piece.areas) for piece in pieces]
    count, most = 1 + len(pieces), 2 * sum(tops)
    rows, least, highest = [], [], []

    def row(coefficients, low, high):
        rows.append(np.zeros(count + len(pairs)))
        for place, value in coefficients.items():
            rows[-1][place] = value
        least.append(low)
        highest.append(high)

    for n, top in enumerate(tops):
        row({0: 1, 1 + n: -1}, top, np.inf)
    for k, (n, m, low, high) in enumerate(pairs):
        row({1 + m: 1, 1 + n: -1, count + k: -most}, -np.inf, low)
        row({1 + m: 1, 1 + n: -1, count + k: -most}, high - most, np.inf)
    bounds = Bounds(0, np.r_[np.full(count, most), np.ones(len(pairs))])
    found = milp(
        np.r_[1, np.zeros(count + len(pairs) - 1)],
        constraints=LinearConstraint(np.array(rows), least, highest),
        integrality=np.r_[np.zeros(count), np.ones(len(pairs))],
        bounds=bounds,
    )
    assert found.status == 0, found.message
    return round(found.x[0])


def needs_of(program):
    """What the kernels of an exported project ask."""
    return {
        at: step.operator.needs(program.chip)
        for at, step in enumerate(program.steps)
        if kernel_of_step(step, program.chip) == "esp-dl"
    }


def pieces_of(program, needs):
    return [part.piece for part in parts_of(program, needs, sharing_of(program, needs))]


def assert_optimal(program):
    needs = needs_of(program)
    memory, pieces = plan(program, needs), pieces_of(program, needs)
    if memory.arena_bytes > memory.lower_bound:  # which is proof enough where it is reached
        assert memory.arena_bytes == optimum(pieces)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32"])
def test_plans_of_small_networks_are_optimal(chip, models_dir):
    for name in ("digits", "seed"):
        program = library(name, chip, models_dir).program
        assert len(program.values) <= MOST_TENSORS
        assert_optimal(program)


def test_the_solver_finds_what_is_known():
    """Three pieces of a ring need more than what lives at once."""
    areas = [Area(0, 32, 0, 1), Area(0, 48, 1, 2), Area(0, 16, 2, 3), Area(0, 64, 3, 3)]
    pieces = [Piece((area,), 16) for area in areas]
    assert optimum(pieces) == lower_bound(pieces) == 80
    ring = [
        *(Area(0, 32, 0, 1), Area(0, 16, 0, 3), Area(0, 32, 2, 5)),
        *(Area(0, 32, 1, 2), Area(0, 16, 3, 5), Area(0, 48, 4, 5)),
    ]
    pieces = [Piece((area,), 16) for area in ring]
    assert lower_bound(pieces) == 96
    assert optimum(pieces) >= 96
    placement = Placement(pieces)
    found = placement.best(range(len(pieces)), lower_bound(pieces))
    assert placement.height(found) == optimum(pieces)


@pytest.mark.parametrize("number", range(6))
def test_random_pieces_are_placed_as_the_solver_does(number):
    """Mostly, and never by more than a twentieth worse."""
    rng = np.random.default_rng([SEED, number])
    pieces = []
    for _ in range(7):
        first, size = int(rng.integers(0, 8)), int(rng.integers(1, 12)) * 16
        middle = int(rng.integers(first, first + 4))
        areas = (Area(0, size, first, middle), Area(size // 32 * 16, size, middle, middle + 2))
        pieces.append(Piece(areas, 16))
    placement = Placement(pieces)
    height = placement.height(placement.best(range(7), lower_bound(pieces)))
    assert height <= 1.05 * optimum(pieces), f"seed {SEED}, {number}"


@pytest.mark.parametrize("number", range(8))
def test_the_bound_grows_piece_by_piece_as_if_it_were_of_all(number):
    """Against the plain way: at each step, bytes that are in use, and those behind all of them."""
    rng = np.random.default_rng([SEED, 3, number])
    pieces = []
    for _ in range(12):
        first, size = int(rng.integers(0, 9)), int(rng.integers(1, 12)) * 16
        middle, behind = int(rng.integers(first, first + 4)), int(rng.choice([0, 16]))
        areas = (
            Area(0, size, first, middle, behind),
            Area(size // 32 * 16, size + 16, middle + 1, middle + 2, behind),
        )
        pieces.append(Piece(areas[: int(rng.integers(1, 3))], 16))

    def plainly(numbers):
        heights = [0]
        for step in range(20):
            areas = [area for n in numbers for area in pieces[n].areas]
            alive = [area for area in areas if area.first <= step <= area.last]
            used = sum(area.end - area.begin for area in alive)
            heights.append(used + min([area.behind for area in alive] or [0]))
        return max(heights)

    placement, chosen = Placement(pieces), []
    bound = placement.bound()
    for n in rng.permutation(len(pieces)).tolist():
        expected = plainly([*chosen, n])
        assert bound.beside(n) == expected, f"seed {SEED}, 3, {number}"
        assert bound.nbytes == plainly(chosen)
        if rng.random() < 0.7:
            bound.add(n)
            chosen.append(n)
    assert placement.bound(chosen).nbytes == lower_bound([pieces[n] for n in chosen])


def most_traffic(pieces, traffic, limit):
    """That of the best choice of pieces that an array of `limit` bytes holds: all are tried."""
    choices = [
        some for count in range(len(pieces)) for some in combinations(range(len(pieces)), count + 1)
    ]
    for some in sorted(choices, key=lambda some: -sum(traffic[n] for n in some)):
        chosen = [pieces[n] for n in some]
        if lower_bound(chosen) <= limit and optimum(chosen) <= limit:
            return sum(traffic[n] for n in some)
    return 0


@pytest.mark.parametrize("number", range(12))
def test_the_first_pool_takes_nearly_as_much_traffic_as_the_best_choice(number):
    rng = np.random.default_rng([SEED, 2, number])
    pieces, traffic = [], []
    for _ in range(9):
        first, size = int(rng.integers(0, 8)), int(rng.integers(1, 12)) * 16
        pieces.append(Piece((Area(0, size, first, first + int(rng.integers(0, 4))),), 16))
        traffic.append(int(size * rng.choice([1, 1, 2, 3, 8]) * rng.random()) + 1)
    limit = int(lower_bound(pieces) * rng.choice([0.3, 0.5, 0.7, 0.9])) // 16 * 16
    inside, outside = distribute(Placement(pieces), traffic, (Pool("small", limit), Pool("large")))
    assert {*inside} | {*outside} == {*range(9)} and not {*inside} & {*outside}
    assert Placement(pieces).height(inside) <= limit
    best = most_traffic(pieces, traffic, limit)
    assert sum(traffic[n] for n in inside) >= 0.97 * best, f"seed {SEED}, 2, {number}"


@pytest.mark.parametrize("number", range(6))
def test_plans_of_random_programs_are_optimal(number):
    program = drawn_program(np.random.default_rng([SEED, 1, number]), 20)
    assert_optimal(program)


def test_plans_of_published_networks_are_within_a_twentieth_of_the_bound(models_dir):
    paths = sorted([*models_dir.glob("espdl/*.espdl"), *models_dir.glob("quantized/*/*/*.espdl")])
    assert len(paths) > 20
    for path in paths:
        file = load(path)
        chip = find(file).chip or library("digits", "esp32s3").chip
        program = program_of(file, chip)
        memory = plan(program, needs_of(program))
        assert memory.arena_bytes <= 1.05 * memory.lower_bound, path
