"""LIME for sound: a linear model of what a classifier answers when segments of one clip are silent.

SLIME (Mishra et al. 2017) cuts the spectrogram in time, in frequency or in both; audioLIME (Haunschmid et al. 2020)
switches sources on and off. Kernel and ridge are those of LIME for images (Ribeiro et al. 2016): width 0.25 on the
cosine distance, penalty 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from interpretability.attribution.perturbation import answers
from interpretability.attribution.segments import Cut, Segments, SourceSegments, blocks, time_numbers
from interpretability.attribution.settings import AttributionSettings
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.masks import group_masks

KERNEL_WIDTH = 0.25
PENALTY = 1.0

Sources = Callable[[Tensor], Tensor]
"""Complex STFT (B, F, T) -> soft masks (B, G, F, T) of sources that add up to the clip."""


def slime(cut: Cut, settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """Positive weights of segments, every bin having its segment's (Mishra et al. 2017)."""
    parts = blocks(spectrum, settings.slime_segments, cut)
    return torch.stack([_relevance(settings, f, S, label, parts) for S, label in zip(spectrum, labels, strict=True)])


def audio_lime(
    sources: Sources, settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor
) -> Tensor:
    """Positive weights of the sources of each clip over time (Haunschmid et al. 2020).

    Args:
        sources: separation, such as `harmonic_percussive_masks`, or that of `component_sources`.
        settings: of which `slime_samples`, `lime_times`, `chunk` and `seed` matter.
        f: the classifier.
        spectrum: complex STFT (B, F, T).
        labels: classes (B,).
    """
    times = time_numbers(spectrum.shape[-1], settings.lime_times).to(spectrum.device)
    with torch.no_grad():
        masks = sources(spectrum)
    clips = zip(spectrum, labels, masks, strict=True)
    return torch.stack([_relevance(settings, f, S, label, SourceSegments(own, times)) for S, label, own in clips])


def component_sources(dictionary: Tensor, encode: Callable[[Tensor], Tensor], n_sources: int = 5) -> Sources:
    """Sources of a clip from an NMF dictionary: its loudest components one by one, and the rest as the last source.

    Args:
        dictionary: W (F, K).
        encode: X = log(1 + |S|) (B, F, T) -> activations H (B, K, T).
        n_sources: sources wanted, the rest included.
    """

    def separate(spectrum: Tensor) -> Tensor:
        H = encode(torch.log1p(spectrum.abs()))
        loudness = dictionary.sum(dim=0) * H.sum(dim=2)  # (B, K), of w_k h_k
        first = loudness.topk(min(n_sources - 1, loudness.shape[1]), dim=1).indices
        gains = torch.zeros(len(H), first.shape[1] + 1, H.shape[1]).to(H)
        gains[:, :-1].scatter_(2, first[..., None], 1.0)
        gains[:, -1] = 1 - gains[:, :-1].sum(dim=1)
        return group_masks(dictionary, H, gains, remainder=gains.shape[1] - 1)

    return separate


def _relevance(
    settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, label: Tensor, segments: Segments
) -> Tensor:
    generator = torch.Generator().manual_seed(settings.seed)
    weights = surrogate_weights(f, spectrum, label, segments, settings.slime_samples, generator, settings.chunk)
    return segments.masks(weights.clamp_min(0)[None])[0]


def surrogate_weights(
    f: ExplainedClassifier,
    spectrum: Tensor,
    label: Tensor,
    segments: Segments,
    samples: int,
    generator: torch.Generator,
    chunk: int = 32,
    penalty: float = PENALTY,
) -> Tensor:
    """Weights (n,) of the segments of one clip (F, T) in the surrogate of the class's logit.

    Each sample keeps each segment with probability 1/2; the first is the whole clip, as in LIME.
    """
    presence = (torch.rand(samples, segments.count, generator=generator) < 0.5).double()
    presence[0] = 1.0
    logits = answers(f, spectrum, label, segments, presence.to(spectrum.device), chunk)
    return ridge(presence, logits.double().cpu(), closeness(presence), penalty).to(spectrum.real)


def closeness(presence: Tensor) -> Tensor:
    """Weight (G,) of each sample (G, n): exp(-d^2 / (2 w^2)), w = 0.25, d the cosine distance to the whole clip."""
    cosine = presence.sum(dim=1) / (presence.norm(dim=1) * presence.shape[1] ** 0.5).clamp_min(1e-12)
    return torch.exp(-((1 - cosine) ** 2) / (2 * KERNEL_WIDTH**2))


def ridge(presence: Tensor, targets: Tensor, weights: Tensor, penalty: float) -> Tensor:
    """Coefficients (n,) of the weighted ridge regression of targets (G,) on presence (G, n); the intercept is free."""
    share = weights / weights.sum()
    centred, y = presence - share @ presence, targets - share @ targets
    weighted = centred * weights[:, None]
    gram = weighted.T @ centred + penalty * torch.eye(presence.shape[1], dtype=presence.dtype)
    coefficients: Tensor = torch.linalg.solve(gram, weighted.T @ y)
    return coefficients
