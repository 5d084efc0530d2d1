"""A trained generator back in memory: `load_generator(path).generate(8, seed=0)` gives eight sounds."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from configs.errors import InputError
from configs.schema import Config
from models.gan_codes import Codes
from models.run_loading import restore
from models.wavegan import WaveGANGenerator
from models.wavegan_training import WaveGANTraining


@dataclass(frozen=True, eq=False)
class LoadedGenerator:
    """A trained generator in eval mode, and where it came from.

    Attributes:
        path: run folder, or the checkpoint file it was read from.
        config: of the run, as stored in the checkpoint.
        model: generator, critic and Q network as trained; `model.latents(n)` draws latents.
    """

    path: Path
    config: Config
    model: WaveGANTraining

    @property
    def generator(self) -> WaveGANGenerator:
        """The network from latents (B, n_latents) to waveforms (B, N), with averaged weights."""
        network = self.model.average.module
        assert isinstance(network, WaveGANGenerator)  # noqa: S101 (AveragedModel hides the type)
        return network

    @property
    def codes(self) -> Codes | None:
        """Kind of the code variables, which are the first latents; None for WaveGAN."""
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
        """Generate n clips (n, N) and the categories (n,) of their codes, if any; as `WaveGANTraining.generate`.

        Raises:
            InputError: Categories that the generator does not have.
        """
        return self.model.generate(n, seed, categories, level)


def load_generator(path: str | Path, device: str = "cpu") -> LoadedGenerator:
    """Load the best checkpoint of a generator's run folder, or one checkpoint file.

    Raises:
        CommandError: `path` is no run folder.
        InputError: No finished checkpoint, a truncated or foreign one, or one of a classifier.
    """
    found = restore(path, device)
    if not isinstance(found.model, WaveGANTraining):
        raise InputError(
            f"{found.path}: model.name={found.config.model.name} generates no waveforms; give the run of a wavegan, "
            "ciwgan or fiwgan"
        )
    return LoadedGenerator(found.path, found.config, found.model)
