"""Training of WaveGAN (Donahue et al. 2019), and the independent classifier that hears what it makes."""

import torch
from torch import Tensor

from configs.gan_schema import WaveGANConfig
from configs.schema import Config
from datamodules.batch import Batch
from interpretability.generation.latent_priors import UniformLatent
from interpretability.generation.prior import Prior, Sound
from interpretability.generation.vocoding import Vocoder
from models.gan_codes import latents_of
from models.gan_judge import Judge, load_judge
from models.gan_scores import code_scores
from models.gan_training import AdversarialTraining
from models.wavegan import WaveGANCritic, WaveGANGenerator


class WaveGANTraining(AdversarialTraining):
    """A generator of waveforms.

    Attributes:
        judge: the independent classifier, or None; no part of checkpoints.
    """

    kind = "waveforms"
    settings: WaveGANConfig
    generator: WaveGANGenerator

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__(config, class_names, multi_label)
        self.sound = Sound((self.settings.clip_samples,), self.sample_rate, "waveform", "full scale")
        self.judge: Judge | None = None
        self._judged: list[Tensor] = []

    def new_generator(self) -> WaveGANGenerator:
        """Return the generator of the configured size."""
        s = self.settings
        return WaveGANGenerator(s.clip_samples, s.channels, s.latents, s.alignment)

    def new_critic(self, n_outputs: int) -> WaveGANCritic:
        """Return a critic, or a Q network of several outputs, of the configured size."""
        s = self.settings
        return WaveGANCritic(s.clip_samples, s.channels, n_outputs, s.phase_shuffle, s.alignment)

    @property
    def n_samples(self) -> int:
        """Length of a generated clip in samples."""
        return self.settings.clip_samples

    @property
    def monitor(self) -> str:
        """Validation metric that chooses the checkpoint: what the judge hears of the codes, where it hears them.

        Codes may slide from word to word while sounds get better; clips of the test have other latents.
        """
        if self.settings.judge is None or self.codes is None:
            return super().monitor
        bits = self.codes.n_categories != self.codes.n_variables
        return "val/bit_accuracy" if bits else "val/code_accuracy"

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

    def real(self, batch: Batch, seed: int | None = None) -> Tensor:
        """Waveforms (B, N) with their peak at 1."""
        return self.front_end.normalize(batch.waveform.float())

    def features(self, clips: Tensor) -> Tensor:
        """Log-mel features (B, D) of clips (B, N), with their peak at 1."""
        spectrum = self.front_end.stft(self.front_end.normalize(clips.float()))
        return self.front_end.features(spectrum).flatten(1)

    def prior(self, code: Tensor | None = None) -> Prior:
        """Return the prior of waveforms, latents uniform; the first ones may be held at a `code` (c,)."""
        return UniformLatent(self.average.module, self.settings.latents, self.sound, code, name=self.config.model.name)

    def vocoder(self) -> Vocoder:
        """Return the clips themselves."""
        return Vocoder("none: the generator makes waveforms", lambda clips: clips)

    def on_validation_epoch_start(self) -> None:
        """Forget the real clips of an earlier validation."""
        super().on_validation_epoch_start()
        self._judged = []

    def keep_real(self, real: Tensor, batch: Batch) -> None:
        """Keep the judge's answers, too, in a test."""
        super().keep_real(real, batch)
        if self.judge is not None and not self.trainer.training:
            self._judged.append(self.judge.hear(real) == batch.target.cpu())

    def more_figures(self, made: Tensor, categories: Tensor | None) -> dict[str, float]:
        """Return the critic's gap, how well the judge hears real clips, and figures of the codes."""
        figures = super().more_figures(made, categories)
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
