"""Deletion and insertion: how fast a class goes, and comes, when bins are taken away or let in by their relevance."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues, of_label
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.separation_scores import running_sum
from interpretability.power_spectrum import power_spectrum

Measure = Literal["bins", "energy"]
"""What the shares are of. Of bins, as published, whichever method puts the loud ones first scores best, even one that
knows nothing of the classifier. Of the clip's energy, as much sound is taken away at each step by every method."""


class Curves(NamedTuple):
    """Probability of class c along the curves (Petsiuk et al. 2018, section 3.2, algorithm 1).

    Attributes:
        shares: (S,) share of bins, or of energy, taken away or let in, from 0 to 1.
        deletion: (B, S) without the most relevant bins.
        insertion: (B, S) of the most relevant bins alone.
    """

    shares: Tensor
    deletion: Tensor
    insertion: Tensor

    @property
    def deletion_area(self) -> ClipValues:
        """Area under the deletion curve in [0, 1]; lower is better."""
        return ClipValues(torch.trapezoid(self.deletion, self.shares))

    @property
    def insertion_area(self) -> ClipValues:
        """Area under the insertion curve in [0, 1]; higher is better."""
        return ClipValues(torch.trapezoid(self.insertion, self.shares))


@torch.no_grad()
def curves(
    f: ExplainedClassifier,
    spectrum: Tensor,
    relevance: Tensor,
    labels: Tensor,
    n_samples: int,
    steps: int = 10,
    shares: Sequence[float] | None = None,
    chunk: int = 32,
    of: Measure = "bins",
) -> Curves:
    """Delete and insert bins in the order of their relevance, in the signal domain.

    The ends are the plain round trip and silence. Bins of equal relevance go together, each by the same part, so that
    their order on the spectrogram decides nothing. Clips of which nothing is relevant, or everything equally, are
    undefined, as are silent ones.

    Args:
        f: the classifier.
        spectrum: complex STFT (B, F, T) at the level at which f hears the clips.
        relevance: (B, F, T) >= 0.
        labels: (B,), class c of each clip.
        n_samples: N of the clips.
        steps: equal steps from 0 to 1, where `shares` does not say which.
        shares: increasing shares, 0 and 1 included.
        chunk: parts heard at a time.
        of: what the shares are of.
    """
    places = torch.linspace(0, 1, steps + 1, dtype=torch.float64) if shares is None else torch.tensor(shares).double()
    places = places.to(spectrum.device)
    between = places[1:-1]
    logits = []
    for clip in range(len(spectrum)):  # masks of all steps are held for one clip at a time
        power = power_spectrum(spectrum[clip : clip + 1]) if of == "energy" else None
        kept = top_masks(relevance[clip : clip + 1], between, power).to(spectrum.real.dtype)
        ends = torch.stack([torch.ones_like(kept[0, 0]), torch.zeros_like(kept[0, 0])]).expand(1, 2, *kept.shape[2:])
        parts = torch.cat([ends, 1 - kept, kept], dim=1)
        logits.append(f.reheard(spectrum[clip : clip + 1], parts, n_samples, chunk))
    heard = of_label(f.probabilities(torch.cat(logits).double()), labels)
    whole, silence, n = heard[:, :1], heard[:, 1:2], len(between)
    flat = relevance.flatten(1)
    undefined = (flat.amax(dim=1) <= flat.amin(dim=1)) | (spectrum.abs().flatten(1).amax(dim=1) == 0)
    deletion = torch.cat([whole, heard[:, 2 : 2 + n], silence], dim=1)
    insertion = torch.cat([silence, heard[:, 2 + n :], whole], dim=1)
    return Curves(*(places, *(curve.masked_fill(undefined[:, None], torch.nan) for curve in (deletion, insertion))))


def top_masks(relevance: Tensor, shares: Tensor, power: Tensor | None = None) -> Tensor:
    """Masks (B, S, F, T) of the most relevant bins, S shares (S,) of all of them, from relevance (B, F, T).

    Shares are of the number of bins, or of the energy where `power` (B, F, T) is given. Bins that are equally relevant
    where a share ends are kept in part, all alike: the entries of a mask, or the energy it keeps, add up to the share.
    """
    flat = relevance.flatten(1)
    weight = torch.ones_like(flat, dtype=torch.float64) if power is None else power.flatten(1).double()
    sorted_, order = flat.sort(dim=1, descending=True)
    reached = running_sum(weight.gather(1, order))
    wanted = shares * reached[:, -1:]  # (B, S)
    last = torch.searchsorted(reached, wanted * (1 - 1e-12)).clamp(max=flat.shape[1] - 1)
    level = sorted_.gather(1, last)[:, :, None]
    above, tied = flat[:, None] > level, flat[:, None] == level
    taken = (weight[:, None] * above).sum(dim=2), (weight[:, None] * tied).sum(dim=2)
    part = ((wanted - taken[0]) / taken[1].clamp_min(1e-300)).clamp(0, 1)[:, :, None]
    masks = torch.where(tied, part if power is None else part.sqrt(), above.to(part.dtype))
    return masks.reshape(len(relevance), shares.shape[0], *relevance.shape[1:])
