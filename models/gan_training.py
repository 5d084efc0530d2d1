"""Training of a generator against a critic: several critic steps for each generator step, WGAN-GP."""

from typing import Any

import torch
from torch import Tensor, nn

from configs.schema import Config
from datamodules.batch import Batch
from models.gan_cost import step_flops
from models.gan_generators import CHUNK, GeneratorTraining
from models.gan_losses import critic_terms
from models.gan_steps import StepCount, passes_over_data


class AdversarialTraining(GeneratorTraining):
    """Generator and critic, by manual optimisation.

    A batch is one step of the critic; after every `critic_steps` of them, epochs or not, the generator makes one. Rates
    fall to `final_rate` of theirs by the end, where that is below 1: what a generator makes then comes to rest.

    Attributes:
        critic: scores clips.
        steps: how many of them were made.
    """

    betas: tuple[tuple[float, float], tuple[float, float]] = ((0.5, 0.9), (0.5, 0.9))
    """Betas of Adam for critic and generator."""

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__(config, class_names, multi_label)
        self.automatic_optimization = False
        self.critic = self.new_critic(1)
        self.steps = StepCount(self.settings.critic_steps)
        self._critic_real: list[Tensor] = []

    def new_critic(self, n_outputs: int) -> nn.Module:
        """Return a critic, or a Q network of several outputs, of the configured size."""
        raise NotImplementedError

    @property
    def rate(self) -> float:
        """Learning rate of Adam, for critic and generator."""
        return float(self.settings.learning_rate)

    @property
    def n_steps(self) -> int:
        """Steps of the generator so far."""
        return int(self.steps.generator)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set all learning rates for this step; they depend on how far the training is and on nothing else."""
        done = min(1.0, int(self.steps.critic) / self.trainer.estimated_stepping_batches)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * (1 - (1 - self.settings.final_rate) * done)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step of the critic and, where it is due, one of the generator."""
        terms = self.critic_step(self.real(batch))
        if self.steps.count_critic():
            terms |= self.generator_step(len(batch))
            self.steps.count_generator()
            self.average.update_parameters(self.generator)
        logged = {f"train/{name}": value for name, value in terms.items()}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch))
        # Not at the end of the epoch, when the checkpoints that it may choose are already due.
        steps = {"train/generator_steps": float(self.n_steps)}
        self.log_dict(steps, on_step=False, on_epoch=True, reduce_fx="max", batch_size=len(batch))
        return {"loss": terms["loss"], "terms": terms}

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        """Train the critic on real clips (B, *sound.shape) and as many generated ones; returns terms, not weighted."""
        with torch.no_grad():
            made = self.generator(self.latents(len(real))[0])
        found = critic_terms(self.critic, self.seen(real), self.seen(made))
        loss = self.settings.gradient_penalty * found.penalty - found.gap
        self.manual_backward(loss)
        self._step(0)
        return {"loss": loss.detach(), "critic_gap": found.gap.detach(), "gradient_penalty": found.penalty.detach()}

    def generator_step(self, n: int) -> dict[str, Tensor]:
        """Train the generator on n clips; the critic's weights get no gradient from it."""
        loss = -self.critic(self.seen(self.generator(self.latents(n)[0]))).float().mean()
        self.manual_backward(loss, inputs=list(self.generator.parameters()))
        self._step(1)
        return {"generator": loss.detach()}

    def step_flops(self) -> int:
        """Return the floating-point operations of a step of the generator and of the critic's steps before it."""
        return step_flops(self)

    def _step(self, number: int) -> None:
        optimizers: Any = self.optimizers()
        optimizers[number].step()
        optimizers[number].zero_grad(set_to_none=True)

    def on_train_epoch_end(self) -> None:
        """Log passes over the data by the papers' formula."""
        n_clips = len(self.trainer.train_dataloader.dataset)  # type: ignore[union-attr]
        passes = passes_over_data(self.n_steps, n_clips, self.config.data.batch_size, self.settings.critic_steps)
        self.log("train/passes", passes)

    def on_validation_epoch_start(self) -> None:
        """Forget the real clips of an earlier validation."""
        super().on_validation_epoch_start()
        self._critic_real = []

    def keep_real(self, real: Tensor, batch: Batch) -> None:
        """Keep the critic's scores of real clips, too."""
        super().keep_real(real, batch)
        self._critic_real.append(self.critic(self.seen(real)).float().flatten())

    def more_figures(self, made: Tensor, categories: Tensor | None) -> dict[str, float]:
        """Return how far apart the critic scores real and generated clips."""
        scores = torch.cat([self.critic(self.seen(part)).float().flatten() for part in torch.split(made, CHUNK)])
        return {"critic_gap": float(torch.cat(self._critic_real).mean() - scores.mean())}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam for the critic and for the generator."""
        networks = zip((self.critic, self.generator), self.betas, strict=True)
        return [torch.optim.Adam(network.parameters(), self.rate, betas) for network, betas in networks]
