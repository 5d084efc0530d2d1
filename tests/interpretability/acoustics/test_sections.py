import pytest
import torch

from interpretability.acoustics.frame_measures import frame_measures
from interpretability.acoustics.properties import UNITS, AnalysisSettings, acoustic_properties
from interpretability.acoustics.sections import Section, section_seconds, sections
from tests.interpretability.acoustics.sounds import RATE, batch, noise, tone, word


def test_a_word_of_hiss_silence_and_vowel_is_cut_up_right() -> None:
    waveform, length = batch(word(), word()[:6000])
    measures = frame_measures(waveform, length, RATE)
    found = sections(measures)
    middle = measures.tracks["level"].seconds[0]
    truth = {Section.FRICATIVE: (0.0, 0.3), Section.SILENCE: (0.3, 0.4), Section.VOICED: (0.4, 1.2)}
    for section, (start, end) in truth.items():
        inside = (middle > start + 0.03) & (middle < end - 0.03)
        assert inside.any()
        assert (found[0, inside] == section).float().mean() > 0.95, section
    assert (found[1] == Section.PAST_END).sum() == found.shape[1] - int(measures.tracks["level"].n_frames[1])
    lasting = section_seconds(found, measures.tracks["level"].step)
    assert float(lasting["voiced"][0]) == pytest.approx(0.8, abs=0.06)
    assert float(lasting["fricative"][0]) == pytest.approx(0.3, abs=0.06)
    assert float(lasting["silence"][0]) == pytest.approx(0.15, abs=0.06)


def test_silence_is_silence_and_a_rumble_is_neither() -> None:
    rumble = noise(1.0).cumsum(0)
    rumble = rumble - rumble.unfold(0, 401, 1).mean(1).mean()
    silence = torch.zeros(RATE, dtype=torch.float64)
    found = sections(frame_measures(*batch(silence, noise(1.0), tone(200)), RATE))
    for row, section in enumerate((Section.SILENCE, Section.FRICATIVE, Section.VOICED)):
        assert (found[row] == section).float().mean() > 0.95


def test_all_properties_of_a_word_in_one_call() -> None:
    found = acoustic_properties(*batch(word(), tone(200, 0.3)), RATE, AnalysisSettings(formant_ceiling=4000.0))
    assert list(found.tracks) == list(UNITS)
    assert found.duration.tolist() == pytest.approx([1.2, 0.29], abs=0.02)
    values = {name: track.at(torch.tensor([[0.8], [0.15]])) for name, track in found.tracks.items()}
    assert float(values["f0"][0, 0]) == pytest.approx(140, abs=3)
    assert float(values["f0"][1, 0]) == pytest.approx(200, abs=1)
    assert float(values["f1"][0, 0]) == pytest.approx(700, abs=60)
    assert float(values["centroid"][1, 0]) == pytest.approx(200, abs=10)
    assert found.sections.shape == found.section_clock.values.shape
    for track in found.tracks.values():
        past = torch.arange(track.values.shape[1]) >= track.n_frames[:, None]
        assert track.values[past].isnan().all()


def test_a_clip_shorter_than_every_window_has_no_property() -> None:
    found = acoustic_properties(*batch(tone(200, 0.02)), RATE)
    assert all(track.values.isnan().all() for track in found.tracks.values())
    assert (found.sections == Section.PAST_END).all()


def test_a_hiss_with_a_pitch_is_noise_where_hiss_comes_first():
    rate, at = 8000, torch.arange(8000) / 8000
    buzz = sum(torch.sin(2 * torch.pi * 100 * k * at + k * k) for k in range(20, 36))[None] / 30
    measures = frame_measures(buzz, torch.tensor([8000]), rate)
    assert (sections(measures)[0, 10:-10] == Section.VOICED).all()
    assert (sections(measures, hiss_first=True)[0, 10:-10] == Section.FRICATIVE).all()
