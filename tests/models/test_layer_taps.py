"""Layers of a frozen classifier are found, checked and measured before anything is trained."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from models.classifier_sources import load_frozen
from models.frozen_classifier import probes
from models.layer_taps import find_taps


class TimeFirst(nn.Module):
    """Spectrograms as (B, 1, T, F), which one length of clips may be all it takes."""

    def __init__(self, only=None):
        super().__init__()
        self.only = only
        self.map = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Identity()])
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.head = nn.Conv2d(3, 2, 1)

    def forward(self, waveform):
        if self.only and waveform.shape[1] != self.only:
            raise ValueError
        frames = waveform.unfold(1, 64, 64).unsqueeze(1)
        return self.head(self.blocks[0](self.pool(self.map(frames)))).flatten(1)


def test_time_that_comes_first_is_laid_out_last():
    frozen = load_frozen(TimeFirst())
    taps = find_taps(frozen, [], 640)
    assert taps.shapes == {"map": (3, 64, 10)}
    with taps.of(frozen) as maps:
        frozen(probes(1280, 2))
    assert maps["map"].shape == (2, 3, 64, 20)


def test_a_classifier_of_one_length_has_its_time_last():
    assert find_taps(load_frozen(TimeFirst(only=640)), ["map"], 640).shapes == {"map": (3, 10, 64)}


@pytest.mark.parametrize(
    ("module", "layer", "message"),
    [
        (TimeFirst(only=640), "blocks", "layer 'blocks' of TimeFirst is never called by itself; choose one inside it"),
        (TimeFirst(only=640), "head", "layer 'head' of TimeFirst has no time axis left"),
        (TimeFirst(), "head", "layer 'head' gives shape .* for a longer one: no time axis"),
        (TimeFirst(), "maps", "layer 'maps': the network has no such layer, did you mean 'map'"),
    ],
)
def test_what_is_no_map_is_refused_in_one_line(module, layer, message):
    with pytest.raises(InputError, match=message) as caught:
        find_taps(load_frozen(module), [layer], 640)
    assert "\n" not in str(caught.value)


def test_trying_a_classifier_draws_no_random_numbers():
    frozen = load_frozen(TimeFirst())
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    find_taps(frozen, [], 640)
    assert torch.equal(torch.rand(3), expected)
