"""The arithmetic of training a generator: one step of it, with the steps of the critic before."""

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from models.gan_training import AdversarialTraining


def step_flops(module: "AdversarialTraining") -> int:
    """Return the floating-point operations of one step of the generator and the steps of the critic before it.

    Those of matrix products and convolutions are counted, forward and backward, that of the gradient penalty and of a
    Q network among them; a multiplication and an addition count as two. Convolutions of 25 taps count as a GPU
    calculates them: in phases, as on a CPU, they are of 28. Nothing is calculated: networks are copied without their
    values, and random streams are left alone.
    """
    n, settings = module.config.data.batch_size, module.settings
    generator, critic = _hollow(module.generator), _hollow(module.critic)
    own = getattr(module, "q", None)
    q = _hollow(own) if isinstance(own, nn.Module) else None
    latents = torch.empty(n, settings.latents, device="meta")
    with torch.enable_grad(), FlopCounterMode(display=False) as of_critic:
        with torch.no_grad():
            made = generator(latents)
        # As `critic_terms`, which needs a device: clips, generated ones, and the slope at points between them.
        points = torch.empty_like(made).requires_grad_().clone()  # the counter takes no leaf
        (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        loss = critic(torch.empty_like(made)).mean() - critic(made).mean() + slope.square().sum()
        loss.backward()
    with torch.enable_grad(), FlopCounterMode(display=False) as of_generator:
        made = generator(latents)
        weights = list(generator.parameters())
        torch.autograd.grad(critic(made).mean(), weights, retain_graph=q is not None)
        if q is not None:
            torch.autograd.grad(q(made).mean(), [*weights, *q.parameters()])
    return int(settings.critic_steps * of_critic.get_total_flops() + of_generator.get_total_flops())


def _hollow(network: nn.Module) -> nn.Module:
    """Return a copy without values; in eval mode no phase is shuffled, which would draw numbers."""
    return deepcopy(network).to("meta").eval()
