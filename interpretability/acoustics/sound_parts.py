"""What a sound is made of, as a few numbers: its stretches between silences, and seconds of tone and of noise.

These are automatic labels of generated sounds: what a latent variable may control.
"""

import torch
from torch import Tensor

from interpretability.acoustics.frame_measures import frame_measures
from interpretability.acoustics.pitch import PitchSettings
from interpretability.acoustics.sections import Section, sections

UNITS = {"level": "dB", "centroid": "Hz", "f0": "octaves", "tone": "s", "noise": "s", "sound": "s", "stretches": ""}
"""Property -> its unit."""
SHORTEST_SOUND, SHORTEST_GAP = 0.03, 0.02
"""Seconds that a stretch of sound, and the silence between two, has to last."""


def sound_parts(waveform: Tensor, length: Tensor, sample_rate: int) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Measure clips (B, N) with true samples (B,).

    Returns:
        by name (B,) float64: `level` in dB and `centroid` in Hz, means over the frames of sound; `f0` as log2 of its
        median in Hz; seconds of `tone`, `noise` and `sound` of any kind; number of `stretches`. NaN where a
        property does not exist. And of each clip its stretches (S, 2), start and end in seconds.
    """
    top = min(PitchSettings().maximum, sample_rate / 4.5)
    measures = frame_measures(waveform, length, sample_rate, PitchSettings(maximum=top))
    kinds, level = sections(measures, hiss_first=True), measures.tracks["level"]
    heard = (kinds != int(Section.SILENCE)) & (kinds != int(Section.PAST_END))
    runs = [
        stretches(row, level.step) + float(start) - level.step / 2
        for row, start in zip(heard, level.seconds[:, 0], strict=True)
    ]
    found = {
        "level": _mean(level.values, heard),
        "centroid": _mean(measures.tracks["centroid"].values, heard),
        "f0": measures.tracks["f0"].values.double().log2().nanmedian(dim=1).values,
        "tone": (kinds == int(Section.VOICED)).sum(dim=1) * level.step,
        "noise": (kinds == int(Section.FRICATIVE)).sum(dim=1) * level.step,
        "sound": heard.sum(dim=1) * level.step,
        "stretches": torch.tensor([len(run) for run in runs]),
    }
    return {name: values.double() for name, values in found.items()}, [run.clamp_min(0) for run in runs]


def stretches(heard: Tensor, step: float) -> Tensor:
    """Return start and end (S, 2) in seconds, from the first frame on, of the runs of frames (T,) that are heard.

    Gaps shorter than 20 ms are bridged, runs shorter than 30 ms left out.
    """
    padded = torch.nn.functional.pad(heard.int(), (1, 1))
    change = padded.diff()
    starts, ends = torch.nonzero(change == 1)[:, 0].tolist(), torch.nonzero(change == -1)[:, 0].tolist()
    runs: list[list[float]] = []
    for start, end in zip(starts, ends, strict=True):
        if runs and (start * step - runs[-1][1]) < SHORTEST_GAP - 1e-9:
            runs[-1][1] = end * step
        else:
            runs.append([start * step, end * step])
    kept = [run for run in runs if run[1] - run[0] >= SHORTEST_SOUND - 1e-9]
    return torch.tensor(kept, dtype=torch.float64).reshape(-1, 2)


def _mean(values: Tensor, inside: Tensor) -> Tensor:
    return values.double().where(inside, torch.nan).nanmean(dim=1)
