"""Instructions of the portable kernels on emulated chips: whole networks, and kernel by kernel.

Every network is quantized to int8 for one chip of each family and its exported C is run once, as it
is, on QEMU. RISC-V 32 counts retired instructions exactly (`rdinstret`); Xtensa has no such
counter: its cycle counter under `-icount` is a fixed multiple of the instructions.

The peer is TVM's own loop for the same integer convolutions (products, bias, shift, saturation): a
`relax.nn.conv2d` from int8 to int32, legalized and fused as this project does it with whatever no
pattern takes, and printed as C by `tvm_espdl.codegen.native`. Same compiler, same options, same
counter, same run. It wants the filter as HWIO and a padded copy of the image; nothing is scheduled.

Prints instructions per multiply-accumulate and the sizes of the linked program's sections. Of a
kernel without products, instructions per element of its result.
Run: `OMP_NUM_THREADS=1 python benchmarks/portable_kernels.py FOLDER [NETWORK ...]`, a folder of
float models with `<name>.calib.npz` beside them (random inputs where absent).
"""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import tvm
from tvm import relax

from tvm_espdl.codegen.cut import Cut
from tvm_espdl.codegen.header import PREFIX
from tvm_espdl.codegen.identifiers import identifiers
from tvm_espdl.codegen.literals import c_type
from tvm_espdl.codegen.native import lower_native
from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.relay.legalize import legalized
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

NETWORKS = ("resnet8_32", "mobilenetv2_035_96", "dscnn_kws_49x10")
# The chip whose bits are computed, and the instruction sets that run them.
CHIPS = {"esp32c3": ("rv32imc", "lx106"), "esp32s3": ("rv32imc",), "esp32p4": ("rv32imc",)}
SECTIONS = (".text", ".rodata", ".data", ".bss")
# As ESP-IDF links.
SMALL = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")


def machine(name):
    """The compiler of an emulated chip that counts."""
    compiler = Compiler.xtensa() if name == "lx106" else Compiler.rv32(march=name, mabi="ilp32")
    return compiler.counting()


COUNTER = """\
#include <stdint.h>
#include <stdio.h>
static inline uint32_t counter(void) {
  uint32_t now;
  __asm__ volatile("%s" : "=r"(now) : : "memory");
  return now;
}
"""

# The hooks of the dump stand behind every step: here they count.
HOOKS = """\
#if !defined(TVM_ESPDL_DUMP_H) && !defined(__ASSEMBLER__)
#define TVM_ESPDL_DUMP_H
#include <stdint.h>
void count_step(int32_t index);
#define TVM_ESPDL_DUMP_BEGIN(model_id, tensors) ((void)0)
#define TVM_ESPDL_DUMP_TENSOR(index, name, dtype, shape, exponent, data, bytes) \\
  ((void)(data), count_step(index))
#define TVM_ESPDL_DUMP_DONE(tensors) ((void)0)
#endif
"""

COUNT_STEP = """\
enum { MOST = 4096 };
static uint32_t counts[MOST];
static int32_t indices[MOST];
static int32_t steps;
void count_step(int32_t index) {
  indices[steps] = index;
  counts[steps] = counter();
  ++steps;
}
"""


def quantized(path, chip):
    """The model in int8 for a chip, and an input."""
    stored = path.with_suffix(".calib.npz")
    model = preprocess_onnx(path)
    if stored.exists():
        with np.load(stored) as data:
            calibration = data[data.files[0]].astype(np.float32)
    else:
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        rng = np.random.default_rng(1)
        calibration = rng.standard_normal((32, *shape[1:])).astype(np.float32)
    return quantize_onnx(model, calibration, chip, measure=False).model, calibration[:1]


def network_main(program, inputs, compiler):
    names, values = identifiers(program.input_names), program.inputs
    arrays, given = [], []
    for name, value, array in zip(names, values, inputs, strict=True):
        text = ", ".join(map(_number, array.ravel().tolist()))
        arrays.append(f"static const {c_type(program.values[value].dtype)} in_{name}[] = {{{text}}};")
        given.append(f".{name} = in_{name}")
    taken = []
    for name, value in zip(identifiers(program.output_names), program.outputs, strict=True):
        tensor = program.values[value]
        arrays.append(f"static {c_type(tensor.dtype)} out_{name}[{tensor.size}];")
        taken.append(f".{name} = out_{name}")
    return "\n".join(
        [
            COUNTER % compiler.counter.read,
            COUNT_STEP,
            f'#include "{PREFIX}.h"',
            *arrays,
            "int main(void) {",
            f"  struct {PREFIX}_inputs given = {{{', '.join(given)}}};",
            f"  struct {PREFIX}_outputs taken = {{{', '.join(taken)}}};",
            "  count_step(-2);",
            "  count_step(-1);",
            f"  if ({PREFIX}_run(&given, &taken) != 0) {{ return 1; }}",
            "  for (int32_t i = 1; i < steps; ++i) {",
            '    printf("%ld %lu\\n", (long)indices[i], (unsigned long)(counts[i] - counts[i-1]));',
            "  }",
            "  return 0;",
            "}",
            "",
        ]
    )


def _number(value):
    return value.hex() + "f" if isinstance(value, float) else str(value)


def counted(text, compiler):
    """Index and instructions of each step; the first row is an empty step, which all contain."""
    rows = [tuple(map(int, line.split())) for line in text.splitlines()]
    counts = [round(count / compiler.counter.per_instruction) for _, count in rows]
    return [(index, n - counts[0]) for (index, _), n in zip(rows, counts, strict=True)][1:]


def run_network(library, sample, compiler):
    """Instructions by step, and the sizes of the program's sections."""
    program = library.program
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library.export_project(folder / "project", kernels="portable")
        main, hooks = folder / "main.c", folder / "hooks.h"
        hooks.write_text(HOOKS)
        main.write_text(network_main(program, library.feed([sample]), compiler))
        with_hooks = compiler.with_flags(*SMALL, "-include", str(hooks))
        build_project(folder / "project", folder / "program", with_hooks, main=main)
        sizes = sections(folder / "program", compiler)
        rows = counted(compiler.run(folder / "program"), compiler)
    values = list(program.values)
    by_value = {values[index]: count for index, count in rows}
    return [sum(by_value[name] for name in step.outputs) for step in program.steps], sizes


def sections(program, compiler):
    tool = compiler.command.removesuffix("gcc") + "size"
    done = subprocess.run([tool, "-A", program], capture_output=True, text=True, check=True)
    sizes = defaultdict(int)
    for line in done.stdout.splitlines():
        found = re.match(r"(\.\w+)\S*\s+(\d+)", line)
        if found and found[1] in SECTIONS:
            sizes[found[1]] += int(found[2])
    return sizes


def tvm_loop(operator):
    """TVM's loop for a convolution: its function in C, or None where it is no convolution."""
    if not hasattr(operator, "pads"):
        return None
    (height, width), (rows, columns) = operator.size, operator.kernel
    channels, results, inner = operator.x.shape[-1], operator.y.shape[-1], operator.w.shape[1]
    depthwise = inner != channels
    last, layout = ((results, 1), "HWOI") if depthwise else ((channels, results), "HWIO")
    x = relax.Var("x", relax.TensorType((1, height, width, channels), "int8"))
    w = relax.Var("w", relax.TensorType((rows, columns, *last), "int8"))
    b = relax.Var("b", relax.TensorType((results,), "int32"))
    shift = max(1, min(30, operator.shifts[0]))
    builder = relax.BlockBuilder()
    with builder.function("main", [x, w, b]):
        with builder.dataflow():
            sums = relax.op.nn.conv2d(
                *(x, w, operator.strides, operator.pads, operator.dilations),
                groups=channels if depthwise else 1,
                **{"data_layout": "NHWC", "kernel_layout": layout, "out_dtype": "int32"},
            )
            sums = builder.emit(relax.op.add(builder.emit(sums), b))
            sums = builder.emit(relax.op.add(sums, relax.const(1 << (shift - 1), "int32")))
            sums = builder.emit(relax.op.right_shift(sums, relax.const(shift, "int32")))
            lowest = 0 if operator.activation == "relu" else -128
            sums = builder.emit(relax.op.clip(sums, lowest, 127))
            result = builder.emit_output(builder.emit(relax.op.astype(sums, "int8")))
        builder.emit_func_output(result)
    functions = legalized(builder.get()).functions.values()
    (function,) = (f for f in functions if isinstance(f, tvm.tirx.PrimFunc))
    return Native(function, (operator.x, operator.w, operator.b), (operator.y,))


def run_tvm(operators, compiler):
    """Instructions of TVM's loop for each of the convolutions, by its record."""
    parts, calls, needed = [], [], 0
    for index, operator in enumerate(operators):
        native = tvm_loop(operator)
        lowered = lower_native(native, f"loop_{index}", Cut("", ""))
        needed = max(needed, lowered.workspace_bytes)
        parts.append(lowered.definition.replace("static", "__attribute__((noinline)) static", 1))
        scratch = "".join(
            f", ({c_type(dtype)} *)(void *)(work + {offset})"
            for dtype, offset in lowered.workspaces
        )
        calls.append(f"  loop_{index}(x, w, b, y{scratch});\n  count_step({index});")
    most = max(max(o.x.size, o.y.size, o.w.size, o.y.shape[-1]) for o in operators)
    main = "\n".join(
        [
            COUNTER % compiler.counter.read,
            COUNT_STEP,
            *parts,
            f"static int8_t x[{most}], y[{most}], w[{most}];",
            f"static int32_t b[{most}];",
            f"static _Alignas(16) uint8_t work[{max(needed, 1)}];",
            "int main(void) {",
            "  count_step(-2);",
            "  count_step(-1);",
            *calls,
            "  for (int32_t i = 1; i < steps; ++i) {",
            '    printf("%ld %lu\\n", (long)indices[i], (unsigned long)(counts[i] - counts[i-1]));',
            "  }",
            "  return 0;",
            "}",
            "",
        ]
    )
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "main.c").write_text(main)
        compiler.build([Path(name) / "main.c"], Path(name) / "program")
        rows = counted(compiler.run(Path(name) / "program"), compiler)
    return {operators[index]: count for index, count in rows}


def shape(operator):
    text = f"{'x'.join(map(str, operator.x.shape[1:]))} -> {'x'.join(map(str, operator.y.shape[1:]))}"
    if hasattr(operator, "kernel"):
        text += f", {'x'.join(map(str, operator.kernel))}/{'x'.join(map(str, operator.strides))}"
    return text


def report(name, chip, isa, library, sample, theirs):
    steps = library.program.steps
    ours, sizes = run_network(library, sample, machine(isa))
    macs = sum(step.operator.macs for step in steps)
    size = "  ".join(f"{section} {sizes[section]}" for section in SECTIONS)
    print(f"\n{name}, {chip} on {isa}: {macs / 1e6:.2f} M MACs, {sum(ours) / 1e6:.2f} M instructions,")
    print(f"  {sum(ours) / macs:.2f} per MAC; bytes: {size}")
    kinds, peers = defaultdict(lambda: [0, 0, 0]), defaultdict(lambda: [0, 0])
    for step, count in zip(steps, ours, strict=True):
        operator = step.operator
        kind = kinds[operator.name]
        kind[0] += count
        kind[1] += operator.macs
        kind[2] += operator.output.size
        if operator in theirs:
            peers[operator.name][0] += count
            peers[operator.name][1] += theirs[operator]
            line = f"{count / operator.macs:7.2f} {theirs[operator] / operator.macs:7.2f}"
            ratio = theirs[operator] / count
            print(f"    {operator.name:18} {line} {ratio:6.2f}x  {shape(operator)}")
    for kind, (count, products, elements) in kinds.items():
        share = f"{100 * count / sum(ours):5.1f} %"
        if products:
            line = f"{count / products:7.2f} per MAC"
        else:
            line = f"{count / elements:7.2f} per element"
        if kind in peers:
            line += f", TVM's loop {peers[kind][1] / products:.2f} ({peers[kind][1] / count:.2f}x)"
        print(f"  {kind:20} {share}  {line}")


def main(folder, *names):
    for name in names or NETWORKS:
        peers = {}
        for chip, isas in CHIPS.items():
            model, sample = quantized(Path(folder) / f"{name}.onnx", chip)
            library = compile_file(model, chip)
            for isa in isas:
                found = [s.operator for s in library.program.steps if hasattr(s.operator, "pads") and hasattr(s.operator, "w")]
                theirs = run_tvm(list(dict.fromkeys(found)), machine(isa))
                report(name, chip, isa, library, sample, theirs)


if __name__ == "__main__":
    main(*sys.argv[1:])
