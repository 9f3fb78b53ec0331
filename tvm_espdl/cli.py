"""The command line `tvm-espdl`: argument parsing, and one line of work for each command.

Exit status: 0 done, 1 a check or comparison found differences, 2 the user's input is wrong.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import EspdlError, EspdlWarning
from .version import __version__

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit status.
    """
    arguments = _parser().parse_args(argv)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EspdlWarning)
        try:
            status: int = arguments.command(arguments)
        except EspdlError as error:
            print(f"tvm-espdl: error: {error}", file=sys.stderr)
            status = 2
    for warning in caught:
        print(f"tvm-espdl: warning: {warning.message}", file=sys.stderr)
    return status


def _option(parser: argparse.ArgumentParser, name: str, help_: str, **settings: object) -> None:
    """Add an option that may be written with underscores or with hyphens."""
    spellings = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
    parser.add_argument(*spellings, help=help_, **settings)  # type: ignore[arg-type]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tvm-espdl", description="Compile neural networks for Espressif chips."
    )
    parser.add_argument("--version", action="version", version=f"tvm-espdl {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, help_: str, command: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=command)
        return sub

    sub = add("preprocess", "Clean a float ONNX model up and fix its batch to 1.", _preprocess)
    _option(sub, "input", "float ONNX model", required=True)
    _option(sub, "output", "file to write", required=True)

    sub = add("quantize", "Quantize a float ONNX model with power-of-two scales.", _quantize)
    _option(sub, "input_model", "float ONNX model", required=True)
    _option(sub, "output_model", "file to write", required=True)
    _option(sub, "calibrate_dataset", "calibration data, .npy or .npz", required=True)
    _option(sub, "target_chip", "chip (default: %(default)s)", default="esp32s3")
    _option(sub, "per_channel", "one filter exponent per channel", action="store_true")
    _option(sub, "activations", "how ranges are chosen (default: %(default)s)", default="minmax")

    sub = add("export", "Write the ESP-IDF project of a quantized model.", _export)
    _option(sub, "model_path", "quantized ONNX model", required=True)
    _option(sub, "target_chip", "chip (default: the model's own, else esp32s3)")
    _option(sub, "img_path", "sample input, .npy or .npz, compiled into the project")
    _option(sub, "template_path", "folder whose files replace the project's own")
    _option(sub, "out_path", "folder to write, which must not exist", required=True)

    sub = add("run", "Run a model on the PC with the chip's exact bits.", _run)
    sub.add_argument("model", help="ONNX model")
    _option(sub, "input", "input data, .npy or .npz", required=True)
    _option(sub, "output", "file to write, .npy, or .npz for several outputs", required=True)
    _option(sub, "target_chip", "chip (default: the model's own, else esp32s3)")
    _option(sub, "dump", "folder for every tensor as the chip holds it, as .npy files")

    add("demo", "The whole way on a small real model, without any argument.", _demo)
    return parser


def _preprocess(arguments: argparse.Namespace) -> int:
    from .onnx_model import save_model
    from .quantize import preprocess_onnx

    save_model(preprocess_onnx(arguments.input), arguments.output)
    print(f"wrote {arguments.output}")
    return 0


def _quantize(arguments: argparse.Namespace) -> int:
    from .quantize import preprocess_onnx, quantize_onnx

    result = quantize_onnx(
        preprocess_onnx(arguments.input_model),
        arguments.calibrate_dataset,
        arguments.target_chip,
        activations=arguments.activations,
        per_channel=arguments.per_channel or None,
    )
    result.save(arguments.output_model)
    print(result.report)
    print(f"wrote {arguments.output_model}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from .array_files import load_arrays
    from .compilation import compile_file

    library = compile_file(arguments.model_path, arguments.target_chip)
    sample = None
    if arguments.img_path is not None:
        sample = load_arrays(arguments.img_path, library.input_names)
    library.export_project(
        arguments.out_path, sample_input=sample, template=arguments.template_path
    )
    print(library.report())
    print(f"wrote {arguments.out_path}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from .array_files import load_arrays, save_arrays
    from .compilation import compile_file
    from .output_files import check_new

    check_new(arguments.output)
    if arguments.dump is not None:
        check_new(arguments.dump)
    library = compile_file(arguments.model, arguments.target_chip)
    inputs = load_arrays(arguments.input, library.input_names)
    outputs = library.run(inputs)
    if arguments.dump is not None:
        from .debug.dump import save_folder

        save_folder(Path(arguments.dump), library.run_with_intermediates(**inputs))
    save_arrays(arguments.output, dict(zip(library.output_names, outputs, strict=True)))
    print(f"wrote {arguments.output}")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run_demo

    return run_demo()


if __name__ == "__main__":
    sys.exit(main())
