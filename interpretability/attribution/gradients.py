"""Relevance from the slope of a class's logit in X = log(1 + |S|): saliency and what grew out of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.attribution.settings import AttributionSettings
from interpretability.listening.explained_classifier import ExplainedClassifier


@contextmanager
def gradients_allowed() -> Iterator[None]:
    """Allow gradients, also where the caller is in inference mode or has switched them off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def captum_attribution() -> Any:  # noqa: ANN401 - captum has no types of its own
    """Return `captum.attr`.

    Raises:
        InputError: captum is not installed.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise InputError(f'attribution needs captum ({error}): pip install "soundglass[attribution]"') from error
    return captum.attr


def slopes(f: ExplainedClassifier, X: Tensor, spectrum: Tensor, labels: Tensor) -> Tensor:
    """Slope (B, F, T) of the logits of classes (B,) in X (B, F, T), heard with the phase of `spectrum` (B, F, T).

    `torch.autograd.grad` asks for this slope alone, so that no weight's gradient is computed or written.
    """
    with gradients_allowed():
        X = X.detach().clone().requires_grad_()
        logits = f.of_log_magnitude(X, spectrum.clone())  # clones are ordinary tensors where inference mode made them
        chosen = logits.gather(1, labels.clone()[:, None])
        return torch.autograd.grad(chosen.sum(), X)[0]


def _log_magnitude(spectrum: Tensor) -> Tensor:
    return torch.log1p(spectrum.abs()).detach()


def _by_captum(
    method: str, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor, /, chunk: int, **options: object
) -> Tensor:
    """Signed attribution (B, F, T) of X by a method of captum's, `chunk` clips at a time."""
    make: Callable[..., Any] = getattr(captum_attribution(), method)
    found = []
    for start in range(0, len(spectrum), chunk):
        with gradients_allowed():
            S, y = spectrum[start : start + chunk].clone(), labels[start : start + chunk].clone()
            X = _log_magnitude(S).requires_grad_()
            attribution: Tensor = make(f.of_log_magnitude).attribute(
                X, target=y, additional_forward_args=(S,), **options
            )
            found.append(attribution.detach())
    return torch.cat(found)


def saliency(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """|d logit / d X| (Simonyan et al. 2014)."""
    return _by_captum("Saliency", f, spectrum, labels, chunk=settings.chunk, abs=True)


def input_x_gradient(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """max(0, X d logit / d X) (Shrikumar et al. 2017)."""
    return _by_captum("InputXGradient", f, spectrum, labels, chunk=settings.chunk).clamp_min(0)


def integrated_gradients(
    settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor
) -> Tensor:
    """Positive part of integrated gradients from silence, X = 0, by Gauss-Legendre (Sundararajan et al. 2017)."""
    return signed_integrated_gradients(settings, f, spectrum, labels).clamp_min(0)


def signed_integrated_gradients(
    settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor
) -> Tensor:
    """Integrated gradients (B, F, T) with their sign; they add up to f(x) - f(silence) as steps become many."""
    clips = max(1, settings.chunk // settings.ig_steps)
    return _by_captum(
        "IntegratedGradients",
        f,
        spectrum,
        labels,
        chunk=clips,
        n_steps=settings.ig_steps,
        internal_batch_size=max(settings.chunk, clips),
    )


def smoothgrad(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """Absolute mean of the slopes at noisy copies of X (Smilkov et al. 2017).

    The noise is relative to each clip's range of X, and a magnitude below zero, which no sound has, becomes zero. It is
    drawn here, not by captum, which takes it from the global random stream: each clip's would depend on its batch.
    """
    maps = []
    for S, label in zip(spectrum[:, None], labels[:, None], strict=True):
        X = _log_magnitude(S)
        spread = settings.smoothgrad_noise * (X.amax() - X.amin())
        generator, total = torch.Generator().manual_seed(settings.seed), torch.zeros_like(X)
        for start in range(0, settings.smoothgrad_samples, settings.chunk):
            n = min(settings.chunk, settings.smoothgrad_samples - start)
            noise = torch.randn(n, *X.shape[1:], generator=generator).to(X)
            noisy = (X + spread * noise).clamp_min(0)
            total += slopes(f, noisy, S.expand(n, -1, -1), label.expand(n)).sum(dim=0, keepdim=True)
        maps.append((total / settings.smoothgrad_samples).abs())
    return torch.cat(maps)
