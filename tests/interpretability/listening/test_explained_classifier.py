"""Parts of a clip heard again: against plain loops, and against what a filter must do."""

import pytest
import torch


def test_the_plain_round_trip_is_the_clip_itself(bands, noise):
    f, x = bands(), noise()
    spectrum = f.analyse(x)
    heard = f.reheard(spectrum, torch.ones(3, 1, *spectrum.shape[1:]), x.shape[1])
    torch.testing.assert_close(heard[:, 0], f.logits(x), rtol=1e-4, atol=1e-5)


def test_parts_equal_a_loop_over_clips_and_masks_for_any_chunk(bands, noise):
    f, x = bands(), noise()
    spectrum = f.analyse(x)
    masks = torch.rand(3, 5, *spectrum.shape[1:], generator=torch.Generator().manual_seed(1))
    expected = torch.stack(
        [
            torch.stack([f.respond(f.stft(f.istft((m * s)[None], x.shape[1])))[0] for m in group])
            for s, group in zip(spectrum, masks, strict=True)
        ]
    )
    for chunk in (1, 4, 100):
        torch.testing.assert_close(f.reheard(spectrum, masks, x.shape[1], chunk), expected, rtol=1e-5, atol=1e-5)


def test_masks_of_bands_broadcast_over_frames_and_no_mask_is_no_part(bands, noise):
    f, x = bands(), noise()
    spectrum = f.analyse(x)
    band = torch.zeros(3, 1, 33, 1)
    band[:, :, :11] = 1
    heard = f.reheard(spectrum, band, x.shape[1])[:, 0]
    assert (heard[:, 0] > 5 * heard[:, 2]).all()
    assert f.reheard(spectrum, torch.ones(3, 0, 33, 1), x.shape[1]).shape == (3, 0, 3)


def test_what_is_left_is_not_raised_to_full_level_again(bands, noise):
    f, x = bands(), noise()
    spectrum = f.analyse(x)
    half = f.reheard(spectrum, torch.full((3, 1, 33, 1), 0.5), x.shape[1])[:, 0]
    torch.testing.assert_close(half, 0.5 * f.logits(x), rtol=1e-4, atol=1e-4)


def test_log_magnitudes_give_the_same_logits_and_gradients_everywhere(bands, noise):
    f, x = bands(), noise()
    x[0] = 0
    spectrum = f.analyse(x)
    log_magnitude = torch.log1p(spectrum.abs()).requires_grad_()
    logits = f.of_log_magnitude(log_magnitude, spectrum)
    torch.testing.assert_close(logits.detach(), f.respond(spectrum), rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), log_magnitude)
    assert torch.isfinite(gradient).all()
    assert (gradient[1:, 11:22] > 0).all()
    assert not gradient[1:, :11].any()


@pytest.mark.parametrize("multi_label", [True, False])
def test_probabilities_follow_the_kind_of_label(bands, multi_label):
    given = bands(multi_label).probabilities(torch.tensor([[[0.0, 0.0, 0.0]]]))
    torch.testing.assert_close(given, torch.full((1, 1, 3), 0.5 if multi_label else 1 / 3))
