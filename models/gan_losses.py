"""Losses of Wasserstein GANs with gradient penalty, as functions of tensors."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError


class CriticTerms(NamedTuple):
    """`gap` E[D(x)] - E[D(G(z))], the estimate of the Wasserstein distance; `penalty`, not yet weighted."""

    gap: Tensor
    penalty: Tensor


def interpolates(real: Tensor, made: Tensor) -> Tensor:
    """Points x + u (G(z) - x) between real and generated clips (B, ...), u uniform in [0, 1) and one for each clip.

    Raises:
        InputError: Clips of different shapes.
    """
    if real.shape != made.shape:
        raise InputError(
            f"real clips of shape {tuple(real.shape)} and generated ones of {tuple(made.shape)}: set data.seconds so "
            "that both have as many samples"
        )
    share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device, dtype=real.dtype)
    return real + share * (made - real)


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """E[(||grad D(x^)||_2 - 1)^2] at points x^ (B, ...), the norm over all of a clip (Gulrajani et al. 2017, eq. 3).

    In full precision whatever autocast is on: second derivatives in half precision lose the small gradients that the
    penalty is about. The result can be differentiated by the critic's weights.
    """
    with torch.autocast(points.device.type, enabled=False):
        points = points.detach().float().requires_grad_()
        (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty


def critic_terms(critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor) -> CriticTerms:
    """What the critic is trained by, from real and generated clips (B, ...); its loss is lambda * penalty - gap.

    The critic is called three times, so that phase shuffle is drawn anew for real, generated and interpolated clips.
    """
    gap = critic(real).float().mean() - critic(made).float().mean()
    return CriticTerms(gap, gradient_penalty(critic, interpolates(real, made)))
