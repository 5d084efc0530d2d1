"""Deletion and insertion curves: by hand, against loops, with ties, and with a planted order."""

import pytest
import torch

from interpretability.listening.curves import curves, top_masks


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_masks_take_the_most_relevant_bins_first_and_share_ties():
    relevance = torch.tensor([[[4.0, 1.0], [2.0, 1.0]]])
    masks = top_masks(relevance, torch.tensor([0.25, 0.5, 0.75, 0.875], dtype=torch.float64))
    expected = [[[1, 0], [0, 0]], [[1, 0], [1, 0]], [[1, 0.5], [1, 0.5]], [[1, 0.75], [1, 0.75]]]
    assert masks[0].tolist() == expected
    part = top_masks(torch.rand(2, 5, 7, generator=seeded()), torch.tensor([0.13, 0.5], dtype=torch.float64))
    torch.testing.assert_close(part.sum(dim=(2, 3)), torch.tensor([[4.55, 17.5]] * 2, dtype=torch.float64))


def test_shares_of_energy_end_where_the_energy_is_reached():
    relevance = torch.tensor([[[4.0, 1.0], [2.0, 1.0]]])
    power = torch.tensor([[[1.0, 2.0], [5.0, 2.0]]])
    masks = top_masks(relevance, torch.tensor([0.1, 0.35, 0.6, 0.9], dtype=torch.float64), power)
    partly, tied = (2.5 / 5) ** 0.5, 0.75**0.5
    expected = [[[1, 0], [0, 0]], [[1, 0], [partly, 0]], [[1, 0], [1, 0]], [[1, tied], [1, tied]]]
    torch.testing.assert_close(masks[0], torch.tensor(expected, dtype=torch.float64))
    relevance, power = torch.rand(2, 3, 20, 30, generator=seeded())
    shares = torch.tensor([0.07, 0.5, 0.93], dtype=torch.float64)
    kept = (top_masks(relevance, shares, power).square() * power[:, None]).sum(dim=(2, 3))
    torch.testing.assert_close(kept, shares * power.double().sum(dim=(1, 2))[:, None], rtol=1e-6, atol=0)


def test_at_equal_energy_the_right_order_beats_loudness_and_loudness_is_chance(bands, noise):
    f, x = bands(), noise(clips=6, seed=3)
    spectrum = f.analyse(x)
    right = torch.zeros(spectrum.shape)
    right[:, :11] = 1 + torch.rand(6, 11, spectrum.shape[-1], generator=seeded())
    random = torch.rand(spectrum.shape, generator=seeded(1))
    labels = torch.zeros(6, dtype=torch.long)
    areas = [
        curves(f, spectrum, order, labels, x.shape[1], of="energy").deletion_area.mean
        for order in (right, spectrum.abs(), random)
    ]
    assert areas[0] < min(areas[1:]) - 0.1
    assert abs(areas[1] - areas[2]) < 0.1


def test_curves_equal_a_loop_over_sorted_bins(bands, noise):
    f, x = bands(), noise(clips=2)
    spectrum = f.analyse(x)
    relevance = torch.rand(spectrum.shape, generator=seeded(2))
    labels = torch.tensor([0, 2])
    found = curves(f, spectrum, relevance, labels, x.shape[1], steps=4)
    n = spectrum[0].numel()
    assert n % 4 == 1  # so that the last bin of each step is taken in part
    for clip in range(2):
        order = relevance[clip].flatten().argsort(descending=True)
        for step, share in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
            kept = torch.zeros(n)
            count = int(share * n)
            kept[order[:count]] = 1
            if count < n:
                kept[order[count]] = share * n - count
            for curve, mask in ((found.deletion, 1 - kept), (found.insertion, kept)):
                sound = f.istft(mask.reshape(spectrum[clip].shape) * spectrum[clip][None], x.shape[1])
                expected = f.probabilities(f.respond(f.stft(sound)))[0, labels[clip]]
                assert float(curve[clip, step]) == pytest.approx(float(expected), abs=1e-5)


def test_the_area_is_that_of_trapezoids(bands, noise):
    f, x = bands(), noise(clips=2)
    spectrum = f.analyse(x)
    relevance = torch.rand(spectrum.shape, generator=seeded(2))
    found = curves(f, spectrum, relevance, torch.tensor([0, 1]), x.shape[1], shares=(0, 0.1, 1))
    a, b, c = found.deletion[0].tolist()
    assert float(found.deletion_area.values[0]) == pytest.approx(0.1 * (a + b) / 2 + 0.9 * (b + c) / 2)
    assert found.insertion[:, -1].tolist() == found.deletion[:, 0].tolist()


def test_the_right_order_beats_the_wrong_one(bands, noise):
    f, x = bands(), noise(clips=2)
    spectrum = f.analyse(x)
    right = torch.zeros(spectrum.shape)
    right[:, :11] = spectrum.abs()[:, :11] + 1
    labels = torch.tensor([0, 0])
    good, bad = (curves(f, spectrum, r, labels, x.shape[1]) for r in (right, right.amax() - right))
    assert good.deletion_area.mean < bad.deletion_area.mean - 0.2
    assert good.insertion_area.mean > bad.insertion_area.mean + 0.2


def test_nothing_relevant_and_silence_are_undefined(bands, noise):
    f, x = bands(), noise(clips=4)
    x[3] = 0
    spectrum = f.analyse(x)
    relevance = torch.rand(spectrum.shape, generator=seeded())
    relevance[1], relevance[2] = 0.0, 1.0
    found = curves(f, spectrum, relevance, torch.zeros(4, dtype=torch.long), x.shape[1], steps=2)
    assert found.deletion_area.values.isnan().tolist() == [False, True, True, True]
    assert found.insertion_area.undefined == 3


def test_batches_equal_single_clips(bands, noise):
    f, x = bands(), noise(clips=3)
    spectrum, labels = f.analyse(x), torch.tensor([0, 1, 2])
    relevance = torch.rand(spectrum.shape, generator=seeded())
    whole = curves(f, spectrum, relevance, labels, x.shape[1], steps=5)
    for i in range(3):
        part = slice(i, i + 1)
        single = curves(f, spectrum[part], relevance[part], labels[part], x.shape[1], steps=5, chunk=3)
        torch.testing.assert_close(single.deletion, whole.deletion[part], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(single.insertion, whole.insertion[part], rtol=1e-5, atol=1e-5)
