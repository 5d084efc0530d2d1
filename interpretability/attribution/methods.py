"""All attribution methods by name."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from interpretability.acoustics.harmonic_percussive import harmonic_percussive_masks
from interpretability.attribution.grad_cam import grad_cam
from interpretability.attribution.gradients import input_x_gradient, integrated_gradients, saliency, smoothgrad
from interpretability.attribution.guided_backprop import guided_backprop
from interpretability.attribution.local_surrogate import audio_lime, slime
from interpretability.attribution.perturbation import occlusion, shapley_sampling
from interpretability.attribution.settings import AttributionSettings, Explainer
from interpretability.listening.explained_classifier import ExplainedClassifier

_WITH_SETTINGS: dict[str, Callable[[AttributionSettings, ExplainedClassifier, Tensor, Tensor], Tensor]] = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "integrated_gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "grad_cam": grad_cam,
    "guided_backprop": guided_backprop,
    "shap": shapley_sampling,
    "occlusion": occlusion,
    "slime": partial(slime, "time_frequency"),
    "slime_time": partial(slime, "time"),
    "slime_frequency": partial(slime, "frequency"),
    "audio_lime": partial(audio_lime, harmonic_percussive_masks),
}

TITLES = {
    "saliency": "saliency",
    "input_x_gradient": "input x gradient",
    "integrated_gradients": "integrated gradients",
    "smoothgrad": "SmoothGrad",
    "grad_cam": "Grad-CAM",
    "guided_backprop": "guided backpropagation",
    "shap": "Shapley values of patches",
    "occlusion": "occlusion of patches",
    "slime": "SLIME, time and frequency",
    "slime_time": "SLIME, time",
    "slime_frequency": "SLIME, frequency",
    "audio_lime": "audioLIME, harmonic and percussive",
}
"""What the methods are called for people."""


def attribution_methods(settings: AttributionSettings | None = None) -> dict[str, Explainer]:
    """Return every attribution method by name, with these settings."""
    chosen = settings or AttributionSettings()
    return {name: partial(method, chosen) for name, method in _WITH_SETTINGS.items()}


ATTRIBUTION_METHODS: dict[str, Explainer] = attribution_methods()
"""Every attribution method by name, with the default settings."""


def natural_mask(relevance: Tensor) -> Tensor:
    """The mask (B, F, T) in [0, 1] that a relevance map is by itself: R over its largest value; zeros stay zero."""
    return relevance / relevance.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)


def passes(settings: AttributionSettings, name: str) -> float:
    """About how many times a clip goes through the classifier for a method; a slope counts three times."""
    slopes = {"integrated_gradients": settings.ig_steps, "smoothgrad": settings.smoothgrad_samples}
    looks = {"shap": max(settings.shap_samples, 2 * settings.shap_patches), "occlusion": settings.occlusion_patches}
    if name.startswith("slime") or name == "audio_lime":
        return float(settings.slime_samples)
    return float(looks.get(name, 3 * slopes.get(name, 1)))
