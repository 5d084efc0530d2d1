"""A run folder with units as a dissection leaves them, and the report of it."""

import numpy as np
import pytest

from callbacks.media import write_wav
from interpretability.dissection.unit_report import (
    Ablation,
    EditCurve,
    Excerpt,
    HistoryPoint,
    Polysemanticity,
    TuningCurve,
    UnitReport,
    Word,
    to_plain,
)
from report.build import build
from report.dissection_file import SOUNDS, Point, ProbeClip, UnitsFile, save_units

HOSTILE = "</script><script>window.hacked = 1</script>"
CLASSES = ("siren", "dog bark", HOSTILE, "<img src=x onerror=window.hacked=1>")
SENTENCES = ("high-pitched, tonal; siren", "dark, decaying; dog bark", "no label", f"noisy; {HOSTILE}")
RATE = 8000
WORDS = (Word("high-pitched", "f0", 0.8, 0.001, "confirmed"), Word("noisy", "snr", 0.6, 0.002, "not seen"))


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
        words=WORDS if label else (),
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
        edits={
            "pitch": EditCurve((-12.0, -5.0, 5.0, 12.0), (-1.5, -0.4, 0.3, 0.9), (-1, 0, 0, 1), "st"),
            "low_pass": EditCurve((500.0, 1000.0, 2000.0), (-1.0, None, -0.2), (-1, 0, 0), "Hz"),
            "reversal": EditCurve((1.0,), (0.1,), (0,)),
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
