"""Relevance from what the classifier answers when parts of a clip are silent: occlusion and Shapley values."""

import torch
from torch import Tensor

from interpretability.attribution.gradients import captum_attribution
from interpretability.attribution.segments import Segments, blocks
from interpretability.attribution.settings import AttributionSettings
from interpretability.listening.explained_classifier import ExplainedClassifier


@torch.no_grad()
def answers(
    f: ExplainedClassifier, spectrum: Tensor, label: Tensor, segments: Segments, presence: Tensor, chunk: int
) -> Tensor:
    """Logit (G,) of the class of one clip (F, T) when its segments are present to the degree (G, n)."""
    found = []
    for start in range(0, len(presence), chunk):
        some = presence[start : start + chunk].to(spectrum.real)
        logits = f.respond(segments.masks(some) * spectrum)
        found.append(logits[:, label])
    return torch.cat(found)


def occlusion(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """How far the logit falls when a block of the spectrogram is silent, for every bin of it (Zeiler et al. 2014).

    Blocks do not overlap (captum's FeatureAblation); what raises the logit by its absence gets zero.
    """
    ablation = captum_attribution().FeatureAblation(f.of_log_magnitude)
    parts = blocks(spectrum, settings.occlusion_patches).numbers
    maps = []
    with torch.no_grad():
        for S, label in zip(spectrum[:, None], labels[:, None], strict=True):
            found: Tensor = ablation.attribute(
                torch.log1p(S.abs()),
                baselines=0,
                target=label,
                additional_forward_args=(S,),
                feature_mask=parts[None],
                perturbations_per_eval=settings.chunk,
            )
            maps.append(found.detach().clamp_min(0))
    return torch.cat(maps).to(spectrum.real.dtype)


def shapley_sampling(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """Positive part of Shapley values of blocks against silence, every bin of a block having its block's value."""
    parts = blocks(spectrum, settings.shap_patches)
    maps = []
    for S, label in zip(spectrum, labels, strict=True):
        generator = torch.Generator().manual_seed(settings.seed)
        values = shapley_values(f, S, label, parts, settings.shap_samples, generator, settings.chunk)
        maps.append(parts.masks(values.clamp_min(0)[None])[0])
    return torch.stack(maps)


def shapley_values(
    f: ExplainedClassifier,
    spectrum: Tensor,
    label: Tensor,
    segments: Segments,
    samples: int,
    generator: torch.Generator,
    chunk: int = 32,
) -> Tensor:
    """Estimate the Shapley values (n,) of a clip's segments (F, T) from about `samples` answers.

    Segments join one by one in a random order and in its reverse (Castro et al. 2009; antithetic as in Mitchell et al.
    2022); each is credited with what its arrival changes. The estimate is unbiased, adds up to f(x) - f(silence), and
    is exact where no more than two segments interact. There is always at least one such pair of orders.
    """
    n = segments.count
    credit = spectrum.real.new_zeros(n)
    n_pairs = max(1, samples // (2 * n))
    for _ in range(n_pairs):
        order = torch.randperm(n, generator=generator)
        for one in (order, order.flip(0)):
            presence = torch.zeros(n + 1, n)
            presence[:, one] = torch.ones(n + 1, n).tril(-1)
            logits = answers(f, spectrum, label, segments, presence.to(spectrum.device), chunk)
            credit[one.to(credit.device)] += logits.diff()
    return credit / (2 * n_pairs)
