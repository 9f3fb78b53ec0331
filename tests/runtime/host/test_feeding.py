"""Inputs that are no NumPy arrays: by DLPack, by `numpy()`, by the array interface."""

import numpy as np
import pytest
import tvm

from tvm_espdl.errors import DataError
from tvm_espdl.ops import Tensor
from tvm_espdl.runtime.feeding import feed

X = np.arange(6, dtype=np.float32).reshape(2, 3)
TYPES = (["x"], [Tensor("float32", (2, 3))], {})


class ByDlpack:
    """Has DLPack's two methods and nothing else."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class OnAnotherDevice(ByDlpack):
    def __dlpack__(self, **options):
        raise BufferError("memory of a GPU")


class ByMethod:
    def numpy(self):
        return X


class OnGraph:
    def numpy(self):
        raise RuntimeError("call detach() first")


class ByInterface:
    def __array__(self, dtype=None, copy=None):
        return X if dtype is None else X.astype(dtype)


@pytest.mark.parametrize(
    "given",
    [ByDlpack(X), ByDlpack(np.asfortranarray(X)), ByMethod(), ByInterface(), tvm.runtime.tensor(X)],
    ids=lambda given: type(given).__name__,
)
def test_it_is_taken(given):
    (found,) = feed([given], *TYPES)
    np.testing.assert_array_equal(found, X)
    assert found.flags.c_contiguous


def test_a_library_and_old_executors_take_it():
    from networks import digits_arrays, library
    from tvm.contrib import graph_executor

    network = library("digits", "esp32s3")
    x = digits_arrays()["images"][:1]
    np.testing.assert_array_equal(network(ByDlpack(x)), network(x))
    executor = graph_executor.create("{}", network, None)
    executor.set_input(0, ByDlpack(x))
    executor.run()
    np.testing.assert_array_equal(executor.get_output(0).numpy(), network(x))


@pytest.mark.parametrize("given", [OnAnotherDevice(X), OnGraph()])
def test_what_cannot_be_read_is_a_data_error(given):
    with pytest.raises(DataError, match=r"input x: the input cannot be read.*(GPU|detach)"):
        feed([given], *TYPES)
