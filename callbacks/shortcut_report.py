"""A planted shortcut in sound scenes: which explanations reveal the hum, and what muting its components does."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from callbacks.benchmark_blocks import Block
from callbacks.benchmark_cell import Method, Question, energy_of
from callbacks.benchmark_clips import data_of
from callbacks.benchmark_methods import methods_of
from configs.benchmark_schema import ExplanationsBenchmark, SanityBenchmark
from configs.data_schema import SoundScenesData
from datamodules.clip_source import Split
from datamodules.sound_scenes import SoundScenes
from interpretability.isolation import forked_randomness
from interpretability.listening.equal_energy import equal_energy_masks
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.shortcut import ShortcutScores, shortcut_scores, shortcut_share
from models.component_classifier import ComponentClassifier
from models.explained import explained_classifier
from models.explanation import apply_gains, explain, require_components
from models.run_loading import LoadedRun

AT_ONCE = 8


class Scenes(NamedTuple):
    """n scenes, each (N,), the hum in each (zero where there is none), and their classes (n,)."""

    clips: Tensor
    hums: Tensor
    targets: Tensor

    @property
    def hummed(self) -> Tensor:
        """Which scenes (n,) hold the hum."""
        return self.hums.abs().amax(dim=1) > 0

    @property
    def lent(self) -> Tensor:
        """For each scene the hum (N,) of one that holds it."""
        return self.hums[self.hummed][torch.arange(len(self.clips)) % int(self.hummed.sum())]

    def variants(self, label: int, name: str) -> dict[str, tuple[Tensor, Tensor]]:
        """Clips and classes: as they are, without any hum, and with it in all scenes but those of class `label`."""
        others, without = self.targets != label, self.clips - self.hums
        return {
            "as they are": (self.clips, self.targets),
            "without hum": (without, self.targets),
            f"without hum, class {name}": (without[~others], self.targets[~others]),
            "hum in the other classes": ((self.clips + self.lent)[others], self.targets[others]),
        }


def shortcut_report(run: LoadedRun, settings: SanityBenchmark) -> dict[str, Any] | None:
    """Score every method on the test clips that hold the hum; None for runs without a planted shortcut."""
    data = run.config.data
    if not isinstance(data, SoundScenesData) or data.shortcut is None or data.multi_label:
        return None
    scenes = scenes_of(run, "test")
    if not bool(scenes.hummed.any()):
        return None
    block = Block(run.config.model.name, "", run, explained_classifier(run.model), own=[run])
    benchmark = ExplanationsBenchmark(
        run=str(run.path), methods=settings.methods, threshold=settings.threshold, seed=settings.seed
    )
    methods = methods_of(block, benchmark)
    number = run.class_names.index(data.shortcut)
    clips, hums = (part[scenes.hummed][: settings.clips] for part in (scenes.clips, scenes.hums))
    return {
        "class": data.shortcut,
        "n": len(clips),
        "methods": score_methods(block.f, methods, clips, hums, number),
        "muting": muting(require_components(block.run.model), scenes_of(run, "val"), scenes, number),
    }


def scenes_of(run: LoadedRun, split: Split) -> Scenes:
    """Return the scenes of a split, their hums known."""
    data = data_of(run)
    source = data.source
    assert isinstance(source, SoundScenes)  # noqa: S101 - what the data schema says
    total = len(data.dataset(split))
    batch = data.batch(split, range(total))
    hums = [torch.from_numpy(source.hum(data.clip(split, place))) for place in range(total)]
    return Scenes(batch.waveform, torch.stack(hums), batch.target)


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


def muting(model: ComponentClassifier, validation: Scenes, test: Scenes, label: int) -> dict[str, Any]:
    """Mute the components by which the hum speaks for its class, chosen on validation scenes; accuracies on others.

    Of scenes as they are, of the same without any hum, and with the hum of some scene of the class in all scenes of
    other classes, which a model that goes by the hum takes for that class.
    """
    carriers = hum_carriers(model, validation, label)
    share = carried(model, test.clips[test.hummed], test.hums[test.hummed])
    gains = torch.ones(len(share))
    gains[carriers] = 0
    muted = copy.deepcopy(model)
    apply_gains(muted, gains)
    rows = [
        {"clips": name, "n": len(y), "before": _accuracy(model, x, y), "after": _accuracy(muted, x, y)}
        for name, (x, y) in test.variants(label, model.class_names[label]).items()
    ]
    return {"components": carriers, "share": [round(float(share[k]), 3) for k in carriers], "rows": rows}


def hum_carriers(model: ComponentClassifier, scenes: Scenes, label: int) -> list[int]:
    """Components to mute so that a model no longer goes by the hum, the one that carries most of it first.

    Components are ranked by how much more they say for class `label` when the hum is added to scenes of other classes.
    As many are muted as give the best accuracy on the scenes without hum; of equal numbers, the one that is best with
    the hum in the other classes; none where muting does no good, as the class is known by the hum alone. A decision is
    a sum over components, so no scene is heard again for it.
    """
    others = scenes.targets != label
    plain = contributions(model, scenes.clips - scenes.hums)
    hummed = contributions(model, (scenes.clips + scenes.lent)[others])
    order = (hummed - plain[others])[:, label].mean(dim=0).argsort(descending=True)
    found = []
    for said, targets in ((plain, scenes.targets), (hummed, scenes.targets[others])):
        muted = torch.nn.functional.pad(said[..., order].cumsum(dim=2), (1, 0))  # (n, C, number muted)
        logits = said.sum(dim=2, keepdim=True) - muted
        found.append((logits.argmax(dim=1) == targets[:, None]).double().mean(dim=0).tolist())
    count = max(range(len(order)), key=lambda number: (found[0][number], found[1][number]))
    return [int(k) for k in order[:count]]


def contributions(model: ComponentClassifier, clips: Tensor) -> Tensor:
    """What each component adds to each class's score (n, C, K) on clips (n, N)."""
    return torch.cat([explain(model, part).relevance for part in torch.split(clips, AT_ONCE)])


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
