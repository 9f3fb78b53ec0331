"""Products of computed matrices."""

from .forms import case

CASES = {
    "matmul": case(
        lambda b, x: b.node("MatMul", x, b.quantized_input("other", (1, 4, 5, 6))),
        lambda b, x: b.node("MatMul", x, b.input("other", (1, 4, 5, 6))),
        exponent=0,
    ),
}
