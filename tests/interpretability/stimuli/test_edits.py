"""Each edit changes what it says and leaves the rest; each sham leaves what its edit is about."""

import numpy as np
import pytest
import scipy.signal
import torch

from configs.errors import InputError
from interpretability.stimuli.edit_list import PREDICTED, expected_sign, usual_edits
from interpretability.stimuli.edits import (
    Edit,
    filtered,
    fitted,
    moved,
    noisy,
    pitch_shifted,
    resampled,
    reversed_,
    scaled,
    separated,
    there_and_back,
    time_stretched,
)
from interpretability.stimuli.parametric import click_trains, harmonic_complexes, tones

RATE = 16_000


def peak(wave: torch.Tensor) -> float:
    lines = np.abs(np.fft.rfft(wave.double().numpy() * np.hanning(len(wave))))
    return float(np.fft.rfftfreq(len(wave), 1 / RATE)[lines.argmax()])


def rms(wave: torch.Tensor) -> torch.Tensor:
    return wave.square().mean(dim=-1).sqrt()


def clicks_in(wave: torch.Tensor) -> int:
    middle = np.abs(scipy.signal.hilbert(wave.numpy()))
    return len(scipy.signal.find_peaks(middle, height=0.4 * middle.max(), distance=400)[0])


def tempo(wave: torch.Tensor) -> float:
    """First line of the envelope's spectrum in Hz."""
    envelope = np.abs(scipy.signal.hilbert(wave.numpy()))
    lines = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(wave))))
    return float(np.fft.rfftfreq(len(wave), 1 / RATE)[np.argmax(lines > 0.5 * lines.max())])


@pytest.mark.parametrize("semitones", [-12.0, -5.0, 7.0, 12.0])
def test_pitch_moves_every_frequency_and_keeps_length_and_level(semitones: float) -> None:
    clips = tones([300, 880, 2000], RATE).waveform
    found = pitch_shifted(clips, RATE, semitones)
    assert found.shape == clips.shape
    for wave, frequency in zip(found, (300, 880, 2000), strict=True):
        assert peak(wave) == pytest.approx(frequency * 2 ** (semitones / 12), rel=0.01)
    torch.testing.assert_close(rms(found), rms(clips), rtol=1e-3, atol=0)


def test_pitch_that_passes_nyquist_is_lost_and_not_folded() -> None:
    clip = tones([1000, 6000], RATE).waveform.sum(dim=0, keepdim=True)
    lines = torch.fft.rfft(pitch_shifted(clip, RATE, 12.0)[0] * torch.hann_window(clip.shape[-1])).abs()
    assert peak(pitch_shifted(clip, RATE, 12.0)[0]) == pytest.approx(2000, rel=0.01)
    assert float(lines[2 * 2500 :].max()) < 0.05 * float(lines.max())  # 12 kHz would fold to 4 kHz; 2 s: 0.5 Hz a line


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_tempo_changes_the_rate_of_clicks_and_not_the_pitch(factor: float) -> None:
    clicks = click_trains([8.0], RATE, seconds=2).waveform
    assert clicks_in(time_stretched(clicks, RATE, factor)[0]) == pytest.approx(16 / factor, abs=1)
    tone = tones([700], RATE).waveform
    found = time_stretched(tone, RATE, factor)
    assert found.shape == tone.shape
    assert peak(found[0]) == pytest.approx(700, rel=0.01)


def test_the_shams_of_pitch_and_tempo_keep_pitch_tempo_and_spectrum() -> None:
    clip = harmonic_complexes([250], RATE).waveform
    clicks = click_trains([8.0], RATE, seconds=2).waveform
    for edit in usual_edits(1000, RATE):
        if edit.family in ("pitch", "tempo"):
            assert peak(edit.sham(clip, RATE)[0]) == pytest.approx(250, rel=0.01)
            assert tempo(edit.sham(clicks, RATE)[0]) == pytest.approx(8.0, abs=0.6)
    assert tempo(there_and_back(clicks, RATE, 2.0)[0]) == pytest.approx(8.0, abs=0.6)
    assert tempo(time_stretched(clicks, RATE, 2.0)[0]) == pytest.approx(4.0, abs=0.6)


@pytest.mark.parametrize("kind", ["low", "high"])
def test_filters_pass_one_side_untouched_and_stop_the_other(kind: str) -> None:
    below, above = tones([500, 2000], RATE).waveform
    passed, stopped = (below, above) if kind == "low" else (above, below)
    found = filtered(torch.stack([passed, stopped]), RATE, 1000, kind)  # type: ignore[arg-type]
    torch.testing.assert_close(found[0], passed, atol=1e-4, rtol=0)
    assert float(rms(found[1])) < 1e-3 * float(rms(stopped))


def test_gain_noise_and_reversal_are_exact() -> None:
    clip = torch.randn(3, 8000, generator=torch.Generator().manual_seed(1)) * torch.tensor([[0.01], [0.1], [0.5]])
    torch.testing.assert_close(20 * torch.log10(rms(scaled(clip, -12)) / rms(clip)), torch.full((3,), -12.0))
    added = noisy(clip, 10.0) - clip
    torch.testing.assert_close(20 * torch.log10(rms(clip) / rms(added)), torch.full((3,), 10.0), atol=1e-2, rtol=0)
    assert torch.equal(noisy(clip, 10.0), noisy(clip, 10.0))
    assert torch.equal(reversed_(reversed_(clip)), clip)
    assert torch.equal(moved(clip).sort(dim=1).values, clip.sort(dim=1).values)
    assert not torch.equal(moved(clip), clip)


def test_parts_tell_a_tone_from_clicks_and_add_up() -> None:
    tone, clicks = tones([1000], RATE).waveform[0], click_trains([4.0], RATE).waveform[0]
    both = torch.stack([tone, clicks])
    harmonic, percussive = (separated(both, RATE, part) for part in ("harmonic", "percussive"))
    torch.testing.assert_close(harmonic + percussive, both, atol=1e-4, rtol=0)
    assert float(rms(percussive[0])) < 0.2 * float(rms(tone))
    assert float(rms(harmonic[1])) < 0.2 * float(rms(clicks))


def test_resampling_is_that_of_scipy_and_fitting_keeps_the_middle() -> None:
    clip = torch.randn(2, 999, generator=torch.Generator().manual_seed(2))
    for n in (501, 999, 1501):
        torch.testing.assert_close(
            resampled(clip, n), torch.from_numpy(scipy.signal.resample(clip.numpy(), n, axis=1)), atol=1e-4, rtol=0
        )
    steps = torch.arange(6.0)[None]
    assert fitted(steps, 2).tolist() == [[2, 3]]
    assert fitted(steps, 8).tolist() == [[0, 1, 2, 3, 4, 5, 0, 1]]


def test_every_usual_edit_and_sham_keeps_shape_and_silence() -> None:
    clips = torch.cat([0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(3)), torch.zeros(1, 8000)])
    edits = usual_edits(1500, RATE)
    assert len({edit.name for edit in edits}) == len(edits)
    for edit in edits:
        for found in (edit.change(clips, RATE), edit.sham(clips, RATE)):
            assert found.shape == clips.shape
            assert torch.isfinite(found).all()
            assert float(found[2].abs().max()) == 0.0
        assert not torch.allclose(edit.change(clips, RATE)[:2], clips[:2])


def test_the_sham_of_a_filter_has_its_level_and_the_whole_spectrum() -> None:
    clip = tones([200, 4000], RATE).waveform.sum(dim=0, keepdim=True)
    low = next(edit for edit in usual_edits(1000, RATE) if edit.name == "low_pass 1000 Hz")
    torch.testing.assert_close(rms(low.sham(clip, RATE)), rms(low.change(clip, RATE)))
    torch.testing.assert_close(low.sham(clip, RATE) / rms(low.sham(clip, RATE)), clip / rms(clip))


def test_predictions_follow_the_dose_and_the_pole() -> None:
    by_name = {edit.name: edit for edit in usual_edits(1000, RATE)}
    assert expected_sign(by_name["pitch +12 st"], "f0", more=True) == 1
    assert expected_sign(by_name["pitch -12 st"], "f0", more=True) == -1
    assert expected_sign(by_name["pitch -12 st"], "f0", more=False) == 1
    assert expected_sign(by_name["low_pass 1000 Hz"], "centroid", more=True) == -1
    assert expected_sign(by_name["tempo 0.5 x"], "onset_rate", more=True) == 1
    assert expected_sign(by_name["gain +6 dB"], "f0", more=True) == 0
    families = {edit.family for edit in by_name.values()}
    assert {family for signs in PREDICTED.values() for family in signs} <= families


@pytest.mark.parametrize(("descriptor", "edit"), [("centroid", "pitch"), ("centroid", "low_pass"), ("crest", "noise")])
def test_a_prediction_is_what_the_edit_does_to_the_descriptor(descriptor: str, edit: str) -> None:
    """The centroid of noise in a broad band, by its definition; the crest has no prediction."""
    clip = filtered(torch.randn(1, RATE, generator=torch.Generator().manual_seed(4)), RATE, 3000, "low")

    def centroid(wave: torch.Tensor) -> float:
        power = torch.fft.rfft(wave).abs().square()[0]
        return float((power * torch.linspace(0, RATE / 2, len(power))).sum() / power.sum())

    for each in usual_edits(1000, RATE):
        sign = expected_sign(each, descriptor, more=True)
        if each.family == edit and descriptor == "centroid":
            moved_by = centroid(each.change(clip, RATE)) - centroid(each.sham(clip, RATE))
            assert np.sign(moved_by) == sign
        if descriptor == "crest":
            assert sign == 0


def test_what_cannot_be_edited_is_refused() -> None:
    clip = torch.randn(1, 8000)
    with pytest.raises(InputError, match="not between 0 and 8000"):
        filtered(clip, RATE, 9000, "low")
    with pytest.raises(InputError, match="stretch of 20"):
        time_stretched(clip, RATE, 20.0)
    with pytest.raises(InputError, match="centre of 0 Hz"):
        usual_edits(0, RATE)
    assert Edit("pitch", 3.0, "st", scaled, scaled).name == "pitch +3 st"
