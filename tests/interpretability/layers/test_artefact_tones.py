"""Tones of transposed convolutions: the listed ones are those that a network with random weights makes."""

import math

import torch
from torch import nn

from interpretability.layers.artefact_tones import artefact_tones, standing, suspect_pitch
from interpretability.layers.series import SeriesCapture
from interpretability.layers.time_base import TimeBase, strided_stack

RATE = 16000
CLOCKS = strided_stack(5)  # 4000, 1000, 250, 62.5, 15.625 Hz


def test_tones_by_hand() -> None:
    tones = artefact_tones(CLOCKS[1], CLOCKS, RATE)  # the layer of 1 kHz, made from 250 and 62.5 Hz
    assert [tone.hertz for tone in tones] == [62.5 * k for k in range(1, 9)]
    assert {tone.hertz: tone.rate for tone in tones}[250] == 250
    assert {tone.hertz: tone.harmonic for tone in tones}[125] == 2
    output = artefact_tones(TimeBase(), CLOCKS, RATE, reach=1)
    assert [tone.hertz for tone in output] == [4000, 8000]
    assert artefact_tones(CLOCKS[4], CLOCKS, RATE) == []


def test_a_random_generator_whistles_where_the_table_says() -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Unflatten(1, (16, 16))]
    for _ in range(3):
        layers += [nn.ConvTranspose1d(16, 16, 25, 4, 11, 1), nn.ReLU()]
    network = nn.Sequential(*layers)
    with SeriesCapture(network, ["6"], ("mean",)) as series:
        network(torch.rand(30, 256) * 2 - 1)
    tones = artefact_tones(CLOCKS[1], CLOCKS, RATE)
    found = standing(series["6"]["mean"], 1000, tones)
    assert {250.0, 500.0} <= {tone.hertz for tone in found}
    assert all(level >= 12 for level in found.values())
    silence = standing(torch.zeros(2, 1024), 1000, tones)
    assert silence == {}
    hiss = torch.randn(30, 1024, generator=torch.Generator().manual_seed(1))
    assert standing(hiss, 1000, tones) == {}


def test_pitch_near_a_tone_is_suspect() -> None:
    tones = [tone for tone in artefact_tones(CLOCKS[1], CLOCKS, RATE) if tone.hertz in (125, 250)]
    f0 = torch.tensor([122.6, 122.4, 127.4, 180.0, 254.9, math.nan])
    assert suspect_pitch(f0, tones).tolist() == [True, False, True, False, True, False]
