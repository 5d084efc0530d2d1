"""The figures of the first page: the score of the run beside its twin, its baselines and chance."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FIDELITY = {"test/fidelity_top1": "Test fidelity (top-1)", "test/fidelity_auprc": "Test fidelity (AUPRC)"}
"""Figures of an interpreter: how often, or how well, it answers as the classifier that it explains."""
METRICS = {
    **FIDELITY,
    "test/accuracy": "Test accuracy",
    "test/map": "Test mean average precision",
    "test/explained": "Hidden patches explained beyond the mean of each band",
}
SHARES = ("test/accuracy", "test/fidelity_top1")
"""Metrics that are shares of clips, which have a binomial interval."""
BASELINE = "baseline/"
CHANCE = ("chance", "test/chance", "baseline/chance")
Z95 = 1.959964  # standard normal quantile of a two-sided 95 % interval


@dataclass(frozen=True)
class Score:
    """One bar: `value` from 0 to 1; `detail` says what it cost or how it was made."""

    label: str
    value: float
    detail: str = ""
    own: bool = False


@dataclass(frozen=True)
class Headline:
    """The test score of a run and what stands beside it; `interval` is the 95 % interval of an accuracy, or None."""

    metric: str
    value: float
    n: int | None
    interval: tuple[float, float] | None
    scores: tuple[Score, ...]


def headline(summary: Mapping[str, Any]) -> Headline | None:
    """Return the figures of the first page, or None where the run has no test score."""
    key = next((name for name in METRICS if _is_share(summary.get(name))), None)
    if key is None:
        return None
    value = float(summary[key])
    n = summary.get("test/n", summary.get("n_test"))
    n = int(n) if isinstance(n, int | float) and n > 0 else None
    interval = wilson(value, n) if n and key in SHARES else None
    scores = [Score(_model_name(summary), value, _cost(summary), own=True), *_beside(summary, key)]
    return Headline(METRICS[key], value, n, interval, tuple(scores))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n` clips (Wilson 1927)."""
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def seconds_text(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _beside(summary: Mapping[str, Any], key: str) -> Iterator[Score]:
    if key in FIDELITY:
        yield from _of_interpreter(summary, key)
    twin = {name.removeprefix("twin/"): value for name, value in summary.items() if name.startswith("twin/")}
    if _is_share(twin.get(key)):
        yield Score("Black-box twin", float(twin[key]), _cost(twin))
    metric = key.removeprefix("test/")
    for name, value in summary.items():
        if name.startswith(BASELINE) and name not in CHANCE and _is_share(value):
            baseline, _, what = name.removeprefix(BASELINE).partition("/")
            if what in ("", metric, key):
                yield Score(baseline.replace("_", " ").capitalize(), float(value))
    chance = next((summary[name] for name in (*CHANCE, f"chance/{metric}") if _is_share(summary.get(name))), None)
    if chance is not None:
        yield Score("Chance", float(chance))


def _of_interpreter(summary: Mapping[str, Any], key: str) -> Iterator[Score]:
    shuffled = summary.get(key.replace("test/", "test/shuffled_"))
    if _is_share(shuffled):
        yield Score("Activations of other clips (control)", float(str(shuffled)))
    for name, metric in (("accuracy", "test/accuracy"), ("mean average precision", "test/map")):
        for label, prefix in (("Classifier", "test/classifier_"), ("Interpreter", "test/")):
            value = summary.get(metric.replace("test/", prefix))
            if _is_share(value):
                yield Score(f"{label}: {name}", float(str(value)))


def _model_name(summary: Mapping[str, Any]) -> str:
    names = {
        "by_design": "By design (this run)",
        "black_box": "Black box (this run)",
        "post_hoc": "Interpreter (this run)",
        "lmac": "Classifier that is explained",
    }
    return names.get(str(summary.get("model")), "This run")


def _cost(figures: Mapping[str, Any]) -> str:
    parts = []
    if isinstance(figures.get("parameters"), int | float):
        parts.append(f"{figures['parameters']:,.0f} parameters")
    if isinstance(figures.get("seconds/fit"), int | float):
        parts.append(f"trained in {seconds_text(figures['seconds/fit'])}")
    return " · ".join(parts)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
