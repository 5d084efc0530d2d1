"""From a model made of components and a waveform to what its decision is made of, and hand edits of that decision."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.listening.interpretation import THRESHOLD, Interpretation, relevance_of
from interpretability.listening.masks import MaskScale
from models.classifier import AudioClassifier
from models.nmf_bottleneck import NMFBottleneck
from models.temporal_pooling import AttentionPooling

if TYPE_CHECKING:
    from models.component_classifier import ComponentClassifier


def require_components(model: AudioClassifier[Any]) -> "ComponentClassifier":
    """Return the model if its decisions are sums over components.

    Raises:
        InputError: It is of another kind, such as the black-box twin.
    """
    if not isinstance(getattr(model, "bottleneck", None), NMFBottleneck):
        name = model.config.model.name
        raise InputError(f"model.name={name} has no components to listen to; this needs a by_design or post_hoc run")
    return model  # type: ignore[return-value]


def explain(
    model: "ComponentClassifier",
    waveform: Tensor,
    length: Tensor | None = None,
    threshold: float = THRESHOLD,
    scale: MaskScale = "magnitude",
) -> Interpretation:
    """Interpret the decisions of a model on clips.

    The model is evaluated without gradients and in eval mode; its training flags stay as they were.

    Args:
        model: made of components, on any device.
        waveform: (B, N) or (N,) at the run's sample rate, finite.
        length: (B,) samples of each clip that are sound; None for all.
        threshold: normalised relevance above which a component belongs to a class.
        scale: what masks act on (`interpretability.listening.masks.MaskScale`).

    Raises:
        InputError: No or too few samples, or NaN or infinite ones.
    """
    clips = (waveform[None] if waveform.ndim == 1 else waveform).to(model.device, torch.float32)
    check_waveform(clips, model.front_end.config.n_fft)
    with torch.no_grad(), evaluation_mode(model):
        return interpret(model, clips, None if length is None else length.to(model.device), threshold, scale)


def interpret(
    model: "ComponentClassifier",
    clips: Tensor,
    length: Tensor | None = None,
    threshold: float = THRESHOLD,
    scale: MaskScale = "magnitude",
) -> Interpretation:
    """Interpret checked clips (B, N) with a model that is in eval mode; arguments as `explain`."""
    analysis = model.analyse(clips, length)
    output = model.respond(analysis)
    relevance = relevance_of(model.bottleneck.contributions(output.pooled))
    return assemble(
        model,
        clips,
        analysis.spectrum,
        output.activations,
        output.logits,
        relevance,
        threshold=threshold,
        scale=scale,
        explained=output.explained,
    )


def assemble(
    model: "ComponentClassifier",
    clips: Tensor,
    spectrum: Tensor,
    activations: Tensor,
    logits: Tensor,
    relevance: Tensor,
    **settings: Any,  # noqa: ANN401 - further fields of Interpretation
) -> Interpretation:
    """Put together what was found in clips (B, N) with what the model knows by itself."""
    head, front_end = model.bottleneck, model.front_end
    heard = front_end.normalize(clips).abs().amax(dim=1)
    return Interpretation(
        class_names=model.class_names,
        multi_label=model.multi_label,
        sample_rate=front_end.config.sample_rate,
        n_samples=clips.shape[1],
        hop_length=front_end.config.hop_length,
        logits=logits.float(),
        prior=None if head.prior is None else head.prior.detach().float(),
        relevance=relevance.float(),
        activations=activations.float(),
        dictionary=head.dictionary.detach().float(),
        spectrum=spectrum,
        level=torch.where(heard > 0, clips.abs().amax(dim=1) / heard.clamp_min(1e-30), 1.0),
        inverse=front_end.istft,
        **settings,
    )


def check_waveform(clips: Tensor, n_fft: int) -> None:
    """Refuse clips (B, N) that cannot be analysed.

    Raises:
        InputError: Another shape, fewer samples than one analysis frame, or NaN or infinite ones.
    """
    if clips.ndim != 2:
        raise InputError(f"a waveform has shape (samples,) or (clips, samples), not {tuple(clips.shape)}: mix to mono")
    if clips.shape[1] < n_fft:
        raise InputError(f"{clips.shape[1]} samples are fewer than one analysis frame of {n_fft}")
    if not bool(torch.isfinite(clips).all()):
        raise InputError("the waveform holds NaN or infinite samples")


@torch.no_grad()
def apply_gains(model: "ComponentClassifier", gains: Sequence[float] | Tensor) -> None:
    """Scale components (0 mutes) in what the decision reads: from now on it is the one H scaled by `gains` would give.

    Pooling reads H / scale, so that a gain divides `bottleneck.scale`; a muted component loses its columns of A and,
    where attention is computed from H, its inputs of the attention. Both are exact for every pooling. Dictionary and
    activations, and so masks and sounds, are untouched; a muted component stays muted whatever gain it gets later.

    Raises:
        InputError: Not one finite gain >= 0 for each component.
    """
    head = model.bottleneck
    factors = torch.as_tensor(gains, dtype=torch.float32).to(head.scale.device).flatten()
    if len(factors) != len(head.scale) or not bool(torch.isfinite(factors).all()) or bool((factors < 0).any()):
        raise InputError(f"gains must be {len(head.scale)} finite numbers >= 0, one for each component")
    muted = factors == 0
    head.scale.div_(torch.where(muted, 1.0, factors))
    head.weight[:, :, muted] = 0.0
    if isinstance(head.pooling, AttentionPooling) and head.context_layer is None:
        head.pooling.value.weight[:, muted] = 0.0
        head.pooling.gate.weight[:, muted] = 0.0
