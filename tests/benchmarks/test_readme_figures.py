"""README's figures are those that the scripts measured last."""

import readme_figures


def test_readme_is_up_to_date(monkeypatch):
    monkeypatch.setattr("sys.argv", ["readme_figures.py", "--check"])
    assert readme_figures.main() == 0
