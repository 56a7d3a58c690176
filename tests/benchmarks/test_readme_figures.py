"""README's figures are those that the scripts measured last."""

import json
from pathlib import Path

import readme_figures


def test_readme_is_up_to_date(monkeypatch):
    monkeypatch.setattr("sys.argv", ["readme_figures.py", "--check"])
    assert readme_figures.main() == 0


def test_the_real_false_discovery_rate_stays_below_the_wanted_one():
    """What docs/which-model-and-cut.md says in words below its table."""
    cut = json.loads((Path(readme_figures.HERE) / "results" / "cut.json").read_text())
    assert cut["rates"]
    assert all(row["pooled"] < row["rate"] for row in cut["rates"])
