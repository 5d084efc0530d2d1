"""A model's own interpretations of a class against real clips of it and their clean sources, beside random masks.

A mask that isolates a source well leaves the real clips, in which other sources sound too; the clean sources show
whether that is what it does, and a random mask that keeps as much energy shows what any mask does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from callbacks.faithfulness_scores import EXPLANATION, explanation_masks
from callbacks.generation_network import network_of
from callbacks.listening_clips import SPLIT, chosen_clips, held_classes
from interpretability.generation.frechet import frechet_distance
from interpretability.generation.frechet_uncertainty import bootstrap_band
from interpretability.generation.judge import RECORDINGS, reduced
from interpretability.generation.kernel_uncertainty import recordings_band
from interpretability.generation.target import Target
from interpretability.listening.interpretation import THRESHOLD
from interpretability.listening.mask_shape import energy_kept
from models.classifier import AudioClassifier
from models.explanation import explain, require_components

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule

BATCH = 8
"""Clips explained at once."""
LEAST = 2
"""Recordings on either side below which a class is left out: clips of one do not show how far recordings differ."""


@dataclass(frozen=True, eq=False)
class Sounds:
    """Clips of one class and parts of them, each (n, N), on the CPU.

    Attributes:
        recordings: of each clip.
        parts: "whole", "interpretation", "random_mask" and, where there are clean sources, "stem".
        energy: (n,) share of the clip that the interpretation keeps.
    """

    recordings: tuple[str, ...]
    parts: dict[str, Tensor]
    energy: Tensor


def own_parts(
    module: AudioClassifier[Any],
    datamodule: "AudioDataModule",
    n_clips: int = 200,
    independent: AudioClassifier[Any] | None = None,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Compare interpretations with real clips, class by class; no recording stands on both sides.

    Args:
        module: made of components.
        datamodule: of its run; validation clips are taken, of each class in turn.
        n_clips: clips at most, half of them to be interpreted and half to be compared with.
        independent: a second network that hears all of it; None leaves its figures out.
        threshold: relevance above which a component belongs to the interpretation.
        seed: of the split of the recordings and of the intervals.

    Returns:
        The rows of `report.interpretations_file`, and names of the classes that have too few recordings for one.

    Raises:
        InputError: A model without components.
    """
    require_components(module)
    clips = datamodule.dataset(SPLIT).clips
    chosen = chosen_clips(clips, datamodule.n_classes, n_clips)
    rows, left_out = [], []
    for number, name in enumerate(module.class_names):
        mine = [index for index in chosen if number in held_classes(clips[index])]
        some, others = halves(mine, [clips[index].group for index in mine], seed)
        if min(len({clips[index].group for index in side}) for side in (some, others)) < LEAST:
            left_out.append(name)
            continue
        made = sounds_of_class(module, datamodule, some, number, threshold)
        real = sounds_of_class(module, datamodule, others, number, None)
        rows.append(
            {
                "name": name,
                "n": len(some),
                "recordings": len(set(made.recordings)),
                "n_real": len(others),
                "real_recordings": len(set(real.recordings)),
                "energy": _plain(float(made.energy.mean())),
                "own": compared(module, made, real, seed),
                "judge": None if independent is None else compared(independent, made, real, seed),
            }
        )
    return rows, left_out


def halves(indices: Sequence[int], recordings: Sequence[str], seed: int) -> tuple[list[int], list[int]]:
    """Split clips in two parts of about as many clips, whole recordings at a time."""
    names = list(dict.fromkeys(recordings))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    sides: tuple[list[int], list[int]] = ([], [])
    for place in order:
        mine = [index for index, name in zip(indices, recordings, strict=True) if name == names[place]]
        sides[len(sides[0]) > len(sides[1])].extend(mine)
    return sides


def sounds_of_class(
    module: AudioClassifier[Any],
    datamodule: "AudioDataModule",
    indices: Sequence[int],
    number: int,
    threshold: float | None,
) -> Sounds:
    """Read clips of a class with their clean sources, and unless `threshold` is None, interpret them for the class."""
    groups = tuple(datamodule.clip(SPLIT, index).group for index in indices)
    found: dict[str, list[Tensor]] = {}
    energy: list[Tensor] = []
    with_stems = datamodule.source.stems(datamodule.clip(SPLIT, indices[0])) is not None
    for start in range(0, len(indices), BATCH):
        part = list(indices[start : start + BATCH])
        batch = datamodule.batch(SPLIT, part, stems=with_stems)
        found.setdefault("whole", []).append(batch.waveform)
        if batch.stems is not None:
            found.setdefault("stem", []).append(batch.stems[:, number])
        if threshold is None:
            continue
        said = explain(require_components(module), batch.waveform, batch.length, threshold=threshold)
        label = torch.full((len(part),), number, device=said.spectrum.device)
        masks = explanation_masks(said, label, part).named
        energy.append(energy_kept(masks[EXPLANATION], said.spectrum).values.cpu())
        for name, mask in (("interpretation", masks[EXPLANATION]), ("random_mask", masks["random_mask"])):
            found.setdefault(name, []).append(said.inverse(mask * said.spectrum, said.n_samples).cpu())
    parts = {name: padded(waveforms) for name, waveforms in found.items()}
    return Sounds(groups, parts, torch.cat(energy) if energy else torch.zeros(0))


def compared(network: AudioClassifier[Any], made: Sounds, real: Sounds, seed: int) -> dict[str, Any]:
    """Return the distances of parts of some clips to others, whole and clean, as one network hears them."""
    sides = {"made": made.parts, "real": real.parts}
    longest = max(sounds.shape[1] for parts in sides.values() for sounds in parts.values())
    heard = {
        (side, name): _features(network, padded([sounds], longest))
        for side, parts in sides.items()
        for name, sounds in parts.items()
    }

    def distance(part: str, to: str) -> dict[str, Any]:
        return distances(heard["real", to], heard["made", part], real.recordings, made.recordings, seed)

    masks = ("interpretation", "random_mask")
    to_real = {"floor": distance("whole", "whole")} | {part: distance(part, "whole") for part in masks}
    if ("real", "stem") not in heard:
        return {"real": to_real, "stems": None}
    to_stems = {"floor": distance("stem", "stem")} | {part: distance(part, "stem") for part in (*masks, "whole")}
    return {"real": to_real, "stems": to_stems}


def distances(
    real: Tensor, made: Tensor, real_recordings: Sequence[str], made_recordings: Sequence[str], seed: int
) -> dict[str, Any]:
    """Return kernel and Fréchet distance of features (n, D) and (m, D) as [value, low, high] (90 %, over recordings).

    There is no interval of a kernel distance below three recordings on a side, and no Fréchet distance below ten.
    """
    recordings = min(len(set(real_recordings)), len(set(made_recordings)))
    kernel = recordings_band(real, made, real_recordings, made_recordings)
    found: dict[str, Any] = {"kernel": [_plain(v) for v in (kernel.mean, kernel.low, kernel.high)], "frechet": None}
    if recordings >= RECORDINGS:
        fewer_real, fewer_made = reduced(real.double(), made.double())
        value = float(frechet_distance(fewer_real, fewer_made))
        boot = bootstrap_band(fewer_real, fewer_made, torch.Generator().manual_seed(seed), groups=made_recordings)
        half = (boot.high - boot.low) / 2
        found["frechet"] = [_plain(v) for v in (value, max(value - half, 0.0), value + half)]
    return found


def padded(waveforms: Sequence[Tensor], least: int = 0) -> Tensor:
    """Join waveforms (b, N) of several batches, those that are shorter than others or `least` followed by silence."""
    longest = max(least, *(part.shape[1] for part in waveforms))
    return torch.cat([torch.nn.functional.pad(part, (0, longest - part.shape[1])) for part in waveforms])


def _features(network: AudioClassifier[Any], waveforms: Tensor) -> Tensor:
    heard = network_of(network, waveforms.shape[1], "waveform")
    return heard.listener(Target(0)).hears(waveforms, BATCH)[1]


def _plain(value: float) -> float | None:
    return float(f"{value:.6g}") if torch.tensor(value).isfinite() else None
