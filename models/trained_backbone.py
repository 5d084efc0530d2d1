"""The backbone of a run of ours as the start of another one's: of a self-supervised one, or of another classifier."""

from pathlib import Path

from configs.errors import InputError
from configs.layers import flatten
from configs.plain import from_plain, to_plain
from configs.schema import Config, PretrainedConfig
from models.backbones import Backbone
from models.checkpoint_file import read_checkpoint
from models.published_weights import PublishedWeights, file_hash, take_weights
from report.run_folder import RunFolder

PART = "backbone."
"""Prefix of the backbone's weights in a checkpoint."""

STARTING = ("weights", "frozen", "dropout")
"""Settings of a backbone that may differ: they say how it is trained, not what it is."""


def start_backbone(backbone: Backbone, config: Config) -> None:
    """Give a new run's backbone the weights that `backbone.weights` names, if it names any.

    Raises:
        InputError: As `take_trained`, or as the backbone's own `load_published`.
    """
    settings = config.backbone
    if isinstance(settings, PretrainedConfig) and settings.weights and settings.from_run:
        take_trained(backbone, Path(settings.weights).expanduser(), config)
    else:
        backbone.load_published()


def take_trained(backbone: Backbone, path: Path, config: Config) -> None:
    """Take the backbone of a run, its best checkpoint, or of one checkpoint file, with its batch-norm statistics.

    Raises:
        InputError: No such checkpoint, another front end or backbone, or weights that do not fit; the message names the
            first setting that differs, or the run that is to be finished first.
        CommandError: A folder that is no run.
    """
    folder = None if path.is_file() or path.suffix == ".ckpt" else RunFolder.open(path)
    if folder is not None and not folder.best.is_file():
        raise InputError(f"backbone.weights={path}: no finished checkpoint; go on with train.py resume={path}")
    file = path if folder is None else folder.best
    checkpoint = read_checkpoint(file)
    try:
        theirs, weights = from_plain(checkpoint["hyper_parameters"]["config"]), checkpoint["state_dict"]
    except KeyError as missing:
        raise InputError(
            f"backbone.weights={file}: not a checkpoint of a run ({missing} is missing in it)"
        ) from missing
    check_settings(path, theirs, config)
    tensors = {name.removeprefix(PART): tensor for name, tensor in weights.items() if name.startswith(PART)}
    if not tensors:
        raise InputError(f"backbone.weights={path}: model.name={theirs.model.name} has no backbone of its own")
    left_out = [name for name in weights if not name.startswith(PART)]
    take_weights(backbone, PublishedWeights(file, file_hash(file), tensors), tensors, left_out)


def check_settings(path: Path, theirs: Config, ours: Config) -> None:
    """Refuse a run with another front end or backbone.

    Raises:
        InputError: Names the first setting that differs.
    """
    plain = to_plain(theirs), to_plain(ours)
    for group in ("front_end", "backbone"):
        have, want = (flatten(config[group], group) for config in plain)
        for key, value in have.items():
            if key.removeprefix("backbone.") not in STARTING and want.get(key) != value:
                raise InputError(
                    f"backbone.weights={path} was trained with {key}={value}, this run has {want.get(key)}; "
                    f"give {key}={value}"
                )
