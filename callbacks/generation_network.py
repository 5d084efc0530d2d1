"""A classifier as a search sees it: excerpts of features, or of waveforms, in; units and layers out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.read_out import Axes
from interpretability.generation.listener import Listener
from interpretability.generation.prior import Sound
from interpretability.generation.readings import Run
from interpretability.generation.target import Target
from interpretability.generation.vocoding import Vocoder, mel_griffin_lim
from interpretability.layers.capture import find_layer
from models.backbones import Backbone
from models.classifier import Analysis, AudioClassifier
from models.front_end import log_mel_front_end
from models.frozen_classifier import FrozenClassifier
from models.post_hoc import PostHocInterpreter

Kind = Literal["features", "waveform"]
UNIT = "10 dB"


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier that hears excerpts of one length.

    Attributes:
        module: the classifier, live: its weights may change between two searches.
        sound: what one excerpt is.
        run: evaluates it on excerpts (B, *sound.shape); returns the logits of whoever decides.
        features: the layer in whose features sounds are compared.
        n_samples: length of an excerpt.
        encode: waveforms (B, n_samples) to excerpts.
        drawn: excerpts (B, *sound.shape) to the features (B, 1, M, T) that pictures of them show, in `drawn_unit`.
        drawn_unit: of these.
    """

    module: AudioClassifier[Any]
    sound: Sound
    run: Run
    features: Target
    n_samples: int
    encode: Callable[[Tensor], Tensor]
    drawn: Callable[[Tensor], Tensor]
    drawn_unit: str

    def listener(self, target: Target) -> Listener:
        """Return the network as a listener for a unit."""
        return Listener(self.module, target, self.features, self.run)

    def vocoder(self, iterations: int) -> Vocoder | None:
        """Return what makes features heard; None for waveforms."""
        if self.sound.kind == "waveform":
            return None
        front_end = self.module.front_end
        config, filters = front_end.config, front_end.filters
        natural = config.features == "ln_mel"
        assert filters is not None  # noqa: S101 - features of another kind are searched as waveforms
        found = mel_griffin_lim(
            filters.detach(),
            config.n_fft,
            config.hop_length,
            linear=torch.exp if natural else lambda features: torch.pow(10.0, features),
            power=1.0 if natural or config.mel_of == "magnitude" else 2.0,
            iterations=iterations,
        )
        return Vocoder(f"pseudo-inverse of the bands, {found.name}", found.invert)


def takes_features(module: AudioClassifier[Any]) -> bool:
    """Whether a classifier decides by features that are fixed, and that a vocoder makes heard."""
    config = module.front_end.config
    fixed = config.features in ("log_mel", "ln_mel", "gammatone") and not config.trainable
    return fixed and backbone_path(module) is not None


def backbone_path(module: AudioClassifier[Any]) -> str | None:
    """Path of the backbone that hears the features, or None."""
    if isinstance(getattr(module, "backbone", None), Backbone):
        return "backbone"
    frozen = getattr(module, "frozen", None)
    own = frozen.own if isinstance(frozen, FrozenClassifier) else None
    if own is not None and isinstance(getattr(own, "backbone", None), Backbone):
        return "frozen.module.backbone"
    return None


def network_of(
    module: AudioClassifier[Any], n_samples: int, kind: Kind | None = None, features: str | None = None
) -> Network:
    """Return a classifier as one that hears excerpts of `n_samples`.

    Args:
        module: the classifier.
        n_samples: length of an excerpt at the classifier's sample rate.
        kind: of the excerpts; None takes features where the classifier hears nothing else of a clip.
        features: layer in whose features sounds are compared; None takes the backbone's embedding, or the logits.

    Raises:
        InputError: A layer that does not exist, or excerpts shorter than one frame.
    """
    front_end = module.front_end
    config = front_end.config
    if n_samples < config.n_fft:
        raise InputError(
            f"excerpts of {n_samples} samples are shorter than one frame of the front end ({config.n_fft})"
        )
    chosen: Kind = kind or ("features" if takes_features(module) else "waveform")
    if chosen == "features" and not takes_features(module):
        raise InputError(f"model.name={module.config.model.name} hears waveforms, not features; choose another prior")

    def encode(waveform: Tensor) -> Tensor:
        with torch.no_grad():
            return module.analyse(waveform.to(module.device)).features

    target, unit = _features_of(module, features), "ln" if config.features == "ln_mel" else UNIT
    if chosen == "waveform":
        sound = Sound((n_samples,), config.sample_rate, "waveform", "full scale")
        drawn = encode if config.features != "waveform" else _log_mel(module)
        run = _decision_on_waveform(module)
        return Network(module, sound, run, target, n_samples, lambda waveform: waveform, drawn, unit)
    sound = Sound((1, config.n_mels, 1 + n_samples // config.hop_length), config.sample_rate, "features", unit)
    return Network(
        module, sound, _decision_on_features(module), target, n_samples, encode, lambda features: features, unit
    )


def _log_mel(module: AudioClassifier[Any]) -> Callable[[Tensor], Tensor]:
    """Return what shows excerpts (B, N) to people where the network itself sees samples."""
    front_end = log_mel_front_end(module.front_end.config)

    def drawn(waveform: Tensor) -> Tensor:
        with torch.no_grad():
            return front_end.features(front_end.stft(front_end.normalize(waveform.cpu().float())))

    return drawn


def _features_of(module: AudioClassifier[Any], layer: str | None) -> Target:
    if layer is not None:
        find_layer(module, layer)
        return Target(0, layer)
    path = backbone_path(module)
    return Target(0) if path is None else Target(0, path, axes=Axes(pick=_embedding))


def _embedding(output: Any) -> Tensor:  # noqa: ANN401 - what a backbone returns
    found: Tensor = output.embedding
    return found


def _decision_on_features(module: AudioClassifier[Any]) -> Run:
    def run(features: Tensor) -> Tensor:
        # Nobody who decides by features looks at the spectrum, but for its number of frames.
        nothing = features.new_zeros(len(features), 1, features.shape[-1])
        return _decide(module, Analysis(nothing, features, None, None))

    return run


def _decision_on_waveform(module: AudioClassifier[Any]) -> Run:
    return lambda waveform: _decide(module, module.analyse(waveform))


def _decide(module: AudioClassifier[Any], analysis: Analysis) -> Tensor:
    """Logits of whoever decides: of an interpreter, those of the classifier that it explains."""
    frozen = getattr(module, "frozen", None)
    if not isinstance(frozen, FrozenClassifier):
        logits: Tensor = module.respond(analysis).logits
        return logits
    if not isinstance(module, PostHocInterpreter):
        return frozen.respond(analysis, module.front_end)
    # As `respond` does it, but with a gradient: components may be searched for, too.
    with module.taps.of(frozen) as maps:
        explained = frozen.respond(analysis, module.front_end)
    module.bottleneck(maps, analysis.spectrum.shape[-1], analysis.mask)
    return explained
