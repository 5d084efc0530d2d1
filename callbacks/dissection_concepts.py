"""What units may be named by: sources of concepts by name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from callbacks.probe_clips import ProbeClips
from interpretability.acoustics.descriptors import describe
from interpretability.dissection.concepts import Concepts, from_descriptors, from_multi_label, one_hot
from models.concept_sources import concepts_from

if TYPE_CHECKING:
    from configs.dissection_schema import DissectionConfig

Source = Callable[[ProbeClips, "DissectionConfig", Path], Concepts]
"""Makes the concepts of the whole probe set, on one process; answers are kept in the folder of the run."""
CACHE = ".concepts"
"""Folder of a run in which scores and answers are kept, where the settings name no other."""


def labels(probes: ProbeClips, settings: "DissectionConfig", folder: Path) -> Concepts:
    """Classes of the data set, as far as they are known."""
    names, targets = probes.datamodule.class_names, probes.targets
    return one_hot(targets, names) if targets.ndim == 1 else from_multi_label(targets, names, probes.observed)


def descriptors(probes: ProbeClips, settings: "DissectionConfig", folder: Path) -> Concepts:
    """Measured acoustic descriptors; a clip that is among the highest fifth has one."""
    return from_descriptors(described(probes))


def from_elsewhere(probes: ProbeClips, settings: "DissectionConfig", folder: Path) -> Concepts:
    """What needs more than the data set: an audio-text model or captions."""
    names = probes.datamodule.class_names
    return concepts_from(settings.concepts, probes.whole(), names, settings.source, folder / CACHE)


SOURCES: dict[str, Source] = {
    "labels": labels,
    "descriptors": descriptors,
    "clap": from_elsewhere,
    "captions": from_elsewhere,
    "words": from_elsewhere,
}
"""Name -> source, as `callbacks.dissection.concepts` chooses it."""


def described(probes: ProbeClips) -> dict[str, torch.Tensor]:
    """Return every descriptor (N,) of the clips of the whole probe set."""
    parts = [describe(batch.waveform, batch.length, probes.sample_rate) for batch in probes.whole().batches()]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def concepts_of(probes: ProbeClips, settings: "DissectionConfig", folder: Path) -> Concepts:
    """Return the concepts that the settings name.

    Raises:
        InputError: The source cannot be used, or the clips cannot be told apart by it.
    """
    return SOURCES[settings.concepts](probes, settings, folder)
