"""What the scoring faults of the best-known public code make of our explanations: the same masks, scored twice."""

import torch

from callbacks.benchmark_cell import Method, Question
from callbacks.benchmark_clips import ClipSet
from interpretability.listening.clip_values import Deviation
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.faithfulness import mask_scores
from report.bootstrap import Values

FAULTS: dict[str, tuple[str, str]] = {
    "second_softmax": ("average_drop", "a second softmax on probabilities"),
    "class_zero": ("input_fidelity", "counts clips predicted as class 0"),
    "log_subtraction": ("removal_probability", "log spectra subtracted instead of sounds"),
    "untrained_head": ("average_increase", "explanations from a head of random weights"),
}
"""Fault -> the score it spoils, and in words what is done (SpeechBrain's L2I recipe)."""

SCORING: tuple[Deviation, ...] = ("second_softmax", "class_zero", "log_subtraction")


def score_faults(
    f: ExplainedClassifier, method: Method, untrained: Method | None, clips: ClipSet, batch_size: int
) -> dict[str, Values]:
    """Return `fault/right` and `fault/published` -> (n,) of one explanation at its natural energy.

    Args:
        f: the classifier.
        method: whose masks are scored both ways.
        untrained: the same explanation from a head of random weights; None leaves this fault out.
        clips: of one condition.
        batch_size: clips at a time.
    """
    parts = []
    device = next(f.module.parameters()).device
    for start in range(0, len(clips), batch_size):
        part = clips.part(slice(start, start + batch_size))
        waveform = part.waveform.to(device)
        with torch.no_grad():
            spectrum = f.analyse(waveform)
            labels = f.respond(spectrum).argmax(dim=1)
        question = Question(part.names, waveform, spectrum, labels, None)
        masks = {"own": method.answer(question).natural.detach()}
        if untrained is not None:
            masks["untrained"] = untrained.answer(question).natural.detach()
        n_samples = waveform.shape[1]
        right = mask_scores(f, spectrum, n_samples, masks, labels)
        wrong = mask_scores(f, spectrum, n_samples, {"own": masks["own"]}, labels, as_published=SCORING)["own"]
        found = {}
        for fault in SCORING:
            score = FAULTS[fault][0]
            found[f"{fault}/right"], found[f"{fault}/published"] = right["own"][score], wrong[score]
        if untrained is not None:
            score = FAULTS["untrained_head"][0]
            found["untrained_head/right"] = right["own"][score]
            found["untrained_head/published"] = right["untrained"][score]
        parts.append({key: values.values.cpu() for key, values in found.items()})
    return {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}
