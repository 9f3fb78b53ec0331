"""The glue on the double of ESP-DL's interface, for each family: results, calls, memory, lines."""

import json
import re
from collections import Counter
from functools import cached_property

import glue_cases
import numpy as np
import pytest
from espdl_double import GLUE, RV32, Program, compile_one, glue_sources, run
from glue_mutations import MUTATIONS, mutated
from random_operators import count

from tvm_espdl.chips import CHIPS, FAMILIES
from tvm_espdl.errors import ToolError
from tvm_espdl.ops.base.ccall import SLICE

SEED = 20250301
RECORDS = 14
SAMPLES = 2
PADS = ("pad_top", "pad_left")
families = pytest.mark.parametrize("family", FAMILIES)

#: What the glue may call: ESP-DL and its kernels, what compilers make of loops, and gcov.
ALLOWED = re.compile(r"_ZN2dl|dl_(tie728|esp32p4)_|mem(cpy|set|move|cmp)$|__gcov_|_GLOBAL_OFFSET_")


class Tried:
    """The program of a family, with everything that it computes."""

    def __init__(self, family, folder):
        self.vectors = list(glue_cases.vectors(family))
        drawn = glue_cases.drawn(family, count(RECORDS), SAMPLES, SEED)
        self.samples = [*self.vectors, *drawn]
        runs = [(sample.operator, sample.run) for sample in self.samples]
        self.program = Program(family, folder, runs, options=("--coverage",))

    @cached_property
    def results(self):
        return self.program.results()

    def differing(self, results):
        """Names of the samples with another result than expected."""
        pairs = zip(self.samples, results, strict=True)
        return [one.name for one, got in pairs if not np.array_equal(one.expected, got.output)]


@pytest.fixture(scope="module")
def tried(c_compiler, tmp_path_factory):
    made = {}

    def of(family):
        """Made once; a glue that does not compile is not compiled again."""
        if family not in made:
            try:
                made[family] = Tried(family, tmp_path_factory.mktemp(family))
            except ToolError as error:
                made[family] = error
        if isinstance(made[family], ToolError):
            raise made[family]
        return made[family]

    return of


@families
def test_vectors_and_random_operators(tried, family):
    all_of_it = tried(family)
    found = all_of_it.differing(all_of_it.results)
    assert not found, f"{len(found)} differ, seed {SEED}\n" + "\n".join(found[:9])
    assert len(all_of_it.vectors) > 140
    ran = Counter(sample.run.call.function for sample in all_of_it.samples)
    assert ran.keys() == glue_cases.symbols(family)
    assert min(ran.values()) >= 4, ran


def is_left_to_the_glue(operator):
    """What ESP-DL computes in a loop around its kernels, and so does the glue."""
    if operator.name == "lut":
        return operator.x.dtype == "int16" and operator.step == 1
    if operator.name == "clip":
        return not _limits_in_vectors(operator)
    return operator.name == "requantize" and operator.y.size <= 50


def _limits_in_vectors(clip):
    """A whole vector, one exponent, and limits of which one binds at least, the lower one below."""
    ends = np.iinfo(clip.x.dtype)
    low, high = max(clip.low, ends.min), min(clip.high, ends.max)
    binds = (low, high) != (ends.min, ends.max)
    whole = clip.x.size * ends.bits >= 128
    return whole and clip.x.exponent == clip.y.exponent and binds and low <= high


@families
def test_esp_dl_is_called(tried, family):
    all_of_it = tried(family)
    for sample, result in zip(all_of_it.samples, all_of_it.results, strict=True):
        assert (result.calls == 0) == is_left_to_the_glue(sample.operator), sample.name


def slices_of(sample):
    """How many slices a sample's call has."""
    fields = sample.run.call.fields
    each = fields.get(SLICE, 0)
    return -(-fields["output_channels"] // each) if each else 1


@families
def test_slices_are_calls_of_their_own(tried, family):
    all_of_it = tried(family)
    pairs = zip(all_of_it.samples, all_of_it.results, strict=True)
    sliced = [(one, got) for one, got in pairs if SLICE in one.run.call.fields]
    for sample, result in sliced:
        assert result.calls == slices_of(sample), sample.name
    several = [one for one, _ in sliced if slices_of(one) > 1]
    of_a_channel = [one for one in several if "channel_shifts" in one.run.call.arrays]
    assert len(several) > 20
    assert bool(of_a_channel) == CHIPS[FAMILIES[family]].per_channel
    for present in (True, False):
        assert any(("bias" in one.run.call.arrays) == present for one in several)
        assert any(bool(one.run.call.fields["relu"]) == present for one in several)
        assert any(any(one.run.call.fields[p] for p in PADS) == present for one in several)


@families
def test_slices_may_be_switched_off(tried, tmp_path, family):
    all_of_it = tried(family)
    source = GLUE / "espdl_conv2d.cpp"
    whole = tmp_path / "espdl_conv2d.o"
    places = {"includes": (all_of_it.program.headers,)}
    compile_one(family, source, whole, options=("-DTVM_ESPDL_WHOLE_FILTERS",), **places)
    results = all_of_it.program.results({source.name: whole})
    assert all_of_it.differing(results) == []
    pairs = zip(all_of_it.samples, results, strict=True)
    sliced = [got.calls for one, got in pairs if slices_of(one) > 1]
    assert {*sliced} == {1}


def foreign(objects):
    """What objects need and the glue must not."""
    lines = run(["nm", "-u", *objects]).splitlines()
    needed = {line.split()[-1] for line in lines if " U " in line}
    assert any(name.startswith("_ZN2dl") for name in needed)
    return [name for name in needed if not ALLOWED.match(name)]


@families
def test_only_esp_dl_is_needed(tried, family):
    """No allocation, no libstdc++, none of the portable kernels."""
    made = tried(family).program.made
    assert foreign([made[source.name] for source in glue_sources(family)]) == []


def test_an_allocation_is_noticed(tried, tmp_path):
    source = tmp_path / "espdl_lut.cpp"
    text = (GLUE / source.name).read_text()
    assert text.count("lut_s8(y") == 1
    source.write_text(text.replace("lut_s8(y", "lut_s8(y = new int8_t[16]"))
    made = tried("c").program.compiled(source, tmp_path)
    assert foreign([made]) == ["_Znam"]


def test_every_line_runs(tried):
    """A line that is compiled for several families runs in one of them at least."""
    times = Counter()
    for family in FAMILIES:
        all_of_it = tried(family)
        assert all_of_it.results
        folder = all_of_it.program.folder
        counts = [folder / f"{source.stem}.gcda" for source in glue_sources(family)]
        report = run(["gcov", "--json-format", "--stdout", *counts], folder)
        for file in (file for text in report.splitlines() for file in json.loads(text)["files"]):
            name = file["file"].rpartition("/")[2]
            if (GLUE / name).exists():
                times.update({(name, line["line_number"]): line["count"] for line in file["lines"]})
    assert len(times) > 200
    assert sorted(line for line, number in times.items() if number == 0) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_wrong_glue_is_noticed(tried, tmp_path, mutation):
    """The double refuses the call, or computes something else, or memory outside is touched."""
    all_of_it = tried(mutation.family)
    replaced = {}
    for source in mutated(mutation, tmp_path):
        replaced[source.name] = all_of_it.program.compiled(source, tmp_path)
    try:
        results = all_of_it.program.results(replaced)
    except ToolError as error:
        assert mutation.refusal, error
        assert re.search(mutation.refusal, str(error))
        return
    assert not mutation.refusal
    assert all_of_it.differing(results)


def test_a_bias_that_is_not_packed_is_noticed(tried):
    """For the ESP32-S3 the compiler packs it; its plain integers give other sums."""
    all_of_it = tried("pie_v1")
    plain = {}
    for sample in all_of_it.samples:
        call = sample.run.call
        # Remaining channels are not packed on any chip, and their plain bytes might be refused.
        if "bias" in call.arrays and call.fields["output_channels"] % 16 == 0:
            room = np.zeros(call.arrays["bias"].nbytes, np.uint8)
            values = np.frombuffer(sample.constants[1].tobytes(), np.uint8)[: room.size]
            room[: values.size] = values
            plain[id(call)] = {**call.arrays, "bias": room}
    results = all_of_it.program.results(arrays=lambda call: plain.get(id(call), call.arrays))
    assert len(all_of_it.differing(results)) > 0.8 * len(plain) > 16


def test_another_version_is_refused(tried):
    headers = tried("c").program.headers
    source = GLUE / "espdl_lut.cpp"
    compile_one("c", source, None, includes=(headers,))
    for version in ("3.3.8", "3.3.10", "3.3", ""):
        with pytest.raises(ToolError, match="static assertion"):
            compile_one("c", source, None, includes=(headers,), version=version)


@families
def test_another_layout_is_refused(rv32, tried, family):
    """Offsets are asserted where a pointer is a word, as on the chips."""
    arguments = {"includes": (tried(family).program.headers,), "compiler": RV32}
    source = GLUE / "espdl_lut.cpp"
    compile_one(family, source, None, **arguments)
    with pytest.raises(ToolError, match="static assertion"):
        shifted = ("-DESPDL_DOUBLE_SHIFTED_LAYOUT",)
        compile_one(family, source, None, options=shifted, **arguments)


def test_on_riscv(rv32, tried, tmp_path):
    """With pointers of a word, and without an operating system or libstdc++."""
    samples = tried("pie_v2").samples[::9]
    runs = [(sample.operator, sample.run) for sample in samples]
    program = Program("pie_v2", tmp_path, runs, compiler=RV32)
    for sample, result in zip(samples, program.results(), strict=True):
        assert np.array_equal(sample.expected, result.output), sample.name
