"""Weights that others published: read as plain data, compared name by name, and put into a backbone."""

import hashlib
import json
import pickle
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError

WRAPPERS = ("model", "state_dict")
"""Keys under which files keep their weights beside other things, such as the iteration."""

PARALLEL = "module."
"""Prefix that torch.nn.DataParallel puts before every name."""

COUNTERS = "num_batches_tracked"
"""Ending of a counter that files written before PyTorch 0.4.1 do not have, and that nothing here reads."""

CHUNK = 1 << 20


def read_folder_config(folder: Path, model_type: str, setting: str) -> dict[str, Any]:
    """Return the config.json of a checkpoint folder in the layout of the package transformers.

    Args:
        folder: of the checkpoint.
        model_type: that it has to be of.
        setting: that names the folder, for messages.

    Raises:
        InputError: No folder, no such file, or another kind of model.
    """
    if not folder.is_dir():
        raise InputError(f"{setting}={folder}: no such folder; give the local folder of a checkpoint")
    try:
        facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{setting}={folder}: no readable config.json in it ({error})") from None
    kind = facts.get("model_type") if isinstance(facts, dict) else None
    if kind != model_type:
        raise InputError(f"{setting}={folder}: model_type {kind!r}, expected {model_type!r}")
    return dict(facts)


@dataclass(frozen=True, eq=False)
class PublishedWeights:
    """A file of weights.

    Attributes:
        path: the file.
        sha256: of the whole file, in hexadecimal.
        tensors: its weights by name, without wrapper and without the prefix of parallel training.
    """

    path: Path
    sha256: str
    tensors: dict[str, Tensor]


def read_published(path: str | Path) -> PublishedWeights:
    """Read a file of weights, as plain data only (`weights_only=True`).

    Raises:
        InputError: The file is missing, damaged, holds more than plain data, or holds no weights by name.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"backbone.weights={path}: no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"backbone.weights={path}: damaged, or not plain data ({reason})") from error
    except (RuntimeError, EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        size = path.stat().st_size
        raise InputError(f"backbone.weights={path}: cannot be read ({size:,} bytes; truncated or damaged)") from error
    wrapper = next((key for key in WRAPPERS if isinstance(content, dict) and isinstance(content.get(key), dict)), None)
    weights = content if wrapper is None else content[wrapper]
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(t, Tensor) for t in weights.values()):
        raise InputError(f"backbone.weights={path}: holds no weights by name; expected a state_dict")
    tensors = {str(name).removeprefix(PARALLEL): tensor for name, tensor in weights.items()}
    return PublishedWeights(path, file_hash(path), tensors)


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def take_weights(
    module: nn.Module,
    published: PublishedWeights,
    weights: Mapping[str, Tensor],
    left_out: Iterable[str] = (),
    optional: Iterable[str] = (),
) -> None:
    """Put published weights into a module and say in one line what was taken, left out, and the file's hash.

    Args:
        module: what is filled; every parameter and buffer of it must be given, but for counters of batches.
        published: the file.
        weights: the file's weights under the module's names.
        left_out: names of the file that are not for this module.
        optional: names of the module that the file may lack; they keep their weights.

    Raises:
        InputError: A name is missing, one is there too many, or a shape differs; the first is named.
    """
    own = module.state_dict()
    check_names(published, weights, {name: own[name] for name in own if name in weights or name not in set(optional)})
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)
    groups = sorted({name.partition(".")[0] for name in left_out})
    said = f"; left out: {', '.join(groups)}" if groups else ""
    print(
        f"backbone.weights={published.path}: {len(weights)} tensors taken{said}; sha256 {published.sha256}",
        file=sys.stderr,
    )


def check_names(published: PublishedWeights, weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Compare names and shapes of published weights with a module's own.

    Raises:
        InputError: As for `take_weights`.
    """
    wanted = {name for name in own if not name.endswith(COUNTERS)}
    missing = [name for name in own if name in wanted and name not in weights]
    extra = [name for name in weights if name not in own]
    other = [name for name in weights if name in own and weights[name].shape != own[name].shape]
    faults = [f"{name} is missing" for name in missing]
    faults += [f"{name} is not of this network" for name in extra]
    faults += [f"{n} has shape {tuple(weights[n].shape)}, expected {tuple(own[n].shape)}" for n in other]
    if faults:
        more = f" ({len(missing)} missing, {len(extra)} foreign, {len(other)} of another shape)"
        raise InputError(f"backbone.weights={published.path}: does not fit the network: {faults[0]}{more}")
