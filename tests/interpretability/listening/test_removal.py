"""Removing components: against plain loops, with a planted truth, and where nothing is chosen."""

import math

import pytest
import torch

from interpretability.listening.removal import on_magnitudes, removal_scores
from interpretability.listening.separation_scores import random_components


@pytest.fixture
def planted(bands, noise):
    """Clips of noise with one component for each of the classifier's bands, and one that holds nothing much."""
    f, x = bands(), noise(clips=4)
    spectrum = f.analyse(x)
    dictionary = torch.full((33, 4), 1e-3)
    for k, (low, high) in enumerate(f.module.edges):
        dictionary[low:high, k] = 1.0
    return f, x, spectrum, dictionary, torch.rand(4, 4, spectrum.shape[-1], generator=seeded()) + 0.5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


LABELS = torch.tensor([0, 1, 2, 0])


def test_the_component_of_a_class_carries_it(planted):
    f, x, spectrum, dictionary, activations = planted
    chosen = torch.eye(4, dtype=torch.bool)[LABELS]
    found = removal_scores(f, spectrum, x.shape[1], dictionary, activations, chosen, LABELS, seeded())
    logits = f.respond(spectrum)[torch.arange(4), LABELS].double()
    assert (found.components.logit.values > 0.75 * logits).all()
    assert found.components.probability.median > 0.2
    assert found.components.logit.median > 3 * found.random_mask.logit.median
    assert found.n_removed.values.tolist() == [1, 1, 1, 1]


def test_every_score_equals_a_plain_loop(planted):
    f, x, spectrum, dictionary, activations = planted
    chosen = torch.rand(4, 4, generator=seeded(3)) > 0.4
    chosen[:, 0] = True
    found = removal_scores(f, spectrum, x.shape[1], dictionary, activations, chosen, LABELS, seeded(7))
    others = random_components(chosen, seeded(7))
    assert torch.equal(others.sum(dim=1), chosen.sum(dim=1))
    for clip in range(4):
        whole = f.respond(f.stft(f.istft(spectrum[clip : clip + 1], x.shape[1])))[0]
        for kind, taken in ((found.components, chosen), (found.random_components, others)):
            mask = torch.zeros_like(spectrum[clip].real)
            for k in range(4):
                if taken[clip, k]:
                    part = dictionary[:, k : k + 1] * activations[clip, k : k + 1]
                    mask += part / (dictionary @ activations[clip])
            rest = f.respond(f.stft(f.istft(((1 - mask) * spectrum[clip])[None], x.shape[1])))[0]
            c = LABELS[clip]
            assert float(kind.logit.values[clip]) == pytest.approx(float(whole[c] - rest[c]), abs=1e-4)
            lost = whole.softmax(0)[c] - rest.softmax(0)[c]
            assert float(kind.probability.values[clip]) == pytest.approx(float(lost), abs=1e-5)


def test_the_random_mask_takes_as_much_energy(planted, monkeypatch):
    import interpretability.listening.removal as removal

    f, x, spectrum, dictionary, activations = planted
    seen = []
    original = removal.random_mask
    monkeypatch.setattr(removal, "random_mask", lambda *a: seen.append((a[1], original(*a))) or seen[-1][1])
    chosen = torch.eye(4, dtype=torch.bool)[LABELS]
    removal_scores(f, spectrum, x.shape[1], dictionary, activations, chosen, LABELS, seeded())
    energy, mask = seen[0]
    torch.testing.assert_close((mask * spectrum).abs().square().sum(dim=(1, 2)), energy, rtol=1e-3, atol=0)


def test_clips_without_a_component_and_silent_ones_are_undefined(planted):
    f, x, spectrum, dictionary, activations = planted
    spectrum = spectrum.clone()
    spectrum[3] = 0
    chosen = torch.eye(4, dtype=torch.bool)[LABELS]
    chosen[1] = False
    found = removal_scores(f, spectrum, x.shape[1], dictionary, activations, chosen, LABELS, seeded())
    for kind in found[:3]:
        assert kind.logit.values.isnan().tolist() == [False, True, False, True]
        assert kind.probability.undefined == 2
    assert math.isfinite(found.components.logit.median)
    assert found.n_removed.values.tolist() == [1, 0, 1, 1]


def test_the_published_scale_removes_parts_of_log_magnitudes(planted):
    _, _, spectrum, _, _ = planted
    masks = torch.rand(4, 2, *spectrum.shape[1:], generator=seeded())
    on_signal = on_magnitudes(masks, spectrum, "as_published")
    log_magnitude = torch.log1p(spectrum.abs())[:, None]
    expected = torch.expm1(masks * log_magnitude)
    torch.testing.assert_close(on_signal * spectrum.abs()[:, None], expected, rtol=1e-4, atol=1e-5)
    assert on_magnitudes(masks, spectrum, "magnitude") is masks
    assert not on_magnitudes(masks, 0 * spectrum, "as_published").any()
