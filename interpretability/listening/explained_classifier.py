"""A frozen classifier as metrics and attribution methods see it: logits of a sound, and of parts of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class ExplainedClassifier:
    """A classifier f, its analysis of sound, and what it answers when a part of a clip is taken away.

    Nothing in here trains: `respond` evaluates. Gradients reach the input where the caller has not switched them off;
    metrics do.

    Attributes:
        class_names: of the C classes.
        multi_label: whether several classes may be in a clip, each with a sigmoid of its own.
        respond: complex STFT (B, F, T), at the level at which f hears a clip -> logits (B, C); differentiable in |S|.
        stft: waveforms (B, N) -> complex STFT (B, F, T).
        istft: complex STFT (..., F, T), N -> waveforms (..., N).
        normalize: level at which f hears waveforms (B, N); applied once, to the whole clip.
        module: f itself, for methods that hook its layers.
    """

    class_names: tuple[str, ...]
    multi_label: bool
    respond: Callable[[Tensor], Tensor]
    stft: Callable[[Tensor], Tensor]
    istft: Callable[[Tensor, int], Tensor]
    normalize: Callable[[Tensor], Tensor]
    module: nn.Module

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        return len(self.class_names)

    def analyse(self, waveform: Tensor) -> Tensor:
        """Complex STFT (B, F, T) of waveforms (B, N) at the level at which f hears them."""
        return self.stft(self.normalize(waveform))

    def logits(self, waveform: Tensor) -> Tensor:
        """Logits (B, C) of waveforms (B, N)."""
        return self.respond(self.analyse(waveform))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities (..., C): softmax of the logits (..., C), or a sigmoid of each (multi-label)."""
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)

    def of_log_magnitude(self, log_magnitude: Tensor, spectrum: Tensor) -> Tensor:
        """Logits (B, C) of X = log(1 + |S|) (B, F, T) with the phase of `spectrum` (B, F, T); differentiable in X.

        Bins in which the clip is silent have no phase; they get phase zero.
        """
        magnitude = spectrum.abs()
        phase = torch.where(magnitude > 0, spectrum / magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny), 1.0)
        return self.respond(torch.expm1(log_magnitude) * phase)

    def reheard(self, spectrum: Tensor, masks: Tensor, n_samples: int, chunk: int = 32) -> Tensor:
        """Logits (B, G, C) of G parts of each clip, made into sound and analysed again.

        A part is what its mask leaves of the complex STFT, inverted to `n_samples` samples. Its level is not normalised
        again: taking a part away must not raise the rest. Masks of ones give the plain round trip, beside which all
        others are to be read, so that what the transform itself does is not taken for an effect of the mask.

        Args:
            spectrum: complex STFT (B, F, T) at the level at which f hears the clips.
            masks: (B, G, F, T) real, or (B, G, 1, T) and the like, which broadcast against the spectrum.
            n_samples: N of the clips.
            chunk: parts heard at a time; the memory needed grows with it, the result does not depend on it.
        """
        n_clips, n_parts = masks.shape[:2]
        heard = []
        for start in range(0, n_clips * n_parts, chunk):
            places = torch.arange(start, min(start + chunk, n_clips * n_parts), device=spectrum.device)
            clips = torch.div(places, n_parts, rounding_mode="floor")
            parts = masks[clips, places % n_parts] * spectrum[clips]
            heard.append(self.respond(self.stft(self.istft(parts, n_samples))))
        if not heard:
            return spectrum.real.new_zeros(n_clips, n_parts, self.n_classes)
        return torch.cat(heard).reshape(n_clips, n_parts, -1)
