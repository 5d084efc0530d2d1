"""Sweeps and derivatives of a generator of which it is known what each latent does."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.effects import dose_effect, estimate
from interpretability.layers.forward_derivative import forward_derivative
from interpretability.layers.generator_run import generate, run_generator
from interpretability.layers.latent_sweep import latent_effects, sweep
from interpretability.layers.protocols import PROTOCOLS
from interpretability.layers.range_guard import range_guard

RATE = 4000
BURST = (0.035, 0.075)
LAYERS = ["coarse", "fine"]
PATH = torch.linspace(-0.8, 0.8, 5)


def test_effects_by_hand() -> None:
    found = dose_effect(torch.tensor([[0.0, 1.0, 4.0], [1.0, 2.0, 5.0]]), torch.tensor([0.0, 1.0, 2.0]))
    assert found.curve.tolist() == [0.5, 1.5, 4.5]
    assert (found.total.mean, found.slope.mean, found.rank.mean) == (4, 2, pytest.approx(1))
    assert found.half == pytest.approx(1 + 1 / 3)
    reach = stats.t.ppf(0.975, 1) * np.std([0, 1], ddof=1) / 2**0.5
    assert float(found.high[0]) == pytest.approx(0.5 + reach)
    still = dose_effect(torch.ones(3, 2), torch.tensor([0.0, 1.0]))
    assert math.isnan(still.half)
    assert math.isnan(still.rank.mean)
    one = dose_effect(torch.tensor([[0.0, 2.0]]), torch.tensor([0.0, 1.0]))
    assert math.isnan(one.total.low)
    assert one.total.is_zero
    assert math.isnan(estimate(torch.tensor([math.nan])).mean)
    with pytest.raises(InputError, match="have to differ"):
        dose_effect(torch.ones(3, 2), torch.ones(2))
    with pytest.raises(InputError, match="undefined"):
        dose_effect(torch.full((3, 2), math.nan), torch.tensor([0.0, 1.0]))


def test_a_planted_latent_is_found_where_it_acts(generator: nn.Module, bases: Tensor) -> None:
    found = sweep(generator, LAYERS, bases, [0], PATH)
    assert {layer: tuple(values.shape) for layer, values in found.series.items()} == {
        "coarse": (64, 5, 64),
        "fine": (64, 5, 256),
        "sound": (64, 5, 1024),
    }
    assert [int(found.clocks[layer].jump) for layer in ("coarse", "fine", "sound")] == [16, 4, 1]
    effects = latent_effects(found, RATE, BURST)
    assert [effect.layer for effect in effects] == ["coarse", "fine", "sound"]
    for effect in effects:
        assert effect.level.rank.low > 0.95
        assert effect.level.slope.low > 0
        assert -0.3 < effect.level.half < 0.3
        assert effect.against_random.low > 2  # more than four times a random latent
        assert effect.inside_outside.low > 1
        assert (effect.low <= effect.high).all()
    coarse = effects[0]
    expected = torch.zeros(64)
    expected[8:20] = 1.6 / 4  # (1 + z0) in one of four channels
    assert torch.allclose(coarse.curve[-1].float(), expected, atol=1e-5)
    assert not coarse.curve[0].any()


def test_a_latent_without_effect_has_none(generator: nn.Module, bases: Tensor) -> None:
    for effect in latent_effects(sweep(generator, LAYERS, bases, [3], PATH), RATE):
        assert effect.change.mean == 0
        assert effect.random_change.mean > 0
        assert effect.against_random.high < -5
        assert effect.level.total.mean == 0
        assert math.isnan(effect.level.half)
        assert math.isnan(effect.inside_outside.mean)


def test_a_latent_that_starts_in_a_later_layer(generator: nn.Module, bases: Tensor) -> None:
    coarse, fine, sound = latent_effects(sweep(generator, LAYERS, bases, [4], PATH), RATE)
    assert coarse.change.mean == 0
    assert fine.change.low > 0
    assert sound.change.low > 0


def test_several_latents_at_once_and_how_far_they_are(generator: nn.Module, bases: Tensor) -> None:
    path = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.6, 0.8]])
    found = sweep(generator, ["coarse"], bases, [1, 0], path)
    assert found.values.tolist() == pytest.approx([0, 0.5, 1])
    moved = bases.clone()
    moved[:, [1, 0]] = path[2]
    assert torch.allclose(found.series["sound"][:, 2], generate(generator, moved), atol=1e-6)
    assert torch.equal(
        run_generator(generator, ["coarse"], moved, batch_size=7).series["coarse"], found.series["coarse"][:, 2]
    )


def test_values_beyond_training_are_said(generator: nn.Module, bases: Tensor) -> None:
    far = sweep(generator, LAYERS, bases, [0], torch.tensor([-0.5, 0.5, 3.0, 60.0])).guard
    assert far.outside.tolist() == [False, False, True, True]
    assert far.saturated[3] > far.saturated[1]
    assert far.broken.tolist() == [False, False, True, True]
    assert "2 of 4 settings are outside the training range; at 2 of them" in far.sentence()
    near = sweep(generator, LAYERS, bases, [0], PATH).guard
    assert not near.broken.any()
    assert near.sentence() == ""
    harmless = sweep(generator, LAYERS, bases, [3], torch.tensor([0.0, 9.0])).guard
    assert "stay within" in harmless.sentence()
    loud = torch.ones(1, 2, 4)
    assert range_guard({"sound": loud}, {"sound": torch.ones(1, 4)}, PATH[:2, None], (-1, 1)).saturated.tolist() == [
        0,
        0,
    ]


def test_bad_latents(generator: nn.Module, bases: Tensor) -> None:
    with pytest.raises(InputError, match="does not take latents of size 3"):
        sweep(nn.Linear(8, 100), [], bases[:, :3], [0], PATH)
    with pytest.raises(InputError, match="latent 8 does not exist: there are 8"):
        sweep(generator, LAYERS, bases, [8], PATH)
    with pytest.raises(InputError, match="at least 64"):
        sweep(generator, LAYERS, bases[:1], [0], PATH)
    with pytest.raises(InputError, match="too few are left"):
        sweep(generator, LAYERS, bases, list(range(8)), torch.zeros(2, 8))
    with pytest.raises(InputError, match=r"has shape \(settings, 2\)"):
        sweep(generator, LAYERS, bases, [0, 1], PATH)
    with pytest.raises(InputError, match="no such layer"):
        sweep(generator, ["coars"], bases, [0], PATH)
    with pytest.raises(InputError, match="latent variables"):
        generate(generator, bases[0])
    with pytest.raises(InputError, match="a sound is"):
        generate(nn.Unflatten(1, (2, 4)), bases)
    one = sweep(generator, LAYERS, bases[:1], [0], PATH, fewest=1)
    effect = latent_effects(one, RATE)[0]
    assert math.isnan(effect.change.low)
    assert effect.level.curve.isfinite().all()
    with pytest.raises(InputError, match="no step between"):
        latent_effects(one, RATE, (0.0301, 0.0302))


def test_derivatives_are_those_of_small_differences(generator: nn.Module, bases: Tensor) -> None:
    double = generator.double()
    start = bases[:6].double()
    found = forward_derivative(double, LAYERS, start, batch_size=4)
    small = 1e-6
    for latent in range(8):
        ahead, behind = start.clone(), start.clone()
        ahead[:, latent] += small
        behind[:, latent] -= small
        after, before = (run_generator(double, LAYERS, latents).series for latents in (ahead, behind))
        for layer in LAYERS:  # series are float32: a larger step would be needed for more digits
            slope = (after[layer].double() - before[layer].double()) / (2 * small)
            assert torch.allclose(found.series[layer][:, latent], slope, atol=0.2)
        slope = (generate(double, ahead) - generate(double, behind)) / (2 * small)
        assert torch.allclose(found.series["sound"][:, latent], slope, atol=1e-6)
    assert found.series["coarse"][:, 0].sum(dim=1).tolist() == pytest.approx([12 / 4] * 6)
    assert found.strength("coarse")[[3, 4]].tolist() == [0, 0]
    assert found.strength("fine").argmax() in (0, 4)
    mean, low, high = found.band("fine")
    assert mean.shape == (8, 256)
    assert (low <= high).all()
    some = forward_derivative(double, ["fine"], start, [4, 0])
    assert torch.equal(some.series["fine"], found.series["fine"][:, [4, 0]])
    with pytest.raises(InputError, match="does not exist"):
        forward_derivative(double, LAYERS, start, [9])
    assert not any(layer._forward_hooks for layer in generator.modules())


def test_the_published_protocols() -> None:
    assert PROTOCOLS["frication"].path[:, 0].tolist() == list(range(-15, 6, 2))  # 11 settings
    assert PROTOCOLS["frication"].latents == (11,)
    assert len(PROTOCOLS["general"].path) == 21
    codes = PROTOCOLS["reduplication"]
    assert codes.path[:, 1].tolist() == [0.25 * i for i in range(9)]
    assert not codes.path[:, 0].any()
    both = PROTOCOLS["reduplication_both_ways"].path
    assert len(both) == 25
    assert both[[0, 12, 24]].tolist() == [[1.5, 0], [0, 0], [0, 1.5]]
    assert PROTOCOLS["features"].path.shape == (16, 3)
    for protocol in PROTOCOLS.values():
        start = protocol.starting_points()
        assert start.shape == (protocol.bases, 100)
        assert protocol.bases >= 64
        assert start.abs().max() <= 1
        assert not start[:, : protocol.codes].any()
    assert PROTOCOLS["frication"].of_latents(3).latents == (3,)
    with pytest.raises(InputError, match="together"):
        codes.of_latents(3)
    with pytest.raises(InputError, match="latent 11"):
        PROTOCOLS["frication"].starting_points(8)
