"""Pages that everybody can use: axe-core finds nothing serious, nothing is cut off at 400 pixels, the focus can be seen.

axe-core lies in build/axe (`make test-browser` puts it there by npm).
"""

from __future__ import annotations

import pytest
from conftest import NARROW, ROOT, WIDE
from page import ReviewPage
from selenium.webdriver.common.keys import Keys

AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def findings(driver) -> list[str]:
    """Serious and critical findings of axe-core on what is shown now."""
    driver.execute_script(AXE.read_text())
    result = driver.execute_async_script("const done = arguments[0]; axe.run().then(done, error => done({error: String(error)}))")
    assert "error" not in result, result
    assert len(result["passes"]) > 5, "axe looked at the page"
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {[node['html'][:120] for node in rule['nodes'][:3]]}"
        for rule in result["violations"]
        if rule["impact"] in ("serious", "critical")
    ]


def is_cut_off(driver) -> bool:
    """Whether the page itself, not a frame of it, must be moved sideways."""
    return driver.execute_script("return document.documentElement.scrollWidth > innerWidth + 1")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_review_page(browsers, server, width):
    driver = browsers[width]
    page = ReviewPage(driver)
    page.open(server.address, "Ida")
    driver.execute_script("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert findings(driver) == []
    assert not is_cut_off(driver)
    page.judge("1", "f")
    page.press("?")
    page.wait(lambda: page.find("help").get_attribute("open") is not None)
    assert findings(driver) == []
    page.press(Keys.ESCAPE)
    driver.get(f"{server.address}agreement")
    assert findings(driver) == []
    assert not is_cut_off(driver)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_report(browsers, report_page, width):
    driver = browsers[width]
    driver.get(report_page)
    driver.execute_script("document.querySelectorAll('details').forEach((fold, place) => { fold.open = place < 3; })")
    assert findings(driver) == []
    assert not is_cut_off(driver)


def test_the_focus_can_be_seen_wherever_it_is(wide, server):
    page = ReviewPage(wide)
    page.open(server.address, "Joe")
    outlines = {}
    for _ in range(24):
        page.press(Keys.TAB)
        name, style, width = wide.execute_script(
            "const here = document.activeElement, look = getComputedStyle(here);"
            "return [here.id || here.textContent.trim().slice(0, 30), look.outlineStyle, parseFloat(look.outlineWidth)]"
        )
        outlines[name] = (style, width)
    assert len(outlines) > 15
    assert {name: outline for name, outline in outlines.items() if outline[0] == "none" or outline[1] < 2} == {}


def test_print_leaves_out_what_paper_cannot_do(wide, server):
    page = ReviewPage(wide)
    page.open(server.address, "Kim")
    try:
        wide.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        shown = {name: page.find(name).is_displayed() for name in ("picture", "facts", "place", "previous", "filters")}
        assert shown == {"picture": True, "facts": True, "place": True, "previous": False, "filters": False}
    finally:
        wide.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_planted_fault_is_found(wide):
    faults = "<p style='color:%23ccc'>pale</p><img src='data:,'><button></button>"
    wide.get(f"data:text/html,<html lang=en><title>t</title><main><h1>h</h1>{faults}</main>")
    found = "\n".join(findings(wide))
    assert "image-alt" in found
    assert "button-name" in found
    assert "color-contrast" in found
