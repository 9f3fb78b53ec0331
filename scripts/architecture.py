"""Draws docs/architecture.svg from the imports in the code; `--check` fails if it is not current.

The floors are read from `tests/test_architecture.py`, which holds every import to them.
"""

from __future__ import annotations

import argparse
import ast
import math
import sys
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from import_graph import ImportGraph, read_package

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
TABLE = ROOT / "tests" / "test_architecture.py"

WIDTH, FLOOR, MARGIN = 960, 62, 20
LEAST, LETTER, LINES_TO_AREA = 32, 7.4, 2.6
#: Where the middle of a floor stands, floor by floor: arrows pass beside what is between.
PLACES = (0.5, 0.3, 0.62, 0.38, 0.7, 0.34)
#: Both on white and on black: text stands in boxes of a middle tone, lines are grey.
STYLE = """\
.floor { stroke: #808080; stroke-opacity: .25 }
.room { fill: #2f6f9f; stroke: #6fa8d0 }
.ground { fill: #5b6770; stroke: #909ba3 }
.name { fill: #ffffff; font: 600 13px system-ui, sans-serif; text-anchor: middle }
.lines { fill: #dbe9f4; font: 10px system-ui, sans-serif; text-anchor: middle }
.arrow { fill: none; stroke: #d08a3a; stroke-width: 1.4 }
.implied { fill: none; stroke: #8a8a8a; stroke-opacity: .35; stroke-width: .8 }
.head { fill: #d08a3a }
"""


def rooms_of(graph: ImportGraph) -> dict[str, int]:
    """About how many lines each room has: so roughly that the picture seldom changes."""
    lines: Counter[str] = Counter()
    for module in graph.trees:
        lines[module.split(".")[0]] += graph.lines(module)
    return {
        room: max(100, round(count, -3 if count >= 1000 else -2)) for room, count in lines.items()
    }


def arrows_of(graph: ImportGraph) -> set[tuple[str, str]]:
    """Which room imports from which other."""
    pairs = {(a.importer.split(".")[0], a.imported.split(".")[0]) for a in graph.arrows}
    return {(above, below) for above, below in pairs if above != below}


def needed(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows that no way over other rooms says already."""
    return {
        (above, below)
        for above, below in arrows
        if not any(
            (middle, below) in _ways(arrows)
            for start, middle in arrows
            if start == above and middle != below
        )
    }


def drawing(graph: ImportGraph, floors: Sequence[Sequence[str]]) -> str:
    """The picture as SVG, the same bytes for the same code.

    Parameters
    ----------
    graph : ImportGraph
        The package.
    floors : sequence of sequence of str
        Names of the rooms on each floor, from the top; rooms without code are left out.
    """
    lines, arrows = rooms_of(graph), arrows_of(graph)
    rows = [[room for room in row if room in lines] for row in floors]
    rows = [row for row in rows if row]
    places = {}
    for number, row in enumerate(rows):
        sizes = [_size(room, lines[room]) for room in row]
        gap = 34
        whole = sum(width for width, _ in sizes) + gap * (len(row) - 1)
        middle = 0.5 if len(row) > 2 else PLACES[number % len(PLACES)]
        left = max(MARGIN, min(WIDTH - MARGIN - whole, WIDTH * middle - whole / 2))
        for room, (width, height) in zip(row, sizes, strict=True):
            places[room] = (left, MARGIN + FLOOR * number + (FLOOR - height) / 2, width, height)
            left += width + gap
    height = 2 * MARGIN + FLOOR * len(rows)
    direct = needed(arrows)
    ground = set(rows[-1])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'role="img" aria-label="Rooms of {escape(graph.package)} and their imports">',
            f"<style>\n{STYLE}</style>",
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
            'markerHeight="6" orient="auto"><path class="head" d="M0 1 8 4 0 7z"/></marker>',
            *(
                f'<path class="floor" d="M{MARGIN} {MARGIN + FLOOR * n}H{WIDTH - MARGIN}"/>'
                for n in range(1, len(rows))
            ),
            *(_arrow(places, pair, direct=False) for pair in sorted(arrows - direct)),
            *(_arrow(places, pair, direct=True) for pair in sorted(direct)),
            *(
                _box(graph.package, room, places[room], lines[room], room in ground)
                for row in rows
                for room in row
            ),
            "</svg>\n",
        ]
    )


def _ways(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Pairs of rooms of which the first reaches the second."""
    ways = set(arrows)
    for middle in {room for pair in arrows for room in pair}:
        ways |= {
            (above, below)
            for above, one in ways
            if one == middle
            for other, below in ways
            if other == middle
        }
    return ways


def _size(room: str, lines: int) -> tuple[float, float]:
    """Width and height of a box, whose area grows with the lines but holds the name."""
    height = min(FLOOR - 14, max(LEAST, math.sqrt(lines) * 0.62))
    return max(len(room or "tvm_espdl") * LETTER + 30, lines * LINES_TO_AREA / height), height


def _box(package: str, room: str, place: tuple[float, ...], lines: int, is_ground: bool) -> str:
    left, top, width, height = place
    middle, name = left + width / 2, escape(room or package)
    kind = "ground" if is_ground else "room"
    size = f"{lines // 1000} 000" if lines >= 1000 else f"{lines}"
    return (
        f'<g><title>{name}: about {size} lines</title><rect class="{kind}" x="{left:.1f}" '
        f'y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="4"/>'
        f'<text class="name" x="{middle:.1f}" y="{top + height / 2 - 1:.1f}">{name}</text>'
        f'<text class="lines" x="{middle:.1f}" y="{top + height / 2 + 12:.1f}">{size}</text></g>'
    )


def _arrow(places: dict[str, tuple[float, ...]], pair: tuple[str, str], *, direct: bool) -> str:
    (x, y, width, height), (u, v, other, _) = places[pair[0]], places[pair[1]]
    start = _within(u + other / 2, x, width)
    end, bottom = _within(start, u, other), y + height
    pull = (v - bottom) * 0.5
    names = " → ".join(escape(name or "tvm_espdl") for name in pair)
    kind = 'class="arrow" marker-end="url(#head)"' if direct else 'class="implied"'
    return (
        f'<path {kind} d="M{start:.1f} {bottom:.1f}C{start:.1f} {bottom + pull:.1f} '
        f'{end:.1f} {v - pull:.1f} {end:.1f} {v:.1f}"><title>{names}</title></path>'
    )


def _within(wished: float, left: float, width: float) -> float:
    """The place on a side of a box that is nearest to one that is wished, off its corners."""
    return min(max(wished, left + 14), left + width - 14)


def floors_of(table: Path) -> tuple[tuple[str, ...], ...]:
    """The floors, as `FLOORS` of a file states them."""
    for node in ast.parse(table.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FLOORS":
            floors: tuple[tuple[str, ...], ...] = ast.literal_eval(node.value)
            return floors
    raise SystemExit(f"{table}: no FLOORS")


def main() -> int:
    """Write the picture, or say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if not current")
    check = parser.parse_args().check
    text = drawing(read_package(ROOT / "tvm_espdl"), floors_of(TABLE))
    if not check:
        PICTURE.write_text(text)
    elif not PICTURE.exists() or PICTURE.read_text() != text:
        print(f"{PICTURE.relative_to(ROOT)} is not current: run python scripts/architecture.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
