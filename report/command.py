"""The command that repeats a run, found by comparing its configuration with that of its experiment."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.compose import compose, load_yaml_config, to_plain
from configs.errors import InputError
from configs.layers import flatten

LEFT_OUT = ("experiment", "output", "run_id", "resume", "logger", "trainer.progress", "data.cache_dir")
"""Settings that say where a run lies or what it shows, and groups of them."""


def command(config_file: Path) -> str:
    """Return `python train.py experiment=NAME key=value ...`; empty where the configuration cannot be read.

    Where the experiment file is not at hand, every setting that differs from the defaults is given.
    """
    try:
        stored = flatten(to_plain(load_yaml_config(config_file)))
    except InputError:
        return ""
    for start in (_by_experiment(stored), _by_components(stored)):
        try:
            plain = flatten(to_plain(compose(start)))
        except InputError:
            continue
        words = [word for word in start if not word.startswith("data.root=")]
        return " ".join(shlex.quote(word) for word in ["python", "train.py", *words, *_differences(stored, plain)])
    return ""


def _by_experiment(stored: Mapping[str, Any]) -> list[str]:
    return [f"experiment={stored['experiment']}", *_root(stored)]


def _by_components(stored: Mapping[str, Any]) -> list[str]:
    names = [f"{group}.name={stored[f'{group}.name']}" for group in ("data", "backbone", "model")]
    return [*names, *_root(stored)]


def _root(stored: Mapping[str, Any]) -> list[str]:
    """What experiments on recordings leave to the user; without it they cannot be composed."""
    root = stored.get("data.root")
    return [f"data.root={root}"] if root else []


def _differences(stored: Mapping[str, Any], plain: Mapping[str, Any]) -> list[str]:
    words = []
    for key, value in stored.items():
        left_out = any(f"{key}.".startswith(f"{name}.") for name in LEFT_OUT)
        same = key in plain and plain[key] == value and key != "data.root"
        if not left_out and not same and value != {}:
            words.append(f"{key}={setting_text(value)}")
    return [word for word in words if word != "data.root=null"]


def setting_text(value: Any) -> str:  # noqa: ANN401 - a setting of any type
    """Return a setting as it is written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(setting_text(item) for item in value)}]"
    return str(value)
