"""Damaged and hostile files: one clear error, in bounded time and memory, never a crash."""

import os
import random
import struct
import time
import tracemalloc
import warnings

import pytest
from mutations import mutated
from small_models import addition, convolution, header, write

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import EspdlError, EspdlWarning, ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.summary import summary_of
from tvm_espdl.espdl.to_program import program_of

MUTATIONS = int(os.environ.get("TVM_ESPDL_FUZZ", "2000"))
LARGEST_FILE = 40000


def read_all(data, chip="esp32s3", *, evidence=True):
    """Everything short of compiling; whether the file was taken."""
    try:
        file = load(data)
        if evidence:
            summary_of(file)
        program_of(file, find_chip(chip))
    except EspdlError as error:
        assert len(str(error)) < 2000
        return False
    return True


@pytest.mark.parametrize("make", [addition, convolution])
def test_truncated_at_every_byte(make):
    data = write(make())
    assert read_all(data)
    for size in range(len(data)):
        with pytest.raises(ModelError):
            load(data[:size])
        # The header may also state the shorter length.
        if size >= 16:
            read_all(header(data[16:size]))


@pytest.mark.filterwarnings("ignore::tvm_espdl.errors.EspdlWarning")
def test_every_bit_of_a_small_file():
    data = bytearray(write(addition()))
    taken = []
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        taken.append(read_all(bytes(data), evidence=bit % 11 == 0))
        data[bit // 8] ^= 1 << bit % 8
    # A reader that takes everything, or nothing, would not be tried at all.
    assert set(taken) == {True, False}


def fuzz(files, count):
    seed = int(os.environ.get("TVM_ESPDL_FUZZ_SEED", random.randrange(2**32)))
    print(f"seed {seed}: set TVM_ESPDL_FUZZ_SEED to repeat it")
    source = random.Random(seed)
    taken = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EspdlWarning)
        for number in range(count):
            data = mutated(source.choice(files), source)
            started = time.perf_counter()
            chip = source.choice(("esp32", "esp32s3", "esp32p4"))
            taken.append(read_all(data, chip, evidence=number % 10 == 0))
            assert time.perf_counter() - started < 20, f"mutation {number} takes long"
    assert set(taken) == {True, False}


def test_mutations_of_own_files():
    fuzz([write(addition()), write(addition(), b"EDL1"), write(convolution())], 500)


def test_mutations_of_real_files(models_dir):
    paths = sorted((models_dir / "espdl-ops").glob("*.espdl"))
    fuzz([p.read_bytes() for p in paths if p.stat().st_size < LARGEST_FILE], MUTATIONS)


def table(*fields):
    """A table with 4-byte fields, its vtable before it; the fields are filled in as they are."""
    size = 4 + 2 * len(fields)
    places = [0 if f is None else 4 + 4 * i for i, f in enumerate(fields)]
    vtable = struct.pack("<HH", size, 4 + 4 * len(fields))
    vtable += b"".join(struct.pack("<H", place) for place in places)
    vtable = vtable.ljust(-(-size // 4) * 4, b"\0")
    body = struct.pack("<i", len(vtable)) + b"".join(
        struct.pack("<I", field or 0) for field in fields
    )
    return vtable, body


def graph_of_nodes(count):
    """A graph of `count` references to one node, which has `count` references to one string."""
    vtable, body = table(*[None] * 7, 4)
    root = struct.pack("<I", 4 + len(vtable)) + vtable + body
    vtable, body = table(4)
    root = root[:-4] + struct.pack("<I", 4 + len(vtable)) + vtable + body
    nodes = struct.pack("<I", count)
    vtable, body = table(4)
    node_at = 4 + 4 * count + len(vtable)
    nodes += b"".join(struct.pack("<I", node_at - 4 - 4 * i) for i in range(count))
    names_at = node_at + len(body)
    names = struct.pack("<I", count)
    text_at = 4 + 4 * count
    names += b"".join(struct.pack("<I", text_at - 4 - 4 * i) for i in range(count))
    text = struct.pack("<I", count) + b"a" * count
    assert names_at == len(nodes + vtable + body)
    return root + nodes + vtable + body + names + text


def test_references_to_the_same_bytes_end():
    data = header(graph_of_nodes(1000))
    assert len(data) < 20000
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(ModelError, match="refer to each other without end"):
        load(data)
    assert time.perf_counter() - started < 5
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_few_references_to_the_same_bytes_are_fine():
    assert len(load(header(graph_of_nodes(5))).model.graph.nodes) == 5


def replaced(data, old, new):
    """All occurrences of a 64-bit number."""
    changed = data.replace(struct.pack("<q", old), struct.pack("<q", new))
    assert changed != data
    return changed


@pytest.mark.parametrize("extent", [2**31, 2**62, -1, -(2**63), 0])
def test_absurd_sizes_in_a_small_file(extent):
    model = addition()
    data = replaced(write(model), 3, extent)
    tracemalloc.start()
    assert not read_all(data)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_absurd_exponents():
    for exponent in (2**40, -(2**63), 101):
        assert not read_all(replaced(write(addition()), -4, exponent))


def test_no_graph_and_no_nodes():
    with pytest.raises(ModelError, match="no graph"):
        load(header(struct.pack("<I", 4 + 4) + b"".join(table())))
    with pytest.raises(ModelError, match="no nodes"):
        program_of(load(header(graph_of_nodes(0))), find_chip("esp32"))
