"""Instructions and fetched bytes against counts of ESP-DL's kernels, call by call."""

import dataclasses
import itertools

import numpy as np
import pytest
from fit_estimate import instruction_errors
from latency_rows import rows
from published_networks import fetched, networks

from tvm_espdl.chips import find_chip
from tvm_espdl.estimate.access import accesses_of, slices_of
from tvm_espdl.estimate.counting import esp_dl_instructions, portable_instructions
from tvm_espdl.estimate.cycles import counts_of
from tvm_espdl.estimate.layout import layout_of
from tvm_espdl.estimate.machine import machine_of
from tvm_espdl.estimate.traffic import Access, Caches, Region
from tvm_espdl.estimate.work import Work, window, work_of
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.concat import Concat
from tvm_espdl.ops.conv1d import Conv1d
from tvm_espdl.ops.conv2d import Conv2d
from tvm_espdl.ops.max_pool2d import MaxPool2d
from tvm_espdl.ops.requantize import Requantize
from tvm_espdl.program import Program, Step

CHIPS = ("esp32s3", "esp32p4")


@pytest.mark.parametrize("name", CHIPS)
def test_instructions_are_those_that_were_counted(name):
    errors = instruction_errors(find_chip(name))
    everything = np.abs(np.concatenate(list(errors.values())))
    assert everything.size > 6000
    assert everything.mean() < 0.03
    for kernel in ("conv2d int8", "conv2d int16", "gemm int8", "gemm int16", "lut int8"):
        assert np.abs(errors[kernel]).mean() < 0.03, kernel
    # The heaviest calls decide: those of convolutions are off by less than a hundredth together.
    assert abs(errors["conv2d int8"].mean()) < 0.01


@pytest.mark.parametrize("name", CHIPS)
def test_pieces_of_a_concat_are_counted_one_by_one(name):
    """Parts of equal and of different channels, and along other axes than the last."""
    errors = instruction_errors(find_chip(name))
    for dtype in ("int8", "int16"):
        assert np.abs(errors[f"concat {dtype}"]).mean() < 0.02
    along = [row for row in rows(name) if row.work.kernel == "concat" and row.instructions
             and row.source[-1] == row.result[-1]]  # fmt: skip
    assert along
    for row in along:
        found = esp_dl_instructions(row.work, find_chip(name)).instructions
        assert found == pytest.approx(row.instructions, rel=0.3)
    tensors = [Tensor("int8", (1, 5, 4, channels), -4) for channels in (32, 16, 48)]
    work = work_of(Concat((tensors[0], tensors[1]), tensors[2], 3))
    assert (work.copies, work.channels_in, work.channels_out) == (40, 16, 48)
    rows_ = [Tensor("int8", (1, height, 4, 16), -4) for height in (2, 3, 5)]
    work = work_of(Concat((rows_[0], rows_[1]), rows_[2], 1))
    assert (work.copies, work.channels_in, work.channels_out) == (2, 64, 320)


@pytest.mark.parametrize("name", CHIPS)
def test_fetched_bytes_of_each_network_are_those_that_were_counted(name):
    """Within 10 %, whether it is larger than the caches by far, or nearly fits."""
    memory, networks_ = find_chip(name).external_memory, networks(name)
    assert len(networks_) == 28 if name == "esp32s3" else 34
    errors = {what: [] for what in ("filter", "activation", "inner")}
    for model, network in networks_.items():
        calls = [*fetched(network, Caches(memory.caches, memory.line_bytes))]
        for what, found in errors.items():
            counted = sum(getattr(row, f"{what}_fill") for row in network)
            error = sum(getattr(fills, what) for _, fills in calls) - counted
            # Of single operators, kilobytes in all, a line more or less counts.
            if counted:
                assert abs(error) < 0.1 * counted + 2 * memory.line_bytes, (model, what)
                found.append(abs(error) / counted)
    mean = {what: np.mean(found) for what, found in errors.items() if found}
    assert mean["filter"] < 0.02 and mean["activation"] < 0.025, mean
    assert mean.get("inner", 0) < 0.03, mean


def test_loops_that_exponents_decide_are_told_apart():
    """A Requantize shifts integers left by other loops than right; shapes are the same."""
    for name in CHIPS:
        chip = find_chip(name)
        errors = instruction_errors(chip)
        assert np.abs(errors["requantize int8"]).mean() < 0.02
        ways = {}
        for way, exponent in (("left", -6), ("right", -2), ("level", -4)):
            x = Tensor("int8", (1, 20, 20, 64), -4)
            operator = Requantize(x, dataclasses.replace(x, exponent=exponent))
            ways[way] = esp_dl_instructions(work_of(operator), chip)
        assert ways["left"].counted and ways["right"].counted and not ways["level"].counted
        assert ways["left"].instructions == ways["level"].instructions
        # By vectors, as the loops of ESP-DL's assembly have them.
        by_loop = {"esp32s3": (8, 21), "esp32p4": (11, 5)}[name]
        for way, each in zip(("left", "right"), by_loop, strict=True):
            assert ways[way].instructions == pytest.approx(1600 * each, rel=0.1)


def test_matrices_of_a_product_are_gone_through_one_by_one():
    """Two that fit the cache, but not together: each is fetched once, not for each row."""
    rows_, depth, columns = 100, 400, 100
    work = Work("matmul", "int8", depth, columns, 2 * rows_ * depth, 2 * rows_ * columns,
                rows=2 * rows_, macs=2 * rows_ * depth * columns,
                weight_bytes=depth * columns)  # fmt: skip
    first, second = arena(0, 2 * rows_ * depth), arena(1 << 20, 2 * depth * columns)
    caches = Caches([(65536, 8)], 64)
    fills = caches.run(accesses_of(work, [first], [], second))
    assert fills.filter == pytest.approx(second.nbytes, rel=0.01)
    one = dataclasses.replace(work, weight_bytes=2 * depth * columns)
    assert caches.run(accesses_of(one, [first], [], second)).filter > 50 * second.nbytes


@pytest.mark.parametrize("name", CHIPS)
def test_slices_of_a_filter_take_and_fetch_what_was_counted(name):
    """Convolutions of a grid in slices of 8 to 192 KB, of which no price and no curve has seen any.

    Simulated ones have a bias beside their filter.
    """
    chip, errors, sums = find_chip(name), [], []
    memory = chip.external_memory
    for row in rows(name):
        work, lanes = (
            row.work,
            chip.lanes("int8" if row.work.dtype == "float32" else row.work.dtype),
        )
        if not row.slice_bytes or row.model or work.kernel != "conv2d":
            continue
        vector = work.weight_bytes * lanes / work.channels_out
        works = work.in_slices(max(1, int(row.slice_bytes // vector)) * lanes)
        width = np.dtype(work.dtype).itemsize
        source, result = work.elements_in * width, work.elements_out * width
        found = Caches(memory.caches, memory.line_bytes).run(
            slices_of(
                works,
                [arena(0, source)],
                [arena(-(-source // 1024) * 1024, result)],
                Region("filter", 0, work.weight_bytes),
                (memory.line_bytes, work.channels_out * width),
            )
        )
        instructions = sum(esp_dl_instructions(one, chip).instructions for one in works)
        pairs = (
            (instructions, row.instructions),
            (found.filter, row.filter_fill),
            (found.activation, row.activation_fill),
        )
        if len(works) > 1:
            errors.append([abs(ours / theirs - 1) for ours, theirs in pairs])
            sums.append(pairs)
    assert len(errors) > 200
    assert (np.median(errors, axis=0) < (0.01, 0.01, 0.075)).all()
    ours, theirs = np.sum(sums, axis=0).T
    assert (np.abs(ours / theirs - 1) < (0.01, 0.07, 0.03)).all()


def test_a_window_counts_what_lies_inside():
    """Against the plain way, over odd extents, strides, pads and dilations."""
    seed = 5
    rng = np.random.default_rng(seed)
    for _ in range(50):
        size, kernel, stride, dilation = (
            tuple(int(n) for n in rng.integers(low, high, 2))
            for low, high in ((5, 12), (1, 5), (1, 4), (1, 3))
        )
        pads = tuple(int(rng.integers(0, k)) for k in kernel)
        extent = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
        result = tuple(max(1, (size[a] + 2 * pads[a] - extent[a]) // stride[a] + 1) for a in (0, 1))
        found = window(size, result, kernel, strides=stride, pads=pads, dilations=dilation)
        taps = lines = inside = 0
        for position in itertools.product(*map(range, result)):
            held = [
                sum(
                    0 <= position[a] * stride[a] - pads[a] + t * dilation[a] < size[a]
                    for t in range(kernel[a])
                )
                for a in (0, 1)
            ]
            taps += held[0] * held[1]
            lines += held[0]
            inside += held == list(kernel)
        assert (found.taps, found.lines, found.inside) == (taps, lines, inside), f"seed {seed}"
        assert found.positions == result[0] * result[1]


def convolution(channels, kernel=3, size=20, dtype="int8"):
    data = {"int8": "int32", "int16": "int64"}[dtype]
    return Conv2d(
        Tensor(dtype, (1, size, size, channels), -4),
        Tensor(dtype, (channels, channels, kernel, kernel), -7),
        Tensor(data, (channels,), -11),
        Tensor(dtype, (1, size, size, channels), -4),
        (kernel // 2,) * 4,
    )


def test_the_work_of_an_operator_is_that_of_its_shapes():
    work = work_of(convolution(64))
    assert (work.kernel, work.channels_in, work.macs) == ("conv2d", 64, 400 * 9 * 64 * 64)
    assert work.window == window((20, 20), (20, 20), (3, 3), pads=(1, 1))
    row = next(r for r in rows("esp32s3") if r.work.window and r.work.kernel == "conv2d")
    assert dataclasses.fields(row.work) == dataclasses.fields(work)
    signal = Conv1d(
        Tensor("int16", (1, 30, 8), -4),
        Tensor("int16", (16, 8, 5), -7),
        None,
        Tensor("int16", (1, 26, 16), -4),
    )
    assert work_of(signal).window == window((1, 30), (1, 26), (1, 5))
    assert work_of(signal).kernel == "conv2d"


def test_what_was_not_counted_says_so():
    chip = find_chip("esp32s3")
    odd = work_of(dataclasses.replace(convolution(64, dtype="int16"), activation="relu"))
    assert esp_dl_instructions(odd, chip).counted
    uneven = dataclasses.replace(odd, channels_in=61)
    found = esp_dl_instructions(uneven, chip)
    assert not found.counted
    assert found.instructions == pytest.approx(esp_dl_instructions(odd, chip).instructions)
    strange = Work("a_new_kernel", "int8", 8, 8, 800, 800)
    for count in (esp_dl_instructions, portable_instructions):
        assert not count(strange, chip).counted
        assert count(strange, chip).instructions > 0
    assert portable_instructions(work_of(convolution(16)), find_chip("esp32c3")).counted


def arena(start, nbytes):
    return Region("arena", start, nbytes)


def test_what_is_in_the_cache_is_not_fetched():
    caches = Caches([(65536, 8)], 64)
    first = caches.run([Access([arena(0, 10_000)], [arena(10_240, 10_000)], strips=10)])
    assert (first.activation, first.filter) == (20_000, 0)
    again = caches.run([Access([arena(10_240, 10_000)], [arena(0, 10_000)], strips=10)])
    assert again.activation == 0
    caches.run([Access([arena(200_000, 80_000)], [], strips=80)])
    assert caches.run([Access([arena(0, 10_000)], [])]).activation == 10_000


def test_filters_over_the_cache_are_fetched_for_each_position():
    """As the simulation has it: 3x3, 256 channels on 20x20, 590,848 bytes, 0.935 of 400 times."""
    work = work_of(convolution(256))
    at = work.window
    border = at.positions - at.inside
    access = Access(
        [],
        [],
        Region("filter", 0, 590_848),
        inside=at.inside,
        border=border,
        border_share=(at.taps / 9 - at.inside) / border,
    )
    assert Caches([(65536, 8)], 64).run([access]).filter == pytest.approx(220.87e6, rel=0.01)
    small = dataclasses.replace(access, filter=Region("filter", 0, 37_000))
    assert Caches([(65536, 8)], 64).run([small]).filter == 37_000 + 96
    two = Caches([(65536, 2), (262144, 8)], 128)
    fills = two.run([dataclasses.replace(access, filter=Region("filter", 0, 150_000))])
    assert fills.filter == 150_000 + 160
    assert fills.inner == pytest.approx(0.935 * 400 * 150_000, rel=0.02)


def test_channels_that_are_where_they_belong_are_not_copied():
    """The more parts of a concatenation are convolutions, the less it costs; the last one frees."""
    x, w = Tensor("int8", (1, 8, 8, 16), -4), Tensor("int8", (16, 16, 1, 1), -7)
    y = Tensor("int8", (1, 8, 8, 48), -4)
    costs = []
    for count in range(4):
        convolutions = [Conv2d(x, w, None, x)] * count
        pools = [MaxPool2d(x, x, (1, 1), (0, 0, 0, 0), (1, 1))] * (3 - count)
        constants = (np.zeros(w.shape, np.int8),)
        names = ("a", "b", "c")
        steps = [
            Step(operator, ("x",), (name,), constants if isinstance(operator, Conv2d) else ())
            for operator, name in zip([*convolutions, *pools], names, strict=True)
        ]
        steps.append(Step(Concat((x, x, x), y, 3), names, ("y",)))
        chip = find_chip("esp32s3")
        values = {**dict.fromkeys(("x", *names), x), "y": y}
        program = Program(chip, values, ("x",), ("y",), tuple(steps))
        machine = machine_of(chip)
        *_, last = counts_of(program, layout_of(program, machine), machine)
        costs.append(last.instructions if last.runs else 0)
    assert costs[0] > costs[1] > costs[2] > costs[3] == 0


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("name", CHIPS)
def test_one_counted_shape_of_a_class_is_not_every_shape(name, dtype):
    """A small convolution never takes what the one that was counted took, 34 million of them."""
    for kernel, channels_in, channels_out in itertools.product(
        (1, 2, 3, 4), (3, 16), (15, 16, 19, 32)
    ):
        x = Tensor(dtype, (1, 4, 5, channels_in), -4)
        y = Tensor(dtype, (1, 5 - kernel, 6 - kernel, channels_out), -4)
        wide = "int32" if dtype == "int8" else "int64"
        conv = Conv2d(
            x=x,
            w=Tensor(dtype, (channels_out, channels_in, kernel, kernel), -5),
            b=Tensor(wide, (channels_out,), -9),
            y=y,
        )
        work = work_of(conv)
        found = esp_dl_instructions(work, find_chip(name)).instructions
        assert 100 < found < 50_000 + 4 * work.macs, (kernel, channels_in, channels_out, found)
