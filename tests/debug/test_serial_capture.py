"""`compare --port` on a pseudo-terminal: a board that prints while somebody listens."""

import os
import pty
import sys
import termios
import threading
import time

import onnx
import pytest
from board_log import board_log
from networks import quantized_digits
from requirements_here import unavailable

from tvm_espdl.cli import main
from tvm_espdl.debug import read_dump
from tvm_espdl.debug.serial_capture import capture
from tvm_espdl.errors import DataError, OutputError, ToolError

BOOT = b"ESP-ROM:esp32s3-20210327\r\nI (276) main_task: Calling app_main()\r\n"


@pytest.fixture(scope="module", autouse=True)
def pyserial():
    try:
        import serial
    except ImportError:
        unavailable("no pyserial: pip install pyserial")
    return serial


@pytest.fixture(scope="module")
def log(network, tensors):
    return board_log(network.program, tensors).replace("\n", "\r\n").encode()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "quantized.onnx"
    onnx.save(quantized_digits("esp32s3"), path)
    return path


class Board:
    """Something at the other end of a line; `prints` is a sequence of bytes and of pauses."""

    def __init__(self, prints, *, again=False):
        self._line, self._other = pty.openpty()
        os.set_blocking(self._line, False)
        self.port = os.ttyname(self._other)
        self._prints, self._again = prints, again
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self._thread.join()
        os.close(self._line)
        os.close(self._other)

    def _run(self):
        # Whoever opens the line sets it up first, and throws away what came before.
        while termios.tcgetattr(self._other)[3] & termios.ECHO and not self._ended.wait(0.02):
            pass
        while not self._ended.is_set():
            for data in self._prints:
                if isinstance(data, float):
                    self._ended.wait(data)
                else:
                    self._write(data)
            if not self._again:
                return

    def _write(self, data):
        while data and not self._ended.is_set():
            try:
                data = data[os.write(self._line, data[:512]) :]
            except BlockingIOError:
                time.sleep(0.002)


def threads():
    return {thread.name for thread in threading.enumerate()}


def test_a_run_is_captured_compared_and_kept(log, model, tmp_path, capfd):
    before = threads()
    with Board([0.2, BOOT, log[: len(log) // 3], 0.3, log[len(log) // 3 :]]) as board:
        command = ["compare", "--model_path", str(model), "--port", board.port]
        status = main([*command, "--baud", "921600", "--log", str(tmp_path / "board.log")])
    assert status == 0, capfd.readouterr()
    assert threads() == before
    assert "14 tensors equal, 0 differ" in capfd.readouterr().out
    kept = (tmp_path / "board.log").read_bytes()
    assert kept.endswith(log[-200:])
    assert not read_dump(tmp_path / "board.log").problems


@pytest.mark.parametrize(
    "line",
    [
        b"@espdl data 3 48 AAAA\r\n",
        b"@espdl end 3\r\n",
        b"@espdl tensor 3 x int8 4 -3 4 00000000\r\n",
        b"@espdl tensor 3 x int8 4 -3 4 00000000\r\n@espdl data 3 0 AAAA\r\n",
        b"@espdl something else\r\n",
    ],
)
def test_lines_of_a_dump_without_end_are_left(line):
    """A broken firmware prints the same for ever, and nothing of it leads on."""
    with Board([line], again=True) as board:
        dump = capture(board.port, seconds=0.5, reset=False)
    assert any("the run is not complete" in problem for problem in dump.problems)


@pytest.mark.parametrize("seconds", [float("nan"), -1])
def test_no_time_to_wait(seconds):
    with pytest.raises(DataError, match="no time to wait"):
        capture("/dev/null", seconds=seconds)


def test_who_joins_in_the_middle_waits_for_the_next_run(log, model, capfd):
    with Board([log], again=True) as board:
        assert main(["compare", "--model-path", str(model), "--port", board.port]) == 0
    assert "14 tensors equal" in capfd.readouterr().out


def test_a_board_that_stops_in_the_middle_is_reported(log, model, tmp_path, capfd):
    cut = log[: len(log) // 2] + b"Guru Meditation Error: Core  0 panic'ed (StoreProhibited).\r\n"
    with Board([0.2, cut]) as board:
        command = ["compare", "--model_path", str(model), "--port", board.port, "--timeout", "0.8"]
        assert main([*command, "--log", str(tmp_path / "board.log")]) == 1
    out = capfd.readouterr().out
    assert "its last line is missing; the firmware stopped: Guru Meditation Error" in out
    assert out.endswith("not shown equal\n")
    assert b"StoreProhibited" in (tmp_path / "board.log").read_bytes()


def test_a_damaged_run_ends_the_listening_when_the_line_is_silent(log, model, capfd):
    damaged = log.replace(b"@espdl end 3\r\n", b"", 1)
    begin = time.monotonic()
    with Board([0.2, damaged]) as board:
        assert main(["compare", "--model_path", str(model), "--port", board.port]) == 1
    assert time.monotonic() - begin < 20
    assert "not shown equal" in capfd.readouterr().out


def test_a_line_that_damages_every_run_is_left(log):
    damaged = log.replace(b"@espdl end 3\r\n", b"", 1)
    with Board([damaged], again=True) as board:
        dump = capture(board.port)
    assert dump.problems


@pytest.mark.parametrize(
    "reset", [b"ESP-ROM:esp32s3-20210327\r\nrst:0xc (RTC_SW_CPU_RST)\r\n", b""]
)
def test_a_board_that_resets_for_ever_in_the_middle_of_a_run_is_left(log, reset):
    panic = b"Guru Meditation Error: Core  0 panic'ed (LoadProhibited).\r\n" if reset else b""
    begin = time.monotonic()
    with Board([log[: len(log) // 3], b"\r\n", panic, reset, 0.05], again=True) as board:
        dump = capture(board.port, seconds=20)
    assert time.monotonic() - begin < 10
    assert any("the run is not complete" in problem for problem in dump.problems)
    assert any("LoadProhibited" in text for text in (*dump.problems, *dump.notes)) == bool(reset)


def test_lines_of_cycles_are_no_lines_of_a_dump(log):
    cycles = b"@espdl profile 0 logits 1234\r\n"
    with Board([cycles, 0.05], again=True) as board, pytest.raises(DataError, match="no dump came"):
        capture(board.port, seconds=0.5)
    with Board([0.2, cycles, log, cycles]) as board:
        assert not capture(board.port).problems


def test_silence_and_other_lines_are_clear_errors(model, tmp_path, capfd):
    with (
        Board([]) as board,
        pytest.raises(
            DataError, match=r"no dump came within 0.3 s.*0 bytes; try: another port; the reset"
        ),
    ):
        capture(board.port, seconds=0.3)
    with Board([0.1, BOOT, b"I (300) app: hello\r\n", 0.05], again=True) as board:
        log = tmp_path / "board.log"
        with pytest.raises(DataError, match=r"bytes, the last line.*TVM_ESPDL_DUMP.*--baud"):
            capture(board.port, seconds=0.5, log=log)
        assert b"hello" in log.read_bytes()
        command = ["compare", "--model_path", str(model), "--port", board.port, "--timeout", "0.2"]
        assert main(command) == 2
    assert "no dump came" in capfd.readouterr().err


def test_a_port_that_vanishes(log):
    line, other = pty.openpty()
    port = os.ttyname(other)
    killer = threading.Timer(0.4, os.close, (line,))
    killer.start()
    try:
        with pytest.raises(DataError, match="the port was lost"):
            capture(port, seconds=5)
    finally:
        killer.join()
        os.close(other)


def test_ports_that_cannot_be_opened(tmp_path, monkeypatch, pyserial):
    with pytest.raises(DataError, match=r"cannot be opened.*No such file.*ttyACM"):
        capture(str(tmp_path / "ttyUSB7"))
    for nonsense in ("nonsense://there", "hwgrep://[", "alt://a?class=b", "", "loop://?a=b"):
        with pytest.raises(DataError, match="cannot be opened"):
            capture(nonsense)
    with pytest.raises(DataError, match="cannot be opened"):
        capture("loop://", baud=-1)

    def denied(*given, **named):
        raise pyserial.SerialException(13, "could not open port: Permission denied")

    monkeypatch.setattr(pyserial, "serial_for_url", denied)
    with pytest.raises(DataError, match=r"Permission denied.*dialout"):
        capture("/dev/ttyUSB0")


def test_without_pyserial_it_says_what_to_install(monkeypatch, model, capfd):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(ToolError, match=r'pip install "tvm-espdl\[serial\]"'):
        capture("/dev/ttyUSB0")
    assert main(["compare", "--model_path", str(model), "--port", "/dev/ttyUSB0"]) == 2


def test_nothing_is_overwritten_and_sources_do_not_mix(model, tmp_path, capfd):
    (tmp_path / "board.log").write_text("precious")
    with pytest.raises(OutputError):
        capture("/dev/null", log=tmp_path / "board.log")
    assert (tmp_path / "board.log").read_text() == "precious"
    for options in (
        [],
        ["--dump", "a.log", "--port", "/dev/ttyUSB0"],
        ["--dump", "a.log", "--baud", "9600"],
        ["--dump", "a.log", "--timeout", "0"],
        ["--port", "/dev/ttyUSB0", "--tensor", "x"],
        ["--port", "/dev/ttyUSB0", "--timeout", "0"],
    ):
        assert main(["compare", "--model_path", str(model), *options]) == 2, options
        assert capfd.readouterr().err.count("\n") == 1


def test_a_line_of_progress_is_drawn_where_asked(log, capfd):
    with Board([0.2, log]) as board:
        capture(board.port, progress=True)
    err = capfd.readouterr().err
    assert f"listening to {board.port}" in err
