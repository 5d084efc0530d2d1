"""The work of `benchmark.py sanity`: what is left of explanations when what was learned is destroyed."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from callbacks.benchmark_blocks import run_paths
from callbacks.benchmark_clips import ClipSet, clips_of
from callbacks.shortcut_report import shortcut_report
from configs.benchmark_schema import SanityBenchmark
from configs.errors import InputError
from interpretability.isolation import isolated
from interpretability.listening.agreement import cosine, spearman
from interpretability.listening.interpretation import normalise, select
from interpretability.listening.masks import group_masks
from interpretability.listening.sanity import (
    cascade,
    layers_from_output,
    likeness,
    permuted_atoms,
    untrained_band,
)
from interpretability.listening.seed_stability import component_similarity, match, rank_agreement, top_overlap
from models.component_classifier import ComponentClassifier
from models.explanation import interpret, require_components
from models.run_loading import LoadedRun, load_run
from models.untrained import untrained, with_untrained_head
from report.benchmark_report import build_page
from report.run_folder import replace_file
from report.sanity_table import FORMAT, markdown

AT_ONCE = 16
"""Clips explained at a time."""
FEW_BINS = 4
"""Masks are compared at every fourth frequency bin, which keeps those of all clips in memory."""


class Explained(NamedTuple):
    """Of n clips: relevances (n, K), masks (n, F', T) at some bins, activations (n, K, T), classes (n,)."""

    relevance: Tensor
    masks: Tensor
    activations: Tensor
    decided: Tensor


class Sanity:
    """A run, its clips, and the classes that are explained whatever happens to the model."""

    def __init__(self, settings: SanityBenchmark) -> None:
        self.settings = settings
        self.run = load_run(settings.run, settings.device)
        self.model = require_components(self.run.model)
        self.clips: ClipSet = clips_of(self.run, settings.clips)
        with torch.no_grad():
            parts = torch.split(self.clips.waveform, AT_ONCE)
            self.labels = torch.cat([self.model(part.to(settings.device)).argmax(dim=1).cpu() for part in parts])
        self.trained = self.explain(self.model)

    def explain(self, model: ComponentClassifier, dictionary: Tensor | None = None) -> Explained:
        """Explain the clips by a model, for the classes that the trained one decides for.

        With another `dictionary` (F, K) only the masks change.
        """
        found = []
        device = torch.device(self.settings.device)
        with isolated(model, self.settings.seed, device):
            for start in range(0, len(self.clips), AT_ONCE):
                waveform = self.clips.waveform[start : start + AT_ONCE].to(device)
                labels = self.labels[start : start + AT_ONCE].to(device)
                said = interpret(model, waveform)
                relevance = said.relevance[torch.arange(len(labels), device=device), labels]
                W = said.dictionary if dictionary is None else dictionary
                chosen = select(normalise(relevance), self.settings.threshold)
                masks = group_masks(W[::FEW_BINS], said.activations, chosen[:, None].to(W))[:, 0]
                parts = relevance, masks, said.activations, said.logits.argmax(dim=1)
                found.append(Explained(*(part.cpu() for part in parts)))
        return Explained(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def row(self, title: str, other: Explained) -> dict[str, Any]:
        """Return how alike the explanations of the trained model and of another one are, as plain data."""
        alike = likeness((self.trained.relevance, self.trained.masks), (other.relevance, other.masks))
        return {
            "title": title,
            "cosine": _mean(alike.cosine),
            "rank": _mean(alike.rank),
            "mask": _mean(alike.mask),
            "same_class": _mean((other.decided == self.trained.decided).double()),
            "n": len(self.labels),
            "undefined": int(alike.cosine.isnan().sum()),
        }

    def cascade(self, fresh: ComponentClassifier) -> list[dict[str, Any]]:
        """Return a row for each layer that is untrained in turn, from the output on."""
        probe = self.clips.waveform[:1].to(self.settings.device)
        with torch.no_grad():
            layers = layers_from_output(self.model, lambda model: model(probe))
        rows = [self.row("trained", self.trained)]
        for name, model in cascade(self.model, fresh, layers):
            rows.append(self.row(name, self.explain(require_components(model))))  # type: ignore[arg-type]
        return rows

    def band(self) -> tuple[dict[str, Any], ComponentClassifier]:
        """Return where untrained networks lie, whether the trained one's similarity to them does, and one of them."""
        count, seed = self.settings.networks, self.settings.seed
        networks = [untrained(self.model, seed + 1 + number) for number in range(count)]
        relevances = [self.explain(network).relevance for network in networks]
        result: dict[str, Any] = {"networks": count}
        for name, measure in (("cosine", cosine), ("rank", spearman)):
            band = untrained_band(relevances, measure)
            values = [_mean(measure(self.trained.relevance, other)) for other in relevances]
            mean = sum(values) / len(values)
            within = sum(band.holds(value) for value in values)
            result[name] = {**band._asdict(), "value": mean, "holds": band.holds(mean), "within": within}
        return result, networks[0]

    def others(self) -> list[dict[str, Any]]:
        """Return rows for single destructions: head, dictionary, labels."""
        rows = [self.row("untrained head", self.explain(require_components(_headless(self.model, self.settings.seed))))]
        generator = torch.Generator().manual_seed(self.settings.seed)
        moved = permuted_atoms(self.model.bottleneck.dictionary.detach(), generator)
        rows.append(self.row("dictionary permuted", self.explain(self.model, moved)))
        if self.settings.permuted is not None:
            other = load_run(self.settings.permuted, self.settings.device)
            rows.append(self.row("trained on permuted labels", self._aligned(other)))
        return rows

    def _aligned(self, run: LoadedRun) -> Explained:
        """Explanations of another run, its components in the order of those of this one that they match."""
        model = require_components(run.model)
        self._check(run)
        found = self.explain(model)
        order = self._matching(model, found).second
        return found._replace(relevance=found.relevance[:, order])

    def _matching(self, model: ComponentClassifier, found: Explained) -> Any:  # noqa: ANN401 - a Matching
        dictionaries = self.model.bottleneck.dictionary.detach().cpu(), model.bottleneck.dictionary.detach().cpu()
        return match(component_similarity(dictionaries, (self.trained.activations, found.activations)))

    def _check(self, run: LoadedRun) -> None:
        same = run.model.front_end.fingerprint == self.model.front_end.fingerprint
        if not same or run.class_names != self.run.class_names:
            raise InputError(f"{run.path}: has another front end or other classes than {self.run.path}")

    def seeds(self) -> list[dict[str, Any]]:
        """Return a row for each run with another seed: how well components match, and whether their ranks agree."""
        rows = []
        generator = torch.Generator().manual_seed(self.settings.seed)
        for path in run_paths(self.settings.seeds):
            run = load_run(path, self.settings.device)
            self._check(run)
            model = require_components(run.model)
            found = self.explain(model)
            matching = self._matching(model, found)
            shuffled = matching._replace(
                second=matching.second[torch.randperm(len(matching.second), generator=generator)]
            )
            same = found.decided == self.trained.decided
            ours, theirs = self.trained.relevance[same], found.relevance[same]
            rows.append(
                {
                    "title": path.name,
                    "matched": _mean(matching.similarity),
                    "rank": _mean(rank_agreement(matching, ours, theirs)),
                    "rank_by_chance": _mean(rank_agreement(shuffled, ours, theirs)),
                    "top_five": _mean(top_overlap(matching, ours, theirs)),
                    "n": int(same.sum()),
                }
            )
        return rows


def _headless(model: ComponentClassifier, seed: int) -> ComponentClassifier:
    return require_components(with_untrained_head(model, seed))


def _mean(values: Tensor) -> float:
    return float(values.double().nanmean())


def benchmark_sanity(settings: SanityBenchmark) -> str:
    """Compute, write and return what to tell the user.

    Raises:
        CommandError: No such run or folder.
        InputError: A run that cannot be used, or a folder that cannot be written.
    """
    work = Sanity(settings)
    band, fresh = work.band()
    result = {
        "format": FORMAT,
        "run": str(settings.run),
        "n": len(work.clips),
        "band": band,
        "cascade": work.cascade(fresh),
        "others": work.others(),
        "seeds": work.seeds(),
        "shortcut": shortcut_report(work.run, settings),
    }
    return _write(result, settings, work.run.path)


def _write(result: dict[str, Any], settings: SanityBenchmark, run: Path) -> str:
    output = run / "benchmark" if settings.output is None else Path(settings.output).expanduser()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={output}: cannot be made: {error.strerror}") from error
    replace_file(output / "sanity.json", (json.dumps(result, indent=1) + "\n").encode())
    text = markdown(result)
    replace_file(output / "sanity.md", text.encode())
    return text + _told(output, settings, run)


def _told(output: Path, settings: SanityBenchmark, run: Path) -> str:
    told = f"\ntable: {output / 'sanity.md'}"
    if settings.report and settings.output is None and (run / "config.yaml").is_file():
        told += f"\nreport: {build_page([run], output).with_name('sanity.html')}"
    return told
