import math

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.generation.input_space import InputSpace, lp_norm, smoothed, total_variation
from interpretability.generation.latent_priors import GaussianLatent, UniformLatent
from interpretability.generation.prior import Prior, Sound, check_prior, weighs
from interpretability.generation.spectral_prior import SpectralPrior
from interpretability.generation.transforms import shifted


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(6, 8), (7, 9), (6, 9), (1, 7, 8)])
def test_spectral_prior_keeps_the_magnitudes_of_features(shape):
    real = torch.randn(5, *shape, generator=rng()) - 4
    prior = SpectralPrior(real, Sound(shape, 8000))
    maps = real.reshape(5, *shape[-2:])
    profile = maps.mean(dim=(0, 2))
    wanted = torch.fft.fft2(maps - profile[:, None]).abs().mean(dim=0)
    made = prior.decode(prior.sample(3, rng(1)))
    assert made.shape == (3, *shape)
    found = torch.fft.fft2(made.reshape(3, *shape[-2:]) - profile[:, None]).abs()
    torch.testing.assert_close(found, wanted.expand(3, -1, -1), rtol=1e-4, atol=1e-4)
    assert (made[0] - made[1]).abs().amax() > 0.1


@pytest.mark.parametrize("length", [32, 33])
def test_spectral_prior_keeps_the_magnitudes_of_waveforms(length):
    real = torch.randn(4, length, generator=rng())
    prior = SpectralPrior(real, Sound((length,), 8000, "waveform"))
    made = prior.decode(prior.sample(2, rng(1)))
    wanted = torch.fft.rfft(real).abs().mean(dim=0)
    torch.testing.assert_close(torch.fft.rfft(made).abs(), wanted.expand(2, -1), rtol=1e-4, atol=1e-5)


def test_projected_phases_give_the_same_sound_and_all_are_as_likely():
    prior = SpectralPrior(torch.randn(4, 6, 8, generator=rng()), Sound((6, 8), 8000), floor=-1.0)
    latent = 20 * torch.randn(3, *prior.latent_shape, generator=rng(1))
    projected = prior.project(latent)
    assert projected.abs().amax() <= math.pi
    torch.testing.assert_close(prior.decode(projected), prior.decode(latent), atol=1e-4, rtol=0)
    assert prior.decode(latent).amin() == -1
    assert prior.log_prior(latent).tolist() == [0, 0, 0]


def test_spectral_prior_refuses_what_it_cannot_measure():
    with pytest.raises(InputError, match="at least 2"):
        SpectralPrior(torch.rand(1, 6, 8), Sound((6, 8), 8000))
    with pytest.raises(InputError, match="vary"):
        SpectralPrior(torch.ones(3, 6, 8), Sound((6, 8), 8000))
    with pytest.raises(InputError, match="one channel"):
        SpectralPrior(torch.rand(3, 2, 6, 8), Sound((2, 6, 8), 8000))
    with pytest.raises(InputError, match="are not"):
        SpectralPrior(torch.rand(3, 6, 8), Sound((6, 9), 8000))


class Doubling(nn.Module):
    def forward(self, z):
        return 2 * z[:, None]


def test_latent_priors_by_hand():
    z = torch.tensor([[3.0, 4.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    sound = Sound((4,), 8000, "waveform")
    assert GaussianLatent(Doubling(), 4, sound, "l2").log_prior(z).tolist() == [-25, -4]
    typical = GaussianLatent(Doubling(), 4, sound)
    torch.testing.assert_close(typical.log_prior(z), torch.tensor([-((5 / 2 - 1) ** 2), 0.0]))
    assert typical.decode(z)[0].tolist() == [6, 8, 0, 0]
    assert isinstance(typical, Prior)
    held = GaussianLatent(Doubling(), 4, sound, code=torch.tensor([1.0, 0.0]))
    assert held.latent_shape == (2,)
    assert held.decode(torch.tensor([[5.0, 6.0]])).tolist() == [[2, 0, 10, 12]]
    uniform = UniformLatent(Doubling(), 4, sound)
    drawn = uniform.sample(500, rng())
    assert drawn.abs().amax() <= 1
    assert drawn.std() == pytest.approx(3**-0.5, abs=0.02)
    assert uniform.project(z)[0].tolist() == [1, 1, 0, 0]


def test_typical_penalty_is_low_where_gaussians_are():
    prior = GaussianLatent(Doubling(), 128, Sound((128,), 8000, "waveform"))
    drawn = prior.sample(200, rng())
    assert prior.log_prior(drawn).amin() > prior.log_prior(0.5 * drawn).amax()
    assert prior.log_prior(torch.zeros(1, 128)).item() == pytest.approx(-1, abs=1e-4)


def test_a_prior_that_does_not_fit_the_network_is_named():
    prior = GaussianLatent(Doubling(), 4, Sound((4,), 8000, "waveform"), name="words")
    check_prior(prior, Sound((4,), 8000, "waveform"))
    with pytest.raises(InputError, match=r"'words' has sounds at 8000 Hz, the network takes 16000"):
        check_prior(prior, Sound((4,), 16000, "waveform"))
    with pytest.raises(InputError, match=r"shape \(4,\), the network takes \(5,\)"):
        check_prior(prior, Sound((5,), 8000, "waveform"))
    with pytest.raises(InputError, match="decodes waveform, the network takes features"):
        check_prior(prior, Sound((4,), 8000))
    wrong = GaussianLatent(Doubling(), 4, Sound((5,), 8000, "waveform"))
    with pytest.raises(InputError, match=r"\(5,\) are declared"):
        check_prior(wrong, Sound((5,), 8000, "waveform"))
    with pytest.raises(InputError, match="typical"):
        GaussianLatent(Doubling(), 4, Sound((4,), 8000), "l1")
    with pytest.raises(InputError, match="none of 4 latents"):
        GaussianLatent(Doubling(), 4, Sound((4,), 8000), code=torch.zeros(4))


def test_regularisers_by_hand():
    x = torch.tensor([[[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]])
    # Steps along time 1 and 2, twice; across bands all 0.
    assert total_variation(x, 2).item() == pytest.approx(1.5)
    assert total_variation(x[:, 0], 1).item() == pytest.approx(1.5)
    assert lp_norm(x, 2).item() == pytest.approx((0 + 1 + 9) / 3)
    space = InputSpace(Sound((2, 3), 8000), torch.tensor([[1.0], [2.0]]), 2.0, variation=2, norm=3, p=1, floor=2.5)
    assert space.log_prior(x).item() == pytest.approx(-(2 * 1.5 + 3 * 4 / 3))
    assert space.decode(x)[0].tolist() == [[2.5, 3, 7], [2.5, 4, 8]]


def test_smoothing_weakens_fast_changes_and_keeps_the_deviation():
    white = torch.randn(200, 16, 32, generator=rng())
    assert smoothed(white, 2, 0) is white
    smooth = smoothed(white, 2, 1.5)
    assert smooth.std() == pytest.approx(1, abs=0.1)
    gain = torch.fft.rfft2(smooth).abs() / torch.fft.rfft2(white).abs()
    # A frequency of f steps along the longer axis: (1 + f)^-1.5, up to a common factor.
    torch.testing.assert_close(gain[:, 0, 8] / gain[:, 0, 0], torch.full((200,), 9**-1.5), rtol=1e-3, atol=0)
    torch.testing.assert_close(gain[:, 4, 0] / gain[:, 0, 8], torch.ones(200), rtol=1e-3, atol=0)
    line = smoothed(torch.randn(50, 65, generator=rng()), 1, 1.0)
    assert line.std() == pytest.approx(1, abs=0.15)


def test_input_space_refuses_constant_bands():
    with pytest.raises(InputError, match="band is constant"):
        InputSpace(Sound((2, 3), 8000), 0.0, torch.tensor([[1.0], [0.0]]))
    with pytest.raises(InputError, match="does not fit"):
        InputSpace(Sound((2, 3), 8000), torch.zeros(4, 1))


def test_jitter_shifts_each_excerpt_by_its_own_draw():
    x = torch.arange(2 * 8 * 10, dtype=torch.float32).reshape(2, 8, 10).requires_grad_()
    sound = Sound((8, 10), 8000)
    strength, draws = torch.tensor([0.5, 0.0]), torch.tensor([[0.4, -1.0], [0.9, 0.9]])
    out = shifted(x, sound, strength, draws)
    assert torch.equal(out[1], x[1])
    # 0.5 * 0.4 of 10 frames later; a quarter of 0.5 * -1 of 8 bands lower, where the highest band is repeated.
    rolled = x[0].roll(2, dims=1)
    assert torch.equal(out[0], torch.cat([rolled[1:], rolled[-1:]]))
    assert torch.autograd.grad(out.sum(), x)[0].sum() == x.numel()
    wave = torch.arange(10.0)[None]
    moved = shifted(wave, Sound((10,), 8000, "waveform"), torch.ones(1), torch.tensor([[0.3, 0.9]]))
    assert torch.equal(moved, wave.roll(3, dims=1))


def test_phases_alone_are_all_equally_likely():
    sound = Sound((1, 4, 6), 22050)
    assert not weighs(SpectralPrior(torch.randn(4, 1, 4, 6), sound))
    network = nn.Linear(5, 24)
    assert weighs(GaussianLatent(network, 5, sound))
    assert weighs(GaussianLatent(network, 5, sound, penalty="l2"))
    assert weighs(UniformLatent(network, 5, sound))
    assert weighs(InputSpace(sound))
