"""The page kit: what it shows, what it leaves out, and that no text becomes markup."""

import json

import pytest
from html_page import Page as Parsed
from markupsafe import Markup

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Refusal
from tvm_espdl.quantize.report import Bars, FloatRow, QuantizationReport, TensorRow
from tvm_espdl.report import formats
from tvm_espdl.report.log import Reason
from tvm_espdl.report.page import Line, Page, Section, drawing
from tvm_espdl.report.partition import Report
from tvm_espdl.report.rows import NodeRow, Row
from tvm_espdl.report.text import Column, json_text, shorten, table_line, visible, wrapped

HOSTILE = {
    "script": "<script>alert('x')</script>",
    "quotes": "\" onload=\"x()' onload='x()",
    "entities": "a&lt;b&amp;<!-- -->]]>",
    "control": "\x1b[31mred\x00\x07\r\nnext\ttab\x85\u2028line",
    "direction": "\u202egnp.exe\u2066",
    "template": "{{ 7*7 }}{% raw %}{# #}",
    "long": "/layer" * 50,
}
names = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)


def check_safe(source, name):
    page = Parsed(source)
    assert visible(name) in page.text
    assert all(c.isprintable() or c == "\n" for c in source)
    return page


def partition_report(name):
    row = Row(name, "conv2d", "ESP-DL", "portable", name, (1, 8), "int8", -4, 64, 80)
    theirs = Row(f"{name}2", name, "TVM", "tvm", name, (1, 8), "float32", None, 0, 80)
    nodes = (
        NodeRow(name, name, name, "ESP-DL", "portable", row, (row,)),
        NodeRow(name, "Sin", name, "TVM", "tvm", theirs, fused=True),
        NodeRow("tvm", "Identity", name, "-", "-", None),
    )
    reason = Reason(name, name, Refusal("rule", "A rule.", name, "another", "rename it"))
    return Report(find_chip("esp32s3"), (row, theirs), nodes, (theirs,), (reason,), (name,))


def quantization_report(name):
    row = TensorRow(name, "activation", (-4,), -1.0, 1.0, True, bars=Bars(1.0, (1, 2), 3))
    left = FloatRow(name, "Sin", name)
    return QuantizationReport("esp32s3", "mse", 4, (row,), (left,), notes=(name,), warnings=(name,))


@names
@pytest.mark.parametrize("make", [partition_report, quantization_report])
def test_hostile_names_stay_names(make, name, tmp_path):
    report = make(name)
    path = tmp_path / "report.html"
    if isinstance(report, Report):
        report.to_html(path)
    else:
        report.save(path)
    page = check_safe(path.read_text(encoding="utf-8"), name)
    assert page.tags.count("svg") == (0 if isinstance(report, Report) else 1)
    lines = str(report).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 100
    assert name in values_of(json.loads(report.to_json()))


def values_of(content):
    if isinstance(content, (dict, list)):
        parts = content.values() if isinstance(content, dict) else content
        return [value for part in parts for value in values_of(part)]
    return [content]


def test_only_lines_of_tvm_are_marked():
    """A node that is called `tvm` is none of its functions."""
    report = partition_report("x")
    marked = [line.marked for section in sections(report) for line in section.rows]
    assert marked == [False, False, False, True, False, False, True]


def sections(report):
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "Page", lambda *parts: found.append(parts) or Page(*parts))
        formats.as_html(report)
    return found[0][2]


def test_a_page_begins_with_its_verdict_and_leaves_empty_sections_out():
    full = Section("Full", ("a", "b"), [Line(("1", "2")), Line(("3", "4"), marked=True)])
    rest = (Section("List", items=["one"]), Section("Text", text="x  y\n  z"), Section("Empty"))
    source = Page("Report", "All is well.", (full, *rest)).html()
    page = Parsed(source)
    assert page.tags[:4] == ["html", "head", "meta", "title"]
    assert source.index("All is well.") < source.index("<h2>")
    assert "Empty" not in page.text
    assert page.tags.count("h2") == 3
    assert source.count('class="marked"') == 1
    assert '<div class="scrolls"><table>' in source
    assert "<pre>x  y\n  z\n</pre>" in source
    assert "prefers-color-scheme: dark" in source
    assert source == Page("Report", "All is well.", (full, *rest)).html()


def test_drawings_are_put_in_as_they_are_and_their_titles_are_not():
    shape = Markup('<path d="M0 0"/>')
    line = Line((drawing(4, 2, "<b>\n", shape), "<i>"))
    source = Page("t", "v", [Section("s", ("a", "b"), [line])]).html()
    assert '<svg role="img" viewBox="0 0 4 2" width="4" height="2">' in source
    assert '<title>&lt;b&gt;\\n</title><path d="M0 0"/></svg>' in source
    assert "<td>&lt;i&gt;</td>" in source


def test_text_fits_and_keeps_the_end_of_names():
    assert shorten("a" * 90 + "end", 10) == "…" + "a" * 6 + "end"
    assert shorten("\x1b", 10) == "\\x1b"
    columns = (Column("name", 8), Column("n", 4, right=True), Column("last", 6))
    assert table_line(columns, ("x" * 20, "12", "")) == "…xxxxxxx   12"
    text = wrapped("word " * 60 + "\x1b[2J")
    assert all(len(line) <= 100 for line in text)
    assert text[1].startswith("  word")
    assert text[-1].endswith("\\x1b[2J")


def test_numbers_that_are_none_are_null():
    content = {"a": [float("nan"), float("inf"), 1.5], "b": (1, None)}
    assert json.loads(json_text(content)) == {"a": [None, None, 1.5], "b": [1, None]}
