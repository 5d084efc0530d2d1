"""The pages of generated sounds in a headless Chromium, opened from the disk with the network off."""

import pytest

from report.build import build
from tests.report.generated_run import CLASSES, generated, interpreted, record, write_point

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "one"
    folder.mkdir()
    generated(folder, frechet=6.0)
    interpreted(folder)
    return build(folder).parent


PAGES = (
    ("generations.html", ""),
    ("generation.html", "/1/maximise"),
    ("generations_interpretations.html", ""),
)


@pytest.mark.parametrize(("page", "fragment"), PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_nothing_is_asked_from_outside_nothing_fails_and_nothing_is_wider_than_the_window(
    browser, report, page, fragment, width, dark
):
    browser.size(width, dark=dark)
    browser.open(report / page, fragment)
    assert browser.errors() == []
    assert all(url.startswith(("file:", "data:", "about:")) for url in browser.requests())
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("window.hacked") is None


def test_buttons_play_what_was_generated_and_the_real_excerpt_beside_it(browser, report):
    browser.size(1280)
    browser.open(report / "generations.html")
    buttons = "document.querySelectorAll('.generated button.play')"
    assert browser.evaluate(f"{buttons}.length") == 2 * len(CLASSES)
    assert browser.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    browser.evaluate(f"{buttons}[1].click()")
    browser.wait_for("soundglass.player.heard()")
    assert browser.evaluate("soundglass.player.heard().length") == round(1.6 * 8000)
    assert browser.evaluate(f"{buttons}[1].getAttribute('aria-pressed')") == "true"


def test_curves_stand_below_the_frames_of_the_film(browser, report):
    browser.size(1280)
    browser.open(report / "generation.html", "/1/maximise")
    browser.wait_for("document.querySelectorAll('.film-chart').length === 4")
    middle = "(e) => e.getBoundingClientRect().left + e.getBoundingClientRect().width / 2"
    places = "[...document.querySelectorAll('{}')].map({})"
    frames = browser.evaluate(places.format(".frames li", middle))
    dots = browser.evaluate(places.format(".film-chart:first-child circle", middle))
    assert len(frames) == len(dots) == 5
    assert all(abs(frame - dot) < 2 for frame, dot in zip(frames, dots, strict=True))


def test_the_film_plays_its_frames_one_after_the_other_and_stops(browser, report):
    browser.size(1280)
    browser.open(report / "generation.html", "/1/maximise")
    browser.evaluate("document.querySelector('.buttons .play').click()")
    browser.wait_for("document.querySelectorAll('.frames .now').length === 1")
    now = "[...document.querySelectorAll('.frames li')].findIndex((e) => e.classList.contains('now'))"
    assert browser.evaluate(now) == 0
    browser.wait_for(f"{now} === 1")
    browser.evaluate("document.querySelector('.buttons .play').click()")
    browser.wait_for(f"{now} === -1")
    assert browser.evaluate("soundglass.player.owner()") is None


def test_arrows_go_from_unit_to_unit_and_the_table_has_the_chosen_setting_first(browser, report):
    browser.size(1280)
    browser.open(report / "generation.html", "/1/maximise")
    assert browser.evaluate("document.querySelector('#generation-title bdi').textContent") == CLASSES[1]
    rows = "[...document.querySelectorAll('.lanes tbody tr')]"
    assert browser.evaluate(f"{rows}.map((row) => row.className)")[0] == "taken"
    assert browser.evaluate(f"{rows}.map((row) => row.className)")[-1] == "drawn"
    browser.press("ArrowRight", "ArrowRight", 39)
    browser.wait_for(f"document.querySelector('#generation-title bdi').textContent === {CLASSES[2]!r}")


def test_the_caption_of_the_film_names_points_of_other_settings(browser, tmp_path):
    folder = tmp_path / "other"
    generated(folder)
    prior = {"name": "input space", "trained": False, "note": "untrained: <b>input</b> space"}
    write_point(folder, "end", [record(folder, "end", 1, 8, 0.12) | {"seconds": 0.8, "prior": prior}])
    browser.size(390)
    browser.open(build(folder).parent / "generation.html", "/1/maximise")
    assert browser.errors() == []
    assert browser.evaluate("document.querySelectorAll('.frames li').length") == 4
    said = "Left out, as it has another prior or length: end: 0.8 s, untrained: <b>input</b> space."
    assert said in browser.evaluate("document.body.textContent")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    assert "distance of 0.12" in browser.evaluate("document.querySelector('#generation-facts').textContent")
