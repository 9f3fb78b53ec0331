"""Every pass over every network of the pattern table and the real ones: it keeps its contract."""

import dataclasses
import io
import pickle
import pkgutil

import pytest
import tvm
import tvm_ffi
from networks import CHIPS, quantized_digits, quantized_seed
from pass_contract import Pass, broken
from pattern_cases import CASES, FURTHER
from tvm import relax, relay

from tvm_espdl.chips import find_chip
from tvm_espdl.program import Native, Program
from tvm_espdl.program.passes import PASSES
from tvm_espdl.program.passes import verify as verify_program
from tvm_espdl.program.passes.native_border import native_border
from tvm_espdl.relay import lowering, transform
from tvm_espdl.relay.program import program_of
from tvm_espdl.relay.transform import Partition, forms

#: The spellings that `unify` brings together, in its order.
SPELLINGS = (
    "quantize_once",
    "quantize_moves",
    "widen",
    "cut_last_states",
    "quantize_zero_states",
    "spell_transposed_convolutions",
    "absorb_paddings",
    "spell_biases",
    "split_groups",
    "spell_slopes",
    "spell_limits",
    "spell_numbers",
    "split_concatenations",
    "join_quantizations",
)
WITH_CHIP = ("spell_limits",)
GROUPS = 4

#: Of the sixteen concatenations, the ends.
NAMES = sorted(set(CASES) - {f"concat: of {count}" for count in range(3, 16)})


def passes_of_modules(chip, *, unified=True):
    """The first passes of `lowering.lower`; every spelling once more by itself."""

    def verified(stage):
        return lambda mod: transform.verify(mod, stage)

    def spelling(name):
        run = getattr(forms, name)
        return (lambda mod: run(mod, chip)) if name in WITH_CHIP else run

    yield Pass("count_from_front", transform.count_from_front)
    yield Pass("canonicalize", transform.canonicalize, verified("canonicalize"))
    if unified:
        for name in SPELLINGS:
            yield Pass(name, spelling(name), verified("canonicalize"))
        yield Pass("unify", lambda mod: transform.unify(mod, chip), verified("canonicalize"))


def passes_of_partitions(chip):
    """Those that find operators, and what happens to the rest of the module between."""
    yield Pass(
        "partition",
        lambda before: transform.partition(before, chip, without=lowering.CONVERSIONS),
        verified_partition,
    )
    yield Pass("requantize_inputs", of_modules(lambda mod: transform.requantize_inputs(mod, chip)))
    yield Pass(
        "partition again", lambda found: transform.partition(found, chip), verified_partition
    )
    yield Pass("spell_layers", of_modules(transform.spell_layers))


def of_modules(run):
    """A pass over modules as one over partitions."""
    return lambda found: Partition(run(found.mod), found.taken)


def verified_partition(found):
    return transform.verify(found.mod, "partition")


def passes_of_programs():
    for run in PASSES:
        yield Pass(run.__name__, run, lambda after, name=run.__name__: verify_program(after, name))
    yield Pass(
        "native_border",
        lambda program: native_border(
            program, program.input_names or program.inputs, program.output_names or program.outputs
        ),
        lambda after: verify_program(after, "native_border"),
    )


class Pickler(pickle.Pickler):
    """TVM's own objects, as the functions that TVM computes, by their structure."""

    def persistent_id(self, obj):
        return tvm_ffi.structural_hash(obj) if isinstance(obj, tvm_ffi.Object) else None

    def reducer_override(self, obj):
        """Calls of TVM's, which refuse to be pickled: nobody reads this again."""
        if not isinstance(obj, Native):
            return NotImplemented
        return Native, tuple(getattr(obj, field.name) for field in dataclasses.fields(obj))


def text_of(program):
    stream = io.BytesIO()
    Pickler(stream).dump(program)
    return stream.getvalue()


def fingerprint(subject):
    if isinstance(subject, Program):
        return text_of(subject)
    if isinstance(subject, Partition):
        return tvm_ffi.structural_hash(subject.mod), dict(subject.taken)
    return tvm_ffi.structural_hash(subject)


def equal(one, other):
    if isinstance(one, Program):
        return one is other or text_of(one) == text_of(other)
    if isinstance(one, Partition):
        # Matches hold what they were found in, and are compared where the operators are.
        records = [{n: taken.record for n, taken in p.taken.items()} for p in (one, other)]
        return tvm_ffi.structural_equal(one.mod, other.mod) and records[0] == records[1]
    return tvm_ffi.structural_equal(one, other)


def problems(mod, chip, *, unified=True, repeated=True):
    chip = find_chip(chip)
    how = {"fingerprint": fingerprint, "equal": equal, "repeated": repeated}
    found, mod = broken(passes_of_modules(chip, unified=unified), mod, **how)
    wrong, spelled = broken(passes_of_partitions(chip), Partition(mod), **how)
    found += wrong
    program = program_of(transform.lower_to_nhwc(spelled, chip))
    again = program_of(transform.lower_to_nhwc(spelled, chip)) if repeated else program
    if not equal(again, program):
        found.append("lower_to_nhwc gives another program the second time")
    return found + broken(passes_of_programs(), program, **how)[0]


def test_every_spelling_is_in_the_list():
    files = [file.name for file in pkgutil.iter_modules(forms.__path__)]
    functions = [name for name, value in vars(forms).items() if callable(value)]
    passes_there = {n for n in functions if getattr(forms, n).__module__.split(".")[-1] in files}
    assert passes_there == set(SPELLINGS)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_digits_network_keeps_the_contract(chip):
    assert problems(relay.frontend.from_onnx(quantized_digits(chip))[0], chip) == []


def test_a_residual_network_keeps_the_contract(models_dir):
    mod = relay.frontend.from_onnx(quantized_seed(models_dir, "esp32s3"))[0]
    assert problems(mod, "esp32s3") == []


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_pattern_table_keeps_the_contract(group):
    """Forms that match and some that do not; what is refused, TVM computes."""
    found = {}
    for name in NAMES[group::GROUPS]:
        for number, form in enumerate([CASES[name].positive, *FURTHER.get(name, [])]):
            mod = relay.frontend.from_onnx(form.model())[0] if form.importable else form.build()
            wrong = problems(mod, form.chip, unified=form.unified, repeated=False)
            if wrong:
                found[f"{name}, form {number}"] = wrong
    assert not found


def doubled(mod):
    """A pass that breaks the contract: it adds one more function each time."""
    after = tvm.IRModule(dict(mod.functions), attrs=mod.attrs)
    after[f"copy{len(mod.functions)}"] = mod["main"].without_attr("global_symbol")
    return after


def noted(mod):
    """Another one: it writes into its input."""
    mod["noted"] = mod["main"].without_attr("global_symbol")
    return mod


@pytest.mark.parametrize(
    ("run", "sentence"), [(doubled, "changes what it has made"), (noted, "changed its input")]
)
def test_a_broken_contract_is_seen(run, sentence):
    x = relax.Var("x", relax.TensorType((2,), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        with builder.dataflow():
            output = builder.emit_output(relax.op.nn.relu(x))
        builder.emit_func_output(output)
    found, _ = broken([Pass("it", run)], builder.get(), fingerprint, equal)
    assert f"it {sentence}" in found
