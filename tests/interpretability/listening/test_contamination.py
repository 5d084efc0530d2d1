"""Mixtures at a known level: powers over the active part, silence, and the same draws for the same name."""

import pytest
import torch

from interpretability.listening.contamination import active_power, excerpt, mix, partners, white_noise


def test_the_level_counts_active_frames_only():
    short = torch.zeros(1, 8 * 1024)
    short[0, :1024] = 0.5
    steady = torch.full((1, 8 * 1024), 0.5)
    assert active_power(short).item() == pytest.approx(0.25)
    assert active_power(steady).item() == pytest.approx(0.25)
    quiet_tail = short.clone()
    quiet_tail[0, 1024:] = 0.5e-2 * 0.9  # 41 dB below the loudest frame: not active
    assert active_power(quiet_tail).item() == pytest.approx(0.25)


def test_a_last_incomplete_frame_is_averaged_over_its_own_samples():
    assert active_power(torch.full((1, 1500), 0.5)).item() == pytest.approx(0.25)


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 12.0])
def test_the_mixture_has_the_level_asked_for(snr_db):
    generator = torch.Generator().manual_seed(0)
    clip, other = 0.1 * torch.randn(3, 20480, generator=generator), 3 * torch.randn(3, 20480, generator=generator)
    mixture, added = mix(clip, other, snr_db)
    ratio = 10 * torch.log10(active_power(clip) / active_power(added))
    torch.testing.assert_close(ratio, torch.full_like(ratio, snr_db), atol=1e-4, rtol=0)
    torch.testing.assert_close(mixture - clip, added, atol=1e-6, rtol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(added, other)


def test_silence_on_either_side_leaves_the_clip_alone():
    noise, silence = torch.randn(1, 4096, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 4096)
    assert torch.equal(mix(noise, silence)[0], noise)
    assert torch.equal(mix(silence, noise)[0], silence)


def test_noise_depends_on_the_name_alone():
    both, one = white_noise(["a", "b"], 1000), white_noise(["b"], 1000)
    assert torch.equal(both[1], one[0])
    assert not torch.equal(both[0], both[1])
    assert both.std().item() == pytest.approx(1, abs=0.05)


def test_excerpts_have_the_length_asked_for_and_are_repeated_where_too_short():
    sound = torch.arange(10.0)
    assert excerpt(sound, 23, "x").tolist() == [float(i % 10) for i in range(23)]
    cut = excerpt(sound, 4, "x")
    assert torch.equal(cut, excerpt(sound, 4, "x"))
    assert torch.equal(cut, torch.arange(4.0) + cut[0])
    assert len({float(excerpt(sound, 4, str(i))[0]) for i in range(30)}) > 3


def test_partners_share_no_class_and_do_not_depend_on_the_order():
    names = ["a", "b", "c", "d"]
    classes = [frozenset({0}), frozenset({1}), frozenset({0, 1}), frozenset({2})]
    chosen = partners(names, classes)
    for place, other in enumerate(chosen):
        assert other is not None
        assert not classes[place] & classes[other]
    turned = partners(names[::-1], classes[::-1])
    assert [names[::-1][other] for other in turned[::-1]] == [names[other] for other in chosen]
    assert partners(["a", "b"], [frozenset({0}), frozenset({0})]) == [None, None]
