"""What a planted word is made of: its tones, noise and stretches, in seconds."""

import math

import torch

from interpretability.acoustics.sound_parts import sound_parts, stretches

RATE = 8000


def word(*parts: tuple[str, float]) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    made = []
    for kind, seconds in parts:
        n = round(seconds * RATE)
        tone = 0.5 * torch.sin(2 * math.pi * 220 * torch.arange(n) / RATE)
        noise = torch.fft.irfft(torch.fft.rfft(torch.randn(n, generator=draw)) * (torch.arange(n // 2 + 1) > n // 4), n)
        made.append({"tone": tone, "noise": 0.4 * noise, "silence": torch.zeros(n)}[kind])
    return torch.cat(made)


def test_a_planted_word_is_told_in_its_parts():
    silence = ("silence", 0.06)
    once = word(("noise", 0.15), ("tone", 0.2), silence, silence, ("silence", 0.1))
    twice = word(("tone", 0.12), ("silence", 0.1), ("tone", 0.12), ("silence", 0.23))
    both = torch.stack([once, twice])
    found, runs = sound_parts(both, torch.full((2,), both.shape[1]), RATE)
    assert found["stretches"].tolist() == [1, 2]
    assert abs(float(found["noise"][0]) - 0.15) < 0.04
    assert abs(float(found["tone"][0]) - 0.2) < 0.05
    assert float(found["noise"][1]) < 0.03
    assert abs(2 ** float(found["f0"][1]) - 220) < 2
    assert float(found["centroid"][0]) > 2 * float(found["centroid"][1])
    assert abs(float(runs[1][1, 0] - runs[1][0, 0]) - 0.22) < 0.021
    assert abs(float(runs[0][0, 1]) - 0.35) < 0.03


def test_silence_has_no_level_no_pitch_and_no_stretch():
    found, runs = sound_parts(torch.zeros(1, 4096), torch.tensor([4096]), RATE)
    assert [float(found[name]) for name in ("tone", "noise", "sound", "stretches")] == [0, 0, 0, 0]
    assert all(math.isnan(float(found[name])) for name in ("level", "centroid", "f0"))
    assert runs[0].shape == (0, 2)


def test_short_gaps_are_bridged_and_short_sounds_left_out():
    heard = torch.tensor([1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1], dtype=torch.bool)
    assert stretches(heard, 0.01).tolist() == [[0.0, 0.06], [0.12, 0.15]]
    assert stretches(heard[:0], 0.01).shape == (0, 2)
