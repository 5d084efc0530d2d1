"""Scores of kept and removed parts, by hand, and heard for real with a classifier of known answers."""

import math

import pytest
import torch

from interpretability.listening.masked_input import (
    Heard,
    average_drop,
    average_gain,
    average_increase,
    drop,
    hear_masked,
    input_fidelity,
    masked_accuracy,
    round_trip_change,
)

WHOLE = torch.tensor([[0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [1.0, 0.0, 0.0]], dtype=torch.float64)
KEPT = torch.tensor([[0.75, 0.2, 0.05], [0.2, 0.7, 0.1], [0.9, 0.1, 0.0]], dtype=torch.float64)
ZERO = torch.tensor([0, 0, 0])


def test_increase_drop_and_gain_by_hand():
    assert average_increase(WHOLE, KEPT, ZERO).values.tolist() == [100, 0, 0]
    assert average_drop(WHOLE, KEPT, ZERO).values.tolist() == pytest.approx([0, 75, 10])
    gain = average_gain(WHOLE, KEPT, ZERO)
    assert gain.values.tolist()[:2] == pytest.approx([50, 0])
    assert gain.undefined == 1  # p_c = 1: nothing can be gained
    assert average_drop(WHOLE, KEPT, torch.tensor([0, 0, 2])).undefined == 1  # p_c = 0: nothing can be lost


def test_the_second_softmax_compresses_the_drop_as_the_sheet_says():
    whole, nothing = torch.zeros(2, 50, dtype=torch.float64), torch.zeros(2, 50, dtype=torch.float64)
    whole[:, 0], nothing[:, 1] = 1.0, 1.0
    half, tenth = torch.zeros(2, 50, dtype=torch.float64), torch.zeros(2, 50, dtype=torch.float64)
    half[:, :2] = 0.5
    tenth[:, 0], tenth[:, 1] = 0.9, 0.1
    labels, published = torch.tensor([0, 0]), ("second_softmax",)
    assert average_drop(whole, nothing, labels).mean == pytest.approx(100)
    assert average_drop(whole, nothing, labels, published).mean == pytest.approx(63.2, abs=0.05)
    assert average_drop(whole, half, labels).mean == pytest.approx(50)
    assert average_drop(whole, half, labels, published).mean == pytest.approx(38.9, abs=0.1)
    assert average_drop(whole, tenth, labels).mean == pytest.approx(10)
    assert average_drop(whole, tenth, labels, published).mean == pytest.approx(9.25, abs=0.05)


def test_input_fidelity_asks_f_and_not_class_zero():
    kept = torch.tensor([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    whole = torch.tensor([[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
    assert input_fidelity(whole, kept).values.tolist() == [1, 0]
    assert input_fidelity(whole, kept, as_published=("class_zero",)).values.tolist() == [0, 1]


def test_multi_label_fidelity_is_about_the_class_that_is_explained():
    whole, kept = torch.tensor([[0.9, 0.6], [0.2, 0.7]]), torch.tensor([[0.1, 0.8], [0.3, 0.4]])
    assert input_fidelity(whole, kept, torch.tensor([1, 1]), multi_label=True).values.tolist() == [1, 0]
    assert input_fidelity(whole, kept, torch.tensor([0, 0]), multi_label=True).values.tolist() == [0, 1]
    with pytest.raises(ValueError, match="class that is explained"):
        input_fidelity(whole, kept, multi_label=True)


def test_accuracy_of_a_part_by_hand():
    part = torch.tensor([[0.1, 0.9], [0.6, 0.4]])
    assert masked_accuracy(part, torch.tensor([1, 1])).values.tolist() == [1, 0]
    known = masked_accuracy(part, torch.tensor([[0, 1], [1, -1]]), torch.tensor([1, 1]))
    assert known.values.tolist()[0] == 1
    assert known.undefined == 1  # nobody said whether the second clip holds class 1
    with pytest.raises(ValueError, match="class that is explained"):
        masked_accuracy(part, torch.tensor([[0, 1], [1, -1]]))


def test_drop_takes_logits_and_probabilities():
    whole, rest = torch.tensor([[3.0, 1.0]]), torch.tensor([[-1.0, 4.0]])
    assert drop(whole, rest, torch.tensor([0])).mean == 4
    assert drop(whole, rest, torch.tensor([1])).mean == -3


def test_answers_that_are_nan_are_undefined():
    kept = KEPT.clone()
    kept[1] = math.nan
    for score in (average_increase, average_drop, average_gain):
        assert bool(score(WHOLE, kept, ZERO).values[1].isnan())
    assert input_fidelity(WHOLE, kept).undefined == 1
    assert masked_accuracy(kept, ZERO).undefined == 1


def test_parts_are_heard_in_the_signal_domain(bands, noise):
    f, x = bands(), noise()
    spectrum = f.analyse(x)
    masks = torch.rand(3, 2, *spectrum.shape[1:], generator=torch.Generator().manual_seed(1))
    heard = hear_masked(f, spectrum, masks, x.shape[1])
    for clip in range(3):
        for g in range(2):
            for part, field in ((masks[clip, g], "kept"), (1 - masks[clip, g], "rest")):
                sound = f.istft((part * spectrum[clip])[None], x.shape[1])
                expected = f.respond(f.stft(sound))[0].double()
                torch.testing.assert_close(getattr(heard[g], field)[clip], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(heard[0].untouched, f.logits(x).double())
    torch.testing.assert_close(round_trip_change(heard[0], ZERO).values, torch.zeros(3).double(), atol=1e-4, rtol=0)


def test_a_band_keeps_its_class_and_removing_it_takes_the_class_away(bands, noise):
    f, x = bands(), noise(seed=4)
    spectrum = f.analyse(x)
    low = torch.zeros(3, 1, 33, 1).expand(-1, -1, -1, spectrum.shape[-1]).clone()
    low[:, :, :11] = 1
    heard = hear_masked(f, spectrum, low, x.shape[1])[0]
    assert (f.probabilities(heard.kept)[:, 0] > 0.99).all()
    assert (f.probabilities(heard.rest)[:, 0] < 0.01).all()


def test_subtracting_log_spectra_is_something_else_than_removing_the_part(bands, noise):
    f, x = bands(), noise()
    spectrum = f.analyse(x)
    masks = torch.full((3, 1, *spectrum.shape[1:]), 0.5)
    right = hear_masked(f, spectrum, masks, x.shape[1])[0]
    wrong = hear_masked(f, spectrum, masks, x.shape[1], as_published=("log_subtraction",))[0]
    torch.testing.assert_close(wrong.kept, right.kept)
    torch.testing.assert_close(right.rest, right.kept, rtol=1e-4, atol=1e-5)  # half removed is half kept
    magnitude = (1 + spectrum.abs()) / (1 + 0.5 * spectrum.abs()) - 1
    expected = f.respond(magnitude * torch.exp(1j * spectrum.angle())).double()
    torch.testing.assert_close(wrong.rest, expected, rtol=1e-4, atol=1e-4)
    assert (right.rest - wrong.rest).abs().max() > 0.1


def test_batches_equal_single_clips(bands, noise):
    f, x = bands(), noise(clips=4)
    spectrum = f.analyse(x)
    masks = torch.rand(4, 1, *spectrum.shape[1:], generator=torch.Generator().manual_seed(1))
    whole = hear_masked(f, spectrum, masks, x.shape[1])[0]
    singles = [hear_masked(f, spectrum[i : i + 1], masks[i : i + 1], x.shape[1])[0] for i in range(4)]
    for field in Heard._fields:
        joined = torch.cat([getattr(single, field) for single in singles])
        torch.testing.assert_close(getattr(whole, field), joined, rtol=1e-5, atol=1e-5)
