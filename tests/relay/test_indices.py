"""Indices below 0 in modules that TVM's own importers make: they count from the end."""

import numpy as np
import pytest
import tvm
from tvm import relax, relay

pytestmark = pytest.mark.filterwarnings("ignore:no part of the network")

X = np.arange(24, dtype=np.float32).reshape(1, 4, 6)


def module(call):
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType(X.shape, "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            output = builder.emit_output(builder.emit(call(x)))
        builder.emit_func_output(output)
    return builder.get()


def indices(*numbers):
    return relax.const(np.array(numbers, np.int64))


@pytest.mark.parametrize("target", ["espdl", "llvm"])
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        # As PyTorch's `x[:, -1]` is imported.
        (
            lambda x: relax.op.take(x, relax.const(np.int64(-1)), axis=1, mode="fast"),
            X[:, -1],
        ),
        (lambda x: relax.op.take(x, indices(-4, 0, -1), axis=-1, mode="fast"), X[..., [2, 0, 5]]),
        (
            lambda x: relax.op.gather_elements(x, relax.const(np.full((1, 4, 1), -2)), 2),
            X[..., 4:5],
        ),
    ],
)
def test_indices_below_zero(call, expected, target):
    library = relay.build(module(call), target=target)
    np.testing.assert_array_equal(library.run([X])[0], expected)


def test_the_same_through_tvm_itself():
    mod = module(lambda x: relax.op.take(x, relax.const(np.int64(-1)), axis=1, mode="fast"))
    machine = relax.VirtualMachine(relax.build(mod, "espdl"), tvm.cpu())
    np.testing.assert_array_equal(machine["main"](tvm.runtime.tensor(X)).numpy(), X[:, -1])
