"""A planted shortcut in sound scenes: which explanations reveal the hum, and what muting its components does."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.benchmark_blocks import Block
from callbacks.benchmark_cell import Method, Question, energy_of
from callbacks.benchmark_clips import data_of
from callbacks.benchmark_methods import methods_of
from configs.benchmark_schema import ExplanationsBenchmark, SanityBenchmark
from configs.data_schema import SoundScenesData
from datamodules.sound_scenes import SoundScenes
from interpretability.isolation import forked_randomness
from interpretability.listening.equal_energy import equal_energy_masks
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.shortcut import ShortcutScores, shortcut_scores, shortcut_share
from models.component_classifier import ComponentClassifier
from models.explained import explained_classifier
from models.explanation import apply_gains, explain, require_components
from models.run_loading import LoadedRun

CARRIES = 1.5
"""How many times the shortcut's share of the clips its share of a component is, where the component carries it."""
AT_ONCE = 8


def shortcut_report(run: LoadedRun, settings: SanityBenchmark) -> dict[str, Any] | None:
    """Score every method on the test clips that hold the hum; None for runs without a planted shortcut."""
    data = run.config.data
    if not isinstance(data, SoundScenesData) or data.shortcut is None or data.multi_label:
        return None
    clips, hums, targets = _scenes(run)
    hummed = hums.abs().amax(dim=1) > 0
    if not bool(hummed.any()):
        return None
    block = Block(run.config.model.name, "", run, explained_classifier(run.model), own=[run])
    benchmark = ExplanationsBenchmark(
        run=str(run.path), methods=settings.methods, threshold=settings.threshold, seed=settings.seed
    )
    methods = methods_of(block, benchmark)
    number = run.class_names.index(data.shortcut)
    rows = score_methods(block.f, methods, clips[hummed][: settings.clips], hums[hummed][: settings.clips], number)
    model = require_components(block.run.model)
    return {
        "class": data.shortcut,
        "n": int(hummed.sum().clamp(max=settings.clips)),
        "methods": rows,
        "muting": muting(model, clips, hums, targets, number),
    }


def _scenes(run: LoadedRun) -> tuple[Tensor, Tensor, Tensor]:
    """Test clips (n, N), the hum in each (n, N), and their classes (n,)."""
    data = data_of(run)
    source = data.source
    assert isinstance(source, SoundScenes)  # noqa: S101 - what the data schema says
    total = len(data.dataset("test"))
    batch = data.batch("test", range(total))
    hums = [torch.from_numpy(source.hum(data.clip("test", place))) for place in range(total)]
    return batch.waveform, torch.stack(hums), batch.target


def score_methods(
    f: ExplainedClassifier, methods: Sequence[Method], clips: Tensor, hums: Tensor, label: int
) -> list[dict[str, Any]]:
    """Return how well each method's mask for class `label` finds the hums (n, N) in clips (n, N), at equal energy."""
    found: dict[str, list[ShortcutScores]] = {method.name: [] for method in methods}
    for start in range(0, len(clips), AT_ONCE):
        waveform, hum = clips[start : start + AT_ONCE], hums[start : start + AT_ONCE]
        with torch.no_grad():
            spectrum = f.analyse(waveform)
            level = f.normalize(waveform).abs().amax(dim=1) / waveform.abs().amax(dim=1).clamp_min(1e-12)
            planted = f.stft(hum * level[:, None])
        names = tuple(str(start + place) for place in range(len(waveform)))
        labels = torch.full((len(waveform),), label)
        question = Question(names, waveform, spectrum, labels, None)
        for method in methods:
            with forked_randomness(start, torch.device("cpu")):
                answer = method.answer(question)
            if question.energy is None:
                question = question._replace(energy=energy_of(answer.natural.detach(), spectrum))
            assert question.energy is not None  # noqa: S101 - narrows the type
            masks = equal_energy_masks(answer.shape.detach(), spectrum, question.energy)
            generator = torch.Generator().manual_seed(start)
            found[method.name].append(shortcut_scores(masks, spectrum, planted, generator))
    return [_row(method, found[method.name]) for method in methods]


def _row(method: Method, parts: Sequence[ShortcutScores]) -> dict[str, Any]:
    scores = ShortcutScores(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    figures = {name: float(values.double().nanmean()) for name, values in scores._asdict().items()}
    return {"title": method.title, "kind": method.kind, "undefined": int(scores.revealed.isnan().sum()), **figures}


def muting(model: ComponentClassifier, clips: Tensor, hums: Tensor, targets: Tensor, label: int) -> dict[str, Any]:
    """Mute the components that carry the hum, and return accuracies before and after.

    Of clips as they are, of the same without any hum, and with the hum of some clip of the class in all clips of other
    classes, which a model that goes by the hum takes for that class.
    """
    hummed = hums.abs().amax(dim=1) > 0
    share = carried(model, clips[hummed], hums[hummed])
    usual = hums[hummed].square().sum() / clips[hummed].square().sum()
    carriers = (share > CARRIES * usual).nonzero().flatten().tolist()
    muted = copy.deepcopy(model)
    if carriers:
        gains = torch.ones(len(share))
        gains[carriers] = 0
        apply_gains(muted, gains)
    lent = hums[hummed][torch.arange(len(clips)) % int(hummed.sum())]
    others = targets != label
    variants: Mapping[str, tuple[Tensor, Tensor]] = {
        "as they are": (clips, targets),
        "without hum": (clips - hums, targets),
        f"without hum, class {model.class_names[label]}": ((clips - hums)[~others], targets[~others]),
        "hum in the other classes": ((clips + lent)[others], targets[others]),
    }
    rows = [
        {"clips": name, "n": len(y), "before": _accuracy(model, x, y), "after": _accuracy(muted, x, y)}
        for name, (x, y) in variants.items()
    ]
    return {"components": carriers, "share": [round(float(share[k]), 3) for k in carriers], "rows": rows}


def carried(model: ComponentClassifier, clips: Tensor, hums: Tensor) -> Tensor:
    """Share (K,) of what each component takes from clips (n, N) that is the hum's (n, N)."""
    found = []
    for start in range(0, len(clips), AT_ONCE):
        waveform = clips[start : start + AT_ONCE]
        said = explain(model, waveform)
        hum = model.front_end.stft(hums[start : start + AT_ONCE] / said.level[:, None])
        found.append(shortcut_share(said.dictionary, said.activations, said.spectrum, hum) * len(waveform))
    return torch.stack(found).sum(dim=0) / len(clips)


@torch.no_grad()
def _accuracy(model: ComponentClassifier, clips: Tensor, targets: Tensor) -> float:
    said = torch.cat([model(part).argmax(dim=1) for part in torch.split(clips, 32)])
    return float((said == targets).double().mean())
