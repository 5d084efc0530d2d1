"""A trained classifier as something to explain: frozen, in eval mode, with layers that can be named."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from configs.errors import InputError
from configs.layers import flatten
from models.classifier import Analysis, AudioClassifier
from models.explained import PROBES, are_probabilities
from models.front_end import FrontEnd

Outputs = Literal["auto", "logits", "probabilities"]
"""What a classifier of others returns. `auto` takes logits, and refuses what looks like probabilities."""


class FrozenClassifier(nn.Module):
    """A classifier f from waveforms to logits that nothing trains: no gradients of its weights, always in eval mode.

    Attributes:
        module: f itself, whose layers are named by their paths in it.
        origin: plain data from which `models.classifier_sources.rebuild` makes the same network; its weights are in the
            state dict.
        name: what messages and reports call it.
        sample_rate: in Hz, or None where f does not say.
        multi_label: whether each class has a sigmoid of its own.
        outputs: what f returns; of probabilities the logarithm is taken (multi-label: the logit).
    """

    def __init__(
        self,
        module: nn.Module,
        origin: dict[str, Any],
        name: str,
        sample_rate: int | None = None,
        multi_label: bool = False,
        outputs: Outputs = "auto",
    ) -> None:
        super().__init__()
        self.module = module.requires_grad_(False)
        self.origin, self.name, self.sample_rate = origin, name, sample_rate
        self.multi_label, self.outputs = multi_label, outputs
        self.train(False)

    @property
    def own(self) -> AudioClassifier[Any] | None:
        """The classifier as one of this program, which hears through the front end, or None."""
        return self.module if isinstance(self.module, AudioClassifier) else None

    def train(self, mode: bool = True) -> "FrozenClassifier":
        """Stay in eval mode, whatever is asked of the model around it."""
        for part in self.modules():
            part.training = False
        return self

    def forward(self, waveform: Tensor, length: Tensor | None = None) -> Tensor:
        """Logits (B, C) of waveforms (B, N); a foreign module hears what follows `length` (B,) as silence."""
        if self.own is not None:
            logits: Tensor = self.own(waveform, length)
            return logits.float()
        return self.as_logits(self.module(waveform))

    def respond(self, analysis: Analysis, front_end: FrontEnd) -> Tensor:
        """Logits (B, C) of analysed clips; without their waveforms a foreign module hears the inverted spectrum."""
        if self.own is not None:
            logits: Tensor = self.own.respond(analysis).logits
            return logits.float()
        waveform = analysis.waveform
        if waveform is None:
            n_samples = (analysis.spectrum.shape[-1] - 1) * front_end.config.hop_length
            waveform = front_end.istft(analysis.spectrum, n_samples)
        return self.as_logits(self.module(waveform))

    def as_logits(self, scores: Tensor) -> Tensor:
        """Logits of what the module returned."""
        if self.outputs != "probabilities":
            return scores.float()
        tiny = torch.finfo(torch.float32).eps
        return scores.float().logit(eps=tiny) if self.multi_label else scores.float().clamp_min(tiny).log()

    def check(self, front_end: FrontEnd, class_names: tuple[str, ...], multi_label: bool, n_samples: int) -> None:
        """Refuse a classifier that does not fit a run with this front end and these classes.

        Args:
            front_end: of the run.
            class_names: of the run's data.
            multi_label: whether the run's clips may hold several classes.
            n_samples: length of a clip, on which a foreign classifier is tried.

        Raises:
            InputError: Trained at another sample rate or with another front end, for other classes, or returning
                something else than logits.
        """
        if self.own is not None:
            _check_own(self.own, self.name, front_end, class_names, multi_label)
        else:
            self._check_foreign(front_end.config.sample_rate, class_names, n_samples)

    @torch.no_grad()
    def _check_foreign(self, sample_rate: int, class_names: tuple[str, ...], n_samples: int) -> None:
        if self.sample_rate is None:
            raise InputError(f"{self.name}: at which rate was it trained? Give model.classifier_rate in Hz")
        if self.sample_rate != sample_rate:
            raise InputError(
                f"{self.name} was trained at {self.sample_rate} Hz, this run has front_end.sample_rate={sample_rate}; "
                f"give front_end.sample_rate={self.sample_rate}"
            )
        clips = probes(n_samples)
        try:
            scores, again = self.module(clips), self.module(clips)
        except Exception as error:  # whatever another's code raises is about this clip
            raise InputError(
                f"{self.name} cannot hear {PROBES} clips of {n_samples} samples: {' '.join(str(error).split())[:200]}"
            ) from error
        expected = (PROBES, len(class_names))
        if not isinstance(scores, Tensor) or scores.shape != expected:
            found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise InputError(
                f"{self.name} returns {found} for {PROBES} clips; {len(class_names)} classes need {expected}"
            )
        if not torch.allclose(scores, again, rtol=1e-3, atol=1e-5):
            raise InputError(f"{self.name} answers differently each time; was it exported in training mode?")
        likely = are_probabilities(scores, self.multi_label)
        if likely and self.outputs == "auto":
            raise InputError(
                f"{self.name} returns probabilities, not logits; give model.classifier_outputs=probabilities, or "
                "logits if logits they are"
            )
        if self.outputs == "probabilities" and not likely:
            raise InputError(f"{self.name} does not return probabilities; give model.classifier_outputs=logits")


def _check_own(
    model: AudioClassifier[Any], name: str, front_end: FrontEnd, class_names: tuple[str, ...], multi_label: bool
) -> None:
    if hasattr(model, "frozen"):
        raise InputError(f"{name} is itself an interpreter; give the run that it explains")
    here = flatten(front_end.settings, "front_end")
    for key, value in flatten(model.front_end.settings, "front_end").items():
        if here.get(key) != value:
            raise InputError(f"{name} was trained with {key}={value}, this run has {here.get(key)}; give {key}={value}")
    if model.multi_label != multi_label or model.class_names != class_names:
        kinds = {True: "multi-label", False: "single-label"}
        raise InputError(
            f"{name} was trained for {kinds[model.multi_label]} data of {len(model.class_names)} classes "
            f"({_few(model.class_names)}), this run's data is {kinds[multi_label]} with {len(class_names)} "
            f"({_few(class_names)})"
        )


def probes(n_samples: int, n_clips: int = PROBES) -> Tensor:
    """Clips of noise (n_clips, n_samples), soft to loud, always the same."""
    noise = torch.randn(n_clips, n_samples, generator=torch.Generator().manual_seed(0)).clamp(-3, 3) / 3
    return noise * torch.logspace(-3, 0, n_clips)[:, None]


def _few(names: tuple[str, ...], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
