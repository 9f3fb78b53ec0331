"""The house: which rooms there are, which floor each stands on, and who may import whom.

A room imports only from rooms on lower floors; rooms of one floor do not import each other. Imports
inside functions and those for types only count. Each rule is a function from a graph of imports to
sentences about what breaks it, and a test beside it shows that it can fail.
"""

import ast
import re
import statistics
from functools import cache
from pathlib import Path

import pytest
from architecture import PICTURE, drawing
from import_graph import ImportGraph, read_package

ROOT = Path(__file__).parents[1]

#: From the top floor to the ground; "" is the package's own `__init__`. The table is that of the
#: design, but for `demo`: it stands one floor below `cli`, whose command `demo` runs it.
FLOORS = (
    ("opt_and_eval",),
    ("", "cli"),
    ("demo", "deep_search", "stages"),
    ("quantize",),
    ("evaluation",),
    ("compilation", "legacy"),
    ("relay",),
    ("library",),
    ("selftest", "debug", "espdl", "estimate"),
    ("toolchain",),
    ("preprocess", "samples"),
    ("onnx_graphs",),
    ("codegen",),
    ("runtime",),
    ("report",),
    ("program",),
    ("files",),
    ("ops",),
    ("chips", "errors", "version"),
)

#: Whose files may import each other whatever the floor: they know nothing but themselves.
GROUND = FLOORS[-1]

#: Rooms that are planned and not there yet.
LATER = {"evaluation"}

#: Who may import a library that is heavy, or that only some should know. A room that is named may
#: also stand above one that does; whoever is not named never reaches it, except as the next says.
LIBRARIES = {
    "tvm": {"", "legacy", "compilation", "relay", "library", "codegen", "runtime"},
    "tvm_ffi": {"relay", "runtime"},
    "onnx": {
        "deep_search",
        "stages",
        "quantize",
        "compilation",
        "relay",
        "preprocess",
        "onnx_graphs",
    },
    "onnxruntime": {"demo", "onnx_graphs"},
    "torch": {"relay"},
    "onnxscript": {"relay"},
    "PIL": {"samples"},
    "serial": {"debug"},
    "flatbuffers": {"espdl"},
}

#: Rooms that never reach TVM, not even through what they import.
WITHOUT_TVM = (
    *("chips", "errors", "version", "ops", "files", "program", "report"),
    *("onnx_graphs", "preprocess", "samples", "espdl", "estimate"),
)

#: Rooms that reach TVM through one file only, which is asked when a network is to run.
DOORS = {"quantize": "quantize.exact"}

#: Files that find others by name, and the folder in which they look.
LOADERS = {
    "": "",
    "espdl.families": "espdl.families",
    "legacy.aliases": "",
    "legacy.lend": "",
    "ops.base.registry": "ops",
    "relay.patterns.rules": "relay.patterns",
}

MOST_LINES_OF_AN_OPERATOR = 150
MEDIAN_LINES_OF_OPERATORS = 45
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}


def room_of(module):
    return module.split(".")[0]


def floor_of(room):
    """Counted from the top; None for a room that is in no row."""
    return next((number for number, row in enumerate(FLOORS) if room in row), None)


def forbidden_arrows(graph):
    """Imports that run upwards or sideways."""
    found = []
    for arrow in graph.arrows:
        above, below = room_of(arrow.importer), room_of(arrow.imported)
        if above == below or {above, below} <= set(GROUND):
            continue
        floors = floor_of(above), floor_of(below)
        if None not in floors and floors[0] >= floors[1]:
            way = "sideways" if floors[0] == floors[1] else "upwards"
            found.append(f"{arrow}: {way}")
    return found


def circles(graph):
    """Files that need each other."""
    return [", ".join(group) for group in graph.circles()]


def homeless(graph):
    """Files in rooms that are in no row of the table."""
    return [name for name in graph.trees if floor_of(room_of(name)) is None]


def empty_rooms(graph):
    """Rooms of the table that nothing stands in."""
    there = {room_of(name) for name in graph.trees}
    return [room for row in FLOORS for room in row if (room in there) == (room in LATER)]


def silent_folders(graph):
    """Folders that do not say what they own: a sentence, and below it what they must not do."""
    found = []
    for name in graph.trees:
        folder = name if graph.is_package(name) else name.rpartition(".")[0]
        if folder not in graph.trees or not graph.is_package(folder):
            found.append(f"{folder}: no __init__")
        elif graph.is_package(name):
            text = ast.get_docstring(graph.trees[name]) or ""
            first, _, rest = text.partition("\n\n")
            if not first.rstrip().endswith(".") or len(first.split()) < 4 or not rest.strip():
                found.append(name)
    return sorted(set(found))


def operators_of(graph):
    """Lines of each operator's file."""
    return {
        name: graph.lines(name)
        for name in graph.trees
        if name.startswith("ops.")
        and name.count(".") == 1
        and not graph.is_package(name)
        and not name.startswith("ops._")
    }


def long_operators(graph):
    lines = operators_of(graph)
    return [f"{n}: {count}" for n, count in lines.items() if count > MOST_LINES_OF_AN_OPERATOR]


def median_operator(graph):
    return statistics.median(operators_of(graph).values())


def foreign_imports(graph):
    """Imports of a library by a room that should not know it."""
    return [
        f"{name}:{line} imports {library}"
        for name, libraries in graph.foreign.items()
        for library, line in libraries.items()
        if library in LIBRARIES and room_of(name) not in LIBRARIES[library]
    ]


def reaching_tvm(graph):
    """Files that need TVM through others, in rooms that are without it or have one door to it."""
    ways = []
    for name in graph.trees:
        door = DOORS.get(room_of(name), "")
        if name != door and (door or room_of(name) in WITHOUT_TVM):
            reached = graph.reached(name, frozenset({door}))
            through = sorted(file for file in reached if "tvm" in graph.foreign[file])
            ways += [f"{name} through {through[0]}"] if through else []
    return ways


def hidden_imports(graph):
    """Imports of computed names, but for the files that find others by being there."""
    found = []
    for name, line in graph.computed():
        if name not in LOADERS or (room_of(LOADERS[name]) not in ("", room_of(name))):
            found.append(f"{name}:{line}")
    return found


def vague_names(graph):
    return [name for name in graph.trees if name.split(".")[-1].strip("_") in VAGUE]


def _asks_the_name(node):
    """Whether an expression is `chip.name`, `….chip.name` or `….family`."""
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.attr == "family" or (node.attr == "name" and last == "chip")


def chip_comparisons(graph, names):
    """Behaviour by a chip's name, outside `chips`: comparisons, and tables that chips choose from.

    `names` are the names of chips and families; that of one letter only counts beside a chip.
    """
    plain = {name for name in names if len(name) > 1}

    def holds(node, of):
        return any(isinstance(n, ast.Constant) and n.value in of for n in ast.walk(node))

    def asks(node):
        return any(map(_asks_the_name, ast.walk(node)))

    found = []
    for name, tree in graph.trees.items():
        for node in ast.walk(tree) if room_of(name) != "chips" else ():
            match node:
                case ast.Compare():
                    bad = holds(node, names if asks(node) else plain)
                case ast.Match(subject=subject, cases=cases):
                    told = names if asks(subject) else plain
                    bad = any(holds(one.pattern, told) for one in cases)
                case ast.Subscript(value=ast.Name(id=table), slice=key):
                    bad = table != "CHIPS" and asks(key)
                case ast.Dict(keys=keys):
                    bad = any(isinstance(k, ast.Constant) and k.value in plain for k in keys)
                case _:
                    bad = False
            if bad:
                found.append(f"{name}:{node.lineno}")
    return found


@cache
def house():
    return read_package(ROOT / "tvm_espdl")


def names_of_chips():
    """Read from `chips`, as all the rest is."""
    calls = [node for node in ast.walk(house().trees["chips"]) if isinstance(node, ast.Call)]
    made = [call for call in calls if getattr(call.func, "id", "") == "Chip"]
    texts = [node for call in made for node in ast.walk(call) if isinstance(node, ast.Constant)]
    written = [node.value for node in texts if isinstance(node.value, str)]
    return {text for text in written if re.fullmatch(r"esp32\w*|c|pie_\w+", text)}


def tiny(**sources):
    """A package of a few files, `ops__relu` for `ops/relu.py`; folders that are not there arise."""
    files = {f"{name.replace('__', '/')}.py": text for name, text in sources.items()}
    files = {re.sub(r"(^|/)init\.", r"\1__init__.", path): text for path, text in files.items()}
    for path in list(files):
        for folder in list(Path(path).parents)[:-1]:
            files.setdefault(f"{folder}/__init__.py", '"""Here stands a thing.\n\nNever more."""\n')
    return ImportGraph("tvm_espdl", files)


def test_the_picture_is_current():
    assert PICTURE.read_text() == drawing(house(), FLOORS), "run python scripts/architecture.py"


def test_no_import_runs_upwards_or_sideways():
    assert forbidden_arrows(house()) == []


@pytest.mark.parametrize(
    "sources",
    [
        {"ops__relu": "from ..program import Program", "program__program": ""},
        {"ops__relu": "import tvm_espdl.program", "program__program": ""},
        {"ops__relu": "from tvm_espdl import program", "program__program": ""},
        {"ops__relu": "def f():\n    from .. import program", "program__program": ""},
        {
            "ops__relu": "if TYPE_CHECKING:\n    from ..program.memory import Plan",
            "program__memory": "",
        },
        {"ops__relu": "importlib.import_module('tvm_espdl.program')", "program__program": ""},
        {"ops__relu": "import_module('..program', __package__)", "program__program": ""},
        {"debug__dump": "from ..espdl import load", "espdl__file": ""},
        {"runtime__run": "from tvm import relay", "relay__build": ""},
        {"ops__relu": "import tvm_espdl", "init": ""},
        {
            "ops__relu": "from importlib import import_module as f\nf('tvm_espdl.program')",
            "program__program": "",
        },
        {
            "ops__relu": "import importlib as i\ni.import_module('tvm_espdl.program')",
            "program__program": "",
        },
        # By dots: what another file has imported hangs on the package, and on TVM what is lent.
        {
            "espdl__file": "import tvm_espdl.ops\nx = tvm_espdl.relay.build",
            "ops__relu": "",
            "relay__build": "",
        },
        {"runtime__run": "import tvm\nx = tvm.relay.build", "relay__build": ""},
        {
            "runtime__run": "import tvm as t\nx = t.contrib.debugger.debug_executor",
            "legacy__lend": "",
        },
        # Through the face of a room that it may import.
        {
            "codegen__calls": "from ..program import save",
            "program__init": '"""P."""\nfrom ..espdl.save import save',
            "espdl__save": "",
        },
    ],
)
def test_arrows_upwards_and_sideways_are_seen(sources):
    assert forbidden_arrows(tiny(**sources))


def test_arrows_downwards_are_allowed():
    graph = tiny(
        program__program="from ..ops import Relu\nfrom ..ops.base import operator\nimport ast",
        ops__init='"""O."""\nfrom .relu import Relu',
        ops__relu="from .base.operator import Operator\nfrom ..chips import Chip",
        ops__base__operator="",
        chips="from .errors import ChipError",
        errors="",
    )
    assert forbidden_arrows(graph) == []
    assert {(a.importer, a.imported) for a in graph.arrows if a.importer == "program.program"} == {
        ("program.program", "ops"),
        ("program.program", "ops.relu"),
        ("program.program", "ops.base.operator"),
    }


def test_no_two_files_need_each_other():
    assert circles(house()) == []


@pytest.mark.parametrize(
    "back",
    [
        "from .first import f",
        "def g():\n    from .first import f",
        "if TYPE_CHECKING:\n    from . import first",
    ],
)
def test_circles_are_seen(back):
    graph = tiny(ops__first="from . import second", ops__second="from .third import g")
    assert circles(graph) == []
    graph = tiny(
        ops__first="from . import second", ops__second="from .third import g", ops__third=back
    )
    assert circles(graph) == ["ops.first, ops.second, ops.third"]


def test_a_circle_through_the_face_of_a_folder_is_seen():
    graph = tiny(ops__init="from .relu import Relu", ops__relu="from . import Operator")
    assert circles(graph) == ["ops, ops.relu"]


def test_every_file_is_in_a_room_and_every_room_is_there():
    assert homeless(house()) == []
    assert empty_rooms(house()) == []


def test_files_outside_the_table_are_seen():
    assert homeless(tiny(shed__saw="", ops__relu="")) == ["shed", "shed.saw"]
    assert "report" in empty_rooms(tiny(ops__relu=""))


def test_every_folder_says_what_it_owns():
    assert silent_folders(house()) == []


@pytest.mark.parametrize("text", ["", '"""Operators."""', '"""One file for each operator."""'])
def test_silent_folders_are_seen(text):
    assert silent_folders(tiny(ops__init=text, ops__relu="")) == ["ops"]


def test_operators_are_short():
    assert long_operators(house()) == []
    assert median_operator(house()) <= MEDIAN_LINES_OF_OPERATORS


def test_long_operators_are_seen():
    graph = tiny(
        ops__a="#\n" * 151, ops__b="#\n" * 150, ops__c="#\n" * 99, ops__base__x="#\n" * 400
    )
    assert long_operators(graph) == ["ops.a: 151"]
    assert median_operator(graph) == 150


def test_libraries_are_imported_where_they_belong():
    assert foreign_imports(house()) == []
    assert reaching_tvm(house()) == []


@pytest.mark.parametrize(
    "text", ["import tvm", "from tvm.relax import op", "def f():\n    import tvm.tir as t"]
)
def test_libraries_in_other_rooms_are_seen(text):
    assert foreign_imports(tiny(ops__relu=text)) in (
        ["ops.relu:1 imports tvm"],
        ["ops.relu:2 imports tvm"],
    )
    assert foreign_imports(tiny(relay__ir=text)) == []


def test_tvm_behind_other_files_is_seen():
    sources = {"samples__images": "from ..codegen import print_c", "codegen__init": ""}
    graph = tiny(codegen__native="import tvm", **sources)
    assert reaching_tvm(graph) == []
    sources["codegen__init"] = "def print_c():\n    from .native import f"
    graph = tiny(codegen__native="import tvm", **sources)
    assert reaching_tvm(graph) == ["samples.images through codegen.native"]


def test_ways_around_a_door_are_seen():
    sources = {
        "quantize__exact": "def run():\n    from ..compilation import compile_file",
        "compilation": "import tvm",
    }
    assert reaching_tvm(tiny(quantize__plan="from .exact import run", **sources)) == []
    graph = tiny(quantize__plan="def f():\n    from ..compilation import g", **sources)
    assert reaching_tvm(graph) == ["quantize.plan through compilation"]


def test_files_are_found_by_name_only_in_their_own_room():
    assert hidden_imports(house()) == []


@pytest.mark.parametrize(
    "text",
    [
        "importlib.import_module(f'tvm_espdl.{n}')",
        "list(map(import_module, n))",
        "__import__(n)",
        "importlib.import_module('.relay', 'tvm_espdl')",
        "importlib.import_module(name='tvm_espdl.relay')",
        "importlib.util.find_spec(n).loader",
        "getattr(importlib, 'import_module')(n)",
        "__import__('relay', globals(), None, (), 2)",
        "from importlib import import_module as load; load(n)",
        "import builtins; builtins.__import__(n)",
        "import sys; sys.modules['tvm_espdl.relay']",
        "from sys import modules; modules['tvm_espdl.relay']",
        "import pkgutil; pkgutil.resolve_name('tvm_espdl.relay')",
        "import runpy; runpy.run_module('tvm_espdl.relay')",
        "exec('from tvm_espdl import relay')",
    ],
)
def test_hidden_imports_are_seen(text):
    assert hidden_imports(tiny(ops__relu=f"import importlib\n{text}")) == ["ops.relu:2"]
    harmless = (
        "built.import_module(other)\nimport importlib.metadata\nimportlib.metadata.version(n)"
    )
    assert hidden_imports(tiny(ops__relu=harmless)) == []


def test_names_say_what_files_hold():
    assert vague_names(house()) == []


def test_vague_names_are_seen():
    assert vague_names(tiny(ops__utils="", debug__helpers__x="", ops___common="")) == [
        "debug.helpers",
        "ops._common",
        "ops.utils",
    ]


def test_chips_are_asked_and_not_compared():
    assert chip_comparisons(house(), names_of_chips()) == []


@pytest.mark.parametrize(
    "text",
    [
        "if chip.name == 'esp32s3': pass",
        "slow = 'pie_v2' != self.chip.family",
        "x = chip.family in ('c', 'pie_v1')",
        "match chip.name:\n    case 'esp32p4': pass",
        "match self.chip.family:\n    case 'c': pass",
        "TABLE = {'pie_v1': 3, 'c': 4}",
        "cycles = CYCLES[chip.family]",
        "cycles = CYCLES[op, self.chip.name]",
    ],
)
def test_comparisons_of_chips_are_seen(text):
    names = {"esp32s3", "esp32p4", "pie_v1", "pie_v2", "c"}
    assert chip_comparisons(tiny(ops__relu=text), names)
    assert chip_comparisons(tiny(chips=text), names) == []


@pytest.mark.parametrize(
    "text",
    [
        "CHIPS[chip.name]",
        "chip.rounding == 'half_up'",
        "log(chip.name)",
        "name == chip.name",
        "'c' in match",
    ],
)
def test_what_a_chip_says_may_be_used(text):
    assert chip_comparisons(tiny(ops__relu=text), {"esp32s3", "pie_v1", "c"}) == []
