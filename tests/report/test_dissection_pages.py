"""The gallery of units: what is written into the report, and how it behaves in a browser without a network."""

import json
import time

import numpy as np
import pytest

from callbacks.media import write_wav
from configs.errors import InputError
from interpretability.dissection.unit_report import (
    Ablation,
    Excerpt,
    HistoryPoint,
    Polysemanticity,
    TuningCurve,
    UnitReport,
    Word,
    to_plain,
)
from report.build import build
from report.dissection_file import SOUNDS, Point, ProbeClip, UnitsFile, load_units, read_sound, save_units

HOSTILE = "</script><script>window.hacked = 1</script>"
CLASSES = ("siren", "dog bark", HOSTILE, "<img src=x onerror=window.hacked=1>")
SENTENCES = ("high-pitched, tonal; siren", "dark, decaying; dog bark", "no label", f"noisy; {HOSTILE}")
RATE = 8000


def excerpts(rng, n_clips, count):
    return tuple(
        Excerpt(f"clip {i}", int(i), float(rng.uniform(0.1, 0.9)), float(3 - rank / 4))
        for rank, i in enumerate(rng.permutation(n_clips)[:count])
    )


def unit(number, layer="blocks.2", pole=1, n_clips=12, dead=False):
    rng = np.random.default_rng([number, pole + 1])
    kind = number % len(CLASSES)
    label = None if kind == 2 or dead else CLASSES[kind]
    frequencies = tuple(float(100 * 2**i) for i in range(7))
    return UnitReport(
        layer=layer,
        unit=number,
        pole=pole,
        label=label,
        source="labels",
        auprc=float(rng.uniform(0.3, 1)),
        chance=0.25,
        correlation=0.6,
        f1=0.7,
        p=0.001,
        q=0.004,
        stability=0.9,
        best="siren",
        words=(Word("high-pitched", "f0", 0.8, 0.001),) if label else (),
        sentence=SENTENCES[kind] if not dead else "no label",
        polysemanticity=Polysemanticity(-0.2, -2.0, kind == 2, 0.05),
        dead=dead,
        mean=0.2,
        std=0.4,
        low=-1.0,
        high=3.0,
        top=() if dead else excerpts(rng, n_clips, 6),
        bottom=() if dead else excerpts(rng, n_clips, 4),
        descriptors={f"measure_{i}": float(v) for i, v in enumerate(rng.uniform(-1, 1, 11))} | {"f0": 0.8},
        tuning={
            "tones": TuningCurve(
                frequencies, tuple(float(v) for v in np.exp(-((np.arange(7) - 3) ** 2))), "Hz", 800.0, 1.0, True, 0.05
            ),
            "click_trains": TuningCurve((1.0, 2.0, 4.0, 8.0), (0.1, 0.2, 0.4, 0.1), "1/s"),
        },
        ablation=Ablation(
            CLASSES, (20,) * 4, (-1.2, -0.1, 0.02, None), (-0.1, -0.1, 0.0, None), (0.1, 0.1, 0.05, None),
            (11.0, 0.0, -0.4, None), -0.03, 20,
        ),
        history=(
            HistoryPoint(1, None, None, None),
            HistoryPoint(2, "dog bark", 0.4, 0.3),
            HistoryPoint(10, label, 0.8, 0.7),
        ),
    )  # fmt: skip


def dissected(folder, units, n_clips=12, problem=""):
    rng = np.random.default_rng(0)
    for i in range(n_clips - 1):  # the last one was not kept
        t = np.arange(RATE) / RATE
        sound = 0.4 * np.sin(2 * np.pi * (300 + 200 * i) * t * (1 + t)) * np.exp(-t) + 0.02 * rng.standard_normal(RATE)
        write_wav(folder / SOUNDS / f"{i}.wav", sound, RATE)
    files = [f"{i}.wav" for i in range(n_clips - 1)] + [None]
    clips = [ProbeClip(f"clip {i} {CLASSES[i % 4]}", 1.0, (CLASSES[i % 4],), file) for i, file in enumerate(files)]
    layers = list(dict.fromkeys(one.layer for one in units))
    figures = {
        "named": dict.fromkeys(layers, 12.0),
        "distinct": dict.fromkeys(layers, 3.0),
        "auprc": dict.fromkeys(layers, 0.8),
        "polysemantic": dict.fromkeys(layers, 0.25),
        "polysemantic_chance": dict.fromkeys(layers, 0.05),
        "dead": dict.fromkeys(layers, 1.0),
        "overlap": dict.fromkeys(layers, 0.7),
        "overlap_floor": dict.fromkeys(layers, 0.6),
    }
    points = (Point(1, {}, problem), Point(10, figures, end=True))
    front_end = {"sample_rate": RATE, "n_fft": 512, "hop_length": 256}
    plain = [to_plain(one) for one in units]
    return save_units(folder, UnitsFile("labels", CLASSES, "mean", front_end, layers, clips, plain, points))


@pytest.fixture
def gallery(tmp_path):
    """Builder of a run folder with units, and of its report."""

    def make(units, **more):
        folder = tmp_path / "gallery" / "one"
        folder.mkdir(parents=True)
        dissected(folder, units, **more)
        return build(folder)

    return make


def some():
    units = [unit(i) for i in range(8)] + [unit(i, pole=-1) for i in range(8)]
    return [*units, *(unit(i, "bottleneck") for i in range(6)), unit(9, "bottleneck", dead=True)]


def test_what_is_written_is_read_again(tmp_path):
    dissected(tmp_path, some())
    found = load_units(tmp_path)
    assert found.units == [to_plain(one) for one in some()]
    assert found.clips[1] == ProbeClip(f"clip 1 {CLASSES[1]}", 1.0, (CLASSES[1],), "1.wav")
    assert [point.epoch for point in found.points] == [1, 10]
    sound = read_sound(tmp_path, found.clips[0])
    assert len(sound) == RATE
    assert 0.2 < np.abs(sound).max() < 0.6
    assert read_sound(tmp_path, found.clips[-1]) is None


def test_a_run_without_units_has_no_gallery(tmp_path):
    assert load_units(tmp_path) is None
    index = build(tmp_path)
    assert not index.with_name("units.html").exists()
    assert "Units" not in index.read_text()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"version":1', '"version":0', 1),
        lambda text: text.replace('"index":11', '"index":99'),
        lambda text: text.replace('"layers":["blocks.2","bottleneck"]', '"layers":["bottleneck"]'),
        lambda text: "[]",
    ],
)
def test_a_damaged_file_is_named_on_the_page_and_the_report_is_built(tmp_path, damage):
    path = dissected(tmp_path, some())
    changed = damage(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(InputError, match=r"units\.json: cannot be read"):
        load_units(tmp_path)
    index = build(tmp_path)
    assert "cannot be read" in index.with_name("units.html").read_text()
    assert not index.with_name("unit.html").exists()


def test_units_lie_in_shards_and_sounds_once_for_each_clip(gallery):
    index = gallery([unit(i) for i in range(100)])
    data = index.parent / "data"
    assert len(list((data / "units").iterdir())) == 3
    assert len(list((data / "probe").iterdir())) == 11
    text = (data / "units.js").read_text()
    listed = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    assert len(listed["units"]) == 100
    assert len(text) < 100 * 200 + 5000
    assert HOSTILE not in text


def test_a_point_whose_concepts_failed_is_marked(gallery):
    index = gallery(some(), problem="clap: the endpoint did not answer in 30 s")
    assert "Epoch 1: clap: the endpoint did not answer in 30 s" in index.with_name("units.html").read_text()


def test_components_lead_to_the_pages_of_their_units(untrained):
    run = untrained()
    run.add("clip")
    assert "what drives it" not in build(run.folder).with_name("components.html").read_text()
    dissected(run.folder, [unit(i, "bottleneck") for i in range(12)])
    text = build(run.folder).with_name("components.html").read_text()
    assert 'href="unit.html#bottleneck%2F3%2B"' in text


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert bars == [8, 3]  # descriptors before the rest is asked for, and the classes that have clips
    assert browser.evaluate("document.querySelectorAll('.tuning svg').length") == 2
    names = browser.evaluate("Array.from(document.querySelectorAll('.names-over-time bdi')).map((e) => e.textContent)")
    assert names == ["no label", "dog bark"]
    assert not browser.errors()


@pytest.mark.slow
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


@pytest.mark.slow
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
