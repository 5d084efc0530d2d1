"""A trained generator back in memory: `load_generator(path).generate(8, seed=0)` gives eight sounds."""

from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor, nn

from configs.data_schema import FrontEndConfig
from configs.errors import InputError
from configs.schema import Config
from interpretability.generation.prior import Prior, Sound
from interpretability.generation.vocoding import Vocoder
from models.gan_codes import Codes
from models.gan_generators import GeneratorTraining
from models.run_loading import restore


@dataclass(frozen=True, eq=False)
class LoadedGenerator:
    """A trained generator in eval mode, and where it came from.

    Attributes:
        path: run folder, or the checkpoint file it was read from.
        config: of the run, as stored in the checkpoint.
        model: generator and what trained it (critic, Q network, encoder); `model.latents(n)` draws latents.
    """

    path: Path
    config: Config
    model: GeneratorTraining

    @property
    def generator(self) -> nn.Module:
        """The network from latents (B, n_latents) to clips (B, *sound.shape), with averaged weights."""
        return self.model.average.module

    @property
    def sound(self) -> Sound:
        """What one generated clip is: a waveform, or the features of an excerpt."""
        return self.model.sound

    @property
    def n_samples(self) -> int:
        """Length of a generated clip in samples."""
        return self.model.n_samples

    @property
    def codes(self) -> Codes | None:
        """Kind of the code variables, which are the first latents; None for generators without."""
        return self.model.codes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes of the data that were learned; no code belongs to a class but by what is heard."""
        return self.model.class_names

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz of what is generated."""
        return self.model.sample_rate

    def generate(
        self, n: int, seed: int, categories: Tensor | None = None, level: float = 1.0
    ) -> tuple[Tensor, Tensor | None]:
        """Generate n clips (n, *sound.shape) and the categories (n,) of their codes, if any.

        Raises:
            InputError: Categories that the generator does not have.
        """
        return self.model.generate(n, seed, categories, level)

    def vocoder(self) -> Vocoder:
        """Return what makes generated clips heard, and what it is called."""
        return self.model.vocoder()

    def prior(self, front_end: FrontEndConfig | None = None, code: Tensor | None = None) -> Prior:
        """Return the prior that a search goes through.

        Args:
            front_end: of the classifier that is to hear what is generated; None compares nothing.
            code: (c,) values at which the first latents are held.

        Raises:
            InputError: Another sample rate, or, where features are generated, another front end.
        """
        if front_end is not None:
            self.check_heard_by(front_end)
        return self.model.prior(code)

    def check_heard_by(self, front_end: FrontEndConfig) -> None:
        """Compare what is generated with what a classifier hears; see `prior`."""
        name, own, other = self.config.model.name, asdict(self.config.front_end), asdict(front_end)
        keys = ["sample_rate"] if self.sound.kind == "waveform" else list(own)
        for key in keys:
            if own[key] != other[key]:
                raise InputError(
                    f"generator {self.path} ({name}) was trained with front_end.{key}={own[key]}, the classifier hears "
                    f"front_end.{key}={other[key]}: train a generator with the classifier's front end"
                )


def load_generator(path: str | Path, device: str = "cpu") -> LoadedGenerator:
    """Load the best checkpoint of a generator's run folder, or one checkpoint file.

    Raises:
        CommandError: `path` is no run folder.
        InputError: No finished checkpoint, a truncated or foreign one, or one of a classifier.
    """
    found = restore(path, device)
    if not isinstance(found.model, GeneratorTraining):
        raise InputError(
            f"{found.path}: model.name={found.config.model.name} generates nothing; give the run of a wavegan, ciwgan, "
            "fiwgan, spectrogram_gan or spectrogram_vae"
        )
    return LoadedGenerator(found.path, found.config, found.model)
