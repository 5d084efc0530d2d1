"""What a removal lost and kept, as Markdown, and what its page shows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from report.benchmark_table import number
from report.embed import script_file
from report.markdown_table import Section, plain, sections
from report.page import File
from report.run_contents import RunContents

FORMAT = 1
"""Goes up when unlearning.json changes so that older files cannot be read any more."""
FOLDER = "unlearning"
"""Where unlearn.py leaves removals in a run folder, each in a folder of its own."""

TITLES = {
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "log_probability": "log-probability",
    "margin": "margin",
    "logit": "logit",
}


def z_text(z: float | None) -> str:
    """Return a z score as text."""
    return "–" if z is None else f"{'−' if z < 0 else ''}{abs(z):.1f}"


def sentence(result: Mapping[str, Any]) -> str:
    """Return in a sentence what was removed and what that cost."""
    count = sum(len(units) for units in result["units"].values())
    total = sum(result["layers"][path] for path in result["units"])
    where = ", ".join(result["units"])
    if result["kind"] == "sound":
        row = next(row for row in result["rows"] if row["title"].startswith("hum in the other"))
        return (
            f"{count} of {total} units of {where} removed: of scenes with the hum in the wrong class "
            f"{number(row['before'])} were right before, {number(row['after'])} after (z = {z_text(row['z'])})."
        )
    name = result["figures"][0]
    own = result["classes"][result["label"]][name]
    forget, retain = own["forget"], own["retain"]
    return (
        f"{count} of {total} units of {where} removed: {TITLES[name]} of class {result['concept']} from "
        f"{number(forget['before'])} to {number(forget['after'])} (z = {z_text(forget['z'])}), of the others from "
        f"{number(retain['before'])} to {number(retain['after'])}.{_worst(result, name)}"
    )


def _worst(result: Mapping[str, Any], name: str) -> str:
    """Say which other class lost most: a mean over many classes hides the loss of one."""
    others = [row for number_, row in enumerate(result["classes"]) if number_ != result["label"]]
    sides = [(row["name"], row[name]["forget"]) for row in others if row[name]["forget"]["before"] is not None]
    if not sides:
        return ""
    title, side = max(sides, key=lambda one: one[1]["before"] - one[1]["after"])
    if side["before"] <= side["after"]:
        return " No other class lost any."
    return f" Of these {title} lost most, from {number(side['before'])} to {number(side['after'])}."


def tables(result: Mapping[str, Any]) -> list[Section]:
    """Return everything that was found as tables."""
    found = _sound(result) if result["kind"] == "sound" else _class(result)
    return [*found, _units(result)]


def _class(result: Mapping[str, Any]) -> list[Section]:
    label, n = result["label"], result["n"]["test"]
    own = result["classes"][label]
    rows = [
        [f"{TITLES[name]}, {side}", *_cells(own[name][side])]
        for name in result["figures"]
        for side in ("forget", "retain")
    ]
    several = "average_precision" in result["figures"]
    others = f"the mean of {len(result['classes']) - 1} other labels" if several else f"{n - own['n']} others"
    if several and "share" in result:
        others += f" (a blind guess has an average precision of {number(result['share'])})"
    note = (
        f"n = {own['n']} test clips of the class and {others}. Random: mean and spread over "
        f"{result['draws']} draws of as many units of the same layers and norms (norm ratio "
        f"{number(result['norm_ratio'])}). z > 0: more is lost than by random units."
    )
    name = result["figures"][0]
    each = [[str(row["name"]), str(row["n"]), *_cells(row[name]["forget"])] for row in result["classes"]]
    return [
        ("What was lost and kept", ["figure", "before", "after", "random", "z"], rows, note),
        (
            f"{TITLES[name].capitalize()} of each class",
            ["class", "n", "before", "after", "random", "z"],
            each,
            "Over the clips of each class.",
        ),
    ]


def _cells(row: Mapping[str, Any]) -> list[str]:
    random = "–" if row["random"] is None else f"{number(row['random'])} ± {number(row['random_std'])}"
    return [number(row["before"]), number(row["after"]), random, z_text(row["z"])]


def _sound(result: Mapping[str, Any]) -> list[Section]:
    rows = [[row["title"], str(row["n"]), *_cells(row)] for row in result["rows"]]
    heard = [[str(row["unit"]), number(row["correlation"]), number(row["auprc"])] for row in result["heard"]]
    others = result["others"]
    heard.append(["median of all units", number(others["correlation"]), number(others["auprc"])])
    return [
        (
            "Accuracy before and after",
            ["scenes", "n", "before", "after", "random", "z"],
            rows,
            f"Random: mean and spread over {result['draws']} draws of units of the same layer and norms (norm ratio "
            f"{number(result['norm_ratio'])}). z > 0: more is gained than by random units.",
        ),
        (
            "Units that hear the hum",
            ["unit", "correlation", "AUPRC"],
            heard,
            "Over test scenes, each heard without and with the hum; an AUPRC of 0.50 is chance.",
        ),
    ]


def _units(result: Mapping[str, Any]) -> Section:
    rows = [[path, str(result["layers"][path]), str(len(units))] for path, units in result["units"].items()]
    named = "; ".join(f"{path} {', '.join(map(str, units))}" for path, units in result["units"].items())
    how = "silenced" if result["how"] == "zero" else "held at their mean"
    return (
        "Units removed",
        ["layer", "units", "removed"],
        rows,
        f"{named}. {how.capitalize()} in the weights of {result['checkpoint']}, whose logits differ from those of "
        f"ablation by {result['difference']:.1e} at most.",
    )


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as Markdown."""
    head = [f"# Unlearning: {plain(result['concept'])}", "", plain(sentence(result)), ""]
    return "\n".join([*head, *sections(tables(result))])


def charts(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the dose-response curves as `report.curves.charts` has them; none where there are no doses."""
    if "dose" not in result:
        return []
    scales, figures = result["dose"]["scales"], result["dose"]["figures"]
    names = {"forget": str(result["concept"]), "retain": "all other classes"}
    return [
        {
            "title": f"{result['concept']}: {TITLES[name]}",
            "x": "scale of the units",
            "step": 0.25,
            "unit": "share of clips" if name == "accuracy" else "",
            "series": [
                {
                    "name": names[side],
                    "points": [list(point) for point in zip(scales, figures[name][side], strict=True)],
                }
                for side in ("forget", "retain")
            ],
        }
        for name in (result["figures"][0], "log_probability")
    ]


def removals(run: RunContents) -> list[dict[str, Any]]:
    """Return what unlearn.py has left in a run, in the order of the concepts."""
    found = []
    for path in sorted((run.folder / FOLDER).glob("*/unlearning.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(result, dict) and result.get("format") == FORMAT:
            found.append(result)
    return sorted(found, key=lambda result: str(result["concept"]))


def context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of a run shows, or None before anything has been unlearned."""
    found: Sequence[Mapping[str, Any]] = removals(run)
    if not found:
        return None
    shown = [{"concept": result["concept"], "sentence": sentence(result), "tables": tables(result)} for result in found]
    return {"removals": shown, "n_charts": sum(len(charts(result)) for result in found)}


def files(run: RunContents) -> Iterator[File]:
    """Yield the dose-response curves as data."""
    yield script_file("unlearning", [chart for result in removals(run) for chart in charts(result)])
