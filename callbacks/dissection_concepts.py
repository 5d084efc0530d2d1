"""What units may be named by: sources of concepts by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from callbacks.probe_clips import ProbeClips
from configs.errors import InputError
from configs.registry import nearest
from interpretability.acoustics.descriptors import describe
from interpretability.dissection.concepts import Concepts, from_descriptors, from_multi_label, one_hot

if TYPE_CHECKING:
    from configs.dissection_schema import DissectionConfig

Source = Callable[[ProbeClips, "DissectionConfig"], Concepts]
"""Makes the concepts of the whole probe set, on one process."""


def labels(probes: ProbeClips, settings: "DissectionConfig") -> Concepts:
    """Classes of the data set, as far as they are known."""
    names, targets = probes.datamodule.class_names, probes.targets
    return one_hot(targets, names) if targets.ndim == 1 else from_multi_label(targets, names, probes.observed)


def descriptors(probes: ProbeClips, settings: "DissectionConfig") -> Concepts:
    """Measured acoustic descriptors; a clip that is among the highest fifth has one."""
    return from_descriptors(described(probes))


SOURCES: dict[str, Source] = {"labels": labels, "descriptors": descriptors}
"""Name -> source, as `callbacks.dissection.concepts` chooses it."""


def described(probes: ProbeClips) -> dict[str, torch.Tensor]:
    """Return every descriptor (N,) of the clips of the whole probe set."""
    parts = [describe(batch.waveform, batch.length, probes.sample_rate) for batch in probes.whole().batches()]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def concepts_of(probes: ProbeClips, settings: "DissectionConfig") -> Concepts:
    """Return the concepts that the settings name.

    Raises:
        InputError: There is no such source, or it cannot be used.
    """
    if settings.concepts not in SOURCES:
        hint = nearest(settings.concepts, list(SOURCES))
        raise InputError(
            f"callbacks.dissection.concepts={settings.concepts}: no such source{hint}; known: {', '.join(SOURCES)}"
        )
    return SOURCES[settings.concepts](probes, settings)
