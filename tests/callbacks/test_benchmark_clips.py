"""The clips of a benchmark: spread over classes, mixed the same way every time, with the sound of each class known."""

from collections import Counter

import pytest
import soundfile
import torch

from callbacks.benchmark_cache import Scored, cell_file, read_cell, write_cell
from callbacks.benchmark_clips import ClipSet, in_condition, read_speech, spread
from configs.errors import CommandError, InputError


def clips(n=6, n_samples=8192):
    wave = 0.1 * torch.randn(n, n_samples, generator=torch.Generator().manual_seed(0))
    return ClipSet(tuple(f"c{i}" for i in range(n)), wave, torch.arange(n) % 3, wave)


def test_few_clips_are_spread_over_the_classes():
    targets = [place % 12 for place in range(600)]  # classes in a fixed round, which even steps would miss
    places = spread(targets, 24)
    assert set(Counter(targets[place] for place in places).values()) == {2}
    assert places == sorted(set(places))
    assert spread(targets, 24) == places
    assert spread([0, 0, 0, 1], 3) != [0, 1, 2]
    assert spread(targets, 600) == list(range(600))


@pytest.mark.parametrize("condition", ["other_class", "white_noise", "speech"])
def test_mixtures_do_not_depend_on_the_batch_and_hold_the_clip(condition):
    speech = [torch.randn(3000, generator=torch.Generator().manual_seed(1))]
    whole = in_condition(clips(), condition, 0.0, speech)
    again = in_condition(clips(), condition, 0.0, speech)
    assert torch.equal(whole.waveform, again.waveform)
    torch.testing.assert_close(whole.waveform - whole.added, clips().waveform, atol=1e-6, rtol=0)
    assert whole.added.abs().amax(dim=1).min() > 0
    part = whole.part(slice(2, 4))
    assert torch.equal(part.waveform, whole.waveform[2:4])
    assert torch.equal(part.added, whole.added[2:4])


def test_the_sound_of_a_class_is_known_in_mixtures_of_two():
    mixed = in_condition(clips(), "other_class", 0.0)
    torch.testing.assert_close(mixed.reference(mixed.target), clips().waveform)
    torch.testing.assert_close(mixed.reference(mixed.other_target), mixed.added)
    third = 3 - mixed.target - mixed.other_target
    assert not mixed.reference(third).any()
    assert not clips().reference(clips().target).any()  # a recording as it is: nobody knows its parts


def test_speech_folders_without_speech_are_refused(tmp_path):
    with pytest.raises(CommandError):
        read_speech(str(tmp_path / "missing"), 16000)
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(InputError, match="none of its recordings"):
        read_speech(str(tmp_path), 16000)
    soundfile.write(tmp_path / "b.wav", torch.randn(4000).clamp(-1, 1).numpy() * 0.5, 8000)
    assert [len(sound) for sound in read_speech(str(tmp_path), 16000)] == [8000]


def test_cells_are_found_by_what_they_were_made_with(tmp_path):
    made = {"steps": 3, "clips": ("a", "b")}
    path = cell_file(tmp_path, "clean", "own", made)
    assert path != cell_file(tmp_path, "clean", "own", made | {"steps": 4})
    assert read_cell(path) is None
    scores = {"equal/x": torch.tensor([1.0, torch.nan], dtype=torch.float64).numpy()}
    write_cell(path, Scored(scores, {"explain": 0.5}))
    found = read_cell(path)
    assert found.seconds == {"explain": 0.5}
    torch.testing.assert_close(
        torch.from_numpy(found.scores["equal/x"]), torch.from_numpy(scores["equal/x"]), equal_nan=True
    )
    path.write_bytes(path.read_bytes()[:100])
    assert read_cell(path) is None
