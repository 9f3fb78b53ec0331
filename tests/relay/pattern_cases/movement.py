"""Moves and choices of elements, up to pixel shuffles."""

from tvm import relax

from .forms import IMAGE, case, chain, module, node, numbers, requantized, shaped


def concat(count):
    def build(b, x):
        more = [b.quantized_input(f"x{n}", IMAGE) for n in range(1, count)]
        return b.node("Concat", x, *more, axis=1)

    return case(build)


def shuffle(first, perm, last):
    return chain(shaped(*first), node("Transpose", perm=list(perm)), shaped(*last))


def at_other_exponents(split, perm, wide):
    """A shuffle that is quantized otherwise on its way."""
    return chain(
        shaped(*split),
        requantized(-4),
        node("Transpose", perm=list(perm)),
        requantized(-3),
        shaped(*wide),
    )


D2S = (1, 8, 3, 2), (1, 2, 6, 4)
S2D = (1, 2, 6, 4), (1, 8, 3, 2)

CASES = {
    "reshape": case(shaped(4, 30)),
    "transpose": case(node("Transpose", perm=[0, 2, 1, 3])),
    **{f"concat: of {count}": concat(count) for count in range(1, 17)},
    "slice": case(node("Slice", numbers(1), numbers(3), numbers(2))),
    "gather": case(
        node("Gather", numbers(2, 0), axis=1),
        node("Gather", numbers(0, 9), axis=1),
        "indices_are_inside",
    ),
    "gather: of Expand": case(
        node("Expand", numbers(1, 2, 5, 4)),
        shape=(1, 2, 1, 4),
    ),
    "gather: of Tile": case(node("Tile", numbers(1, 3, 1, 1))),
    "depth_to_space: DCR": case(
        shuffle((1, 2, 2, 2, 3, 2), (0, 3, 4, 1, 5, 2), D2S[1]),
        shuffle((1, 2, 2, 2, 3, 2), (0, 3, 4, 1, 5, 2), (1, 2, 4, 6)),
        "shapes_are_of_a_shuffle",
        shape=D2S[0],
    ),
    "depth_to_space: CRD": case(
        shuffle((1, 2, 2, 2, 3, 2), (0, 1, 4, 2, 5, 3), D2S[1]),
        at_other_exponents((1, 2, 2, 2, 3, 2), (0, 1, 4, 2, 5, 3), D2S[1]),
        "numbers_stay_inside",
        shape=D2S[0],
    ),
    "space_to_depth: DCR": case(
        shuffle((1, 1, 3, 2, 2, 2), (0, 3, 5, 1, 2, 4), (1, 4, 3, 2)),
        shuffle((1, 1, 3, 2, 2, 2), (0, 3, 5, 1, 2, 4), (1, 4, 2, 3)),
        "shapes_are_of_a_shuffle",
        shape=(1, 1, 6, 4),
    ),
    "space_to_depth: CRD": case(
        shuffle((1, 2, 3, 2, 2, 2), (0, 1, 3, 5, 2, 4), S2D[1]),
        at_other_exponents((1, 2, 3, 2, 2, 2), (0, 1, 3, 5, 2, 4), S2D[1]),
        "numbers_stay_inside",
        shape=S2D[0],
    ),
}
FURTHER = {
    "gather: of Expand": [
        module(lambda x: relax.op.broadcast_to(x, (3, *IMAGE)), rule="one_axis_is_repeated"),
    ],
    "gather: of Tile": [
        module(lambda x: relax.op.tile(x, (1, 2, 3, 1)), rule="one_axis_is_repeated"),
    ],
}
