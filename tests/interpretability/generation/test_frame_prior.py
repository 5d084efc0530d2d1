import math

import pytest
import torch

from configs.errors import InputError
from interpretability.generation.frame_autoencoder import FrameCoder, FrameTraining, learn_frames
from interpretability.generation.frame_prior import FramePath, FramePrior
from interpretability.generation.prior import Prior, Sound, check_prior

BANDS, FRAMES = 20, 24
SOUND = Sound((1, BANDS, FRAMES), 8000)
QUICK = FrameTraining(latents=3, width=48, steps=400, batch=256)


def lines(n, random):
    """Excerpts (n, 1, BANDS, FRAMES): a line that moves up and down once, its middle, depth and level differ."""
    u = torch.rand(n, 3, 1, generator=random)
    middle = 7 + 6 * u[:, 0] + 3 * (u[:, 1] - 0.5) * torch.sin(2 * math.pi * torch.arange(FRAMES) / FRAMES)
    away = torch.arange(BANDS)[:, None] - middle[:, None]
    return (4 * torch.exp(-away.square() / 3) + u[:, 2:] - 5)[:, None]


@pytest.fixture(scope="module")
def prior():
    return FramePrior(lines(400, torch.Generator().manual_seed(0)), SOUND, 8, QUICK, floor=-5.0)


def test_excerpts_that_it_never_saw_come_back(prior):
    seen = lines(60, torch.Generator().manual_seed(9))
    back = prior.decode(prior.encode(seen))
    assert isinstance(prior, Prior)
    check_prior(prior, SOUND)
    error = (back - seen).square().mean() / (seen - seen.mean(dim=0)).square().mean()
    assert error < 0.1
    assert float(prior.explained) > 0.9
    shuffled = seen[..., torch.randperm(FRAMES, generator=torch.Generator().manual_seed(1))]
    lost = (prior.decode(prior.encode(shuffled)) - shuffled).square().mean()
    assert lost > 4 * (back - seen).square().mean()  # frames that it knows, in an order that it does not


def test_drawn_excerpts_have_the_moments_of_real_ones(prior):
    real = lines(400, torch.Generator().manual_seed(4))[:, 0]
    drawn = prior.decode(prior.sample(400, torch.Generator().manual_seed(5)))[:, 0]
    assert drawn.amin() >= -5
    assert (drawn.mean(dim=0) - real.mean(dim=0)).abs().mean() < 0.3 * real.std()
    peaks = [x.argmax(dim=1).float() for x in (drawn, real)]
    # The line stays in one piece: from a frame to the next it moves as little as in real excerpts.
    assert peaks[0].diff(dim=1).abs().mean() < 2 * peaks[1].diff(dim=1).abs().mean() + 0.1
    latents = prior.encode(real[:, None])
    torch.testing.assert_close(latents.std(dim=0), torch.ones(8), atol=0.2, rtol=0)


def test_axes_are_principal_ones():
    random = torch.Generator().manual_seed(2)
    excerpts = lines(30, random)
    prior = FramePrior(excerpts, SOUND, 5, QUICK)
    paths = prior.path.coder.encode(excerpts[:, 0]).flatten(1)
    away = paths - paths.mean(dim=0)
    covariance = away.T @ away / 29
    found = prior.path.axes.square().sum(dim=1)
    torch.testing.assert_close(found, torch.linalg.eigvalsh(covariance).flip(0)[:5], rtol=1e-3, atol=1e-5)
    assert prior.explained == pytest.approx(float(found.sum() / covariance.trace()), rel=1e-3)
    assert FramePrior(excerpts[:4], SOUND, 64, QUICK).latent_shape == (3,)


def test_a_path_by_hand():
    coder = FrameCoder(2, 1, 4)
    coder.decoder = torch.nn.Sequential(torch.nn.Linear(1, 2, bias=False))
    coder.decoder[0].weight.data = torch.tensor([[1.0], [-1.0]])
    coder.mean, coder.deviation = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0])
    path = FramePath(coder, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[1.0, 0.0, -1.0]]), -2.5)
    found = path(torch.tensor([[2.0]]))  # latents of the frames 3, 2, 1
    assert found.tolist() == [[[3, 2, 1], [-2.5, -2.5, -1]]]


def test_training_leaves_no_trace_and_is_the_same_again():
    excerpts = lines(20, torch.Generator().manual_seed(0))[:, 0]
    short = FrameTraining(latents=2, width=8, steps=5, batch=16)
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    with torch.inference_mode():
        one = learn_frames(excerpts, short)
    assert torch.equal(torch.rand(3), wanted)
    assert not any(parameter.requires_grad or parameter.is_inference() for parameter in one.parameters())
    two, other = learn_frames(excerpts, short), learn_frames(excerpts, FrameTraining(2, 8, 5, 16, seed=1))
    assert torch.equal(one.encoder[0].weight, two.encoder[0].weight)
    assert not torch.equal(one.encoder[0].weight, other.encoder[0].weight)


def test_copies_of_excerpts_add_no_direction():
    excerpts = torch.rand(5, 1, BANDS, FRAMES, generator=torch.Generator().manual_seed(0)).repeat(4, 1, 1, 1)
    prior = FramePrior(excerpts, SOUND, training=FrameTraining(steps=3))
    assert prior.latent_shape == (4,)
    assert prior.encode(excerpts).isfinite().all()


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(InputError, match="needs features of one channel: waveform"):
        FramePrior(torch.rand(4, 50), Sound((50,), 8000, "waveform"))
    with pytest.raises(InputError, match="are not"):
        FramePrior(torch.rand(4, 1, BANDS, 3), SOUND)
    with pytest.raises(InputError, match="at least 2"):
        FramePrior(torch.rand(1, 1, BANDS, FRAMES), SOUND)
    with pytest.raises(InputError, match="do not vary"):
        FramePrior(torch.ones(4, 1, BANDS, FRAMES), SOUND)
    with pytest.raises(InputError, match="differ from one another"):
        FramePrior(torch.rand(1, 1, BANDS, FRAMES).expand(4, -1, -1, -1), SOUND, training=FrameTraining(steps=3))
    with pytest.raises(InputError, match="n_latents=0"):
        FramePrior(torch.rand(4, 1, BANDS, FRAMES), SOUND, 0)
    with pytest.raises(InputError, match="above 0"):
        FrameTraining(steps=0)
