"""The order of sounds that anyone would put in order, and what is not defined."""

import math

import pytest
import torch

from configs.errors import InputError
from interpretability.acoustics.descriptors import DESCRIPTORS, describe, describe_at, summarise
from tests.interpretability.acoustics.sounds import batch, noise, seconds, tone

RATE = 16000
T = seconds(2.5, RATE)


def pulses(rate: float) -> torch.Tensor:
    sound = noise(2.5, 0.0005, rate=RATE)
    for start in range(4000, len(sound) - 200, round(RATE / rate)):
        sound[start : start + 80] += 0.7
    return sound


def low(frequency: float) -> torch.Tensor:
    return tone(frequency, 2.5, rate=RATE)


HISS = noise(2.5, rate=RATE)
ORDER = {
    "level": (0.05 * HISS, HISS),
    "crest": (low(200), pulses(4)),
    "f0": (low(150), low(900)),
    "voicing": (HISS, low(300)),
    "harmonicity": (HISS, low(300)),
    "f0_slope": (
        0.5 * torch.sin(2 * math.pi * (600 * T - 40 * T.square())),
        0.5 * torch.sin(2 * math.pi * (300 * T + 40 * T.square())),
    ),
    "f0_variability": (low(300), 0.5 * torch.sin(2 * math.pi * (300 * T + 40 * T.square()))),
    "centroid": (low(200), HISS),
    "spread": (low(4000), HISS),
    "rolloff_85": (low(200), HISS),
    "rolloff_95": (low(200), HISS),
    "flatness": (low(200), HISS),
    "entropy": (low(200), HISS),
    "tilt": (HISS.cumsum(0) * 0.05, HISS.diff()),
    "zero_crossings": (low(200), HISS),
    "flux": (low(200), pulses(6)),
    "onset_rate": (pulses(1), pulses(6)),
    "attack": (pulses(1), HISS * T / 2.5),
    "decay": (low(900) * torch.exp(-20 * T), low(900) * torch.exp(-3 * T)),
    "temporal_centroid": (low(900) * torch.exp(-3 * T), low(900) * T / 2.5),
    "modulation_slow": (HISS, HISS * (1 + 0.9 * torch.cos(2 * math.pi * 2 * T))),
    "modulation_tremor": (HISS, HISS * (1 + 0.9 * torch.cos(2 * math.pi * 8 * T))),
    "modulation_rough": (low(1000), low(1000) * (1 + 0.9 * torch.cos(2 * math.pi * 70 * T)) / 2),
    "silence": (HISS, torch.where(T < 1.0, HISS, 0.0005 * HISS)),
    "snr": (HISS, torch.where(T < 1.0, HISS, 0.0005 * HISS)),
    "clipping": (low(200), (4 * low(200)).clamp(-1, 1)),
    "duration": (torch.where(T < 0.5, HISS, 0.0), torch.where(T < 2.0, HISS, 0.0)),
    "skewness": (HISS, low(200) + 0.01 * HISS),
    "kurtosis": (HISS, low(4000) + 0.01 * HISS),
}


@pytest.fixture(scope="module")
def described() -> dict[str, torch.Tensor]:
    return describe(*batch(*(sound for pair in ORDER.values() for sound in pair)), RATE)


@pytest.mark.parametrize("name", ORDER)
def test_sounds_are_in_order(name: str, described: dict[str, torch.Tensor]) -> None:
    place = 2 * list(ORDER).index(name)
    first, second = described[name][place : place + 2].tolist()
    if name == "f0_slope":
        assert first < -50
        assert second > 50
    assert first < second - 0.05 * abs(second)


def test_every_descriptor_has_an_order_and_a_value() -> None:
    assert set(ORDER) | {"rhythm"} == set(DESCRIPTORS)
    assert set(describe(*batch(HISS), RATE)) == set(DESCRIPTORS)


def test_known_values(described: dict[str, torch.Tensor]) -> None:
    def of(name: str, which: int, measured: str | None = None) -> float:
        return float(described[measured or name][2 * list(ORDER).index(name) + which])

    assert of("level", 1) == pytest.approx(-20, abs=0.2)
    assert of("f0", 1) == pytest.approx(900, rel=1e-3)
    assert of("crest", 0) == pytest.approx(20 * math.log10(math.sqrt(2)), abs=0.01)
    assert of("onset_rate", 1) == pytest.approx(6, abs=0.7)
    assert of("onset_rate", 1, "rhythm") > 0.9
    assert of("modulation_tremor", 1) == pytest.approx(0.9, abs=0.05)
    assert of("decay", 1) == pytest.approx(3 * math.log(10) / 3, rel=0.05)  # 60 dB at exp(-3 t)
    assert of("duration", 0) == pytest.approx(0.5, abs=0.01)
    assert of("silence", 1) == pytest.approx(0.6, abs=0.02)
    assert of("silence", 0) == 0  # a steady noise lies near its own floor all the time, and never pauses


def test_medians_leave_the_pauses_out() -> None:
    bark = torch.where((T > 1) & (T < 1.3), low(400), 0.0) + 1e-4 * HISS
    found = summarise(*batch(bark, low(400)), RATE)
    assert float(found["f0"].value[0]) == pytest.approx(400, rel=0.01)
    assert float(found["centroid"].value[0]) == pytest.approx(400, rel=0.05)
    assert float(found["centroid"].iqr[1]) < 1
    assert found["attack"].iqr.isnan().all()


def test_nothing_is_invented_for_silence_and_scraps() -> None:
    silence = torch.zeros(RATE, dtype=torch.float64)
    found = describe(*batch(silence, silence - 0.4, noise(0.01, rate=RATE)), RATE)
    for name, values in found.items():
        assert values[:2].isnan().all(), name
    assert {name for name, values in found.items() if not values[2].isnan()} <= {
        "level",
        "crest",
        "clipping",
        "attack",
        "decay",
        "temporal_centroid",
        "duration",
    }


def test_noise_has_no_pitch() -> None:
    found = describe(*batch(HISS), RATE)
    assert found["voicing"].tolist() == [0]
    assert all(found[name].isnan().all() for name in ("f0", "f0_slope", "f0_variability", "rhythm"))


def test_a_batch_is_its_clips_one_by_one() -> None:
    sounds = [HISS[:20000], low(300), pulses(3)[:30000], noise(0.01, rate=RATE), ORDER["f0_slope"][0]]
    together = describe(*batch(*sounds), RATE)
    for row, sound in enumerate(sounds):
        for name, value in describe(*batch(sound), RATE).items():
            torch.testing.assert_close(
                together[name][row], value[0], equal_nan=True, rtol=2e-3, atol=1e-3, msg=f"{name} of {row}"
            )


def test_a_moment_is_described_by_its_frame() -> None:
    sound = torch.where(T < 1.2, low(300), HISS)
    waveform, length = batch(sound, sound, sound)
    found = describe_at(waveform, length, RATE, torch.tensor([0.6, 1.8, 7.0]))
    assert float(found["f0"][0]) == pytest.approx(300, rel=1e-3)
    assert found["f0"][1:].isnan().all()
    assert float(found["centroid"][0]) == pytest.approx(300, rel=0.02)
    assert float(found["centroid"][1]) > 3000
    assert found["centroid"][2].isnan()
    assert found["duration"].tolist() == describe(waveform, length, RATE)["duration"].tolist()


def test_bad_samples_are_named() -> None:
    with pytest.raises(InputError, match=r"clips \[1\]"):
        describe(torch.tensor([[0.1] * 800, [torch.inf] * 800]), torch.tensor([800, 800]), RATE)


def test_no_gradient_is_kept() -> None:
    waveform, length = batch(low(300))
    found = describe(waveform.requires_grad_(), length, RATE)
    assert not any(values.requires_grad for values in found.values())
