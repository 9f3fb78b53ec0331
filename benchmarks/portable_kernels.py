"""Instructions of the portable kernels on emulated chips: whole networks, and kernel by kernel.

Every network is quantized to int8 for a chip of each family, and its exported C, as it is but for
its main, runs once on QEMU. On RISC-V 32 `rdinstret` counts instructions exactly; Xtensa's cycle
counter under `-icount` is a fixed multiple of them. The arithmetic of S3 and P4 runs without their
vectors: it is what `kernels="portable"` gives there.

The peer is TVM's own loop for the same integer convolution (products, bias, shift, saturation): a
`relax.nn.conv2d` from int8 to int32, legalized and fused like whatever no pattern takes, and
printed as C by `tvm_espdl.codegen.native`; nothing is scheduled, and its filter is in the order
that it likes best. Same compiler, options and counter, same run.

Prints instructions per multiply-accumulate (of kernels without them, per element of the result)
and the sizes of the linked program's sections, with the C library's input and output in them.
Run: `OMP_NUM_THREADS=1 python benchmarks/portable_kernels.py FOLDER [NETWORK ...]`, a folder of
float models with `<name>.calib.npz` beside them (random inputs where absent).
"""

import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import tvm
from tvm import relax

from tvm_espdl.codegen.cut import Cut
from tvm_espdl.codegen.identifiers import identifiers
from tvm_espdl.codegen.literals import c_type
from tvm_espdl.codegen.native import lower_native
from tvm_espdl.codegen.network_name import NetworkName
from tvm_espdl.compilation import compile_file
from tvm_espdl.ops.base.convolution import Convolution
from tvm_espdl.program import Native
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.relay.legalize import legalized
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

PREFIX = NetworkName().prefix
NETWORKS = ("resnet8_32", "mobilenetv2_035_96", "dscnn_kws_49x10")
# The chips whose bits are computed, and the instruction sets that compute them: the C3's and C2's
# for all, and the nearest to ESP32 and S2 that there is.
CHIPS = {"esp32c3": ("rv32imc", "lx106"), "esp32s3": ("rv32imc",), "esp32p4": ("rv32imc",)}
SECTIONS = ("text", "rodata", "data", "bss")
# As ESP-IDF links.
SMALL = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,-Map=program.map")

COUNTING = """\
#include <stdint.h>
#include <stdio.h>
enum {{ MOST = 4096 }};
static uint32_t counts[MOST];
static int32_t indices[MOST];
static int32_t steps;
static void count_step(int32_t index) {{
  __asm__ volatile("{read}" : "=r"(counts[steps]) : : "memory");
  indices[steps++] = index;
}}
"""

# The program begins with a step that does nothing, and prints what each one took.
MAIN = """
int main(void) {{
{before}
  count_step(-1);
  count_step(-1);
{body}
  for (int32_t i = 1; i < steps; ++i) {{
    printf("%ld %lu\\n", (long)indices[i], (unsigned long)(uint32_t)(counts[i] - counts[i - 1]));
  }}
  return 0;
}}
"""

# The hooks of the dump stand behind every step of a network: here they count.
HOOKS = """\
#if !defined(TVM_ESPDL_DUMP_H) && !defined(__ASSEMBLER__)
#define TVM_ESPDL_DUMP_H
#include <stdint.h>
void count_step_of_network(int32_t index);
#define TVM_ESPDL_DUMP_BEGIN(model_id, tensors) ((void)0)
#define TVM_ESPDL_DUMP_TENSOR(index, name, dtype, shape, exponent, data, bytes) \\
  ((void)(data), count_step_of_network(index))
#define TVM_ESPDL_DUMP_DONE(tensors) ((void)0)
#endif
"""


def machine(name):
    """The compiler for an emulated chip that counts."""
    compiler = Compiler.xtensa() if name == "lx106" else Compiler.rv32(march=name, mabi="ilp32")
    return compiler.counting()


def counted(text, compiler):
    """Index and instructions of each step; the first row is that of the empty step."""
    rows = [tuple(map(int, line.split())) for line in text.splitlines()]
    counts = [round(count / compiler.counter.per_instruction) for _, count in rows]
    return [(index, n - counts[0]) for (index, _), n in zip(rows, counts, strict=True)][1:]


def quantized(path, chip):
    """The model in int8 for a chip, and an input."""
    stored, model = path.with_suffix(".calib.npz"), preprocess_onnx(path)
    if stored.exists():
        with np.load(stored) as data:
            calibration = data[data.files[0]].astype(np.float32)
    else:
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        calibration = np.random.default_rng(1).standard_normal((32, *shape[1:])).astype(np.float32)
    return quantize_onnx(model, calibration, chip, measure=False).model, calibration[:1]


def network_main(program, inputs, compiler):
    """A main that runs a network once on the inputs."""
    buffers, given, taken = [], [], []
    names = identifiers(program.input_names)
    for name, value, array in zip(names, program.inputs, inputs, strict=True):
        real = array.dtype.kind == "f"
        texts = [f"{v.hex()}f" if real else str(v) for v in array.ravel().tolist()]
        kind = f"static const ESPDL_ALIGNED(16) {c_type(program.values[value].dtype)}"
        buffers.append(f"{kind} in_{name}[] = {{{', '.join(texts)}}};")
        given.append(f".{name} = in_{name}")
    names = identifiers(program.output_names)
    for name, value in zip(names, program.outputs, strict=True):
        tensor = program.values[value]
        kind = f"static ESPDL_ALIGNED(16) {c_type(tensor.dtype)}"
        buffers.append(f"{kind} out_{name}[{tensor.size}];")
        taken.append(f".{name} = out_{name}")
    hook = "void count_step_of_network(int32_t index) { count_step(index); }"
    before = (
        f"  struct {PREFIX}_inputs given = {{{', '.join(given)}}};\n"
        f"  struct {PREFIX}_outputs taken = {{{', '.join(taken)}}};"
    )
    body = f"  if ({PREFIX}_run(&given, &taken) != 0) {{\n    return 1;\n  }}"
    counting = COUNTING.format(read=compiler.counter.read)
    head = f'#include "{PREFIX}.h"\n#include "espdl_kernels.h"\n'
    return "\n".join([counting, head, hook, *buffers, MAIN.format(before=before, body=body)])


def run_network(library, sample, compiler):
    """Instructions of each step, and bytes of the program's sections."""
    program = library.program
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library.export_project(folder / "project", kernels="portable")
        main, hooks = folder / "main.c", folder / "hooks.h"
        hooks.write_text(HOOKS)
        main.write_text(network_main(program, library.feed([sample]), compiler))
        with_hooks = compiler.with_flags(*SMALL, "-include", str(hooks))
        build_project(folder / "project", folder / "program", with_hooks, main=main)
        sizes = section_sizes((folder / "program.map").read_text())
        rows = counted(compiler.run(folder / "program"), compiler)
    values = list(program.values)
    by_value = {values[index]: count for index, count in rows}
    return [sum(by_value[name] for name in step.outputs) for step in program.steps], sizes


def section_sizes(linker_map):
    """Bytes by kind of section: linker scripts put several kinds into one section."""
    _, _, placed = linker_map.partition("Linker script and memory map")
    sizes = dict.fromkeys(SECTIONS, 0)
    lines = re.findall(r"^ \.s?(\w+)[\w.$]*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) ", placed, re.MULTILINE)
    for kind, size in lines:
        if kind in sizes:
            sizes[kind] += int(size, 16)
    return sizes


def tvm_loop(operator):
    """TVM's function for an integer convolution."""
    (height, width), (rows, columns) = operator.size, operator.kernel
    channels, results = operator.x.shape[-1], operator.y.shape[-1]
    depthwise = operator.w.shape[1] != channels
    last, layout = ((results, 1), "HWOI") if depthwise else ((channels, results), "HWIO")
    x = relax.Var("x", relax.TensorType((1, height, width, channels), "int8"))
    w = relax.Var("w", relax.TensorType((rows, columns, *last), "int8"))
    b = relax.Var("b", relax.TensorType((results,), "int32"))
    shift = max(1, min(30, operator.shifts[0]))
    builder = relax.BlockBuilder()
    with builder.function("main", [x, w, b]):
        with builder.dataflow():
            value = relax.op.nn.conv2d(
                *(x, w, operator.strides, operator.pads, operator.dilations),
                groups=channels if depthwise else 1,
                **{"data_layout": "NHWC", "kernel_layout": layout, "out_dtype": "int32"},
            )
            value = relax.op.add(builder.emit(value), b)
            value = relax.op.add(builder.emit(value), relax.const(1 << (shift - 1), "int32"))
            value = relax.op.right_shift(builder.emit(value), relax.const(shift, "int32"))
            lowest = 0 if operator.activation == "relu" else -128
            value = relax.op.clip(builder.emit(value), lowest, 127)
            value = relax.op.astype(builder.emit(value), "int8")
            result = builder.emit_output(builder.emit(value))
        builder.emit_func_output(result)
    functions = legalized(builder.get()).functions.values()
    (function,) = (f for f in functions if isinstance(f, tvm.tirx.PrimFunc))
    return Native(function, (operator.x, operator.w, operator.b), (operator.y,))


def run_tvm(operators, compiler):
    """Instructions of TVM's loop for each of the convolutions."""
    functions, calls, scratch_bytes = [], [], 1
    for index, operator in enumerate(operators):
        lowered = lower_native(tvm_loop(operator), f"loop_{index}", Cut("", ""))
        scratch_bytes = max(scratch_bytes, lowered.workspace_bytes)
        functions.append(f"__attribute__((noinline)) {lowered.definition}")
        scratch = "".join(
            f", ({c_type(dtype)} *)(void *)(scratch + {offset})"
            for dtype, offset in lowered.workspaces
        )
        calls.append(f"  loop_{index}(x, w, b, y{scratch});\n  count_step({index});")
    most = max(max(o.x.size, o.y.size, o.w.size) for o in operators)
    buffers = [
        f"static int8_t x[{most}], y[{most}], w[{most}];",
        f"static int32_t b[{most}];",
        f"static _Alignas(16) uint8_t scratch[{scratch_bytes}];",
    ]
    body = MAIN.format(before="", body="\n".join(calls))
    counting = COUNTING.format(read=compiler.counter.read)
    with tempfile.TemporaryDirectory() as name:
        main, program = Path(name) / "main.c", Path(name) / "program"
        main.write_text("\n".join([counting, *functions, *buffers, body]))
        compiler.build([main], program)
        rows = counted(compiler.run(program), compiler)
    return {operators[index]: count for index, count in rows}


def described(operator):
    shapes = ["x".join(map(str, tensor.shape[1:])) for tensor in (operator.x, operator.y)]
    window = ["x".join(map(str, pair)) for pair in (operator.kernel, operator.strides)]
    return f"{' -> '.join(shapes)}, {'/'.join(window)}"


def report(library, sample, compiler):
    """Print one network on one machine."""
    steps = library.program.steps
    convolutions = list(
        dict.fromkeys(s.operator for s in steps if isinstance(s.operator, Convolution))
    )
    ours, sizes = run_network(library, sample, compiler)
    theirs = run_tvm(convolutions, compiler)
    macs, total = sum(step.operator.macs for step in steps), sum(ours)
    millions = f"{macs / 1e6:.2f} M MACs, {total / 1e6:.2f} M instructions"
    print(f"  {millions}: {total / macs:.2f} per MAC")
    print(f"  bytes: {', '.join(f'{kind} {size}' for kind, size in sizes.items())}")
    print(f"  {'':18} {'ours':>7} {'TVM':>7} {'ratio':>6}  per MAC")
    kinds = defaultdict(lambda: np.zeros(4, np.int64))
    seen = set()
    for step, count in zip(steps, ours, strict=True):
        operator = step.operator
        peer = theirs.get(operator, 0)
        kinds[operator.name] += np.array([count, operator.macs, operator.output.size, peer])
        if peer and operator not in seen:
            columns = _columns(count, peer, operator.macs)
            print(f"  {operator.name:18} {columns}  {described(operator)}")
        seen.add(operator)
    for kind, (count, products, elements, peer) in kinds.items():
        share = f"all: {100 * count / total:.1f} % of the instructions"
        if peer:
            print(f"  {kind:18} {_columns(count, peer, products)}  {share}")
        else:
            per, unit = (products, "MAC") if products else (elements, "element")
            print(f"  {kind:18} {count / per:7.2f} {'':14}  {share}, per {unit}")


def _columns(count, peer, products):
    return f"{count / products:7.2f} {peer / products:7.2f} {peer / count:6.2f}"


def main(folder, *names):
    for name in names or NETWORKS:
        for chip, machines in CHIPS.items():
            model, sample = quantized(Path(folder) / f"{name}.onnx", chip)
            library = compile_file(model, chip)
            for of_machine in machines:
                print(f"{name}, {chip}'s bits on {of_machine}:", flush=True)
                report(library, sample, machine(of_machine))


if __name__ == "__main__":
    main(*sys.argv[1:])
