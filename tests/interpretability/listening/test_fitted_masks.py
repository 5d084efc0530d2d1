"""Masks fitted to the clip: what they add up to, and that they find what moves with the components."""

import torch
from torch import Tensor

from interpretability.listening.fitted_masks import BLOCK_FRAMES, fitted_group_masks, frame_shares
from interpretability.listening.separation_scores import si_sdr

N_FFT, HOP, RATE = 512, 256, 16000
WINDOW = torch.hann_window(N_FFT)


def stft(sound: Tensor) -> Tensor:
    return torch.stft(sound, N_FFT, HOP, window=WINDOW, return_complex=True)


def istft(spectrum: Tensor, n: int) -> Tensor:
    return torch.istft(spectrum, N_FFT, HOP, window=WINDOW, length=n)


def planted(seconds: float = 2.0) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Beeps over steady noise; broad atoms that blur both, active when they sound: source, mix, S, W, H."""
    n = int(RATE * seconds)
    time = torch.arange(n) / RATE
    gate = (torch.sin(2 * torch.pi * 1.5 * time) > 0.3).float()
    source = gate * torch.sin(2 * torch.pi * 1500 * time)
    noise = 0.5 * torch.randn(n, generator=torch.Generator().manual_seed(0))
    spectrum = stft((source + noise)[None])
    n_bins, n_frames = spectrum.shape[1:]
    dictionary = torch.full((n_bins, 2), n_bins**-0.5)  # both atoms are flat: W H alone tells nothing about frequency
    sounding = stft(source[None])[0].abs().sum(dim=0)
    sounding = sounding / sounding.max()
    activations = torch.stack([sounding, torch.full((n_frames,), 0.5)])[None]
    return source[None], (source + noise)[None], spectrum, dictionary, activations


def gains(groups: list[list[float]]) -> Tensor:
    return torch.tensor([groups])


def test_the_part_that_moves_with_the_components_is_found_where_flat_atoms_cannot_tell() -> None:
    source, mixture, spectrum, dictionary, activations = planted()
    both = gains([[1.0, 0.0], [0.0, 1.0]])
    part = fitted_group_masks(spectrum, dictionary, activations, both, remainder=1)[:, 0]
    by_atoms = frame_shares(dictionary, activations, both)[:, 0][:, None].expand_as(part)
    before = si_sdr(mixture, source)
    fitted = si_sdr(istft(part * spectrum, source.shape[1]), source) - before
    from_atoms = si_sdr(istft(by_atoms * spectrum, source.shape[1]), source) - before
    assert fitted > 8
    assert fitted > from_atoms + 5


def test_a_random_envelope_finds_less() -> None:
    source, _, spectrum, dictionary, activations = planted()
    shuffled = activations.clone()
    shuffled[0, 0] = shuffled[0, 0, torch.randperm(shuffled.shape[-1], generator=torch.Generator().manual_seed(1))]
    found = [
        si_sdr(istft(fitted_group_masks(spectrum, dictionary, h, gains([[1.0, 0.0]]))[:, 0] * spectrum,
                     source.shape[1]), source)
        for h in (activations, shuffled)
    ]  # fmt: skip
    assert found[0] > found[1] + 5


def test_masks_lie_between_zero_and_one_and_add_up_to_one_with_the_remainder() -> None:
    _, _, spectrum, dictionary, activations = planted()
    activations[..., :4] = 0.0  # no component holds these frames
    masks = fitted_group_masks(spectrum, dictionary, activations, gains([[1.0, 0.0], [0.0, 1.0]]), remainder=1)
    assert float(masks.min()) >= 0
    assert torch.allclose(masks.sum(dim=1), torch.ones_like(masks[:, 0]), atol=1e-5)
    assert float(masks[:, 0, :, :4].abs().max()) == 0


def test_clips_of_a_batch_are_those_fitted_alone_and_calls_repeat() -> None:
    _, _, spectrum, dictionary, activations = planted()
    other = torch.roll(spectrum, 7, dims=-1)
    pair = torch.cat([spectrum, other])
    h = activations.expand(2, -1, -1)
    wanted = gains([[1.0, 0.0]]).expand(2, -1, -1)
    together = fitted_group_masks(pair, dictionary, h, wanted)
    alone = fitted_group_masks(other, dictionary, activations, wanted[:1])
    assert torch.allclose(together[1:], alone, atol=1e-5)
    assert torch.equal(together, fitted_group_masks(pair, dictionary, h, wanted))


def test_silence_and_components_that_never_sound_give_masks_without_nan() -> None:
    _, _, spectrum, dictionary, activations = planted()
    silent = fitted_group_masks(torch.zeros_like(spectrum), dictionary, activations, gains([[1.0, 0.0]]))
    never = fitted_group_masks(spectrum, dictionary, activations, gains([[0.0, 0.0]]))
    assert bool(torch.isfinite(silent).all())
    assert float(never.abs().max()) == 0


def test_long_recordings_are_fitted_stretch_by_stretch() -> None:
    _, _, spectrum, dictionary, activations = planted(seconds=(BLOCK_FRAMES + 40) * HOP / RATE)
    half = (spectrum.shape[-1] // 2) if spectrum.shape[-1] > BLOCK_FRAMES else 0
    assert half > 0
    whole = fitted_group_masks(spectrum, dictionary, activations, gains([[1.0, 0.0]]))
    first = fitted_group_masks(spectrum[..., :half], dictionary, activations[..., :half], gains([[1.0, 0.0]]))
    assert torch.allclose(whole[..., :half], first, atol=1e-6)
