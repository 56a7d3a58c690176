"""docs/developers/marks.md holds what the results say, and no mark is missed without a reason."""

import dataclasses
import json
import shutil

import marks
import pytest
from common import RESULTS


def test_page_is_up_to_date(monkeypatch):
    monkeypatch.setattr("sys.argv", ["marks.py", "--check"])
    assert marks.main() == 0


def test_another_result_is_another_page(tmp_path):
    folder = shutil.copytree(RESULTS, tmp_path / "results")
    figures = json.loads((folder / "platforms.json").read_text())
    figures["ont"]["ranking"]["ont-r10-chr20"]["whole reads"]["all"]["true_lost"] = 0
    (folder / "platforms.json").write_text(json.dumps(figures))
    before, after = (marks.table(marks.read_results(of)).splitlines() for of in (RESULTS, folder))
    (line,) = [new for old, new in zip(before[1:], after[1:], strict=True) if old != new]
    assert line.startswith("| ONT R10.4: 98% of true ones kept | 47 of 47 (100.0%) | yes |  |")


def test_a_missed_mark_needs_a_cause():
    mark = marks.Mark("at least 3", "2", met=False, scripts="accuracy.py, shards.py")
    with pytest.raises(SystemExit, match="at least 3: missed, and no cause"):
        mark.row()
    assert (
        dataclasses.replace(mark, why="few reads").row() == "| at least 3 | 2 | **no** | few reads | `accuracy.py`, `shards.py` |"
    )


def test_every_script_has_its_command():
    named = {one for group in marks.GROUPS for mark in group(marks.read_results(RESULTS)) for one in mark.scripts.split(", ")}
    assert named <= set(marks.COMMANDS)
    assert all((marks.HERE / script).is_file() for script in marks.COMMANDS)


def test_a_page_without_markers_is_refused():
    with pytest.raises(SystemExit, match="no markers"):
        marks.filled("# Marks\n", {"marks": "| a |"})
