"""A run folder with generated sounds as searches leave them, at several points of a training."""

import base64
import json

import numpy as np

from callbacks.media import write_wav
from report.generations_file import FOLDER, MEDIA, VERSION
from report.interpretations_file import save_interpretations

HOSTILE = "</script><script>window.hacked = 1</script>"
CLASSES = ("siren", "dog bark", HOSTILE, "<img src=x onerror=window.hacked=1>")
RATE = 8000
BANDS, FRAMES = 32, 40
LANES = ("lr 0.3, weight 0", "lr 0.1, weight 0", "lr 0.03, weight 0")


def lane(name, step, kernel, frechet=None, judged=True, **more):
    fields = {
        "lane": name, "step": step, "n": 16, "median": 8 - kernel, "in_range": True,
        "scalar": 1.2, "layer": frechet, "floor": None if frechet is None else 2.0,
        "excess": None if frechet is None else frechet - 2, "low": None if frechet is None else frechet - 3,
        "high": None if frechet is None else frechet - 1, "error": 0.3, "kernel": kernel, "kernel_low": kernel - 0.03,
        "kernel_high": kernel + 0.03, "density": 0.9, "coverage": 0.4, "transfer": -0.3 if judged else None,
        "recognised": 0.75 if judged else None, "independent": 0.2 if judged else None, "deviation": 0.0, "steps": 14.0,
    }  # fmt: skip
    return fields | more


def panel(seed):
    rng = np.random.default_rng(seed)
    rows = np.exp(-((np.arange(BANDS)[:, None] - 6 - 0.4 * np.arange(FRAMES)[None] * rng.uniform(0, 1)) ** 2) / 6)
    shades = (200 * rows + rng.uniform(0, 55, (BANDS, FRAMES))).astype(np.uint8)
    return {"bands": BANDS, "frames": FRAMES, "values": base64.b64encode(shades.tobytes()).decode()}


def tone(seed):
    t = np.arange(round(1.6 * RATE)) / RATE
    return 0.4 * np.sin(2 * np.pi * (300 + 100 * seed) * t * (1 + 0.2 * t))


def example(folder, stem, seed):
    write_wav(folder / MEDIA / f"{stem}.wav", tone(seed), RATE)
    write_wav(folder / MEDIA / f"real_{seed}.wav", tone(seed + 0.5), RATE)
    nearest = {"file": f"real_{seed}.wav", "clip": f"clip {seed} <b>bold</b>", "start": 1.6, "activation": 7.0}
    return {"file": f"{stem}.wav", "seed": seed, "activation": 7.5 - 0.1 * seed, "panel": panel(seed),
            "start_panel": panel(seed + 50), "nearest": nearest | {"panel": panel(seed + 100)}}  # fmt: skip


def record(folder, point, number, epoch, kernel, n_sounds=3, n_lanes=3, frechet=None, judged=True):
    best = lane(LANES[0], 30, kernel, frechet, judged)
    others = [lane(name, 60, kernel + 0.1 * (i + 1), None if frechet is None else frechet + i + 1, judged)
              for i, name in enumerate(LANES[1:n_lanes])]  # fmt: skip
    stem = f"{point}_unit_{number}"
    return {
        "version": VERSION, "epoch": epoch, "search": "refresh" if epoch > 1 else "full", "key": CLASSES[number],
        "layer": "", "unit": number, "name": CLASSES[number], "aim": "maximise",
        "prior": {"name": "spectral", "trained": False,
                  "note": "untrained: mean spectrum of 120 held-out excerpts, phases searched"},
        "judge": "run twin" if judged else None,
        "judge_note": "" if judged else "skipped: no independent network is configured (independent=RUN)",
        "vocoding": "pseudo-inverse of the mel bands, Griffin-Lim, 60 iterations", "sample_rate": RATE,
        "seconds": 1.6, "work": 1200, "search_seconds": 3.2, "scale": [-4.5, 1.5], "scale_unit": "log-mel, 10 dB",
        "reference": {"n": 20 + number, "recordings": 8, "split": "val", "low": 4.0, "median": 6.0, "high": 9.0,
                      "band": [4.0, 9.0]},
        "by": "kernel" if frechet is None else "frechet",
        "reason": "3 of 3 settings lie in the range of real excerpts",
        "floor": {"kernel": [-0.02, 0.0, 0.04], "frechet": None if frechet is None else [1.0, 2.0, 3.0]},
        "endless": None if frechet is None else [0.8 * frechet, 0.9],
        "ceiling": lane("spectral, not searched", 0, 0.6, None if frechet is None else 14.0, judged,
                        recognised=0.1 if judged else None, median=-1.0),
        "lanes": [best, *others], "chosen": 0, "trace": [],
        "examples": [example(folder, f"{stem}_{i}", number + i) for i in range(n_sounds)],
    }  # fmt: skip


def write_point(folder, name, records):
    path = folder / FOLDER / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records))


def generated(folder, epochs=(1, 2, 4, 8), end=True, units=range(4), **more):
    """Write points at some epochs and the end."""
    for i, epoch in enumerate(epochs):
        name = f"epoch_{epoch:04d}"
        points = [record(folder, name, u, epoch, 0.5 - 0.08 * i + 0.02 * u, 1, 1, **more) for u in units]
        write_point(folder, name, points)
    if end:
        write_point(folder, "end", [record(folder, "end", u, epochs[-1], 0.12 + 0.03 * u, **more) for u in units])


def interpretation_row(number, stems=True, judge=True, frechet=False):
    def cell(value):
        ends = [value, None, None] if frechet and number == 3 else [value, value - 0.04, value + 0.04]
        wide = [20 * value, 18 * value, 22 * value] if frechet and number < 2 else None
        return {"kernel": ends, "frechet": wide}

    real = {"floor": cell(0.01), "interpretation": cell(0.2), "random_mask": cell(0.45)}
    clean = {"whole": cell(0.3), "interpretation": cell(0.1), "random_mask": cell(0.5), "floor": cell(0.0)}
    heard = {"real": real, "stems": clean if stems else None}
    return {"name": CLASSES[number], "n": 12, "recordings": 6, "n_real": 14, "real_recordings": 7, "energy": 0.42,
            "own": heard, "judge": heard if judge else None}  # fmt: skip


def interpreted(folder, epochs=(1, 2, 4), stems=True, judge=True, frechet=False):
    """Write points of interpretations at some epochs and the end."""
    for epoch, end in [*((e, False) for e in epochs), (epochs[-1], True)]:
        point = {"epoch": epoch, "end": end, "split": "validation", "n_clips": 24, "masks": "magnitude",
                 "features": "backbone", "judge": "run twin" if judge else None,
                 "judge_note": "" if judge else "skipped: no independent network is configured",
                 "left_out": [HOSTILE],
                 "rows": [interpretation_row(u, stems, judge, frechet) for u in range(4)]}  # fmt: skip
        save_interpretations(folder, point)
