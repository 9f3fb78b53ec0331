"""TIR in C: the bits of every constant, integers that wrap, and nothing evaluated too early."""

import numpy as np
import pytest
from c_results import c_result
from tvm import tirx

from tvm_espdl.codegen.literals import array_definition
from tvm_espdl.codegen.tir_to_c import Unprintable, c_function
from tvm_espdl.toolchain.compiler import Compiler

SEED = 2718
ALIGNED = "#define ESPDL_ALIGNED(n) __attribute__((aligned(n)))\n"


@pytest.fixture
def strict(c_compiler):
    """C99, every warning an error, a bad access or undefined behaviour too."""
    del c_compiler  # Asks for GCC.
    return Compiler.host(
        *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"), standard="c99"
    )


def stores(dtype, constants):
    """A function that writes constants."""
    out = tirx.decl_buffer((len(constants),), dtype, "out")
    body = [tirx.BufferStore(out, value, [index]) for index, value in enumerate(constants)]
    return tirx.PrimFunc([out], tirx.SeqStmt(body))


def stored(function, dtype, count, compiler, folder):
    text = c_function(function, "constants", 0).definition
    kind = {"float32": "float", "float64": "double", "bool": "bool"}.get(dtype, f"{dtype}_t")
    memory = f"static {kind} results[{count}];\n"
    return c_result(
        compiler, folder, memory + text, "constants(results);", "results", count=count, dtype=dtype
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_constants_keep_their_bits(dtype, strict, tmp_path):
    kind = np.uint32 if dtype == "float32" else np.uint64
    one = np.array(1, dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, 0.1, -7], dtype)
    near = [np.nextafter(one, one * 2), np.nextafter(one, one * 0), np.nextafter(one * 0, one)]
    random = np.random.default_rng(SEED).integers(0, np.iinfo(kind).max, 500, kind)
    values = np.concatenate([special, np.array(near, dtype), random.view(dtype)])
    # TIR holds doubles, and no NaN that signals survives the way into one.
    values = np.array(values.tolist(), dtype)
    function = stores(dtype, [tirx.FloatImm(dtype, value) for value in values.tolist()])
    found = stored(function, dtype, len(values), strict, tmp_path)
    differ = np.flatnonzero(found.view(kind) != values.view(kind))
    assert not len(differ), f"seed {SEED}: {values[differ[:4]]!r} became {found[differ[:4]]!r}"


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64"])
def test_integer_constants(dtype, strict, tmp_path):
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.min + 1, 0, 1, limits.max], dtype)
    function = stores(dtype, [tirx.IntImm(dtype, int(value)) for value in values])
    found = stored(function, dtype, len(values), strict, tmp_path)
    np.testing.assert_array_equal(found, values)


def elementwise(dtype, out_dtype, length, compute):
    """`out[i] = compute(a[i], b[i])`."""
    a, b = (tirx.decl_buffer((length,), dtype, name) for name in "ab")
    out, i = tirx.decl_buffer((length,), out_dtype, "out"), tirx.Var("i", "int32")
    store = tirx.BufferStore(out, compute(a[i], b[i]), [i])
    loop = tirx.For(i, 0, length, tirx.ForKind.SERIAL, store)
    return tirx.PrimFunc([a, b, out], loop)


def computed(function, a, b, out_dtype, *, compiler, folder):
    text = c_function(function, "compute", 2).definition
    inputs = array_definition("given_a", a, 0) + array_definition("given_b", b, 0)
    kind = {"float32": "float", "bool": "bool"}.get(out_dtype, f"{out_dtype}_t")
    definitions = f"{ALIGNED}{inputs}static {kind} results[{a.size}];\n{text}"
    call = "compute(given_a, given_b, results);"
    return c_result(compiler, folder, definitions, call, "results", count=a.size, dtype=out_dtype)


OPERATORS = {
    "add": (tirx.Add, np.add),
    "subtract": (tirx.Sub, np.subtract),
    "multiply": (tirx.Mul, np.multiply),
    "divide": (tirx.Div, lambda a, b: np.trunc(a / b.astype(float))),
    "remainder": (tirx.Mod, np.fmod),
    "max": (tirx.Max, np.maximum),
    "min": (tirx.Min, np.minimum),
    "and": (tirx.BitwiseAnd, np.bitwise_and),
    "xor": (tirx.BitwiseXor, np.bitwise_xor),
    "not": (lambda a, b: tirx.BitwiseNot(a + b), lambda a, b: ~(a + b)),
    "shift": (lambda a, b: tirx.LShift(a, b & 7), lambda a, b: np.left_shift(a, b & 7)),
    "less": (tirx.LT, np.less),
    "differ": (tirx.NE, np.not_equal),
    "chain": (lambda a, b: a - (b - a) * b, lambda a, b: a - (b - a) * b),
    "sum is less": (lambda a, b: tirx.LT(a + b, b), lambda a, b: a + b < b),
}


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_narrow_integers_stay_in_their_type(dtype, strict, tmp_path):
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.min // 2, 1, 2, 3, 100, limits.max], dtype)
    a, b = (np.ascontiguousarray(m.ravel()) for m in np.meshgrid(values, values[values != 0]))
    texts = [ALIGNED, array_definition("given_a", a, 0), array_definition("given_b", b, 0)]
    texts.append(f"static {dtype}_t results[{a.size * len(OPERATORS)}];\n")
    calls = []
    for index, (in_tir, _) in enumerate(OPERATORS.values()):
        function = elementwise(dtype, dtype, a.size, lambda x, y, f=in_tir: as_type(dtype, f(x, y)))
        texts.append(c_function(function, f"compute_{index}", 2).definition)
        calls.append(f"compute_{index}(given_a, given_b, results + {index * a.size});")
    definitions, count = "\n".join(texts), a.size * len(OPERATORS)
    found = c_result(
        strict, tmp_path, definitions, "\n  ".join(calls), "results", count=count, dtype=dtype
    )
    for (name, (_, in_numpy)), result in zip(
        OPERATORS.items(), found.reshape(-1, a.size), strict=True
    ):
        np.testing.assert_array_equal(result, in_numpy(a, b).astype(dtype), name)


def as_type(dtype, value):
    return value if str(value.ty.dtype) == dtype else tirx.Cast(dtype, value)


CASTS = {
    "to bool": ("bool", lambda a, _: tirx.Cast("bool", a), lambda a, _: a != 0),
    "to int64": ("int64", lambda a, _: tirx.Cast("int64", a) * 3, lambda a, _: a.astype(int) * 3),
    "choice": (
        *("int32", lambda a, b: tirx.Select(tirx.And(a < b, tirx.Not(b < 0)), a, b)),
        lambda a, b: np.where((a < b) & ~(b < 0), a, b),
    ),
    "shifts": (
        *("int32", lambda a, b: tirx.LShift(a, tirx.IntImm("int32", 3)) + (b >> 2)),
        lambda a, b: (a << 3) + (b >> 2),
    ),
    "or of and": (
        *("bool", lambda a, b: tirx.Or(tirx.And(a < b, a > 0), tirx.EQ(a & 1, b & 1))),
        lambda a, b: ((a < b) & (a > 0)) | ((a & 1) == (b & 1)),
    ),
    "clip of a product": (
        *("int32", lambda a, b: tirx.Min(tirx.Max(a * b, -50), 50)),
        lambda a, b: np.clip(a * b, -50, 50),
    ),
}


@pytest.mark.parametrize("name", CASTS)
def test_expressions(name, strict, tmp_path):
    out_dtype, in_tir, in_numpy = CASTS[name]
    rng = np.random.default_rng(SEED)
    a, b = rng.integers(-20, 20, (2, 400), np.int32)
    found = computed(
        elementwise("int32", out_dtype, 400, in_tir),
        a,
        b,
        out_dtype,
        compiler=strict,
        folder=tmp_path,
    )
    np.testing.assert_array_equal(found, in_numpy(a, b), f"seed {SEED}")


def test_what_is_guarded_is_evaluated_behind_its_guard(strict, tmp_path):
    a, out = tirx.decl_buffer((4,), "float32", "a"), tirx.decl_buffer((8,), "float32", "out")
    i = tirx.Var("i", "int32")
    far = a[i] * tirx.FloatImm("float32", 2)  # Only 4 elements are there to read.
    clipped = tirx.Max(far, tirx.FloatImm("float32", 0))
    inside = tirx.And(i < 4, tirx.Max(far, clipped) > tirx.FloatImm("float32", -9))
    value = tirx.if_then_else(inside, clipped, tirx.FloatImm("float32", -1))
    store = tirx.BufferStore(out, value, [i])
    loop = tirx.For(i, 0, 8, tirx.ForKind.PARALLEL, store)
    text = c_function(tirx.PrimFunc([a, out], loop), "guarded", 1).definition
    inputs = f"{array_definition('given_a', np.array([1, -2, 3, -0.5], np.float32), 0)}"
    definitions = f"{ALIGNED}{inputs}static float results[8];\n{text}"
    found = c_result(
        strict,
        tmp_path,
        definitions,
        "guarded(given_a, results);",
        "results",
        count=8,
        dtype=np.float32,
    )
    assert found.tolist() == [2, 0, 6, 0, -1, -1, -1, -1]


def test_names_that_c_has_taken():
    names = ["expf", "float", "a b", "a_b", "int32_t", "NAN"]
    buffers = [tirx.decl_buffer((1,), "float32", name) for name in names]
    zero = tirx.FloatImm("float32", 0)
    body = tirx.SeqStmt([tirx.BufferStore(buffer, zero, [0]) for buffer in buffers[1:]])
    text = c_function(tirx.PrimFunc(buffers, body), "named", 1).definition
    head, unused, first, *_ = text.splitlines()
    assert head == (
        "static void named(const float *expf_2, float *tensor_float, float *a_b, float *a_b_2, "
        "float *tensor_int32_t, float *tensor_NAN) {"
    )
    assert (unused, first) == ("  (void)expf_2;", "  tensor_float[0] = 0.0f;")


def test_memory_of_its_own_is_lent_by_the_caller():
    out, own = tirx.decl_buffer((1,), "int32", "out"), tirx.decl_buffer((9,), "int64", "own")
    body = [
        tirx.AllocBuffer(own),
        tirx.BufferStore(own, tirx.IntImm("int64", 5), [8]),
        tirx.BufferStore(out, tirx.Cast("int32", own[8]), [0]),
    ]
    printed = c_function(tirx.PrimFunc([out], tirx.SeqStmt(body)), "lent", 0)
    assert printed.definition == (
        "static void lent(int32_t *out, int64_t *own) {\n"
        "  own[8] = 5LL;\n  out[0] = (int32_t)own[8];\n}\n"
    )
    assert [str(buffer.dtype) for buffer in printed.workspaces] == ["int64"]


def refusals():
    half = tirx.decl_buffer((1,), "float16", "half")
    whole = tirx.decl_buffer((1,), "float32", "whole")
    zero = tirx.FloatImm("float32", 0)
    packed = tirx.Evaluate(tirx.call_packed("some.sort", zero))
    index = tirx.Var("i", "int32")
    store = tirx.BufferStore(whole, zero, [0])
    steps = tirx.For(index, 0, 4, tirx.ForKind.SERIAL, store, step=tirx.IntImm("int32", 2))
    wide = tirx.BufferStore(whole, whole[0] * tirx.Cast("float32", half[0]), [0])
    strange = tirx.BufferStore(whole, tirx.call_intrin("float32", "tirx.rsqrt", zero), [0])
    count = tirx.Var("count", "int32")
    open_size = tirx.AllocBuffer(tirx.decl_buffer((count,), "float32", "some"))
    return {
        "size": (tirx.PrimFunc([whole], open_size), "some of a size known at run time"),
        "float16": (tirx.PrimFunc([half, whole], wide), "values of type float16"),
        "runtime": (tirx.PrimFunc([whole], packed), "TVM's runtime: some.sort"),
        "function": (tirx.PrimFunc([whole], strange), r"TVM's runtime: tirx\.rsqrt"),
        "while": (tirx.PrimFunc([whole], tirx.While(zero < 1, packed)), "While in TIR"),
        "steps": (tirx.PrimFunc([whole], steps), "in steps"),
    }


@pytest.mark.parametrize("name", ["size", "float16", "runtime", "function", "while", "steps"])
def test_what_has_no_c_is_refused_by_name(name):
    function, message = refusals()[name]
    with pytest.raises(Unprintable, match=message):
        c_function(function, "refused", 0)
