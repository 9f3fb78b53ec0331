"""Names of tensors become names in C, and hide none that generated functions use."""

import pytest

from tvm_espdl.codegen.identifiers import identifiers


def test_they_are_readable_and_unique():
    assert identifiers(["a/b", "a.b", "1x", ""]) == ["a_b", "a_b_2", "tensor_1x", "tensor"]


@pytest.mark.parametrize("name", ["arena", "memcpy", "memset", "NULL", "int", "main"])
def test_no_name_of_the_generated_functions_is_hidden(name):
    assert identifiers([name]) == [f"tensor_{name}"]
