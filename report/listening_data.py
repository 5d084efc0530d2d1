"""Data files of the listening pages: the model once, each clip when it is opened, each excerpt when it is played."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from report.component_names import dictionary_hash
from report.embed import floats_text, pcm, script_file
from report.explained import ExplainedClip, ExplainedModel, Floats
from report.page import File
from report.run_contents import RunContents
from report.thumbnail import thumbnail

TINY = 1e-12  # W H below which a bin belongs to no component, as in interpretability/listening/masks.py
SMOOTHING = 9  # frames of the smoothed statistics, as in models/temporal_pooling.py


def model_file(run: RunContents) -> Iterator[File]:
    """Yield data/model.js: all that turns activations into sound and scores."""
    if run.model is not None:
        yield script_file("model", _model(run, run.model))


def _model(run: RunContents, model: ExplainedModel) -> dict[str, Any]:
    n_classes, n_statistics, n_components = model.weight.shape
    attention = {name: floats_text(array) for name, array in (model.attention or {}).items()}
    return {
        "experiment": model.experiment,
        "run_id": model.run_id,
        "class_names": model.class_names,
        "multi_label": model.multi_label,
        "front_end": model.front_end,
        "pooling": model.pooling,
        "statistic_names": model.statistic_names,
        "can_rescore": model.can_rescore,
        "smoothing": SMOOTHING,
        "tiny": TINY,
        "C": n_classes,
        "P": n_statistics,
        "K": n_components,
        "F": model.dictionary.shape[0],
        "dictionary": floats_text(model.dictionary.T),
        "dictionary_hash": dictionary_hash(model.dictionary),
        "scale": floats_text(model.scale),
        "weight": floats_text(model.weight),
        "prior": None if model.prior is None else floats_text(model.prior),
        "attention": attention or None,
        "names": run.names,
        **_classes(run),
    }


def _classes(run: RunContents) -> dict[str, Any]:
    classes = run.classes
    if classes is None:
        return {"global_relevance": None, "n_predicted": None, "accuracy": None}
    return {
        "global_relevance": floats_text(np.nan_to_num(classes.relevance)),
        "n_predicted": classes.n_predicted,
        "accuracy": classes.accuracy,
    }


def clip_files(run: RunContents) -> Iterator[File]:
    """Yield the list of clips, and for each clip its data and a small picture."""
    if run.model is None:
        return
    rate, n_fft = int(run.model.front_end["sample_rate"]), int(run.model.front_end["n_fft"])
    yield script_file("clips", [_entry(clip, run.model) for clip in run.clips])
    for clip in run.clips:
        yield script_file(f"clip/{clip.key}", _clip(clip))
        yield f"data/clip/{clip.key}.png", thumbnail(clip.waveform, rate, n_fft)


def _entry(clip: ExplainedClip, model: ExplainedModel) -> dict[str, Any]:
    return {
        "key": clip.key,
        "name": clip.name,
        "split": clip.split,
        "seconds": len(clip.waveform) / model.front_end["sample_rate"],
        "note": clip.note,
        "target": clip.target,
        "predicted": [int(c) for c in predicted(clip, model)],
    }


def _clip(clip: ExplainedClip) -> dict[str, Any]:
    return {
        "target": clip.target,
        "windows": clip.windows or [(0, clip.n_frames)],
        "activations": floats_text(clip.activations),
        "logits": floats_text(clip.logits),
        "relevance": None if clip.relevance is None else floats_text(clip.relevance),
        **pcm(clip.waveform),
    }


def excerpt_files(run: RunContents) -> Iterator[File]:
    """Yield the typical excerpt of each component that has one."""
    if run.model is not None and run.classes is not None:
        for excerpt in run.classes.typical:
            yield script_file(f"excerpt/{excerpt.component}", pcm(excerpt.waveform))


def probabilities(logits: Floats, multi_label: bool) -> Floats:
    """Return class probabilities (C,): softmax of logits (C,), or a sigmoid of each (multi-label)."""
    if multi_label:
        return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum())


def predicted(clip: ExplainedClip, model: ExplainedModel) -> list[int]:
    """Return the classes a clip is said to hold, strongest first: the likeliest, or all above 50 % (multi-label)."""
    order = [int(c) for c in np.argsort(-clip.logits)]
    return [c for c in order if clip.logits[c] > 0] if model.multi_label else order[:1]
