"""A trained run back in memory: `load_run(path)` gives the model with front end, dictionary and class names."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from configs.errors import InputError
from configs.layers import flatten
from configs.plain import from_plain, load_yaml_config, to_plain
from configs.registry import component
from configs.schema import Config
from interpretability.listening.interpretation import THRESHOLD, Interpretation
from interpretability.listening.masks import MaskScale
from models.checkpoint_file import read_checkpoint
from models.classifier import AudioClassifier
from models.explanation import apply_gains, explain, require_components
from models.recording import explain_recording
from report.run_folder import RunFolder, replace_file

KEPT = ("epoch", "global_step", "pytorch-lightning_version", "hyper_parameters", "soundglass")
"""Parts of a checkpoint that an edited one takes over; the state of optimizer, loops and callbacks is not for it."""


@dataclass(frozen=True, eq=False)
class LoadedRun:
    """A trained model in eval mode, and where it came from.

    Attributes:
        path: run folder, or the checkpoint file it was read from.
        config: of the run, as stored in the checkpoint.
        model: the classifier, with `front_end`, `class_names` and, by design, `bottleneck.dictionary`.
        kept: entries of the checkpoint that `save` writes again.
    """

    path: Path
    config: Config
    model: AudioClassifier[Any]
    kept: dict[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the C classes."""
        return self.model.class_names

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz that waveforms must have."""
        return self.config.front_end.sample_rate

    def explain(
        self,
        waveform: "Tensor | np.ndarray[Any, Any]",
        threshold: float = THRESHOLD,
        scale: MaskScale = "magnitude",
    ) -> Interpretation:
        """Interpret the decision on a recording (N,) of any length, or on clips (B, N), at `sample_rate`.

        A recording longer than the clips of the training is heard in windows (`models.recording`); clips are heard as
        they are (`models.explanation`).

        Raises:
            InputError: A model without components, or samples that cannot be analysed.
        """
        model, samples = require_components(self.model), torch.as_tensor(waveform)
        hear = explain_recording if samples.ndim == 1 else explain
        return hear(model, samples, threshold=threshold, scale=scale)

    def apply_gains(self, gains: Tensor | list[float]) -> None:
        """Mute (0) or scale components in the decision; see `models.explanation.apply_gains`."""
        apply_gains(require_components(self.model), gains)

    def save(self, path: str | Path) -> None:
        """Write the model, hand edits included, as a checkpoint that `load_run` and Lightning's Trainer load.

        Raises:
            InputError: The file exists or cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise InputError(f"{path}: exists; choose another name for the edited checkpoint")
        buffer = io.BytesIO()
        torch.save({**self.kept, "state_dict": self.model.state_dict()}, buffer)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, buffer.getvalue())


def load_run(path: str | Path, device: str = "cpu") -> LoadedRun:
    """Load the best checkpoint of a run folder, or one checkpoint file, of a classifier.

    Raises:
        CommandError: `path` is no run folder.
        InputError: No finished checkpoint, a truncated or foreign one, one that does not fit its configuration, or
            a generator (`models.gan_loading.load_generator` loads these).
    """
    found = restore(path, device)
    if not isinstance(found.model, AudioClassifier):
        raise InputError(
            f"{found.path}: model.name={found.config.model.name} generates sounds; this needs the run of a classifier"
        )
    return LoadedRun(found.path, found.config, found.model, found.kept)


class Restored(NamedTuple):
    """A model in eval mode as its checkpoint has it; members as those of `LoadedRun`, the model of any kind."""

    path: Path
    config: Config
    model: pl.LightningModule
    kept: dict[str, Any]


def restore(path: str | Path, device: str = "cpu") -> Restored:
    """Load the model of a run folder's best checkpoint, or of one checkpoint file; whatever it is.

    Raises:
        CommandError: `path` is no run folder.
        InputError: No finished checkpoint, a truncated or foreign one, or one that does not fit its configuration.
    """
    path = Path(path).expanduser()
    folder = None if path.is_file() else RunFolder.open(path)
    if folder is not None and not folder.best.is_file():
        raise InputError(f"{path}: no finished checkpoint (checkpoints/best.ckpt); go on with train.py resume={path}")
    file = path if folder is None else folder.best
    checkpoint = read_checkpoint(file, device)
    try:
        facts = checkpoint["hyper_parameters"]
        config, names = from_plain(facts["config"]), tuple(facts["class_names"])
        multi_label, weights = bool(facts["multi_label"]), checkpoint["state_dict"]
        more = {key: facts[key] for key in facts if key not in ("config", "class_names", "multi_label")}
    except KeyError as missing:
        raise InputError(f"{file}: not a checkpoint of ours ({missing} is missing in it)") from missing
    if folder is not None:
        _check_front_end(folder, config)
    model: pl.LightningModule = component("model", config.model.name).load()(config, names, multi_label, **more)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{file}: weights do not fit model.name={config.model.name} as configured: "
                         f"{' '.join(str(error).split())[:300]}") from error  # fmt: skip
    model.to(device).eval()
    return Restored(path, config, model, {key: checkpoint[key] for key in KEPT if key in checkpoint})


def _check_front_end(folder: RunFolder, config: Config) -> None:
    """Refuse a run whose config.yaml names another front end than its checkpoint was trained with."""
    written = flatten(to_plain(load_yaml_config(folder.config))["front_end"], "front_end")
    trained = flatten(to_plain(config)["front_end"], "front_end")
    for key, value in trained.items():
        if written.get(key) != value:
            raise InputError(
                f"{folder.config}: {key}={written.get(key)}, but the checkpoint was trained with {key}={value}; "
                "restore the file"
            )
