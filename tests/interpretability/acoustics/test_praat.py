"""Our measures beside Praat's own, where the extra is installed; recorded values stand in the other tests."""

import sys
import time
from pathlib import Path

import pytest
import soundfile
import torch

from configs.errors import InputError
from interpretability.acoustics.formants import formants
from interpretability.acoustics.frames import Track
from interpretability.acoustics.intensity import intensity
from interpretability.acoustics.pitch import PitchSettings, pitch
from tests.interpretability.acoustics.sounds import RATE, batch, hiss, noise, tone, vowel, word

needs_praat = pytest.fixture(lambda: pytest.importorskip("parselmouth", reason="the extra praat is not installed"))


@pytest.fixture
def digits(shared_data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """A hundred spoken digits of all speakers, as they are."""
    files = sorted((shared_data / "fsdd" / "recordings").glob("*.wav"))
    chosen = files[:: len(files) // 100][:100]
    return batch(*(torch.from_numpy(soundfile.read(file)[0]) for file in chosen))


def difference(first: Track, second: Track) -> torch.Tensor:
    assert torch.equal(first.values.isnan(), second.values.isnan())
    return (first.values - second.values).abs()[~first.values.isnan()]


def test_backends_agree_on_made_sounds(needs_praat: object) -> None:
    clips = batch(word(), vowel(), tone(220, 0.5), torch.zeros(4000, dtype=torch.float64), tone(220, 0.03))
    for minimum in (60.0, 100.0):
        pair = [intensity(*clips, RATE, minimum, backend=backend) for backend in ("torch", "praat")]
        assert difference(*pair).max() < 1e-5
    ours, praat = (pitch(*clips, RATE, backend=backend) for backend in ("torch", "praat"))
    assert torch.equal(ours.voiced.values.nan_to_num(-1), praat.voiced.values.nan_to_num(-1))
    both = ~praat.f0.values.isnan()
    assert (1200 * (ours.f0.values / praat.f0.values)[both].log2()).abs().max() < 3
    assert (ours.harmonicity.values - praat.harmonicity.values)[both].abs().median() < 0.1
    ours, praat = (formants(*clips, RATE, ceiling=4000, backend=backend) for backend in ("torch", "praat"))
    for pair in zip(ours.frequency + ours.bandwidth, praat.frequency + praat.bandwidth, strict=True):
        assert torch.quantile(difference(*pair), 0.95) < 0.01


def test_resampled_formants_are_praats(needs_praat: object) -> None:
    clips = batch(vowel(), noise(0.7))
    ours, praat = (formants(*clips, 16000, ceiling=5000, backend=backend) for backend in ("torch", "praat"))
    for pair in zip(ours.frequency, praat.frequency, strict=True):
        assert torch.quantile(difference(*pair), 0.95) < 2


@pytest.mark.real_data
def test_parity_on_spoken_digits(needs_praat: object, digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    for minimum in (50.0, 75.0, 100.0):
        pair = [intensity(*digits, RATE, minimum, backend=backend) for backend in ("torch", "praat")]
        assert difference(*pair).max() < 1e-3
    for settings in (PitchSettings(), PitchSettings(60, 300), PitchSettings(75, 450, 0.005)):
        ours, praat = (pitch(*digits, RATE, settings, backend).f0.values for backend in ("torch", "praat"))
        frames = int(pitch(*digits, RATE, settings).f0.n_frames.sum())
        assert (ours.isnan() != praat.isnan()).sum() <= 0.002 * frames
        cents = (1200 * (ours / praat).log2()).abs()
        assert cents.nanmedian() < 0.2
        assert (cents > 50).sum() <= 0.002 * frames
    for n_formants in (4, 5):
        found = [formants(*digits, RATE, 4000, n_formants, backend=backend) for backend in ("torch", "praat")]
        for pair in zip(found[0].frequency, found[1].frequency, strict=True):
            assert torch.quantile(difference(*pair), 0.95) < 0.01


def test_without_praat_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    for measure in (intensity, pitch, formants):
        with pytest.raises(InputError, match=r"soundglass\[praat\]"):
            measure(*batch(tone(200)), RATE, backend="praat")


def measures_of(clips: tuple[torch.Tensor, torch.Tensor], rate: int) -> dict[str, dict[str, object]]:
    """Each measure of each backend, ready to be timed."""
    return {
        "intensity": {name: lambda name=name: intensity(*clips, rate, backend=name) for name in ("torch", "praat")},
        "pitch": {
            name: lambda name=name: pitch(*clips, rate, PitchSettings(step=0.01), name) for name in ("torch", "praat")
        },
        "formants": {
            name: lambda name=name: formants(*clips, rate, rate / 2, backend=name) for name in ("torch", "praat")
        },
    }


@pytest.mark.slow
def test_torch_is_at_most_six_times_slower_than_praat(needs_praat: object) -> None:
    """64 clips of 1.024 s at 16 kHz; the least of seven rounds, the backends taking turns.

    Processor seconds of one thread, as Praat has one: what else the machine does is not counted, nor is a second core,
    which could only help.
    """
    sound = torch.cat([hiss(), vowel(), vowel(), hiss()])[:16384]
    clips = batch(*(sound.roll(97 * row) for row in range(64)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for measure, backends in measures_of(clips, 16000).items():
            seconds: dict[str, list[float]] = {name: [] for name in backends}
            for turn in range(8):
                for name, work in backends.items():
                    started = time.process_time()
                    work()  # type: ignore[operator]
                    if turn:
                        seconds[name].append(time.process_time() - started)
            ours, praat = (min(seconds[name]) for name in ("torch", "praat"))
            print(f"{measure}: torch {1000 * ours:.0f} ms, Praat {1000 * praat:.0f} ms, ratio {ours / praat:.2f}")
            assert ours <= 6 * praat
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_and_says_how_long_it_takes() -> None:
    sound = torch.cat([hiss(), vowel(), vowel(), hiss()])[:16384]
    waveform, length = batch(*(sound.roll(97 * row) for row in range(512)))
    on_gpu = (waveform.cuda(), length.cuda())
    for measure, backends in measures_of(on_gpu, 16000).items():
        seconds = []
        for _ in range(5):
            torch.cuda.synchronize()
            started = time.perf_counter()
            backends["torch"]()  # type: ignore[operator]
            torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
        print(f"{measure}: 512 clips of 1.024 s in {1000 * sorted(seconds)[2]:.0f} ms on a GPU")
    few = (waveform[:8], length[:8])
    ours, theirs = pitch(*few, 16000).f0.values, pitch(*(part.cuda() for part in few), 16000).f0.values.cpu()
    assert (ours.isnan() != theirs.isnan()).float().mean() < 0.01
    assert (1200 * (ours / theirs).log2()).abs().nanmedian() < 0.1
