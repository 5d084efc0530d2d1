import numpy as np
import torch
from sklearn.linear_model import Ridge

from interpretability.attribution.local_surrogate import (
    audio_lime,
    closeness,
    component_sources,
    ridge,
    slime,
    surrogate_weights,
)
from interpretability.attribution.segments import blocks
from interpretability.attribution.settings import AttributionSettings


def test_planted_weights_are_recovered(planted):
    parts = blocks(torch.empty(planted.shape), 12)
    planted_weights = torch.linspace(-1, 1, 12)
    weights = parts.masks(planted_weights[None])  # one class
    f, S = planted.explained(planted.Linear(weights), 1), planted.spectra(1)[0]
    loudness = torch.stack([S.abs().log1p()[parts.numbers == n].sum() for n in range(12)])
    found = surrogate_weights(f, S, torch.tensor(0), parts, 300, torch.Generator().manual_seed(0), penalty=1e-6)
    torch.testing.assert_close(found, planted_weights * loudness, rtol=1e-3, atol=1e-2)
    shrunk = surrogate_weights(f, S, torch.tensor(0), parts, 300, torch.Generator().manual_seed(0))
    correlation = np.corrcoef(shrunk, planted_weights * loudness)[0, 1]
    assert correlation > 0.99


def test_slime_finds_the_planted_block_in_every_cut(planted):
    for cut, n in (("time_frequency", 16), ("time", 8), ("frequency", 8)):
        parts = blocks(torch.empty(planted.shape), n, cut)
        target = n // 2
        f = planted.explained(planted.Linear(parts.masks(torch.eye(n)[target : target + 1])), 1)
        found = slime(cut, AttributionSettings(slime_segments=n), f, planted.spectra(2), torch.tensor([0, 0]))
        assert (found.argmax(dim=1).shape[0]) == 2
        inside = parts.numbers == target
        assert (found[:, inside].amin() > 5 * found[:, ~inside].amax()).all()


def test_ridge_is_scikit_learns():
    random = np.random.default_rng(0)
    presence = (random.random((40, 7)) < 0.5).astype(float)
    y, weights = random.normal(size=40), random.random(40)
    theirs = Ridge(alpha=1.0).fit(presence, y, sample_weight=weights).coef_
    ours = ridge(torch.tensor(presence), torch.tensor(y), torch.tensor(weights), 1.0)
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-8)


def test_closeness_by_hand():
    presence = torch.tensor([[1.0, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    d = torch.tensor([0.0, 0.5, 1.0])
    torch.testing.assert_close(closeness(presence), torch.exp(-(d**2) / (2 * 0.25**2)))


def test_audio_lime_credits_the_source_that_is_heard(planted):
    bins, frames = planted.shape
    W = torch.zeros(bins, 3)
    W[:11, 0], W[11:22, 1], W[22:, 2] = 1.0, 1.0, 1.0

    def encode(X):
        return torch.einsum("fk,bft->bkt", W, X) / W.sum(dim=0)[:, None]

    sources = component_sources(W, encode, n_sources=3)
    S = planted.spectra(2)
    masks = sources(S)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, bins, frames))
    weights = torch.zeros(1, bins, frames)
    weights[0, 11:22, 20:] = 1.0  # the second component, second half
    f = planted.explained(planted.Linear(weights), 1)
    found = audio_lime(sources, AttributionSettings(lime_times=2), f, S, torch.tensor([0, 0]))
    inside = weights[0] > 0
    assert found[:, inside].amin() > 5 * found[:, ~inside].amax()
