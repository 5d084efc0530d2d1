"""From waveforms to what the classifier, the dictionary, the masks and the metrics see, and back."""

import hashlib
import json
from dataclasses import asdict

import torch
import torchaudio.functional
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import FrontEndConfig

SILENCE = 1e-4  # peak below which a clip is not raised to full scale (-80 dB)
FEATURE_FLOOR = 1e-5  # mel energy under which features are flat; keeps the logarithm finite at digital silence


class FrontEnd(nn.Module):
    """One STFT for everything: log-mel features, log-magnitude spectrogram for NMF, complex STFT for masks.

    The transform is centred, zero-padded and Hann-windowed; a waveform of N samples has 1 + N // hop_length frames.
    Kernels are rebuilt from the settings and stay out of checkpoints.
    """

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.config = config
        self.n_bins = config.n_fft // 2 + 1
        mel = torchaudio.functional.melscale_fbanks(
            n_freqs=self.n_bins,
            f_min=config.f_min,
            f_max=config.f_max or config.sample_rate / 2,
            n_mels=config.n_mels,
            sample_rate=config.sample_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        empty = (mel.amax(dim=0) == 0).nonzero().flatten().tolist()
        if empty:
            raise InputError(
                f"front_end.n_mels={config.n_mels} leaves mel bands {empty} without a frequency bin at "
                f"front_end.n_fft={config.n_fft}; take fewer bands or a longer transform"
            )
        self.mel: Tensor
        self.window: Tensor
        self.register_buffer("mel", mel, persistent=False)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    @property
    def settings(self) -> dict[str, str | int | float | None]:
        """Settings that decide what a number in a spectrogram means, as plain data."""
        return asdict(self.config)

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
        return torch.log1p((power(spectrum) + 1e-20).sqrt())  # the offset keeps the slope finite at digital silence

    def features(self, spectrum: Tensor) -> Tensor:
        """Log-mel features (B, 1, M, T) in units of 10 dB, never below -5 (10 log10 of `FEATURE_FLOOR`)."""
        energy = power(spectrum)
        if self.config.mel_of == "magnitude":
            energy = (energy + 1e-20).sqrt()
        mel = torch.einsum("bft,fm->bmt", energy, self.mel)
        return mel.clamp_min(FEATURE_FLOOR).log10().unsqueeze(1)


def power(spectrum: Tensor) -> Tensor:
    """|S|^2 of a complex spectrum, several times faster on a CPU than the square of its `abs`."""
    return torch.view_as_real(spectrum).square().sum(dim=-1)
