"""The sounds of the best few explanations, for the page of the report."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from callbacks.benchmark_blocks import Block
from callbacks.benchmark_cell import Method, Question, energy_of
from callbacks.benchmark_clips import ClipSet
from callbacks.benchmark_methods import methods_of
from configs.benchmark_schema import ExplanationsBenchmark
from configs.errors import InputError
from interpretability.listening.equal_energy import equal_energy_masks

BASELINES = 2
"""Baselines that are heard beside the best own explanation."""


def write_playable(
    blocks: Sequence[Block],
    result: dict[str, Any],
    settings: ExplanationsBenchmark,
    clips: Callable[[Block, str], ClipSet],
    output: Path,
) -> None:
    """Write sounds to `output`/audio and name them in the blocks of the result, as `playable`."""
    for block, part in zip(blocks, result["blocks"], strict=True):
        names = [condition["name"] for condition in part["conditions"]]
        place = names.index("other_class") if "other_class" in names else 0
        methods = methods_of(block, settings)
        rows = part["conditions"][place]["rows"]
        chosen = [method for name in heard_rows(rows) for method in methods if method.name == name]
        part["playable"] = {
            "condition": part["conditions"][place]["title"],
            "clips": _write(block, methods[0], chosen, clips(block, names[place]), settings.playable, output),
        }


def heard_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the rows that are worth hearing: the best own one, the best baselines, and a random mask."""

    def score(row: Mapping[str, Any]) -> float:
        figure = row["figures"].get("equal/average_increase", {"mean": np.nan})
        return -np.inf if figure["mean"] is None or np.isnan(figure["mean"]) else float(figure["mean"])

    ranked = sorted(rows, key=score, reverse=True)
    own = [row["method"] for row in ranked if row["kind"] == "own"][:1]
    others = [row["method"] for row in ranked if row["kind"] == "baseline"][:BASELINES]
    return [*own, *others, *(row["method"] for row in rows if row["method"] == "random_mask")]


def _write(
    block: Block, first: Method, methods: Sequence[Method], clips: ClipSet, count: int, output: Path
) -> list[dict[str, Any]]:
    """Write the sounds of the surest clips of different classes; return what the page says of them."""
    f, device = block.f, next(block.f.module.parameters()).device
    some = clips.part(slice(0, 16 * count))
    with torch.no_grad():
        spectrum = f.analyse(some.waveform.to(device))
        likely, labels = f.probabilities(f.respond(spectrum)).max(dim=1)
    picked: list[int] = []
    for place in likely.argsort(descending=True).tolist():
        if int(labels[place]) not in [int(labels[other]) for other in picked] and len(picked) < count:
            picked.append(place)
    if not picked:
        return []
    wave = some.waveform[picked].to(device)
    names = tuple(some.names[place] for place in picked)
    asked = Question(names, wave, spectrum[picked], labels[picked], None)
    energy = energy_of(first.answer(asked).natural.detach(), asked.spectrum)
    sounds = {"clip": wave}
    for method in methods:
        shape = method.answer(asked._replace(energy=energy)).shape.detach()
        mask = equal_energy_masks(shape, asked.spectrum, energy)
        level = wave.abs().amax(dim=1) / f.normalize(wave).abs().amax(dim=1).clamp_min(1e-12)
        sounds[method.title] = f.istft(mask * asked.spectrum, wave.shape[1]) * level[:, None]
    found = []
    for number, name in enumerate(names):
        files = []
        for place, (title, sound) in enumerate(sounds.items()):
            file = f"audio/{block.key}-{number}-{place}.wav"
            write_wav(output / file, sound[number].detach().cpu().numpy(), block.run.sample_rate)
            files.append({"title": title, "file": file})
        label = block.run.class_names[int(labels[picked[number]])]
        found.append({"name": name, "label": label, "share": float(likely[picked[number]]), "sounds": files})
    return found


def write_wav(path: Path, samples: np.ndarray[Any, Any], sample_rate: int) -> None:
    """Write samples (N,) as 16-bit PCM; what exceeds full scale is clipped.

    Raises:
        InputError: The file cannot be written.
    """
    import soundfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(path), np.clip(samples, -1, 1), sample_rate, subtype="PCM_16")
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
