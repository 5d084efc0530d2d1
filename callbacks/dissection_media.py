"""Units as tables of Weights & Biases: what drives the best named and the most changed ones, to listen to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from callbacks.listening_media import Entries
from callbacks.media import FLOOR_DB, Picture, Samples
from callbacks.probe_clips import ProbeClips
from interpretability.dissection.drift import event_of
from interpretability.dissection.unit_report import Excerpt, UnitReport

HEARD = 3
"""Clips of a unit that are heard one after the other."""
EXCERPT, GAP = 1.0, 0.15
"""Seconds of each of them, and of silence between two."""
COLUMNS = (
    *("point", "layer", "unit", "pole", "name", "AUPRC", "chance", "q", "same top clips", "change", "clips"),
    *("sound", "spectrogram"),
)

Spectrum = Callable[[Tensor], Tensor]
"""STFT magnitudes (F, T) of a waveform (N,)."""


def best_named(reports: Sequence[UnitReport], count: int) -> list[UnitReport]:
    """Return the units with a name whose score lies furthest above chance."""
    named = [report for report in reports if report.label is not None]
    return sorted(named, key=lambda report: (report.chance or 0.0) - (report.auprc or 0.0))[:count]


def most_changed(reports: Sequence[UnitReport], overlaps: Mapping[str, float], count: int) -> list[UnitReport]:
    """Return the units whose top clips have least in common with the point before."""
    known = [report for report in reports if report.key in overlaps]
    return sorted(known, key=lambda report: overlaps[report.key])[:count]


def unit_tables(
    point: str,
    reports: Sequence[UnitReport],
    before: Sequence[UnitReport],
    overlaps: Mapping[str, float],
    probes: ProbeClips,
    spectrum: Spectrum,
    count: int,
) -> Entries:
    """Entries of one point: a table of the best named units and one of the most changed, `count` in all."""
    known = {report.key: report for report in before}
    chosen = {"best_named": best_named(reports, count - count // 2 if overlaps else count)}
    if overlaps:
        chosen["most_changed"] = most_changed(reports, overlaps, count // 2)

    def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
        return {f"dissection/{name}": table(wandb, units) for name, units in chosen.items() if units}

    def table(wandb: Any, units: Sequence[UnitReport]) -> Any:  # noqa: ANN401
        rows = []
        for unit in units:
            sound = heard(unit.top[:HEARD], probes)
            picture = wandb.Image(small_spectrogram(spectrum(sound).cpu().numpy()))
            old = known.get(unit.key)
            rows.append(
                [
                    point,
                    unit.layer,
                    unit.unit,
                    "+" if unit.pole > 0 else "-",
                    unit.sentence,
                    unit.auprc,
                    unit.chance,
                    unit.q,
                    overlaps.get(unit.key),
                    (event_of(old, unit) or "") if old else "",
                    ", ".join(excerpt.clip for excerpt in unit.top[:HEARD]),
                    wandb.Audio(sound.numpy(), sample_rate=probes.sample_rate),
                    picture,
                ]
            )
        return wandb.Table(columns=list(COLUMNS), data=rows)

    return entries


def heard(excerpts: Sequence[Excerpt], probes: ProbeClips) -> Tensor:
    """Return the moments (N,) that drive a unit, one after the other with silence between them."""
    gap = torch.zeros(round(GAP * probes.sample_rate))
    parts: list[Tensor] = []
    for excerpt in excerpts:
        sound, length = probes.sound(excerpt.index), round(EXCERPT * probes.sample_rate)
        middle = len(sound) / 2 if excerpt.seconds is None else excerpt.seconds * probes.sample_rate
        first = max(0, min(len(sound) - length, round(middle - length / 2)))
        parts += [sound[first : first + length], gap]
    return torch.cat(parts[:-1])


def small_spectrogram(magnitude: Samples) -> Picture:
    """Return magnitudes (F, T) as a small picture (F / 4, T / 2, 3) in dB below the loudest, low frequencies below."""
    import matplotlib

    rows, columns = magnitude.shape[0] // 4, max(1, magnitude.shape[1] // 2)
    used = magnitude[: 4 * rows, : 2 * columns]
    loudest = used.reshape(rows, 4, columns, -1).max(axis=(1, 3))
    level = 20 * np.log10(np.maximum(loudest / max(float(loudest.max()), 1e-9), 10 ** (FLOOR_DB / 20)))
    drawn: Picture = matplotlib.colormaps["magma"](1 - level[::-1] / FLOOR_DB, bytes=True)[..., :3]
    return drawn
