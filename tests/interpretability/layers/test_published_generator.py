"""The paper's sweep on the published architecture with random weights: no latent of it is special."""

import torch

from interpretability.layers.generator_run import SOUND
from interpretability.layers.latent_sweep import latent_effects, sweep
from interpretability.layers.protocols import PROTOCOLS
from interpretability.layers.spikes import spikes
from models.wavegan import WaveGANGenerator


def test_no_latent_of_an_untrained_generator_is_special() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = WaveGANGenerator(width=6, alignment="tf_same")
    protocol = PROTOCOLS["frication"]
    path = protocol.path[[0, 5, 10]]
    layers = ["relu1", "relu2", "relu3", "relu4"]
    found = sweep(generator, layers, protocol.starting_points(bases=24), protocol.latents, path, fewest=24)
    assert {layer: values.shape[-1] for layer, values in found.series.items()} == {
        "relu1": 64,
        "relu2": 256,
        "relu3": 1024,
        "relu4": 4096,
        SOUND: 16384,
    }
    assert [float(found.clocks[layer].centre) for layer in layers] == [170, 42, 10, 2]
    assert found.guard.outside.all()
    for effect in latent_effects(found, 16000, draws=300):
        assert effect.change.low > 0  # it does something
        assert abs(effect.against_random.mean) < 1  # as any other latent does
    followed = spikes(found.series["relu1"], found.clocks["relu1"], found.values, 16000)
    assert len(followed) == 4
    assert all(0 <= spike.seconds <= 1.024 for spike in followed)
