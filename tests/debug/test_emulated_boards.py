"""Boards that are not this process: emulated chips print their dumps over their serial lines."""

import array
import dataclasses
import fcntl
import os
import pty
import shutil
import termios
import threading
import time
import tty
from pathlib import Path

import numpy as np
import onnx
import pytest
from networks import digits_arrays, library, quantized_digits
from qdq_builder import QdqBuilder
from requirements_here import unavailable
from test_firmware_logs import sample_of, several

from tvm_espdl import debug
from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.debug import read_dump
from tvm_espdl.toolchain.network import build_project

UART = Path(__file__).parent / "uart_stdout.c"


def mixed():
    """int8, then int16, odd extents, a convolution, and two outputs of different types."""
    rng = np.random.default_rng(5)
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 5, 7, 9), -5)
    w = builder.weights(rng.integers(-60, 60, (6, 5, 3, 3)).astype(np.int8), -7)
    b = builder.weights(rng.integers(-4000, 4000, 6).astype(np.int32), -12)
    y = builder.qdq(builder.node("Relu", builder.node("Conv", x, w, b, pads=[1, 1, 1, 1])), -4)
    builder.output(y)
    builder.dtype = np.dtype(np.int16)
    wide = builder.qdq(y, -11)
    builder.output(builder.qdq(builder.node("Add", wide, wide), -10))
    return builder.model(opset=21)


def digits():
    return digits_arrays()["images"][:1]


#: Networks of the three families: by vectors with narrow lanes, by vectors, by plain C.
BOARDS = {
    "digits on an ESP32-S3": (lambda: library("digits", "esp32s3"), lambda lib: digits()),
    "several inputs and outputs, int16, on an ESP32-P4": (
        lambda: compile_file(several(np.int16), "esp32p4"), sample_of,
    ),
    "int8 and int16 on an ESP32-C3": (lambda: compile_file(mixed(), "esp32c3"), sample_of),
}  # fmt: skip


@pytest.fixture(scope="module", params=BOARDS)
def board(request, tmp_path_factory):
    """A network, what it is fed with, and its project."""
    make, sample = BOARDS[request.param]
    network = make()
    fed = sample(network)
    folder = tmp_path_factory.mktemp("board")
    return network, fed, network.export_project(folder / "project", sample_input=fed)


def over_uart(rv32):
    """The compiler with an emulator whose serial line is its standard output."""
    program, *options = rv32.emulator
    text = " ".join(options)
    text = text.replace("-serial none", "-serial stdio")
    text = text.replace("-chardev stdio,id=s0 ", "").replace(",chardev=s0", "")
    return dataclasses.replace(rv32.with_flags("-O1"), emulator=(program, *text.split()))


def on_line(project, folder):
    """A copy of the project that prints over the serial line."""
    shutil.copytree(project, folder)
    shutil.copy(UART, folder / "components" / "tvm_model" / "uart_stdout.c")
    return folder


def check_equal(network, log, fed):
    assert "PASS" in log.read_text()
    computed = {name for step in network.program.steps for name in step.outputs}
    assert computed and computed == read_dump(log).tensors.keys()
    for inputs in (None, fed):
        result = debug.compare(network, log, inputs)
        assert result.ok and not result.missing and not result.notes, result
        assert set(result.equal) == computed


def test_an_emulated_risc_v_board_is_equal(board, rv32, tmp_path):
    network, fed, project = board
    compiler = over_uart(rv32)
    folder = on_line(project, tmp_path / "project")
    build_project(folder, tmp_path / "program", compiler, defines=["TVM_ESPDL_DUMP"])
    printed = compiler.run(tmp_path / "program")
    (tmp_path / "monitor.log").write_bytes(printed.encode())
    check_equal(network, tmp_path / "monitor.log", fed)


def test_an_emulated_xtensa_board_is_equal(board, xtensa, tmp_path):
    network, fed, project = board
    compiler = xtensa.with_flags("-O1")
    build_project(project, tmp_path / "program", compiler, defines=["TVM_ESPDL_DUMP"])
    (tmp_path / "monitor.log").write_text(compiler.run(tmp_path / "program"))
    check_equal(network, tmp_path / "monitor.log", fed)


def test_the_command_listens_to_an_emulated_board(rv32, tmp_path, capfd):
    try:
        import serial  # noqa: F401
    except ImportError:
        unavailable("no pyserial: pip install pyserial")
    project = library("digits", "esp32s3").export_project(tmp_path / "made", sample_input=digits())
    onnx.save(quantized_digits("esp32s3"), tmp_path / "model.onnx")
    compiler = over_uart(rv32)
    folder = on_line(project, tmp_path / "project")
    build_project(folder, tmp_path / "program", compiler, defines=["TVM_ESPDL_DUMP_CRC"])
    board, line = pty.openpty()
    tty.setraw(line)
    running = threading.Thread(
        target=run_when_heard, args=(compiler, tmp_path / "program", board, line), daemon=True
    )
    running.start()
    try:
        options = ["--port", os.ttyname(line), "--log", str(tmp_path / "board.log")]
        status = main(["compare", "--model_path", str(tmp_path / "model.onnx"), *options])
        running.join()
    finally:
        os.close(board)
        os.close(line)
    captured = capfd.readouterr()
    assert status == 0, captured
    assert "14 tensors equal, 0 differ" in captured.out
    assert len(read_dump(tmp_path / "board.log").checksums) == 13


def run_when_heard(compiler, program, board, line):
    """Let the board run when what it says is read: one who begins to listen drops what came before.

    The emulator's own terminals lose letters where the reader is slow.
    """
    os.write(board, b"ready\r\n")
    while array.array("i", fcntl.ioctl(line, termios.FIONREAD, b"\0" * 4))[0]:
        time.sleep(0.01)
    left = compiler.run(program).encode()
    while left:
        left = left[os.write(board, left) :]
