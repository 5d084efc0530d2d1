"""Principal components as a prior: the exact ones are found, samples have the data's moments, a step is theirs."""

import pytest
import torch

from configs.errors import InputError
from interpretability.generation.principal_prior import PrincipalComponents, principal_axes, principal_prior
from interpretability.generation.prior import Prior, Sound, check_prior

SOUND = Sound((1, 6, 8), 8000)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def planted(n=400, seed=0):
    """Excerpts of three patterns with deviations 3, 2 and 1 about a mean, and little noise."""
    random = rng(seed)
    patterns = torch.linalg.qr(torch.randn(48, 3, generator=rng(9))).Q.T
    weights = torch.randn(n, 3, generator=random) * torch.tensor([3.0, 2.0, 1.0])
    rows = -4 + weights @ patterns + 0.01 * torch.randn(n, 48, generator=random)
    return rows.reshape(n, 1, 6, 8), patterns


def test_the_axes_are_those_of_the_exact_decomposition():
    rows = torch.randn(60, 30, generator=rng(1)) * torch.linspace(3, 0.1, 30)
    centred = rows - rows.mean(dim=0)
    axes, spread = principal_axes(centred, 5, rng())
    _, values, exact = torch.linalg.svd(centred, full_matrices=False)
    torch.testing.assert_close(spread, values[:5] / 59**0.5, rtol=1e-3, atol=0)
    assert (axes * exact[:5]).sum(dim=1).abs().min() > 0.99
    torch.testing.assert_close(axes @ axes.T, torch.eye(5), atol=1e-4, rtol=0)


def test_planted_patterns_are_the_components_and_nothing_else_is_decoded():
    excerpts, patterns = planted()
    decoder = PrincipalComponents(excerpts, components=3)
    assert decoder.explained > 0.999
    shares = (decoder.axes / decoder.axes.norm(dim=1, keepdim=True)) @ patterns.T
    assert shares.diagonal().abs().min() > 0.99
    assert decoder.axes.norm(dim=1).tolist() == pytest.approx([3, 2, 1], rel=0.1)
    drawn = decoder(torch.randn(20, 3, generator=rng(2))).flatten(1) - decoder.mean
    outside = drawn - drawn @ patterns.T @ patterns
    assert outside.abs().max() < 0.05


def test_samples_have_mean_and_covariance_of_the_excerpts():
    excerpts, _ = planted()
    prior = principal_prior(excerpts, SOUND)
    drawn = prior.decode(prior.sample(20000, rng(3))).flatten(1)
    rows = excerpts.flatten(1)
    torch.testing.assert_close(drawn.mean(dim=0), rows.mean(dim=0), atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), rows.T.cov(), atol=0.15, rtol=0)


def test_it_is_a_prior_of_gaussian_latents_above_the_floor():
    prior = principal_prior(planted()[0], SOUND, floor=-4.5, components=3)
    assert isinstance(prior, Prior)
    check_prior(prior, SOUND)
    assert prior.latent_shape == (3,)
    assert prior.decode(prior.sample(50, rng())).amin() == pytest.approx(-4.5)
    z = torch.zeros(1, 3, requires_grad=True)
    assert torch.autograd.grad(prior.decode(z)[:, 0, 2, 3].sum(), z)[0].abs().sum() > 0


def test_few_excerpts_have_few_components():
    assert PrincipalComponents(planted(40)[0]).n_latents == 10


def test_what_has_no_components_is_refused():
    with pytest.raises(InputError, match="one of features"):
        principal_prior(torch.rand(9, 32), Sound((32,), 8000, "waveform"))
    with pytest.raises(InputError, match="are not"):
        principal_prior(torch.rand(9, 1, 6, 7), SOUND)
    for alike in (torch.ones(9, 1, 6, 8), torch.rand(1, 1, 6, 8, generator=rng()).expand(9, -1, -1, -1)):
        with pytest.raises(InputError, match="differ from one another"):
            principal_prior(alike, SOUND)
    with pytest.raises(InputError, match="are finite"):
        principal_prior(torch.full((9, 1, 6, 8), torch.nan), SOUND)
    with pytest.raises(InputError, match="at least 2"):
        principal_prior(torch.ones(1, 1, 6, 8), SOUND)
