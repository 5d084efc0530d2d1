"""Two sounds at once: does the explanation of one keep that one only? The overlap test of Parekh et al. in numbers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.separation_scores import frame_energy, random_mask, si_sdr

PUBLISHED_LEVELS = (1.0, 0.6, 0.15, 0.09)
"""Factors of the other sound in the paper's overlap test, on clips whose peaks are at 1."""


class OverlapScores(NamedTuple):
    """Scores of explanations against the clean target at one mixing level.

    In dB; gains are over the mixture, higher is better. Undefined where a sound is silent, and for explanations that
    keep nothing (their SI-SDR is minus infinity). `random` stands for a random mask of equal energy.
    """

    level: float
    mixture: ClipValues
    si_sdr_gain: ClipValues
    sdr_gain: ClipValues
    random_si_sdr_gain: ClipValues
    random_sdr_gain: ClipValues


@torch.no_grad()
def overlap_scores(
    f: ExplainedClassifier,
    explain: Callable[[Tensor, Tensor], Tensor],
    target: Tensor,
    other: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    levels: Sequence[float] = PUBLISHED_LEVELS,
) -> list[OverlapScores]:
    """Mix x_1 + lambda x_2, both with their peaks at 1, explain class c of x_1, and compare with x_1.

    Args:
        f: the classifier; its transform is used.
        explain: mixtures (B, N) and classes (B,) -> masks (B, F, T) in [0, 1] on the mixtures' STFT.
        target: clips (B, N) of class c.
        other: clips (B, N) of another class.
        labels: (B,), class c.
        generator: draws the control (on the CPU).
        levels: lambda, one entry of the result for each.
    """
    wanted, found = to_full_scale(target), []
    for level in levels:
        mixture = wanted + level * to_full_scale(other)
        masks, spectrum = explain(mixture, labels), f.stft(mixture)
        energy = frame_energy(masks * spectrum).sum(dim=-1)
        parts = torch.stack([masks, random_mask(spectrum, energy, generator), torch.ones_like(masks)], dim=1)
        heard = f.istft(parts * spectrum[:, None], mixture.shape[1])
        references = wanted[:, None].expand_as(heard)
        invariant, plain = si_sdr(heard, references), sdr(heard, references)
        mixed = other.abs().amax(dim=1) > 0
        explained = mixed & (energy > 0)
        gains = [(score[:, g] - score[:, 2]) for g in (0, 1) for score in (invariant, plain)]
        values = [ClipValues(gain).where(explained & gain.isfinite()) for gain in gains]
        before = ClipValues(invariant[:, 2]).where(mixed)
        found.append(OverlapScores(level, before, *values))
    return found


def to_full_scale(waveform: Tensor) -> Tensor:
    """Waveforms (B, N) with max |x| at 1; silence stays silence."""
    peak = waveform.abs().amax(dim=-1, keepdim=True)
    return waveform / torch.where(peak > 0, peak, 1.0)


def sdr(estimate: Tensor, reference: Tensor) -> Tensor:
    """Signal-to-distortion ratio 10 log10(||s||^2 / ||s - e||^2) (...) in dB of signals (..., N).

    The level of the estimate counts, other than in SI-SDR. NaN where the reference is silent; silence scores 0 dB.
    """
    power = reference.square().sum(dim=-1)
    ratio = power / (reference - estimate).square().sum(dim=-1)
    return torch.where(power > 0, 10 * torch.log10(ratio), torch.nan)
