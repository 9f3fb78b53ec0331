"""Estimates of whole programs: time, memory against the linker's, what-ifs, advice, forms."""

import json
import shlex
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from html_page import Page
from networks import library
from object_files import object_files
from qdq_builder import QdqBuilder
from requirements_here import installed

from tvm_espdl.chips import CHIPS
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlError, ModelError
from tvm_espdl.estimate import Limits, Settings, evaluate
from tvm_espdl.toolchain.compiler import Compiler

HOSTILE = '<b>\x1b[31m\n{{ 7*7 }} & "quotes"'
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECTIONS = (
    "How far to trust it",
    "What would change it",
    "Notes",
    "Time",
    "The network",
    "Roofline",
    "Memory",
    "Memory over time",
    "Accuracy along the depth",
    "Largest layers in flash",
    "Not an operator of ESP-DL",
    "Layers in the order of execution",
)


def convolution(builder, x, channels, kernel):
    rng = np.random.default_rng(1)
    shape = (*channels[::-1], kernel, kernel)
    w = builder.weights(rng.integers(-9, 9, shape).astype(builder.dtype), -7)
    return builder.qdq(builder.node("Conv", x, w, pads=[kernel // 2] * 4), -4)


def network(channels=(16, 32), dtype=np.int8, size=10, kernel=3, odd=False):
    """Two inputs and two outputs: a convolution of each, their sum; and a sine where `odd`."""
    builder = QdqBuilder(dtype)
    first, second = (
        builder.quantized_input(name, [1, channels[0], size, size]) for name in (HOSTILE, "second")
    )
    a = convolution(builder, first, channels, kernel)
    b = convolution(builder, second, channels, kernel)
    builder.output(builder.qdq(builder.node("Add", a, b), -4))
    builder.output(builder.node("Sin", a) if odd else builder.qdq(builder.node("Relu", b), -4))
    return builder.model()


@pytest.fixture(scope="module")
def estimate():
    return evaluate(compile_file(network(odd=True), "esp32s3"), notes=(HOSTILE,))


@pytest.mark.parametrize("chip", CHIPS)
def test_every_chip_has_an_estimate(chip):
    estimate = evaluate(compile_file(network(), chip))
    assert estimate.milliseconds > 0
    assert sum(node.milliseconds for node in estimate.nodes) == pytest.approx(estimate.milliseconds)
    assert sum(node.share for node in estimate.nodes) == pytest.approx(1)
    assert estimate.error_percent >= estimate.figures.prices.error_percent
    fitted = CHIPS[chip].name in ("esp32s3", "esp32p4")
    assert fitted == estimate.figures.prices.fitted
    assert any("no latency" in text for text in estimate.figures.extrapolations) != fitted


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_memory_is_the_linkers(dtype, tmp_path):
    """Constants and arrays of the C that is exported, as a compiler for RISC-V 32 has them."""
    compiler = installed(Compiler.rv32())
    networks = [compile_file(network((24, 33), dtype), "esp32p4"), library("digits", "esp32s3")]
    for number, lib in enumerate(networks):
        project, folder = tmp_path / f"project{number}", tmp_path / f"objects{number}"
        folder.mkdir()
        lib.export_project(project, kernels="portable")
        files = object_files(project, compiler, folder, ("default_lib0.c", "default_lib1.c"))
        symbols = [pair for file in files.values() for pair in file.defined.values()]
        estimate = evaluate(lib, kernels="portable")
        arrays = sum(size for size, _ in files["default_lib0.c"].defined.values())
        arrays += sum(file.stat().st_size for file in project.rglob("*.bin"))
        buffers = sum(size for size, kind in symbols if kind in "bB")
        assert estimate.flash_bytes == pytest.approx(arrays, rel=0.02)
        assert estimate.internal_ram_bytes == pytest.approx(buffers, rel=0.02)
        assert max(node.live_bytes for node in estimate.nodes) <= buffers


def test_memory_that_functions_of_tvm_work_in_is_counted(tmp_path, monkeypatch):
    """As a project plans it; where C cannot express a function, the report says so."""
    builder = QdqBuilder(np.int8)
    x = convolution(builder, builder.quantized_input("x", [1, 16, 12, 12]), (16, 32), 3)
    builder.output(builder.node("LpNormalization", x))
    lib = compile_file(builder.model(), "esp32s3")
    assert max(lib.workspaces().values()) > 0
    estimate = evaluate(lib)
    (path,) = lib.export_project(tmp_path / "p").glob("components/*/model/metadata.json")
    memory = json.loads(path.read_text())["memory"]
    assert estimate.internal_ram_bytes == memory["internal_ram_bytes"]
    assert "is not counted" not in str(estimate)

    def refused(native, name, cut):
        raise ModelError("a function of TVM cannot run on the chip")

    monkeypatch.setattr("tvm_espdl.codegen.native.lower_native", refused)
    less = evaluate(lib)
    assert less.internal_ram_bytes < memory["internal_ram_bytes"]
    assert "of TVM work in is not counted" in " ".join(str(less).split())


def test_settings_move_the_figures_as_they_should():
    lib = compile_file(network((64, 128)), "esp32s3")
    milliseconds = {
        name: evaluate(lib, settings).milliseconds
        for name, settings in {
            "own": None,
            "slow": Settings(clock_mhz=120),
            "flash": Settings(weights="flash"),
            "psram": Settings(weights="psram"),
            "slow psram": Settings(weights="psram", psram_mbps=20),
            "slow flash": Settings(flash_mbps=5),
            "small cache": Settings(data_cache_kb=16),
            "short line": Settings(cache_line=32),
            "tensors": Settings(tensors="psram"),
        }.items()
    }
    own = milliseconds["own"]
    assert own == milliseconds["flash"]  # No PSRAM is needed, so projects switch none on.
    # Where the arena is in PSRAM, constants are read from there, too.
    assert milliseconds["psram"] < milliseconds["tensors"] < own
    for name in ("slow", "slow flash", "small cache", "short line"):
        assert milliseconds[name] > own, name
    assert milliseconds["slow psram"] > milliseconds["psram"]
    # A filter of 72 KB over 16 KB of cache: each of the 100 positions reads nearly all of it.
    node = evaluate(lib, Settings(data_cache_kb=16)).nodes
    conv = max(node, key=lambda n: n.milliseconds)
    assert 0.7 * 100 * 64 * 128 * 9 < conv.fetched_bytes < 1.1 * 100 * 64 * 128 * 9


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (Settings(clock_mhz=0), "--clock_mhz"),
        (Settings(cache_line=-1), "--cache_line"),
        (Settings(weights="psram"), "--weights"),
        (Settings(tensors="psram"), "--tensors"),
        (Settings(psram_mbps=8.0), "--psram_mbps"),
        (Settings(weights="sram"), "--weights"),
        (Settings(clock_mhz="fast"), "--clock_mhz"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, where):
    with pytest.raises(EspdlError) as error:
        evaluate(compile_file(network(), "esp32c3"), settings)
    assert error.value.where == where


def test_advice_is_what_a_second_estimate_says():
    lib = compile_file(network((60, 90), size=20), "esp32s3")
    slow = Settings(clock_mhz=80, data_cache_kb=32, weights="flash")
    estimate = evaluate(lib, slow)
    gains = [one.milliseconds for one in estimate.advice]
    assert gains == sorted(gains, reverse=True)
    assert all(gain > 0 for gain in gains)
    pasted = {one.paste.splitlines()[0]: one for one in estimate.advice}
    faster = evaluate(lib, Settings(data_cache_kb=32, weights="flash"))
    clock = pasted["CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ_240=y"]
    assert clock.milliseconds == pytest.approx(estimate.milliseconds - faster.milliseconds)
    larger = evaluate(lib, Settings(clock_mhz=80, weights="flash"))
    cache = next(one for one in estimate.advice if "DATA_CACHE_64KB" in one.paste)
    assert cache.milliseconds == pytest.approx(estimate.milliseconds - larger.milliseconds)
    moved = evaluate(lib, Settings(clock_mhz=80, data_cache_kb=32, weights="psram"))
    xip = next(one for one in estimate.advice if "SPIRAM_XIP_FROM_PSRAM" in one.paste)
    assert xip.milliseconds == pytest.approx(estimate.milliseconds - moved.milliseconds)
    texts = " ".join(one.what for one in estimate.advice)
    assert "parts of the output channels" in texts
    assert "channels in whole vectors" in texts
    best = evaluate(compile_file(network((64, 96), size=20), "esp32s3"))
    assert "channels in whole vectors" not in " ".join(one.what for one in best.advice)


def test_advice_on_what_runs_faster_with_an_experiment():
    """Lines that projects leave out: what a bus of that rate gains, and what speaks against it."""
    lib = compile_file(network((64, 128), size=20), "esp32s3")
    estimate = evaluate(lib, Settings(weights="psram"))
    (one,) = [each for each in estimate.advice if "SPIRAM_SPEED_120M" in each.paste]
    memory = estimate.figures.chip.external_memory
    (bus,) = [faster.psram for faster in memory.faster if faster.psram is not None]
    rate = bus.megabytes_per_second(memory.line_bytes)
    assert rate > memory.psram.megabytes_per_second(memory.line_bytes)
    faster = evaluate(lib, Settings(weights="psram", psram_mbps=rate))
    assert one.milliseconds == pytest.approx(estimate.milliseconds - faster.milliseconds)
    assert "EXPERIMENTAL" in one.price
    assert not [each for each in faster.advice if "SPIRAM_SPEED" in each.paste]


def test_energy_is_an_order_of_magnitude_and_says_so(estimate):
    """Volts by amperes by seconds: 3.3 V, and the current of the chip's record."""
    chip = estimate.figures.chip
    wanted = 3.3 * chip.milliamperes / 1000 * estimate.milliseconds
    content = json.loads(estimate.to_json())
    assert content["millijoules_order_of_magnitude"] == pytest.approx(wanted)
    (line,) = [line for line in str(estimate).splitlines() if line.startswith("energy: ")]
    shown = float(line.split("in the order of ")[1].split(" mJ")[0].replace(",", ""))
    assert shown == pytest.approx(wanted, rel=0.5)
    assert len(f"{shown:g}".strip("0.").replace("e", "")) == 1  # One digit.
    assert "an assumed current" in " ".join(str(estimate).split())
    assert "in the order of" in estimate.html()


def test_advice_on_tensors_for_internal_memory():
    """Where they were left in PSRAM; the flag to paste makes a project of which that holds."""
    lib = compile_file(network(size=24), "esp32s3")
    usual = evaluate(lib)
    assert not [one for one in usual.advice if "tensors into internal" in one.what]
    for settings in (Settings(tensors="psram"), Settings(internal_ram=2000)):
        before = evaluate(lib, settings)
        (advice,) = [one for one in before.advice if "tensors into internal" in one.what]
        words = advice.paste.split()
        given = int(words[words.index("--internal_ram") + 1])
        weights = words[words.index("--weights") + 1]
        after = evaluate(lib, Settings(internal_ram=given, weights=weights))
        assert after.milliseconds == pytest.approx(before.milliseconds - advice.milliseconds)
        assert after.figures.layout.arena_bytes[1] == 0
        more = after.internal_ram_bytes - before.internal_ram_bytes
        assert f"takes {more:,} bytes" in advice.price
        # A byte less, and they do not fit.
        less = evaluate(lib, Settings(internal_ram=given - 16, weights=weights))
        assert less.figures.layout.arena_bytes[1] > 0


def test_internal_memory_as_of_export(tmp_path):
    """The same number gives the same arenas in a project."""
    lib = compile_file(network(size=24), "esp32s3")
    folder = lib.export_project(tmp_path / "project", internal_ram=6000)
    (path,) = folder.glob("components/*/model/metadata.json")
    memory = json.loads(path.read_text())["memory"]
    layout = evaluate(lib, Settings(internal_ram=6000)).figures.layout
    sizes = {name: 0 for name in ("internal RAM", "PSRAM")}
    for arena in memory["arenas"]:
        sizes[arena["memory"]] += arena["bytes"]
    assert layout.arena_bytes == (sizes["internal RAM"], sizes["PSRAM"])
    for wrong in (-1, 1.5, "1k"):
        with pytest.raises(EspdlError, match="internal RAM is a number of bytes"):
            evaluate(lib, Settings(internal_ram=wrong))
    with pytest.raises(EspdlError, match="the chip has less internal RAM"):
        evaluate(lib, Settings(internal_ram=10**9))


def test_what_internal_memory_is_given_has_to_be_enough():
    """Where nothing else is left: tensors are to be inside, or the chip has no PSRAM."""
    for chip, settings in (
        ("esp32s3", Settings(tensors="internal", internal_ram=2000)),
        ("esp32c3", Settings(internal_ram=2000)),
    ):
        estimate = evaluate(compile_file(network(size=24), chip), settings)
        assert estimate.internal_ram_bytes > 2000
        assert not estimate.fits
        over = (estimate.internal_ram_bytes - 2000) / 1024
        assert f"does not fit: {over:.1f} KB too much internal memory" in estimate.verdict
        enough = replace(settings, internal_ram=estimate.internal_ram_bytes)
        assert evaluate(compile_file(network(size=24), chip), enough).fits


def test_advice_on_int16_and_on_what_is_left_in_float(estimate):
    wide = evaluate(compile_file(network((32, 32), np.int16, size=20), "esp32p4"))
    narrow = evaluate(compile_file(network((32, 32), np.int8, size=20), "esp32p4"))
    (one,) = (one for one in wide.advice if "int16" in one.what)
    gained = wide.milliseconds - narrow.milliseconds
    assert one.milliseconds == pytest.approx(gained, rel=0.25)
    (sine,) = (one for one in estimate.advice if "TVM compiles in float" in one.what)
    node = next(node for node in estimate.nodes if node.kernel == "tvm")
    assert 0 < sine.milliseconds < node.milliseconds
    assert node.extrapolates
    assert estimate.reasons


def test_advice_on_what_stands_at_the_border():
    """Floats in and out: as much as a network of integers takes less."""
    estimate = evaluate(library("digits", "esp32s3"))
    pasted = {one.paste: one for one in estimate.advice}
    (first, *_), (*_, last) = estimate.nodes, estimate.nodes
    given = pasted["tvm-espdl export --input_format native"]
    assert given.milliseconds >= first.milliseconds
    assert first.operator == "quantize"
    taken = pasted.get("tvm-espdl export --output_format native")
    small = last.milliseconds < 0.005 * estimate.milliseconds
    assert small if taken is None else taken.milliseconds >= last.milliseconds


def test_what_is_to_be_pasted_is_a_word_whatever_a_tensor_is_called():
    builder = QdqBuilder()
    y = convolution(builder, builder.quantized_input("x", [1, 3, 9, 9]), (3, 5), 3)
    builder.output(y)
    model = builder.model()
    model.graph.node[-1].output[0] = model.graph.output[0].name = hostile = f"$(ls) {HOSTILE}; ls"
    pasted = [one.paste for one in evaluate(compile_file(model, "esp32s3")).advice]
    assert all(line.isprintable() for paste in pasted for line in paste.splitlines())
    (command,) = (paste for paste in pasted if "--outputs" in paste)
    assert shlex.split(command)[3:] == [hostile.replace("\x1b", "\\x1b").replace("\n", "\\n")]


def test_limits_say_by_how_much(estimate):
    assert estimate.broken(Limits()) == []
    assert estimate.broken(Limits(1e9, 1 << 30, 1 << 30)) == []
    ms, ram, flash = estimate.broken(Limits(estimate.milliseconds / 2, 16, 100))
    assert "(100%) above --max_ms" in ms
    assert f"{estimate.internal_ram_bytes - 16:,} above --max_ram 16" in ram
    assert f"{estimate.flash_bytes - 100:,} above --max_flash 100" in flash


def test_no_limit_is_kept_by_a_part_of_a_model(estimate):
    part = replace(estimate, left_out=2)
    assert part.broken(Limits()) == []
    assert part.broken(Limits(ms=1e9)) == ["operators of the model that are in no figure: 2"]


def test_text_and_json_hold_the_same(estimate):
    content = json.loads(estimate.to_json())
    for name in (
        "milliseconds",
        "error_percent",
        "internal_ram_bytes",
        "psram_bytes",
        "flash_bytes",
    ):
        assert content[name] == getattr(estimate, name)
    assert [node["tensor"] for node in content["nodes"]] == [n.tensor for n in estimate.nodes]
    lines = str(estimate).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert "% on average" in str(estimate)
    assert str(estimate) == str(
        evaluate(compile_file(network(odd=True), "esp32s3"), notes=(HOSTILE,))
    )


def test_no_digit_of_a_long_time_is_cut_off():
    """An hour at 10 MHz: what has no room are digits behind the point."""
    slow = evaluate(
        compile_file(network((64, 300), size=40), "esp32c2"), Settings(clock_mhz=10, flash_mbps=0.1)
    )
    longest = max(node.milliseconds for node in slow.nodes)
    assert longest > 1e5
    assert f" {longest:.0f} " in slow.text()


def test_the_page_has_every_section(estimate, tmp_path):
    path = tmp_path / "page.html"
    snr = {node.tensor: 20.0 + index for index, node in enumerate(estimate.nodes)}
    estimate.to_html(path, snr=snr)
    source = path.read_text(encoding="utf-8")
    page = Page(source)
    found = [part.partition("</h2>")[0] for part in source.split("<h2>")[1:]]
    assert found == list(SECTIONS)
    assert source.index(estimate.verdict[:40]) < source.index("<h2>")
    assert page.tags.count("svg") == 5
    assert page.tags.count("rect") > 3 * len(estimate.nodes)
    assert all(c.isprintable() or c == "\n" for c in source)
    assert source == estimate.html(snr=snr)


def test_a_browser_shows_every_section(estimate, tmp_path):
    """Without a network; that there are no scripts is seen above."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser: apt-get install {BROWSERS[0]}")
    estimate.to_html(tmp_path / "page.html", snr={"x": 20.0})
    shown = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={tmp_path / 'profile'}",
                f"file://{tmp_path / 'page.html'}",
            ),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        text=True,
    ).stdout
    for section in SECTIONS:
        assert f"<h2>{section}</h2>" in shown
    assert shown.count("<svg") == 5


def test_small_estimates_have_smaller_pages():
    """Without products, advice, reasons or a measured accuracy."""
    builder = QdqBuilder()
    builder.output(builder.qdq(builder.quantized_input("x", [1, 7]), -4))
    page = evaluate(compile_file(builder.model(), "esp32c2")).html()
    assert "Roofline" not in page
    assert "Layers in the order of execution" in page
    Page(page)
