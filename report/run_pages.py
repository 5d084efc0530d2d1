"""What the first page and the page of the run itself show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from report.command import command
from report.embed import json_text
from report.headline import headline, seconds_text
from report.listening_pages import featured
from report.run_contents import RunContents

DATASETS = {"sound_scenes": "sound scenes", "esc50": "ESC-50", "audio_folder": "a folder of recordings"}


def overview_context(run: RunContents) -> dict[str, Any]:
    """Return the first page: what was trained, its score beside others, one explained clip."""
    return {"sentence": sentence(run), "facts": facts(run), "headline": headline(run.summary), "clip": featured(run)}


def sentence(run: RunContents) -> str:
    """Return in one sentence what was trained."""
    kind = run.summary.get("model") or run.config.get("model.name") or ("by_design" if run.model else "")
    classes = f" of {len(run.model.class_names)} classes" if run.model else ""
    data = f" trained on {dataset(run)}" if dataset(run) else ""
    if kind == "by_design":
        count = run.model.dictionary.shape[1] if run.model else run.config.get("model.n_components")
        parts = f"{count} components" if count else "components"
        return f"A classifier{classes}{data}; each of its scores is a sum of {parts} that can be played one by one."
    if kind == "post_hoc":
        return _of_interpreter(run, data)
    if kind == "lmac":
        return _of_masks(run, data)
    if kind == "masked_spectrogram":
        return f"A network that predicts hidden patches of spectrograms{data}; it was shown no labels."
    names = {"black_box": "A black-box classifier", "": "A classifier"}
    return f"{names.get(str(kind), f'A {kind} classifier')}{classes}{data}."


def _of_interpreter(run: RunContents, data: str) -> str:
    """Say what an interpreter explains and how well."""
    explained = Path(str(run.config.get("model.explains", "")))
    count = run.model.dictionary.shape[1] if run.model else run.config.get("model.n_components", "")
    fidelity = run.summary.get("test/fidelity_top1")
    share = f", which answer as it does in {100 * fidelity:.0f} % of the test clips" if fidelity is not None else ""
    named = f"run {explained.parent.name}/{explained.name}" if explained.name else "a classifier"
    return f"An interpreter of {named}{data}: {count} components that can be played one by one{share}."


def _of_masks(run: RunContents, data: str) -> str:
    """Say what masks explain and how often what they keep is heard as the whole."""
    explained = Path(str(run.config.get("model.explains", "")))
    named = f"run {explained.parent.name}/{explained.name}" if explained.name else "a classifier"
    alike = run.summary.get("test/input_fidelity")
    share = f"; it hears {100 * alike:.0f} % of the test clips alike through them" if alike is not None else ""
    return f"Listenable masks (L-MAC) of {named}{data}{share}."


def dataset(run: RunContents) -> str:
    """Return the data set as people call it."""
    name = str(run.config.get("data.name", ""))
    if name == "esc50" and run.config.get("data.subset") == "esc10":
        return "ESC-10"
    return DATASETS.get(name, name)


def facts(run: RunContents) -> list[tuple[str, str]]:
    """Return names and values of the few facts that place a run."""
    summary = run.summary
    clips = [f"{summary[key]:,} {word}" for key, word in _SPLITS if isinstance(summary.get(key), int)]
    result = [("Data", dataset(run)), ("Classes", str(len(run.model.class_names)) if run.model else "")]
    result += [("Components", str(run.model.dictionary.shape[1]) if run.model else "")]
    result += [("Parameters", f"{summary['parameters']:,}" if isinstance(summary.get("parameters"), int) else "")]
    result += [("Clips", ", ".join(clips))]
    if isinstance(summary.get("seconds/fit"), int | float):
        result.append(("Training", seconds_text(summary["seconds/fit"])))
    return [(name, value) for name, value in result if value]


_SPLITS = (("n_train", "training"), ("n_val", "validation"), ("test/n", "test"))


def run_context(run: RunContents) -> dict[str, Any]:
    """Return configuration, versions, every figure of the summary, and the command that repeats the run."""
    versions = {k.removeprefix("version/"): v for k, v in run.summary.items() if k.startswith("version/")}
    left_out = ("version/", "profile/", "profile_end/")
    figures = {k: v for k, v in sorted(run.summary.items()) if not k.startswith(left_out)}
    return {
        "command": command(run.folder / "config.yaml"),
        "config_text": run.config_text.strip(),
        "versions": sorted(versions.items()),
        "figures": [(name, value_text(value)) for name, value in figures.items()],
        "times": times(run.summary),
    }


PARTS = {
    "loader": "Loading and augmenting clips",
    "forward": "Forward pass and loss",
    "backward": "Backward pass",
    "optimizer": "Optimizer",
    "validation": "Validation",
    "rest": "Rest",
}
"""Parts of an epoch in the order in which they are shown; callbacks stand before the rest."""


def times(summary: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Return where an epoch's time goes: part, seconds per epoch as text, and its share of the epoch."""
    found = {key.removeprefix("profile/"): float(v) for key, v in summary.items() if key.startswith("profile/")}
    total = sum(found.values()) or 1.0
    callbacks = sorted((name for name in found if name.startswith("callback/")), key=lambda name: -found[name])
    order = [*(name for name in PARTS if name in found and name != "rest"), *callbacks, "rest"]
    return [
        (PARTS.get(name) or f"Callback {name.removeprefix('callback/')}", f"{found[name]:.3g}", found[name] / total)
        for name in order
        if name in found
    ]


def value_text(value: Any) -> str:  # noqa: ANN401 - summary.json may hold anything
    """Return a figure as text: whole numbers with separators, others with five digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else json_text(value)
