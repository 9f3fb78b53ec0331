"""`tvm-espdl export`: a quantized model as an ESP-IDF project, or as an .espdl file."""

from __future__ import annotations

import argparse
import shlex

from ..chips.settings import AUTO, PSRAM_CHOICES
from ..codegen.memory_account import memory_of
from ..codegen.memory_choice import ARENAS, WEIGHTS
from ..errors import DataError
from ..program.kernels import PREFERENCES, Preference
from .edge import say
from .image_options import add_image_options, pixel_options_of, sample_of
from .options import add_model_options, byte_count, key_of, library_of, option, whole_number

#: Options that say nothing of an .espdl file.
_OF_PROJECTS = (
    *("template_path", "kernels", "name", "input_format", "output_format"),
    *("psram", "chip_revision", "internal_ram", "arena", "weights"),
)

HELP = "Write a quantized model as ESP-IDF project or .espdl file."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "model_path", "quantized ONNX model, or .espdl file", required=True)
    add_model_options(parser)
    option(parser, "img_path", "sample input compiled into the project: an image, .npy or .npz")
    option(parser, "template_path", "folder whose files replace the project's own")
    option(
        parser,
        "kernels",
        "auto: ESP-DL's where the chip has vectors and they serve; esp-dl: also where it has none; "
        "portable: never ESP-DL's (default: auto)",
        choices=PREFERENCES,
    )
    option(
        parser,
        "name",
        "what the network's functions, types, macros and files are called after, so that a "
        "firmware may hold several (default: default)",
    )
    _add_firmware_options(parser)
    option(
        parser,
        "user_model_id",
        "your own number of the model, beside the content's own id: into header, metadata and file",
        type=whole_number,
        metavar="N",
    )
    option(parser, "user_model_version", "your own version of it, such as 1.0.2", metavar="TEXT")
    option(
        parser,
        "format",
        "C without an interpreter, or a file for ESP-DL's runtime (default: %(default)s)",
        choices=("project", "espdl"),
        default="project",
    )
    parser.add_argument("--info", action="store_true", help="a .info beside the .espdl file")
    parser.add_argument("--json", action="store_true", help="a .json beside the .espdl file")
    option(parser, "out_path", "folder or file to write, which must not exist", required=True)
    add_image_options(parser)


def _add_firmware_options(parser: argparse.ArgumentParser) -> None:
    """What firmware exchanges, what the board is, where memory comes from."""
    for kind, formats in (("input", "float, native, uint8"), ("output", "float, native")):
        option(
            parser,
            f"{kind}_format",
            f"what firmware exchanges: {formats}; or NAME=FORMAT for one of several, repeated "
            "(default: float, the model's own form)",
            action="append",
            default=[],
            metavar="[NAME=]FORMAT",
        )
    option(
        parser,
        "psram",
        "PSRAM of the board: auto uses it where the network needs it, none never; quad, octal, hex "
        "switch it on (default: auto)",
        choices=PSRAM_CHOICES,
    )
    option(
        parser,
        "chip_revision",
        "major revision of the chip, where firmware depends on it: 1 for ESP32-P4 before 3.0 "
        "(default: the one that is sold today)",
    )
    option(
        parser,
        "internal_ram",
        "bytes of internal RAM for tensors and states, such as 200K; the rest goes to PSRAM "
        "(default: what the chip has without ESP-IDF's part)",
        type=byte_count,
    )
    option(
        parser,
        "arena",
        "tensors in static arrays, or in a buffer that the application gives (default: static)",
        choices=ARENAS,
    )
    option(
        parser,
        "weights",
        "constants stay in flash, or the first run copies them to PSRAM (default: flash)",
        choices=WEIGHTS,
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the project or the file."""
    _check_format(arguments)
    if arguments.format == "espdl":
        _write_espdl(arguments)
        say(f"wrote {arguments.out_path}")
    else:
        from ..codegen.project_text import build_command

        library = library_of(arguments.model_path, arguments)
        takes_pixels = any(wish.endswith("uint8") for wish in arguments.input_format)
        sample = sample_of(arguments.img_path, library, arguments, pixels=takes_pixels)
        kernels: Preference = arguments.kernels or "auto"
        folder = library.export_project(
            arguments.out_path,
            sample,
            template=arguments.template_path,
            kernels=kernels,
            name="default" if arguments.name is None else arguments.name,
            psram=arguments.psram or AUTO,
            chip_revision=arguments.chip_revision or "",
            input_format=_formats(arguments.input_format),
            output_format=_formats(arguments.output_format),
            **(pixel_options_of(arguments) if takes_pixels else {}),
            internal_ram=arguments.internal_ram,
            arena=arguments.arena or "static",
            weights=arguments.weights or "flash",
            user_model_id=arguments.user_model_id,
            user_model_version=arguments.user_model_version,
        )
        print(library.report(kernels=kernels))
        print(memory_of(folder))
        say(f"wrote {arguments.out_path}")
        build = f"{build_command(library.chip)} flash monitor"
        say(f"next: cd {shlex.quote(arguments.out_path)} && {build}")
    return 0


def _formats(wishes: list[str]) -> str | dict[str, str]:
    """One format for all, or those of some inputs or outputs by their names."""
    named = [wish.rpartition("=") for wish in wishes]
    if len(wishes) == 1 and not named[0][1]:
        return wishes[0]
    plain = [wish for wish, (_, separator, _) in zip(wishes, named, strict=True) if not separator]
    if plain:
        raise DataError(
            "a format for all beside others",
            where="tvm-espdl export",
            found=", ".join(wishes),
            allowed="one format for all, or NAME=FORMAT each",
        )
    formats = {name: format_ for name, _, format_ in named}
    if len(formats) < len(named):
        raise DataError(
            "two formats for one",
            where="tvm-espdl export",
            found=", ".join(wishes),
            allowed="one format each",
        )
    return formats


def _check_format(arguments: argparse.Namespace) -> None:
    """Refuse options that the format would ignore."""
    of_format = {"project": _OF_PROJECTS, "espdl": ("info", "json")}
    for format_, names in of_format.items():
        given = [name for name in names if _is_given(getattr(arguments, name))]
        if given and arguments.format != format_:
            raise DataError(
                "an option of another format",
                where="tvm-espdl export",
                found=f"--{given[0]} with --format {arguments.format}",
                allowed=f"--{given[0]} with --format {format_}",
            )


def _is_given(value: object) -> bool:
    """Whether an option was; 0 is a value, too."""
    return value not in (None, []) and value is not False


def _write_espdl(arguments: argparse.Namespace) -> None:
    from ..espdl import load
    from ..espdl.evidence import chip_of
    from ..espdl.file import is_espdl
    from ..espdl.rewriting import rewritten
    from ..espdl.save import check_paths, named_by, save_model
    from ..program.user_model import UserModel

    user = UserModel(arguments.user_model_id, arguments.user_model_version)
    out, texts = arguments.out_path, {"info": arguments.info, "json": arguments.json}
    check_paths(out, overwrite=False, **texts)
    if is_espdl(arguments.model_path) and arguments.img_path is None:
        file = load(arguments.model_path, model=arguments.package_model, key=key_of(arguments))
        model = rewritten(file, chip_of(file, arguments.target_chip))
        save_model(named_by(user, model), out, **texts)
    else:
        library = library_of(arguments.model_path, arguments)
        sample = sample_of(arguments.img_path, library, arguments)
        library.save_espdl(
            out, sample, user_model_id=user.id, user_model_version=user.version, **texts
        )
