"""Training of WaveGAN: five critic steps for each generator step, WGAN-GP, averaged weights, scores, collapse alarm."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from configs.compose import to_plain
from configs.gan_schema import WaveGANConfig
from configs.schema import Config
from datamodules.batch import Batch
from models.front_end import FrontEnd
from models.gan_codes import Codes, latents_of
from models.gan_collapse import CollapseAlarm, Signs
from models.gan_judge import Judge, load_judge
from models.gan_losses import critic_terms
from models.gan_scores import code_scores, nearness
from models.gan_steps import StepCount, passes_over_data
from models.wavegan import WaveGANCritic, WaveGANGenerator

BETAS = (0.5, 0.9)
CHUNK = 64
"""Clips generated at a time when many are scored."""
SEEDS = {"val": 1, "test": 2}
"""Seed of the latents that a split's scores come from: always the same, and others in the test."""
TEST_CLIPS = 8
"""Times as many clips are generated for the test as for a validation."""


class WaveGANTraining(pl.LightningModule):
    """Generator, critic and the generator's averaged weights, which are the ones that are heard, scored and saved.

    A batch is one step of the critic; after every `critic_steps` of them, epochs or not, the generator makes one.
    Checkpoints carry the configuration and class names as plain data, as those of classifiers do.

    Attributes:
        generator: as trained.
        average: exponential moving average of its weights; `average.module` is a generator.
        critic: scores waveforms.
        codes: kind of code among the latents, or None.
        steps: how many of them were made.
    """

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__()
        plain = {"config": to_plain(config), "class_names": list(class_names), "multi_label": multi_label}
        self.save_hyperparameters(plain, logger=False)
        assert isinstance(config.model, WaveGANConfig)  # noqa: S101 (the registry pairs them)
        self.automatic_optimization = False
        self.config, self.settings, self.class_names = config, config.model, tuple(class_names)
        self.front_end = FrontEnd(config.front_end)
        self.codes = self.make_codes()
        settings = self.settings
        self.generator = WaveGANGenerator(
            settings.clip_samples, settings.channels, settings.latents, settings.alignment
        )
        self.critic = self.new_critic(1)
        self.average = AveragedModel(self.generator, multi_avg_fn=_moving_average(settings.average))
        self.average.requires_grad_(False)
        self.steps = StepCount(settings.critic_steps)
        self.alarm = CollapseAlarm(settings.collapse_distance, settings.collapse_after, settings.collapse_patience)
        self.judge: Judge | None = None
        self._real: list[Tensor] = []
        self._critic_real: list[Tensor] = []
        self._judged: list[Tensor] = []

    def make_codes(self) -> Codes | None:
        """Return the kind of code among the latents: none."""
        return None

    def new_critic(self, n_outputs: int) -> WaveGANCritic:
        """Return a critic, or a Q network of several outputs, of the configured size."""
        s = self.settings
        return WaveGANCritic(s.clip_samples, s.channels, n_outputs, s.phase_shuffle, s.alignment)

    @property
    def monitor(self) -> str:
        """Validation metric that chooses the checkpoint where the configuration leaves it open."""
        return "val/mel_distance"

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz of what is generated."""
        return self.config.front_end.sample_rate

    def prepare(self, datamodule: Any, keep_in: Path | None = None) -> dict[str, float]:  # noqa: ANN401
        """Do nothing: a generator has nothing to know before its first step."""
        return {}

    def setup(self, stage: str) -> None:
        """Load the independent classifier, if one is configured."""
        if self.settings.judge is not None and self.judge is None:
            self.judge = load_judge(self.settings.judge, self.class_names, self.sample_rate)

    def latents(
        self,
        n: int,
        categories: Tensor | None = None,
        level: float = 1.0,
        random: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Draw latents (n, n_latents) on the module's device, and their categories (n,) on the CPU; as `latents_of`."""
        latents, categories = latents_of(n, self.settings.latents, self.codes, categories, level, random)
        return latents.to(self.device), categories

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, n_latents) -> waveforms (B, N) in (-1, 1) at `sample_rate`, by the averaged weights."""
        return self.average(latents)  # type: ignore[no-any-return]

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return what one clip is generated from, for the count of its arithmetic."""
        return (self.latents(1)[0],)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step of the critic and, where it is due, one of the generator."""
        terms = self.critic_step(self.front_end.normalize(batch.waveform.float()))
        if self.steps.count_critic():
            terms |= self.generator_step(len(batch))
            self.steps.count_generator()
            self.average.update_parameters(self.generator)
        logged = {f"train/{name}": value for name, value in terms.items()}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch))
        return {"loss": terms["loss"], "terms": terms}

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        """Train the critic on real clips (B, N) and as many generated ones; returns terms, not weighted."""
        with torch.no_grad():
            made = self.generator(self.latents(len(real))[0])
        found = critic_terms(self.critic, real, made)
        loss = self.settings.gradient_penalty * found.penalty - found.gap
        self.manual_backward(loss)
        self._step(0)
        return {"loss": loss.detach(), "critic_gap": found.gap.detach(), "gradient_penalty": found.penalty.detach()}

    def generator_step(self, n: int) -> dict[str, Tensor]:
        """Train the generator on n clips; the critic's weights get no gradient from it."""
        loss = -self.critic(self.generator(self.latents(n)[0])).float().mean()
        self.manual_backward(loss, inputs=list(self.generator.parameters()))
        self._step(1)
        return {"generator": loss.detach()}

    def _step(self, number: int) -> None:
        optimizers: Any = self.optimizers()
        optimizers[number].step()
        optimizers[number].zero_grad(set_to_none=True)

    def on_train_epoch_end(self) -> None:
        """Log steps of the generator, and passes over the data by the papers' formula."""
        steps, data = int(self.steps.generator), self.config.data
        n_clips = len(self.trainer.train_dataloader.dataset)  # type: ignore[union-attr]
        passes = passes_over_data(steps, n_clips, data.batch_size, self.settings.critic_steps)
        self.log_dict({"train/generator_steps": float(steps), "train/passes": passes})

    def on_validation_epoch_start(self) -> None:
        """Forget the real clips of an earlier validation."""
        self._real, self._critic_real, self._judged = [], [], []

    def on_test_epoch_start(self) -> None:
        """Forget the real clips of an earlier validation."""
        self.on_validation_epoch_start()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep what real clips are compared by: log-mel features, the critic's score, the judge's answers."""
        real = self.front_end.normalize(batch.waveform.float())
        self._real.append(self.features(real))
        self._critic_real.append(self.critic(real).float().flatten())
        if self.judge is not None and not self.trainer.training:
            self._judged.append(self.judge.hear(real) == batch.target.cpu())

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As `validation_step`."""
        self.validation_step(batch, batch_idx)

    def features(self, waveform: Tensor) -> Tensor:
        """Log-mel features (B, D) of clips (B, N), with their peak at 1, as far apart as they sound."""
        spectrum = self.front_end.stft(self.front_end.normalize(waveform.float()))
        return self.front_end.features(spectrum).flatten(1)

    def on_validation_epoch_end(self) -> None:
        """Score generated clips against the validation clips; stop where the generator has collapsed."""
        figures = self.scores("val", self.settings.n_scored)
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=False)
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            chance = None if self.codes is None else 1 / self.codes.n_categories
            signs = Signs(figures["spread"], figures.get("q_accuracy"), chance)
            self.alarm.look(signs, int(self.steps.generator))

    def on_test_epoch_end(self) -> None:
        """Score generated clips against the test clips, with latents that no validation used."""
        n = TEST_CLIPS * self.settings.n_scored
        figures = self.scores("test", n) | {"generated": n, "generator_steps": int(self.steps.generator)}
        self.log_dict({f"test/{name}": float(value) for name, value in figures.items()})

    @torch.no_grad()
    def generate(
        self, n: int, seed: int, categories: Tensor | None = None, level: float = 1.0
    ) -> tuple[Tensor, Tensor | None]:
        """Generate n clips (n, N) by the averaged weights, and the categories (n,) they were made of, if any.

        Raises:
            InputError: Categories that the generator does not have.
        """
        random = torch.Generator().manual_seed(seed)
        latents, categories = self.latents(n, categories, level, random)
        return torch.cat([self(part) for part in torch.split(latents, CHUNK)]), categories

    def scores(self, split: str, n: int) -> dict[str, float]:
        """Return the figures of n generated clips beside the real clips of a split that were just heard."""
        made, categories = self.generate(n, SEEDS[split])
        real = torch.cat(self._real)[:n]
        near = nearness(real, torch.cat([self.features(part) for part in torch.split(made[: len(real)], CHUNK)]))
        critic_made = torch.cat([self.critic(part).float().flatten() for part in torch.split(made, CHUNK)])
        gap = torch.cat(self._critic_real).mean() - critic_made.mean()
        figures = {"mel_distance": near.energy, "spread": near.spread, "critic_gap": float(gap)}
        if self._judged:
            figures["judge_accuracy"] = float(torch.cat(self._judged).float().mean())
        return figures | (self.code_figures(made, categories) if categories is not None else {})

    def code_figures(self, made: Tensor, categories: Tensor) -> dict[str, float]:
        """Return how well the independent classifier tells the codes of generated clips (B, N) apart."""
        if self.judge is None or self.codes is None:
            return {}
        found = code_scores(self.codes, categories, self.judge.hear(made), len(self.class_names))
        figures = {"code_accuracy": found.accuracy, "classes_heard": float(found.heard), "code_aic": found.aic}
        bits = {} if found.bits is None else {"bit_accuracy": found.bits}
        return figures | {"code_aic_empty": found.aic_empty} | bits

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam for the critic and for the generator, rate and betas as published."""
        rate = self.settings.learning_rate
        networks = (self.critic, self.generator)
        return [torch.optim.Adam(network.parameters(), rate, BETAS) for network in networks]


def _moving_average(share: float) -> Any:  # noqa: ANN401 - as AveragedModel takes it
    """Exponential average that keeps `share`, and less in the first steps, so that the start is soon forgotten."""

    @torch.no_grad()
    def average(averaged: list[Tensor], current: list[Tensor], n: Tensor | int) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(share, (1 + int(n)) / (10 + int(n))))

    return average
