"""The gallery of units in a headless Chromium, opened from the disk with the network off."""

import json
import time

import pytest

from interpretability.dissection.unit_report import to_plain
from tests.report.dissected_run import gallery, some, unit

__all__ = ["gallery"]  # a fixture
pytestmark = pytest.mark.slow


def found_rows(browser):
    return browser.evaluate("document.querySelectorAll('#unit-list > li:not(.none)').length")


def search(browser, **fields):
    """Set fields of the form and update; return the milliseconds that took."""
    return browser.evaluate(
        f"(() => {{ const f = document.getElementById('unit-filters'); const set = {json.dumps(fields)};"
        " for (const [name, value] of Object.entries(set)) f.elements[name].value = value;"
        " const start = performance.now(); soundglass.updateUnits(); document.body.offsetHeight;"
        " return performance.now() - start; })()"
    )


def test_gallery_is_searched_filtered_and_sorted(browser, gallery):
    index = gallery(some())
    browser.open(index.with_name("units.html"))
    assert found_rows(browser) == 23
    search(browser, search="dark dog")
    assert found_rows(browser) == 6
    search(browser, search="", layer="bottleneck")
    assert found_rows(browser) == 7
    search(browser, layer="", kind="dead")
    assert found_rows(browser) == 1
    search(browser, kind="named", least="0.6", sort="score")
    scores = browser.evaluate(
        "Array.from(document.querySelectorAll('.score .value')).map((e) => parseFloat(e.childNodes[1].data))"
    )
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == sum(one.label is not None and one.auprc >= 0.6 for one in some())
    search(browser, search="nothing of the kind")
    assert browser.evaluate("document.querySelector('#unit-list .none').textContent").startswith("No unit fits")
    assert not browser.errors()


def test_a_thousand_units_open_and_answer_at_once(browser, gallery):
    index = gallery([unit(i, f"blocks.{i % 4}", n_clips=12) for i in range(1200)])
    assert browser.open(index.with_name("units.html")) < 2
    assert found_rows(browser) == 60
    assert search(browser, search="siren", layer="blocks.0") < 100
    assert browser.evaluate("document.querySelector('#unit-filters output').textContent") == "300 of 1,200"
    browser.evaluate("document.querySelector('.list-end button').click()")
    assert found_rows(browser) == 120
    started = time.monotonic()
    browser.open(index.with_name("unit.html"), "blocks.3/1199%2B")
    assert time.monotonic() - started < 2
    read = [url for url in browser.requests() if "/data/units/" in url]
    assert [url.rsplit("/", 1)[1] for url in read] == ["29.js"]  # one shard of thirty
    assert not browser.errors()


def test_the_page_of_a_unit_plays_and_marks_what_drives_it(browser, gallery):
    index = gallery(some())
    browser.size(1280)
    browser.open(index.with_name("unit.html"), "blocks.2/1%2B")
    record = to_plain(unit(1))
    assert browser.evaluate("document.getElementById('unit-title').textContent").startswith("dark, decaying; dog bark")
    shown = browser.evaluate("Array.from(document.querySelectorAll('.unit-clips li')).map((e) => +e.dataset.clip)")
    top, bottom = ([excerpt["index"] for excerpt in record[name]] for name in ("top", "bottom"))
    assert shown == top[:4] + bottom[:4]
    browser.wait_for("document.querySelector('.unit-clips li[data-drawn]')")
    heard = next(excerpt for excerpt in record["top"] if excerpt["index"] != 11)
    middle = browser.evaluate(
        f"(() => {{ const li = document.querySelector('li[data-clip=\"{heard['index']}\"]');"
        " const [a, b] = ['.plot', '.driving'].map((s) => li.querySelector(s).getBoundingClientRect());"
        " return (b.left + b.width / 2 - a.left) / a.width; })()"
    )
    assert middle == pytest.approx(heard["seconds"], abs=0.01)
    browser.evaluate(f"document.querySelector('li[data-clip=\"{heard['index']}\"] .play').click()")
    browser.wait_for("soundglass.player.owner() && soundglass.player.position() > 0.02")
    assert browser.evaluate("Math.hypot(...soundglass.player.heard())") > 0
    browser.evaluate("soundglass.player.stop()")
    bars = browser.evaluate("Array.from(document.querySelectorAll('.unit-bars')).map((e) => e.children.length)")
    assert bars == [8, 3, 1]  # descriptors before the rest is asked for, the classes that have clips, and reversal
    assert browser.evaluate("document.querySelectorAll('.tuning svg').length") == 4
    names = browser.evaluate("Array.from(document.querySelectorAll('.names-over-time bdi')).map((e) => e.textContent)")
    assert names == ["no label", "dog bark"]
    assert not browser.errors()


def test_the_page_of_a_unit_says_what_edits_do_to_it(browser, gallery):
    index = gallery(some())
    browser.open(index.with_name("unit.html"), "blocks.2/1%2B")
    said = browser.evaluate("Array.from(document.querySelectorAll('.verdicts li')).map((e) => e.textContent)")
    assert [text.split(":")[0] for text in said] == ["high-pitched confirmed", "noisy not seen"]
    dots = browser.evaluate(
        "Array.from(document.querySelectorAll('.tuning')[0].querySelectorAll('svg')).map((e) =>"
        " [e.querySelectorAll('.dot:not(.hollow)').length, e.querySelectorAll('.dot.hollow').length])"
    )
    assert dots == [[2, 2], [1, 1]]  # doses that move it beyond chance and others; one was not measured
    dots = "document.querySelector('.tuning').querySelectorAll('circle')"
    heights = browser.evaluate(f"Array.from({dots}).map((e) => +e.getAttribute('cy'))")
    assert heights.index(max(heights)) == 0  # -1.5, the lowest, on one scale for all charts
    assert heights.index(min(heights)) == 3
    browser.open(index.with_name("unit.html"), "bottleneck/9%2B")
    assert browser.evaluate("document.querySelector('.verdicts')") is None
    assert not browser.errors()


def test_arrow_keys_go_from_unit_to_unit_and_poles_are_linked(browser, gallery):
    index = gallery(some())
    browser.open(index.with_name("unit.html"), "blocks.2/1%2B")
    browser.press("ArrowRight", "ArrowRight", 39)
    browser.wait_for("soundglass.unit.unit === 2")
    browser.evaluate(
        "Array.from(document.querySelectorAll('#unit-links a')).find((a) => a.textContent === 'Other pole').click()"
    )
    browser.wait_for("soundglass.unit.pole === -1")
    browser.open(index.with_name("unit.html"), "bottleneck/9%2B")
    assert "same value for every clip" in browser.evaluate("document.getElementById('unit-facts').textContent")
    browser.open(index.with_name("unit.html"), "no such unit")
    assert browser.evaluate("soundglass.unit.unit") == 0
    assert not browser.errors()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", ["units", "unit"])
def test_pages_fit_the_window_and_run_no_names_as_code(browser, gallery, width, page):
    index = gallery(some())
    browser.size(width, dark=width == 390)
    browser.open(index.with_name(f"{page}.html"), "blocks.2/7%2B" if page == "unit" else "")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("window.hacked") is None
    assert all(url.startswith(("file:", "data:", "about:")) for url in browser.requests())
    unnamed = (
        "Array.from(document.querySelectorAll('button, a, input, select'))"
        ".filter((e) => !e.labels?.length && !e.textContent.trim() && !e.getAttribute('aria-label'))"
    )
    assert browser.evaluate(f"{unnamed}.length") == 0
    assert not browser.errors()
