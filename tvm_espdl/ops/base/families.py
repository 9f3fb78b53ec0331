"""The families of operators: what an operator is to each layer, and the name of its file there.

An operator's patterns, its reader and writer, its host kernel, its random generator and the cases
of its patterns stand in a file of this name, where a layer has something to say.
"""

#: By name: what the operators of a family do.
FAMILIES = {
    "activation": "Tables, and functions with factors of their own.",
    "conversion": "From one type or exponent to another, and the limits of numbers.",
    "declared": "Ordinary operators: every layer derives them from what they declare.",
    "movement": "Elements are moved or chosen: shapes, orders, parts, concatenations.",
    "normalization": "Each vector is divided by what its own elements amount to.",
    "placement": "Elements are put in places that constants say.",
    "product": "Products of computed matrices.",
    "recurrent": "Layers with a state from step to step.",
    "weighted": "Products with constant weights: convolutions and gemm.",
    "window": "Each element of an image from those about its place: pools and resizes.",
}
