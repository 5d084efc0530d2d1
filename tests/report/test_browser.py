"""The report in a headless Chromium, opened from the disk with the network off."""

import dataclasses
import time

import numpy as np
import pytest
import torch

from report.build import build, build_comparison
from report.explained import save_clip

pytestmark = pytest.mark.slow

LISTENING = ("index", "clips", "clip", "classes", "class", "components")


def heard(clip, model, gains):
    """The mix by plain numpy in float64: STFT, masks w_k h_k / (W H), overlap-add."""
    n_fft, hop = model.front_end["n_fft"], model.front_end["hop_length"]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    x = clip.waveform.astype(float)
    padded = np.concatenate([np.zeros(n_fft // 2), x, np.zeros(n_fft)])
    frames = 1 + len(x) // hop
    spectrum = np.stack([np.fft.rfft(window * padded[t * hop : t * hop + n_fft]) for t in range(frames)], axis=1)
    W, H = model.dictionary.astype(float), clip.activations.astype(float)
    total = W @ H
    mask = np.where(total > 1e-12, (W * gains) @ H / np.maximum(total, 1e-12), 1.0)
    y, weight = np.zeros(len(padded) + n_fft), np.zeros(len(padded) + n_fft)
    for t in range(frames):
        y[t * hop : t * hop + n_fft] += window * np.fft.irfft(mask[:, t] * spectrum[:, t], n_fft)
        weight[t * hop : t * hop + n_fft] += window**2
    return (y / np.maximum(weight, 1e-11))[n_fft // 2 : n_fft // 2 + len(x)]


def scored(run, clip, gains):
    """Class probabilities by the torch model, with activations scaled."""
    H = torch.from_numpy(clip.activations)[None] * torch.tensor(gains, dtype=torch.float32)[:, None]
    mask = torch.arange(H.shape[-1])[None] < clip.n_frames
    with torch.no_grad():
        logits = run.network.bottleneck.decide(H, None if clip.n_frames == H.shape[-1] else mask).logits[0]
    return (logits.sigmoid() if run.model.multi_label else logits.softmax(0)).numpy()


def gain_sets():
    rng = np.random.default_rng(5)
    return [np.ones(12), np.zeros(12), np.eye(12)[3], rng.uniform(0, 2, 12), (rng.random(12) > 0.5).astype(float)]


@pytest.mark.parametrize(
    ("settings", "multi_label"),
    [
        ([], False),
        (["model.pooling=mean"], True),
        (["model.pooling=max"], False),
        (["model.pooling=attention"], False),
        (["model.pooling=class_attention"], True),
        (["front_end.n_fft=1000", "front_end.hop_length=300"], True),
    ],
)
def test_mix_and_scores_are_those_of_the_model(browser, untrained, settings, multi_label):
    run = untrained(*settings, multi_label=multi_label)
    for name, length in (("whole", None), ("padded", 12345)):
        run.add(name, length=length)
    index = build(run.folder)
    for clip in run.clips:
        browser.open(index.with_name("clip.html"), clip.key)
        for gains in gain_sets():
            mix = np.array(browser.evaluate(f"Array.from(soundglass.renderMix({gains.tolist()}))"))
            expected = heard(clip, run.model, gains)
            error = np.sqrt(np.mean((mix - expected) ** 2)) / np.sqrt(np.mean(clip.waveform**2))
            assert 20 * np.log10(error + 1e-12) < -60
            scores = browser.evaluate(f"Array.from(soundglass.scores({gains.tolist()}))")
            np.testing.assert_allclose(scores, scored(run, clip, gains), atol=1e-4)
    assert np.abs(scored(run, clip, gain_sets()[3]) - scored(run, clip, np.ones(12))).max() > 1e-2  # the test can fail
    assert not browser.errors()


def test_recording_heard_in_windows_is_scored_by_their_mean(browser, untrained):
    run = untrained()
    windows = ((0, 20), (20, 44))
    clip = run.add("long")
    parts = [torch.from_numpy(clip.activations[None, :, first:end]) for first, end in windows]
    with torch.no_grad():
        logits = torch.stack([run.network.bottleneck.decide(part, None).logits[0] for part in parts]).mean(0)
    save_clip(run.folder, dataclasses.replace(clip, windows=windows, logits=logits.numpy()))
    browser.open(build(run.folder).with_name("clip.html"), clip.key)
    scores = browser.evaluate("Array.from(soundglass.scores(new Array(12).fill(1)))")
    np.testing.assert_allclose(scores, logits.softmax(0).numpy(), atol=1e-4)


def test_everything_heard_is_the_clip(browser, untrained):
    run = untrained()
    clip = run.add("clip")
    browser.open(build(run.folder).with_name("clip.html"), clip.key)
    mix = np.array(browser.evaluate("Array.from(soundglass.renderMix(new Array(12).fill(1)))"))
    assert 10 * np.log10(np.mean((mix - clip.waveform) ** 2) / np.mean(clip.waveform**2)) < -60


def test_desk_plays_mutes_and_resets(browser, untrained):
    run = untrained()
    clip = run.add("clip", seconds=3)
    browser.size(1280)
    browser.open(build(run.folder).with_name("clip.html"), clip.key)
    scores = "Array.from(document.querySelectorAll('.score-list .value')).map((e) => e.textContent).join()"
    before = browser.evaluate(scores)
    level = "Math.hypot(...soundglass.player.heard())"
    browser.press(" ", "Space", 32)
    browser.wait_for("soundglass.player.position() > 0.05")
    loud = browser.evaluate(level)
    assert loud > 0
    browser.evaluate("document.querySelector('.component-list .toggle[title=Mute]').click()")
    assert browser.evaluate(scores) != before
    browser.wait_for(f"{level} < {loud} * 0.9999")
    assert browser.evaluate("soundglass.player.position()") > 0.05  # goes on where it was
    browser.evaluate("document.querySelector('[data-preset=class]').click()")
    expected = browser.evaluate("soundglass.desk.selected().map((inside) => inside ? 1 : 0)")
    assert browser.evaluate("Array.from(soundglass.desk.gains())") == expected
    browser.evaluate("document.querySelector('[data-preset=rest]').click()")
    assert browser.evaluate("Array.from(soundglass.desk.gains())") == [1 - inside for inside in expected]
    browser.evaluate("Array.from(document.querySelectorAll('button')).find((b) => b.textContent === 'Reset').click()")
    assert browser.evaluate(scores) == before
    browser.press(" ", "Space", 32)
    browser.wait_for("soundglass.player.owner() === null")
    assert not browser.errors()


def test_solo_and_level(browser, untrained):
    run = untrained()
    clip = run.add("clip")
    browser.open(build(run.folder).with_name("clip.html"), clip.key)
    browser.evaluate("document.querySelector('[aria-label=\"Solo component 4\"]').click()")
    assert browser.evaluate("Array.from(soundglass.desk.gains())") == np.eye(12)[4].tolist()
    browser.evaluate(
        "(() => { const s = document.querySelector('[aria-label=\"Level of component 4\"]'); s.value = -6;"
        " s.dispatchEvent(new Event('input')); })()"
    )
    gains = browser.evaluate("Array.from(soundglass.desk.gains())")
    assert gains[4] == pytest.approx(10 ** (-6 / 20))


def test_attention_from_maps_says_that_scores_cannot_be_recomputed(browser, untrained):
    run = untrained("model.pooling=attention", "model.attention_from=maps")
    clip = run.add("clip")
    browser.open(build(run.folder).with_name("clip.html"), clip.key)
    assert "cannot be recomputed" in browser.evaluate("document.querySelector('.verdict').textContent")
    assert not browser.errors()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_every_page_opens_without_error_request_or_overflow(browser, untrained, width, dark):
    run = untrained()
    clip = run.add('"><img src=x onerror=window.hacked=1>.wav')
    (run.folder / "metrics.csv").write_text("step,epoch,val/<b>loss</b>\n1,0,2\n2,1,nan\n3,2,1\n")
    (run.folder / "component_names.json").write_text('{"names": {"0": "<b onclick=hacked()>whistle</b>"}}')
    index = build(run.folder)
    browser.size(width, dark=dark)
    for page in (*LISTENING, "curves", "run"):
        ready = "true" if page in ("classes", "run") else "soundglass.ready"
        browser.open(index.with_name(f"{page}.html"), clip.key if page == "clip" else "", ready)
        assert not browser.errors(), page
        assert all(url.startswith(("file:", "data:")) for url in browser.requests())
        assert browser.evaluate("window.hacked") is None
        assert browser.evaluate("document.querySelectorAll('main script, [onerror], [onclick]').length") == 0
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, page
        assert browser.evaluate("document.querySelectorAll('main [role=alert]').length") == 0, page
    browser.open(index.with_name("clip.html"), clip.key)
    shown = browser.evaluate("document.querySelector('main').textContent")
    assert clip.name in shown
    assert all(name in shown for name in run.model.class_names)


def test_controls_have_names_and_focus_can_be_seen(browser, untrained):
    run = untrained()
    clip = run.add("clip")
    index = build(run.folder)
    for page, fragment in (("clip", clip.key), ("components", ""), ("clips", "")):
        browser.open(index.with_name(f"{page}.html"), fragment)
        nameless = browser.evaluate(
            "Array.from(document.querySelectorAll('button, input, select, a')).filter((e) => e.tabIndex >= 0 &&"
            " !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length))).length"
        )
        assert nameless == 0, page
    browser.press("Tab", "Tab", 9)
    browser.press("Tab", "Tab", 9)
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_names_are_kept_and_saved(browser, untrained):
    run = untrained()
    clip = run.add("clip")
    index = build(run.folder)
    browser.open(index.with_name("clip.html"), clip.key)
    browser.evaluate(
        "(() => { const f = document.querySelector('[aria-label=\"Name of component 5\"]'); f.value = ' <i>hum</i> ';"
        " f.dispatchEvent(new Event('change')); })()"
    )
    browser.open(index.with_name("components.html"))
    assert browser.evaluate("document.querySelector('[aria-label=\"Name of component 5\"]').value") == "<i>hum</i>"
    saved = browser.evaluate("JSON.stringify(soundglass.names.file())")
    browser.evaluate("localStorage.clear()")
    (run.folder / "component_names.json").write_text(saved)
    browser.open(build(run.folder).with_name("components.html"))
    assert browser.evaluate("document.querySelector('[aria-label=\"Name of component 5\"]').value") == "<i>hum</i>"


def test_excerpts_and_list_buttons_play(browser, untrained):
    run = untrained()
    run.add("clip", seconds=2)
    index = build(run.folder)
    for page, button in (
        ("components", ".excerpt .play"),
        ("clips", ".play"),
        ("index", ".buttons .play:nth-child(2)"),
    ):
        browser.open(index.with_name(f"{page}.html"))
        browser.evaluate(f"document.querySelector('{button}').click()")
        browser.wait_for("soundglass.player.owner() && soundglass.player.position() > 0.02")
        assert browser.evaluate("Math.hypot(...soundglass.player.heard())") > 0
        browser.evaluate(f"document.querySelector('{button}').click()")
        browser.wait_for("!soundglass.player.owner()")
        assert not browser.errors()


def test_class_page_hears_the_components_of_the_class(browser, untrained):
    run = untrained()
    for i in range(3):
        run.add(f"clip {i}")
    browser.open(build(run.folder).with_name("class.html"), "2")
    assert browser.evaluate("document.getElementById('class-name').textContent") == run.model.class_names[2]
    gains = browser.evaluate("Array.from(soundglass.desk.gains())")
    relevance = np.array(browser.evaluate("Array.from(soundglass.desk.relevances[2])"))
    assert gains == (relevance > 0.2).astype(float).tolist()
    browser.evaluate(
        "(() => { const s = document.getElementById('in-clip'); s.value = '2';"
        " s.dispatchEvent(new Event('change')); })()"
    )
    browser.wait_for("soundglass.desk.clip.target[0] === 2")
    assert not browser.errors()


def test_fifty_clips_open_and_answer_at_once(browser, untrained):
    run = untrained()
    for i in range(50):
        run.add(f"recording {i:02d}", seconds=5)
    index = build(run.folder)
    assert sum(file.stat().st_size for file in index.parent.rglob("*") if file.is_file()) < 60e6
    for page in ("index", "clips"):
        assert browser.open(index.with_name(f"{page}.html")) < 2
    spent = browser.evaluate(
        "(() => { const f = document.querySelector('form.filters'); f.elements.search.value = 'recording 07';"
        " const start = performance.now(); f.dispatchEvent(new Event('input')); document.body.offsetHeight;"
        " return performance.now() - start; })()"
    )
    assert spent < 100
    assert browser.evaluate("document.querySelectorAll('#clip-list > li:not([hidden])').length") == 1
    browser.open(index.with_name("clip.html"), run.clips[3].key)
    started = time.monotonic()
    milliseconds = browser.evaluate(
        "(() => { const g = new Array(12).fill(0.5); const start = performance.now();"
        " for (let i = 0; i < 5; i++) soundglass.renderMix(g); return (performance.now() - start) / 5; })()"
    )
    assert milliseconds < 150
    assert time.monotonic() - started < 2


def test_comparison_opens(browser, untrained, tmp_path):
    run = untrained()
    run.add("clip")
    (run.folder / "metrics.csv").write_text("step,epoch,val/loss\n1,0,2\n2,1,1.5\n3,2,1\n")
    (run.folder / "summary.json").write_text('{"test/accuracy": 0.5, "test/n": 40}')
    page = build_comparison([run.folder, run.folder], tmp_path / "comparison")
    browser.open(page)
    assert browser.evaluate("document.querySelectorAll('#charts path.line').length") == 2
    assert not browser.errors()
