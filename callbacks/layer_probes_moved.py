"""What moving a code, or a latent, of a generator does in each layer, beside a random latent moved as far."""

from typing import Any

import torch
from torch import Tensor

from callbacks.layer_probes_shown import POINTS
from callbacks.layer_probes_subject import LATENT_SEED, Subject
from configs.errors import InputError
from interpretability.layers.effects import Estimate
from interpretability.layers.latent_sweep import latent_effects, sweep
from models.wavegan_training import WaveGANTraining

SETTINGS = 7
"""Values at which a latent is set."""
FIRST = 4
"""Latents that are moved where a generator has no codes."""
MOST = 8
"""Codes that are moved at most."""
FEWEST = 8
"""Starting points without which nothing is moved."""


def moved_latents(model: WaveGANTraining, wanted: list[int]) -> list[int]:
    """Return the latents to move: those wanted, or the codes, or the first few.

    Raises:
        InputError: A latent that does not exist.
    """
    total = model.settings.latents
    if wrong := [latent for latent in wanted if latent >= total]:
        raise InputError(f"latent {wrong[0]} does not exist: the generator has {total}, counted from 0")
    if wanted:
        return wanted
    return list(range(FIRST if model.codes is None else min(model.codes.n_variables, MOST)))


@torch.no_grad()
def moved(model: WaveGANTraining, subject: Subject, count: int, wanted: list[int]) -> list[dict[str, Any]]:
    """Move latents one by one from `count` starting points; codes go from 0 to 1, the other codes being 0.

    Raises:
        InputError: A latent that does not exist, or too few starting points.
    """
    if count < FEWEST:
        raise InputError(f"callbacks.layer_probes.bases={count} must be 0 or at least {FEWEST}")
    n_codes = 0 if model.codes is None else model.codes.n_variables
    bases, _ = model.latents(count, random=torch.Generator().manual_seed(LATENT_SEED + 1))
    found = []
    for latent in moved_latents(model, wanted):
        start = bases.clone()
        if latent < n_codes:
            start[:, :n_codes] = 0
        low, high = (0.0, 1.0) if latent < n_codes else (-1.0, 1.0)
        path = torch.linspace(low, high, SETTINGS, device=start.device)
        swept = sweep(subject.network, subject.layers, start, [latent], path, fewest=FEWEST)
        layers = []
        for effect in latent_effects(swept, subject.sample_rate):
            clock = swept.clocks[effect.layer]
            layers.append(
                {
                    "layer": effect.layer,
                    "change": _triple(effect.change),
                    "random": _triple(effect.random_change),
                    "against_random": _triple(effect.against_random),
                    "level_slope": _triple(effect.level.slope),
                    "half": effect.level.half,
                    **_ridges(swept.series[effect.layer], float(clock.jump) / subject.sample_rate),
                    "start": float(clock.centre) / subject.sample_rate,
                }
            )
        name = f"code {latent}" if latent < n_codes else f"latent {latent}"
        found.append({"latent": latent, "name": name, "values": path.tolist(), "n": count, "layers": layers})
    return found


def _ridges(series: Tensor, step: float) -> dict[str, Any]:
    """Mean over starting points of a series (K, S, T) at each setting, a fast one as its root mean square."""
    steps = series.shape[-1]
    width = -(-steps // (POINTS // 2))
    values = series.double()
    if width > 1:
        values = values[..., : steps - steps % width].reshape(*values.shape[:-1], -1, width)
        offset = series.double().mean(dim=-1, keepdim=True)[..., None]
        values = (values - offset).square().mean(dim=-1).sqrt()
    return {"ridges": values.mean(dim=0).tolist(), "step": step * width, "is_level": width > 1}


def _triple(found: Estimate) -> list[float]:
    return [found.mean, found.low, found.high]
