"""What moving a code, or a latent, of a generator does in each layer, beside a random latent moved as far."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.layer_probes_moves import Move
from callbacks.layer_probes_subject import Subject
from configs.errors import InputError
from interpretability.acoustics.sound_parts import UNITS, sound_parts
from interpretability.layers.effects import DoseEffect, Estimate, estimate, mean_band
from interpretability.layers.generator_run import SOUND, generate
from interpretability.layers.latent_sweep import LatentEffect, Sweep, latent_effects, sweep
from interpretability.layers.patching import patching
from interpretability.layers.spikes import spikes
from interpretability.layers.time_base import TimeBase

BINS = 200
"""Points of a drawn line at most; what is faster is drawn by its level."""
DRAWS = 500
"""Of the bootstraps over starting points, of which there are many."""
PATCHED = 32
"""Starting points whose activations are put into each other."""
Row = dict[str, Any]


@torch.no_grad()
def moved(subject: Subject, moves: Sequence[Move]) -> list[Row]:
    """Follow each move through the layers, the sound last: effects, spikes, what the sound gains, where it is made."""
    found = []
    for move in moves:
        swept = sweep(
            subject.network,
            subject.layers,
            move.bases,
            move.latents,
            move.path.to(move.bases),
            latent_range=move.latent_range,
            fewest=1,
            others=move.others,
        )
        effects = latent_effects(swept, subject.sample_rate, draws=DRAWS)
        properties = controlled(move, swept.series[SOUND], subject.sample_rate)
        found.append(
            {
                "name": move.name,
                "latents": list(move.latents),
                "source": move.source,
                "values": swept.values.tolist(),
                "path": move.path.tolist(),
                "n": len(move.bases),
                "guard": swept.guard.sentence(),
                "broken": swept.guard.broken.tolist(),
                "saturated": swept.guard.saturated.tolist(),
                "properties": properties,
                "patched": patched(subject, move, properties),
                "layers": [_layer(subject, swept, effect) for effect in effects],
            }
        )
    return found


def _layer(subject: Subject, swept: Sweep, effect: LatentEffect) -> Row:
    clock, series, rate = swept.clocks[effect.layer], swept.series[effect.layer].double(), subject.sample_rate
    drawn, step = binned(series, clock, rate)
    mean, low, high = mean_band(drawn[:, -1] - drawn[:, 0])
    return {
        "layer": effect.layer,
        "change": triple(effect.change),
        "random": triple(effect.random_change),
        "against_random": triple(effect.against_random),
        "level_slope": triple(effect.level.slope),
        "level_rank": triple(effect.level.rank),
        "level_total": triple(effect.level.total),
        "half": effect.level.half,
        "growth": [part.tolist() for part in effect.growth],
        "random_growth": [part.tolist() for part in effect.random_growth],
        "effect": [part.tolist() for part in (mean, low, high)],
        "ridges": drawn.mean(dim=0).tolist(),
        "start": float(clock.centre) / rate,
        "step": step,
        "is_level": step > float(clock.jump) / rate,
        "spikes": [] if effect.layer == SOUND else _spikes(series, clock, swept.values, rate),
    }


def _spikes(series: Tensor, clock: TimeBase, values: Tensor, rate: int) -> list[Row]:
    """Peaks of a layer while the latent moves; a layer of fewer than three steps has none."""
    if series.shape[-1] < 3:
        return []
    return [
        {"seconds": peak.seconds, "height": dose(peak.height), "latency": dose(peak.latency)}
        for peak in spikes(series, clock, values, rate, draws=DRAWS)
    ]


def binned(series: Tensor, clock: TimeBase, rate: int) -> tuple[Tensor, float]:
    """Return a series (..., T) at BINS points at most and their step in s; a fast one as its root mean square there."""
    steps, step = series.shape[-1], float(clock.jump) / rate
    width = -(-steps // BINS)
    if width == 1:
        return series, step
    kept = series[..., : steps - steps % width].reshape(*series.shape[:-1], -1, width)
    offset = series.mean(dim=-1, keepdim=True)[..., None]
    return (kept - offset).square().mean(dim=-1).sqrt(), step * width


def controlled(move: Move, sound: Tensor, rate: int) -> list[Row]:
    """Return what of the sound differs between the ends of a path (K, S, N), the strongest change first.

    The strength is the mean change over the deviation of both ends: where that is small the change is no sound's own.
    """
    length = torch.full((len(sound),), sound.shape[-1])
    first, last = (sound_parts(sound[:, end], length, rate)[0] for end in (0, -1))
    rows = []
    for name, unit in UNITS.items():
        change = last[name] - first[name]
        known = change[change.isfinite()]
        if len(known) < 2:
            continue
        spread = float(((first[name].nan_to_num().var() + last[name].nan_to_num().var()) / 2).sqrt())
        strength = abs(float(known.mean())) / max(spread, 1e-9) if bool(known.any()) else 0.0
        ends = float(first[name].nanmean()), float(last[name].nanmean())
        rows.append(
            {"property": name, "unit": unit, "from": ends[0], "to": ends[1], "n": len(known), "strength": strength}
            | {"change": triple(estimate(change, DRAWS))}
        )
    return sorted(rows, key=lambda row: -float(row["strength"]))


def patched(subject: Subject, move: Move, properties: Sequence[Row]) -> Row | None:
    """Put activations of the path's end into sounds of its start, and see what of the changed property they bring."""
    sure = [row for row in properties if row["change"][1] > 0 or row["change"][2] < 0]
    if not sure:
        return None
    name = str(sure[0]["property"])
    into, source = (move.bases[:PATCHED].clone() for _ in range(2))
    for column, latent in enumerate(move.latents):
        into[:, latent], source[:, latent] = float(move.path[0, column]), float(move.path[-1, column])

    def measure(sound: Tensor) -> Tensor:
        length = torch.full((len(sound),), sound.shape[-1])
        return sound_parts(sound.cpu(), length, subject.sample_rate)[0][name]

    try:
        found = patching(subject.network, subject.layers, into, source, measure)
    except InputError:
        return None
    rows = [
        {
            "layer": one.layer,
            "channels": len(one.channels),
            "share": triple(one.share),
            "random_share": triple(one.random_share),
        }
        for one in found
    ]
    return {"property": name, "n": len(into), "rows": rows}


def made(subject: Subject, latents: Tensor, batch: int = 64) -> Tensor:
    """Return the sounds (B, N) of latents on the CPU."""
    return torch.cat([generate(subject.network, part).cpu() for part in torch.split(latents, batch)])


def triple(found: Estimate) -> list[float]:
    """Return mean and interval."""
    return [found.mean, found.low, found.high]


def dose(found: DoseEffect) -> Row:
    """Return a dose's effect as plain data."""
    return {
        "curve": [part.tolist() for part in (found.curve, found.low, found.high)],
        "slope": triple(found.slope),
        "rank": triple(found.rank),
        "total": triple(found.total),
        "half": found.half,
        "n": found.n,
    }
