"""One cell of the table of explanations: one method on the clips of one condition, every score of every clip."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from callbacks.benchmark_clips import ClipSet
from interpretability.listening.contamination import clip_seed
from interpretability.listening.curves import curves
from interpretability.listening.equal_energy import equal_energy_masks
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.faithfulness import mask_scores
from interpretability.listening.separation_scores import si_sdr
from interpretability.listening.stability import noisy_copies, relevance_stability
from interpretability.power_spectrum import power_spectrum
from report.bootstrap import Values

STABILITY_DB = 30.0
"""Level of a clip above the noise under which its explanation should stay as it is."""


class Question(NamedTuple):
    """What a method is asked: why f says `labels` (B,) of clips, given as `waveform` (B, N) and complex STFT (B, F, T).

    `energy` (B,): that of the explanation to compare with; None while that one is being made.
    """

    names: tuple[str, ...]
    waveform: Tensor
    spectrum: Tensor
    labels: Tensor
    energy: Tensor | None


class Answer(NamedTuple):
    """What a method says, each (B, F, T).

    `natural`: its own mask in [0, 1]. `relevance`: by which bins are ordered. `shape`: what is scaled to equal energy.
    """

    natural: Tensor
    relevance: Tensor
    shape: Tensor


@dataclass(frozen=True)
class Method:
    """A row of the table; `settings` are all that its answers depend on beside classifier and clips.

    `passes` says about how many times a clip goes through the classifier, for the time left.
    """

    name: str
    title: str
    kind: Literal["own", "baseline", "control"]
    answer: Callable[[Question], Answer]
    settings: Mapping[str, Any] = field(default_factory=dict)
    passes: int = 1


@dataclass(frozen=True)
class Effort:
    """What is measured beside masked sounds: steps of curves, and noisy copies of the first clips; 0 for none."""

    curve_steps: int = 0
    stability_draws: int = 0
    stability_clips: int = 0
    batch_size: int = 8
    seed: int = 0


class Clock:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time spent inside."""
        started = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - started


def energy_of(masks: Tensor, spectrum: Tensor) -> Tensor:
    """Energy (B,) that masks (B, F, T) leave of spectra (B, F, T)."""
    return (power_spectrum(spectrum) * masks.square()).sum(dim=(1, 2))


def score_cell(
    f: ExplainedClassifier,
    method: Method,
    clips: ClipSet,
    energy: Tensor | None,
    effort: Effort,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[dict[str, Values], dict[str, float]]:
    """Score a method on n clips, each for the class that f decides for.

    Args:
        f: the classifier.
        method: the row.
        clips: of one condition.
        energy: (n,) of the explanation to compare with at equal energy; None: the method's own is that.
        effort: what is measured.
        advance: told the number of clips that are done.

    Returns:
        `energy/score` -> (n,) with NaN where undefined, further `label` and `energy` (n,); and seconds per clip.
    """
    clock, parts = Clock(), []
    device = next(f.module.parameters()).device
    for start in range(0, len(clips), effort.batch_size):
        part = clips.part(slice(start, start + effort.batch_size))
        waveform = part.waveform.to(device)
        with torch.no_grad():
            spectrum = f.analyse(waveform)
            labels = f.respond(spectrum).argmax(dim=1)
        given = None if energy is None else energy[start : start + effort.batch_size].to(spectrum.real)
        question = Question(part.names, waveform, spectrum, labels, given)
        with clock.on("explain"):
            answer = Answer(*(value.detach() for value in method.answer(question)))
        scores, taken = _masked(f, question, answer, part, clock)
        if effort.curve_steps:
            with clock.on("curves"):
                drawn = curves(f, spectrum, answer.relevance, labels, waveform.shape[1], effort.curve_steps)
            scores["once/deletion_area"] = drawn.deletion_area.values
            scores["once/insertion_area"] = drawn.insertion_area.values
        if effort.stability_draws:
            n = max(0, min(len(part), effort.stability_clips - start))
            with clock.on("stability"):
                scores["once/stability"] = _stability(f, method, question, answer, n, effort)
        parts.append({**scores, "label": labels.double(), "energy": taken.double()})
        advance(len(part))
    columns = {key: torch.cat([part[key].cpu() for part in parts]).numpy().astype(np.float64) for key in parts[0]}
    stable = min(len(clips), effort.stability_clips)
    counts = {"stability": max(1, stable)}
    return columns, {what: spent / counts.get(what, len(clips)) for what, spent in clock.seconds.items()}


def _masked(
    f: ExplainedClassifier, question: Question, answer: Answer, part: ClipSet, clock: Clock
) -> tuple[dict[str, Tensor], Tensor]:
    """Scores of the masked sounds at natural and at equal energy, and the energy (B,) of the natural mask."""
    spectrum, n_samples = question.spectrum, question.waveform.shape[1]
    taken = energy_of(answer.natural, spectrum)
    masks = {"natural": answer.natural}
    if question.energy is not None:
        masks["equal"] = equal_energy_masks(answer.shape, spectrum, question.energy)
    target = part.target.to(spectrum.device)
    with clock.on("masks"):
        found = mask_scores(f, spectrum, n_samples, masks, question.labels, target)
    with clock.on("overlap"):
        gains = _separation(f, question, masks, part)
    scores: dict[str, Tensor] = {}
    for name in masks:
        scores |= {f"{name}/{score}": values.values for score, values in found[name].items()}
        scores[f"{name}/si_sdr_gain"] = gains[name]
    if question.energy is None:
        scores |= {key.replace("natural/", "equal/"): value for key, value in scores.items()}
    return scores, taken


@torch.no_grad()
def _separation(
    f: ExplainedClassifier, question: Question, masks: Mapping[str, Tensor], part: ClipSet
) -> dict[str, Tensor]:
    """SI-SDR gain (B,) in dB of what masks keep over the clip, against the class's own sound; NaN where unknown."""
    reference = part.reference(question.labels.cpu()).to(question.waveform.device)
    if not bool(reference.any()):
        return {name: torch.full((len(part),), torch.nan) for name in masks}
    n_samples = question.waveform.shape[1]
    before = si_sdr(question.waveform, reference)
    gains = {}
    for name, mask in masks.items():
        gain = si_sdr(f.istft(mask * question.spectrum, n_samples), reference) - before
        gains[name] = gain.double().masked_fill(~gain.isfinite(), torch.nan)
    return gains


def _stability(
    f: ExplainedClassifier, method: Method, question: Question, answer: Answer, n: int, effort: Effort
) -> Tensor:
    """Cosine (n,) of relevance with and without noise for the first n clips."""
    if n == 0:
        return torch.zeros(0, dtype=torch.float64)
    drawn = []
    for name, clip in zip(question.names[:n], question.waveform[:n], strict=True):
        generator = torch.Generator().manual_seed(clip_seed("stability", name, effort.seed))
        drawn.append(noisy_copies(clip[None], effort.stability_draws, STABILITY_DB, generator))
    copies, noise = (torch.cat(parts, dim=1) for parts in zip(*drawn, strict=True))
    energy = None if question.energy is None else question.energy[:n]
    noisy = []
    for copy in copies:
        with torch.no_grad():
            spectrum = f.analyse(copy)
        asked = Question(question.names[:n], copy, spectrum, question.labels[:n], energy)
        noisy.append(method.answer(asked).relevance.detach())
    return relevance_stability(answer.relevance[:n], torch.stack(noisy), noise).similarity.values
