"""The golden replay can fail: hashes that differ, are missing or new, and what only one CPU gives.

Must never compile anything: the replay itself runs in scripts/test.sh.
"""

import json

import golden_replay
import pytest
import replay_artefacts
from golden_replay import Replay, compare, difference

NAME = "digits/int8 esp32s3"


def replayed(measured=None, environment="a CPU", **exact):
    return Replay({NAME: exact}, {NAME: measured} if measured else {}, {}, environment)


def test_equal_hashes():
    assert compare(replayed(c="1", rows="2"), replayed(c="1", rows="2"), [NAME]) == ([], 2, 0)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (replayed(c="3", rows="2"), f"{NAME}: c differs"),
        (replayed(rows="2"), f"{NAME}: c is missing"),
        (replayed(c="1", rows="2", bits="4"), f"{NAME}: bits is new"),
        (Replay(failed={NAME: "why"}, environment="a CPU"), f"{NAME}: failed\nwhy"),
    ],
)
def test_a_difference_is_named(found, told):
    differences, _, _ = compare(replayed(c="1", rows="2"), found, [NAME])
    assert differences == [told]


def test_a_network_without_hashes_is_a_difference():
    (line,), equal, _ = compare(Replay(), replayed(c="1"), [NAME])
    assert (line.split(";")[0], equal) == (f"{NAME}: not in golden_replay.json", 0)


def test_float_results_are_compared_on_the_same_cpu_only():
    committed = replayed({"bits": "1"}, c="2")
    assert compare(committed, replayed({"bits": "3"}, c="2"), [NAME])[0] == [
        f"{NAME}: bits differs"
    ]
    elsewhere = replayed({"bits": "3"}, "another CPU", c="2")
    assert compare(committed, elsewhere, [NAME]) == ([], 1, 1)
    elsewhere = replayed({"bits": "3"}, "another CPU", c="4")
    assert compare(committed, elsewhere, [NAME])[0] == [f"{NAME}: c differs"]


def test_check_exits_with_1_for_a_changed_hash(capsys):
    committed = Replay.from_json(golden_replay.COMMITTED.read_text())
    changed = Replay.from_json(golden_replay.COMMITTED.read_text())
    chosen = [golden_replay.Entry("digits/int8", "esp32s3", "", "int8")]
    assert golden_replay.check(committed, chosen) == 0
    changed.exact[NAME]["c"] = "0" * 16
    assert golden_replay.check(changed, chosen) == 1
    assert f"{NAME}: c differs\n1 differ" in capsys.readouterr().out


def test_what_is_committed_reads_as_it_was_written():
    text = golden_replay.COMMITTED.read_text()
    assert Replay.from_json(text).to_json() == text
    assert set(json.loads(text)) == {"environment", "exact", "measured"}


def test_hashes_see_names_and_bytes(tmp_path):
    folder = tmp_path / "network"
    (folder / "project" / "main").mkdir(parents=True)
    source, expected = folder / "project" / "a.c", folder / replay_artefacts.EXPECTED
    source.write_text("int a;\n")
    expected.write_text("1\n")
    first = replay_artefacts.hashes(folder)
    assert set(first) == {"c", "bits"}
    expected.write_text("2\n")
    second = replay_artefacts.hashes(folder)
    assert (second["c"], second["bits"] == first["bits"]) == (first["c"], False)
    source.rename(source.with_name("b.c"))
    assert replay_artefacts.hashes(folder)["c"] != first["c"]
    source.write_text(f"// {folder}\n")
    with pytest.raises(AssertionError, match="path"):
        replay_artefacts.hashes(folder)


def test_difference_of_two_folders(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, text, blob in ((one, "x = 1;\n", b"\xff"), (other, "x = 2;\n", b"\xff\xfe")):
        for network in "pq":
            (folder / network).mkdir(parents=True)
            (folder / network / "a.c").write_text(text)
            (folder / network / "same.c").write_text("same")
        (folder / "p" / "model.espdl").write_bytes(blob)
    (other / "p" / "new.txt").write_text("new")
    lines = list(difference(one, other))
    assert lines[:2] == ["p/a.c and 1 more like it:", "--- before/a.c"]
    assert {"-x = 1;", "+x = 2;", "new.txt: only after"} <= set(lines)
    assert "model.espdl: binary, 1 bytes before, 2 after" in lines
    assert not any("same" in line for line in lines)
    assert list(difference(one, one)) == []
