"""Names of tensors as words and as file names: there and back, and none too long for a disk."""

import pytest

from tvm_espdl.files.dump_names import (
    LONGEST_STEM,
    decoded,
    encoded,
    file_stem,
    name_of_stem,
)

NAMES = ("a", "a b", "a/b|c", "%7C", "@x", "\n", "\u00e4", "", "..", "%~", "n" * LONGEST_STEM)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_there_and_back(name):
    assert decoded(encoded(name)) == name
    assert encoded(name).isascii()
    assert not set(encoded(name)) & set(" @\n")
    assert name_of_stem(file_stem(name)) == name
    assert "/" not in file_stem(name)


def test_what_is_too_long_is_cut_and_stays_apart():
    """The longest that is kept has all characters of a stem; one more, and it has a digest."""
    base = "n" * LONGEST_STEM
    assert file_stem(base) == base
    stems = {file_stem(base + end) for end in ("", "m", "k", "/", "mm")}
    assert len(stems) == 5
    assert all(len(stem) <= LONGEST_STEM for stem in stems)
    assert all("%~" in stem and name_of_stem(stem) == stem for stem in stems - {base})
