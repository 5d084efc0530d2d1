"""One dissection of a classifier on the probe set of a run, as the callback and explain.py make it."""

from typing import Any

from callbacks.dissection_taps import Taps, run_of
from callbacks.probe_clips import ProbeClips
from configs.dissection_schema import DissectionConfig
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.dissect import Gather, dissect
from interpretability.dissection.dissection import Dissection
from interpretability.dissection.halves import split_halves
from interpretability.dissection.naming import NamingRules
from models.classifier import AudioClassifier

SEED = 0
"""Of halves, bootstrap and permutations: the same at every point, so that points differ by the model alone."""


def dissected(
    model: AudioClassifier[Any],
    taps: Taps,
    probes: ProbeClips,
    concepts: Concepts,
    settings: DissectionConfig,
    gather: Gather | None = None,
) -> Dissection:
    """Measure, name and test the units of the layers of `taps`.

    Clips that were cut from one recording are in one half: a name is never tested on a recording that it was chosen by.

    Args:
        model: the classifier; it is left as it was.
        taps: its layers.
        probes: the clips; in a distributed run this process reads its share.
        concepts: of the whole probe set.
        settings: of the callback.
        gather: joins the shards of a distributed run.
    """
    return dissect(
        model,
        taps.layers,
        probes,
        concepts,
        settings.read_out,
        settings.k,
        SEED,
        axes=taps.axes,
        run=run_of(model),
        halves=split_halves(concepts, SEED, probes.groups),
        rules=NamingRules(false_discovery=settings.false_discovery),
        gather=gather,
    )
