"""Where a classifier to explain comes from: a run of ours, an exported program, a file of weights, a Python object."""

import importlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError
from configs.plain import from_plain
from configs.registry import component
from models.classifier import AudioClassifier
from models.frozen_classifier import FrozenClassifier, Outputs
from models.run_loading import load_run

CLASS_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def load_frozen(
    source: str | Path | nn.Module,
    class_path: str | None = None,
    sample_rate: int | None = None,
    multi_label: bool = False,
    outputs: Outputs = "auto",
) -> FrozenClassifier:
    """Return a classifier, frozen, that turns waveforms (B, N) into logits (B, C).

    Args:
        source: a run folder or checkpoint of ours; a file of torch.export (.pt2); a file of weights, with `class_path`;
            or the network itself. A network is not copied: it is frozen as it is.
        class_path: `package.module:Class` that makes the network when called without arguments.
        sample_rate: in Hz that a classifier of others hears at; None takes its attribute `sample_rate`.
        multi_label: whether each class of a classifier of others has a sigmoid of its own.
        outputs: what a classifier of others returns.

    Raises:
        InputError: A file that is missing, cannot be read, or does not fit the class; a class that cannot be made.
    """
    if isinstance(source, AudioClassifier):
        return _own(source, type(source).__name__)
    foreign: dict[str, Any] = {"sample_rate": sample_rate, "multi_label": multi_label, "outputs": outputs}
    if isinstance(source, nn.Module):
        kind = type(source)
        origin = {"kind": "class", "class_path": f"{kind.__module__}:{kind.__qualname__}", **foreign}
        return _foreign(source, origin, kind.__name__)
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(
            f"{path}: no such run or file to explain; python train.py experiment=esc10_black_box trains a run"
        )
    if class_path is not None:
        module = make(class_path)
        _fill(module, path, class_path)
        return _foreign(module, {"kind": "class", "class_path": class_path, **foreign}, path.name)
    if path.suffix == ".pt2":
        program = path.read_bytes()
        origin = {"kind": "export", "program": torch.frombuffer(bytearray(program), dtype=torch.uint8), **foreign}
        return _foreign(unpack(program, str(path)), origin, path.name)
    try:
        run = load_run(path)
    except InputError as error:
        hint = "" if path.is_dir() else "; a file of weights needs model.classifier_class=package.module:Class"
        raise InputError(f"{error}{hint}") from error
    return _own(run.model, f"{path.parent.name}/{path.name}")


def rebuild(origin: Mapping[str, Any], name: str) -> FrozenClassifier:
    """Return the network of an `origin`, its weights still to be loaded.

    Raises:
        InputError: Its class cannot be made here.
    """
    if origin["kind"] == "run":
        config = from_plain(origin["config"])
        build = component("model", config.model.name).load()
        return _own(build(config, tuple(origin["class_names"]), bool(origin["multi_label"])), name)
    if origin["kind"] == "export":
        return _foreign(unpack(origin["program"].cpu().numpy().tobytes(), name), dict(origin), name)
    return _foreign(make(origin["class_path"]), dict(origin), name)


def make(class_path: str) -> nn.Module:
    """Make the network of a class path `package.module:Class`, or of a function in its place.

    Raises:
        InputError: No such module or class, or one that cannot be called without arguments.
    """
    if not CLASS_PATH.fullmatch(class_path):
        raise InputError(f"model.classifier_class={class_path} must read package.module:Class")
    module, _, attribute = class_path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        network = found()
    except (ImportError, AttributeError, TypeError) as error:
        message = " ".join(str(error).split())
        raise InputError(
            f"model.classifier_class={class_path}: cannot be made without arguments: {message}; a function that "
            "returns the network will do"
        ) from error
    if not isinstance(network, nn.Module):
        raise InputError(f"model.classifier_class={class_path} makes a {type(network).__name__}, not a torch.nn.Module")
    return network


def unpack(program: bytes, name: str) -> nn.Module:
    """Return an exported program as a module whose layers have their names.

    Raises:
        InputError: It is none.
    """
    try:
        return torch.export.unflatten(torch.export.load(io.BytesIO(program)))
    except Exception as error:  # torch.export raises whatever its parts do
        raise InputError(f"{name}: not a file of torch.export: {' '.join(str(error).split())[:200]}") from error


def _own(model: AudioClassifier[Any], name: str) -> FrozenClassifier:
    facts = model.hparams
    origin = {"kind": "run", **{key: facts[key] for key in ("config", "class_names", "multi_label")}}
    return FrozenClassifier(model, origin, name, model.front_end.config.sample_rate, model.multi_label)


def _foreign(module: nn.Module, origin: dict[str, Any], name: str) -> FrozenClassifier:
    rate = origin["sample_rate"] or getattr(module, "sample_rate", None)
    rate = int(rate) if isinstance(rate, int | float) else None
    return FrozenClassifier(
        module, origin | {"sample_rate": rate}, name, rate, bool(origin["multi_label"]), origin["outputs"]
    )


def _fill(module: nn.Module, path: Path, class_path: str) -> None:
    """Load the weights of a file, at its top or under `state_dict` or `model`."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise many kinds
        raise InputError(
            f"{path}: cannot be read as a file of weights: {' '.join(str(error).split())[:200]}"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path}: not a file of weights (name -> tensor)")
    try:
        module.load_state_dict(dict(content))
    except RuntimeError as error:
        raise InputError(f"{path}: does not fit {class_path}: {' '.join(str(error).split())[:300]}") from error
