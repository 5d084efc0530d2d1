"""Settings of the generators of waveforms and of the words they learn. The sentence under a field is its `--help`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from configs.checks import above_zero, at_least, below_one, within
from configs.data_schema import DataConfig
from configs.model_schema import ModelConfig
from configs.training_schema import CallbackConfig


@dataclass
class SyntheticWordsData(DataConfig):
    """Words of an invented language, spelled in tones (a, i), noise (s) and silence (-): needs no files."""

    name: str = "synthetic_words"
    """Dataset, by its registered name."""
    seconds: float | None = 0.512
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    words: list[str] = field(default_factory=lambda: ["a", "s", "si", "i-i", "sa-sa"])
    """Spellings of the words: a low tone, i high tone, s noise, - silence."""
    n_train: int = 2048
    """Words in the training split."""
    n_val: int = 256
    """Words in the validation split."""
    n_test: int = 512
    """Words in the test split."""
    noise_db: float | None = None
    """Loudest background noise in dB of full scale; each word has a level up to 50 dB lower. None: no noise."""
    breath_db: float | None = None
    """Loudest noise within tones in dB of the tone; each word has a level up to 50 dB lower. None: pure tones."""
    word_seed: int = 0
    """Seed of the words themselves, apart from the seed of the training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "data", 1, ("n_train", "n_val", "n_test"))
        yield from at_least(self, "data", 0, ("word_seed",))


@dataclass
class DigitsData(DataConfig):
    """Spoken digits: the Free Spoken Digit Dataset, or Speech Commands' zero to nine (SC09), in their own layouts."""

    name: str = "digits"
    """Dataset, by its registered name."""
    layout: Literal["auto", "fsdd", "sc09"] = "auto"
    """Layout of data.root: recordings/{digit}_{speaker}_{index}.wav, or a folder for each word; auto looks."""
    seconds: float | None = 1.024
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    split: Literal["speaker", "official"] = "speaker"
    """Whether speakers are held out, or the official split is taken: index 0-4 (fsdd), the published lists (sc09)."""
    test_speakers: list[str] = field(default_factory=list)
    """Speakers of fsdd kept for the test with split=speaker; none takes the last one in the alphabet."""
    val_speakers: list[str] = field(default_factory=list)
    """Speakers of fsdd kept for validation with split=speaker; none takes the one before the test's."""
    url: str | None = None
    """Address of the archive, read only with data.download=true; none takes the publisher's of data.layout."""
    archive_sha256: str | None = None
    """SHA-256 the archive must have; none checks the published one of Speech Commands, and nothing of fsdd."""
    padded: bool = False
    """Whether clips end in silence up to data.seconds that counts as sound, as generated clips do."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        if self.root is None:
            yield "data.root is needed by data.name=digits: give the folder of fsdd or of Speech Commands"
        if self.download and self.layout == "auto":
            yield "data.download=true needs to know what to fetch: set data.layout=fsdd or data.layout=sc09"
        if self.padded and self.seconds is None:
            yield "data.padded=true needs data.seconds, the length to pad to"
        for name in ("test_speakers", "val_speakers"):
            if getattr(self, name) and self.split != "speaker":
                yield f"data.{name} needs data.split=speaker, not {self.split}"
        if shared := set(self.test_speakers) & set(self.val_speakers):
            yield f"data.test_speakers and data.val_speakers share {min(shared)!r}; keep a speaker in one split"


SIZES: dict[str, tuple[int, int]] = {"published": (64, 16384), "small": (8, 4096)}
"""Size of a WaveGAN -> channels d of its narrowest map, samples of a clip."""
LENGTHS = (4096, 16384, 32768, 65536)
"""Samples of a clip for which there is a network."""


@dataclass
class GeneratorConfig(ModelConfig):
    """What all generators share: averaged weights, how they are scored, and when they have collapsed."""

    needs_labels: ClassVar[bool] = False
    """Whether clips need classes."""
    name: str = "???"
    """Generator, by its registered name."""
    average: float = 0.999
    """Share that the averaged weights of the generator keep at each of its steps; 0 keeps no average."""
    n_scored: int = 256
    """Clips generated and scored at each validation; the test scores eight times as many."""
    collapse_after: int = 500
    """Steps of the generator before a collapse can be called one."""
    collapse_distance: float = 0.1
    """Distance between generated clips, relative to real ones, below which the generator has collapsed."""
    collapse_patience: int = 3
    """Validations in a row that must look collapsed before the training stops; 0 never stops it."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 2, ("n_scored",))
        yield from at_least(self, "model", 0, ("collapse_after", "collapse_distance", "collapse_patience"))
        yield from below_one(self, "model", ("average",))

    def run_problems(self, config: Any) -> Iterator[str]:  # noqa: ANN401 - configs.schema imports this file
        """Yield one sentence per setting of another group that a generator cannot be trained with."""
        if config.trainer.devices > 1:
            yield f"trainer.devices={config.trainer.devices}: model.name={self.name} trains on one device"
        if config.augmentation.enabled:
            yield f"augmentation.enabled=true: model.name={self.name} would learn the changes; set it to false"
        if config.twin:
            yield f"twin=true trains a black box beside a classifier; model.name={self.name} is none"


@dataclass
class AdversarialConfig(GeneratorConfig):
    """What generators share that are trained against a critic with gradient penalty (WGAN-GP)."""

    critic_steps: int = 5
    """Steps of the critic for each step of the generator; the papers' number, where one is known."""
    gradient_penalty: float = 10.0
    """Weight lambda of the gradient penalty."""
    final_rate: float = 1.0
    """Share of the learning rates left at the end, to which they fall linearly; more epochs raise them; 1: constant."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 1, ("critic_steps",))
        yield from at_least(self, "model", 0, ("gradient_penalty",))
        yield from within(self, "model", 0, 1, ("final_rate",))

    def run_problems(self, config: Any) -> Iterator[str]:  # noqa: ANN401 - configs.schema imports this file
        """Yield one sentence per setting of another group that generator and critic cannot be trained with."""
        yield from super().run_problems(config)
        if config.trainer.gradient_clip:
            yield f"trainer.gradient_clip={config.trainer.gradient_clip:g} must be 0 for model.name={self.name}"
        if config.trainer.precision == "16-mixed":
            yield (
                f"trainer.precision=16-mixed: model.name={self.name} has several optimizers, which one loss scale does "
                "not fit; choose bf16-mixed"
            )


@dataclass
class WaveGANConfig(AdversarialConfig):
    """WaveGAN (Donahue et al. 2019): latents to waveforms, trained against a critic with gradient penalty (WGAN-GP)."""

    name: str = "wavegan"
    """Generator, by its registered name."""
    size: Literal["published", "small"] = "published"
    """Published: 64 channels, 16,384 samples, for a GPU. Small: 8 channels, 4,096 samples, minutes on two cores."""
    n_samples: int | None = None
    """Samples of a generated clip: 4096, 16384, 32768 or 65536; none takes those of the size."""
    width: int | None = None
    """Channels of the narrowest map; none takes those of the size."""
    latents: int = 100
    """Latent variables of a clip, the codes among them."""
    phase_shuffle: int = 2
    """Largest shift, in steps, of the maps of critic and Q network while training."""
    alignment: Literal["torch", "tf_same"] = "torch"
    """Where convolutions pad: the same on both sides (torch), or as TensorFlow's SAME, the odd sample at the end."""
    learning_rate: float = 1e-4
    """Learning rate of Adam (beta 0.5 and 0.9), for critic and generator."""
    judge: str | None = None
    """Run of a classifier of the same classes (padded clips) that says which class each generated clip is; none: no."""

    @property
    def channels(self) -> int:
        """Channels d of the narrowest map."""
        return SIZES[self.size][0] if self.width is None else self.width

    @property
    def clip_samples(self) -> int:
        """Samples N of a generated clip."""
        return SIZES[self.size][1] if self.n_samples is None else self.n_samples

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 1, ("width", "latents"))
        yield from at_least(self, "model", 0, ("phase_shuffle",))
        yield from above_zero(self, "model", ("learning_rate",))
        if self.clip_samples not in LENGTHS:
            yield f"model.n_samples={self.n_samples}: there is a network for {', '.join(map(str, LENGTHS))}"

    def run_problems(self, config: Any) -> Iterator[str]:  # noqa: ANN401 - configs.schema imports this file
        """Yield one sentence per setting of another group that a generator cannot be trained with."""
        yield from super().run_problems(config)
        data, rate = config.data, config.front_end.sample_rate
        samples = None if data.seconds is None else round(data.seconds * rate)
        if rate > 0 and samples != self.clip_samples:
            yield (
                f"model.name={self.name} makes clips of {self.clip_samples} samples, data.seconds={data.seconds} at "
                f"front_end.sample_rate={rate} has {samples}: set data.seconds={self.clip_samples / rate:g}"
            )
        if getattr(data, "multi_label", False):
            yield f"model.name={self.name} needs clips of one class each, data.multi_label=true has several"


@dataclass
class InformationGANConfig(WaveGANConfig):
    """What ciwGAN and fiwGAN add: codes among the latents, and a Q network that reads them from the sound."""

    needs_labels: ClassVar[bool] = True
    """Whether clips need classes: there are as many codes, where nothing else is said."""
    information_weight: float = 1.0
    """Weight lambda of the information term."""
    q_learning_rate: float = 1e-4
    """Learning rate of RMSProp, which steps Q network and generator together."""
    q_noise: float = 0.0
    """Largest deviation of white noise over what the Q network hears, drawn for each clip; 0: none, as published."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from above_zero(self, "model", ("information_weight", "q_learning_rate"))
        yield from at_least(self, "model", 0, ("q_noise",))


@dataclass
class CiwGANConfig(InformationGANConfig):
    """ciwGAN (Begus 2021): one of several categories, which the generator has to make audible."""

    name: str = "ciwgan"
    """Generator, by its registered name."""
    codes: int | None = None
    """Categories; none takes as many as the data have classes."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 2, ("codes",))
        if self.codes is not None and self.codes >= self.latents:
            yield f"model.codes={self.codes} must be below model.latents={self.latents}"


@dataclass
class FiwGANConfig(InformationGANConfig):
    """fiwGAN (Begus 2021): independent bits, whose combinations are the categories."""

    name: str = "fiwgan"
    """Generator, by its registered name."""
    bits: int | None = None
    """Bits; none takes as few as tell all classes of the data apart."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 1, ("bits",))
        if self.bits is not None and self.bits >= self.latents:
            yield f"model.bits={self.bits} must be below model.latents={self.latents}"


@dataclass
class PreviewsConfig(CallbackConfig):
    """What a generator makes of the same latents at each point of its training, as sound and picture."""

    n_clips: int = 8
    """Latents previewed, always the same; of a generator with codes, one code after the other."""
    every_n_epochs: int = 10
    """Epochs between two points; before the first of them also epochs 1, 2, 4, 8 ... 0 previews at the end only."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "callbacks.previews", 1, ("n_clips",))
        yield from at_least(self, "callbacks.previews", 0, ("every_n_epochs",))
