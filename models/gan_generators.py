"""What the training of every generator shares: averaged weights, latents, scores against real clips, collapse alarm."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from configs.compose import to_plain
from configs.gan_schema import GeneratorConfig
from configs.schema import Config
from datamodules.batch import Batch
from interpretability.generation.prior import Prior, Sound
from interpretability.generation.vocoding import Vocoder
from models.front_end import FrontEnd
from models.gan_codes import Codes
from models.gan_collapse import CollapseAlarm, Signs
from models.gan_scores import nearness

CHUNK = 64
"""Clips generated at a time when many are scored."""
SEEDS = {"val": 1, "test": 2}
"""Seed of the latents that a split's scores come from: always the same, and others in the test."""
TEST_CLIPS = 8
"""Times as many clips are generated for the test as for a validation."""


class GeneratorTraining(pl.LightningModule, ABC):
    """A generator and its averaged weights, which are the ones that are heard, scored and saved.

    Checkpoints carry the configuration and class names as plain data, as those of classifiers do.

    Attributes:
        generator: as trained.
        average: exponential moving average of its weights; `average.module` is a generator.
        codes: kind of code among the latents, or None.
        sound: what one generated clip is.
    """

    kind: ClassVar[str] = "???"
    """What is generated, in a word for messages."""
    reach: ClassVar[float] = 1.0
    """Magnitude up to which latents that are no codes are drawn in training, or nearly all of them."""
    sound: Sound

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__()
        plain = {"config": to_plain(config), "class_names": list(class_names), "multi_label": multi_label}
        self.save_hyperparameters(plain, logger=False)
        assert isinstance(config.model, GeneratorConfig)  # noqa: S101 (the registry pairs them)
        self.config, self.class_names = config, tuple(class_names)
        self.settings: Any = config.model
        self.front_end = FrontEnd(config.front_end)
        self.codes = self.make_codes()
        self.generator = self.new_generator()
        self.average = AveragedModel(self.generator, multi_avg_fn=_moving_average(config.model.average))
        self.average.requires_grad_(False)
        settings = config.model
        self.alarm = CollapseAlarm(settings.collapse_distance, settings.collapse_after, settings.collapse_patience)
        self._real: list[Tensor] = []

    def make_codes(self) -> Codes | None:
        """Return the kind of code among the latents: none."""
        return None

    @abstractmethod
    def new_generator(self) -> nn.Module:
        """Return the network from latents (B, n_latents) to clips (B, *sound.shape), as configured."""

    @abstractmethod
    def real(self, batch: Batch, seed: int | None = None) -> Tensor:
        """Clips of a batch (B, *sound.shape) as the generator should make them; places drawn by `seed`, if any."""

    @abstractmethod
    def latents(
        self, n: int, categories: Tensor | None = None, level: float = 1.0, random: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Draw latents (n, n_latents) on the module's device, and their categories (n,) on the CPU, if any."""

    @abstractmethod
    def features(self, clips: Tensor) -> Tensor:
        """Features (B, D) of clips (B, *sound.shape), as far apart as they sound."""

    def seen(self, clips: Tensor) -> Tensor:
        """Return what networks are given of clips (B, *sound.shape): the clips."""
        return clips

    @abstractmethod
    def prior(self, code: Tensor | None = None) -> Prior:
        """Return what search in the latents takes: the averaged generator and how its latents are distributed."""

    @abstractmethod
    def vocoder(self) -> Vocoder:
        """Return how clips are made heard, and what that is called."""

    @property
    @abstractmethod
    def n_steps(self) -> int:
        """Steps of the generator so far."""

    @property
    @abstractmethod
    def n_samples(self) -> int:
        """Length of a generated clip in samples."""

    @property
    def monitor(self) -> str:
        """Validation metric that chooses the checkpoint where the configuration leaves it open."""
        return "val/mel_distance"

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz of what is generated."""
        return self.config.front_end.sample_rate

    def prepare(self, datamodule: Any, keep_in: Path | None = None) -> dict[str, float]:  # noqa: ANN401
        """Do nothing: most generators have nothing to know before their first step."""
        return {}

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, n_latents) -> clips (B, *sound.shape), by the averaged weights."""
        return self.average(latents)  # type: ignore[no-any-return]

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return what one clip is generated from, for the count of its arithmetic."""
        return (self.latents(1)[0],)

    @torch.no_grad()
    def generate(
        self, n: int, seed: int, categories: Tensor | None = None, level: float = 1.0
    ) -> tuple[Tensor, Tensor | None]:
        """Generate n clips (n, *sound.shape) by the averaged weights, and the categories (n,) they are of, if any.

        Raises:
            InputError: Categories that the generator does not have.
        """
        random = torch.Generator().manual_seed(seed)
        latents, categories = self.latents(n, categories, level, random)
        return torch.cat([self(part).float() for part in torch.split(latents, CHUNK)]), categories

    def on_validation_epoch_start(self) -> None:
        """Forget the real clips of an earlier validation."""
        self._real = []

    def on_test_epoch_start(self) -> None:
        """Forget the real clips of an earlier validation."""
        self.on_validation_epoch_start()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep what real clips are compared by."""
        self.keep_real(self.real(batch, seed=batch_idx), batch)

    def keep_real(self, real: Tensor, batch: Batch) -> None:
        """Keep features of real clips (B, *sound.shape); a subclass keeps more."""
        self._real.append(self.features(real))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As `validation_step`."""
        self.validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Score generated clips against the validation clips; stop where the generator has collapsed."""
        figures = self.scores("val", self.settings.n_scored)
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=False)
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            chance = None if self.codes is None else 1 / self.codes.n_categories
            self.alarm.look(Signs(figures["spread"], figures.get("q_accuracy"), chance), self.n_steps)

    def on_test_epoch_end(self) -> None:
        """Score generated clips against the test clips, with latents that no validation used."""
        n = TEST_CLIPS * self.settings.n_scored
        figures = self.scores("test", n) | {"generated": n, "generator_steps": self.n_steps}
        self.log_dict({f"test/{name}": float(value) for name, value in figures.items()})

    def scores(self, split: str, n: int) -> dict[str, float]:
        """Return the figures of n generated clips beside the real clips of a split that were just heard."""
        made, categories = self.generate(n, SEEDS[split])
        real = torch.cat(self._real)
        real = real[torch.linspace(0, len(real) - 1, min(n, len(real))).round().long()]  # of all, whatever their order
        near = nearness(real, torch.cat([self.features(part) for part in torch.split(made[: len(real)], CHUNK)]))
        return {"mel_distance": near.energy, "spread": near.spread} | self.more_figures(made, categories)

    def more_figures(self, made: Tensor, categories: Tensor | None) -> dict[str, float]:
        """Return figures of generated clips that a kind of generator has besides: none."""
        return {}


def _moving_average(share: float) -> Any:  # noqa: ANN401 - as AveragedModel takes it
    """Exponential average that keeps `share`, and less in the first steps, so that the start is soon forgotten."""

    @torch.no_grad()
    def average(averaged: list[Tensor], current: list[Tensor], n: Tensor | int) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(share, (1 + int(n)) / (10 + int(n))))

    return average
