"""Tables go to the place in a page that has their name, and nowhere else."""

import pytest
from common import Table, put_tables

PAGE = "# Page\n\n<!-- tables -->\nold\n<!-- end -->\n\nwords\n\n<!-- joint -->\n<!-- end -->\n"


def test_a_place_by_its_name(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    table = Table("New", ["a"], [[1]])
    put_tables([table], page, "joint")
    assert page.read_text() == PAGE.replace("<!-- joint -->\n", f"<!-- joint -->\n{table.markdown()}")
    put_tables([table], page)
    assert "old" not in page.read_text()


def test_a_page_without_the_place_is_left_as_it_is(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    with pytest.raises(SystemExit, match="has no place <!-- tables -->"):
        put_tables([Table("New", ["a"], [[1]])], page)
    assert page.read_text() == "# Page\n"
