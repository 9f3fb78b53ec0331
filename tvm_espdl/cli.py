"""The command line `tvm-espdl`: argument parsing, and one line of work for each command.

Exit status: 0 done, 1 a check or comparison found differences, 2 the user's input is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from .cli_options import (
    add_calibration_options,
    add_preprocess_options,
    add_quantize_options,
    calibration_of,
    quantize_options_of,
)
from .cli_options import option as _option
from .errors import DataError, EspdlError, EspdlWarning
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
            sys.stdout.flush()
        except EspdlError as error:
            print(f"tvm-espdl: error: {error}", file=sys.stderr)
            status = 2
        except BrokenPipeError:
            # The reader, `head` for example, has seen enough; Python would complain at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 0
    for warning in caught:
        print(f"tvm-espdl: warning: {warning.message}", file=sys.stderr)
    return status


def _espdl_options(parser: argparse.ArgumentParser) -> None:
    _option(parser, "name", "which model of an .espdl package")
    _option(parser, "key", "key of an encrypted .espdl file, 32 hexadecimal digits")


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

    _add_quantizer_commands(add)

    sub = add("export", "Write a quantized model as ESP-IDF project or .espdl file.", _export)
    _option(sub, "model_path", "quantized ONNX model, or .espdl file", required=True)
    _option(sub, "target_chip", "chip (default: the model's own, else esp32s3)")
    _espdl_options(sub)
    _option(sub, "img_path", "sample input, .npy or .npz, compiled into the project")
    _option(sub, "template_path", "folder whose files replace the project's own")
    _option(
        sub,
        "format",
        "C without an interpreter, or a file for ESP-DL's runtime (default: %(default)s)",
        choices=("project", "espdl"),
        default="project",
    )
    sub.add_argument("--info", action="store_true", help="a .info beside the .espdl file")
    sub.add_argument("--json", action="store_true", help="a .json beside the .espdl file")
    _option(sub, "out_path", "folder or file to write, which must not exist", required=True)

    sub = add("run", "Run a model on the PC with the chip's exact bits.", _run)
    sub.add_argument("model", help="ONNX model, or .espdl file")
    _option(sub, "input", "input data, .npy or .npz (.espdl: its test vectors where absent)")
    _option(sub, "output", "file to write, .npy, or .npz for several outputs")
    _option(sub, "target_chip", "chip (default: the model's own, else esp32s3)")
    _espdl_options(sub)
    _option(sub, "dump", "folder for every tensor as the chip holds it, as .npy files")

    _add_looking_commands(add)
    return parser


def _add_quantizer_commands(add: Callable[[str, str, Command], argparse.ArgumentParser]) -> None:
    """The commands from a float model to a quantized one."""
    sub = add("preprocess", "Clean a float ONNX model up and fix its batch to 1.", _preprocess)
    _option(sub, "input", "float ONNX model", required=True)
    _option(sub, "output", "file to write", required=True)
    add_preprocess_options(sub)

    sub = add("quantize", "Quantize a float ONNX model with power-of-two scales.", _quantize)
    _option(sub, "input_model", "float ONNX model", required=True)
    _option(sub, "output_model", "file to write", required=True)
    add_calibration_options(sub)
    _option(sub, "target_chip", "chip (default: %(default)s)", default="esp32s3")
    add_quantize_options(sub)


def _add_looking_commands(add: Callable[[str, str, Command], argparse.ArgumentParser]) -> None:
    """The commands that write nothing, or nothing that the user asks for by name."""
    sub = add("check", "What of a model runs where, why not on ESP-DL, what to change.", _check)
    sub.add_argument("model", help="ONNX model, or .espdl file")
    _option(sub, "target_chip", "chip (default: the model's own, else esp32s3)")
    _espdl_options(sub)
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub.add_argument("--html", help="write one self-contained page, too")

    sub = add("show", "What stands in an .espdl file, and which chip it is for.", _show)
    sub.add_argument("file", help=".espdl file or package")
    _option(sub, "target_chip", "chip that the file is for (default: found in the file)")
    _espdl_options(sub)
    sub.add_argument("--json", action="store_true", help="print JSON")

    sub = add("selftest", "Compare this installation with vectors of ESP-DL's own code.", _selftest)
    _option(sub, "golden", "folder of vectors (default: those of the package)")
    _option(sub, "engine", "numpy, host or c (default: %(default)s)", default="host")
    _option(sub, "chip", "one chip (default: one of each family)")

    add("demo", "The whole way on a small real model, without any argument.", _demo)


def _preprocess(arguments: argparse.Namespace) -> int:
    from .onnx_model import save_model
    from .output_files import check_new
    from .quantize.preprocess import preprocess_with_report

    check_new(arguments.output)
    model, report = preprocess_with_report(
        arguments.input,
        skip=arguments.skip,
        enable=arguments.enable,
        input_shapes=dict(arguments.input_shape),
    )
    save_model(model, arguments.output)
    print(report)
    print(f"wrote {arguments.output}")
    return 0


def _quantize(arguments: argparse.Namespace) -> int:
    from .output_files import check_new
    from .quantize import quantize_onnx
    from .quantize.report import check_report_path

    check_new(arguments.output_model)
    if arguments.report is not None:
        check_report_path(arguments.report)
    result = quantize_onnx(
        arguments.input_model,
        calibration_of(arguments),
        arguments.target_chip,
        progress=None,
        **quantize_options_of(arguments),
    )
    result.save(arguments.output_model)
    print(result.report)
    if result.loss is not None:
        print(result.loss)
    print(f"wrote {arguments.output_model}")
    if arguments.report is not None:
        result.report.save(arguments.report)
        print(f"wrote {arguments.report}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from .array_files import load_arrays
    from .compilation import compile_file

    _check_export(arguments)
    if arguments.format == "espdl":
        return _export_espdl(arguments)
    library = compile_file(
        arguments.model_path, arguments.target_chip, name=arguments.name, key=_key(arguments)
    )
    sample = None
    if arguments.img_path is not None:
        sample = load_arrays(arguments.img_path, library.input_names)
    library.export_project(
        arguments.out_path, sample_input=sample, template=arguments.template_path
    )
    print(library.report())
    print(f"wrote {arguments.out_path}")
    return 0


def _check_export(arguments: argparse.Namespace) -> None:
    """Refuse options that the format would ignore."""
    of_format = {"project": ("template_path",), "espdl": ("info", "json")}
    for format_, names in of_format.items():
        given = [name for name in names if getattr(arguments, name)]
        if given and arguments.format != format_:
            raise DataError(
                "an option of another format",
                where="tvm-espdl export",
                found=f"--{given[0]} with --format {arguments.format}",
                allowed=f"--{given[0]} with --format {format_}",
            )


def _export_espdl(arguments: argparse.Namespace) -> int:
    from .array_files import load_arrays
    from .compilation import compile_file
    from .espdl import load
    from .espdl.evidence import chip_of
    from .espdl.file import is_espdl
    from .espdl.rewriting import rewritten
    from .espdl.save import check_paths, save_model

    out, texts = arguments.out_path, {"info": arguments.info, "json": arguments.json}
    check_paths(out, overwrite=False, **texts)
    if is_espdl(arguments.model_path) and arguments.img_path is None:
        file = load(arguments.model_path, model=arguments.name, key=_key(arguments))
        save_model(rewritten(file, chip_of(file, arguments.target_chip)), out, **texts)
    else:
        library = compile_file(
            arguments.model_path, arguments.target_chip, name=arguments.name, key=_key(arguments)
        )
        sample = None
        if arguments.img_path is not None:
            sample = load_arrays(arguments.img_path, library.input_names)
        library.save_espdl(out, sample, **texts)
    print(f"wrote {out}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from .array_files import load_arrays, save_arrays
    from .compilation import compile_file
    from .espdl.file import is_espdl
    from .output_files import check_new

    for path in (arguments.output, arguments.dump):
        if path is not None:
            check_new(path)
    if arguments.input is None and is_espdl(arguments.model):
        return _run_test_vectors(arguments)
    if arguments.input is None or arguments.output is None:
        raise DataError(
            "run needs data",
            where="tvm-espdl run",
            allowed="--input and --output; an .espdl file with test vectors alone",
        )
    library = compile_file(
        arguments.model, arguments.target_chip, name=arguments.name, key=_key(arguments)
    )
    inputs = load_arrays(arguments.input, library.input_names)
    outputs = library.first_run(inputs)
    if arguments.dump is not None:
        from .debug.dump import save_folder

        save_folder(Path(arguments.dump), library.run_with_intermediates(**inputs))
    save_arrays(arguments.output, dict(zip(library.output_names, outputs, strict=True)))
    print(f"wrote {arguments.output}")
    return 0


def _run_test_vectors(arguments: argparse.Namespace) -> int:
    from .array_files import save_arrays
    from .compilation import compile_espdl
    from .debug.dump import save_folder
    from .espdl import load
    from .espdl.vectors import differences, inputs_of, outputs_of

    file = load(arguments.model, model=arguments.name, key=_key(arguments))
    inputs, stored = inputs_of(file), outputs_of(file)
    library = compile_espdl(file, arguments.target_chip)
    outputs = dict(zip(library.output_names, library.first_run(inputs), strict=True))
    if arguments.dump is not None:
        save_folder(Path(arguments.dump), library.run_with_intermediates(**inputs))
    if arguments.output is not None:
        save_arrays(arguments.output, outputs)
    found = differences(stored, outputs)
    for text in found:
        print(text)
    print("FAIL" if found else f"PASS: {len(stored)} stored test outputs on {library.chip.name}")
    return 1 if found else 0


def _check(arguments: argparse.Namespace) -> int:
    from .compilation import compile_file
    from .output_files import check_new

    if arguments.html is not None:
        check_new(arguments.html)
    report = compile_file(
        arguments.model, arguments.target_chip, name=arguments.name, key=_key(arguments)
    ).report()
    print(report.to_json() if arguments.json else report)
    if arguments.html is not None:
        report.to_html(arguments.html)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from .espdl import load, load_package
    from .espdl.summary import summary_of

    names: list[str | None] = list(load_package(arguments.file).images)
    if arguments.name is not None:
        names = [arguments.name]
    key = _key(arguments)
    summaries = [
        summary_of(load(arguments.file, model=name, key=key), arguments.target_chip)
        for name in names
    ]
    if arguments.json:
        texts = [summary.to_json() for summary in summaries]
        print(texts[0] if len(texts) == 1 else "[" + ",\n".join(texts) + "]")
    else:
        print("\n\n".join(map(str, summaries)))
    return 0


def _key(arguments: argparse.Namespace) -> bytes | None:
    if arguments.key is None:
        return None
    try:
        return bytes.fromhex(arguments.key)
    except ValueError:
        raise DataError(
            "no key", where="--key", found=repr(arguments.key), allowed="32 hexadecimal digits"
        ) from None


def _selftest(arguments: argparse.Namespace) -> int:
    from .selftest.golden import GOLDEN
    from .selftest.run import run_selftest

    folder = Path(arguments.golden) if arguments.golden is not None else GOLDEN
    outcomes = run_selftest(arguments.engine, folder, arguments.chip)
    failed = [outcome for outcome in outcomes if outcome.failure]
    for outcome in failed:
        print(f"{outcome.case} on {outcome.chip}: {outcome.failure}")
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed, 0 skipped")
    return 1 if failed else 0


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run_demo

    return run_demo()


if __name__ == "__main__":
    sys.exit(main())
