"""The gradient penalty by hand, and by the autograd of a network that is written out."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from models.gan_losses import critic_terms, gradient_penalty, interpolates
from models.wavegan import WaveGANCritic


def test_penalty_of_a_linear_critic_is_that_of_its_weights():
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    penalty = gradient_penalty(lambda clips: clips @ weight, torch.randn(5, 2))
    assert penalty.item() == pytest.approx((5 - 1) ** 2)
    penalty.backward()  # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|
    torch.testing.assert_close(weight.grad, 2 * 4 * torch.tensor([0.6, 0.8]))


def test_penalty_takes_the_norm_of_each_clip_before_the_mean():
    points = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    penalty = gradient_penalty(lambda clips: 0.5 * clips.square().sum(dim=1), points)  # gradient: the point itself
    assert penalty.item() == pytest.approx(((1 - 1) ** 2 + (3 - 1) ** 2) / 2)


def test_penalty_and_its_gradient_by_finite_differences():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    points = torch.randn(2, 3, dtype=torch.float64)

    def by_hand():
        total = 0.0
        for point in points:
            slope = [
                (critic(point + step) - critic(point - step)).item() / 2e-5
                for step in 1e-5 * torch.eye(3, dtype=torch.float64)
            ]
            total += (sum(value**2 for value in slope) ** 0.5 - 1) ** 2
        return total / len(points)

    def in_double(points):
        slope = torch.autograd.grad(critic(points).sum(), points, create_graph=True)[0]
        return (slope.norm(dim=1) - 1).square().mean()

    single = gradient_penalty(critic.float(), points).item()
    critic.double()
    penalty = in_double(points.clone().requires_grad_())
    assert single == pytest.approx(penalty.item(), rel=1e-5)
    assert penalty.item() == pytest.approx(by_hand(), rel=1e-6)
    weight = critic[0].weight
    (gradient,) = torch.autograd.grad(penalty, weight)
    with torch.no_grad():
        weight[1, 2] += 1e-4
        up = by_hand()
        weight[1, 2] -= 2e-4
        down = by_hand()
    assert gradient[1, 2].item() == pytest.approx((up - down) / 2e-4, rel=1e-3)


def test_penalty_is_in_full_precision_under_autocast():
    torch.manual_seed(0)
    critic, points = WaveGANCritic(4096, 2).eval(), torch.randn(2, 4096)
    plain = gradient_penalty(critic, points)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = gradient_penalty(critic, points)
        assert critic(points).dtype == torch.bfloat16
    assert mixed.dtype == torch.float32
    assert torch.equal(plain, mixed)


def test_interpolates_lie_between_real_and_generated_clips_at_one_share_for_each():
    torch.manual_seed(0)
    real, made = torch.zeros(1000, 3), torch.ones(1000, 3)
    points = interpolates(real, made)
    assert (points == points[:, :1]).all()
    assert points.min() >= 0
    assert points.max() < 1
    assert points[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)


def test_gap_is_real_minus_generated():
    terms = critic_terms(lambda clips: clips.sum(dim=1), torch.ones(4, 3), torch.zeros(4, 3))
    assert terms.gap.item() == pytest.approx(3)
    assert terms.penalty.item() == pytest.approx((3**0.5 - 1) ** 2)


def test_clips_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"\(2, 5\) and generated ones of \(2, 4\).*data\.seconds"):
        interpolates(torch.zeros(2, 5), torch.zeros(2, 4))
