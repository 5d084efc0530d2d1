"""A model's own interpretations against real clips of a class and its clean sources, beside equal-energy random masks.

A mask that isolates its class well moves away from real mixtures, and towards clean sources: both are measured, where
the latter are known. Recordings are split in two halves, and each is compared with the other, so that none stands on
both sides; the distance is the mean of the two.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from callbacks.faithfulness import of_equal_length
from callbacks.faithfulness_scores import CONTROLS, EXPLANATION, explanation_masks
from callbacks.generation_ground import SearchGround
from callbacks.generation_network import Network, network_of
from callbacks.generation_units import head_target
from callbacks.listening_clips import SPLIT, chosen_clips, held_classes
from interpretability.generation.feature_moments import as_rows
from interpretability.generation.frechet import frechet_distance
from interpretability.generation.judge import RECORDINGS, reduced
from interpretability.generation.kernel_distance import kernel_distance
from interpretability.generation.kernel_uncertainty import kernel_band
from interpretability.listening.mask_shape import energy_kept
from interpretability.listening.masks import MaskScale
from models.explanation import explain

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule
    from models.component_classifier import ComponentClassifier

MASKS: MaskScale = "magnitude"
KINDS = ("whole", "interpretation", "random_mask", "clean")
AGAINST = {
    "real": ("whole", ("interpretation", "random_mask")),
    "stems": ("clean", ("interpretation", "random_mask", "whole")),
}
"""What sounds are compared with: the kind on the other side, which is also the floor's, and the kinds compared."""
HEARD = tuple(f"{against}/{kind}_distance" for against, (_, kinds) in AGAINST.items() for kind in ("floor", *kinds))
LEAST = 3
"""Clips of a half below which nothing is compared."""


@dataclass(frozen=True, eq=False)
class HeardClass:
    """The sounds of one class.

    Attributes:
        name: of the class.
        recordings: of each of n clips.
        sounds: kind -> n waveforms (N,) of their own lengths; `clean` is missing where sources are not known.
        energy: mean share of a clip that the interpretation keeps.
    """

    name: str
    recordings: tuple[str, ...]
    sounds: Mapping[str, Sequence[Tensor]]
    energy: float


def interpretations_of(model: "ComponentClassifier", datamodule: "AudioDataModule", count: int) -> list[HeardClass]:
    """Mask validation clips for the classes that they hold, at random and not at all.

    Args:
        model: whose interpretations are heard.
        datamodule: of its run.
        count: clips at most, one of each class in turn.
    """
    clips = datamodule.dataset(SPLIT).clips
    indices = chosen_clips(clips, datamodule.n_classes, count)
    pairs = [(index, label) for index in indices for label in held_classes(clips[index])]
    stems = datamodule.source.stems(clips[indices[0]]) is not None if indices else False
    found: dict[int, list[tuple[int, dict[str, Tensor], float]]] = {}
    lengths = {place: len(datamodule.dataset(SPLIT)[index].waveform) for place, (index, _) in enumerate(pairs)}
    for group in of_equal_length(lengths):
        numbers = [pairs[place][0] for place in group]
        labels = torch.tensor([pairs[place][1] for place in group], device=model.device)
        batch = datamodule.batch(SPLIT, numbers, stems=stems).to(model.device)
        clip = batch.waveform[:, : int(batch.length[0])]
        said = explain(model, clip, scale=MASKS)
        masks = explanation_masks(said, labels, numbers).named
        sounds = {"whole": clip}
        for kind, mask in (("interpretation", EXPLANATION), ("random_mask", CONTROLS[1])):
            sounds[kind] = said.inverse(masks[mask] * said.spectrum, clip.shape[1])
        if batch.stems is not None:
            rows = torch.arange(len(group), device=labels.device)
            sounds["clean"] = batch.stems[rows, labels][:, : clip.shape[1]]
        kept = energy_kept(masks[EXPLANATION], said.spectrum).values
        for row, place in enumerate(group):
            one = {kind: sound[row].cpu() for kind, sound in sounds.items()}
            if all(bool(sound.abs().amax() > 0) for sound in one.values()):  # an empty mask explains nothing
                found.setdefault(int(labels[row]), []).append((pairs[place][0], one, float(kept[row])))
    return [
        HeardClass(
            datamodule.class_names[label],
            tuple(clips[index].group for index, _, _ in rows),
            {kind: [sounds[kind] for _, sounds, _ in rows] for kind in rows[0][1]},
            sum(share for _, _, share in rows) / len(rows),
        )
        for label, rows in sorted(found.items())
    ]


def heard_point(
    heard: Sequence[HeardClass],
    model: "ComponentClassifier",
    ground: SearchGround,
    epoch: int,
    end: bool,
) -> dict[str, Any]:
    """Compare the sounds in the features of the explained network and of the independent one, as plain data."""
    networks = {"own": model, "judge": None if ground.independent is None else ground.independent.module}
    layer = ground.settings.features
    listening = {
        name: None
        if one is None
        else network_of(one, ground.network.n_samples, "waveform", layer if one is model else None)
        for name, one in networks.items()
    }
    rows = []
    for one in heard:
        halves = halves_of(one.recordings)
        row = {
            "name": one.name,
            "n": len(one.recordings),
            "recordings": len(set(one.recordings)),
            "n_real": len(one.recordings),
            "real_recordings": len(set(one.recordings)),
            "energy": _plain(one.energy),
        }
        for name, network in listening.items():
            row[name] = (
                None if network is None else compared({k: features(network, s) for k, s in one.sounds.items()}, halves)
            )
        rows.append(row)
    return {
        "epoch": epoch,
        "end": end,
        "split": "validation",
        "n_clips": sum(len(one.recordings) for one in heard),
        "masks": MASKS,
        "features": ground.network.features.layer,
        "judge": ground.judge,
        "judge_note": ground.judge_note,
        "rows": rows,
    }


def features(network: Network, sounds: Sequence[Tensor]) -> Tensor:
    """Return the features (n, D) in which a network hears sounds of their own lengths."""
    listener = network.listener(head_target(0))
    found: dict[int, Tensor] = {}
    for group in of_equal_length({i: len(sound) for i, sound in enumerate(sounds)}, at_once=16):
        heard = listener.hears(torch.stack([sounds[i] for i in group]))[1]
        found.update(zip(group, as_rows(heard), strict=True))
    return torch.stack([found[i] for i in range(len(sounds))])


def halves_of(recordings: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return positions of two halves without a recording in common, recordings in turn by their number of clips."""
    places: dict[str, list[int]] = {}
    for i, recording in enumerate(recordings):
        places.setdefault(recording, []).append(i)
    halves: tuple[list[int], list[int]] = ([], [])
    for group in sorted(places.values(), key=len, reverse=True):
        min(halves, key=len).extend(group)
    return torch.tensor(sorted(halves[0]), dtype=torch.int64), torch.tensor(sorted(halves[1]), dtype=torch.int64)


def compared(sounds: Mapping[str, Tensor], halves: tuple[Tensor, Tensor]) -> dict[str, Any] | None:
    """Return all distances between features (n, D) by kind of sound; None where a half is too small.

    Returns:
        As `report.interpretations_file` describes a network.
    """
    if min(len(half) for half in halves) < LEAST:
        return None
    found: dict[str, Any] = {}
    for against, (kind, others) in AGAINST.items():
        if kind not in sounds:
            found[against] = None
            continue
        found[against] = {
            name: both(sounds[of], sounds[kind], halves) for name, of in (("floor", kind), *((o, o) for o in others))
        }
    return found


def both(made: Tensor, real: Tensor, halves: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """Return the mean distance of each half of `made` (n, D) to the other half of `real` (n, D), with its interval."""
    values, errors, distances = [], [], []
    for one, other in (halves, halves[::-1]):
        base, rows = reduced(real[other], made[one])
        band = kernel_band(base, rows)
        values.append(float(kernel_distance(base, rows)))
        errors.append((band.high - band.low) / 2)
        if min(len(one), len(other)) >= RECORDINGS:
            distances.append(float(frechet_distance(base, rows)))
    value, half = sum(values) / 2, math.hypot(*errors) / 2
    kernel = [_plain(v) for v in (value, value - half, value + half)]
    return {"kernel": kernel, "frechet": [_plain(sum(distances) / 2)] if distances else None}


def heard_figures(point: Mapping[str, Any]) -> dict[str, float]:
    """Return the means over classes that are logged: `real/interpretation_distance` and so on."""
    return dict(_means(point["rows"], "own")) | {
        f"independent/{name}": value for name, value in _means(point["rows"], "judge")
    }


def _means(rows: Sequence[Mapping[str, Any]], network: str) -> Iterator[tuple[str, float]]:
    for against, (_, kinds) in AGAINST.items():
        for kind in ("floor", *kinds):
            cells = [((row.get(network) or {}).get(against) or {}).get(kind) for row in rows]
            values = [cell["kernel"][0] for cell in cells if cell and cell["kernel"][0] is not None]
            if values:
                yield f"{against}/{kind}_distance", sum(values) / len(values)


def _plain(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
