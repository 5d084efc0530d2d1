"""Changes of tempo, pitch and timbre move what they say by as much as they say."""

import pytest
import torch

from configs.jamendo_schema import SingingVoiceConfig
from datamodules.batch import Batch
from models.singing_voice_changes import Changes, band_gains, draw_changes, stretched


def changes(tempo: float = 1.0, frequency: float = 1.0, centre: float = 120.0, gain_db: float = 0.0) -> Changes:
    return Changes(*(torch.tensor([value]) for value in (tempo, frequency, centre, 6.0, gain_db)))


def test_nothing_is_changed_by_factors_of_one() -> None:
    magnitude = torch.rand(1, 60, 169)
    torch.testing.assert_close(stretched(magnitude, changes()), magnitude[..., 27:142], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(band_gains(changes(), torch.linspace(50, 8000, 80)), torch.ones(1, 80))


@pytest.mark.parametrize("tempo", [0.7, 1.3])
def test_an_event_moves_away_from_the_middle_as_the_tempo_falls(tempo: float) -> None:
    magnitude = torch.zeros(1, 40, 169)
    magnitude[0, :, 84 + 20] = 1  # 20 frames after the middle
    # Stretched to `tempo` times its length, it comes `tempo` times as long after it.
    assert int(stretched(magnitude, changes(tempo=tempo))[0].sum(dim=0).argmax()) == 57 + round(20 * tempo)


@pytest.mark.parametrize("frequency", [0.75, 1.25])
def test_a_partial_moves_up_by_the_factor(frequency: float) -> None:
    magnitude = torch.zeros(1, 200, 169)
    magnitude[0, 80] = 1
    moved = stretched(magnitude, changes(frequency=frequency))[0]
    assert int(moved.sum(dim=1).argmax()) == round(80 * frequency)
    assert bool((moved >= 0).all())


def test_frequencies_above_what_was_recorded_are_silent() -> None:
    moved = stretched(torch.ones(1, 200, 169), changes(frequency=0.7))[0]
    assert not bool(moved[145:].any())
    assert bool((moved[:135] > 0.9).all())


def test_a_band_is_louder_by_the_gain_at_its_centre_and_nowhere_far_off() -> None:
    places = torch.tensor([125.0, 1000.0, 8000.0])
    centre = float(12 * torch.log2(torch.tensor(1000.0)))
    gains = band_gains(changes(centre=centre, gain_db=10.0), places)[0]
    assert gains[1] == pytest.approx(10**0.5)
    assert gains[[0, 2]].tolist() == pytest.approx([1, 1], abs=1e-3)


def test_draws_belong_to_seed_epoch_and_clip_and_stay_in_their_ranges() -> None:
    def drawn(order: list[int], epoch: int = 0) -> Changes:
        n = len(order)
        batch = Batch(torch.zeros(n, 8), torch.full((n,), 8), torch.zeros(n), torch.tensor(order))
        return draw_changes(batch, SingingVoiceConfig(), 8000.0, 0, epoch)

    many, few = drawn(list(range(500))), drawn([7, 3])
    torch.testing.assert_close(few.tempo, many.tempo[[7, 3]])
    assert not torch.equal(drawn([7, 3], epoch=1).tempo, few.tempo)
    for values, low, high in ((many.tempo, 0.7, 1.3), (many.frequency, 0.7, 1.3), (many.gain_db, -10, 10)):
        assert low <= float(values.min()) < low + 0.1 * (high - low)
        assert high >= float(values.max()) > high - 0.1 * (high - low)
    assert float(many.centre.min()) >= 86.7  # 150 Hz
    assert float(many.centre.max()) <= 155.6  # 8 kHz
