"""What a classifier may be given to see of a sound, all on one clock with the STFT that is masked and inverted.

Whatever it sees, the bottleneck and the masks stay on the STFT: an explanation of a network on constant-Q features or
on the waveform itself is heard in the same way as any other.
"""

from collections.abc import Callable

import torch
import torchaudio.functional
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import FrontEndConfig
from interpretability.power_spectrum import power_spectrum
from models.natural_log_mel import NaturalLogMel

FEATURE_FLOOR = 1e-5  # energy under which features are flat; keeps the logarithm finite at digital silence


def mel_filters(config: FrontEndConfig) -> Tensor:
    """Triangular mel filters (F, M) of unit area in Hz (Slaney).

    Raises:
        InputError: Bands so narrow that no frequency bin falls into them.
    """
    mel: Tensor = torchaudio.functional.melscale_fbanks(
        n_freqs=config.n_fft // 2 + 1,
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
    return mel


def gammatone_filters(config: FrontEndConfig) -> Tensor:
    """Gammatone filters (F, M) of nnAudio on a scale of equivalent rectangular bandwidths, of unit area in Hz."""
    from nnAudio.utils import get_gammatone  # slow to import, and seldom wanted

    top = config.f_max or config.sample_rate / 2
    weights = get_gammatone(config.sample_rate, config.n_fft, config.n_mels, config.f_min, top)
    filters = torch.as_tensor(weights).float().T
    return filters / filters.sum(dim=0) * (config.n_fft / config.sample_rate)


class FilterBands(nn.Module):
    """Energies in bands of the STFT: mel or gammatone, as they are or learned on from there."""

    def __init__(self, filters: Tensor, config: FrontEndConfig) -> None:
        super().__init__()
        self.of_power = config.mel_of == "power"
        self.filters: Tensor
        if config.trainable:
            self.filters = nn.Parameter(filters.clone())
        else:
            self.register_buffer("filters", filters, persistent=False)

    def forward(self, spectrum: Tensor, sound: Callable[[], Tensor]) -> Tensor:
        """Complex spectra (B, F, T) -> features (B, 1, M, T) in units of 10 dB."""
        energy = power_spectrum(spectrum)
        if not self.of_power:
            energy = (energy + 1e-20).sqrt()
        bands = torch.einsum("bft,fm->bmt", energy, self.filters.clamp_min(0))
        return bands.clamp_min(FEATURE_FLOOR).log10().unsqueeze(1)


class ConstantQ(nn.Module):
    """Constant-Q transform of nnAudio (Cheuk et al. 2020), its kernels as they are or learned on from there.

    A full-scale sine has the energy that it has in the STFT, so that the floor means the same for all features.
    """

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        from nnAudio.features import CQT1992v2  # slow to import, and seldom wanted

        self.gain = (config.n_fft / 4) ** 2
        self.transform = CQT1992v2(
            sr=config.sample_rate,
            hop_length=config.hop_length,
            fmin=config.f_min,
            n_bins=config.n_mels,
            bins_per_octave=config.bins_per_octave,
            pad_mode="constant",  # a clip may be shorter than the lowest kernel
            trainable=config.trainable,
            output_format="Complex",
            verbose=False,
        )
        for part in self.transform.modules():  # rebuilt from the settings, so kept out of checkpoints
            part._non_persistent_buffers_set |= set(part._buffers)

    def forward(self, spectrum: Tensor, sound: Callable[[], Tensor]) -> Tensor:
        """Features (B, 1, M, T) in units of 10 dB of the sound whose STFT has T frames."""
        found: Tensor = self.transform(sound(), normalization_type="wrap")
        energy = self.gain * found.square().sum(dim=-1)[..., : spectrum.shape[-1]]
        return energy.clamp_min(FEATURE_FLOOR).log10().unsqueeze(1)


class RawWaveform(nn.Module):
    """The samples themselves, for networks that learn their own filters."""

    def forward(self, spectrum: Tensor, sound: Callable[[], Tensor]) -> Tensor:
        """Features (B, 1, 1, N): one band, whose steps are samples."""
        return sound()[:, None, None, :]


def build_view(config: FrontEndConfig) -> nn.Module:
    """Return what turns a spectrum (B, F, T), and the sound (B, N) behind it, into the features of a classifier."""
    if config.features == "waveform":
        return RawWaveform()
    if config.features == "constant_q":
        return ConstantQ(config)
    if config.features == "ln_mel":
        return NaturalLogMel(config.sample_rate, config.n_fft, config.n_mels, config.f_min, config.f_max)
    return FilterBands(gammatone_filters(config) if config.features == "gammatone" else mel_filters(config), config)
