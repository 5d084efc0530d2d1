"""Probes: the ridge path against scikit-learn, planted properties found, random ones and permuted labels not."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.layer_weights import layer_weight_probe
from interpretability.layers.linear_probes import (
    logistic_probe,
    permuted,
    pooled_features,
    ridge_path,
    ridge_probe,
    standardised,
)
from interpretability.layers.probe_score import ProbeScore, gain_over, grouped_folds, held_out

N, GROUPS = 300, 6


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SPEAKERS = [f"speaker {i % GROUPS}" for i in range(N)]


@pytest.mark.parametrize("width", [7, 90])
def test_the_ridge_path_is_that_of_scikit_learn(width: int) -> None:
    x, y, z = noise(40, width, seed=0), noise(40, 3, seed=1), noise(11, width, seed=2)
    found = ridge_path(x, y, [1e-3, 0.1, 10.0], z)
    for guess, penalty in zip(found, [1e-3, 0.1, 10.0], strict=True):
        assert np.allclose(guess, Ridge(alpha=penalty * 40).fit(x.numpy(), y.numpy()).predict(z.numpy()), atol=1e-8)


def test_groups_are_never_on_both_sides() -> None:
    for fit, held in grouped_folds(SPEAKERS, 4):
        assert not {SPEAKERS[i] for i in fit} & {SPEAKERS[i] for i in held}
    assert sorted(torch.cat([held for _, held in grouped_folds(SPEAKERS, 4)]).tolist()) == list(range(N))
    assert len(grouped_folds(torch.tensor([3, 3, 8, 8]))) == 2
    fit, judge = held_out(SPEAKERS, torch.arange(60))
    assert not {SPEAKERS[i] for i in fit} & {SPEAKERS[i] for i in judge}
    fit, judge = held_out(["a"] * 8, torch.arange(8))
    assert (len(fit), len(judge)) == (6, 2)
    with pytest.raises(InputError, match="one group only"):
        grouped_folds(["a", "a"])


def test_classes_are_spread_evenly_over_folds() -> None:
    labels = torch.arange(120) % 10
    clips = [f"clip {i}" for i in range(120)]  # in turn: folds in order of the items would lack whole classes
    for fit, held in grouped_folds(clips, 5, labels):
        assert torch.bincount(labels[held], minlength=10).min() >= 2
        assert not set(fit.tolist()) & set(held.tolist())
    assert sorted(torch.cat([held for _, held in grouped_folds(clips, 5, labels)]).tolist()) == list(range(120))
    for fit, held in grouped_folds(SPEAKERS, 4, torch.arange(N) % 3):
        assert not {SPEAKERS[i] for i in fit} & {SPEAKERS[i] for i in held}
    assert len(grouped_folds(clips[:4], 4, torch.tensor([0, 1, 2, 3]))) == 4  # too few for any class to be spread


def test_guessing_scores_chance_and_not_less() -> None:
    """Without stratified folds, a probe on noise scores 0.05 where chance is 0.10."""
    labels, scores = torch.arange(120) % 10, []
    for seed in range(12):
        dealt = permuted(labels, seed)
        scores.append(float(logistic_probe(noise(120, 8, seed=seed), dealt, list(range(120))).score[0]))
    deviation = (0.1 * 0.9 / (120 * 12)) ** 0.5
    assert abs(sum(scores) / 12 - 0.1) < 3 * deviation


def test_planted_properties_are_found_and_random_ones_are_not() -> None:
    features = noise(N, 30, seed=3)
    planted = features @ noise(30, seed=4) + 0.5 * noise(N, seed=5)
    missing = planted.clone()
    missing[::7] = math.nan  # F0 of an unvoiced clip: undefined, not zero
    targets = torch.stack([planted, noise(N, seed=6), missing], dim=1)
    found = ridge_probe(features, targets, SPEAKERS)
    assert found.score[0] > 0.95
    assert abs(found.score[1]) < 0.15
    assert found.score[2] > 0.95
    assert found.n.tolist() == [N, N, N - len(range(0, N, 7))]
    low, high = found.interval(400)
    assert (low <= found.score).all()
    assert (found.score <= high).all()
    other = ridge_probe(noise(N, 30, seed=7), targets, SPEAKERS)
    gain = gain_over(found, other, 400)
    assert gain.low[0] > 0.5
    assert gain.low[1] < 0 < gain.high[1]
    alone = ridge_probe(features, targets[:, 0], SPEAKERS)
    assert float(alone.score) == pytest.approx(float(found.score[0]))


def test_what_only_tells_speakers_apart_does_not_help() -> None:
    # a property of the speaker, and features that name the speaker: a split that mixes speakers would score near 1
    speaker = torch.tensor([int(name[-1]) for name in SPEAKERS])
    names = torch.nn.functional.one_hot(speaker, GROUPS).double() + 0.01 * noise(N, GROUPS, seed=8)
    pitch = noise(GROUPS, seed=9)[speaker]
    assert ridge_probe(names, pitch, SPEAKERS).score < 0.2
    assert ridge_probe(names, pitch, list(range(N))).score > 0.95


def test_logistic_probe_and_permuted_labels() -> None:
    labels = torch.arange(N) // GROUPS % 10
    features = torch.nn.functional.one_hot(labels, 10).double() @ noise(10, 20, seed=10) + 0.7 * noise(N, 20, seed=11)
    found = logistic_probe(features, labels, SPEAKERS)
    assert found.score > 0.9
    chance, sigma = 0.1, math.sqrt(0.1 * 0.9 / N)
    for seed in range(3):
        wrong = logistic_probe(features, permuted(labels, seed), SPEAKERS)
        assert abs(float(wrong.score) - chance) < 3 * sigma
        assert gain_over(found, wrong, 300).low > 0.5  # selectivity
    assert abs(float(logistic_probe(noise(N, 20, seed=12), labels, SPEAKERS).score) - chance) < 3 * sigma


def test_pooled_features_without_padding() -> None:
    maps = noise(2, 3, 4, 10, seed=13)
    within = torch.arange(10) < torch.tensor([10, 6])[:, None]
    found = pooled_features(maps, within)
    for row, steps in enumerate((10, 6)):
        inside = maps[row, :, :, :steps].flatten(1)
        expected = torch.cat([inside.mean(dim=1), inside.std(dim=1, correction=0)])
        assert torch.allclose(found[row].double(), expected, atol=1e-5)
    assert torch.allclose(pooled_features(maps)[0], found[0])


def test_constant_features_do_nothing() -> None:
    features = torch.cat([torch.full((20, 1), 1e6), noise(20, 1, seed=14)], dim=1)
    scaled = standardised(features, torch.arange(10))
    assert not scaled[:, 0].any()
    assert float(scaled[:10, 1].std(correction=0)) == pytest.approx(1)


def test_bad_input() -> None:
    features, labels = noise(10, 3, seed=15), torch.zeros(10, dtype=torch.int64)
    groups = list(range(10))
    with pytest.raises(InputError, match="one class"):
        logistic_probe(features, labels, groups)
    with pytest.raises(InputError, match="one target and one group"):
        ridge_probe(features, labels[:3].double(), groups)
    with pytest.raises(InputError, match="not finite"):
        ridge_probe(features * math.nan, labels.double(), groups)
    with pytest.raises(InputError, match="one group only"):
        ridge_probe(features, features[:, 0], ["a"] * 10)
    undefined = ridge_probe(features, torch.full((10,), math.nan), groups)
    assert undefined.score.isnan().all()
    with pytest.raises(InputError, match="cannot be compared"):
        gain_over(undefined, ProbeScore(torch.ones(3, 1), torch.ones(3, 1)))
    with pytest.raises(InputError, match="at least one"):
        layer_weight_probe({}, labels, groups)


def test_layer_weights_go_to_the_layer_that_says_something() -> None:
    labels = torch.arange(N) // GROUPS % 4
    telling = torch.nn.functional.one_hot(labels, 4).double() @ noise(4, 12, seed=16) + 0.5 * noise(N, 12, seed=17)
    layers = {"conv1": 1000 * noise(N, 20, seed=18), "conv2": telling, "conv3": noise(N, 6, seed=19)}
    before = torch.get_rng_state()
    found = layer_weight_probe(layers, labels, SPEAKERS)
    assert torch.equal(before, torch.get_rng_state())
    assert float(found.weights.sum()) == pytest.approx(1, abs=1e-5)
    assert found.weights.argmax() == 1
    assert found.weights[1] > 0.5
    assert found.accuracy > 0.9
    useless = layer_weight_probe({name: layers[name] for name in ("conv1", "conv3")}, labels, SPEAKERS)
    assert abs(useless.accuracy - 0.25) < 3 * math.sqrt(0.25 * 0.75 / N)
