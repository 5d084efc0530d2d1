"""On real digits an untrained network follows intensity as well as the paper's trained one: only the gain counts."""

from pathlib import Path

import pytest
import soundfile
import torch
from scipy.signal import resample_poly
from torch import Tensor

from interpretability.acoustics.intensity import intensity
from interpretability.layers.carried import Contour, carried
from interpretability.layers.series import SeriesCapture
from interpretability.layers.time_trace import layer_clocks
from models.wavegan import WaveGANCritic

RATE, LENGTH = 16000, 16384


def digits(folder: Path) -> tuple[Tensor, Tensor]:
    files = sorted((folder / "fsdd" / "recordings").glob("*.wav"))[::34]
    if not files:
        pytest.skip("there are no spoken digits in the data")
    sounds = [torch.tensor(resample_poly(soundfile.read(file)[0], 2, 1))[:LENGTH].float() for file in files]
    padded = [torch.nn.functional.pad(sound / sound.abs().max(), (0, LENGTH - len(sound))) for sound in sounds]
    return torch.stack(padded), torch.tensor([len(sound) for sound in sounds])


@pytest.mark.real_data
def test_layers_with_random_weights_follow_intensity(shared_data: Path) -> None:
    sounds, lengths = digits(shared_data)
    layers = ["relu1", "relu2", "relu3", "relu4"]
    series = []
    for seed in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = WaveGANCritic(width=16)
        with SeriesCapture(network, layers, ("mean",)) as found:
            network(sounds)
        series.append(found)
    clocks = layer_clocks(network, layers, sounds[:1]).clocks
    track = intensity(sounds, lengths, RATE)
    contour = Contour("intensity", track.values, track.seconds)
    for layer in layers[:2]:
        mine, other = (found[layer]["mean"] for found in series)
        row = carried(layer, mine, clocks[layer], contour, lengths, RATE, untrained=other)[1]
        assert row.found is not None
        assert row.gain is not None
        assert row.shuffled is not None
        assert 0.85 < row.found.r < 1
        assert abs(row.gain[0]) < 0.05
        assert row.shuffled.mean > 0.15  # words have a shape in common: another null that is not zero
