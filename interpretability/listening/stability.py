"""Does the explanation stay what it is when the clip changes so little that nobody hears it?"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues


class Stability(NamedTuple):
    """How much relevance moves under small noise.

    Attributes:
        similarity: mean cosine over draws of the relevance with and without noise; 1 is best.
        change: largest over draws of ||r' - r|| / ||r||; lower is better.
        sensitivity: the same over ||x' - x|| / ||x||, relative input stability (Agarwal et al. 2022, equation 2, there
            with element-wise quotients); the largest over draws, after Alvarez-Melis and Jaakkola (2018).
    """

    similarity: ClipValues
    change: ClipValues
    sensitivity: ClipValues


def relevance_stability(relevance: Tensor, noisy: Tensor, noise: Tensor) -> Stability:
    """Compare relevance with that of D noisy copies of the same clips.

    Undefined where nothing is relevant, or where the noise is none (silent clips).

    Args:
        relevance: (B, ...), maps or components.
        noisy: (D, B, ...), of the copies.
        noise: (D, B), ||x' - x|| / ||x||.
    """
    before, after = relevance.flatten(1).double(), noisy.flatten(2).double()
    size = before.norm(dim=1)
    cosine = (after * before).sum(dim=2) / (after.norm(dim=2) * size)
    change = (after - before).norm(dim=2) / size
    defined = (size > 0) & (noise > 0).all(dim=0)
    # An explanation that vanishes has no direction; it counts as changed altogether, not as undefined.
    similarity = torch.where(after.norm(dim=2) > 0, cosine, 0.0)
    found = similarity.mean(dim=0), change.amax(dim=0), (change / noise).amax(dim=0)
    return Stability(*(ClipValues(value).where(defined) for value in found))


def noisy_copies(waveform: Tensor, draws: int, snr_db: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Copies (D, B, N) of clips (B, N) with white noise at exactly `snr_db`, and ||x' - x|| / ||x|| (D, B).

    Each clip draws its noise in turn. Silent clips stay silent.
    """
    noise = torch.stack([torch.randn(draws, len(clip), generator=generator) for clip in waveform], dim=1)
    noise = noise.to(waveform)
    level = waveform.norm(dim=1) * 10 ** (-snr_db / 20)
    added = noise * (level / noise.norm(dim=2))[:, :, None]
    return waveform + added, (level / waveform.norm(dim=1)).nan_to_num(0.0).expand(draws, -1)


def stability_under_noise(
    explain: Callable[[Tensor], Tensor],
    waveform: Tensor,
    generator: torch.Generator,
    draws: int = 2,
    snr_db: float = 30.0,
) -> Stability:
    """Explain clips with and without noise and compare.

    Args:
        explain: clips (B, N) -> relevance (B, ...), for a class that must be the same with and without noise: that of
            the clip without.
        waveform: (B, N).
        generator: draws the noise (on the CPU).
        draws: noisy copies of each clip.
        snr_db: signal-to-noise ratio of each.
    """
    copies, noise = noisy_copies(waveform, draws, snr_db, generator)
    return relevance_stability(explain(waveform), torch.stack([explain(copy) for copy in copies]), noise)
