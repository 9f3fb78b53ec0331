"""`tvm-espdl quantize`: a float ONNX model, quantized with power-of-two scales."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..chips import DEFAULT_CHIP
from .calibration_options import add_calibration_options, calibration_of
from .edge import complain, say
from .options import option, real_number, whole_number

if TYPE_CHECKING:
    from ..quantize import QuantizationReport

HELP = "Quantize a float ONNX model with power-of-two scales."

#: SNR in dB that is proposed for a network with less than half of it.
WANTED = 20.0

#: What is not given is left to the defaults of `quantize_onnx`.
_REPEATED: dict[str, Any] = {"action": "append", "metavar": "NAME"}
_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("activations", "mse (default), kl, percentile or minmax", {}),
    ("weights", "output (default) or minmax", {}),
    ("per_channel", "one filter exponent per channel (default where the chip can)",
     {"action": "store_true"}),
    ("precision", "int8, int16, mix_light (int16 for up to a tenth more cycles) or mix_balance "
     "(up to half as many more)", {}),
    ("input_bits", "width of the inputs, 8 or 16 (and of layers that read them, for 16)",
     {"type": whole_number, "metavar": "BITS"}),
    ("output_bits", "width of the outputs and of layers that make them, 8 or 16",
     {"type": whole_number, "metavar": "BITS"}),
    ("int16", "layer or pattern that computes in int16, or auto; repeated", _REPEATED),
    ("float", "layer or pattern that stays float, computed by TVM; repeated", _REPEATED),
    ("wanted_snr", "of the outputs on held-out samples, for --int16 auto",
     {"type": real_number, "metavar": "DB"}),
    ("budget", "extra cycles, such as 0.1, for --int16 auto",
     {"type": real_number, "metavar": "SHARE"}),
    ("recover",
     "step that recovers accuracy: methods, rounding, equalization, exponents, compensation, bias, "
     "all or none; repeated (default: methods, rounding, bias; small networks: equalization, too)",
     _REPEATED),
    ("hold_out", "every n-th sample judges the result only (default: 4; 0: none)",
     {"type": whole_number, "metavar": "N"}),
    ("requantize", "re-express a model that others quantized with the nearest scales",
     {"action": "store_true"}),
    ("exponents",
     "take exponents from FILE, without data: of --save_exponents, or the .json of ESP-PPQ",
     {"metavar": "FILE"}),
    ("save_exponents", "write the file by which --exponents makes the same model without data",
     {"metavar": "FILE"}),
    ("skip", "step of preprocessing; see preprocess --list_steps", _REPEATED),
    ("enable", "step of preprocessing; see preprocess --list_steps", _REPEATED),
    ("no_measure", "do not measure the accuracy with the chip's bits, which takes time",
     {"action": "store_false", "dest": "measure"}),
    ("measure_all", "measure on all samples, however long that takes (default: about a minute)",
     {"action": "store_const", "const": "all", "dest": "measure"}),
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "input_model", "float ONNX model", required=True)
    option(parser, "output_model", "file to write", required=True)
    add_calibration_options(parser)
    option(parser, "target_chip", "chip (default: %(default)s)", default=DEFAULT_CHIP)
    extent = parser.add_mutually_exclusive_group()
    for name, help_, settings in _OPTIONS:
        of_measure = settings.get("dest") == "measure"
        option(extent if of_measure else parser, name, help_, default=argparse.SUPPRESS, **settings)
    option(parser, "report", "write the report, too: .txt, .json or .html", metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Write the model, and the report where it is asked for; print the report and a verdict."""
    from ..files.output_files import check_apart, check_new
    from ..quantize.report import check_report_path

    saved = vars(arguments).get("save_exponents")
    check_apart(arguments.output_model, arguments.report, saved)
    check_new(arguments.output_model)
    if arguments.report is not None:
        check_report_path(arguments.report)
    try:
        report = _quantized(arguments)
    except BaseException:
        # Interrupted, or out of memory: `check_new` has seen to it that the file is of this run.
        if Path(arguments.output_model).exists():
            complain(
                f"{arguments.output_model} is written and whole; measuring its accuracy did not "
                "end (--no_measure leaves it out)"
            )
        raise
    print(report)
    if spent := report.seconds:
        print("time: " + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in spent.items()))
    say(f"wrote {arguments.output_model}")
    if saved is not None:
        say(f"wrote {saved}")
    if arguments.report is not None:
        report.save(arguments.report)
        say(f"wrote {arguments.report}")
    _print_verdict(report, arguments)
    return 0


def _quantized(arguments: argparse.Namespace) -> QuantizationReport:
    from ..quantize import quantize_onnx

    names = [settings.get("dest", name) for name, _, settings in _OPTIONS]
    options = {name: value for name, value in vars(arguments).items() if name in names}
    return quantize_onnx(
        arguments.input_model,
        calibration_of(arguments),
        arguments.target_chip,
        save_to=arguments.output_model,
        progress=None,
        **options,
    ).report


def _print_verdict(report: QuantizationReport, arguments: argparse.Namespace) -> None:
    """Good or bad, size and memory, and what to type next."""
    from ..quantize.report.verdict import footprint_line, grade, verdict
    from ..report.text import wrapped

    lines = [verdict(report), footprint_line(report)]
    following = ["export", "--model_path", arguments.output_model, "--out_path", "project"]
    if grade(report) == "bad":
        lines.append("see the layers that hurt most, and the warnings, above")
        if not {"int16", "precision"} & vars(arguments).keys():
            lines.append("int16 where it helps most may mend it:")
            following = _with_int16(arguments.given, arguments.output_model)
    for line in lines:
        print("\n".join(wrapped(line)), end="\n" if line else "")
    say(f"next: {shlex.join(['tvm-espdl', *following])}")


def _with_int16(given: Sequence[str], output: str) -> list[str]:
    """The same command with int16 layers, and another file to write."""
    kept: list[str] = []
    skip = False
    for word in given:
        written = word.startswith(("--out", "--rep"))
        if not (written or skip):
            kept.append(word)
        skip = written and "=" not in word
    path = Path(output)
    other = str(path.with_name(f"{path.stem}_int16{path.suffix}"))
    return [*kept, "--int16", "auto", "--wanted_snr", f"{WANTED:g}", "--output_model", other]
