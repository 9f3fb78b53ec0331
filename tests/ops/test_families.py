"""Each operator has one family, and each layer keeps it in the file of that name."""

import importlib
import pkgutil

import pytest
import random_operators

from tvm_espdl.espdl import families as espdl_families
from tvm_espdl.ops import operators
from tvm_espdl.ops.base.families import FAMILIES
from tvm_espdl.ops.base.registry import declared
from tvm_espdl.relay import patterns
from tvm_espdl.runtime.host import kernels

NAMES = tuple(operators())
# Folders of the layers, with their files that are no families.
LAYERS = {
    patterns: {
        *("admission", "dataflow", "match", "rules", "weights"),
        *("float_constants", "spelled", "tables"),
    },
    espdl_families: {"cache"},  # of states, which no operator has
    kernels: set(),
    random_operators: {"draws"},
}
# Functions that are tables only: their entries are of `lut`, and made from what they declare.
TABLES = {f"lut: {kind.function}" for kind in declared() if not kind.name}


def files_of(layer):
    return {file.name for file in pkgutil.iter_modules(layer.__path__)}


def homes(layer, names_of):
    """Names to the families in whose files they are; `names_of` gives those of one file."""
    found = {}
    for family in sorted(files_of(layer) - LAYERS[layer]):
        for name in names_of(importlib.import_module(f"{layer.__name__}.{family}")):
            found.setdefault(name, set()).add(family)
    return found


ENTRIES = {entry.name: entry.operator for entry in patterns.table()}
IN_PATTERNS = homes(patterns, lambda file: [entry.name for entry in file.patterns()])
IN_FILES = homes(espdl_families, lambda file: file.WRITERS)
IN_READERS = homes(espdl_families, lambda file: file.READERS)
IN_KERNELS = homes(kernels, lambda file: file.KERNELS)
IN_RANDOM = homes(random_operators, lambda file: file.GENERATORS)


def test_families_are_sentences():
    for name, sentence in FAMILIES.items():
        assert name.isidentifier()
        assert sentence.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_operator_has_a_family(name):
    assert operators()[name].family in FAMILIES, f"{name}: no family of ops.base.families"


@pytest.mark.parametrize("family", FAMILIES)
def test_family_has_operators(family):
    assert family in {kind.family for kind in operators().values()}


def test_what_declares_a_form_is_declared():
    assert {kind.family for kind in declared()} == {"declared"}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_every_file_is_a_family(layer):
    assert LAYERS[layer] <= files_of(layer)
    strange = files_of(layer) - LAYERS[layer] - set(FAMILIES)
    assert not strange, f"{layer.__name__}: not in ops.base.families: {sorted(strange)}"


def test_no_file_is_left_out():
    assert set(IN_PATTERNS) == set(ENTRIES)
    assert set(IN_KERNELS) == set(kernels.KERNELS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_pattern(entry):
    family = "declared" if entry in TABLES else operators()[ENTRIES[entry]].family
    assert IN_PATTERNS[entry] == {family}, f"{entry} of {family}"


@pytest.mark.parametrize("name", NAMES)
def test_generator(name):
    assert IN_RANDOM[name] == {operators()[name].family}


@pytest.mark.parametrize("name", NAMES)
def test_host_kernel(name):
    """What is derived from the operator stands with all that is."""
    kind = operators()[name]
    base = next(base for base in kind.__mro__ if base in IN_KERNELS)
    wanted = "declared" if kind.derives_kernels() else kind.family
    assert IN_KERNELS[base] == {wanted}, f"kernel of {name}, found by {base.__name__}"


@pytest.mark.parametrize("name", sorted(IN_FILES))
def test_writer(name):
    family = operators()[name].family
    assert IN_FILES[name] == {family}
    writer = espdl_families.WRITERS[name].__module__.rpartition(".")[2]
    assert writer in (family, "step_view"), f"writer of {name} in {writer}"  # `plain` makes some


# Nodes whose names do not begin like those of their operators.
NODES = {
    "Conv": "conv2d",
    "Flatten": "reshape",
    "Gelu": "lut",
    "GlobalAveragePool": "average_pool2d",
    "GlobalMaxPool": "max_pool2d",
    "Identity": "reshape",
    "Max": "maximum",
    "Min": "minimum",
    "Resize": "resize_linear",
    "Split": "slice",
    "Squeeze": "reshape",
    "Unsqueeze": "reshape",
}


def operator_of(node):
    """The operator whose name, as nodes are written, is the longest beginning of a node's."""
    written = {name.removesuffix("2d").replace("_", ""): name for name in NAMES}
    found = [name for name in written if node.lower().startswith(name)]
    return NODES[node] if node in NODES else written[max(found, key=len)]


@pytest.mark.parametrize("node", sorted(set(espdl_families.READERS) - {"StreamingCache"}))
def test_reader(node):
    (home,) = IN_READERS[node]
    assert home == operators()[operator_of(node)].family
