"""Training of ciwGAN and fiwGAN: WaveGAN whose generator has to make a code audible that a Q network reads."""

from typing import Any

import torch
from torch import Tensor

from configs.errors import InputError
from configs.gan_schema import CiwGANConfig, FiwGANConfig, InformationGANConfig
from configs.schema import Config
from models.gan_codes import BinaryCodes, Codes, OneHotCodes, bits_for
from models.gan_generators import CHUNK, SEEDS
from models.wavegan_training import WaveGANTraining

RMS_DECAY, RMS_FLOOR = 0.9, 1e-5
"""TensorFlow's RMSProp: decay of the mean square, and the root of its epsilon (1e-10, inside the root)."""
BEYOND = 2.0
"""Value of the codes at which the papers score generators: outside of the values that were trained."""


class InformationGANTraining(WaveGANTraining):
    """What ciwGAN and fiwGAN share: a Q network of its own, the critic's twin, that hears generated clips only.

    A generator step takes two gradients from one forward pass, as in the authors' TensorFlow code: that of the critic's
    score steps the generator by Adam, that of the information term steps Q network and generator together by RMSProp.
    Ports that add the two, or let Adam see both, train something else.
    """

    settings: InformationGANConfig
    codes: Codes

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__(config, class_names, multi_label)
        self.q = self.new_critic(self.codes.n_variables)

    def generator_step(self, n: int) -> dict[str, Tensor]:
        """Train generator and Q network on n clips; each gradient is stepped by its own optimizer, once."""
        latents, _ = self.latents(n)
        made = self.generator(latents)
        adversarial = -self.critic(made).float().mean()
        information = self.codes.loss(self.q(noisy(made, self.settings.q_noise)), latents[:, : self.codes.n_variables])
        weights = list(self.generator.parameters())
        self.manual_backward(adversarial, inputs=weights, retain_graph=True)
        own = self._take_gradients(weights)
        weighted = self.settings.information_weight * information
        self.manual_backward(weighted, inputs=[*weights, *self.q.parameters()])
        of_code = self._take_gradients(weights)
        for gradients, optimizer in ((own, 1), (of_code, 2)):
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            self._step(optimizer)
        return {"generator": adversarial.detach(), "information": information.detach()}

    def code_figures(self, made: Tensor, categories: Tensor) -> dict[str, float]:
        """Add to the judge's figures what the Q network reads and, in a test, the judge's at a code beyond training."""
        read = torch.cat([self.codes.read(self.q(part)).cpu() for part in torch.split(made, CHUNK)])
        figures = super().code_figures(made, categories)
        if self.trainer.testing and figures:
            beyond = self.generate(len(made), SEEDS["test"], categories, BEYOND)[0]
            figures |= {f"{name}_at_2": value for name, value in super().code_figures(beyond, categories).items()}
        return figures | {"q_accuracy": float((read == categories).float().mean())}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Add RMSProp over Q network and generator."""
        both = [*self.generator.parameters(), *self.q.parameters()]
        rate = self.settings.q_learning_rate
        return [*super().configure_optimizers(), torch.optim.RMSprop(both, rate, RMS_DECAY, RMS_FLOOR)]

    def _take_gradients(self, weights: list[Any]) -> list[Tensor | None]:
        taken = [weight.grad for weight in weights]
        for weight in weights:
            weight.grad = None
        return taken


class CiwGANTraining(InformationGANTraining):
    """ciwGAN: one-hot codes, softmax cross-entropy (Begus 2021, section 2)."""

    def make_codes(self) -> Codes:
        """Return one category for each class of the data, or as many as configured.

        Raises:
            InputError: As many codes as latents.
        """
        assert isinstance(self.settings, CiwGANConfig)  # noqa: S101 (the registry pairs them)
        return _fitting(OneHotCodes(self.settings.codes or len(self.class_names)), self.settings.latents)


class FiwGANTraining(InformationGANTraining):
    """fiwGAN: independent bits, sigmoid cross-entropy (Begus 2021, section 2)."""

    def make_codes(self) -> Codes:
        """Return as few bits as tell the classes of the data apart, or as many as configured.

        Raises:
            InputError: As many bits as latents.
        """
        assert isinstance(self.settings, FiwGANConfig)  # noqa: S101 (the registry pairs them)
        return _fitting(BinaryCodes(self.settings.bits or bits_for(len(self.class_names))), self.settings.latents)


def noisy(clips: Tensor, loudest: float) -> Tensor:
    """Clips (B, N) under white noise whose deviation is drawn for each of them from [0, loudest).

    A code that is read through noise has to be audible: without it a trace at -70 dB is enough, and one code may stand
    for two words.
    """
    if loudest == 0:
        return clips
    return clips + loudest * torch.rand(len(clips), 1, device=clips.device) * torch.randn_like(clips)


def _fitting(codes: Codes, n_latents: int) -> Codes:
    if codes.n_variables >= n_latents:
        raise InputError(f"{codes.n_variables} code variables leave nothing of model.latents={n_latents}; take more")
    return codes
