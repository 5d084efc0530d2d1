"""Tuning curves: a planted unit is found at its pitch, a random projection is not called selective."""

import math

import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.read_out import TOKENS
from interpretability.stimuli.parametric import (
    STIMULI,
    Stimuli,
    amplitude_modulated,
    frequency_axis,
    noise_bands,
    standard_stimuli,
    tones,
)
from interpretability.stimuli.tuning import responses, tuning_curves
from interpretability.stimuli.tuning_shape import describe, isolation, surrogates

RATE = 16_000


class Bank(nn.Module):
    """Log energies of 1/6-octave bands of a spectrogram, and one layer on them: maps (B, U, T)."""

    def __init__(self, weights: Tensor, bias: float = 0.0) -> None:
        super().__init__()
        self.centres = torch.tensor(frequency_axis(RATE, per_octave=6))
        frequency = torch.fft.rfftfreq(2048, 1 / RATE).clamp_min(1)
        distance = torch.log2(frequency / self.centres[:, None])
        self.register_buffer("bands", torch.exp(-0.5 * (distance / 0.15) ** 2))
        self.linear = nn.Conv1d(len(self.centres), len(weights), 1)
        with torch.no_grad():
            self.linear.weight.copy_(weights[:, :, None])
            self.linear.bias.fill_(bias)  # type: ignore[union-attr]
        self.act = nn.ReLU()

    def forward(self, waveform: Tensor) -> Tensor:
        power = torch.stft(
            waveform, 2048, 512, window=torch.hann_window(2048), return_complex=True, pad_mode="constant"
        ).abs()
        energy = torch.log1p(torch.einsum("kf,bft->bkt", self.bands, power))
        found: Tensor = self.act(self.linear(energy))
        return found


BANDS = len(frequency_axis(RATE, per_octave=6))
PITCHES = (12, 20, 28, 33)


def planted() -> Bank:
    """Units that hear one band each, less than what all others hear, and one that hears all."""
    weights = torch.full((len(PITCHES) + 1, BANDS), -0.05)
    for unit, band in enumerate(PITCHES):
        weights[unit, band] = 1.0
    weights[-1] = 1.0
    return Bank(weights)


def test_a_planted_pitch_is_found_with_tones_and_with_noise() -> None:
    network = planted()
    sets = {"tones": tones(frequency_axis(RATE), RATE), "noise_bands": noise_bands(frequency_axis(RATE), RATE)}
    for curves in tuning_curves(network, ["act"], sets)["act"].values():
        assert curves.response.shape == (len(PITCHES) + 1, len(curves.x))
        assert curves.high.selective[:-1].all()
        wanted = network.centres[list(PITCHES)]
        assert torch.log2(curves.high.preferred[:-1] / wanted).abs().max() < 1 / 6
        assert (curves.high.width[:-1] < 1.3).all()
        assert not curves.low.selective.any()
        assert (curves.silence == 0).all()
        if curves.stimuli == "tones":  # a third of an octave of noise is wider the higher it is
            assert not curves.high.selective[-1]


@pytest.mark.parametrize("seed", [0, 1])
def test_random_projections_are_not_called_selective(seed: int) -> None:
    weights = torch.randn(200, BANDS, generator=torch.Generator().manual_seed(seed))
    for curves in tuning_curves(Bank(weights), ["act", "linear"], tones(frequency_axis(RATE), RATE)).values():
        for pole in (1, -1):
            assert float(curves["tones"].at_pole(pole).selective.float().mean()) <= 0.05


def test_random_curves_are_called_selective_as_often_as_chance() -> None:
    """Smooth, rough, rectified: the share with p <= 0.05 is about 5 %, so that the surrogates are a fair null."""
    generator, x = torch.Generator().manual_seed(5), 100 * 2 ** (torch.arange(22) / 3)
    rough = torch.randn(400, 22, generator=generator)
    smooth = (rough + 2 * rough.roll(1, 1) + rough.roll(2, 1)) / 2
    for curves in (rough, smooth, rough.relu(), -smooth.relu()):
        shape = describe(curves, x, log_x=True, draws=200)
        assert float((shape.p <= 0.05).float().mean()) < 0.1
        assert float(shape.selective.float().mean()) < 0.01


def test_bells_are_found_with_their_place_and_width() -> None:
    octave, generator = torch.arange(22) / 3, torch.Generator().manual_seed(6)
    for width in (0.3, 0.5):
        centre = 1 + 5 * torch.rand(50, 1, generator=generator)
        curves = torch.exp(-0.5 * ((octave - centre) / width) ** 2)
        noisy = curves + 0.03 * torch.randn(50, 22, generator=generator)
        shape = describe(noisy, 100 * 2**octave, log_x=True)
        assert float(shape.selective.float().mean()) >= 0.95
        assert (torch.log2(shape.preferred / 100) - centre[:, 0]).abs().median() < 0.05
        assert float(shape.width.median()) == pytest.approx(2 * math.sqrt(2 * math.log(2)) * width, rel=0.15)


def test_shape_by_hand() -> None:
    x = torch.tensor([1.0, 2, 4, 8, 16, 32, 64])
    curve = torch.tensor([[0.0, 0, 0, 4, 0, 0, 0], [0, 4, 0, 0, 0, 2, 0], [3, 3, 3, 3, 3, 3, 3]])
    assert isolation(curve[:2]).tolist() == [1.0, 0.5]
    shape = describe(curve, x, log_x=True)
    assert shape.preferred[:2].tolist() == [8.0, 2.0]
    assert shape.width[0] == pytest.approx(1.0)  # octaves: half way down on both sides of a triangle
    assert math.isnan(float(shape.preferred[2]))
    assert shape.p[2] == 1
    linear = describe(curve[:1], x, log_x=False)
    assert linear.width[0] == pytest.approx(6.0)  # half way from 8 to 4 and to 16


def test_a_flank_belongs_to_its_peak_and_a_second_peak_does_not() -> None:
    flank = torch.tensor([[0.0, 0, 1, 3, 4, 2.5, 1, 0, 0, 0, 0, 0]])
    second = torch.tensor([[0.0, 0, 1, 3, 4, 2.5, 1, 0, 0, 3, 0, 0]])
    assert float(isolation(flank)) == 1.0
    assert float(isolation(second)) == pytest.approx(0.25, abs=0.15)


def test_surrogates_have_the_power_spectrum_of_their_curves() -> None:
    curves = torch.randn(5, 15, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    found = surrogates(curves, 1, torch.Generator().manual_seed(8))[0]
    torch.testing.assert_close(torch.fft.rfft(found).abs(), torch.fft.rfft(curves).abs())
    assert not torch.allclose(found, curves)


def test_the_network_is_as_before_and_may_be_anything() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(400, 3), nn.Dropout(0.5))

        def forward(self, waveform: Tensor) -> Tensor:
            found: Tensor = self.net(waveform.unfold(-1, 400, 400))
            return found

    network = Tokens().train()
    sets = standard_stimuli(RATE, 0.5, ["tones", "sweeps"])
    before = torch.get_rng_state()
    found = tuning_curves(network, ["net"], sets, axes={"net": TOKENS}, batch_size=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert network.training
    assert not network.net._forward_hooks
    assert set(found["net"]) == {"tones", "sweeps"}
    clips = sets["tones"].waveform
    assert torch.equal(found["net"]["tones"].x, sets["tones"].x)
    expected = network.eval()(clips).detach().mean(dim=1).T
    torch.testing.assert_close(found["net"]["tones"].response, expected)
    with pytest.raises(InputError, match="no such layer"):
        responses(network, ["nets"], clips, RATE)
    with pytest.raises(InputError, match="no stimuli"):
        tuning_curves(network, ["net"], {})


def test_modulation_tuning_is_found_at_its_rate() -> None:
    """Units are resonators on the envelope: each answers to one modulation rate."""
    rates = [2 ** (step / 2) for step in range(2, 14)]

    class Envelope(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Identity()

        def forward(self, waveform: Tensor) -> Tensor:
            envelope = waveform.square()
            lines = torch.fft.rfft(envelope - envelope.mean(dim=-1, keepdim=True)).abs()
            places = [round(rate * waveform.shape[-1] / RATE) for rate in (4.0, 16.0, 64.0)]
            found: Tensor = self.out(torch.stack([lines[:, p - 1 : p + 2].sum(dim=1) for p in places], dim=1))
            return found

    found = tuning_curves(Envelope(), ["out"], amplitude_modulated(rates, RATE, seconds=2))["out"]
    shape = found["amplitude_modulated"].high
    assert shape.selective.all()
    torch.testing.assert_close(shape.preferred, torch.tensor([4.0, 16.0, 64.0]), rtol=0.05, atol=0)


def test_all_usual_sets_can_be_played() -> None:
    found = tuning_curves(planted(), ["act"], standard_stimuli(RATE, 1.0))["act"]
    assert set(found) == set(STIMULI)
    assert all(isinstance(stimuli, Stimuli) for stimuli in standard_stimuli(RATE, 1.0).values())
