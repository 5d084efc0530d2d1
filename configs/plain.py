"""Configurations as plain data: for run folders, checkpoints and the comparison of runs."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.errors import CommandError, InputError
from configs.layers import Layer, file_layer, flatten
from configs.merge import merge
from configs.plugins import import_plugins
from configs.schema import Config

NOT_HASHED = (
    "experiment",
    "output",
    "run_id",
    "resume",
    "twin",
    "plugins",
    "logger",
    "trainer.progress",
    "data.root",
    "data.cache_dir",
    "data.num_workers",
    "data.download",
    "data.url",
)
"""Settings and groups that change where a run reads and writes, what it is called or what it shows, not its results."""


def to_plain(config: Config) -> dict[str, Any]:
    """Return a configuration as nested dicts, lists, numbers, texts and None."""
    return dataclasses.asdict(config)


def to_yaml(config: Config) -> str:
    """Return a configuration as YAML text, which `load_yaml_config` reads back."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(to_plain(config))).rstrip("\n")


def from_plain(plain: Mapping[str, Any]) -> Config:
    """Return the configuration that `to_plain` wrote, its plugins imported; settings it lacks take their defaults.

    Raises:
        InputError: A key or component this version does not know, a value of the wrong type, or a plugin that fails.
    """
    return _from_layer(Layer("", flatten(dict(plain))), "configuration")


def load_yaml_config(path: str | Path) -> Config:
    """Return the configuration stored in a run's config.yaml.

    Raises:
        InputError: The file is missing or not valid, or as `from_plain`.
    """
    try:
        layer = file_layer(Path(path))
    except CommandError as error:
        raise InputError(str(error)) from error
    return _from_layer(dataclasses.replace(layer, source=""), str(path))


def _from_layer(layer: Layer, origin: str) -> Config:
    try:
        import_plugins([layer])
        return merge([layer])
    except CommandError as error:
        raise InputError(f"{origin}: {error} (was it written by another version?)") from error


def config_hash(config: Config, left_out: Sequence[str] = ()) -> str:
    """Return 16 hex digits that two configurations share if and only if they ask for the same results.

    Settings and groups named by `left_out` may differ as well.
    """
    flat, ignored = flatten(to_plain(config)), (*NOT_HASHED, *left_out)
    kept = {key: value for key, value in flat.items() if not any(f"{key}.".startswith(f"{n}.") for n in ignored)}
    text = json.dumps(kept, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
