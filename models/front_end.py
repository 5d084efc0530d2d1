"""From waveforms to what the classifier, the dictionary, the masks and the metrics see, and back."""

import hashlib
import json
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn

from configs.schema import FrontEndConfig
from interpretability.power_spectrum import power_spectrum
from models.feature_views import build_view

SILENCE = 1e-4  # peak below which a clip is not raised to full scale (-80 dB)

LOG_MEL = ("n_mels", "mel_of", "f_min", "f_max")
"""Settings that mean something else, or nothing, to features that come from no filterbank."""


class FrontEnd(nn.Module):
    """One STFT for everything: features of the classifier, log-magnitude spectrogram for NMF, complex STFT for masks.

    The transform is centred, zero-padded and Hann-windowed; a waveform of N samples has 1 + N // hop_length frames.
    Kernels are rebuilt from the settings and stay out of checkpoints.
    """

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.config = config
        self.n_bins = config.n_fft // 2 + 1
        self.view = build_view(config)
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    @property
    def settings(self) -> dict[str, str | int | float | None]:
        """Settings that decide what a number in a spectrogram means, as plain data."""
        kept = asdict(self.config)
        if (
            self.config.features == "log_mel" and not self.config.trainable
        ):  # nothing then depends on the newer settings
            kept = {
                name: value for name, value in kept.items() if name not in ("features", "trainable", "bins_per_octave")
            }
        return kept

    @property
    def fingerprint(self) -> str:
        """Short hash of `settings`; a dictionary or checkpoint with another one belongs to another front end."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]

    def normalize(self, waveform: Tensor) -> Tensor:
        """Waveforms (B, N) with their peak at 1; those below -80 dB are raised by 80 dB at most."""
        if self.config.normalize == "none":
            return waveform
        return waveform / waveform.abs().amax(dim=-1, keepdim=True).clamp_min(SILENCE)

    def n_frames(self, length: Tensor) -> Tensor:
        """Number of frames (B,) that hold samples of clips of `length` (B,) samples."""
        return 1 + length // self.config.hop_length

    def stft(self, waveform: Tensor) -> Tensor:
        """Complex STFT (B, F, T) of waveforms (B, N) in [-1, 1], unscaled: a full-scale sine peaks at n_fft / 4."""
        return torch.stft(
            waveform,
            self.config.n_fft,
            self.config.hop_length,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """Waveforms (..., N) of complex spectra (..., F, T), N = `length` samples."""
        flat = spectrum.reshape(-1, *spectrum.shape[-2:])
        waveform = torch.istft(
            flat, self.config.n_fft, self.config.hop_length, window=self.window, center=True, length=length
        )
        return waveform.reshape(*spectrum.shape[:-2], length)

    def log_magnitude(self, spectrum: Tensor) -> Tensor:
        """X = log(1 + |S|) (B, F, T), the matrix that the dictionary explains (Parekh et al. 2022, section 3)."""
        energy = power_spectrum(spectrum)
        if energy.requires_grad:
            return (energy + 1e-20).sqrt().log1p()  # the offset keeps the slope finite at digital silence
        return energy.sqrt_().log1p_()

    def n_steps(self, length: Tensor) -> Tensor:
        """Number of steps (B,) of the features that hold sound: frames, or samples where the waveform is seen."""
        return length if self.config.features == "waveform" else self.n_frames(length)

    @property
    def filters(self) -> Tensor | None:
        """Filterbank (F, M) from the STFT to the features, where they come from one."""
        filters: Tensor | None = getattr(self.view, "filters", None)
        return filters

    def features(self, spectrum: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Features (B, 1, M, T) of a spectrum (B, F, T): in units of 10 dB, never below -5; or samples (B, 1, 1, N).

        The normalised `waveform` (B, N) spares those features an inverse transform that are not made from the STFT;
        without it they are made of (T - 1) * hop_length samples, which is what a masked spectrum sounds like.
        """

        def sound() -> Tensor:
            return waveform if waveform is not None else self.istft(spectrum, self.hop_samples(spectrum))

        seen: Tensor = self.view(spectrum, sound)
        return seen

    def hop_samples(self, spectrum: Tensor) -> int:
        """Samples between the centres of the first and the last frame of a spectrum (..., T)."""
        return (spectrum.shape[-1] - 1) * self.config.hop_length


def log_mel_front_end(config: FrontEndConfig) -> FrontEnd:
    """Return the same analysis with fixed log-mel features: the reference beside features of any kind."""
    if config.features in ("waveform", "constant_q"):
        usual = FrontEndConfig()
        config = replace(config, **{name: getattr(usual, name) for name in LOG_MEL})
    return FrontEnd(replace(config, features="log_mel", trainable=False))
