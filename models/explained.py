"""Any classifier, of ours or not, as `ExplainedClassifier`: what metrics and attribution methods ask."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.listening.explained_classifier import ExplainedClassifier
from models.classifier import Analysis, AudioClassifier
from models.front_end import FrontEnd

Outputs = Literal["auto", "logits", "probabilities"]
"""What a foreign module returns. `auto` takes logits, and refuses what looks like probabilities."""

PROBES = 8
"""Clips of noise on which a foreign module is tried out."""


def explained_classifier(model: AudioClassifier[Any]) -> ExplainedClassifier:
    """Return a classifier of ours as metrics see it; of a post-hoc interpreter, the classifier that it explains."""
    explained = getattr(model, "classifier", None)
    if isinstance(explained, AudioClassifier):
        return explained_classifier(explained)
    if isinstance(explained, nn.Module):
        outputs = model.config.model.classifier_outputs  # type: ignore[attr-defined] # of PostHocConfig
        return from_module(explained, model.front_end, model.class_names, model.multi_label, outputs)
    frozen = getattr(model, "frozen", None)  # a classifier of others within a post-hoc interpreter
    front_end, module = model.front_end, model if frozen is None else frozen.module

    def respond(spectrum: Tensor) -> Tensor:
        with evaluation_mode(module), torch.autocast(spectrum.device.type, enabled=False):
            analysis = Analysis(spectrum, front_end.features(spectrum), None, None)
            logits: Tensor = model.respond(analysis).logits if frozen is None else frozen.respond(analysis, front_end)
            return logits.float()

    return ExplainedClassifier(
        class_names=model.class_names,
        multi_label=model.multi_label,
        respond=respond,
        stft=front_end.stft,
        istft=front_end.istft,
        normalize=front_end.normalize,
        module=module,
    )


def from_module(
    module: nn.Module,
    front_end: FrontEnd,
    class_names: tuple[str, ...],
    multi_label: bool = False,
    outputs: Outputs = "auto",
    n_samples: int | None = None,
) -> ExplainedClassifier:
    """Return any module that turns waveforms (B, N) into class scores (B, C) as metrics see it.

    Masks act on the STFT of `front_end`, at whose sample rate the module hears; what they leave is inverted, and the
    module analyses it as it likes.

    Args:
        module: f; it is evaluated, never trained.
        front_end: whose STFT is masked.
        class_names: of the C classes, in the order of the module's outputs.
        multi_label: whether each class has a sigmoid of its own.
        outputs: what the module returns; of probabilities the logarithm is taken (or the logit, multi-label).
        n_samples: samples that the module must be given; None gives it (T - 1) * hop_length for T frames.

    Raises:
        InputError: Not one score for each class, or probabilities where logits are expected.
    """

    def score(waveform: Tensor) -> Tensor:
        with evaluation_mode(module):
            answer: Tensor = module(waveform)
        return answer

    check_outputs(score, front_end, class_names, multi_label, outputs, n_samples)

    def respond(spectrum: Tensor) -> Tensor:
        length = n_samples or (spectrum.shape[-1] - 1) * front_end.config.hop_length
        scores = score(front_end.istft(spectrum, length)).float()
        if outputs != "probabilities":
            return scores
        tiny = torch.finfo(scores.dtype).eps
        return scores.logit(eps=tiny) if multi_label else scores.clamp_min(tiny).log()

    return ExplainedClassifier(
        class_names=tuple(class_names),
        multi_label=multi_label,
        respond=respond,
        stft=front_end.stft,
        istft=front_end.istft,
        normalize=front_end.normalize,
        module=module,
    )


@torch.no_grad()
def check_outputs(
    score: Any,  # noqa: ANN401 - a callable on waveforms
    front_end: FrontEnd,
    class_names: tuple[str, ...],
    multi_label: bool,
    outputs: Outputs,
    n_samples: int | None,
) -> None:
    """Try a module on clips of noise, soft to loud, and refuse answers that are not what is expected.

    Raises:
        InputError: As for `from_module`.
    """
    n = n_samples or front_end.config.sample_rate
    noise = torch.randn(PROBES, n, generator=torch.Generator().manual_seed(0)).clamp(-3, 3) / 3
    probes = noise * torch.logspace(-3, 0, PROBES)[:, None]
    scores = score(probes.to(front_end.window.device))
    if scores.shape != (PROBES, len(class_names)):
        raise InputError(
            f"the classifier returns shape {tuple(scores.shape)} for {PROBES} clips; {len(class_names)} class names "
            f"need ({PROBES}, {len(class_names)})"
        )
    likely = are_probabilities(scores, multi_label)
    if likely and outputs == "auto":
        raise InputError(
            "the classifier returns probabilities (all within 0 and 1"
            + ("" if multi_label else ", each row with sum 1")
            + ') where logits are needed; say outputs="probabilities", or outputs="logits" if logits they are'
        )
    if outputs == "probabilities" and not likely:
        raise InputError('outputs="probabilities", but the classifier returns something else; say outputs="logits"')


def are_probabilities(scores: Tensor, multi_label: bool) -> bool:
    """Whether scores (B, C) of several clips look like probabilities: within [0, 1], and rows with sum 1.

    Rows are not expected to add up to one for multi-label classifiers.
    """
    inside = bool(((scores >= 0) & (scores <= 1)).all())
    if multi_label:
        return inside
    return inside and bool(((scores.sum(dim=1) - 1).abs() < 1e-3).all())
