"""A reviewer's day in a real browser: ten calls by keys, one taken back, the server killed, on with it, labels."""

from __future__ import annotations

import time

from page import ReviewPage
from selenium.webdriver.common.keys import Keys

from vcffilter.commands.main import run
from vcffilter.labelling.files import read_labels
from vcffilter.review.vocabulary import VERDICTS

WORD_OF_KEY = {verdict.key: verdict.word for verdict in VERDICTS}
LABEL_OF_KEY = {verdict.key: verdict.label for verdict in VERDICTS}


def labels_by_place(path) -> dict[str, str]:
    return {f"{contig}:{pos1} {ref}>{alt}": label for (contig, pos1, ref, alt), label in read_labels(path).items()}


def test_ten_calls_by_keys_undo_a_killed_server_and_labels(wide, own_server, filtered, tmp_path, browser_folder):
    page, server = ReviewPage(wide), own_server
    page.open(server.address, "Ann")
    given = {}
    for keys in ("f", "g", "12f", "a", "g", "s", "9f", "g", "f", "g"):
        given[page.judge(*keys)] = LABEL_OF_KEY[keys[-1]]
    assert len(given) == 10, "every verdict goes on to another call"
    assert page.find("progress").text.startswith("10 judged by you")
    last = list(given)[-1]
    page.press("z")
    page.wait(lambda: page.place == last and "was taken back" in page.said)
    page.wait(lambda: page.find("progress").text.startswith("9 judged by you"))
    assert page.pressed("data-verdict") == []
    del given[last]

    server.kill()
    page.press("f")
    page.wait(lambda: "The server does not answer" in page.said)
    assert page.place == last, "what was not kept is not passed over"
    server.start()
    given[page.judge("f")] = "FP"
    wide.get(server.address)
    page.wait_for_picture()
    assert page.place not in given, "it goes on behind what is judged"
    given[page.judge("o", "a")] = "AMBIGUOUS"

    wide.find_element("link text", "Labels").click()
    page.wait((browser_folder / "downloads" / "labels.tsv").is_file)
    assert server.stop() == 0
    exported = tmp_path / "labels.tsv"
    assert run(["review", str(filtered), "--verdicts", str(tmp_path / "verdicts"), "--export", str(exported), "-q"]) == 0
    assert labels_by_place(exported) == given
    assert exported.read_bytes() == (browser_folder / "downloads" / "labels.tsv").read_bytes()


def test_tags_and_verdict_are_there_on_return(wide, server):
    page = ReviewPage(wide)
    page.open(server.address, "Bo")
    page.press("l", Keys.ESCAPE)
    judged = page.judge("1", "5", "1", "q", "f")
    page.press("m")  # all calls, not those that are open alone
    page.wait(lambda: "any" in page.find("filters").find_element("name", "review").text)
    page.wait(lambda: page.place == judged)
    assert page.pressed("data-verdict") == ["fail"]
    assert page.pressed("data-tag") == ["MN", "HDR"]
    assert "✖" in page.find("verdict-of-filter").text or "✔" in page.find("verdict-of-filter").text


def test_moving_over_the_reads(wide, server):
    page = ReviewPage(wide)
    page.open(server.address, "Cy")

    def ruler() -> list[int]:
        script = "return [...document.querySelectorAll('#picture svg text')].map(label => label.textContent)"
        texts = [text.replace(",", "") for text in wide.execute_script(script)]
        return [int(text) for text in texts if text.isdigit()]

    at_call = ruler()
    page.press(Keys.ARROW_RIGHT)
    page.wait(lambda: ruler() and ruler()[0] > at_call[0])
    assert "not over the call" in page.find("picture").text
    page.press("c")
    page.wait(lambda: ruler() == at_call)
    page.press("-")
    page.wait(lambda: len(ruler()) > len(at_call))


def test_search_and_notes_take_letters_as_letters(wide, server):
    page = ReviewPage(wide)
    page.open(server.address, "Di")
    first = page.place
    contig, pos1 = first.split(" ")[0].split(":")
    page.press("j")
    page.wait(lambda: page.place != first)
    page.press("/", f"{contig}:{int(pos1):,}", Keys.ENTER)
    page.wait(lambda: page.place.startswith(f"{contig}:{pos1} "))
    page.press("n", "gaffs and jokes")
    assert page.place.startswith(f"{contig}:{pos1} ")
    assert page.pressed("data-verdict") == []
    page.press(Keys.ESCAPE)
    page.judge("g")
    page.press("z")
    page.wait(lambda: "was taken back" in page.said)


def test_single_keys_can_be_switched_off(wide, server):
    page = ReviewPage(wide)
    page.open(server.address, "Ed")
    page.press("?")
    page.wait(lambda: page.find("help").get_attribute("open") is not None)
    page.find("keys-on").click()
    page.press(Keys.ESCAPE)
    before = page.place
    page.press("f")
    time.sleep(0.5)
    assert page.place == before
    assert page.pressed("data-verdict") == []


def test_the_page_asks_nothing_of_other_servers(wide, server):
    page = ReviewPage(wide)
    wide.get_log("browser")  # what earlier tests left
    page.open(server.address, "Flo")
    asked = wide.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert len(asked) >= 5
    assert all(name.startswith((server.address, "data:")) for name in asked)
    assert [entry for entry in wide.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_two_reviewers_and_their_agreement(wide, own_server):
    page, server = ReviewPage(wide), own_server
    for name, keys in (("Gil", "ggff"), ("Hal", "gfff")):
        page.open(server.address, name)
        for key in keys:
            page.judge(key)
    wide.get(f"{server.address}agreement")
    text = wide.find_element("tag name", "main").text
    assert "Gil, Hal 4 75.0% 0.500 0.500" in text
    wide.find_element("css selector", "main li a").click()
    page.wait_for_picture()
    assert {"Gil: germline"} <= {item.text for item in page.find("given").find_elements("tag name", "li")}
