"""Where the clean sources are known: how much of a class's source its interpretation holds, and when.

Every gain stands beside others on the same clip: as many components drawn at random, a random mask of equal energy, and
the best mask there is, computed from the source itself, which is the ceiling of all masks. The gain of masks fitted to
the clip stands beside that of masks fitted in the same way to components drawn at random.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.decision_audit import TINY
from interpretability.listening.fitted_masks import fitted_group_masks
from interpretability.listening.interpretation import Interpretation, normalise, select
from interpretability.listening.masks import group_masks
from interpretability.power_spectrum import power_spectrum

ACTIVE_DB = -40.0
"""Level of a frame, relative to the loudest of its source, above which the source counts as active."""


def si_sdr(estimate: Tensor, reference: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio (...) in dB of signals (..., N) (Le Roux et al. 2019, equation 3).

    NaN where the reference is silent; a silent estimate gives -inf.
    """
    power = reference.square().sum(dim=-1, keepdim=True)
    scale = (estimate * reference).sum(dim=-1, keepdim=True) / power
    target = scale * reference
    ratio = target.square().sum(dim=-1) / (estimate - target).square().sum(dim=-1)
    silent = estimate.square().sum(dim=-1) == 0
    return torch.where(power[..., 0] > 0, torch.where(silent, -torch.inf, 10 * torch.log10(ratio)), torch.nan)


def random_components(selected: Tensor, generator: torch.Generator) -> Tensor:
    """Another choice (B, K) of as many components as `selected` (B, K) has in each clip, drawn uniformly."""
    order = torch.rand(selected.shape, generator=generator).argsort(dim=1).to(selected.device)
    rank = order.argsort(dim=1)
    return rank < selected.sum(dim=1, keepdim=True)


def running_sum(values: Tensor) -> Tensor:
    """Running sum along the last axis; made on the CPU, as CUDA has none that repeats exactly."""
    return values.cpu().cumsum(dim=-1).to(values.device)


def random_mask(spectrum: Tensor, energy: Tensor, generator: torch.Generator) -> Tensor:
    """Mask (B, F, T) that keeps bins of spectra (B, F, T) in random order until `energy` (B,) is reached.

    Bins are kept whole but for the last one, which is turned down so that the energy kept is exactly `energy`.
    """
    power = power_spectrum(spectrum).flatten(1).double()
    order = torch.rand(power.shape, generator=generator).argsort(dim=1).to(power.device)
    shuffled = power.gather(1, order)
    before = running_sum(shuffled) - shuffled
    room = (energy.double()[:, None] - before).clamp_min(0)
    kept = torch.where(room >= shuffled, 1.0, (room / shuffled.clamp_min(TINY)).clamp(max=1).sqrt())
    return torch.zeros_like(kept).scatter_(1, order, kept).to(spectrum.real.dtype).reshape(spectrum.shape)


def ideal_mask(source: Tensor, mixture: Tensor) -> Tensor:
    """Mask (B, F, T) in [0, 1] nearest to turning mixture spectra (B, F, T) into those of the source.

    In each bin the least-squares optimum, Re(S conj(X)) / |X|^2, cut off at 0 and 1 (the truncated phase-sensitive
    filter of Erdogan et al. 2015).
    """
    fit = (source * mixture.conj()).real / power_spectrum(mixture).clamp_min(TINY)
    return fit.clamp(0, 1)


def frame_energy(spectrum: Tensor) -> Tensor:
    """Energy (..., T) of spectra (..., F, T)."""
    return power_spectrum(spectrum).sum(dim=-2)


def activity(energy: Tensor, threshold_db: float = ACTIVE_DB) -> Tensor:
    """Frames (B, T) whose energy (B, T) is within `threshold_db` of the loudest; none for silence."""
    loudest = energy.amax(dim=-1, keepdim=True)
    return (energy > loudest * 10 ** (threshold_db / 10)) & (loudest > 0)


def share_inside(energy: Tensor, active: Tensor) -> Tensor:
    """Share (B,) of energy (B, T) that falls into active frames (B, T); NaN for silence."""
    return (energy * active).sum(dim=-1) / energy.sum(dim=-1)


def area_under_curve(score: Tensor, active: Tensor) -> Tensor:
    """Probability (B,) that an active frame scores above an inactive one, ties counting half; 0.5 is chance.

    Score and activity (B, T); NaN where all or no frames are active.
    """
    above = (score[:, :, None] > score[:, None, :]).double() + 0.5 * (score[:, :, None] == score[:, None, :]).double()
    pairs = active[:, :, None] & ~active[:, None, :]
    return (above * pairs).sum(dim=(1, 2)) / pairs.sum(dim=(1, 2))


class SeparationScores(NamedTuple):
    """Scores (B,) of interpretations; gains in dB of SI-SDR over that of the mixture.

    `gain`: by masks from W H; `gain_fitted`: by `fitted_masks`. `share` and `share_fitted`: these over
    `gain_ideal_mask`, how much of what masks can do is done. `inside` and `area`: share of the interpretation's energy
    (masks from W H) in frames in which the source is active, and how well its frame energy tells them from the others;
    the same for the mixture, and the share of frames that are active, stand beside them.
    """

    mixture: Tensor
    gain: Tensor
    gain_random_components: Tensor
    gain_fitted: Tensor
    gain_fitted_random_components: Tensor
    gain_random_mask: Tensor
    gain_ideal_mask: Tensor
    share: Tensor
    share_fitted: Tensor
    n_components: Tensor
    inside: Tensor
    inside_mixture: Tensor
    active_share: Tensor
    area: Tensor
    area_mixture: Tensor


def separation_scores(
    said: Interpretation,
    source: Tensor,
    source_spectrum: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    threshold: float | None = None,
) -> SeparationScores:
    """Score the interpretation of class `labels` (B,) in each clip against that class's clean source.

    Args:
        said: B decisions.
        source: (B, N), at the level it has in the clips.
        source_spectrum: its STFT (B, F, T), at the level at which the model hears the clips.
        labels: class numbers.
        generator: draws the random controls (on the CPU).
        threshold: relevance above which components belong to the class; None takes that of the interpretation.
    """
    spectrum, rows = said.spectrum, torch.arange(len(said), device=said.relevance.device)
    relevance = normalise(said.relevance[rows, labels.to(rows.device)])
    chosen = select(relevance, said.threshold if threshold is None else threshold)
    gains = torch.stack([chosen, random_components(chosen, generator)], dim=1).to(relevance)
    masks = group_masks(said.dictionary, said.activations, gains)
    energy = frame_energy(masks[:, 0] * spectrum)
    others = [random_mask(spectrum, energy.sum(dim=1), generator), ideal_mask(source_spectrum, spectrum)]
    # one by one, as two groups fitted together would have to share the clip
    fitted = [fitted_group_masks(spectrum, said.dictionary, said.activations, gains[:, g : g + 1]) for g in range(2)]
    tried = torch.cat([masks, *fitted, torch.stack(others, dim=1), torch.ones_like(masks[:, :1])], dim=1)
    scores = si_sdr(said.inverse(tried * spectrum[:, None], said.n_samples), source[:, None].expand(-1, 7, -1))
    gain = scores[:, :6] - scores[:, 6:]
    whole, active = frame_energy(spectrum), activity(frame_energy(source_spectrum))
    return SeparationScores(
        mixture=scores[:, 6],
        gain=gain[:, 0],
        gain_random_components=gain[:, 1],
        gain_fitted=gain[:, 2],
        gain_fitted_random_components=gain[:, 3],
        gain_random_mask=gain[:, 4],
        gain_ideal_mask=gain[:, 5],
        share=gain[:, 0] / gain[:, 5],
        share_fitted=gain[:, 2] / gain[:, 5],
        n_components=chosen.sum(dim=1),
        inside=share_inside(energy, active),
        inside_mixture=share_inside(whole, active),
        active_share=active.double().mean(dim=1),
        area=area_under_curve(energy, active),
        area_mixture=area_under_curve(whole, active),
    )
