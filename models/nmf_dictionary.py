"""A learned dictionary: its atoms, how they were learned, and the file that keeps both."""

import io
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from configs.errors import InputError
from report.run_folder import replace_file

FORMAT = 1
SPECTRAL = ("sample_rate", "n_fft", "hop_length", "normalize")
"""Front-end settings that log-magnitude spectra depend on; mel settings only concern the classifier's features."""


@dataclass(frozen=True, eq=False)
class Dictionary:
    """K spectra of parts, with everything needed to refuse them where they do not belong.

    Attributes:
        atoms: W (F, K) >= 0 with unit l2 columns.
        scale: (K,) mean plus standard deviation of each component's activation on the learning frames.
        front_end: settings of the front end whose log-magnitudes the atoms explain.
        nmf: settings of the factorisation.
        owners: for each component the class it was learned for, or "all".
        relative_error: ||X - W H||^2 / ||X||^2 on the learning frames.
        effective_components: `effective_components` of the activations on the learning frames.
        objectives: objective per frame of each start, in the order of the seeds (per class: of each class's best).
    """

    atoms: Tensor
    scale: Tensor
    front_end: dict[str, Any]
    nmf: dict[str, Any]
    owners: tuple[str, ...]
    relative_error: float
    effective_components: float
    objectives: tuple[float, ...]

    @property
    def n_components(self) -> int:
        """Number of components K."""
        return int(self.atoms.shape[1])

    def save(self, path: str | Path) -> None:
        """Write the dictionary as plain data, replacing an older file atomically."""
        buffer = io.BytesIO()
        torch.save({"dictionary_format": FORMAT, **asdict(self)}, buffer)
        replace_file(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> "Dictionary":
        """Read a dictionary file, as plain data only.

        Raises:
            InputError: The file is missing, truncated, or not a dictionary of this format.
        """
        path = Path(path).expanduser()
        if not path.is_file():
            raise InputError(f"model.dictionary={path}: no such file")
        try:
            data = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise InputError(
                f"model.dictionary={path}: cannot be read as a dictionary (truncated or damaged)"
            ) from error
        if not isinstance(data, dict) or data.pop("dictionary_format", None) != FORMAT:
            raise InputError(f"model.dictionary={path}: not a dictionary of format {FORMAT}")
        return cls(**data)

    def check(self, front_end: dict[str, Any], n_components: int) -> None:
        """Refuse atoms that mean something else in this run.

        Raises:
            InputError: A front-end setting or the number of components differs; the line names which.
        """
        different = [
            f"front_end.{name} was {self.front_end.get(name)}, is {front_end[name]}"
            for name in SPECTRAL
            if self.front_end.get(name) != front_end[name]
        ]
        if different:
            raise InputError(f"model.dictionary was learned with another front end: {', '.join(different)}")
        if self.n_components != n_components:
            raise InputError(
                f"model.dictionary has {self.n_components} components, but model.n_components={n_components}"
            )


def effective_components(activations: Tensor) -> float:
    """Return how many components are really used: the exponential of the entropy of their shares of the energy.

    With unit-norm atoms the energy of component k is sum_t h_kt^2; activations (K, T). Silence gives 1.
    """
    energy = activations.square().sum(dim=-1, dtype=torch.float64)
    share = energy / energy.sum().clamp_min(1e-300)
    return float(torch.exp(-torch.special.xlogy(share, share).sum()))
