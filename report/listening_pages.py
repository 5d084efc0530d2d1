"""What the pages of clips, classes and components show."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from report.dissection_pages import component_units
from report.explained import ExplainedClip, ExplainedModel
from report.listening_data import excerpt_files, model_file, predicted, probabilities
from report.page import File
from report.run_contents import RunContents
from report.spectrum_picture import spectrum_picture

THRESHOLD = 0.2  # normalised relevance above which a component belongs to a class
STRONGEST = 5  # components shown in the list of classes
SPLITS = {"train": "training", "val": "validation"}
VOTES = 3  # classes shown in the list of components


def clips_context(run: RunContents) -> dict[str, Any] | None:
    """Return the rows of the list of clips."""
    if run.model is None or not run.clips:
        return None
    rows = [clip_row(clip, run.model) for clip in run.clips]
    held = sorted({c for row in rows for c in row["predicted"]})
    return {"rows": rows, "predicted_classes": [(c, run.model.class_names[c]) for c in held]}


def clip_row(clip: ExplainedClip, model: ExplainedModel) -> dict[str, Any]:
    """Return what a list says about a clip."""
    found = predicted(clip, model)
    share = probabilities(clip.logits, model.multi_label)
    right = None if clip.target is None else set(found) == {int(c) for c in clip.target}
    return {
        "key": clip.key,
        "name": clip.name,
        "split": clip.split,
        "note": clip.note,
        "predicted": found,
        "labels": [(model.class_names[c], float(share[c])) for c in found],
        "truth": [model.class_names[c] for c in clip.target or ()],
        "verdict": {None: "unlabelled", True: "right", False: "wrong"}[right],
    }


def desk_context(run: RunContents) -> dict[str, Any] | None:
    """Return an empty context for pages that are filled from data when they are opened."""
    return {} if run.model is not None and run.clips else None


def classes_context(run: RunContents) -> dict[str, Any] | None:
    """Return the rows of the list of classes: clips, recall and strongest components of each."""
    if run.model is None:
        return None
    rows = [_class_row(run, run.model, c) for c in range(len(run.model.class_names))]
    source = f"{SPLITS.get(run.classes.split, run.classes.split)} split" if run.classes is not None else ""
    metric = "average precision" if run.model.multi_label else "recall"
    has_accuracy = run.classes is not None and run.classes.accuracy is not None
    return {"rows": rows, "source": source, "metric": metric, "has_accuracy": has_accuracy, "can_hear": bool(run.clips)}


def _class_row(run: RunContents, model: ExplainedModel, c: int) -> dict[str, Any]:
    classes = run.classes
    row: dict[str, Any] = {"number": c, "name": model.class_names[c], "clips": None, "accuracy": None, "components": []}
    if classes is None:
        return row
    relevance = np.nan_to_num(classes.relevance[c])
    row["clips"] = int(classes.n_predicted[c])
    if classes.accuracy is not None and np.isfinite(classes.accuracy[c]):
        row["accuracy"] = float(classes.accuracy[c])
    if classes.n_predicted[c] > 0:
        order = np.argsort(-np.abs(relevance))[:STRONGEST]
        row["components"] = [(int(k), run.component(int(k)), float(relevance[k])) for k in order if relevance[k]]
    return row


def components_context(run: RunContents) -> dict[str, Any] | None:
    """Return the rows of the list of components: spectrum, typical excerpt, classes that it speaks for and against."""
    if run.model is None:
        return None
    excerpts = {e.component: e for e in run.classes.typical} if run.classes is not None else {}
    rate = int(run.model.front_end["sample_rate"])
    rows = []
    for k in range(run.model.dictionary.shape[1]):
        votes = _votes(run, run.model, k)
        rows.append(
            {
                "number": k,
                "name": run.component(k),
                "spectrum": spectrum_picture(run.model.dictionary[:, k], rate),
                "excerpt": excerpts.get(k),
                "votes_for": [vote for vote in votes if vote[1] > 0][:VOTES],
                "votes_against": [vote for vote in reversed(votes) if vote[1] < 0][:VOTES],
            }
        )
    how = "mean relevance" if run.classes is not None else "weight"
    return {"rows": rows, "rate": rate, "how": how, "has_excerpts": bool(excerpts), "units": component_units(run)}


def components_files(run: RunContents) -> Iterator[File]:
    """Yield the typical excerpts, and the model, which all listening pages read."""
    yield from model_file(run)
    yield from excerpt_files(run)


def _votes(run: RunContents, model: ExplainedModel, k: int) -> list[tuple[str, float]]:
    """Classes with what component k says about each, most in favour first; small voices are left out."""
    if run.classes is not None:
        values, least = np.nan_to_num(run.classes.relevance[:, k]), THRESHOLD
    else:
        values, least = model.weight[:, :, k].sum(axis=1), 0.0
    order = np.argsort(-values)
    return [(model.class_names[c], float(values[c])) for c in order if abs(values[c]) > least]


def featured(run: RunContents) -> dict[str, Any] | None:
    """Return the clip of the first page: the one the model is surest of among those it is right about."""
    if run.model is None or not run.clips:
        return None
    rows = [(clip_row(clip, run.model), clip) for clip in run.clips]
    heard = [(row, clip) for row, clip in rows if row["predicted"]] or rows
    right = [(row, clip) for row, clip in heard if row["verdict"] == "right"] or heard
    row, clip = max(right, key=lambda pair: float(probabilities(pair[1].logits, run.model.multi_label).max()))  # type: ignore[union-attr]
    number = row["predicted"][0] if row["predicted"] else int(np.argmax(clip.logits))
    share = float(probabilities(clip.logits, run.model.multi_label)[number])
    return row | {"class": number, "label": run.model.class_names[number], "share": share}
