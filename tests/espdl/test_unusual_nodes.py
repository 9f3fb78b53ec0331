"""What no single operator of ESP-DL takes: other operators together, or TVM, and the reason."""

import os
import warnings

import numpy as np
import pytest
from network_in_c import run_network
from small_models import write
from unusual_nodes import EXACT, network_of

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.program import Native, reference

CHIPS = ("esp32", "esp32s3", "esp32p4")


def quietly(call, *given, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EspdlWarning)
        return call(*given, **named)


def compared(found, expected, how):
    for name, result in expected.items():
        same = found[name].dtype == result.dtype and np.array_equal(found[name], result)
        assert same, f"{name} by {how}"


@pytest.mark.parametrize("place", range(6))
def test_all_at_once_in_three_ways(place, c_compiler):
    """NumPy, the PC's kernels and the project's C give what the nodes mean.

    NumPy computes each on all chips in both types, the others on one; all with TVM_ESPDL_ALL=1.
    """
    chip, dtype = CHIPS[place // 2], ("int8", "int16")[place % 2]
    cases = {name: make(dtype, chip) for name, make in EXACT.items()}
    given, arrays, expected = network_of(cases)
    program = quietly(program_of, load(write(given)), find_chip(chip))
    assert not any(isinstance(step.operator, Native) for step in program.steps)
    compared(reference.outputs(program, arrays), expected, "NumPy")
    if os.environ.get("TVM_ESPDL_ALL") != "1":
        cases = {name: cases[name] for name in list(cases)[place::6]}
    given, arrays, expected = network_of(cases)
    library = quietly(compile_espdl, load(write(given)), chip)
    compared(dict(zip(library.output_names, library.run(arrays), strict=True)), expected, "host")
    (computed,) = run_network(library.program, [library.feed(arrays)], c_compiler)
    compared(dict(zip(library.output_names, computed, strict=True)), expected, "C")


@pytest.mark.parametrize("name", EXACT)
def test_each_is_written_for_espdl_again(name, tmp_path):
    """The file that is written has operators of ESP-DL alone, and the same results."""
    case = EXACT[name]("int8", "esp32s3")
    given, arrays, expected = network_of({name: case})
    file = load(write(given))
    library = quietly(compile_espdl, file, "esp32s3")
    path = tmp_path / "again.espdl"
    if not case.written:
        with pytest.raises(
            ModelError, match=r"ESP-DL's runtime cannot run|left factor is constant"
        ):
            library.save_espdl(path)
        return
    library.save_espdl(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EspdlWarning)
        if name == "nearest_pixels_of_several_images" or name.startswith("a_bias"):
            warnings.simplefilter("ignore", EspdlWarning)
        again = program_of(load(path), find_chip("esp32s3"), apart=False)
    found = reference.outputs(again, arrays)
    assert np.array_equal(found[f"{name}.y"], expected[f"{name}.y"])


SAYS = {
    "groups": "every group for one channel. Found: group 2 of 6 channels, 10 filters",
    "images_at_once": "one image at a time. Found: batch 3. The samples are computed",
    "sum_in_many_dimensions": "at most 4 are left. Found: 6 dimensions. What is repeated",
    "sum_of_two_types": "one type, int8 or int16. Found: int16, int8. The narrower",
    "largest_far_outside": "smaller than the kernel. Found.*a step of its own",
    "a_bias_of_another_exponent": "bias' exponent.*follows the chip",
    "far_apart": "at most 31 bits.*Found: shift -40. ESP-DL's runtime cannot run it",
}


@pytest.mark.parametrize("name", SAYS)
def test_a_warning_says_what_becomes_of_it(name):
    given, _, _ = network_of({name: EXACT[name]("int8", "esp32s3")})
    with pytest.warns(EspdlWarning, match=f"node '{name}'.*{SAYS[name]}"):
        program_of(load(write(given)), find_chip("esp32s3"))


def test_a_file_that_is_written_from_a_file_keeps_its_nodes():
    """There nothing may be taken apart: the runtime would read the node as it stands."""
    given, _, _ = network_of({"groups": EXACT["groups"]("int8", "esp32s3")})
    with pytest.raises(ModelError, match="convolution in groups"):
        program_of(load(write(given)), find_chip("esp32s3"), apart=False)
    given, _, _ = network_of({"sum": EXACT["sum_in_many_dimensions"]("int8", "esp32s3")})
    with pytest.raises(ModelError, match="at most 4 are left"):
        program_of(load(write(given)), find_chip("esp32s3"), apart=False)
